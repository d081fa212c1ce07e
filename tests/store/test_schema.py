"""The schema: made by migrations alone, one process at a time, and refused where it is not this program's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from mailgate.errors import ConfigError, TryAgain
from mailgate.store.database import Database
from mailgate.store.tables import metadata
from tests.fakes.stores import POSTGRESQL, SQLITE, Stores, file_of, only
from tests.store.doing import names, put
from tests.store.making import NOW


@pytest.mark.parametrize(
    ("address", "found"),
    [
        pytest.param("sqlite://", "sqlite://", id="no file"),
        pytest.param("postgresql://postgres@127.0.0.1", "postgresql", id="no database"),
        pytest.param("mysql://u@h/d", "mysql", id="another kind"),
        pytest.param("what is this", "what is this", id="not a url"),
        pytest.param("sqlite:////nowhere/at/all/x.db", "No such file or directory", id="no folder"),
    ],
)
async def test_a_url_that_cannot_be_is_the_operators_fault(address: str, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        await Database.open(address, create=True)


async def test_a_server_that_is_not_there_is_trouble_that_may_pass() -> None:
    with pytest.raises(TryAgain, match=r"postgresql://postgres@127\.0\.0\.1:1/mailgate: "):
        await Database.open("postgresql://postgres@127.0.0.1:1/mailgate", create=True)


@pytest.mark.parametrize("create", [True, False])
async def test_an_older_program_refuses_a_newer_schema(url: str, *, create: bool) -> None:
    db = await Database.open(url)
    await db.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    await db.close()

    with pytest.raises(ConfigError, match="9999 of a newer mailgate"):
        await Database.open(url, create=create)


async def test_a_schema_is_made_only_on_request(stores: Stores) -> None:
    url = stores.empty()
    if stores.kind == SQLITE:
        file_of(url).touch()
    with pytest.raises(ConfigError, match="mailgate db upgrade"):
        await Database.open(url)

    await (await Database.open(url, create=True)).close()
    await (await Database.open(url)).close()


async def test_a_schema_that_many_make_at_once_is_made_once(stores: Stores) -> None:
    url = stores.empty()
    opened = await asyncio.gather(*(Database.open(url, create=True, daemon=False) for _ in range(4)))
    for number, db in enumerate(opened):
        await db.write(put(f"x{number}"))

    assert await opened[0].read(names) == ["x0", "x1", "x2", "x3"]
    await asyncio.gather(*(db.close() for db in opened))


async def test_a_schema_that_changes_under_a_daemon_is_not_written_to(db: Database) -> None:
    """A restored database may have another; whoever connects anew looks first."""
    await db.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '0001'")) and None)

    def lose(_conn: Connection) -> None:
        raise OSError("the connection is lost")

    with pytest.raises(TryAgain):
        await db.write(lose)
    with pytest.raises(TryAgain, match="the schema 0001, not"):
        await db.write(put("x1"))


# ── What it is ────────────────────────────────────────────────────────────────────────────────────────────────────────


@only(SQLITE)
async def test_the_migrations_make_exactly_the_tables_in_a_file(url: str, tmp_path: Path) -> None:
    expected, found = create_engine(f"sqlite:///{tmp_path}/expected.db"), create_engine(url)
    metadata.create_all(expected)

    assert of_file(found) == of_file(expected)
    found.dispose()
    expected.dispose()


def of_file(engine: Engine) -> dict[str, object]:
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
        if name != "alembic_version" and not name.startswith("search_")  # an index that no code but its own knows
    }


@only(POSTGRESQL)
async def test_the_migrations_make_exactly_the_tables_on_a_server(db: Database) -> None:
    def both(conn: Connection) -> tuple[object, object]:
        conn.execute(text("CREATE SCHEMA expected"))
        conn.execute(text("SET LOCAL search_path = expected"))
        metadata.create_all(conn)
        return on_server(conn, "public"), on_server(conn, "expected")

    found, expected = await db.write(both)
    assert found == expected


COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, character_maximum_length, column_default
    FROM information_schema.columns WHERE table_schema = :place AND table_name !~ '^alembic|^search_'
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = CAST(:place AS regnamespace)
        AND conrelid::regclass::text !~ 'alembic|search_'
"""
INDEXES = """
    SELECT tablename, replace(indexdef, schemaname || '.', '')
    FROM pg_indexes WHERE schemaname = :place AND tablename !~ '^alembic|^search_'
"""


def on_server(conn: Connection, place: str) -> list[list[tuple[object, ...]]]:
    # So that no name in what follows is written with its schema.
    conn.execute(text(f"SET LOCAL search_path = {place}"))
    questions = (COLUMNS, CONSTRAINTS, INDEXES)
    return [sorted(map(tuple, conn.execute(text(asked), {"place": place})), key=repr) for asked in questions]


# ── Ids ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_ids_are_new_and_ordered_over_threads_and_restarts(url: str) -> None:
    db = await Database.open(url)
    batches = await asyncio.gather(*(asyncio.to_thread(lambda: [db.new_id() for _ in range(5000)]) for _ in range(4)))
    made = [number for batch in batches for number in batch]
    assert len(set(made)) == len(made)
    assert all(batch == sorted(batch) for batch in batches)
    far = max(made) + (1 << 50)
    assert far < 1 << 63

    def remember(conn: Connection) -> None:
        conn.execute(metadata.tables["raw"].insert().values(id=far, sha256=b"", size_bytes=0, zstd=b""))
        row = {"id": far, "raw_id": far, "queue_id": "Q", "mail_from": "", "rcpt_to": "r", "peer": {}, "notes": []}
        conn.execute(metadata.tables["journal"].insert().values(**row, accepted_at=NOW, state="pending"))

    await db.write(remember)
    await db.close()

    later = await Database.open(url)
    assert later.new_id() > far
    await later.close()


async def test_ids_of_processes_that_write_at_once_are_never_the_same(url: str) -> None:
    processes = [await Database.open(url, daemon=number == 0) for number in range(8)]
    made = [process.new_id() for _ in range(1000) for process in processes]

    assert len(set(made)) == len(made)
    await asyncio.gather(*(process.close() for process in processes))
