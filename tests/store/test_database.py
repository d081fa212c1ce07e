# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""The database file and its one writer, healthy and in trouble."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from mailgate.errors import ConfigError, TryAgain
from mailgate.store import writer
from mailgate.store.database import Database
from mailgate.store.tables import counter, metadata


def put(name: str, value: int = 0) -> Callable[[Connection], None]:
    return lambda conn: conn.execute(counter.insert().values(name=name, value=value)) and None


def names(conn: Connection) -> list[str]:
    return list(conn.execute(text("SELECT name FROM counter WHERE name LIKE 'x%' ORDER BY name")).scalars())


class Puts:
    """Grouped work that remembers who was written together."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, conn: Connection, items: list[str]) -> list[str]:
        self.batches.append(items)
        for item in items:
            if item == "x-bug":
                raise ValueError(item)
            conn.execute(counter.insert().values(name=item, value=1))
        return [item.upper() for item in items]


class Hold:
    """Keeps the writer busy until it is let go, so that others queue behind it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, _conn: Connection) -> None:
        self.begun.set()
        assert self.let_go.wait(30)


async def holding(db: Database) -> tuple[Hold, asyncio.Task[None]]:
    hold = Hold()
    task = asyncio.create_task(db.write(hold))
    await asyncio.to_thread(hold.begun.wait, 30)
    return hold, task


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
    hold, task = await holding(db)
    waiting = [asyncio.ensure_future(db.together(puts, f"x{n}")) for n in range(5)]
    await asyncio.sleep(0)
    hold.let_go.set()

    assert await asyncio.gather(*waiting) == ["X0", "X1", "X2", "X3", "X4"]
    assert puts.batches == [["x0", "x1", "x2", "x3", "x4"]]
    await task


async def test_a_group_is_bounded(db: Database) -> None:
    puts = Puts()
    hold, task = await holding(db)
    waiting = [asyncio.ensure_future(db.together(puts, f"x{n}")) for n in range(writer.GROUP_MOST + 1)]
    await asyncio.sleep(0)
    hold.let_go.set()
    await asyncio.gather(task, *waiting)

    assert [len(batch) for batch in puts.batches] == [writer.GROUP_MOST, 1]


async def test_one_bad_item_of_a_group_hurts_only_itself(db: Database) -> None:
    puts = Puts()
    hold, task = await holding(db)
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


# ── Trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Faults:
    """Raises `error` at `point` for as long as it is set."""

    def __init__(self) -> None:
        self.point = ""
        self.error: Exception = OSError()

    def __call__(self, point: str) -> None:
        if point == self.point:
            raise self.error


def sqlite_error(message: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("point", ["before-begin", "before-commit"])
@pytest.mark.parametrize(
    ("error", "code", "public"),
    [
        pytest.param(sqlite_error("disk I/O error", sqlite3.SQLITE_IOERR_FSYNC), 451, "4.3.0", id="input-output"),
        pytest.param(sqlite_error("database is locked", sqlite3.SQLITE_BUSY), 451, "4.3.0", id="locked"),
        pytest.param(sqlite_error("readonly database", sqlite3.SQLITE_READONLY), 451, "4.3.0", id="read-only"),
        pytest.param(sqlite_error("database or disk is full", sqlite3.SQLITE_FULL), 452, "4.3.1", id="full"),
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), 452, "4.3.1", id="no-space"),
        pytest.param(OSError(errno.EIO, "Input/output error"), 451, "4.3.0", id="machine"),
    ],
)
async def test_trouble_is_a_temporary_answer_and_passes(
    url: str, point: str, error: Exception, code: int, public: str
) -> None:
    faults = Faults()
    db = await Database.open(url, create=True, faults=faults)
    faults.point, faults.error = point, error

    with pytest.raises(TryAgain) as caught:
        await db.write(put("x1"))
    assert (caught.value.code, caught.value.public[:5]) == (code, public)
    with pytest.raises(TryAgain):
        await db.together(Puts(), "x2")

    faults.point = ""
    await db.write(put("x3"))
    assert await db.read(names) == ["x3"]
    await db.close()


async def test_a_really_full_file_is_452_and_the_next_transaction_finds_room(db: Database) -> None:
    def fill(conn: Connection) -> None:
        conn.exec_driver_sql("PRAGMA max_page_count = 1")
        conn.execute(text("INSERT INTO raw VALUES (1, x'00', 1, zeroblob(1000000))"))

    with pytest.raises(TryAgain) as caught:
        await db.write(fill)

    assert (caught.value.code, caught.value.public[:5]) == (452, "4.3.1")
    await db.write(put("x1"))
    assert await db.read(names) == ["x1"]


