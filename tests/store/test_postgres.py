"""A PostgreSQL server in trouble: stopped, full, read-only, or with a connection that ends in the middle of work."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from mailgate.errors import TryAgain
from mailgate.store import queries
from mailgate.store.database import Database
from tests.fakes.postgres import Server
from tests.fakes.stores import PostgresStores, Stores
from tests.fakes.waiting import wait_until
from tests.store.doing import Faults, Puts, names, put

SMALL_DISK = "24m"


@pytest.fixture
def stores(postgres_stores: PostgresStores) -> Iterator[PostgresStores]:
    yield postgres_stores
    postgres_stores.close()


def name_of(url: str) -> str:
    return urlsplit(url).path.strip("/")


def end_sessions(stores: Stores, url: str) -> None:
    """End all sessions of a database, as an administrator may."""
    every = f"""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = '{name_of(url)}' AND pid <> pg_backend_pid()
    """
    stores.rows(url, every)


# ── What an error means ───────────────────────────────────────────────────────────────────────────────────────────────


def error(code: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": code, "M": "as the server says it", "S": "ERROR", "V": "ERROR"})


@pytest.mark.parametrize("point", ["before-begin", "before-commit"])
@pytest.mark.parametrize(
    ("cause", "code", "public"),
    [
        pytest.param(error("53100"), 452, "4.3.1", id="disk full"),
        pytest.param(error("53300"), 451, "4.3.0", id="too many connections"),
        pytest.param(error("25006"), 451, "4.3.0", id="read-only"),
        pytest.param(error("40001"), 451, "4.3.0", id="not serializable"),
        pytest.param(error("40P01"), 451, "4.3.0", id="deadlock"),
        pytest.param(error("55P03"), 451, "4.3.0", id="lock not to be had"),
        pytest.param(error("57014"), 451, "4.3.0", id="cancelled"),
        pytest.param(error("57P01"), 451, "4.3.0", id="shut down"),
        pytest.param(error("57P03"), 451, "4.3.0", id="starting up"),
        pytest.param(error("28P01"), 451, "4.3.0", id="wrong password"),
        pytest.param(error("42501"), 451, "4.3.0", id="no right"),
        pytest.param(error("XX001"), 451, "4.3.0", id="corrupted"),
        pytest.param(asyncpg.ConnectionDoesNotExistError("closed in the middle"), 451, "4.3.0", id="connection lost"),
        pytest.param(asyncpg.InterfaceError("connection is closed"), 451, "4.3.0", id="connection closed"),
        pytest.param(TimeoutError(), 451, "4.3.0", id="no answer"),
        pytest.param(OSError(errno.ECONNRESET, "Connection reset by peer"), 451, "4.3.0", id="reset"),
    ],
)
async def test_trouble_is_a_temporary_answer_and_passes(
    url: str, point: str, cause: Exception, code: int, public: str
) -> None:
    faults = Faults()
    db = await Database.open(url, faults=faults)
    faults.point, faults.error = point, cause

    with pytest.raises(TryAgain) as caught:
        await db.write(put("x1"))
    assert (caught.value.code, caught.value.public[:5]) == (code, public)
    with pytest.raises(TryAgain):
        await db.together(Puts(), "x2")

    faults.point = ""
    await db.write(put("x3"))
    assert await db.read(names) == ["x3"]
    await db.close()


@pytest.mark.parametrize("code", ["23505", "42601", "22P02"], ids=["unique", "syntax", "value"])
async def test_an_error_of_ours_is_no_trouble(url: str, code: str) -> None:
    faults = Faults()
    db = await Database.open(url, faults=faults)
    faults.point, faults.error = "before-commit", error(code)

    with pytest.raises(asyncpg.PostgresError, match="as the server says it"):
        await db.write(put("x1"))
    await db.close()


async def test_after_an_error_of_ours_the_same_connection_goes_on(db: Database) -> None:
    session = await db.write(lambda conn: conn.execute(text("SELECT pg_backend_pid()")).scalar_one())
    await db.write(put("x1"))
    with pytest.raises(IntegrityError):
        await db.write(put("x1"))

    assert await db.write(lambda conn: conn.execute(text("SELECT pg_backend_pid()")).scalar_one()) == session


# ── Sessions that end ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "in a group"])
async def test_work_whose_connection_ends_is_451_and_is_not_there(
    db: Database, stores: Stores, url: str, *, grouped: bool
) -> None:
    def work(conn: Connection, items: list[str] | None = None) -> list[str]:
        for name in items or ["x1"]:
            put(name)(conn)
        end_sessions(stores, url)
        conn.execute(text("SELECT 1"))
        return items or []

    with pytest.raises(TryAgain) as caught:
        await (db.together(work, "x1") if grouped else db.write(work))

    assert caught.value.code == 451
    await db.write(put("x2"))
    assert await db.read(names) == ["x2"]


async def test_readers_do_not_notice_that_their_connections_ended(db: Database, stores: Stores, url: str) -> None:
    await db.write(put("x1"))
    assert await db.read(names) == ["x1"]
    end_sessions(stores, url)

    assert await db.read(names) == ["x1"]


async def test_a_writer_that_was_idle_as_its_connection_ended_asks_once_to_come_again(
    db: Database, stores: Stores, url: str
) -> None:
    await db.write(put("x1"))
    end_sessions(stores, url)

    with contextlib.suppress(TryAgain):
        await db.write(put("x2"))
    await db.write(put("x3"))
    assert {"x1", "x3"} <= set(await db.read(names))


async def test_a_daemon_that_was_cut_off_hears_again_and_looks_for_what_it_missed(
    db: Database, stores: Stores, url: str
) -> None:
    heard: list[str] = []
    db.listen({"journal": lambda: heard.append("journal"), "outbox": lambda: heard.append("outbox")})
    await db.tell("journal")
    await wait_until(lambda: heard == ["journal"])

    end_sessions(stores, url)
    await wait_until(lambda: heard == ["journal", "journal", "outbox"])

    other = await Database.open(url, daemon=False)
    await other.tell("outbox")
    await wait_until(lambda: heard == ["journal", "journal", "outbox", "outbox"])
    await other.close()


# ── A server that stops ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def on_own_server(own_server: Server) -> AsyncIterator[Database]:
    database = await Database.open(await asyncio.to_thread(PostgresStores(own_server.address).new))
    yield database
    await database.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_stops_is_451_until_it_is_back(
    on_own_server: Database, own_server: Server, mode: str
) -> None:
    db, heard = on_own_server, []
    db.listen({"journal": lambda: heard.append("journal")})
    await db.write(put("x1"))
    own_server.stop(mode)

    for _ in range(2):
        with pytest.raises(TryAgain) as caught:
            await db.write(put("x2"))
        assert caught.value.code == 451
        with pytest.raises(TryAgain):
            await db.together(Puts(), "x3")
        with pytest.raises(TryAgain):
            await db.read(names)

    own_server.start()
    await db.write(put("x4"))
    assert await db.read(names) == ["x1", "x4"]
    await wait_until(lambda: heard == ["journal"], deadline_s=15)
    await db.tell("journal")
    await wait_until(lambda: heard == ["journal", "journal"])


async def test_work_that_a_crash_cuts_off_is_not_said_to_be_written(
    on_own_server: Database, own_server: Server
) -> None:
    def work(conn: Connection) -> None:
        put("x1")(conn)
        own_server.stop("immediate")

    with pytest.raises(TryAgain):
        await on_own_server.write(work)

    own_server.start()
    assert await on_own_server.read(names) == []


# ── A server that cannot write ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_was_made_read_only_is_451_until_it_is_not(
    db: Database, stores: Stores, url: str
) -> None:
    await db.write(put("x1"))
    stores.rows(url, f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    end_sessions(stores, url)

    for _ in range(2):
        with pytest.raises(TryAgain) as caught:
            await db.write(put("x2"))
        assert caught.value.code == 451

    stores.rows(stores.empty(), f"ALTER DATABASE {name_of(url)} RESET default_transaction_read_only")
    end_sessions(stores, url)
    with contextlib.suppress(TryAgain):
        await db.write(put("x3"))
    await db.write(put("x4"))
    assert {"x1", "x4"} <= set(await db.read(names))


async def test_a_disk_that_is_full_is_452_and_the_next_mail_finds_room(own_server: Server) -> None:
    def fill(conn: Connection) -> None:
        for number in range(64):
            noise = os.urandom(1 << 20)
            conn.execute(text("INSERT INTO raw VALUES (:id, '', 1, :zstd)"), {"id": number, "zstd": noise})

    own = PostgresStores(own_server.address)
    with small_disk(own_server.folder) as disk:
        own.rows(own_server.address, f"CREATE TABLESPACE small LOCATION '{disk}'")
        crowded = own.new()
        own.rows(own_server.address, f"ALTER DATABASE {name_of(crowded)} SET TABLESPACE small")
        db = await Database.open(crowded)
        with pytest.raises(TryAgain) as caught:
            await db.write(fill)

        assert (caught.value.code, caught.value.public[:5]) == (452, "4.3.1")
        await db.write(put("x1"))
        assert await db.read(names) == ["x1"]
        await db.close()
        own_server.stop()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    disk = folder / "disk"
    disk.mkdir()
    owner = folder.stat()
    options = f"size={SMALL_DISK},uid={owner.st_uid},gid={owner.st_gid},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_looking_begins_anew_after_its_connection_ended(db: Database, stores: Stores, url: str) -> None:
    await asyncio.to_thread(db.look, queries.ledger)
    end_sessions(stores, url)

    with contextlib.suppress(TryAgain):
        await asyncio.to_thread(db.look, queries.ledger)
    assert (await asyncio.to_thread(db.look, queries.ledger)).balanced
