"""What was kept long enough goes, nothing else does, and the ledger still accounts for all of it."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, func, select, text

from mailgate.model import (
    Answer,
    Asked,
    ChallengeState,
    HeldState,
    OutboxState,
    Purpose,
    Reheld,
    Sending,
    Settlement,
    State,
    Tagged,
    TicketChange,
    TicketState,
)
from mailgate.pruning import Rules, due, prune
from mailgate.store import ids, journal, marks, outbox, queries, record, retention, tables, timers
from mailgate.store.database import Database
from mailgate.store.ledger import Ledger
from mailgate.store.retention import Due, Kind
from tests.fakes.stores import SQLITE, only
from tests.store.filled import fill, mails, put
from tests.store.making import NOW, arrival, challenge, day, filing, new_id, sending, ticket

NEVER = Rules(**dict.fromkeys(Rules.__dataclass_fields__, 0))
SOON = Rules(**dict.fromkeys(Rules.__dataclass_fields__, 10))
SENT = Answer(250, "2.0.0 ok", handed=True)


async def counted(db: Database, *names: str) -> dict[str, int]:
    def work(conn: Connection) -> dict[str, int]:
        chosen = [tables.metadata.tables[name] for name in names]
        return {one.name: conn.execute(select(func.count()).select_from(one)).scalar_one() for one in chosen}

    return await db.read(work)


async def ledger(db: Database) -> Ledger:
    found = await db.read(queries.ledger)
    assert found.balanced
    return found


async def closed(db: Database, *, at: datetime = NOW, raw: bytes = b"x") -> int:
    """A ticket with a mail, an acknowledgement and a person's answer, all sent, closed at `at`; its id."""
    (accepted,) = await mails(db, 1, raw)
    opened = ticket()
    sent = [sending(purpose, ticket_id=opened.id) for purpose in (Purpose.ACKNOWLEDGE, Purpose.AGENT)]
    shut = TicketChange(new_id(), opened.id, at, "closed", "agent:anne", "", TicketState.CLOSED)
    bears = Tagged(opened.id, add=("printer",))
    await put(db, opened, bears, filing(accepted, State.TICKETED, ticket_id=opened.id), *sent, shut)
    await deliver(db, *sent)
    return opened.id


async def deliver(db: Database, *sent: Sending) -> None:
    await db.write(lambda conn: outbox.claim(conn, day(500), 99, "me", 60))
    for one in sent:
        await db.together(outbox.settle, Settlement(one.outbox_id, OutboxState.SENT, SENT, NOW))


ALL_OF_A_TICKET = ("ticket", "ticket_event", "ticket_tag", "participant", "message", "journal", "outbox", "raw")


# ── Tickets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_closed_ticket_goes_with_all_that_is_in_it(db: Database) -> None:
    await closed(db)
    before = await ledger(db)

    assert (await prune(db, SOON, day(10)))[Kind.CLOSED_TICKETS] == 1

    assert set((await counted(db, *ALL_OF_A_TICKET)).values()) == {0}
    after = await ledger(db)
    assert (after.accepted, after.ticketed, after.pruned) == (1, 0, 1)
    assert after.automatic == before.automatic


async def test_it_stays_until_its_time_has_come(db: Database) -> None:
    await closed(db)
    before = await counted(db, *ALL_OF_A_TICKET)

    await prune(db, SOON, day(9.99))

    assert await counted(db, *ALL_OF_A_TICKET) == before


async def test_nothing_goes_where_no_rule_says_so(db: Database) -> None:
    await closed(db)
    await fill(db)
    before = await counted(db, *tables.metadata.tables)

    await prune(db, NEVER, day(399))

    assert await counted(db, *tables.metadata.tables) == before


async def test_an_open_ticket_stays_for_ever(db: Database) -> None:
    (accepted,) = await mails(db, 1)
    opened = ticket()
    await put(db, opened, filing(accepted, State.TICKETED, ticket_id=opened.id))

    await prune(db, SOON, day(5000))

    assert (await counted(db, "ticket", "message")) == {"ticket": 1, "message": 1}


async def test_a_closed_ticket_whose_answer_has_not_left_stays(db: Database) -> None:
    ticket_id = await closed(db)
    await put(db, sending(Purpose.AGENT, ticket_id=ticket_id))

    await prune(db, SOON, day(100))

    assert (await counted(db, "ticket"))["ticket"] == 1


