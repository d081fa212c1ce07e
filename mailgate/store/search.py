"""Store: the index of the words of mails: what is due for it, what it holds, and where words are found in it.

It is made from what stands elsewhere, so it is not copied and not backed up: in a new database every mail is due.

The house rules of this file:
* Triggers on `message` name each mail that comes, goes or changes in `search_due`, in the same transaction; nobody else
  has to think of the index. Whoever indexes takes the name away when it is done.
* Mails have a place in it that is in the order of the lists: by the ticket's number, and mail that stands in no ticket
  below zero. So a list is read from its beginning, and ends as soon as its page is full, however frequent a word is.
* SQLite reads FTS5 by place. PostgreSQL finds rows by a GIN index in no order; so each row bears the stretches of
  tickets that it is in as words more, and what is frequent is looked for in the newest stretches first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import zstandard
from sqlalchemy import Connection, column, delete, func, insert, or_, select, table, text

from mailgate.model import Disposition
from mailgate.searchwords import Sought
from mailgate.store import columns, tables
from mailgate.store.dialect import is_one_of, last_ticket_number
from mailgate.store.journal import decompressed
from mailgate.store.locks import indexing
from mailgate.store.tables import Direction

MAILS_A_TICKET_BITS = 20  # so many mails of one ticket are found
STRETCHES = (9, 13)  # of 512 and of 8192 tickets
BATCH = 50  # mails indexed at once
BATCH_BYTES = 8 << 20  # of raw mail; a larger one comes alone
WAITING_MOST = 100_000  # mails that are counted
COMMON = 200  # mails with a whole word from which on it is not also taken for a beginning
HITS_MOST = 50_000  # places read at once

_POSITIONS_MOST = 255  # of one word in a mail that PostgreSQL keeps
_HELD = "'#held'"


@dataclass(frozen=True, slots=True)
class Unindexed:
    """A mail that is due; without `raw` it is gone, or it is none that is looked for."""

    message_id: int
    heads: tuple[str, ...] = ()  # subject and people
    raw: bytes | None = field(default=None, repr=False)
    seen: tuple[Any, ...] = ()  # how its row was


@dataclass(frozen=True, slots=True)
class Indexed:
    """What was read of it: its words, none where it is not to be found."""

    message_id: int
    words: Sequence[str]
    seen: tuple[Any, ...]


_MESSAGE, _RAW = tables.message.c, tables.raw.c
# Made and changed by the migrations alone: what a row of them is differs between the databases.
_DUE = table("search_due", column("message_id", columns.Id))
_ENTRY = table("search_entry", column("place", columns.Id), column("message_id", columns.Id), column("words"))

# ── What is due ───────────────────────────────────────────────────────────────────────────────────────────────────────

_NEWEST_DUE = select(_DUE.c.message_id).order_by(_DUE.c.message_id.desc())
_ROWS = (
    select(
        _MESSAGE.id,
        _MESSAGE.raw_id,
        _MESSAGE.subject,
        _MESSAGE.author,
        _MESSAGE.author_name,
        _MESSAGE.sender,
        _MESSAGE.recipient,
        tables.ticket.c.number,
    )
    .outerjoin(tables.ticket, tables.ticket.c.id == _MESSAGE.ticket_id)
    # What we send without a ticket, challenges above all, says always the same.
    .where(or_(_MESSAGE.ticket_id.is_not(None), _MESSAGE.direction == Direction.IN))
    .where(_MESSAGE.disposition.is_distinct_from(Disposition.DUPLICATE))
)


def due(conn: Connection) -> list[Unindexed]:
    """The newest mails that are due, in a bounded number and size."""
    rows = _rows(conn, ids := list(conn.execute(_NEWEST_DUE.limit(BATCH)).scalars()))
    sizes = select(_RAW.id, _RAW.size_bytes).where(is_one_of(_RAW.id, [row.raw_id for row in rows.values()]))
    size_of = {row.id: row.size_bytes for row in conn.execute(sizes)}
    taken: list[int] = []
    left = BATCH_BYTES
    for message_id in ids:
        row = rows.get(message_id)
        left -= size_of[row.raw_id] if row else 0
        if taken and left < 0:
            break
        taken.append(message_id)
    raws = _raws(conn, [rows[one].raw_id for one in taken if one in rows])
    return [_unindexed(one, rows.get(one), raws) for one in taken]


def waiting(conn: Connection, most: int = WAITING_MOST) -> int:
    """How many mails are due, counted up to `most`."""
    return int(conn.execute(select(func.count()).select_from(_NEWEST_DUE.limit(most).subquery())).scalar_one())


def _unindexed(message_id: int, row: Any, raws: Mapping[int, bytes]) -> Unindexed:
    if row is None:
        return Unindexed(message_id)
    heads = (row.subject, row.author_name, row.author, row.sender, row.recipient)
    return Unindexed(message_id, tuple(dict.fromkeys(heads)), raws[row.raw_id], _seen(row))


def _seen(row: Any) -> tuple[Any, ...]:
    return row.raw_id, row.subject, row.author, row.author_name


def _rows(conn: Connection, ids: Collection[int]) -> dict[int, Any]:
    return {row.id: row for row in conn.execute(_ROWS.where(is_one_of(_MESSAGE.id, ids)))}


def _raws(conn: Connection, ids: Collection[int]) -> dict[int, bytes]:
    rows = conn.execute(select(_RAW.id, _RAW.zstd, _RAW.size_bytes).where(is_one_of(_RAW.id, ids)))
    return {row.id: decompressed(row.zstd, row.size_bytes) for row in rows}


# ── What it holds ─────────────────────────────────────────────────────────────────────────────────────────────────────

_ADD_ENTRY = text("INSERT INTO search_entry (place, message_id, words) VALUES (:place, :message_id, :words)")
_ADD_VECTOR = text(
    "INSERT INTO search_entry (place, message_id, words)"
    " VALUES (:place, :message_id, CAST(CAST(:words AS text) AS tsvector))"
)
_ADD_WORDS = text("INSERT INTO search_index (rowid, words) VALUES (:place, :words)")
_TAKE_WORDS = text("INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', :place, :words)")


def enter(conn: Connection, read: Sequence[Indexed]) -> int:
    """Put mails into the index in place of what it held of them; how many that were.

    One that changed since it was read stays due.
    """
    indexing(conn)
    named = {one.message_id: one for one in read}
    still = _no_longer_due(conn, named)
    # Only now: whoever is changing one of these has been waited for.
    rows = _rows(conn, still)
    changed = {message_id for message_id, row in rows.items() if named[message_id].seen != _seen(row)}
    if changed:
        conn.execute(insert(_DUE), [{"message_id": message_id} for message_id in changed])
    forget(conn, still)
    new = (one for one in still if one in rows and one not in changed and named[one].words)
    _add(conn, [(rows[one].number, named[one]) for one in new])
    return len(still)


def forget(conn: Connection, message_ids: Collection[int]) -> None:
    """Take mails out of the index at once."""
    theirs = is_one_of(_ENTRY.c.message_id, message_ids)
    if conn.dialect.name == "sqlite":
        unpack = zstandard.ZstdDecompressor().decompress
        for row in conn.execute(select(_ENTRY).where(theirs)).all():
            conn.execute(_TAKE_WORDS, {"place": row.place, "words": unpack(row.words).decode()})
    conn.execute(delete(_ENTRY).where(theirs))


def clear(conn: Connection) -> None:
    """Forget everything, and that anything was due."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("TRUNCATE search_due, search_entry"))
        return
    for one in (_DUE, _ENTRY):
        conn.execute(delete(one))
    conn.execute(text("INSERT INTO search_index (search_index) VALUES ('delete-all')"))