async def test_a_file_that_somebody_locks_is_451_until_he_lets_go(db: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "mailgate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(TryAgain) as caught:
        await db.write(put("x1"))
    assert caught.value.code == 451

    other.execute("ROLLBACK")
    other.close()
    await db.write(put("x2"))
    assert await db.read(names) == ["x2"]


async def test_a_file_moved_away_is_451_until_it_is_back_and_never_made_anew(db: Database, tmp_path: Path) -> None:
    path, away = tmp_path / "mailgate.db", tmp_path / "away.db"
    await db.write(put("x1"))
    path.rename(away)

    for _ in range(2):
        with pytest.raises(TryAgain):
            await db.write(put("x2"))
        assert not path.exists()
    with pytest.raises(TryAgain):
        await db.read(names)

    away.rename(path)
    await db.write(put("x3"))
    assert await db.read(names) == ["x1", "x3"]


async def test_a_restored_copy_takes_the_place_of_a_deleted_file(db: Database, tmp_path: Path) -> None:
    path, copy = tmp_path / "mailgate.db", tmp_path / "copy.db"
    await db.write(put("x1"))
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    assert await db.read(names) == ["x1"]
    for name in ("mailgate.db", "mailgate.db-wal", "mailgate.db-shm"):
        (tmp_path / name).unlink()
    with pytest.raises(TryAgain):
        await db.write(put("x2"))

    copy.rename(path)
    await db.write(put("x3"))
    assert await db.read(names) == ["x1", "x3"]


async def test_an_empty_file_in_its_place_is_not_taken_for_the_database(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "mailgate.db"
    path.rename(tmp_path / "away.db")
    path.touch()

    for _ in range(2):
        with pytest.raises(TryAgain):
            await db.write(put("x1"))


async def test_a_log_that_was_deleted_is_noticed(db: Database, tmp_path: Path) -> None:
    await db.write(put("x1"))
    (tmp_path / "mailgate.db-wal").unlink()

    with pytest.raises(TryAgain):
        await db.write(put("x2"))


# ── Opening ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_file_has_one_daemon_but_many_commands(url: str) -> None:
    daemon = await Database.open(url, create=True)
    with pytest.raises(TryAgain, match=r"another mailgate \(process \d+\)"):
        await Database.open(url)
    command = await Database.open(url, daemon=False)
    await command.write(put("x1"))
    assert await daemon.read(names) == ["x1"]
    await command.close()
    await daemon.close()

    successor = await Database.open(url)
    await successor.close()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        pytest.param("sqlite://", "sqlite://", id="no-file"),
        pytest.param("mysql://u@h/d", "mysql", id="another-database"),
        pytest.param("what is this", "what is this", id="not-a-url"),
        pytest.param("sqlite:////nowhere/at/all/x.db", "No such file or directory", id="no-folder"),
    ],
)
async def test_a_url_that_cannot_be_is_the_operators_fault(address: str, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        await Database.open(address, create=True)


async def test_a_missing_file_is_made_only_on_request(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        await Database.open(url)
    assert not (tmp_path / "mailgate.db").exists()


@pytest.mark.parametrize("create", [True, False])
async def test_an_older_program_refuses_a_newer_schema(url: str, *, create: bool) -> None:
    db = await Database.open(url, create=True)
    await db.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    await db.close()

    with pytest.raises(ConfigError, match="9999 of a newer mailgate"):
        await Database.open(url, create=create)


async def test_an_old_schema_is_upgraded_only_on_request(url: str, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "mailgate.db").close()
    (tmp_path / "mailgate.db").touch()
    with pytest.raises(ConfigError, match="mailgate db upgrade"):
        await Database.open(url)

    await (await Database.open(url, create=True)).close()
    await (await Database.open(url)).close()


async def test_the_file_is_readable_by_its_owner_alone(db: Database, tmp_path: Path) -> None:
    assert (tmp_path / "mailgate.db").stat().st_mode & 0o077 == 0


async def test_the_migrations_make_exactly_the_tables(db: Database, tmp_path: Path) -> None:
    expected = create_engine(f"sqlite:///{tmp_path}/expected.db")
    metadata.create_all(expected)
    found = create_engine(f"sqlite:///{tmp_path}/mailgate.db")

    assert described(found) == described(expected)
    found.dispose()
    expected.dispose()


def described(engine: Engine) -> dict[str, object]:
    seen = inspect(engine)
    with engine.connect() as connection:
        indexes = connection.execute(text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index'")).all()
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], c["primary_key"]) for c in seen.get_columns(name)],
            sorted(str(sql) for table, sql in indexes if table == name),
            sorted(map(str, seen.get_unique_constraints(name))),
            sorted(map(str, seen.get_check_constraints(name))),
            sorted(map(str, seen.get_foreign_keys(name))),
        )
        for name in seen.get_table_names()
        if name != "alembic_version"
    }


async def test_ids_are_new_and_ordered_over_threads_and_restarts(url: str) -> None:
    db = await Database.open(url, create=True)
    batches = await asyncio.gather(*(asyncio.to_thread(lambda: [db.new_id() for _ in range(5000)]) for _ in range(4)))
    made = [number for batch in batches for number in batch]
    assert len(set(made)) == len(made)
    assert all(batch == sorted(batch) for batch in batches)
    far = max(made) + (1 << 50)
    assert far < 1 << 63
    await db.write(lambda conn: conn.execute(text(f"INSERT INTO raw VALUES ({far}, x'', 0, x'')")) and None)
    await db.write(
        lambda conn: (
            conn.execute(
                text(
                    "INSERT INTO journal VALUES "
                    f"({far}, 'Q', {far}, 0, '', 'r', '{{}}', '[]', 'pending', 0, NULL, NULL, '', 0, NULL, NULL)"
                )
            )
            and None
        )
    )
    await db.close()

    later = await Database.open(url)
    assert later.new_id() > far
    await later.close()
