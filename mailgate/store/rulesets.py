"""Store: the rule files of every version that judged, with all their bytes, so that an old set can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import Connection, delete, func, select

from mailgate.errors import Damaged, NotFound
from mailgate.store import tables
from mailgate.store.dialect import upsert

KEPT: Final = 200  # versions; an older one is forgotten, and the verdicts that name it keep its name
LARGEST_BYTES: Final = 1 << 30  # of one set when it is unpacked; far above what a folder may hold
_LEVEL: Final = 10  # it is written once for each change

_SETS = tables.rule_set.c
_NEWEST = select(_SETS.version).order_by(_SETS.loaded_at.desc(), _SETS.version).limit(KEPT)


class RuleSet(Struct, frozen=True):
    """One version: when it began to judge, the last time it did, and the SHA-256 of each file by its name."""

    version: str
    loaded_at: datetime
    files: Mapping[str, str]
    whole: bool  # are its bytes there?


def remember(conn: Connection, version: str, loaded_at: datetime, contents: Mapping[str, bytes]) -> None:
    """Keep the rule files that judge from now on; what is kept already is only marked as the newest."""
    if conn.execute(_NEWEST.limit(1).where(_SETS.zstd.is_not(None))).scalar() == version:
        return
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(dict(contents)))
    files = {name: hashlib.sha256(raw).hexdigest() for name, raw in contents.items()}
    row = {"version": version, "loaded_at": loaded_at, "files": files, "zstd": packed}
    conn.execute(upsert(conn, tables.rule_set, key="version", change=("loaded_at", "files", "zstd")), row)
    if (conn.execute(select(func.count()).select_from(tables.rule_set)).scalar() or 0) > KEPT:
        conn.execute(delete(tables.rule_set).where(_SETS.version.not_in(_NEWEST)))


def known(conn: Connection) -> list[RuleSet]:
    """All versions that are kept, the newest first."""
    columns = (_SETS.version, _SETS.loaded_at, _SETS.files, _SETS.zstd.is_not(None).label("whole"))
    rows = conn.execute(select(*columns).order_by(_SETS.loaded_at.desc(), _SETS.version).limit(KEPT))
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
