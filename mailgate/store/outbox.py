"""Store: the way out: which mail may be tried now, and what follows from what the next hop said.

House rules: a mail is marked as handed, durably, before its bytes are. From then on an automatic mail is tried again
only where the next hop said that it did not take it; silence ends it (a lost acknowledgement harms nobody, a second
challenge does). A person's mail is tried again in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)

from mailgate.errors import NotAllowed
from mailgate.model import (
    Answer,
    ChallengeState,
    Due,
    HeldState,
    OutboxState,
    Purpose,
    Scope,
    Settlement,
    Standing,
)
from mailgate.store import tables
from mailgate.store.dialect import has_one_daemon, is_one_of, is_one_of_given, listed
from mailgate.store.journal import decompressed
from mailgate.store.types import Utc
from mailgate.store.unreached import nobody_there, told
from mailgate.store.unwanted import HELD_BACK, unwanted

UNDELIVERABLE_DAYS = 60

# RFC 6531 section 3.5: the hop takes no address like this one. That says nothing of the address.
OUR_HOPS_LACK = "5.6.7"

NOT_SENT_TWICE = "it may have arrived; not sent twice"
RECALLED = "the database was restored; it may have been sent already"
CANCELLED = "cancelled by a person"
ASKED_FOR = "a person asked for another try"
CAME_BACK = "our question to the sender came back"
NEVER_LEFT = "our question to the sender could not be sent"
MAY_BE_LOST = "our question to the sender may not have arrived"

_OUTBOX, _MESSAGE, _CHALLENGE = tables.outbox, tables.message, tables.challenge
# Spelled out and not parameters, so that the planner sees which partial index it may use.
_READY = _OUTBOX.c.state == literal_column("'ready'")
AWAY: ColumnElement[bool] = literal_column("outbox.state IN ('leased', 'handed')")
OUTSIDE = tuple(purpose for purpose in Purpose if purpose.outside)
OF_PEOPLE = (Purpose.AGENT, Purpose.REDIRECT)  # what a person wrote, of ours or not: somebody waits for it
_IS_AUTOMATIC = _OUTBOX.c.purpose != Purpose.AGENT


# Two questions, since each has an index that ends at the limit; one with OR would sort the whole backlog.
_LAPSED = select(_OUTBOX.c.id).where(
    AWAY, _OUTBOX.c.state == OutboxState.LEASED, _OUTBOX.c.lease_until <= bindparam("now")
)
_DUE = select(_OUTBOX.c.id).where(_READY, _OUTBOX.c.next_at <= bindparam("now"))
_TO_CLAIM = [
    question.limit(bindparam("most")).with_for_update(skip_locked=True)
    for question in (_LAPSED, _DUE.order_by(_OUTBOX.c.next_at, _OUTBOX.c.id))
]
_LEASE = (
    update(_OUTBOX)
    .where(is_one_of_given(_OUTBOX.c.id, "mine"))
    .values(
        state=OutboxState.LEASED,
        attempts=_OUTBOX.c.attempts + 1,
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
    )
)
_CLAIMED = (
    select(_OUTBOX, tables.raw.c.zstd, tables.raw.c.size_bytes)
    .join(tables.raw, tables.raw.c.id == _OUTBOX.c.raw_id)
    .where(is_one_of_given(_OUTBOX.c.id, "mine"))
    .order_by(_OUTBOX.c.next_at, _OUTBOX.c.id)
)
_NEXT_DUE = select(func.min(_OUTBOX.c.next_at)).where(_READY)


def claim(conn: Connection, now: datetime, limit: int, owner: str, lease_s: float) -> list[Due]:
    """Take up to `limit` mails that are due, oldest first, for `owner` until the lease ends; the attempt counts.

    A lease that ended before the mail was handed is taken over: whoever comes second to `handed` is refused.
    """
    taken: list[int] = []
    for question in _TO_CLAIM:
        taken += conn.execute(question, {"now": now, "most": limit - len(taken)}).scalars()
    if not taken:
        return []
    for_whom = {"owner": owner, "until": now + timedelta(seconds=lease_s)}
    conn.execute(_LEASE, {"mine": listed(taken), **for_whom})
    over = _take_back(conn, taken, now)
    mine = {"mine": listed([one for one in taken if one not in over])}
    return [_due(row) for row in conn.execute(_CLAIMED, mine)]


def _take_back(conn: Connection, taken: list[int], now: datetime) -> dict[int, str]:
    """Cancel what was allowed once and is not wanted any more."""
    reasons = unwanted(conn, taken, now)
    rows = _rows(conn, is_one_of(_OUTBOX.c.id, reasons)) if reasons else ()
    _settle(
        conn, [(row, Settlement(row.id, OutboxState.CANCELLED, Answer(0, reasons[row.id]), now)) for row in rows], 0
    )
    return reasons


def next_due(conn: Connection) -> datetime | None:
    """When the next mail is due, or None where none waits."""
    return conn.execute(_NEXT_DUE).scalar()


_HAND = (
    update(_OUTBOX)
    .where(is_one_of_given(_OUTBOX.c.id, "mine"), _OUTBOX.c.state == OutboxState.LEASED)
    .values(state=OutboxState.HANDED)
)


def handed(conn: Connection, outbox_ids: list[int]) -> list[None]:
    """Mark mails whose bytes will now be written. Work for a group.

    Raises:
        NotAllowed: one of them was cancelled, or handed by somebody else: do not write it.
    """
    if conn.execute(_HAND, {"mine": listed(outbox_ids)}).rowcount != len(outbox_ids):
        raise NotAllowed("the mail was cancelled, or handed by somebody else")
    return [None] * len(outbox_ids)


def settle(
    conn: Connection, settlements: Sequence[Settlement], *, undeliverable_days: int = UNDELIVERABLE_DAYS
) -> list[None]:
    """Write how attempts ended, and what follows from it. Work for a group.

    A mail that is no longer away (it was cancelled, or settled before) stays as it is.
    """
    away = _away(conn, [settlement.outbox_id for settlement in settlements])
    ended = [(away[one.outbox_id], one) for one in settlements if one.outbox_id in away]
    _settle(conn, ended, undeliverable_days)
    return [None] * len(settlements)


def recover(conn: Connection, owner: str, now: datetime) -> int:
    """Take back what dead processes had claimed; called once at a start, before anything is claimed. How many.

    What was not handed is ready again, and so is a person's mail; an automatic one that was handed has failed. Where a
    database has one daemon, every lease is a dead one's; elsewhere those that ended or that `owner` left.
    """
    theirs = or_(_OUTBOX.c.lease_owner == owner, _OUTBOX.c.lease_until <= now)
    dead = and_(AWAY, true() if has_one_daemon(conn) else theirs)
    lost = and_(_OUTBOX.c.state == OutboxState.HANDED, _IS_AUTOMATIC)
    answer = Answer(0, NOT_SENT_TWICE, handed=True)
    failed = [
        Settlement(outbox_id, OutboxState.FAILED, answer, now)
        for outbox_id in conn.execute(select(_OUTBOX.c.id).where(dead, lost)).scalars()
    ]
    settle(conn, failed)
    freed = update(_OUTBOX).where(dead).values(state=OutboxState.READY, lease_owner=None, lease_until=None)
    return len(failed) + conn.execute(freed).rowcount


def give_back(conn: Connection, owner: str, under_way: Iterable[int]) -> int:
    """Free what stands under the name of `owner`, who knows only of what is `under_way`. How many rows that were.

    For whoever never heard whether his claim was committed.
    """
    unknown = and_(AWAY, _OUTBOX.c.state == OutboxState.LEASED, _OUTBOX.c.lease_owner == owner)
    freed = (
        update(_OUTBOX)
        .where(unknown, not_(is_one_of(_OUTBOX.c.id, under_way)))
        .values(state=OutboxState.READY, lease_owner=None, lease_until=None)
    )
    return conn.execute(freed).rowcount


def retry(conn: Connection, outbox_id: int, now: datetime) -> bool:
    """Try a waiting mail, or a failed one of a person, now and for its whole time again; false where it is neither."""
    failed = and_(_OUTBOX.c.state == OutboxState.FAILED, _OUTBOX.c.purpose == Purpose.AGENT)
    found = conn.execute(select(_OUTBOX).where(_OUTBOX.c.id == outbox_id, or_(_READY, failed))).one_or_none()
    if found is None:
        return False
    again: dict[str, Any] = {"next_at": now, "last_code": 0, "last_reply": ASKED_FOR}
    if found.state is OutboxState.FAILED:
        give_up_at = now + (found.give_up_at - found.created_at)
        again |= {"state": OutboxState.READY, "attempts": 0, "give_up_at": give_up_at, "settled_at": None}
    conn.execute(update(_OUTBOX).where(_OUTBOX.c.id == outbox_id).values(**again))
    return True


def cancel(conn: Connection, outbox_id: int, now: datetime) -> bool:
    """Send a mail no more that waits, or is claimed and not yet handed; false where it is too late."""
    waiting = or_(_READY, _OUTBOX.c.state == OutboxState.LEASED)
    rows = _rows(conn, and_(_OUTBOX.c.id == outbox_id, waiting))
    _settle(conn, [(row, Settlement(row.id, OutboxState.CANCELLED, Answer(0, CANCELLED), now)) for row in rows], 0)
    return bool(rows)


def recall(conn: Connection, now: datetime) -> int:
    """Send no automatic mail that has not ended, because all of it may have been sent; how many mails that were."""
    rows = _rows(conn, and_(or_(_READY, AWAY), _IS_AUTOMATIC))
    answer = Answer(0, RECALLED, handed=True)
    _settle(conn, [(row, Settlement(row.id, OutboxState.CANCELLED, answer, now)) for row in rows], 0)
    return len(rows)


def hold_back(conn: Connection, scope: Scope, key: str, now: datetime) -> int:
    """Send no automatic mail to the world outside that is not handed yet and that this breaker concerns; how many."""
    permit = tables.permit.c
    theirs = {Scope.ADDRESS: permit.address, Scope.DOMAIN: permit.domain, Scope.MAILBOX: permit.mailbox}
    concerned = true() if scope is Scope.ALL else theirs[scope] == key
    ids = select(permit.id).where(concerned, permit.id == _OUTBOX.c.permit_id, permit.purpose.in_(OUTSIDE)).exists()
    waiting = or_(_READY, and_(AWAY, _OUTBOX.c.state == OutboxState.LEASED))
    rows = _rows(conn, and_(waiting, ids))
    _settle(conn, [(row, Settlement(row.id, OutboxState.CANCELLED, Answer(0, HELD_BACK), now)) for row in rows], 0)
    return len(rows)


def message_of(conn: Connection, outbox_id: int) -> tuple[int, str]:
    """The row of `message` of an outgoing mail, and its canonical recipient."""
    found = select(_MESSAGE.c.id, _MESSAGE.c.recipient).join(_OUTBOX, _OUTBOX.c.message_id == _MESSAGE.c.id)
    row = conn.execute(found.where(_OUTBOX.c.id == outbox_id)).one()
    return row.id, row.recipient


def _due(row: Any) -> Due:
    return Due(
        outbox_id=row.id,
        purpose=row.purpose,
        mail_from=row.mail_from,
        rcpt_to=row.rcpt_to,
        raw=decompressed(row.zstd, row.size_bytes),
        attempts=row.attempts,
        created_at=row.created_at,
        give_up_at=row.give_up_at,
        utf8=row.utf8,
        cause=row.cause,
        asked_for=row.last_reply == ASKED_FOR,
    )


def _away(conn: Connection, outbox_ids: Iterable[int]) -> dict[int, Any]:
    return {row.id: row for row in _rows(conn, and_(AWAY, is_one_of(_OUTBOX.c.id, outbox_ids)))}


def _rows(conn: Connection, condition: Any) -> Sequence[Any]:
    columns = (_MESSAGE.c.token_id, _MESSAGE.c.recipient, _MESSAGE.c.ticket_id, _MESSAGE.c.at)
    found = select(_OUTBOX.c.id, _OUTBOX.c.message_id, _OUTBOX.c.purpose, *columns)
    return conn.execute(found.join(_MESSAGE, _MESSAGE.c.id == _OUTBOX.c.message_id).where(condition)).all()


# ── What follows ──────────────────────────────────────────────────────────────────────────────────────────────────────

Ended = list[tuple[Any, Settlement]]

_SETTLE = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == bindparam("of_outbox"))
    .values(
        state=bindparam("to_state"),
        next_at=func.coalesce(bindparam("then", type_=Utc()), _OUTBOX.c.next_at),
        last_code=bindparam("code"),
        last_reply=bindparam("reply"),
        settled_at=bindparam("ended"),
        lease_owner=None,
        lease_until=None,
    )
)
_SENT = update(_MESSAGE).where(_MESSAGE.c.id == bindparam("of_message")).values(sent_at=bindparam("then"))
_RENAMED = update(_MESSAGE).where(_MESSAGE.c.id == bindparam("of_message")).values(alias=bindparam("name"))
_END_CHALLENGE = (
    update(_CHALLENGE)
    .where(_CHALLENGE.c.token_id == bindparam("of_token"), _CHALLENGE.c.state == ChallengeState.QUEUED)
    .values(state=bindparam("to_state"), sent_at=bindparam("then"))
)
# A doubtful answer was faster than the next hop's last word; the challenge can still be confirmed.
_LEFT = (
    update(_CHALLENGE)
    .where(_CHALLENGE.c.token_id == bindparam("of_token"), _CHALLENGE.c.state == ChallengeState.DOUBTFUL)
    .where(_CHALLENGE.c.sent_at.is_(None))
    .values(sent_at=bindparam("then"))
)
_TO_PEOPLE = (
    update(_MESSAGE)
    .where(_MESSAGE.c.sender == bindparam("of_address"), _MESSAGE.c.held == HeldState.WAIT)
    .values(held=HeldState.HUMAN, held_reason=bindparam("reason"))
)
_STANDS = (
    update(tables.address)
    .where(tables.address.c.address == bindparam("of_address"), tables.address.c.standing == Standing.CHALLENGED)
    .values(standing=bindparam("to_standing"), since=bindparam("then"), until=bindparam("ends"))
)


_UNREACHED = (
    update(tables.address)
    .where(tables.address.c.address == bindparam("of_address"), tables.address.c.standing != Standing.BLOCKED)
    .values(standing=Standing.UNDELIVERABLE, since=bindparam("then"), until=bindparam("ends"))
)


def _settle(conn: Connection, ended: Ended, undeliverable_days: int) -> None:
    rows = [
        {
            "of_outbox": row.id,
            "to_state": one.state,
            "then": one.next_at,
            "code": one.answer.code,
            "reply": one.answer.text,
            "ended": None if one.state is OutboxState.READY else one.at,
        }
        for row, one in ended
    ]
    _run(conn, _SETTLE, rows)
    sent = [{"of_message": row.message_id, "then": one.at} for row, one in ended if one.state is OutboxState.SENT]
    _run(conn, _SENT, sent)
    _run(conn, _RENAMED, [{"of_message": row.message_id, "name": one.alias} for row, one in ended if one.alias])
    over = [(row, one) for row, one in ended if one.state is not OutboxState.READY]
    _challenges_end(conn, [end for end in over if end[0].purpose is Purpose.CHALLENGE], undeliverable_days)
    _staff_unreached(conn, [end for end in over if end[0].purpose.to_staff], undeliverable_days)
    lost = (OutboxState.FAILED, OutboxState.CANCELLED)
    letters = [end for end in over if end[0].purpose in OF_PEOPLE and end[1].state in lost]
    told(conn, letters)
    refused = {row.recipient: one for row, one in letters}
    nobody_there(conn, refused, undeliverable_days)


def _challenges_end(conn: Connection, ended: Ended, undeliverable_days: int) -> None:
    """A challenge was sent, came back, was never sent, or nobody knows."""
    ends = [(row, one, *_end(one, undeliverable_days)) for row, one in ended]
    states = [
        {"of_token": row.token_id, "to_state": state, "then": one.at if state is ChallengeState.SENT else None}
        for row, one, state, _, _ in ends
    ]
    _run(conn, _END_CHALLENGE, states)
    left = [{"of_token": one["of_token"], "then": one["then"]} for one in states if one["then"]]
    _run(conn, _LEFT, left)
    moved = [{"of_address": row.recipient, "reason": reason} for row, _, _, reason, _ in ends if reason]
    _run(conn, _TO_PEOPLE, moved)
    standings = [
        {
            "of_address": row.recipient,
            "to_standing": standing,
            "then": one.at,
            "ends": one.at + timedelta(days=undeliverable_days) if standing is Standing.UNDELIVERABLE else None,
        }
        for row, one, _, _, standing in ends
        if standing
    ]
    _run(conn, _STANDS, standings)


def _end(settlement: Settlement, undeliverable_days: int) -> tuple[ChallengeState, str, Standing | None]:
    """The state of the challenge, why its mail now waits for a person ("": it does not), and how the address stands."""
    answer = settlement.answer
    if settlement.state is OutboxState.SENT:
        return ChallengeState.SENT, "", None
    nobody_knows = settlement.state is OutboxState.FAILED or answer.text == RECALLED
    if nobody_knows and answer.handed and answer.code < 500:
        # Nobody said no. Whoever got it may still answer, and a person looks in any case.
        return ChallengeState.SENT, MAY_BE_LOST, None
    if settlement.state is OutboxState.FAILED and not answer.text.startswith(OUR_HOPS_LACK):
        return ChallengeState.BOUNCED, f"{CAME_BACK}: {answer.code} {answer.text}", Standing.UNDELIVERABLE
    return ChallengeState.CANCELLED, f"{NEVER_LEFT}: {answer.text}", Standing.UNKNOWN


def _staff_unreached(conn: Connection, ended: Ended, undeliverable_days: int) -> None:
    """An address of our own people that the next hop refuses for good gets no more, or reports would never end."""
    refused = [
        {"of_address": row.recipient, "then": one.at, "ends": one.at + timedelta(days=undeliverable_days)}
        for row, one in ended
        if one.state is OutboxState.FAILED and one.answer.code >= 500 and not one.answer.text.startswith(OUR_HOPS_LACK)
    ]
    _run(conn, _UNREACHED, refused)


def _run(conn: Connection, statement: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(statement, rows)
