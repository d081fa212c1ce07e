"""A real SQLite file for each test, in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailgate.store.database import Database


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mailgate.db"


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, durable=False, create=True)
    yield database
    await database.close()
