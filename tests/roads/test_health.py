"""The daemon is ready while the journal can be written, and alive while its store answers at all."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from mailgate.errors import TryAgain
from mailgate.health import Health
from mailgate.store import tables, watch
from mailgate.store.database import Database

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Disk:
    """What may go wrong in the writer thread, and how often it committed."""

    def __init__(self) -> None:
        self.commits = 0
        self.trouble: Callable[[], None] = lambda: None

    def __call__(self, point: str) -> None:
        if point == "before-commit":
            self.trouble()
        self.commits += point == "after-commit"


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def database(url: str, disk: Disk) -> AsyncIterator[Database]:
    database = await Database.open(url, durable=False, faults=disk)
    yield database
    await database.close()


def full() -> None:
    raise TryAgain("no room", code=452)


async def test_a_journal_that_can_be_written_is_ready(database: Database, disk: Disk) -> None:
    health = Health(database, lambda: NOW)
    before = disk.commits
    assert await health.unready() == []
    assert await health.dead() == []
    assert disk.commits == before + 1
    row = select(tables.counter.c.value).where(tables.counter.c.name == watch.PROBED)
    assert await database.read(lambda conn: conn.execute(row).scalar()) == NOW.timestamp()


async def test_however_many_ask_one_row_is_written(database: Database, disk: Disk) -> None:
    health = Health(database, lambda: NOW)
    before = disk.commits
    assert await asyncio.gather(*(health.unready() for _ in range(50))) == [[]] * 50
    assert disk.commits == before + 1


async def test_a_full_disk_is_not_ready_and_no_reason_to_start_again(database: Database, disk: Disk) -> None:
    disk.trouble = full
    health = Health(database, lambda: NOW)
    assert await health.unready() == ["the journal cannot be written"]
    assert await health.dead() == []


async def test_after_a_while_the_journal_is_tried_again(database: Database, disk: Disk) -> None:
    disk.trouble = full
    health = Health(database, lambda: NOW, every_s=0)
    assert await health.unready()
    disk.trouble = lambda: None
    assert await health.unready() == []


async def test_what_else_keeps_mail_out_is_named(database: Database) -> None:
    health = Health(database, lambda: NOW, obstacles=lambda: ["stopping"])
    assert await health.unready() == ["stopping"]


async def test_a_writer_that_hangs_is_not_ready_and_in_the_end_not_alive(database: Database, disk: Disk) -> None:
    going = threading.Event()
    disk.trouble = lambda: going.wait(20) and None
    health = Health(database, lambda: NOW, wait_s=0.02)
    try:
        assert await health.unready() == ["the journal cannot be written"]
        assert await health.dead() == []
        health.lost_s = 0
        assert await health.dead() == ["the store does not answer"]
    finally:
        going.set()
    # It is the same probe all the time, and once it ends all is well.
    health.wait_s = 20
    assert await health.unready() == []
