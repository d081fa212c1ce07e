"""The rule files of every version that judged: kept once, given back whole, and bounded in number."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select, update

from mailgate.errors import Damaged, NotFound
from mailgate.store import rulesets, tables
from mailgate.store.database import Database

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
FILES = {"limits.toml": b"x\r\n", "local/maps/suppliers.txt": "süß.example\n".encode()}


async def remember(db: Database, version: str, minutes: int = 0, files: dict[str, bytes] = FILES) -> None:
    hashes = {name: sha256(raw).hexdigest() for name, raw in files.items()}
    at, packed = NOW + timedelta(minutes=minutes), rulesets.packed(files)
    await db.write(lambda conn: rulesets.remember(conn, version, at, hashes, packed))


async def versions(db: Database) -> list[tuple[str, datetime]]:
    return [(one.version, one.loaded_at) for one in await db.read(rulesets.known)]


async def test_a_version_comes_back_byte_by_byte(db: Database) -> None:
    await remember(db, "0123456789ab")
    assert await db.read(lambda conn: rulesets.contents(conn, "0123")) == FILES
    (kept,) = await db.read(rulesets.known)
    assert (set(kept.files), kept.whole) == (set(FILES), True)


async def test_the_version_in_force_is_kept_once(db: Database) -> None:
    await remember(db, "a")
    await remember(db, "a", 5)
    assert await versions(db) == [("a", NOW)]


async def test_a_version_that_comes_back_is_the_newest_again(db: Database) -> None:
    await remember(db, "a")
    await remember(db, "b", 1)
    await remember(db, "a", 2)
    assert await versions(db) == [("a", NOW + timedelta(minutes=2)), ("b", NOW + timedelta(minutes=1))]


async def test_the_oldest_is_forgotten(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"version": f"v{number:03}", "loaded_at": NOW + timedelta(seconds=number), "files": {}, "zstd": b""}
        for number in range(rulesets.KEPT)
    ]
    await db.write(lambda conn: conn.execute(tables.rule_set.insert(), rows))
    await remember(db, "new", 60)
    kept = [version for version, _ in await versions(db)]
    assert (len(kept), kept[0], kept[-1]) == (rulesets.KEPT, "new", "v001")


async def test_of_large_sets_fewer_are_kept_whole(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulesets, "KEPT_BYTES", 10_000)
    for number, version in enumerate("abcd"):
        await remember(db, version, number, {"maps/x.txt": random.Random(number).randbytes(4000)})
    kept = await db.read(rulesets.known)
    assert [(one.version, one.whole) for one in kept] == [("d", True), ("c", True), ("b", False), ("a", False)]
    await remember(db, "e", 5, {"maps/x.txt": random.Random(5).randbytes(12_000)})
    assert [one.whole for one in await db.read(rulesets.known)] == [True, False, False, False, False]


async def test_what_is_not_kept_or_not_meant_clearly_is_not_found(db: Database) -> None:
    await remember(db, "ab")
    await remember(db, "ac", 1)
    await db.write(
        lambda conn: conn.execute(update(tables.rule_set).where(tables.rule_set.c.version == "ab").values(zstd=None))
    )
    for version in ("a", "b", "ab", "%"):
        with pytest.raises(NotFound):
            await db.read(lambda conn, version=version: rulesets.contents(conn, version))


async def test_bytes_that_are_not_what_they_were_are_told(db: Database) -> None:
    await remember(db, "a")
    await db.write(lambda conn: conn.execute(update(tables.rule_set).values(files={**dict.fromkeys(FILES, "0")})))
    with pytest.raises(Damaged) as damaged:
        await db.read(lambda conn: rulesets.contents(conn, "a"))
    assert damaged.value.differences == list(FILES)
    assert await db.read(lambda conn: conn.execute(select(tables.rule_set.c.zstd)).scalar_one())
