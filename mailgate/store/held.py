"""Store: held mail by its senders, for lists that a flood must not fill, and what of it our people were told.

What was told is a row of `counter` for each mail that still waits; it goes when the mail does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, case, cast, delete, func, literal, or_, select

from mailgate.model import HeldState
from mailgate.store import tables
from mailgate.store.bulk import put
from mailgate.store.dialect import is_one_of, upsert
from mailgate.store.documents import against
from mailgate.store.types import EPOCH
from mailgate.store.views import HeldContact

CONTACTS_MOST = 10_000
TOLD_MOST = 10_000  # mails that one digest counts as told; of more, the next one tells
UNJUDGED = (HeldState.WAIT, HeldState.HUMAN, HeldState.LIKELY_SPAM)  # by a person
TOLD = "told/"  # begins the name of a counter; the id of a mail follows
DIGEST_AT = "digest-at"  # the name of the counter: the last moment a digest was due and looked after, in seconds

_MESSAGE, _JOURNAL, _COUNTER = tables.message.c, tables.journal.c, tables.counter.c
POINTS: ColumnElement[float] = func.coalesce(_MESSAGE.spam, 0.0)
# Whom people should look at first: what waits for somebody, then what stands apart, then what was judged spam.
LIKELIEST_FIRST: tuple[ColumnElement[Any], ...] = (
    case(
        (_MESSAGE.held.in_((HeldState.SPAM, HeldState.ARCHIVED)), 2),
        (_MESSAGE.held == HeldState.LIKELY_SPAM, 1),
        else_=0,
    ),
    POINTS,
    _MESSAGE.id,
)
_HUMAN = _MESSAGE.held == HeldState.HUMAN
# Whoever has no single author is known by the reverse-path.
_WHO: ColumnElement[str] = case((_MESSAGE.sender != "", _MESSAGE.sender), else_=_JOURNAL.mail_from)
_TOLD_NAME: ColumnElement[str] = literal(TOLD) + cast(_MESSAGE.id, Text)


def by_sender(
    conn: Connection, limit: int = CONTACTS_MOST, *, states: Sequence[HeldState] = tuple(HeldState)
) -> list[HeldContact]:
    """Who has mail that is held in one of `states`, each once; who is likeliest a person stands first, then the oldest.

    A sender is as likely a person as the likeliest of his mails.
    """
    grouped = (
        select(
            _WHO.label("who"), func.count().label("mails"), func.min(_MESSAGE.id).label("id"),
            func.max(_MESSAGE.at).label("newest_at"),
        )
        .join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
        .where(_MESSAGE.held.is_not(None), _MESSAGE.held.in_(list(states)))
        .group_by(_WHO)
        .order_by(func.min(POINTS), func.min(_MESSAGE.id))
        .limit(limit)
    )  # fmt: skip
    groups = conn.execute(grouped).all()
    first = select(
        _MESSAGE.id, _MESSAGE.author, _MESSAGE.subject, _MESSAGE.held, _MESSAGE.held_reason, _MESSAGE.at,
        _MESSAGE.kind, _MESSAGE.level, _MESSAGE.spam, _MESSAGE.verdict,
    ).where(is_one_of(_MESSAGE.id, [one.id for one in groups]))  # fmt: skip
    oldest = {row.id: row for row in conn.execute(first)} if groups else {}
    return [_contact(oldest[one.id], one.who, one.mails, one.newest_at) for one in groups]


def one(conn: Connection, message_id: int) -> HeldContact | None:
    """The held mail of this id with how much more of its sender is held, or None where it is held no longer."""
    found = (
        select(tables.message, _JOURNAL.mail_from)
        .join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id)
        .where(_MESSAGE.id == message_id, _MESSAGE.held.is_not(None))
    )
    row = conn.execute(found).one_or_none()
    if row is None:
        return None
    # What has no single author is decided on by itself.
    mails = len(of_sender(conn, row.sender)) if row.sender else 1
    return _contact(row, row.mail_from, mails, row.at)


def _contact(oldest: Any, who: str, mails: int, newest_at: datetime) -> HeldContact:
    """By the mail that has waited longest; `who` names its sender where it has no author."""
    return HeldContact(
        id=oldest.id,
        from_=oldest.author or who,
        mails=mails,
        since=oldest.at,
        newest_at=newest_at,
        state=oldest.held,
        kind=oldest.kind,
        level=oldest.level,
        reason=oldest.held_reason,
        subject=oldest.subject,
        points=oldest.spam,
        because=against(oldest.verdict),
    )


def with_the_rest(conn: Connection, message_id: int) -> list[int]:
    """A held mail and all others of its sender that no person has judged yet; nothing where it is held no longer."""
    sender = conn.execute(select(_MESSAGE.sender).where(_MESSAGE.id == message_id, _MESSAGE.held.is_not(None))).scalar()
    if not sender:
        return [] if sender is None else [message_id]
    found = select(_MESSAGE.id).where(
        _MESSAGE.sender == sender, _MESSAGE.held.is_not(None), _MESSAGE.held.in_(UNJUDGED)
    )
    return list(conn.execute(found.order_by(_MESSAGE.id).limit(CONTACTS_MOST)).scalars())


def of_sender(conn: Connection, address: str, limit: int = CONTACTS_MOST) -> list[int]:
    """The held mails of a canonical address, oldest first; what was judged spam is among them."""
    found = select(_MESSAGE.id).where(_MESSAGE.sender == address, _MESSAGE.held.is_not(None))
    return list(conn.execute(found.order_by(_MESSAGE.id).limit(limit)).scalars())


def waiting(conn: Connection) -> tuple[int, int]:
    """How many senders have mail that waits for a person, and how many mails that is."""
    grouped = (
        select(func.count().label("mails"))
        .select_from(tables.message.join(tables.journal, _JOURNAL.id == _MESSAGE.journal_id))
        .where(_MESSAGE.held.is_not(None), _HUMAN)
        .group_by(_WHO)
        .subquery()
    )
    row = conn.execute(select(func.count(), func.coalesce(func.sum(grouped.c.mails), 0)).select_from(grouped)).one()
    return row[0], row[1]


def untold(conn: Connection, reader: str = "", limit: int = TOLD_MOST) -> list[int]:
    """Mails that wait for a person and of which no digest has told.

    None of `reader`, the canonical address that gets the digest: it may be a machine's answer to the last one.
    """
    told = select(_COUNTER.name).where(_COUNTER.name == _TOLD_NAME).exists()
    return list(
        conn.execute(
            select(_MESSAGE.id)
            .where(_MESSAGE.held.is_not(None), _HUMAN, ~told, or_(_MESSAGE.sender == "", _MESSAGE.sender != reader))
            .order_by(_MESSAGE.id)
            .limit(limit)
        ).scalars()
    )


def tell(conn: Connection, mails: Sequence[int], at: datetime) -> None:
    """These were told of; what no longer waits for a person is forgotten."""
    still = select(_TOLD_NAME).where(_MESSAGE.held.is_not(None), _HUMAN)
    conn.execute(delete(tables.counter).where(_COUNTER.name.startswith(TOLD), _COUNTER.name.not_in(still)))
    rows = [{"name": f"{TOLD}{mail}", "value": _seconds(at)} for mail in mails]
    put(conn, upsert(conn, tables.counter, key="name"), rows)


def digest_at(conn: Connection) -> datetime | None:
    """The last moment at which a digest was due and somebody looked whether one was needed."""
    found = conn.execute(select(_COUNTER.value).where(_COUNTER.name == DIGEST_AT)).scalar()
    return None if found is None else EPOCH + found * (datetime.resolution * 1_000_000)


def looked(conn: Connection, moment: datetime) -> None:
    """Somebody looked whether the digest of this moment is needed."""
    row = {"name": DIGEST_AT, "value": _seconds(moment)}
    conn.execute(upsert(conn, tables.counter, key="name", change=("value",)), [row])


def _seconds(at: datetime) -> int:
    return int((at - EPOCH).total_seconds())
