"""The database and its writers, on a file and on a server: what is written together, what waits, what is answered."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mailgate.errors import TryAgain
from mailgate.store import writer
from mailgate.store.database import Database
from tests.fakes.stores import POSTGRESQL, SQLITE, only
from tests.store.doing import Puts, holding, names, put


async def test_what_was_written_can_be_read(db: Database) -> None:
    await db.write(put("x1"))

    assert await db.read(names) == ["x1"]


async def test_reading_cannot_write(db: Database) -> None:
    with pytest.raises(TryAgain):
        await db.read(put("x1"))


async def test_work_that_raises_writes_nothing_and_hurts_nobody_else(db: Database) -> None:
    def half(conn: Connection) -> None:
        put("x1")(conn)
        raise LookupError("half done")

    with pytest.raises(LookupError):
        await db.write(half)
    await db.write(put("x2"))

    assert await db.read(names) == ["x2"]


async def test_items_that_wait_together_are_written_together_and_answered_one_by_one(db: Database) -> None:
    puts = Puts()
    hold, task = await holding(db, grouped=True)
    waiting = [asyncio.ensure_future(db.together(puts, f"x{n}")) for n in range(5)]
    await asyncio.sleep(0)
    hold.let_go.set()

    assert await asyncio.gather(*waiting) == ["X0", "X1", "X2", "X3", "X4"]
    assert puts.batches == [["x0", "x1", "x2", "x3", "x4"]]
    await task


async def test_a_group_is_bounded(db: Database) -> None:
    puts = Puts()
    hold, task = await holding(db, grouped=True)
    waiting = [asyncio.ensure_future(db.together(puts, f"x{n}")) for n in range(writer.GROUP_MOST + 1)]
    await asyncio.sleep(0)
    hold.let_go.set()
    await asyncio.gather(task, *waiting)

    assert [len(batch) for batch in puts.batches] == [writer.GROUP_MOST, 1]


async def test_one_bad_item_of_a_group_hurts_only_itself(db: Database) -> None:
    puts = Puts()
    hold, task = await holding(db, grouped=True)
    waiting = [asyncio.ensure_future(db.together(puts, name)) for name in ("x1", "x-bug", "x2")]
    await asyncio.sleep(0)
    hold.let_go.set()
    first, bad, last = await asyncio.gather(*waiting, return_exceptions=True)
    await task

    assert (first, last) == ("X1", "X2")
    assert isinstance(bad, ValueError)
    assert await db.read(names) == ["x1", "x2"]


async def test_an_integrity_error_reaches_its_caller_as_it_is(db: Database) -> None:
    await db.write(put("x1"))

    with pytest.raises(IntegrityError):
        await db.write(put("x1"))


@only(SQLITE)
async def test_grouped_jobs_go_before_single_ones(db: Database) -> None:
    order: list[str] = []

    def grouped(_conn: Connection, items: list[str]) -> list[None]:
        order.extend(items)
        return [None] * len(items)

    hold, task = await holding(db)
    late = [asyncio.ensure_future(db.write(lambda _c: order.append("big"))) for _ in range(2)]
    early = asyncio.ensure_future(db.together(grouped, "mail"))
    await asyncio.sleep(0)
    hold.let_go.set()
    await asyncio.gather(task, early, *late)

    assert order == ["mail", "big", "big"]


@only(SQLITE)
async def test_a_single_job_waits_while_grouped_ones_come_in_rounds(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LULL_S", 60.0)
    monkeypatch.setattr(writer, "SINGLES_WAIT_S", 60.0)
    monkeypatch.setattr(writer, "GROUPS_SHARE", 1e9)
    order: list[str] = []

    def grouped(_conn: Connection, items: list[str]) -> list[None]:
        order.extend(items)
        return [None] * len(items)

    await db.write(lambda _conn: order.append("at once, for none went before it"))
    await db.together(grouped, "first round")
    late = asyncio.ensure_future(db.write(lambda _conn: order.append("big")))
    await asyncio.sleep(0)
    await db.together(grouped, "second round")
    assert order[1:] == ["first round", "second round"]

    await db.close()
    await late
    assert order[3:] == ["big"]


@only(POSTGRESQL)
async def test_grouped_jobs_do_not_wait_for_single_ones(db: Database) -> None:
    """An acceptance does not wait for the judging of mail before it."""
    hold, task = await holding(db)

    assert await db.together(Puts(), "x1") == "X1"
    assert not task.done()

    hold.let_go.set()
    await task


async def test_a_caller_who_stops_waiting_does_not_stop_the_work(db: Database) -> None:
    hold, task = await holding(db)
    waiting = asyncio.create_task(db.write(put("x1")))
    await asyncio.sleep(0)
    waiting.cancel()
    hold.let_go.set()
    await task

    await db.write(lambda _conn: None)
    assert await db.read(names) == ["x1"]


async def test_too_many_waiting_jobs_are_asked_to_come_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_MOST", 1)
    hold, task = await holding(db)

    with pytest.raises(TryAgain) as caught:
        await db.write(put("x1"))

    assert caught.value.code == 451
    hold.let_go.set()
    await task


async def test_closing_writes_what_waits_and_twice_is_once(url: str) -> None:
    db = await Database.open(url, create=True)
    hold, task = await holding(db)
    waiting = asyncio.create_task(db.write(put("x1")))
    await asyncio.sleep(0)
    hold.let_go.set()
    await db.close()
    await db.close()
    await asyncio.gather(task, waiting)

    with pytest.raises(TryAgain):
        await db.write(put("x2"))
    again = await Database.open(url)
    assert await again.read(names) == ["x1"]
    await again.close()
