"""Store: the rule files of every version that judged, with all their bytes, so that an old set can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from itertools import accumulate
from typing import Final

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import Connection, delete, func, select, update

from mailgate.errors import Damaged, NotFound
from mailgate.store import tables
from mailgate.store.dialect import upsert

KEPT: Final = 200  # versions; an older one is forgotten, and the verdicts that name it keep its name
KEPT_BYTES: Final = 1 << 28  # of all of them together, as they are packed: long maps that change every hour are many
LARGEST_BYTES: Final = 1 << 30  # of one set when it is unpacked; far above what a folder may hold
_LEVEL: Final = 6

_SETS = tables.rule_set.c
_ORDER = (_SETS.loaded_at.desc(), _SETS.version)
_NEWEST = select(_SETS.version).order_by(*_ORDER)
_SIZES = select(_SETS.version, func.length(_SETS.zstd)).order_by(*_ORDER)


class RuleSet(Struct, frozen=True):
    """One version: when it began to judge, the last time it did, and the SHA-256 of each file by its name."""

    version: str
    loaded_at: datetime
    files: Mapping[str, str]
    whole: bool  # are its bytes there?


def packed(contents: Mapping[str, bytes]) -> bytes:
    """All files by their names, as they are kept. Long maps take a while, and no transaction should wait for that."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(dict(contents)))


def remember(conn: Connection, version: str, loaded_at: datetime, files: Mapping[str, str], packed: bytes) -> None:
    """Keep the rule files that judge from now on, with their SHA-256; what is kept already is marked as the newest."""
    if conn.execute(_NEWEST.limit(1).where(_SETS.zstd.is_not(None))).scalar() == version:
        return
    row = {"version": version, "loaded_at": loaded_at, "files": dict(files), "zstd": packed}
    conn.execute(upsert(conn, tables.rule_set, key="version", change=("loaded_at", "files", "zstd")), row)
    sizes = conn.execute(_SIZES).all()
    kept = list(accumulate(size or 0 for _, size in sizes))
    heavy = [
        name for (name, size), sum_ in zip(sizes, kept, strict=True) if size and sum_ > KEPT_BYTES and name != version
    ]
    old = [name for name, _ in sizes[KEPT:]]
    if heavy:
        conn.execute(update(tables.rule_set).where(_SETS.version.in_(heavy)).values(zstd=None))
    if old:
        conn.execute(delete(tables.rule_set).where(_SETS.version.in_(old)))


def known(conn: Connection) -> list[RuleSet]:
    """All versions that are kept, the newest first."""
    columns = (_SETS.version, _SETS.loaded_at, _SETS.files, _SETS.zstd.is_not(None).label("whole"))
    rows = conn.execute(select(*columns).order_by(*_ORDER).limit(KEPT))
    return [RuleSet(row.version, row.loaded_at, row.files, bool(row.whole)) for row in rows]


def contents(conn: Connection, version: str) -> dict[str, bytes]:
    """The files of a version, or of the one whose name begins so, by their names.

    Raises:
        NotFound: it is not kept, or more than one begins so.
        Damaged: its bytes are not what they were.
    """
    begins = select(_SETS.version, _SETS.files, _SETS.zstd).where(_SETS.version.startswith(version, autoescape=True))
    rows = conn.execute(begins.limit(2)).all()
    if len(rows) != 1 or rows[0].zstd is None:
        raise NotFound(
            f"no rules of version {version} are kept" if not rows or len(rows) == 1 else f"{version} is several"
        )
    unpacked = zstandard.ZstdDecompressor().decompress(rows[0].zstd, max_output_size=LARGEST_BYTES)
    found = msgspec.msgpack.decode(unpacked, type=dict[str, bytes])
    wrong = [name for name, raw in found.items() if rows[0].files.get(name) != hashlib.sha256(raw).hexdigest()]
    if wrong:
        raise Damaged(f"the rules of version {rows[0].version} are not what they were", wrong)
    return found
