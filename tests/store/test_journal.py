"""The journal: what was accepted, once, and where it stands."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, func, select, text

from mailgate import intake
from mailgate.model import Accepted, Arrival, Receipt, State
from mailgate.store import ids, journal, tables
from mailgate.store.database import Database
from tests.fakes.stores import SQLITE, only
from tests.store.doing import rolled_back
from tests.store.making import NOW, PEER, RAW, arrival, day


def rows(conn: Connection, table: str = "journal") -> int:
    return conn.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one()


async def accept(db: Database, *arrivals: Arrival) -> list[list[Receipt]]:
    return await db.write(lambda conn: journal.accept(conn, arrivals, db.new_id, ids.queue_id))


async def claim(db: Database, limit: int = 10, *, days: float = 0) -> list[Accepted]:
    return await db.write(lambda conn: journal.claim(conn, day(days), limit, "me", 60))


async def test_a_mail_that_bears_a_later_time_is_taken_as_one_of_now(db: Database) -> None:
    await accept(db, arrival())
    (found,) = await claim(db, days=-2)
    assert found.at == day(-2)


# ── Accept ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_comes_back_exactly_as_it_was_accepted(db: Database) -> None:
    raw = bytes(range(256)) * 9 + b"\r\n.\r\n"
    ((receipt,),) = await accept(db, replace(arrival(raw=raw), mail_from=""))

    (found,) = await claim(db)
    assert found == Accepted(
        journal_id=receipt.journal_id,
        queue_id=receipt.queue_id,
        at=NOW,
        mail_from="",
        rcpt_to="support@g.test",
        peer=PEER,
        raw=raw,
        notes=("long-line",),
        attempts=1,
        raw_id=receipt.raw_id,
    )


async def test_several_recipients_share_the_bytes_and_the_queue_id(db: Database) -> None:
    (receipts,) = await accept(db, arrival("a@g.test", "b@g.test", "c@g.test"))

    assert len({receipt.queue_id for receipt in receipts}) == 1
    assert len({receipt.journal_id for receipt in receipts}) == 3
    assert await db.read(lambda conn: (rows(conn), rows(conn, "raw"))) == (3, 1)
    assert [found.rcpt_to for found in await claim(db)] == ["a@g.test", "b@g.test", "c@g.test"]


async def test_a_client_that_lost_our_answer_gets_the_same_one_again(db: Database) -> None:
    ((first,),) = await accept(db, arrival())
    ((again,),) = await accept(db, replace(arrival(), at=day(1), peer=replace(PEER, ip="192.0.2.9")))

    assert again == Receipt(first.queue_id, first.journal_id, fresh=False)
    assert await db.read(rows) == 1


async def test_the_same_mail_twice_in_one_batch_is_one(db: Database) -> None:
    (first,), (again,) = await accept(db, arrival(), arrival())

    assert (first.fresh, again.fresh) == (True, False)
    assert (first.journal_id, first.queue_id) == (again.journal_id, again.queue_id)
    assert await db.read(rows) == 1


async def test_a_recipient_named_twice_gets_the_mail_once(db: Database) -> None:
    (receipts,) = await accept(db, arrival("a@g.test", "a@g.test"))

    assert len({receipt.journal_id for receipt in receipts}) == 1
    assert await db.read(rows) == 1


async def test_a_transaction_known_in_part_keeps_its_queue_id(db: Database) -> None:
    ((first,),) = await accept(db, arrival("a@g.test"))
    ((new, known),) = await accept(db, arrival("b@g.test", "a@g.test"))

    assert (new.fresh, known.fresh) == (True, False)
    assert new.queue_id == known.queue_id == first.queue_id


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(arrival(mail_from="else@x.test"), id="sender"),
        pytest.param(arrival("other@g.test"), id="recipient"),
        pytest.param(arrival(raw=RAW + b"\r\n"), id="content"),
    ],
)
async def test_another_envelope_or_content_is_another_mail(db: Database, other: Arrival) -> None:
    await accept(db, arrival())
    ((receipt,),) = await accept(db, other)

    assert receipt.fresh


@pytest.mark.parametrize("odd", ["\udcff@x.test", "a\0b@x.test", "Jürgen@münchen.test", "😀@x.test"])
async def test_no_envelope_is_too_odd_to_keep(db: Database, odd: str) -> None:
    await accept(db, arrival(odd, mail_from=odd))

    (found,) = await claim(db)
    found.rcpt_to.encode("utf-8")
    assert len(found.rcpt_to) == len(odd)


async def test_sessions_that_end_together_share_a_commit(db: Database) -> None:
    answers = await asyncio.gather(
        *(db.together(journal.Acceptance(db.new_id), arrival(f"{n}@g.test")) for n in range(20))
    )

    assert all(receipt.fresh for (receipt,) in answers)
    assert await db.read(rows) == 20


ENVELOPES = st.builds(
    lambda recipients, sender, text_: arrival(*recipients, mail_from=sender, raw=text_),
    st.lists(st.sampled_from(["a@g.test", "b@g.test", "c@g.test"]), min_size=1, max_size=4),
    st.sampled_from(["", "x@x.test", "y@x.test"]),
    st.sampled_from([b"one", b"two"]),
)


def numbered(answers: list[list[Receipt]]) -> list[list[tuple[int, int, bool]]]:
    """Receipts with ids replaced by the order in which they first appeared."""
    queues: dict[str, int] = {}
    journals: dict[int, int] = {}
    return [
        [
            (queues.setdefault(r.queue_id, len(queues)), journals.setdefault(r.journal_id, len(journals)), r.fresh)
            for r in receipts
        ]
        for receipts in answers
    ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=st.lists(ENVELOPES, max_size=8))
async def test_one_batch_of_many_and_many_batches_of_one_give_the_same_receipts(
    db: Database, arrivals: list[Arrival]
) -> None:
    def together(conn: Connection) -> object:
        receipts = journal.accept(conn, arrivals, db.new_id, ids.queue_id)
        return numbered(receipts), rows(conn)

    def alone(conn: Connection) -> object:
        receipts = [journal.accept(conn, [each], db.new_id, ids.queue_id)[0] for each in arrivals]
        return numbered(receipts), rows(conn)

    assert await rolled_back(db, together) == await rolled_back(db, alone)


# ── Claim ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_fresh_mail_is_claimed_oldest_first_and_only_once(db: Database) -> None:
    accepted = await accept(db, *(arrival(f"{n}@g.test") for n in range(5)))
    order = [receipt.journal_id for (receipt,) in accepted]

    assert [found.journal_id for found in await claim(db, 3)] == order[:3]
    assert [found.journal_id for found in await claim(db, 3)] == order[3:]
    assert await claim(db) == []


async def test_a_mail_that_was_tried_before_comes_alone_and_first(db: Database) -> None:
    (first,), _, _ = await accept(db, *(arrival(f"{n}@g.test") for n in range(3)))
    await claim(db, 1)
    await db.write(lambda conn: journal.fail(conn, first.journal_id, "boom", NOW))

    (again,) = await claim(db)
    assert (again.journal_id, again.attempts, again.last_error) == (first.journal_id, 2, "boom")
    assert len(await claim(db)) == 2


async def test_fresh_mail_before_a_tried_one_does_not_take_it_along(db: Database) -> None:
    *_, (last,) = await accept(db, *(arrival(f"{n}@g.test") for n in range(3)))
    await db.write(lambda conn: conn.execute(text(f"UPDATE journal SET attempts = 1 WHERE id = {last.journal_id}")))

    assert len(await claim(db)) == 2
    assert [found.attempts for found in await claim(db)] == [2]


async def test_a_lease_that_ended_is_taken_over(db: Database) -> None:
    await accept(db, arrival())
    await claim(db)

    assert await claim(db, days=0) == []
    (found,) = await claim(db, days=1)
    assert found.attempts == 2


@only(SQLITE)
async def test_what_a_dead_daemon_held_is_free_at_the_next_start(url: str) -> None:
    """A file has one daemon, so every lease in it is a dead one's."""
    db = await Database.open(url, create=True)
    await accept(db, arrival())
    await claim(db)
    await db.close()
    db = await Database.open(url)

    assert await db.write(lambda conn: journal.release(conn, "another")) == 1
    (found,) = await claim(db)
    assert found.attempts == 2
    await db.close()