async def test_a_ticket_that_was_opened_again_meanwhile_stays(db: Database) -> None:
    ticket_id = await closed(db)
    (found,) = await db.read(lambda conn: retention.some(conn, Kind.CLOSED_TICKETS, day(1), 0, 9))
    await put(db, TicketChange(new_id(), ticket_id, day(1), "reopened", "mail", "", TicketState.OPEN))

    assert await db.write(lambda conn: retention.remove(conn, Kind.CLOSED_TICKETS, day(1), [found])) == 0
    assert (await counted(db, "ticket"))["ticket"] == 1


async def quiet(db: Database, *more: TicketChange) -> None:
    (accepted,) = await mails(db, 1)
    opened = ticket()
    changes = [replace(one, ticket_id=opened.id) for one in more]
    await put(db, opened, filing(accepted, State.QUIET, ticket_id=opened.id), *changes)


async def test_a_ticket_of_machines_alone_goes_though_nobody_closed_it(db: Database) -> None:
    await quiet(db)

    assert (await prune(db, SOON, day(10)))[Kind.QUIET_TICKETS] == 1

    assert set((await counted(db, *ALL_OF_A_TICKET)).values()) == {0}
    assert (await ledger(db)).pruned == 1


async def test_a_quiet_ticket_that_a_person_touched_stays(db: Database) -> None:
    await quiet(db, TicketChange(new_id(), 0, NOW, "noted", "agent:anne", "keep this"))

    await prune(db, SOON, day(100))

    assert (await counted(db, "ticket"))["ticket"] == 1


async def test_permits_of_a_ticket_that_goes_count_on_against_its_address(db: Database) -> None:
    await closed(db)

    await prune(db, SOON, day(20))

    found = await db.read(lambda conn: conn.execute(select(tables.permit)).all())
    assert [(row.address, row.ticket_id) for row in found] == [("anne@x.test", None)]


# ── Mail that stands in no ticket ─────────────────────────────────────────────────────────────────────────────────────


async def test_machines_mail_in_no_ticket_goes_and_what_waits_for_people_stays(db: Database) -> None:
    parked, consumed, duplicate, held, waiting, shunted, _ = await mails(db, 7)
    await put(
        db,
        filing(parked, State.PARKED),
        filing(consumed, State.CONSUMED, suppressed="too many"),
        filing(duplicate, State.DUPLICATE),
        filing(held, State.HELD, held=HeldState.HUMAN),
        filing(waiting, State.HELD, held=HeldState.WAIT),
    )
    await db.write(lambda conn: journal.shunt(conn, shunted.journal_id, "Traceback", NOW))

    assert (await prune(db, SOON, day(5000)))[Kind.PARKED] == 3

    after = await ledger(db)
    assert (after.parked, after.consumed, after.duplicate, after.pruned) == (0, 0, 0, 3)
    assert (after.held, after.shunted, after.pending) == (2, 1, 1)
    assert after.automatic.suppressed == 1


async def test_spam_is_kept_from_the_moment_it_was_judged_so(db: Database) -> None:
    (accepted,) = await mails(db, 1)
    filed = filing(accepted, State.HELD, held=HeldState.HUMAN)
    await put(db, filed)
    judged = Reheld((filed.message_id,), HeldState.SPAM, "judged spam by anne")
    await db.write(lambda conn: record.apply(conn, [judged], day(300)) and None)

    assert (await prune(db, SOON, day(309.9)))[Kind.SPAM] == 0
    assert (await prune(db, SOON, day(310)))[Kind.SPAM] == 1

    assert set((await counted(db, "message", "journal", "raw")).values()) == {0}
    assert (await ledger(db)).pruned == 1


async def test_archived_spam_goes_as_spam_does_and_a_persons_mail_never(db: Database) -> None:
    spam, person = await mails(db, 2)
    filed = [filing(one, State.HELD, held=HeldState.HUMAN) for one in (spam, person)]
    await put(db, *filed)
    judged = Reheld((filed[0].message_id,), HeldState.SPAM, "judged spam by anne")
    await db.write(lambda conn: record.apply(conn, [judged], day(300)) and None)

    assert await db.write(lambda conn: timers.archive(conn, day(299))) == 0
    assert await db.write(lambda conn: timers.archive(conn, day(300))) == 1
    assert await db.write(lambda conn: timers.archive(conn, day(900))) == 0, "what waits for a person is no spam"

    assert (await prune(db, SOON, day(309.9)))[Kind.SPAM] == 0
    assert (await prune(db, SOON, day(900)))[Kind.SPAM] == 1
    assert (await ledger(db)).held == 1


