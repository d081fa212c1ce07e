"""Store: mails that are carried outside by HTTP: which may be tried now, and what came of it.

House rules: to claim an errand puts it off until its lease ends, and counts the attempt; so whoever dies with it leaves
it due again by itself, and it is carried at least once. Only the attempt that was claimed last can settle it. `due_at`
says when it is tried next, and, once it has ended, when it did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, bindparam, delete, insert, not_, select, update

from mailgate.model import OPERATOR_QUEUE, Errand, ErrandKind, ErrandState, TicketState
from mailgate.store import tables
from mailgate.store.bulk import put
from mailgate.store.dialect import is_one_of
from mailgate.store.journal import decompressed
from mailgate.store.tables import Direction

LOOKED_AT = 100  # errands that are due, of which those are claimed that their targets have room for
PRUNED_MOST = 500  # in one transaction
DONE_DAYS = 7
FAILED_DAYS = 60
LEARNER = ""  # the target of what the spam filter is taught

_ERRAND, _MESSAGE, _TICKET = tables.errand.c, tables.message.c, tables.ticket.c
_IS_DUE = _ERRAND.state == ErrandState.DUE
_ADD = insert(tables.errand)


@dataclass(frozen=True, slots=True)
class Carried:
    """An errand claimed for an attempt."""

    id: int
    kind: ErrandKind
    target: str
    message_id: int
    attempts: int  # this one included
    give_up_at: datetime


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is known of the mail of an errand, beside its bytes."""

    at: datetime
    sender: str
    sender_name: str
    recipient: str
    mailbox: str
    verdict: Mapping[str, Any]
    ticket: int | None  # its number
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErrandLine:
    """An errand in a list."""

    id: int
    kind: ErrandKind
    target: str
    state: ErrandState
    attempts: int
    due_at: datetime
    last_error: str


def add(conn: Connection, errands: Iterable[Errand]) -> None:
    """Write new errands; they are due at once."""
    blank = {"state": ErrandState.DUE, "attempts": 0, "lease_owner": None, "lease_until": None, "last_error": ""}
    rows = [asdict(one) | blank | {"created_at": one.at, "due_at": one.at} for one in errands]
    put(conn, _ADD, [{name: value for name, value in row.items() if name != "at"} for row in rows])


def claim(
    conn: Connection, now: datetime, *, owner: str, lease_s: float, most: int, room: Mapping[str, int], each: int
) -> list[Carried]:
    """Take up to `most` errands that are due, longest first, for `owner` until the lease ends; the attempt counts.

    Each target gets as many as `room` says; one that is not named there, `each`.
    """
    full = [target for target, places in room.items() if places <= 0]
    due = (
        select(_ERRAND.id, _ERRAND.target)
        .where(_IS_DUE, _ERRAND.due_at <= now, not_(is_one_of(_ERRAND.target, full)))
        .order_by(_ERRAND.due_at, _ERRAND.id)
        .limit(LOOKED_AT)
        .with_for_update(skip_locked=True)
    )
    mine = _fitting(conn.execute(due).all(), most, dict(room), each)
    if not mine:
        return []
    until = now + timedelta(seconds=lease_s)
    taken = is_one_of(_ERRAND.id, mine)
    lease = {"lease_owner": owner, "lease_until": until, "due_at": until}
    conn.execute(update(tables.errand).where(taken).values(attempts=_ERRAND.attempts + 1, **lease))
    columns = (_ERRAND.id, _ERRAND.kind, _ERRAND.target, _ERRAND.message_id, _ERRAND.attempts, _ERRAND.give_up_at)
    return [Carried(*row) for row in conn.execute(select(*columns).where(taken).order_by(_ERRAND.id))]


def _fitting(due: Sequence[Any], most: int, room: dict[str, int], each: int) -> list[int]:
    found: list[int] = []
    for row in due:
        places = room.get(row.target, each)
        if places > 0 and len(found) < most:
            room[row.target] = places - 1
            found.append(row.id)
    return found


def is_due(conn: Connection, now: datetime, closed: Collection[str]) -> bool:
    """Is there an errand to try now, to a target that is not `closed`?"""
    waiting = select(_ERRAND.id).where(_IS_DUE, _ERRAND.due_at <= now, not_(is_one_of(_ERRAND.target, closed)))
    return conn.execute(waiting.limit(1)).first() is not None


_SETTLE = (
    update(tables.errand)
    .where(_ERRAND.id == bindparam("of_errand"), _ERRAND.attempts == bindparam("of_attempt"), _IS_DUE)
    .values(
        state=bindparam("to_state"),
        due_at=bindparam("then"),
        last_error=bindparam("why"),
        lease_owner=None,
        lease_until=None,
    )
)