def _no_longer_due(conn: Connection, ids: Collection[int]) -> list[int]:
    taken = delete(_DUE).where(is_one_of(_DUE.c.message_id, ids)).returning(_DUE.c.message_id)
    return sorted(conn.execute(taken).scalars())


def _add(conn: Connection, mails: Sequence[tuple[int | None, Indexed]]) -> None:
    if not mails:
        return
    following = {number: _next_place(conn, number) for number in {number for number, _ in mails if number}}
    placed: list[tuple[int, Indexed]] = []
    for number, one in mails:
        placed.append((following[number] if number else -one.message_id, one))
        if number:
            following[number] += 1
    if conn.dialect.name == "postgresql":
        conn.execute(_ADD_VECTOR, [_row(place, one) | {"words": _vector(place, one.words)} for place, one in placed])
        return
    said = {place: " ".join(one.words) for place, one in placed}
    pack = zstandard.ZstdCompressor().compress
    conn.execute(_ADD_ENTRY, [_row(place, one) | {"words": pack(said[place].encode())} for place, one in placed])
    conn.execute(_ADD_WORDS, [{"place": place, "words": words} for place, words in said.items()])


def _row(place: int, one: Indexed) -> dict[str, Any]:
    return {"place": place, "message_id": one.message_id}


def _next_place(conn: Connection, number: int) -> int:
    first = number << MAILS_A_TICKET_BITS
    place = _ENTRY.c.place
    theirs = select(func.max(place)).where(place >= first, place < first + (1 << MAILS_A_TICKET_BITS))
    last = conn.execute(theirs).scalar()
    return first if last is None else int(last) + 1


