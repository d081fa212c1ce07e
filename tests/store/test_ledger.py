"""The ledger, the timers, and what faces are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from sqlalchemy import text

from mailgate.model import (
    Accepted,
    Asked,
    ChallengeState,
    HeldState,
    Joined,
    Level,
    Met,
    Participant,
    Purpose,
    Released,
    Standing,
    State,
    TicketChange,
    TicketState,
)
from mailgate.store import ids, journal, queries, timers
from mailgate.store.database import Database
from mailgate.store.ledger import Automatic, Ledger
from mailgate.store.views import document
from tests.store.filled import put
from tests.store.making import (
    NOW,
    RAW,
    acquaintance,
    arrival,
    challenge,
    day,
    filing,
    new_id,
    sending,
    ticket,
)


async def mails(db: Database, number: int) -> list[Accepted]:
    arrivals = [arrival(f"support+{new_id()}@g.test") for _ in range(number)]
    await db.write(lambda conn: journal.accept(conn, arrivals, db.new_id, ids.queue_id))
    return await db.write(lambda conn: journal.claim(conn, NOW, number, "me", 60))


async def busy(db: Database) -> list[Accepted]:
    """One mail in every state, automatic mail of both kinds, and a refusal."""
    accepted = await mails(db, 9)
    opened = ticket()
    ticketed, appended, quiet, held, parked, consumed, duplicate, shunted, _ = accepted
    await put(
        db,
        opened,
        filing(ticketed, State.TICKETED, ticket_id=opened.id),
        filing(appended, State.APPENDED, ticket_id=opened.id),
        filing(quiet, State.QUIET, ticket_id=opened.id),
        filing(held, State.HELD, held=HeldState.HUMAN, suppressed="3 of 3 in 1 h"),
        filing(parked, State.PARKED),
        filing(consumed, State.CONSUMED),
        filing(duplicate, State.DUPLICATE, ticket_id=opened.id),
        sending(Purpose.ACKNOWLEDGE, ticket_id=opened.id),
        sending(Purpose.CHALLENGE),
        sending(Purpose.AGENT),
    )
    await db.write(lambda conn: journal.shunt(conn, shunted.journal_id, "Traceback", NOW))
    await db.write(lambda conn: journal.refused(conn, NOW, {550: 1, 451: 1}))
    return accepted


async def test_every_mail_is_counted_once(db: Database) -> None:
    await busy(db)

    assert await db.read(queries.ledger) == Ledger(
        accepted=9,
        ticketed=1,
        appended=1,
        quiet=1,
        held=1,
        parked=1,
        consumed=1,
        duplicate=1,
        shunted=1,
        refused=2,
        pending=1,
        automatic=Automatic(acknowledge=1, challenge=1, notice=0, digest=0, suppressed=1),
        balanced=True,
    )


async def test_an_empty_house_is_balanced(db: Database) -> None:
    ledger = await db.read(journal.ledger)

    assert (ledger.accepted, ledger.balanced) == (0, True)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM journal WHERE state = 'pending'",
        "UPDATE counter SET value = value + 1 WHERE name = 'accepted/0'",
        "UPDATE message SET ticket_id = NULL WHERE disposition = 'append'",
        "UPDATE message SET held = NULL",
        "UPDATE message SET held = 'wait' WHERE disposition = 'park'",
        "UPDATE journal SET state = 'parked' WHERE state = 'shunted'",
        "UPDATE journal SET state = 'pending' WHERE state = 'consumed'",
        "DELETE FROM message WHERE disposition = 'quiet'",
    ],
)
async def test_a_ledger_that_is_damaged_says_so(db: Database, damage: str) -> None:
    await busy(db)
    await db.write(lambda conn: conn.execute(text(damage)) and None)

    assert not (await db.read(queries.ledger)).balanced


# ── Timers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def challenged(db: Database) -> None:
    (accepted,) = await mails(db, 1)
    await put(
        db,
        Met(acquaintance(standing=Standing.CHALLENGED, until=day(14))),
        Asked(challenge(state=ChallengeState.SENT, sent_at=NOW)),
        filing(accepted, State.HELD, held=HeldState.WAIT),
    )


async def tick(
    db: Database, days: float, *, waited: float = -99, keyed: float = -99, by_mailbox: Mapping[str, float] | None = None
) -> int:
    moments = {address: day(each) for address, each in (by_mailbox or {}).items()}
    return await db.write(
        lambda conn: timers.settle(conn, day(days), waited=day(waited), keyed=day(keyed), by_mailbox=moments)
    )


async def test_an_unanswered_challenge_expires_and_people_look(db: Database) -> None:
    await challenged(db)
    assert await tick(db, 13.9) == 0

    assert await tick(db, 14) > 0
    (line,) = await db.read(queries.held)
    known = await db.read(lambda conn: queries.acquaintance(conn, "anne@x.test"))
    assert known is not None
    assert (line.state, known.standing, known.until) == (HeldState.HUMAN, Standing.EXPIRED, None)
    assert await tick(db, 15) == 0


async def test_mail_that_waited_long_enough_for_its_sender_waits_for_a_person(db: Database) -> None:
    await challenged(db)
    assert await tick(db, 1, waited=-1) == 0

    assert await tick(db, 1, waited=0) == 1
    (line,) = await db.read(queries.held)
    assert line.state is HeldState.HUMAN
    assert await tick(db, 1, waited=0) == 0


async def test_a_mailbox_with_hours_goes_by_its_own_moment(db: Database) -> None:
    await challenged(db)
    assert await tick(db, 1, waited=0.5, by_mailbox={"support@g.test": -1, "other@g.test": 1}) == 0

    assert await tick(db, 1, waited=-1, by_mailbox={"support@g.test": 0, "other@g.test": -1}) == 1
    (line,) = await db.read(queries.held)
    assert line.state is HeldState.HUMAN


async def test_an_acceptance_is_forgotten_after_its_time_and_the_bytes_are_a_new_mail(db: Database) -> None:
    async def accept() -> bool:
        ((receipt,),) = await db.write(lambda conn: journal.accept(conn, [arrival()], db.new_id, ids.queue_id))
        return receipt.fresh

    assert await accept()
    assert await tick(db, 7, keyed=-1) == 0
    assert not await accept()
    assert await tick(db, 8, keyed=0) == 1
    assert await accept()


# ── Faces ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_ticket_is_shown_with_everything_in_it(db: Database) -> None:
    await busy(db)
    change = TicketChange(new_id(), (await ids_of_tickets(db))[0], day(1), "noted", "agent:anne", "call him")
    await put(db, change, Joined(change.ticket_id, Participant("bart@x.test", Level.A1)))

    shown = await db.read(lambda conn: queries.ticket(conn, 1))
    assert shown is not None
    assert (shown.contact, shown.queue, shown.state) == ("anne@x.test", "support", TicketState.OPEN)
    assert shown.participants == ("anne@x.test", "bart@x.test")
    assert [message.direction for message in shown.messages] == ["in", "in", "in", "out"]
    assert (shown.messages[0].raw, shown.messages[0].kind) == (RAW, "human")
    assert (shown.messages[3].kind, shown.messages[3].verdict) == (Purpose.ACKNOWLEDGE, None)
    assert [line.detail for line in shown.history] == ["call him"]
    assert await db.read(lambda conn: queries.ticket(conn, 99)) is None
    assert [whole.number for whole in await db.read(queries.tickets_whole)] == [1]


async def ids_of_tickets(db: Database) -> list[int]:
    return await db.read(lambda conn: list(conn.execute(text("SELECT id FROM ticket")).scalars()))


async def test_tickets_are_listed_in_pages_and_found_by_number_and_state(db: Database) -> None:
    opened = [ticket(f"c{n}@x.test") for n in range(3)]
    closed = TicketChange(new_id(), opened[1].id, NOW, "closed", "agent:anne", state=TicketState.CLOSED)
    await put(db, *opened, closed)

    async def numbers(**wanted: object) -> list[int]:
        return [line.number for line in await db.read(lambda conn: queries.tickets(conn, **wanted))]

    assert await numbers() == [3, 1]
    assert await numbers(state=None) == [3, 2, 1]
    assert await numbers(state=TicketState.CLOSED) == [2]
    assert await numbers(state=None, limit=1, before=3) == [2]
    assert await numbers(search="#1") == [1]
    assert await numbers(queue="sales") == []


async def test_the_same_mail_once_more_is_not_a_message_of_its_ticket(db: Database) -> None:
    await busy(db)

    (line,) = await db.read(queries.tickets)
    assert line.messages == 4


@pytest.mark.parametrize("page", [1, 2, 9], ids=["one by one", "by twos", "at once"])
async def test_held_mail_is_listed_likely_people_first_and_then_the_oldest(db: Database, page: int) -> None:
    apart, judged, some, none, unknown, same = await mails(db, 6)
    await put(
        db,
        filing(apart, State.HELD, held=HeldState.LIKELY_SPAM, spam=6.0),
        filing(judged, State.HELD, held=HeldState.SPAM, spam=0.5),
        filing(some, State.HELD, held=HeldState.WAIT, spam=2.5),
        filing(none, State.HELD, held=HeldState.HUMAN, spam=0.0),
        filing(unknown, State.HELD, held=HeldState.HUMAN),
        filing(same, State.HELD, held=HeldState.HUMAN, spam=2.5),
    )
    found: list[int] = []
    last: int | None = None
    while lines := await db.read(lambda conn, after=last: queries.held(conn, page, after=after)):
        found += [line.journal_id for line in lines]
        last = lines[-1].id

    assert found == [one.journal_id for one in (none, unknown, some, same, apart, judged)]


async def test_held_mail_is_shown_with_its_reason_and_its_bytes(db: Database) -> None:
    await busy(db)

    (line,) = await db.read(queries.held)
    assert document(line) | {"id": 0, "journal_id": 0} == {
        "id": 0,
        "journal_id": 0,
        "from": "Anne@X.Test",
        "subject": "Help",
        "reason": "because",
        "since": NOW.isoformat(),
        "state": "human",
        "name": "Anne",
        "to": "support@g.test",
        "proof": "proven by DKIM of x.test",
        "may_belong_to": None,
        "points": None,
        "because": [],
    }
    shown = await db.read(lambda conn: queries.held_one(conn, line.id))
    assert shown is not None
    assert (shown.line, shown.raw) == (line, RAW)
    assert await db.read(lambda conn: queries.held(conn, after=line.id)) == []
    assert await db.read(lambda conn: queries.held_one(conn, 1)) is None


async def test_outgoing_mail_is_listed_newest_first(db: Database) -> None:
    await busy(db)

    lines = await db.read(queries.outgoing)
    assert [line.kind for line in lines] == [Purpose.AGENT, Purpose.CHALLENGE, Purpose.ACKNOWLEDGE]
    assert [line.ticket for line in lines] == [None, None, 1]
    assert json.dumps(document(lines))
    assert await db.read(lambda conn: queries.outgoing(conn, before=lines[-1].id)) == []


async def test_recent_mail_is_listed_with_what_was_decided(db: Database) -> None:
    accepted = await busy(db)

    lines = await db.read(queries.judged)
    assert [line.id for line in lines] == sorted((one.journal_id for one in accepted), reverse=True)
    pending, shunted, *_, first = lines
    assert (pending.state, pending.verdict) == (State.PENDING, None)
    assert (shunted.state, shunted.reason) == (State.SHUNTED, "Traceback")
    assert (first.state, first.reason, first.ticket) == (State.TICKETED, "because", 1)
    assert len(await db.read(lambda conn: queries.judged(conn, 2, before=pending.id))) == 2


async def test_a_shunted_mail_is_listed_with_its_error_and_its_bytes(db: Database) -> None:
    await busy(db)

    (line,) = await db.read(queries.shunted)
    assert (line.error, line.attempts) == ("Traceback", 1)
    assert await db.read(lambda conn: queries.raw_of_journal(conn, line.id)) == RAW
    assert await db.read(lambda conn: queries.raw_of_journal(conn, 1)) is None


async def test_a_sender_is_shown_with_how_much_mail_there_is_of_him(db: Database) -> None:
    await busy(db)
    await put(db, Met(acquaintance()), Met(acquaintance("bart@x.test")))

    shown = await db.read(lambda conn: queries.sender(conn, "anne@x.test"))
    assert shown is not None
    assert (shown.messages, shown.held, shown.tickets) == (7, 1, 1)
    assert await db.read(lambda conn: queries.sender(conn, "nobody@x.test")) is None
    everybody = await db.read(queries.senders)
    assert [one.address for one in everybody] == ["anne@x.test", "bart@x.test"]
    assert [one.address for one in await db.read(lambda conn: queries.senders(conn, search="BART"))] == ["bart@x.test"]
    assert await db.read(lambda conn: queries.senders(conn, after="bart@x.test")) == []


async def test_the_backlog_says_what_waits_and_since_when(db: Database) -> None:
    await busy(db)
    await challenged(db)

    waiting = await db.read(queries.backlog)
    assert (waiting.pending, waiting.outgoing, waiting.waiting, waiting.for_people, waiting.shunted) == (1, 3, 1, 1, 1)
    assert waiting.oldest_pending_at == waiting.oldest_outgoing_at == waiting.oldest_for_people_at == NOW


async def test_a_message_that_left_can_be_read_again(db: Database) -> None:
    sent = sending()
    await put(db, sent)

    assert await db.read(lambda conn: queries.raw_of_message(conn, sent.message_id)) == sent.raw


async def test_the_laboratory_can_look_without_waiting(db: Database) -> None:
    await busy(db)

    assert db.look(queries.ledger) == await db.read(queries.ledger)


async def test_a_release_is_counted_where_it_went(db: Database) -> None:
    (accepted,) = await mails(db, 1)
    opened, filed = ticket(), filing(accepted, State.HELD, held=HeldState.HUMAN)
    await put(db, filed)
    await put(db, opened, Released(accepted.journal_id, filed.message_id, opened.id, State.TICKETED))

    ledger = await db.read(queries.ledger)
    assert (ledger.ticketed, ledger.held, ledger.balanced) == (1, 0, True)
