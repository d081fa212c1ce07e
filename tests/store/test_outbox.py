"""The way out: at most once for machines, at least once for people, and what follows from each end."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from mailgate.errors import NotAllowed
from mailgate.model import (
    Acquaintance,
    Answer,
    Asked,
    Challenge,
    ChallengeState,
    Due,
    HeldState,
    Met,
    OutboxState,
    Purpose,
    Sending,
    Settlement,
    Standing,
    State,
)
from mailgate.store import ids, journal, outbox, queries, tables
from mailgate.store.database import Database
from tests.store.filled import put
from tests.store.making import NOW, acquaintance, arrival, challenge, day, filing, new_id, sending, ticket

OK = Answer(250, "2.0.0 ok", handed=True)
NO = Answer(550, "5.1.1 no such user")
LATER = Answer(451, "4.3.0 later")


async def queue(db: Database, *sendings: Sending) -> None:
    await put(db, *sendings)


async def claim(db: Database, *, days: float = 0, limit: int = 10) -> list[Due]:
    return await db.write(lambda conn: outbox.claim(conn, day(days), limit, "me", 60))


async def hand(db: Database, outbox_id: int) -> None:
    await db.together(outbox.handed, outbox_id)


async def end(db: Database, outbox_id: int, state: OutboxState, answer: Answer = OK, **more: object) -> None:
    await db.together(outbox.settle, Settlement(outbox_id, state, answer, day(0), **more))


async def state_of(db: Database, outbox_id: int) -> OutboxState:
    found = select(tables.outbox.c.state).where(tables.outbox.c.id == outbox_id)
    return await db.read(lambda conn: conn.execute(found).scalar_one())


# ── Claim ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_leaves_exactly_as_it_was_queued(db: Database) -> None:
    sent = sending(Purpose.AGENT)
    await queue(db, sent)

    assert await claim(db) == [
        Due(
            outbox_id=sent.outbox_id,
            purpose=Purpose.AGENT,
            mail_from=sent.mail_from,
            rcpt_to=sent.rcpt_to,
            raw=sent.raw,
            attempts=1,
            created_at=NOW,
            give_up_at=sent.give_up_at,
            utf8=False,
        )
    ]
    assert await claim(db) == []


async def test_what_is_due_first_goes_first_and_what_is_not_due_waits(db: Database) -> None:
    late, early, never = sending(not_before=day(-1)), sending(not_before=day(-2)), sending(not_before=day(1))
    await queue(db, late, early, never)

    assert await db.read(outbox.next_due) == day(-2)
    assert [due.outbox_id for due in await claim(db, limit=1)] == [early.outbox_id]
    assert [due.outbox_id for due in await claim(db)] == [late.outbox_id]
    assert await claim(db) == []
    assert await db.read(outbox.next_due) == day(1)


async def test_a_lease_that_ended_is_taken_over_and_only_one_of_both_may_write(db: Database) -> None:
    sent = sending()
    await queue(db, sent)
    await claim(db)
    (again,) = await claim(db, days=0.5)
    assert again.attempts == 2

    await hand(db, sent.outbox_id)
    with pytest.raises(NotAllowed):
        await hand(db, sent.outbox_id)
    assert await claim(db, days=1) == []


async def test_one_mail_that_may_not_be_handed_does_not_keep_others_back(db: Database) -> None:
    first, second = sending(), sending()
    await queue(db, first, second)
    await claim(db)
    await db.write(lambda conn: outbox.cancel(conn, first.outbox_id, NOW))

    results = await asyncio.gather(
        *(db.together(outbox.handed, one.outbox_id) for one in (first, second)), return_exceptions=True
    )
    assert [type(result) for result in results] == [NotAllowed, type(None)]
    assert await state_of(db, second.outbox_id) is OutboxState.HANDED


# ── Settle ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_that_must_wait_is_due_again_at_its_time(db: Database) -> None:
    sent = sending()
    await queue(db, sent)
    await claim(db)
    await end(db, sent.outbox_id, OutboxState.READY, LATER, next_at=day(1))

    (line,) = await db.read(queries.outgoing)
    assert (line.state, line.next_at, line.last_reply) == (OutboxState.READY, day(1), "451 4.3.0 later")
    assert await claim(db, days=0.9) == []
    (again,) = await claim(db, days=1)
    assert again.attempts == 2


async def test_a_sent_mail_knows_when_it_was_sent(db: Database) -> None:
    sent = sending()
    await queue(db, sent)
    await claim(db)
    await hand(db, sent.outbox_id)
    await end(db, sent.outbox_id, OutboxState.SENT)

    found = select(tables.message.c.sent_at).where(tables.message.c.id == sent.message_id)
    assert await db.read(lambda conn: conn.execute(found).scalar_one()) == NOW
    assert await state_of(db, sent.outbox_id) is OutboxState.SENT


async def test_an_end_is_told_once(db: Database) -> None:
    sent = sending()
    await queue(db, sent)
    await claim(db)
    await end(db, sent.outbox_id, OutboxState.SENT)
    await end(db, sent.outbox_id, OutboxState.FAILED, NO)

    assert await state_of(db, sent.outbox_id) is OutboxState.SENT


async def test_a_persons_mail_that_failed_stands_in_the_history_of_its_ticket(db: Database) -> None:
    opened = ticket()
    sent = sending(Purpose.AGENT, ticket_id=opened.id)
    await put(db, opened, sent)
    await claim(db)
    await end(db, sent.outbox_id, OutboxState.FAILED, NO)

    shown = await db.read(lambda conn: queries.ticket(conn, 1))
    assert shown is not None
    assert [(line.event, line.detail) for line in shown.history] == [
        ("undelivered", "anne@x.test: 550 5.1.1 no such user")
    ]
    assert shown.messages[0].delivery is OutboxState.FAILED


# ── Challenges ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def challenged(db: Database) -> tuple[Challenge, Sending]:
    """A stranger's mail is held, and a challenge to him is claimed."""
    (receipts,) = await db.write(lambda conn: journal.accept(conn, [arrival()], db.new_id, ids.queue_id))
    (accepted,) = await db.write(lambda conn: journal.claim(conn, NOW, 1, "me", 60))
    assert accepted.journal_id == receipts[0].journal_id
    asked = challenge()
    sent = sending(Purpose.CHALLENGE, token_id=asked.token_id)
    effects = [
        Met(acquaintance(standing=Standing.CHALLENGED, until=day(14))),
        Asked(asked),
        filing(accepted, State.HELD, held=HeldState.WAIT),
        sent,
    ]
    await put(db, *effects)
    await claim(db)
    return asked, sent


