"""Store: a database that went back in time, because it was restored: it does not know what was sent since.

Its ledger of permits has a gap, so nobody can say whether a limit is reached. Until the windows that protect most are
past, nothing automatic is allowed; and what was about to leave by itself may have left already.

The same silence follows where not the database went back but the clock jumped ahead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from mailgate.model import OutboxState, Purpose, State
from mailgate.store import marks, outbox, tables
from mailgate.store.dialect import upsert
from mailgate.store.marks import Mark
from mailgate.store.types import EPOCH

SILENCE_HOURS = 24  # the longest window that counts everybody's automatic mail
STARTS_DAYS = 400  # for which it is kept when a machine was started
STARTED = "machine-started-"  # the beginning of a counter's name, in microseconds since 1970 UTC; one for each start
SILENT_UNTIL = "silent-until"  # the name of the counter, in microseconds since 1970 UTC

_COUNTER = tables.counter
# Built once, because every batch of mails asks.
_SILENT = select(_COUNTER.c.value).where(_COUNTER.c.name == SILENT_UNTIL)
_US = timedelta(microseconds=1)


def silent_until(conn: Connection) -> datetime | None:
    """Until when nothing automatic leaves; None where that was never so, or a person ended it."""
    found = conn.execute(_SILENT).scalar()
    return None if found is None else EPOCH + found * _US


def distrust(conn: Connection, now: datetime, seen: Mark | None = None) -> datetime:
    """Treat this database as one that went back; the moment until which nothing automatic leaves.

    Automatic mail that has not ended is not sent, for it may have been. A person's mail stays, and so does all that
    was claimed: the processes that claimed it are gone. No ticket gets a number that one of `seen` had.
    """
    outbox.recall(conn, now)
    journal, away = tables.journal.c, tables.outbox.c
    free = {"lease_owner": None, "lease_until": None}
    conn.execute(
        update(tables.journal).where(journal.state == State.PENDING, journal.lease_until.is_not(None)).values(**free)
    )
    conn.execute(
        update(tables.outbox).where(outbox.AWAY, away.purpose == Purpose.AGENT).values(state=OutboxState.READY, **free)
    )
    if seen:
        marks.skip_to(conn, seen.ticket_number)
    return _silence(conn, max(now + timedelta(hours=SILENCE_HOURS), silent_until(conn) or now))


def silence(conn: Connection, now: datetime) -> datetime:
    """Let nothing automatic leave for so long, because the clock jumped ahead to `now`; until when that is.

    The ledger has no gap, but all that it holds looks older than it is. What was about to leave had its permit before.
    """
    return _silence(conn, now + timedelta(hours=SILENCE_HOURS))


def shorten(conn: Connection, now: datetime) -> bool:
    """End a silence no later than one that began now: a later end was set by a clock that was put back since."""
    latest = now + timedelta(hours=SILENCE_HOURS)
    until = silent_until(conn)
    if until is None or until <= latest:
        return False
    _silence(conn, latest)
    return True


def _silence(conn: Connection, until: datetime) -> datetime:
    row = {"name": SILENT_UNTIL, "value": (until - EPOCH) // _US}
    conn.execute(upsert(conn, _COUNTER, key="name", change=("value",)), row)
    return until


def machine_started(conn: Connection, boot: str) -> datetime | None:
    """When a machine was started, as `note_start` last wrote it down; None where it never did."""
    found = conn.execute(select(_COUNTER.c.value).where(_COUNTER.c.name == STARTED + boot)).scalar()
    return None if found is None else EPOCH + found * _US


def note_start(conn: Connection, boot: str, started: datetime) -> None:
    """Write down when a machine was started, by the clock that its daemon tells; forget those of long ago."""
    old = (started - timedelta(days=STARTS_DAYS) - EPOCH) // _US
    conn.execute(delete(_COUNTER).where(_COUNTER.c.name.startswith(STARTED), _COUNTER.c.value < old))
    row = {"name": STARTED + boot, "value": (started - EPOCH) // _US}
    conn.execute(upsert(conn, _COUNTER, key="name", change=("value",)), row)


def speak_again(conn: Connection) -> bool:
    """Let automatic mail leave before its time; false where nothing keeps it."""
    return conn.execute(delete(_COUNTER).where(_COUNTER.c.name == SILENT_UNTIL)).rowcount == 1