async def test_what_only_waited_in_the_memory_of_a_dead_process_is_not_suspected(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail is judged in the order in which it came, so the oldest are what was in hand."""
    monkeypatch.setattr(journal, "IN_HAND_MOST", 2)
    arrivals = [arrival(f"{n}@g.test") for n in range(5)]
    accepted = await db.write(
        lambda conn: journal.accept(conn, arrivals, db.new_id, ids.queue_id, owner="me", lease_s=60)
    )

    assert await db.write(lambda conn: journal.release(conn, "me")) == 5
    order = [receipt.journal_id for (receipt,) in accepted]
    claimed = [[(found.journal_id, found.attempts) for found in await claim(db)] for _ in range(3)]
    assert claimed == [[(order[0], 2)], [(order[1], 2)], [(journal_id, 1) for journal_id in order[2:]]]


def test_all_that_a_process_has_in_hand_is_suspected() -> None:
    """Two batches under way, and one that is being put together."""
    assert journal.IN_HAND_MOST >= (intake.BATCHES_AT_ONCE + 1) * intake.BATCH


async def test_a_claim_holds_a_bounded_number_of_bytes_but_at_least_one_mail(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CLAIM_BYTES", 2 * len(RAW))
    await accept(db, arrival("0@g.test", raw=RAW * 3), *(arrival(f"{n}@g.test") for n in range(1, 4)))

    assert [len(await claim(db)) for _ in range(3)] == [1, 2, 1]


async def test_a_shunted_mail_is_set_aside_until_a_person_has_it_tried_again(db: Database) -> None:
    ((receipt,),) = await accept(db, arrival())
    await claim(db)
    await db.write(lambda conn: journal.shunt(conn, receipt.journal_id, "Traceback …", NOW))
    assert await claim(db, days=1) == []

    assert await db.write(lambda conn: journal.unshunt(conn, receipt.journal_id, NOW))
    assert not await db.write(lambda conn: journal.unshunt(conn, receipt.journal_id, NOW))
    (found,) = await claim(db)
    assert (found.attempts, found.last_error, found.replayed) == (1, "", True)


async def test_a_settled_mail_cannot_fail_or_be_shunted_any_more(db: Database) -> None:
    ((receipt,),) = await accept(db, arrival())
    await db.write(lambda conn: conn.execute(text("UPDATE journal SET state = 'parked'")))
    await db.write(lambda conn: journal.shunt(conn, receipt.journal_id, "late", NOW))

    assert await db.read(lambda conn: conn.execute(select(tables.journal.c.state)).scalar()) is State.PARKED


async def test_the_end_of_a_long_traceback_is_kept(db: Database) -> None:
    ((receipt,),) = await accept(db, arrival())
    await claim(db)
    await db.write(lambda conn: journal.fail(conn, receipt.journal_id, "x" * 100_000 + "ValueError", NOW))

    (found,) = await claim(db)
    assert found.last_error.endswith("ValueError")
    assert len(found.last_error) == journal.ERROR_CHARS


async def test_refusals_are_counted_by_day_and_code(db: Database) -> None:
    for at, counts in ((NOW, {550: 2, 451: 1}), (NOW, {550: 1}), (NOW, {}), (NOW + timedelta(days=1), {550: 1})):
        await db.write(partial(journal.refused, at=at, counts=counts))

    def counted(conn: Connection) -> list[int]:
        return list(conn.execute(text('SELECT "count" FROM refusal ORDER BY day, code')).scalars())

    assert await db.read(counted) == [1, 3, 1]
