"""A whole installation goes from one database into another: all of it, unchanged, or nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text, update

from mailgate.errors import Damaged, NotAllowed
from mailgate.store import inventory, tables
from mailgate.store.copying import copy
from mailgate.store.database import Database
from mailgate.store.inventory import Inventory, Tally, taken
from tests.fakes.stores import POSTGRESQL, SQLITE, SqliteStores, Stores, only
from tests.store.filled import fill, mails, put
from tests.store.making import NOW, day, new_id, ticket

MakeUrl = Callable[[str], str]


@pytest.fixture
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeUrl]:
    """The address of another database of the kind that is named."""
    made: dict[str, Stores] = {}

    def make(kind: str) -> str:
        if kind not in made:
            made[kind] = SqliteStores(tmp_path) if kind == SQLITE else request.getfixturevalue("postgres_stores")
        return made[kind].new()

    yield make
    for stores in made.values():
        stores.close()


@pytest.fixture(params=list(product([SQLITE, POSTGRESQL], repeat=2)), ids=" to ".join)
async def both(request: pytest.FixtureRequest, make_url: MakeUrl) -> AsyncIterator[tuple[Database, Database]]:
    """A filled source and an empty target of every pair of kinds."""
    source, target = [
        await Database.open(await asyncio.to_thread(make_url, kind), durable=False) for kind in request.param
    ]
    await fill(source)
    yield source, target
    await source.close()
    await target.close()


@pytest.fixture
async def other(stores: Stores) -> AsyncIterator[Database]:
    database = await Database.open(await asyncio.to_thread(stores.new), durable=False)
    yield database
    await database.close()


class Seen:
    """Remembers how a copy advanced."""

    def __init__(self) -> None:
        self.expected = 0
        self.moved: list[tuple[int, int]] = []

    def expect(self, rows: int) -> None:
        self.expected += rows

    def advance(self, rows: int, raw_bytes: int = 0) -> None:
        self.moved.append((rows, raw_bytes))


async def inventory_of(db: Database) -> Inventory:
    return await asyncio.to_thread(db.look, taken)


async def test_everything_arrives_as_it_left(both: tuple[Database, Database]) -> None:
    source, target = both

    copied = await copy(source, target)

    assert copied.balanced
    assert all(tally.rows for tally in copied.tallies.values()), "a table without rows proves nothing"
    assert copied == await inventory_of(source) == await inventory_of(target)


async def test_life_goes_on_in_the_target(both: tuple[Database, Database]) -> None:
    source, target = both
    await copy(source, target)

    numbers = await put(target, ticket())
    await mails(target, 3)

    assert list(numbers.values()) == [2]
    found = await inventory_of(target)
    assert found.balanced
    assert found.ledger is not None
    assert found.ledger.accepted == 13


async def test_there_and_back_is_the_same(both: tuple[Database, Database], make_url: MakeUrl) -> None:
    source, target = both
    await copy(source, target)
    await put(target, ticket())
    back = await Database.open(make_url(SQLITE), durable=False)

    await copy(target, back)

    assert list((await put(back, ticket())).values()) == [3]
    await back.close()


async def test_what_is_copied_is_one_moment_of_the_source(db: Database, other: Database) -> None:
    await fill(db)
    before, loop = await inventory_of(db), asyncio.get_running_loop()

    class Meanwhile(Seen):
        def advance(self, rows: int, raw_bytes: int = 0) -> None:
            if not self.moved:
                asyncio.run_coroutine_threadsafe(mails(db, 3), loop).result(30)
            super().advance(rows, raw_bytes)

    copied = await copy(db, other, progress=Meanwhile())

    assert copied == before != await inventory_of(db)


# ── All or nothing ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_target_that_holds_something_is_left_alone(db: Database, other: Database) -> None:
    await fill(db)
    await put(other, ticket())
    before = await inventory_of(other)

    with pytest.raises(NotAllowed, match="holds something"):
        await copy(db, other)

    assert await inventory_of(other) == before


async def test_counters_alone_are_something(db: Database, other: Database) -> None:
    await other.write(lambda conn: conn.execute(update(tables.counter).values(value=1)) and None)

    with pytest.raises(NotAllowed):
        await copy(db, other)


async def test_a_target_is_replaced_where_that_is_wanted(db: Database, other: Database) -> None:
    await fill(db)
    await fill(other)
    await put(other, ticket())

    assert await copy(db, other, instead=True) == await inventory_of(db) == await inventory_of(other)


@only(SQLITE)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE outbox SET last_reply = 'x'", "table outbox: as many rows, with other content"),
        ("DELETE FROM outbox", "table outbox: 0 rows where there should be 3"),
        ("UPDATE journal SET state = 'quiet' WHERE state = 'pending'", "the ledger is another"),
    ],
    ids=["a value", "a row", "a state"],
)
async def test_what_arrives_damaged_is_not_kept(db: Database, other: Database, damage: str, said: str) -> None:
    await fill(db)
    # A disk that forgets, as far as a test can have one.
    trigger = text(f"CREATE TRIGGER forgets AFTER INSERT ON outbox BEGIN {damage}; END")
    await other.write(lambda conn: conn.execute(trigger) and None)

    with pytest.raises(Damaged, match=said):
        await copy(db, other)

    assert await other.read(inventory.is_empty)


async def test_work_that_fails_at_the_end_leaves_nothing_behind(db: Database, other: Database) -> None:
    await fill(db)

    def fail(_conn: Connection) -> None:
        raise LookupError("at the end")

    with pytest.raises(LookupError):
        await copy(db, other, finish=fail)

    assert await other.read(inventory.is_empty)


async def test_a_source_that_cannot_be_read_to_the_end_leaves_nothing_behind(db: Database, other: Database) -> None:
    await fill(db)
    await db.write(lambda conn: conn.execute(text("DROP TABLE outbox")) and None)

    with pytest.raises(Exception, match="outbox"):
        await copy(db, other)

    assert await other.read(inventory.is_empty)


async def test_a_copy_that_is_given_up_ends_at_once_and_leaves_nothing_behind(db: Database, other: Database) -> None:
    await fill(db)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Seen):
        def advance(self, rows: int, raw_bytes: int = 0) -> None:
            begun.set()
            assert go_on.wait(30)

    copying = asyncio.create_task(copy(db, other, progress=Slow()))
    await asyncio.to_thread(begun.wait, 30)
    copying.cancel()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await copying
    await other.write(lambda _conn: None)
    assert await other.read(inventory.is_empty)


# ── Large ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_large_mail_travels_alone_and_small_mail_together(db: Database, other: Database) -> None:
    large = inventory.BATCH_BYTES
    sizes = [100, 200, large, large + 1, 300]
    rows = [{"id": new_id(), "sha256": b"s" * 32, "size_bytes": size, "zstd": b"z" * size} for size in sizes]
    await db.write(lambda conn: conn.execute(insert(tables.raw), rows) and None)
    seen = Seen()

    await copy(db, other, progress=seen)

    assert [one for one in seen.moved if one[1]] == [(2, 300), (1, large), (1, large + 1), (1, 300)]
    assert await inventory_of(db) == await inventory_of(other)


async def test_many_rows_go_in_batches_and_the_size_says_how_many(db: Database, other: Database) -> None:
    many = 2 * inventory.BATCH_ROWS + 1
    rows = [{"id": new_id(), "name": "", "created_at": NOW} for _ in range(many)]
    await db.write(lambda conn: conn.execute(insert(tables.contact), rows) and None)
    seen = Seen()

    copied = await copy(db, other, progress=seen)

    assert max(rows for rows, _ in seen.moved) == inventory.BATCH_ROWS
    assert sum(rows for rows, _ in seen.moved) == seen.expected == 2 * copied.rows
    assert copied.rows == await db.read(inventory.count)


# ── Sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tally_does_not_ask_for_the_order_and_misses_no_change() -> None:
    rows = [(1, "a", None), (2, "b", b"\0"), (3, "ä", NOW.date())]

    def tally(some: list[tuple[object, ...]]) -> Tally:
        made = Tally()
        made.add(some)
        return made

    assert tally(rows) == tally(rows[::-1])
    assert tally(rows) != tally([*rows[:2], (3, "a", NOW.date())])
    assert tally(rows) != tally([*rows[:2], (3, "ä", day(1).date())])
    assert tally([*rows, *rows]) != tally([])