async def stands(db: Database, asked: Challenge) -> tuple[Challenge, HeldState | State, Acquaintance]:
    found = await db.read(lambda conn: queries.challenge(conn, asked.token_id))
    known = await db.read(lambda conn: queries.acquaintance(conn, asked.address))
    (line,) = await db.read(queries.held)
    assert found is not None
    assert known is not None
    return found, line.state, known


async def test_a_challenge_that_was_sent_can_be_answered_from_then_on(db: Database) -> None:
    asked, sent = await challenged(db)
    await end(db, sent.outbox_id, OutboxState.SENT)

    found, waits, known = await stands(db, asked)
    assert (found.state, found.sent_at, waits) == (ChallengeState.SENT, NOW, HeldState.WAIT)
    assert known.standing is Standing.CHALLENGED


async def test_a_challenge_that_came_back_hands_its_mail_to_people(db: Database) -> None:
    asked, sent = await challenged(db)
    await end(db, sent.outbox_id, OutboxState.FAILED, NO)

    found, waits, known = await stands(db, asked)
    assert (found.state, waits) == (ChallengeState.BOUNCED, HeldState.HUMAN)
    assert (known.standing, known.until) == (Standing.UNDELIVERABLE, day(60))
    (line,) = await db.read(queries.held)
    assert "550 5.1.1 no such user" in line.reason


async def test_a_challenge_that_no_next_hop_took_in_time_is_cancelled(db: Database) -> None:
    asked, sent = await challenged(db)
    await end(db, sent.outbox_id, OutboxState.CANCELLED, LATER)

    found, waits, known = await stands(db, asked)
    assert (found.state, waits) == (ChallengeState.CANCELLED, HeldState.HUMAN)
    assert (known.standing, known.until) == (Standing.UNKNOWN, None)


async def test_a_challenge_that_may_have_arrived_can_be_answered_and_people_look_all_the_same(db: Database) -> None:
    asked, sent = await challenged(db)
    await hand(db, sent.outbox_id)
    await end(db, sent.outbox_id, OutboxState.FAILED, Answer(0, "connection lost", handed=True))

    found, waits, known = await stands(db, asked)
    assert (found.state, found.sent_at, waits) == (ChallengeState.SENT, NOW, HeldState.HUMAN)
    assert known.standing is Standing.CHALLENGED


