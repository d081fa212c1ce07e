"""Store: reads what of late happened in tickets that our own people may want to hear of, and what they were told.

What they were told by a mail of its own stands among the permits. What a digest told is a row of `counter` for each
line and reader, which goes after some days.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import BigInteger, Connection, bindparam, delete, func, literal, select

from mailgate.model import Disposition, Happening, Level
from mailgate.store import tables
from mailgate.store.bulk import put
from mailgate.store.dialect import is_one_of_given, listed, upsert
from mailgate.store.ids import TIME_SHIFT
from mailgate.store.journal import decompressed
from mailgate.store.tables import Direction
from mailgate.store.types import EPOCH, Utc

BEGAN = "opened"
CAME = frozenset({"appended", "proposed"})
TO_WRITER = frozenset({"not-sent", "refused"})  # he alone hears of it
LOST = "undelivered"
GIVEN_BACK = "redirect-failed"  # what was sent on is theirs now, like a ticket that begins
LOST_MOST = 200  # of a day
MOST = 2000  # that are looked at together, the newest
TOLD = "news/"  # begins the name of a counter; reader and event follow
KEPT_FOR = timedelta(days=3)
OVERLAP = (600_000 << TIME_SHIFT) + 1  # of ids: a transaction that took long may bring smaller ones than we have seen

_EVENT, _TICKET, _MESSAGE = tables.ticket_event.c, tables.ticket.c, tables.message.c
_SINCE, _AFTER = bindparam("since", type_=Utc()), bindparam("after", type_=BigInteger())
_LINE = (
    *(_EVENT.id, _EVENT.at, _EVENT.event, _EVENT.actor, _EVENT.detail, _EVENT.ticket_id),
    *(_TICKET.number, _TICKET.subject, _TICKET.queue, _TICKET.mailbox, _TICKET.assignee, _TICKET.requester),
)
_NEWS = (
    select(*_LINE)
    .join(tables.ticket, _TICKET.id == _EVENT.ticket_id)
    .where(_EVENT.at > _SINCE, _EVENT.id > _AFTER, _EVENT.event.in_([BEGAN, *sorted(CAME), *sorted(TO_WRITER)]))
    .order_by(_EVENT.id.desc())
    .limit(MOST)
)
# The line of an answer that did not arrive bears the number of its message, which is older than the line.
_LOST = (
    select(*(one for one in _LINE if one is not _EVENT.actor), (literal("agent:") + _MESSAGE.agent).label("actor"))
    .join(tables.ticket, _TICKET.id == _EVENT.ticket_id)
    .join(tables.message, _MESSAGE.id == _EVENT.id)
    .where(_EVENT.at > _SINCE, _EVENT.event == LOST)
    .order_by(_EVENT.at.desc())
    .limit(LOST_MOST)
)
_GIVEN_BACK = (
    select(*_LINE)
    .join(tables.ticket, _TICKET.id == _EVENT.ticket_id)
    .where(_EVENT.at > _SINCE, _EVENT.event == GIVEN_BACK)
    .order_by(_EVENT.at.desc())
    .limit(LOST_MOST)
)
_MAIL = (
    *(_MESSAGE.id, _MESSAGE.ticket_id, _MESSAGE.identity, _MESSAGE.raw_id, _MESSAGE.sender, _MESSAGE.author),
    *(_MESSAGE.author_name, _MESSAGE.level, _MESSAGE.agent, _MESSAGE.disposition),
)
_INCOMING = _MESSAGE.direction == Direction.IN
_BY_IDENTITY = select(*_MAIL).where(is_one_of_given(_MESSAGE.identity, "wanted"), _INCOMING)
_FIRST = (
    select(func.min(_MESSAGE.id))
    .where(is_one_of_given(_MESSAGE.ticket_id, "wanted"), _INCOMING)
    .group_by(_MESSAGE.ticket_id)
)
_OF_FIRST = select(*_MAIL).where(_MESSAGE.id.in_(_FIRST))
_RAW = select(tables.raw.c.id, tables.raw.c.zstd, tables.raw.c.size_bytes).where(
    is_one_of_given(tables.raw.c.id, "wanted")
)
_PARTS = select(_TICKET.id, _TICKET.number, _TICKET.requester, _TICKET.merged_into).where(
    is_one_of_given(_TICKET.merged_into, "wanted"), _TICKET.merged_into.is_not(None)
)
_COUNTER = tables.counter.c
_TOLD = select(_COUNTER.name).where(is_one_of_given(_COUNTER.name, "wanted"))


def gather(conn: Connection, since: datetime, after: int) -> list[Happening]:
    """What happened after `since` and has a larger id than `after`, in order; quiet mail is nobody's news."""
    # The line of what was sent on in vain bears the number of its message as well.
    back = conn.execute(_GIVEN_BACK, {"since": since}).all()
    rows = [*conn.execute(_NEWS, {"since": since, "after": after}), *back]
    began = [row.ticket_id for row in rows if row.event in (BEGAN, GIVEN_BACK)]
    came = {row.detail for row in rows if row.event in CAME}
    mails: dict[Any, Any] = {}
    for mail in conn.execute(_OF_FIRST, {"wanted": listed(began)}) if began else ():
        mails[mail.ticket_id] = mail
    for mail in conn.execute(_BY_IDENTITY, {"wanted": listed(came)}) if came else ():
        mails[mail.ticket_id, mail.identity] = mail
    found = [(row, _mail_of(row, mails)) for row in reversed(rows)]
    merged = _merged(conn, {row.ticket_id for row in rows})
    always = (*TO_WRITER, GIVEN_BACK)
    news = [_happening(row, mail, merged) for row, mail in found if row.event in always or _is_news(mail)]
    return [*_lost(conn, since), *news]