def settle(conn: Connection, carried: Carried, state: ErrandState, then: datetime, why: str) -> bool:
    """Write what came of an attempt; false where the errand was claimed anew meanwhile, and is no longer ours."""
    said = {"of_errand": carried.id, "of_attempt": carried.attempts, "to_state": state, "then": then, "why": why}
    return conn.execute(_SETTLE, said).rowcount == 1


def parcel(conn: Connection, message_id: int) -> tuple[bytes, Parcel] | None:
    """The bytes of a mail as received, and how it stands now; None where it is gone."""
    raw = tables.raw.c
    mail = _MESSAGE
    columns = (mail.at, mail.author, mail.author_name, mail.recipient, mail.mailbox, mail.verdict, mail.ticket_id)
    row = conn.execute(
        select(*columns, raw.zstd, raw.size_bytes, _TICKET.number)
        .join(tables.raw, raw.id == mail.raw_id)
        .outerjoin(tables.ticket, _TICKET.id == mail.ticket_id)
        .where(mail.id == message_id)
    ).one_or_none()
    if row is None:
        return None
    tag = tables.ticket_tag.c
    tags = conn.execute(select(tag.tag).where(tag.ticket_id == row.ticket_id).order_by(tag.tag)).scalars()
    known = Parcel(
        at=row.at,
        sender=row.author,
        sender_name=row.author_name,
        recipient=row.recipient,
        mailbox=row.mailbox,
        verdict=row.verdict or {},
        ticket=row.number,
        tags=tuple(tags),
    )
    return decompressed(row.zstd, row.size_bytes), known


def first_mail(conn: Connection, ticket_id: int) -> int | None:
    """The mail with which a ticket began, None where no customer wrote one."""
    his = _MESSAGE.ticket_id == ticket_id, _MESSAGE.direction == Direction.IN, _MESSAGE.proposed.is_(False)
    first = select(_MESSAGE.id).where(*his).order_by(_MESSAGE.at, _MESSAGE.id).limit(1)
    return conn.execute(first).scalar()


# ── When it is given up ───────────────────────────────────────────────────────────────────────────────────────────────


def ticket_of(conn: Connection, message_id: int) -> int | None:
    """The ticket in which the mail stands, None where it stands in none."""
    return conn.execute(select(_MESSAGE.ticket_id).where(_MESSAGE.id == message_id)).scalar()


def operators_ticket(conn: Connection, topic: str) -> int | None:
    """The open ticket that tells the operator of `topic` already."""
    asks = _TICKET.queue == OPERATOR_QUEUE, _TICKET.state == TicketState.OPEN, _TICKET.topic == topic
    return conn.execute(select(_TICKET.id).where(*asks).order_by(_TICKET.id).limit(1)).scalar()


# ── Looking after them ────────────────────────────────────────────────────────────────────────────────────────────────


def listed(
    conn: Connection, limit: int, *, states: Sequence[ErrandState], before: int | None = None
) -> list[ErrandLine]:
    """Errands in these states, newest first, beginning below the id `before`."""
    columns = (_ERRAND.id, _ERRAND.kind, _ERRAND.target, _ERRAND.state, _ERRAND.attempts, _ERRAND.due_at)
    found = select(*columns, _ERRAND.last_error).where(_ERRAND.state.in_(states))
    if before is not None:
        found = found.where(_ERRAND.id < before)
    return [ErrandLine(*row) for row in conn.execute(found.order_by(_ERRAND.id.desc()).limit(limit))]


def retry(conn: Connection, errand_id: int, now: datetime) -> bool:
    """Try a waiting or failed errand now, and for its whole time again; false where it is neither."""
    whole = select(_ERRAND.created_at, _ERRAND.give_up_at).where(
        _ERRAND.id == errand_id, _ERRAND.state != ErrandState.DONE
    )
    row = conn.execute(whole).one_or_none()
    if row is None:
        return False
    again = {"state": ErrandState.DUE, "attempts": 0, "due_at": now, "created_at": now}
    conn.execute(
        update(tables.errand)
        .where(_ERRAND.id == errand_id)
        .values(**again, give_up_at=now + (row.give_up_at - row.created_at))
    )
    return True


def prune(conn: Connection, now: datetime) -> int:
    """Take away some of what ended long ago; how many errands that were, `PRUNED_MOST` where there may be more."""
    gone = 0
    for state, days in ((ErrandState.DONE, DONE_DAYS), (ErrandState.FAILED, FAILED_DAYS)):
        old = _ERRAND.state == state, _ERRAND.due_at <= now - timedelta(days=days)
        some = select(_ERRAND.id).where(*old).order_by(_ERRAND.due_at).limit(PRUNED_MOST - gone)
        ids = list(conn.execute(some).scalars())
        gone += conn.execute(delete(tables.errand).where(is_one_of(_ERRAND.id, ids))).rowcount if ids else 0
    return gone