async def test_a_challenge_that_was_answered_in_the_meantime_stays_so(db: Database) -> None:
    asked, sent = await challenged(db)
    confirmed = update(tables.challenge).where(tables.challenge.c.id == asked.id).values(state=ChallengeState.CONFIRMED)
    await db.write(lambda conn: conn.execute(confirmed) and None)
    await end(db, sent.outbox_id, OutboxState.SENT)

    found, _, _ = await stands(db, asked)
    assert found.state is ChallengeState.CONFIRMED


# ── People and crashes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("purpose", "was_handed", "state"),
    [
        pytest.param(Purpose.ACKNOWLEDGE, False, OutboxState.READY, id="automatic-not-handed"),
        pytest.param(Purpose.ACKNOWLEDGE, True, OutboxState.FAILED, id="automatic-handed"),
        pytest.param(Purpose.AGENT, False, OutboxState.READY, id="person-not-handed"),
        pytest.param(Purpose.AGENT, True, OutboxState.READY, id="person-handed"),
    ],
)
async def test_a_crash_sends_no_automatic_mail_twice_and_loses_no_persons_mail(
    db: Database, purpose: Purpose, state: OutboxState, *, was_handed: bool
) -> None:
    sent = sending(purpose)
    await queue(db, sent)
    await claim(db)
    if was_handed:
        await hand(db, sent.outbox_id)

    assert await db.write(lambda conn: outbox.recover(conn, "me", NOW)) == 1
    assert await state_of(db, sent.outbox_id) is state
    assert await db.write(lambda conn: outbox.recover(conn, "me", NOW)) == 0


async def test_a_challenge_lost_in_a_crash_after_it_was_handed_may_still_be_answered(db: Database) -> None:
    asked, sent = await challenged(db)
    await hand(db, sent.outbox_id)
    await db.write(lambda conn: outbox.recover(conn, "me", NOW))

    found, waits, _ = await stands(db, asked)
    assert (found.state, waits) == (ChallengeState.SENT, HeldState.HUMAN)


async def test_a_failed_mail_of_a_person_is_tried_again_for_its_whole_time(db: Database) -> None:
    sent = sending(Purpose.AGENT)
    await queue(db, sent)
    await claim(db)
    await end(db, sent.outbox_id, OutboxState.FAILED, NO)

    assert await db.write(lambda conn: outbox.retry(conn, sent.outbox_id, day(9)))
    (due,) = await claim(db, days=9)
    assert (due.attempts, due.give_up_at - due.created_at) == (1, day(9) - NOW + (sent.give_up_at - NOW))


async def test_a_waiting_mail_can_be_tried_now(db: Database) -> None:
    sent = sending(not_before=day(1))
    await queue(db, sent)

    assert await db.write(lambda conn: outbox.retry(conn, sent.outbox_id, NOW))
    assert len(await claim(db)) == 1


async def test_an_automatic_mail_that_ended_is_never_tried_again(db: Database) -> None:
    sent = sending()
    await queue(db, sent)
    await claim(db)
    await end(db, sent.outbox_id, OutboxState.FAILED, NO)

    assert not await db.write(lambda conn: outbox.retry(conn, sent.outbox_id, NOW))
    assert not await db.write(lambda conn: outbox.retry(conn, new_id(), NOW))


async def test_a_waiting_mail_can_be_cancelled_but_not_one_that_was_handed(db: Database) -> None:
    waiting, away = sending(not_before=day(1)), sending()
    await queue(db, waiting, away)
    await claim(db)
    await hand(db, away.outbox_id)

    assert await db.write(lambda conn: outbox.cancel(conn, waiting.outbox_id, NOW))
    assert not await db.write(lambda conn: outbox.cancel(conn, waiting.outbox_id, NOW))
    assert not await db.write(lambda conn: outbox.cancel(conn, away.outbox_id, NOW))
    assert await claim(db, days=2) == []


async def test_a_challenge_that_a_person_cancels_hands_its_mail_to_people(db: Database) -> None:
    asked, sent = await challenged(db)
    assert await db.write(lambda conn: outbox.cancel(conn, sent.outbox_id, NOW))

    found, waits, known = await stands(db, asked)
    assert (found.state, waits, known.standing) == (ChallengeState.CANCELLED, HeldState.HUMAN, Standing.UNKNOWN)
