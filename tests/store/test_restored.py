"""A database that went back in time: what it no longer knows is not sent twice, and no number is given twice."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select, text

from mailgate.model import (
    Answer,
    Ask,
    Asked,
    ChallengeState,
    HeldState,
    Met,
    NewTicket,
    OutboxState,
    Purpose,
    Sending,
    Standing,
    State,
)
from mailgate.store import facts, ids, journal, marks, outbox, queries, restored, tables
from mailgate.store.database import Database
from mailgate.store.marks import Mark
from tests.store.filled import put
from tests.store.making import NOW, acquaintance, arrival, challenge, day, filing, sending, ticket


async def distrust(db: Database, days: float = 0, seen: Mark | None = None) -> None:
    await db.write(lambda conn: restored.distrust(conn, day(days), seen) and None)


async def claimed(db: Database, *sendings: Sending, handed: bool = False) -> None:
    await put(db, *sendings)
    await db.write(lambda conn: outbox.claim(conn, NOW, 10, "dead", 3600))
    if handed:
        for one in sendings:
            await db.together(outbox.handed, one.outbox_id)


async def states(db: Database) -> dict[int, OutboxState]:
    found = select(tables.outbox.c.id, tables.outbox.c.state)
    return await db.read(lambda conn: {row.id: row.state for row in conn.execute(found)})


# ── Silence ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_was_never_restored_is_not_silent(db: Database) -> None:
    assert await db.read(restored.silent_until) is None


async def test_silence_lasts_a_day_and_the_judge_is_told(db: Database) -> None:
    await distrust(db)

    known = await db.write(lambda conn: facts.gather(conn, Ask(NOW, addresses=frozenset({"anne@x.test"}))))

    assert known.silent_until == NOW + timedelta(hours=restored.SILENCE_HOURS)


async def test_a_second_restore_lengthens_the_silence_and_never_shortens_it(db: Database) -> None:
    await distrust(db, 0.5)
    await distrust(db)

    assert await db.read(restored.silent_until) == day(1.5)


async def test_a_clock_that_jumped_ahead_makes_the_same_silence(db: Database) -> None:
    assert await db.write(lambda conn: restored.silence(conn, NOW)) == day(1)
    assert await db.read(restored.silent_until) == day(1)


async def test_no_silence_ends_later_than_one_that_begins_now(db: Database) -> None:
    assert not await db.write(lambda conn: restored.shorten(conn, NOW))
    await distrust(db)
    assert not await db.write(lambda conn: restored.shorten(conn, NOW))
    assert await db.write(lambda conn: restored.shorten(conn, day(-3)))
    assert await db.read(restored.silent_until) == day(-2)


async def test_a_start_of_a_machine_is_kept_for_some_time(db: Database) -> None:
    assert await db.read(lambda conn: restored.machine_started(conn, "a")) is None
    for boot, at in (("a", NOW), ("a", day(1)), ("b", day(restored.STARTS_DAYS)), ("c", day(restored.STARTS_DAYS + 1))):
        await db.write(lambda conn, boot=boot, at=at: restored.note_start(conn, boot, at))
    kept = [await db.read(lambda conn, boot=boot: restored.machine_started(conn, boot)) for boot in "abc"]
    assert kept == [day(1), day(restored.STARTS_DAYS), day(restored.STARTS_DAYS + 1)]
    await db.write(lambda conn: restored.note_start(conn, "d", day(restored.STARTS_DAYS + 2)))
    assert await db.read(lambda conn: restored.machine_started(conn, "a")) is None
    assert await db.read(restored.silent_until) is None


async def test_a_person_may_end_the_silence_once(db: Database) -> None:
    await distrust(db)

    assert await db.write(restored.speak_again)
    assert not await db.write(restored.speak_again)
    assert await db.read(restored.silent_until) is None


# ── What was about to leave ───────────────────────────────────────────────────────────────────────────────────────────


async def test_automatic_mail_that_waited_is_not_sent_and_a_persons_is(db: Database) -> None:
    acknowledgement, answer = sending(Purpose.ACKNOWLEDGE), sending(Purpose.AGENT)
    await put(db, acknowledgement, answer)

    await distrust(db)

    assert await states(db) == {
        acknowledgement.outbox_id: OutboxState.CANCELLED,
        answer.outbox_id: OutboxState.READY,
    }


async def test_what_dead_processes_held_is_free_at_once_or_has_ended(db: Database) -> None:
    ((receipt,),) = await db.write(lambda conn: journal.accept(conn, [arrival()], db.new_id, ids.queue_id))
    await db.write(lambda conn: journal.claim(conn, NOW, 1, "dead", 3600))
    leased, answer = sending(Purpose.ACKNOWLEDGE), sending(Purpose.AGENT)
    await claimed(db, leased, answer)
    handed, another = sending(Purpose.ACKNOWLEDGE), sending(Purpose.AGENT)
    await claimed(db, handed, another, handed=True)

    await distrust(db)

    assert await states(db) == {
        leased.outbox_id: OutboxState.CANCELLED,
        handed.outbox_id: OutboxState.CANCELLED,
        answer.outbox_id: OutboxState.READY,
        another.outbox_id: OutboxState.READY,
    }
    again = await db.write(lambda conn: journal.claim(conn, NOW, 1, "alive", 60))
    assert [mail.journal_id for mail in again] == [receipt.journal_id]


async def test_a_question_that_may_have_left_can_be_answered_and_a_person_looks(db: Database) -> None:
    await db.write(lambda conn: journal.accept(conn, [arrival()], db.new_id, ids.queue_id))
    (accepted,) = await db.write(lambda conn: journal.claim(conn, NOW, 1, "me", 60))
    asked = challenge()
    await put(
        db,
        Met(acquaintance(standing=Standing.CHALLENGED, until=day(14))),
        Asked(asked),
        filing(accepted, State.HELD, held=HeldState.WAIT),
        sending(Purpose.CHALLENGE, token_id=asked.token_id),
    )

    await distrust(db)

    found = await db.read(lambda conn: queries.challenge(conn, asked.token_id))
    (line,) = await db.read(queries.held)
    assert found is not None
    assert (found.state, line.state) == (ChallengeState.SENT, HeldState.HUMAN)


async def test_what_has_ended_stays_as_it_ended(db: Database) -> None:
    sent = sending(Purpose.ACKNOWLEDGE)
    await claimed(db, sent, handed=True)
    settlement = outbox.Settlement(sent.outbox_id, OutboxState.SENT, Answer(250, "2.0.0 ok", handed=True), NOW)
    await db.together(outbox.settle, settlement)

    await distrust(db)

    assert await states(db) == {sent.outbox_id: OutboxState.SENT}


# ── What was given once ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_ticket_gets_a_number_that_a_customer_may_know(db: Database) -> None:
    await put(db, ticket())
    await distrust(db, seen=Mark(largest_id=1, ticket_number=130))

    assert list((await put(db, ticket())).values()) == [131]


async def test_a_mark_that_is_behind_takes_no_number_back(db: Database) -> None:
    await put(db, ticket(), ticket())
    await distrust(db, seen=Mark(largest_id=1, ticket_number=1))

    assert list((await put(db, ticket())).values()) == [3]


async def test_a_mark_names_the_largest_id_and_the_newest_ticket(db: Database) -> None:
    assert await db.read(marks.mark) == Mark(0, 0)
    sent = sending(Purpose.AGENT)
    opened: NewTicket = ticket()
    await put(db, opened, sent)

    assert await db.read(marks.mark) == Mark(max(sent.outbox_id, sent.message_id), 1)


async def test_the_largest_id_is_remembered_when_its_row_goes(db: Database) -> None:
    sent = sending(Purpose.AGENT)
    await put(db, sent)

    def forget(conn: Connection) -> None:
        marks.remember(conn)
        for table in ("outbox", "message"):
            conn.execute(text(f"DELETE FROM {table}"))

    before = await db.read(marks.mark)
    await db.write(forget)

    assert await db.read(marks.mark) == before
