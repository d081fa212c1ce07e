"""Store: reads what our own people may have to hear of. It looks at the last day, and mostly at what is new in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, literal_column, select

from mailgate.model import Breaker, BreakerState, Loop, News, Standing, Undelivered
from mailgate.store import conduct, tables
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.ids import TIME_SHIFT
from mailgate.store.tables import Direction
from mailgate.store.types import Utc

DAY = timedelta(days=1)
ADDRESSES_MOST = 100  # that are looked at together
MAILS_MOST = 200  # of each, the newest
SHUNTED_MOST = 1000
UNDELIVERED_MOST = 200
BREAKERS_MOST = 200  # complaints of a day
BY_LIMITS = " refused by limits.toml"  # so the trail of a mail says that a limit withheld its answer
GATE = "gate"

_HOUR = 3_600_000 << TIME_SHIFT  # of ids, which grow with time
_FIRST_LOOK = 25 * _HOUR
_OVERLAP = _HOUR // 6  # a transaction that took long may bring smaller ids than we have seen

_MESSAGE, _JOURNAL, _MISHAP, _ADDRESS = (
    tables.message.c,
    tables.journal.c,
    tables.mishap.c,
    tables.address.c,
)
_SINCE = bindparam("since", type_=Utc())
# Their names spelled out, so that the planner knows how few of them there are.
_COMPLAINED = (
    select(_MISHAP.address, _MISHAP.domain)
    .where(literal_column("mishap.trouble = 'complained'"), _MISHAP.at > _SINCE)
    .limit(BREAKERS_MOST)
)
_CONVICTED = (
    select(_MISHAP.address, func.max(_MISHAP.at).label("at"))
    .join(tables.address, _ADDRESS.address == _MISHAP.address)
    .where(literal_column("mishap.trouble = 'answered'"), _MISHAP.at > _SINCE, _ADDRESS.standing == Standing.ROBOT)
    .group_by(_MISHAP.address)
    .limit(ADDRESSES_MOST)
)
_SUSPECTS = (
    select(_MESSAGE.sender)
    .where(_MESSAGE.id > bindparam("after"), _MESSAGE.suppressed != "", _MESSAGE.sender != "")
    # The order makes every planner walk along the ids, and no further than it has to.
    .order_by(_MESSAGE.id.desc())
    .limit(ADDRESSES_MOST * MAILS_MOST)
)
_WITHHELD = (
    select(_MESSAGE.sender)
    .where(is_one_of_given(_MESSAGE.sender, "suspects"), _MESSAGE.at > _SINCE, _MESSAGE.suppressed != "")
    .group_by(_MESSAGE.sender)
    .having(func.count() >= bindparam("most"))
    .limit(ADDRESSES_MOST)
)
_MAILS = (
    select(_MESSAGE.journal_id, _MESSAGE.at, _MESSAGE.verdict)
    .where(_MESSAGE.sender == bindparam("sender"), _MESSAGE.at > _SINCE, _MESSAGE.direction == Direction.IN)
    .order_by(_MESSAGE.at.desc(), _MESSAGE.id.desc())
    .limit(MAILS_MOST)
)
_SHUNTED = (
    select(_JOURNAL.id, func.coalesce(_JOURNAL.settled_at, _JOURNAL.accepted_at).label("at"), _JOURNAL.mail_from)
    .where(literal_column("journal.state = 'shunted'"))
    .order_by(_JOURNAL.id.desc())
    .limit(SHUNTED_MOST)
)
_EVENT, _TICKET, _AGENT = tables.ticket_event.c, tables.ticket.c, tables.agent.c
# The line of an answer that did not arrive bears the number of its message. Whoever is told of tickets by mail hears of
# his own (`store.happenings`).
_UNDELIVERED = (
    select(_EVENT.id, _EVENT.at, _EVENT.detail, _TICKET.number, _TICKET.subject, _MESSAGE.recipient, _MESSAGE.agent)
    .join(tables.message, _MESSAGE.id == _EVENT.id)
    .join(tables.ticket, _TICKET.id == _EVENT.ticket_id)
    .outerjoin(tables.agent, and_(_AGENT.name == _MESSAGE.agent, _AGENT.left_at.is_(None)))
    .where(_EVENT.at > _SINCE, _EVENT.event == "undelivered", _AGENT.address.is_(None))
    .order_by(_EVENT.at.desc())
    .limit(UNDELIVERED_MOST)
)


def gather(conn: Connection, now: datetime, most: int, after: int | None = None) -> tuple[News, int]:
    """What is new, and the number with which to ask the next time, as `after`; None looks at the whole last day.

    `most` automatic mails withheld from one address make it worth a look.
    """
    since = now - DAY
    newest = conn.execute(select(func.max(_MESSAGE.id))).scalar() or 0
    convicted = {row.address: row.at for row in conn.execute(_CONVICTED, {"since": since})}
    begin = newest - _FIRST_LOOK if after is None else after
    suspects = listed(set(conn.execute(_SUSPECTS, {"after": max(begin, 0)}).scalars()))
    withheld = _withheld(conn, suspects, since, most)
    loops = [_convicted(conn, address, at, since) for address, at in convicted.items()]
    loops += [loop for address in withheld if (loop := _limited(conn, address, since))]
    news = News(_opened(conn, since), tuple(loops), _undelivered(conn, since), _shunted(conn, since))
    return news, newest - _OVERLAP


def _opened(conn: Connection, since: datetime) -> tuple[Breaker, ...]:
    """That of all, and those of whoever complained: by mail no other opens."""
    keys = {""} | {key for row in conn.execute(_COMPLAINED, {"since": since}) for key in (row.address, row.domain)}
    stops = (BreakerState.OPEN, BreakerState.LATCHED)
    return tuple(one for one in conduct.breakers(conn, keys).values() if one.state in stops and one.since > since)


def _undelivered(conn: Connection, since: datetime) -> tuple[Undelivered, ...]:
    found = conn.execute(_UNDELIVERED, {"since": since})
    return tuple(
        Undelivered(row.id, row.at, row.number, row.subject, row.recipient, row.detail, row.agent) for row in found
    )


def _shunted(conn: Connection, since: datetime) -> tuple[tuple[int, datetime, str], ...]:
    return tuple((row.id, row.at, row.mail_from) for row in conn.execute(_SHUNTED) if row.at > since)


def _withheld(conn: Connection, suspects: list[Any], since: datetime, most: int) -> list[str]:
    if not suspects:
        return []
    return list(conn.execute(_WITHHELD, {"suspects": suspects, "since": since, "most": most}).scalars())


def _convicted(conn: Connection, address: str, at: datetime, since: datetime) -> Loop:
    found = conn.execute(_MAILS, {"sender": address, "since": since}).all()
    rule = _machine(found[0].verdict) if found else ""
    return Loop(address, True, at, len(found), tuple(row.journal_id for row in found), rule)


def _limited(conn: Connection, address: str, since: datetime) -> Loop | None:
    """Only what a limit withheld counts, or what gives a machine away: not a dry run, not a breaker."""
    found = [
        (row, rule)
        for row in conn.execute(_MAILS, {"sender": address, "since": since})
        if (rule := _withheld_by(row.verdict))
    ]
    if not found:
        return None
    newest, rule = found[0]
    return Loop(address, False, newest.at, len(found), tuple(row.journal_id for row, _ in found), rule)


def _withheld_by(verdict: dict[str, Any]) -> str:
    """What withheld the answer to a mail: its author's behaviour, or a limit at the send gate; "" for anything else."""
    said = (step["result"] for step in reversed(verdict["trail"]) if step["check"] == GATE)
    gate = str(next(said, ""))
    return _behaviour(verdict) or (gate if BY_LIMITS in gate else "")


def _machine(verdict: dict[str, Any]) -> str:
    """What of a mail tells of a machine: its author's behaviour, else where it went."""
    return _behaviour(verdict) or str(verdict["reason"])


def _behaviour(verdict: dict[str, Any]) -> str:
    return "; ".join(f"{one['id']}: {one['says']}" for one in verdict["findings"] if one["field"] == "history")
