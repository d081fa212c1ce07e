"""Statements compiled once for all databases of a test run: in the daemon too, but there one database lives long.

SQLAlchemy keeps what it compiled with each engine, and a laboratory has up to six of them, for half a second. Here all
engines of one kind share the first one's dialect, which knows the server, and what was compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

STATEMENTS_MOST = 2000  # all that mailgate asks, of both kinds of database


@contextmanager
def compiled_once() -> Iterator[None]:
    """As long as it lasts, every new engine takes over what those before it have compiled."""
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS_MOST)
    known: dict[type[Any], Dialect] = {}

    def created(engine: Engine) -> None:
        own = engine.dialect
        if ours := known.get(type(own)):
            # What the first learned of its server holds for all.
            own.initialize = lambda _connection: None  # type: ignore[method-assign]
            engine.dialect = engine.pool._dialect = ours
        else:
            event.listen(engine, "connect", lambda *_: known.setdefault(type(own), own))
        engine._compiled_cache = compiled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "engine_created", created)
        yield
