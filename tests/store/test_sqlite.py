"""A SQLite file in trouble, and what only a file has: a place, an owner, one daemon."""

from __future__ import annotations

import errno
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from mailgate.errors import ConfigError, TryAgain
from mailgate.store.database import Database
from mailgate.store.sqlite import SqliteFile
from tests.fakes.stores import SQLITE, Stores, file_of, only
from tests.store.doing import Faults, Puts, names, put

pytestmark = only(SQLITE)

ROUNDS, MANY = 30, 6


@pytest.fixture
def path(url: str) -> Path:
    return file_of(url)


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


async def test_a_file_that_somebody_locks_is_451_until_he_lets_go(db: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(TryAgain) as caught:
        await db.write(put("x1"))
    assert caught.value.code == 451

    other.execute("ROLLBACK")
    other.close()
    await db.write(put("x2"))
    assert await db.read(names) == ["x2"]


async def test_a_file_moved_away_is_451_until_it_is_back_and_never_made_anew(db: Database, path: Path) -> None:
    away = path.with_name("away.db")
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


async def test_a_restored_copy_takes_the_place_of_a_deleted_file(db: Database, path: Path) -> None:
    copy = path.with_name("copy.db")
    await db.write(put("x1"))
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    assert await db.read(names) == ["x1"]
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink()
    with pytest.raises(TryAgain):
        await db.write(put("x2"))

    copy.rename(path)
    await db.write(put("x3"))
    assert await db.read(names) == ["x1", "x3"]


async def test_an_empty_file_in_its_place_is_not_taken_for_the_database(db: Database, path: Path) -> None:
    path.rename(path.with_name("away.db"))
    path.touch()

    for _ in range(2):
        with pytest.raises(TryAgain):
            await db.write(put("x1"))


async def test_a_log_that_was_deleted_is_noticed(db: Database, path: Path) -> None:
    await db.write(put("x1"))
    Path(f"{path}-wal").unlink()

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


async def test_a_missing_file_is_made_only_on_request(stores: Stores) -> None:
    url = stores.empty()
    with pytest.raises(ConfigError, match="no such file"):
        await Database.open(url)
    assert not file_of(url).exists()


def test_of_many_who_begin_a_file_at_once_none_is_refused(stores: Stores) -> None:
    first = file_of(stores.empty())
    for number in range(ROUNDS):
        path = first.with_name(f"{number}.db")
        path.touch()
        together, refused = threading.Barrier(MANY), []

        def begin(path: Path = path, together: threading.Barrier = together, refused: list[object] = refused) -> None:
            together.wait()
            try:
                SqliteFile(path).writing(migrating=True).connect().close()
            except OperationalError as error:
                refused.append(error)

        threads = [threading.Thread(target=begin) for _ in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refused == []


async def test_the_file_is_readable_by_its_owner_alone(stores: Stores) -> None:
    url = stores.empty()
    await (await Database.open(url, create=True)).close()

    assert file_of(url).stat().st_mode & 0o077 == 0