def _lost(conn: Connection, since: datetime) -> list[Happening]:
    """The answers that did not arrive, oldest first, as the doings of who wrote them."""
    rows = conn.execute(_LOST, {"since": since}).all()
    return [Happening(**row._mapping) for row in reversed(rows)]


def raws(conn: Connection, raw_ids: Collection[int]) -> dict[int, bytes]:
    """The bytes of these mails."""
    if not raw_ids:
        return {}
    found = conn.execute(_RAW, {"wanted": listed(raw_ids)})
    return {row.id: decompressed(row.zstd, row.size_bytes) for row in found}


def told(conn: Connection, wanted: Collection[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """Those of `wanted` (address of a reader, id of an event) of which a digest told."""
    if not wanted:
        return frozenset()
    names = {_name(*one): one for one in wanted}
    return frozenset(names[name] for name in conn.execute(_TOLD, {"wanted": listed(names)}).scalars())


def tell(conn: Connection, news: Iterable[tuple[str, int]], at: datetime) -> None:
    """A digest tells of these (address of a reader, id of an event); what was told long ago is forgotten."""
    rows = [{"name": _name(*one), "value": _seconds(at)} for one in news]
    if not rows:
        return
    old = _seconds(at - KEPT_FOR)
    conn.execute(delete(tables.counter).where(_COUNTER.name.startswith(TOLD), _COUNTER.value < old))
    put(conn, upsert(conn, tables.counter, key="name"), rows)


def _merged(conn: Connection, ticket_ids: Collection[int]) -> dict[tuple[int, str], Any]:
    """The tickets that became part of these, by the ticket that took them in and by who asked in them."""
    found = conn.execute(_PARTS, {"wanted": listed(ticket_ids)}) if ticket_ids else ()
    return {(row.merged_into, row.requester): row for row in found}


def _mail_of(row: Any, mails: dict[Any, Any]) -> Any:
    return mails.get(row.ticket_id) if row.event in (BEGAN, GIVEN_BACK) else mails.get((row.ticket_id, row.detail))


def _is_news(mail: Any) -> bool:
    return mail is not None and mail.disposition != Disposition.QUIET


def _happening(row: Any, mail: Any, merged: dict[tuple[int, str], Any]) -> Happening:
    known = Happening(**row._mapping)
    if mail is None:
        return known
    # Whoever asked in a ticket that was merged is answered in it, and nobody else in his stead.
    part = merged.get((row.ticket_id, mail.sender)) if mail.sender != row.requester else None
    if part:
        known = replace(known, ticket_id=part.id, number=part.number, requester=part.requester)
    return replace(
        known,
        raw_id=mail.raw_id,
        sender=mail.sender,
        author=mail.author,
        author_name=mail.author_name,
        level=mail.level or Level.A0,
        forwarder=mail.agent,
    )


def _name(reader: str, event_id: int) -> str:
    return f"{TOLD}{reader}/{event_id}"


def _seconds(at: datetime) -> int:
    return int((at - EPOCH).total_seconds())
