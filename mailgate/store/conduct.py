"""Store: reads what somebody did of late, what went wrong with automatic mail, and what holds it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    and_,
    bindparam,
    case,
    cast,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from mailgate.model import (
    Ask,
    Begun,
    Breaker,
    BreakerState,
    Disposition,
    Facts,
    Kind,
    Mishap,
    OutboxState,
    Purpose,
    Run,
    Scope,
    Taken,
    Trouble,
)
from mailgate.store import rows, tables
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.tables import Direction
from mailgate.store.types import Utc

LATELY = timedelta(hours=1)  # how far back floods, and what trips the breaker within an hour, are looked for
LONG_DAYS = 31  # and our own mail to somebody (turns may be days apart), his automatic replies, and complaints
RUNS = 200  # newest automatic mails that are looked at together,
RUN_DAYS = 31  # if they are no older
BREAKERS_MOST = 10_000  # that are shown; one for each address that somebody complained from or a person stopped
CONDUCT_MOST = 2000  # rows of a batch's senders, newest first

_PERMIT, _OUTBOX, _MESSAGE, _TICKET, _MISHAP = (
    tables.permit.c,
    tables.outbox.c,
    tables.message.c,
    tables.ticket.c,
    tables.mishap.c,
)
_MACHINE, _TAKEN, _BEGUN, _FLOOD, _WRONG = range(5)
_SINCE, _LONG = bindparam("since", type_=Utc()), bindparam("long", type_=Utc())
# What was sent on to somebody is no mail of ours that he answers.
_WAS_TAKEN = and_(_OUTBOX.state == OutboxState.SENT, _PERMIT.purpose != Purpose.REDIRECT)


def _conduct() -> Any:
    """Four questions about the same people, and one about everybody, in one statement.

    Each part has an index of its own. Where there is too much, automatic replies are what stays out.
    """
    number = cast(literal(0), BigInteger)
    return (
        union_all(
            select(literal(_TAKEN).label("sort"), _PERMIT.address.label("who"), _OUTBOX.settled_at.label("at"))
            .add_columns(_PERMIT.fingerprint.label("text"), number.label("number"))
            .join(tables.outbox, _OUTBOX.permit_id == _PERMIT.id)
            .where(is_one_of_given(_PERMIT.address, "people"), _PERMIT.at > _LONG, _WAS_TAKEN),
            select(literal(_MACHINE), _MESSAGE.sender, _MESSAGE.at, _MESSAGE.fingerprint, number).where(
                is_one_of_given(_MESSAGE.sender, "people"),
                _MESSAGE.kind == literal(Kind.AUTO_REPLY.value, literal_execute=True),
                _MESSAGE.at > _LONG,
            ),
            select(literal(_BEGUN), _MESSAGE.sender, _MESSAGE.at, _MESSAGE.fingerprint, number)
            .where(is_one_of_given(_MESSAGE.sender, "people"), _MESSAGE.at > _SINCE)
            .where(_MESSAGE.direction == Direction.IN)
            .where(_MESSAGE.disposition == literal(Disposition.TICKET.value, literal_execute=True)),
            select(literal(_FLOOD), _TICKET.requester, _TICKET.updated_at, cast(literal(""), Text), _TICKET.id).where(
                is_one_of_given(_TICKET.requester, "people"),
                _TICKET.updated_at > _SINCE,
                literal_column("ticket.flood"),
            ),
            # Their names spelled out, so that the planner knows how few of them there are.
            select(
                literal(_WRONG), literal_column("mishap.trouble", Text), _MISHAP.at, cast(literal(""), Text), number
            ).where(
                or_(
                    and_(literal_column("mishap.trouble = 'repeated'"), _MISHAP.at > _SINCE),
                    and_(literal_column("mishap.trouble = 'came-back'"), _MISHAP.at > _SINCE),
                    and_(literal_column("mishap.trouble = 'complained'"), _MISHAP.at > _LONG),
                )
            ),
        )
        .order_by(literal_column("sort").desc(), literal_column("at").desc())
        .limit(CONDUCT_MOST)
    )


# Built once: to build a statement costs more than to run it.
_CONDUCT = _conduct()
_BREAKERS = select(tables.breaker).where(is_one_of_given(tables.breaker.c.key, "keys"))
_NEWEST = (
    select(_PERMIT.id, _PERMIT.at, _PERMIT.domain, _PERMIT.unproven)
    .where(_PERMIT.purpose.in_((Purpose.ACKNOWLEDGE, Purpose.CHALLENGE)), _PERMIT.at > bindparam("since", type_=Utc()))
    .order_by(_PERMIT.at.desc(), _PERMIT.id.desc())
    .limit(RUNS)
)
# By their ids, so that no planner has a reason to read all of either table.
_WENT_WRONG = (
    select(_OUTBOX.permit_id, _OUTBOX.message_id, _MISHAP.trouble)
    .outerjoin(tables.mishap, _MISHAP.message_id == _OUTBOX.message_id)
    .where(is_one_of_given(_OUTBOX.permit_id, "permits"))
)


def gather(conn: Connection, ask: Ask, people: frozenset[str], facts: Facts) -> None:
    """Add to `facts` what the `people` of a batch did, and all that bears on the breakers."""
    if not (people or ask.mailboxes or ask.runs):
        return
    _read_conduct(conn, ask.now, people, facts)
    facts.breakers = breakers(conn, people | ask.domains | ask.mailboxes | {""})
    facts.runs = runs(conn, ask.now) if ask.runs else []


def runs(conn: Connection, now: datetime) -> list[Run]:
    """The newest automatic mails to the world outside, newest first, each with what went wrong."""
    permits = conn.execute(_NEWEST, {"since": now - timedelta(days=RUN_DAYS)}).all()
    messages: dict[int, int] = {}
    troubles: dict[int, set[Trouble]] = defaultdict(set)
    for row in conn.execute(_WENT_WRONG, {"permits": listed([one.id for one in permits])}) if permits else ():
        messages[row.permit_id] = row.message_id
        troubles[row.permit_id] |= {row.trouble} if row.trouble else set()
    return [
        Run(messages[one.id], one.at, one.domain, one.unproven, frozenset(troubles[one.id]))
        for one in permits
        if one.id in messages
    ]


def breakers(conn: Connection, keys: Collection[str]) -> dict[tuple[Scope, str], Breaker]:
    """The breakers of these addresses, domains and mailboxes; "" is the one of all."""
    return {(row.scope, row.key): rows.breaker(row) for row in conn.execute(_BREAKERS, {"keys": listed(keys)})}


def standing(conn: Connection, limit: int = BREAKERS_MOST) -> list[Breaker]:
    """Every breaker that was not written down as closed, that of all first; time may have closed some of them since."""
    wide = case((tables.breaker.c.scope == Scope.ALL, 0), (tables.breaker.c.scope == Scope.MAILBOX, 1), else_=2)
    page = select(tables.breaker).where(tables.breaker.c.state != BreakerState.CLOSED)
    return [rows.breaker(row) for row in conn.execute(page.order_by(wide, tables.breaker.c.since.desc()).limit(limit))]


def _read_conduct(conn: Connection, now: datetime, people: frozenset[str], facts: Facts) -> None:
    since = {"since": now - LATELY, "long": now - timedelta(days=LONG_DAYS)}
    for row in conn.execute(_CONDUCT, {"people": listed(people), **since}):
        if row.sort == _TAKEN:
            facts.taken.setdefault(row.who, []).append(Taken(row.at, row.text))
        elif row.sort == _MACHINE:
            facts.machine_mails.setdefault(row.who, []).append(row.at)
            if row.text:
                facts.machine_words.setdefault(row.who, set()).add(row.text)
        elif row.sort == _BEGUN:
            facts.begun.setdefault(row.who, []).append(Begun(row.at, row.text))
        elif row.sort == _FLOOD:
            facts.floods.setdefault(row.who, row.number)
        else:
            # Whom it met is of no account here.
            facts.mishaps.append(Mishap(0, row.at, Trouble(row.who), "", ""))
