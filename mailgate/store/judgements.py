"""Store: what each batch of mail was judged by and what was decided, for as long as other rules may be tried on it.

What is kept is a document of the caller's; here it is bytes. It names people, so who is forgotten takes the whole
batches along that name him.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import zstandard
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select

from mailgate.model import Accepted
from mailgate.store import tables
from mailgate.store.bulk import put
from mailgate.store.dialect import is_one_of, is_one_of_given, listed, overwrite_deleted
from mailgate.store.journal import accepted_of

ZSTD_LEVEL = 1  # a batch that comes alone is small: more would cost it time and save nothing
LARGEST_BYTES = 64 << 20  # of one document, unpacked
PRUNED_MOST = 500  # rows of one transaction

_ROW, _JOURNAL, _RAW = tables.judgement.c, tables.journal, tables.raw
_ADD = insert(tables.judgement)
_SIZES = (
    select(_JOURNAL.c.id, _RAW.c.size_bytes)
    .join(_RAW, _RAW.c.id == _JOURNAL.c.raw_id)
    .where(is_one_of_given(_JOURNAL.c.id, "wanted"))
)
_ACCEPTED = (
    select(_JOURNAL, _RAW.c.zstd, _RAW.c.size_bytes)
    .join(_RAW, _RAW.c.id == _JOURNAL.c.raw_id)
    .where(is_one_of_given(_JOURNAL.c.id, "wanted"))
)


class Kept(Struct, frozen=True):
    """One batch as it was kept."""

    id: int
    at: datetime  # when it was judged
    document: bytes


def keep(conn: Connection, number: int, at: datetime, mails: int, document: bytes) -> None:
    """Write down one batch of so many mails; `number` is the id of its row."""
    zstd = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(document)
    put(conn, _ADD, [{"id": number, "at": at, "mails": mails, "zstd": zstd}])


def mails(conn: Connection, since: datetime, until: datetime) -> int:
    """How many mails were judged from `since` on and before `until`, as far as that is kept."""
    return int(conn.execute(select(func.sum(_ROW.mails)).where(*_within(since, until))).scalar() or 0)


def page(
    conn: Connection, since: datetime, until: datetime, after: tuple[datetime, int] | None, limit: int
) -> list[Kept]:
    """Up to `limit` batches of that time in the order in which they were judged, the first of them behind `after`."""
    question = select(_ROW.id, _ROW.at, _ROW.zstd).where(*_within(since, until)).order_by(_ROW.at, _ROW.id)
    if after:
        at, number = after
        question = question.where(or_(_ROW.at > at, and_(_ROW.at == at, _ROW.id > number)))
    return [Kept(row.id, row.at, _unpacked(row.zstd)) for row in conn.execute(question.limit(limit))]


def sizes(conn: Connection, journal_ids: Collection[int]) -> dict[int, int]:
    """How many bytes each of these mails has that is still kept, by journal id."""
    return {row.id: row.size_bytes for row in conn.execute(_SIZES, {"wanted": listed(journal_ids)})}


def accepted(conn: Connection, journal_ids: Collection[int]) -> dict[int, Accepted]:
    """These mails as they were accepted, by journal id; what is no longer kept is not among them."""
    return {row.id: accepted_of(row) for row in conn.execute(_ACCEPTED, {"wanted": listed(journal_ids)})}


def prune(conn: Connection, until: datetime) -> int:
    """Take away some of what was judged at `until` or before; how many batches that were."""
    oldest = select(_ROW.id).where(_ROW.at <= until).order_by(_ROW.at).limit(PRUNED_MOST)
    return conn.execute(delete(tables.judgement).where(_ROW.id.in_(oldest))).rowcount


def naming(conn: Connection, needles: Sequence[bytes], after: int, limit: int) -> tuple[list[int], int | None]:
    """Of up to `limit` batches behind the id `after`, those that have one of `needles` (in lower case) in them; and
    where to go on, None at the end.
    """
    rows = conn.execute(select(_ROW.id, _ROW.zstd).where(_ROW.id > after).order_by(_ROW.id).limit(limit)).all()
    named = [row.id for row in rows if any(needle in _unpacked(row.zstd).lower() for needle in needles)]
    return named, rows[-1].id if len(rows) == limit else None


def forget(conn: Connection, ids: Collection[int]) -> int:
    """Take these batches away; how many that were."""
    overwrite_deleted(conn)
    return conn.execute(delete(tables.judgement).where(is_one_of(_ROW.id, ids))).rowcount


def _within(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return _ROW.at >= since, _ROW.at < until


def _unpacked(zstd: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(zstd, max_output_size=LARGEST_BYTES)
