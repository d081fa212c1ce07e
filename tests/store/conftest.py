"""A real database of each kind for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mailgate.store.database import Database


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, durable=False)
    yield database
    await database.close()
