"""A database with rows in every table, and mail in every state."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from mailgate.model import (
    Accepted,
    Agent,
    Amended,
    Asked,
    Breaker,
    BreakerState,
    Broken,
    ChallengeState,
    ContactChange,
    Credited,
    DomainCredit,
    Effect,
    Enrolled,
    Errand,
    ErrandKind,
    HeldState,
    Joined,
    Level,
    Met,
    Mishap,
    Participant,
    Priority,
    Purpose,
    Right,
    Scope,
    Standing,
    State,
    Suffered,
    Tagged,
    TicketChange,
    Trouble,
)
from mailgate.store import ids, journal, judgements, locks, outbox, record, rule_counts, rulesets
from mailgate.store.database import Database
from tests.store.making import NOW, acquaintance, arrival, challenge, day, filing, new_id, sending, ticket


async def put(db: Database, *effects: Effect) -> dict[int, int]:
    """Write these effects as the roads do."""

    def work(conn: Connection) -> dict[int, int]:
        locks.spending(conn)
        return record.apply(conn, effects, NOW)

    return await db.write(work)


async def mails(db: Database, number: int, raw: bytes = b"Subject: \xe4\0\r\n\r\nx\r\n") -> list[Accepted]:
    """So many mails, accepted and claimed."""
    arrivals = [arrival(f"support+{new_id()}@g.test", raw=raw) for _ in range(number)]
    await db.write(lambda conn: journal.accept(conn, arrivals, db.new_id, ids.queue_id))
    return await db.write(lambda conn: journal.claim(conn, NOW, number, "me", 60))


async def fill(db: Database) -> None:
    """Something of everything: the ledger is balanced, one mail is pending, one is away to its next hop."""
    ticketed, appended, quiet, held, spam, parked, consumed, duplicate, shunted, _ = await mails(db, 10)
    opened, asked = ticket(), challenge(state=ChallengeState.SENT, sent_at=NOW)
    away = sending(Purpose.AGENT, ticket_id=opened.id)
    known = acquaintance("änne@x.test", standing=Standing.CHALLENGED, until=day(14), name="Änne 🖨")
    await put(
        db,
        Met(known),
        Credited(DomainCredit("x.test", 19, NOW)),
        ContactChange(new_id(), known.contact_id, NOW, "linked", "agent:anne", "bart@x.test"),
        Enrolled(Agent("anne@h.test", "anne", (Right.REPLY,), ("support",), NOW)),
        opened,
        Amended(opened.id, priority=Priority.HIGH, pending_until=day(3), answered_at=NOW),
        Tagged(opened.id, add=("printer",)),
        Joined(opened.id, Participant("bart@x.test", Level.A1)),
        TicketChange(new_id(), opened.id, day(1), "noted", "agent:anne", "ring 🔔\x00 him"),
        filing(ticketed, State.TICKETED, ticket_id=opened.id),
        filing(appended, State.APPENDED, ticket_id=opened.id),
        filing(quiet, State.QUIET, ticket_id=opened.id),
        filing(held, State.HELD, held=HeldState.HUMAN, suppressed="3 of 3 in 1 h"),
        filing(spam, State.HELD, held=HeldState.SPAM),
        filing(parked, State.PARKED),
        filing(consumed, State.CONSUMED),
        filing(duplicate, State.DUPLICATE, ticket_id=opened.id),
        Asked(asked),
        sending(Purpose.ACKNOWLEDGE, ticket_id=opened.id),
        sending(Purpose.CHALLENGE, token_id=asked.token_id, not_before=NOW + timedelta(hours=1)),
        away,
        Broken(Breaker(Scope.DOMAIN, "x.test", BreakerState.OPEN, NOW, until=day(30), reason="a complaint")),
        Errand(new_id(), ErrandKind.WEBHOOK, "crm", away.message_id, NOW, day(1)),
        Suffered(Mishap(new_id(), NOW, Trouble.COMPLAINED, "änne@x.test", "x.test", away.message_id)),
    )
    await db.write(lambda conn: journal.shunt(conn, shunted.journal_id, "Traceback", NOW))
    await db.write(lambda conn: journal.refused(conn, NOW, {550: 1, 451: 2}))
    await db.write(lambda conn: rulesets.remember(conn, "v1", NOW, {"limits.toml": "☂"}, b"\0\xff"))
    await db.write(lambda conn: judgements.keep(conn, new_id(), NOW, 1, b"\x80 \xc3\xa4nne"))
    await db.write(lambda conn: rule_counts.add_up(conn, NOW.date(), {"invoices ☂": 2}, {}))
    await db.write(lambda conn: outbox.claim(conn, NOW, 1, "me", 60))