async def test_likely_spam_stays_until_an_operator_says_for_how_long(db: Database) -> None:
    (mail,) = await mails(db, 1)
    await put(db, filing(mail, State.HELD, held=HeldState.LIKELY_SPAM))

    assert sum((await prune(db, dataclasses.replace(SOON, likely_spam_days=0), day(900))).values()) == 0
    assert (await prune(db, SOON, day(900)))[Kind.LIKELY_SPAM] == 1


async def test_bytes_that_two_recipients_share_go_with_the_second(db: Database) -> None:
    both = arrival("a@g.test", "b@g.test")
    await db.write(lambda conn: journal.accept(conn, [both], db.new_id, ids.queue_id))
    one, other = await db.write(lambda conn: journal.claim(conn, NOW, 2, "me", 60))
    filed = filing(other, State.HELD, held=HeldState.HUMAN)
    await put(db, filing(one, State.PARKED), filed)

    await prune(db, SOON, day(20))
    assert (await counted(db, "raw", "journal")) == {"raw": 1, "journal": 1}

    spam = Reheld((filed.message_id,), HeldState.SPAM, "spam")
    await put(db, spam)
    await prune(db, SOON, day(40))
    assert (await counted(db, "raw", "journal")) == {"raw": 0, "journal": 0}
    assert (await ledger(db)).pruned == 2


# ── Permits and refusals ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_permits_stay_for_400_days_and_go_with_their_challenges(db: Database) -> None:
    asked = challenge(state=ChallengeState.SENT, sent_at=NOW)
    sent = sending(Purpose.CHALLENGE, token_id=asked.token_id)
    await put(db, Asked(asked), sent)
    await deliver(db, sent)
    before = await ledger(db)

    assert (await prune(db, NEVER, day(399)))[Kind.PERMITS] == 0
    assert (await prune(db, NEVER, day(400)))[Kind.PERMITS] == 1

    assert set((await counted(db, "permit", "challenge", "outbox", "message", "raw")).values()) == {0}
    assert await ledger(db) == before


async def test_permits_of_a_living_ticket_stay_as_long_as_it_does(db: Database) -> None:
    opened = ticket()
    sent = sending(Purpose.ACKNOWLEDGE, ticket_id=opened.id)
    await put(db, opened, sent)
    await deliver(db, sent)

    await prune(db, NEVER, day(5000))

    assert (await counted(db, "permit"))["permit"] == 1


async def test_old_counts_of_refusals_become_one_sum(db: Database) -> None:
    await db.write(lambda conn: journal.refused(conn, NOW, {550: 5, 451: 2}))
    await db.write(lambda conn: journal.refused(conn, day(5), {550: 1}))

    await prune(db, SOON, day(11))

    assert (await counted(db, "refusal"))["refusal"] == 1
    assert (await ledger(db)).refused == 8


# ── As a whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_would_go_is_told_before(db: Database) -> None:
    await closed(db)
    await quiet(db)
    (spam,) = await mails(db, 1)
    await put(db, filing(spam, State.HELD, held=HeldState.SPAM))

    found = await due(db, SOON, day(10))

    assert found == [
        Due(Kind.CLOSED_TICKETS, 1, 1),
        Due(Kind.QUIET_TICKETS, 1, 1),
        Due(Kind.PARKED, 0, 0),
        Due(Kind.SPAM, 1, 1),
        Due(Kind.LIKELY_SPAM, 0, 0),
        Due(Kind.PERMITS, 0, 0),
    ]


async def test_more_than_a_step_goes_in_several(db: Database) -> None:
    accepted = await mails(db, 250)
    await put(db, *(filing(one, State.PARKED, identity=f"<{one.journal_id}@x>") for one in accepted))
    steps: list[tuple[Kind, int]] = []

    await prune(db, SOON, day(20), removed=lambda kind, number: steps.append((kind, number)))

    assert steps == [(Kind.PARKED, 100), (Kind.PARKED, 100), (Kind.PARKED, 50)]
    assert (await ledger(db)).pruned == 250


async def test_the_largest_id_stays_known_when_its_row_goes(db: Database) -> None:
    await closed(db)
    before = await db.read(marks.mark)

    await prune(db, SOON, day(401))

    assert set((await counted(db, "journal", "message", "permit", "outbox")).values()) == {0}
    assert await db.read(marks.mark) == before


@only(SQLITE)
@pytest.mark.parametrize("table", ["journal", "message", "outbox"])
async def test_who_still_needs_bytes_is_found_without_reading_all_mail(db: Database, table: str) -> None:
    question = text(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE raw_id = 1")
    plan = await db.read(lambda conn: conn.execute(question).all())
    assert f"ix_{table}_raw_id" in plan[0].detail
