"""A folder with a short path, a next hop that remembers, and a running daemon."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.sink import Sink
from tests.scenarios.daemon import Daemon


@pytest.fixture
def folder() -> Iterator[Path]:
    # A unix socket's path has at most 107 bytes, see unix(7); those of `tmp_path` can be longer.
    # Workers whose supervisor was killed end a moment later, and may still write what they know into the folder.
    with tempfile.TemporaryDirectory(prefix="mailgate-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as running:
        yield running


@pytest.fixture
async def daemon(folder: Path, sink: Sink, url: str) -> AsyncIterator[Daemon]:
    """A daemon on a database of each kind, whose peers count as proven."""
    async with Daemon(folder, relay=sink.address, url=url, extra=ASSUME_PASS) as running:
        yield running


ASSUME_PASS = '[authentication]\nassume = "pass"'
