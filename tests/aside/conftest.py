"""Somewhere beside the event loop."""

from collections.abc import AsyncIterator

import pytest

from mailgate.daemon.aside import Aside


@pytest.fixture
async def aside() -> AsyncIterator[Aside]:
    aside = Aside()
    yield aside
    await aside.close()
