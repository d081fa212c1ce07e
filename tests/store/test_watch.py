"""How much waits where, found by indexes alone; and a row that says whether the disk takes what it is given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, event, select

from mailgate.model import HeldState, Purpose, State
from mailgate.store import ids, journal, outbox, record, tables, watch
from mailgate.store.database import Database
from mailgate.store.watch import Depth, Queue
from tests.store.making import NOW, arrival, filing, new_id, sending


async def waits_everywhere(db: Database) -> None:
    """One mail in each queue but two that wait for people, and one that was judged spam."""
    arrivals = [arrival(f"support+{new_id()}@g.test", at=NOW + timedelta(minutes=number)) for number in range(7)]
    await db.write(lambda conn: journal.accept(conn, arrivals, db.new_id, ids.queue_id))
    sender, people, later, spam, quiet, broken, _ = await db.write(
        lambda conn: journal.claim(conn, NOW + timedelta(hours=1), len(arrivals), "me", 60)
    )
    effects = [
        filing(sender, State.HELD, held=HeldState.WAIT),
        filing(people, State.HELD, held=HeldState.HUMAN),
        filing(later, State.HELD, held=HeldState.HUMAN),
        filing(spam, State.HELD, held=HeldState.SPAM),
        filing(quiet, State.PARKED),
        sending(Purpose.AGENT),
        sending(Purpose.AGENT),
    ]
    await db.write(lambda conn: record.apply(conn, effects, NOW))
    await db.write(lambda conn: journal.shunt(conn, broken.journal_id, "Traceback", NOW))
    assert len(await db.write(lambda conn: outbox.claim(conn, NOW + timedelta(days=1), 1, "me", 60))) == 1


async def test_mail_that_waits_is_counted_and_the_oldest_is_known(db: Database) -> None:
    await waits_everywhere(db)

    depths = {depth.queue: (depth.mails, depth.oldest_at) for depth in await db.read(watch.depths)}

    def minute(number: int) -> object:
        return NOW + timedelta(minutes=number)

    assert depths == {
        Queue.PENDING: (1, minute(6)),
        Queue.SHUNTED: (1, minute(5)),
        Queue.HELD_FOR_SENDER: (1, minute(0)),
        Queue.HELD_FOR_PEOPLE: (2, minute(1)),
        Queue.READY: (1, NOW),
        Queue.AWAY: (1, NOW),
    }


async def test_where_nothing_waits_there_is_no_oldest(db: Database) -> None:
    assert await db.read(watch.depths) == [
        Depth(queue, 0, None)
        for queue in (
            Queue.PENDING,
            Queue.SHUNTED,
            Queue.READY,
            Queue.AWAY,
            Queue.HELD_FOR_SENDER,
            Queue.HELD_FOR_PEOPLE,
        )
    ]


async def test_only_indexes_of_what_waits_are_read(db: Database) -> None:
    plans = await db.read(_plans)

    assert len(plans) == 5
    for plan in plans:
        assert "ix_" in plan
        assert "Seq Scan" not in plan


@pytest.mark.parametrize("times", [1, 2])
async def test_a_probe_leaves_one_row_however_often_it_is_made(db: Database, times: int) -> None:
    for number in range(times):
        await db.write(lambda conn, number=number: watch.probe(conn, NOW + timedelta(seconds=number)))

    rows = select(tables.counter.c.value).where(tables.counter.c.name == watch.PROBED)
    last = int((NOW + timedelta(seconds=times - 1)).timestamp())
    assert await db.read(lambda conn: conn.execute(rows).scalars().all()) == [last]


def _plans(conn: Connection) -> list[str]:
    """How the database would answer each statement, were its tables too large to be read whole."""
    asked: list[str] = []
    event.listen(conn, "before_cursor_execute", lambda *call: asked.append(call[2]))
    watch.depths(conn)
    questions = [one for one in asked if one.startswith("SELECT")]
    server = conn.dialect.name == "postgresql"
    if server:
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    explain = "EXPLAIN " if server else "EXPLAIN QUERY PLAN "
    return ["\n".join(str(row[-1]) for row in conn.exec_driver_sql(explain + one)) for one in questions]