def _vector(place: int, words: Sequence[str]) -> str:
    stretches = [_stretch(bits, place) for bits in STRETCHES] if place > 0 else [_HELD]
    places: dict[str, list[str]] = {}
    for at, word in enumerate(words, 1):
        places.setdefault(word, []).append(str(at))
    listed = (f"'{word}':{','.join(found[:_POSITIONS_MOST])}" for word, found in places.items())
    return " ".join([*stretches, *listed])


def _stretch(bits: int, place: int, back: int = 0) -> str:
    return f"'#{bits}.{(place >> MAILS_A_TICKET_BITS + bits) - back}'"


# ── Where words are found ─────────────────────────────────────────────────────────────────────────────────────────────

_IN_A_FILE = text(
    "SELECT rowid FROM search_index WHERE search_index MATCH :asked AND rowid < :below AND rowid >= :lowest"
    " ORDER BY rowid DESC LIMIT :most"
)
# The brackets keep the order out of the choice of an index: with it, all rows might be read from the newest on.
_ON_A_SERVER = text(
    "SELECT place FROM (SELECT place FROM search_entry WHERE words @@ CAST(CAST(:asked AS text) AS tsquery) OFFSET 0)"
    " AS found WHERE place < :below AND place >= :lowest ORDER BY place DESC LIMIT :most"
)
# A join in this order: each ticket is asked.
_AMONG_IN_A_FILE = text(
    "SELECT DISTINCT ticket.value FROM json_each(:numbers) AS ticket CROSS JOIN search_index"
    " WHERE search_index MATCH :asked AND search_index.rowid >= ticket.value << :bits"
    " AND search_index.rowid < (ticket.value + 1) << :bits"
)
_AMONG_ON_A_SERVER = text(
    "SELECT CAST(ticket.value AS bigint) FROM json_array_elements_text(CAST(:numbers AS json)) AS ticket WHERE EXISTS"
    " (SELECT 1 FROM search_entry WHERE words @@ CAST(CAST(:asked AS text) AS tsquery)"
    " AND place >= CAST(ticket.value AS bigint) << CAST(:bits AS integer)"
    " AND place < (CAST(ticket.value AS bigint) + 1) << CAST(:bits AS integer) OFFSET 0)"
)
_LOWEST = -(1 << 63)


