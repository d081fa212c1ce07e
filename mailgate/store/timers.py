"""Store: what time alone changes. Each change can be made twice without harm, and says how many rows it moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, literal_column, not_, select, update

from mailgate.model import ChallengeState, HeldState, Standing
from mailgate.store import tables
from mailgate.store.dialect import is_one_of

ROWS_MOST = 5000  # of one kind in one transaction, so that no sender waits for the clock

NOT_ANSWERED = "our question to the sender was not answered"

# Spelled out and not parameters, so that the planner sees which partial index it may use.
_RUNNING: ColumnElement[bool] = literal_column("challenge.state IN ('queued', 'sent', 'doubtful')")
_IS_HELD: ColumnElement[bool] = literal_column("message.held IS NOT NULL")
_WAITING = tables.message.c.held == literal_column("'wait'")


def settle(
    conn: Connection,
    now: datetime,
    *,
    waited: datetime,
    keyed: datetime,
    by_mailbox: Mapping[str, datetime] | None = None,
) -> int:
    """Do all that is due at `now`; how many rows changed, 0 once nothing is left to do.

    Mail accepted at `waited` or before waits for its sender no longer; of the mailboxes in `by_mailbox` that at the
    moment there. Acceptances of `keyed` or before are forgotten, so that the same bytes would be a new mail.
    """
    changed = expire_challenges(conn, now)
    return changed + to_people(conn, waited, by_mailbox or {}) + forget_acceptances(conn, keyed)


def expire_challenges(conn: Connection, now: datetime) -> int:
    """End challenges whose time is over; whatever waited for an answer waits for a person."""
    table, address, message = tables.challenge, tables.address.c, tables.message.c
    over = select(table.c.id, table.c.address).where(_RUNNING, table.c.expires_at <= now).limit(ROWS_MOST)
    ended = {row.id: row.address for row in conn.execute(over)}
    if not ended:
        return 0
    # Still running, for somebody may have confirmed it while we looked.
    mine = update(table).where(is_one_of(table.c.id, ended), _RUNNING).values(state=ChallengeState.EXPIRED)
    conn.execute(mine)
    conn.execute(
        update(tables.address)
        .where(is_one_of(address.address, ended.values()), address.standing == Standing.CHALLENGED)
        .values(standing=Standing.EXPIRED, since=now, until=None)
    )
    _hand_over(conn, is_one_of(message.sender, ended.values()))
    return len(ended)


def to_people(conn: Connection, waited: datetime, by_mailbox: Mapping[str, datetime]) -> int:
    """Mail accepted long enough ago, whose sender was asked and said nothing, waits for a person."""
    message = tables.message.c
    moved = sum(
        _hand_over(conn, and_(message.mailbox == mailbox, message.at <= moment))
        for mailbox, moment in by_mailbox.items()
    )
    others = [not_(is_one_of(message.mailbox, by_mailbox))] if by_mailbox else []
    return moved + _hand_over(conn, and_(message.at <= waited, *others))


def archive(conn: Connection, untouched: datetime) -> int:
    """Spam that was judged so at `untouched` or before, and that nobody touched since, leaves the lists; how many."""
    message, journal = tables.message.c, tables.journal.c
    old = (
        select(message.id)
        .join(tables.journal, journal.id == message.journal_id)
        .where(_IS_HELD, message.held == HeldState.SPAM, message.at <= untouched, journal.settled_at <= untouched)
        .limit(ROWS_MOST)
    )
    ids = conn.execute(old).scalars().all()
    still = update(tables.message).where(is_one_of(message.id, ids), message.held == HeldState.SPAM)
    return conn.execute(still.values(held=HeldState.ARCHIVED)).rowcount


def forget_acceptances(conn: Connection, keyed: datetime) -> int:
    """Forget by what mails accepted at `keyed` or before would be known again."""
    table = tables.journal
    old = (
        select(table.c.id)
        .where(table.c.acceptance_key != literal_column("''"), table.c.accepted_at <= keyed)
        .limit(ROWS_MOST)
    )
    ids = conn.execute(old).scalars().all()
    # Two statements, for no planner expects that few rows of many are meant.
    return conn.execute(update(table).where(is_one_of(table.c.id, ids)).values(acceptance_key=None)).rowcount


def _hand_over(conn: Connection, which: ColumnElement[bool]) -> int:
    moved = update(tables.message).where(_WAITING, which).values(held=HeldState.HUMAN, held_reason=NOT_ANSWERED)
    return conn.execute(moved).rowcount
