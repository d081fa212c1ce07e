"""The wire is the same in every event loop that mailgate may run in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from mailgate.daemon import loop

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
if loop.FASTEST is not None:
    LOOPS["uvloop"] = loop.FASTEST


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