def numbers(conn: Connection, asked: Sought, below: int | None, most: int) -> list[int]:
    """The numbers of up to `most` tickets with these words, newest first, smaller than `below`; perhaps fewer, and none
    only where there are no more.
    """
    beyond = last_ticket_number(conn) + 1
    top = min(beyond if below is None else below, beyond) << MAILS_A_TICKET_BITS
    places = _places(conn, _whole_if_common(conn, asked), top, most, held=False)
    return list(dict.fromkeys(place >> MAILS_A_TICKET_BITS for place in places))


def among(conn: Connection, asked: Sought, tickets: Collection[int]) -> list[int]:
    """Which of the tickets of these numbers have the words."""
    if not asked.phrases:
        return []
    file = conn.dialect.name == "sqlite"
    asked = _whole_if_common(conn, asked)
    question = _match(asked) if file else _query(asked)
    given = {"numbers": json.dumps(list(tickets)), "asked": question, "bits": MAILS_A_TICKET_BITS}
    return list(conn.execute(_AMONG_IN_A_FILE if file else _AMONG_ON_A_SERVER, given).scalars())


def held(conn: Connection, asked: Sought, after: int, most: int) -> list[int]:
    """The ids of up to `most` mails in no ticket with these words, oldest first, from the id `after` on."""
    return [-place for place in _places(conn, asked, -after, most, held=True)]


def _whole_if_common(conn: Connection, asked: Sought) -> Sought:
    """A last word that is frequent by itself is not also taken for a beginning: what begins so, nobody could read."""
    if not asked.beginning:
        return asked
    last = Sought((asked.phrases[-1][-1:],))
    top = last_ticket_number(conn) + 1 << MAILS_A_TICKET_BITS
    common = len(_places(conn, last, top, COMMON, held=False)) == COMMON
    return Sought(asked.phrases) if common else asked


def _places(conn: Connection, asked: Sought, below: int, most: int, *, held: bool) -> list[int]:
    """The highest places below `below`."""
    if not asked.phrases:
        return []
    given = {"below": below, "lowest": _LOWEST if held else 0, "most": min(most, HITS_MOST)}
    if conn.dialect.name == "sqlite":
        return list(conn.execute(_IN_A_FILE, given | {"asked": _match(asked)}).scalars())
    # What the planner chooses for most words is wrong for those that every mail has.
    conn.execute(text("SET LOCAL enable_seqscan = off"))
    conn.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    words, found = _query(asked), list[int]()
    for near in _nearest(below, held=held):
        found = list(conn.execute(_ON_A_SERVER, given | {"asked": f"{near}{words}"}).scalars())
        if len(found) == given["most"]:
            break
    return found


def _nearest(below: int, *, held: bool) -> Iterator[str]:
    """Where to look first, and then: in two stretches, for the newest may have just begun; at last everywhere."""
    if held:
        yield f"{_HELD} & "
        return
    for bits in STRETCHES:
        if below >> MAILS_A_TICKET_BITS + bits + 1:
            yield f"({_stretch(bits, below - 1)} | {_stretch(bits, below - 1, back=1)}) & "
    yield ""


def _match(asked: Sought) -> str:
    """As FTS5 is asked (sqlite.org/fts5.html, section 3). Words are letters and digits, so none can end its quotes."""
    phrases = [f'"{" ".join(phrase)}"' for phrase in asked.phrases]
    return " AND ".join(phrases) + (" *" if asked.beginning else "")


def _query(asked: Sought) -> str:
    """The same as PostgreSQL is asked."""
    phrases = ["({})".format(" <-> ".join([f"'{word}'" for word in phrase])) for phrase in asked.phrases]
    # The beginning is that of the last word, inside of its brackets.
    return " & ".join(phrases)[:-1] + (":*)" if asked.beginning else ")")
