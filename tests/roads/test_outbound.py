# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""Mail out: what is due is delivered, once or at least once, and nothing is forgotten."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, select

from mailgate.errors import TryAgain
from mailgate.lanes import PER_DOMAIN
from mailgate.log import open_log
from mailgate.model import Answer, Due, Grant, OutboxState, Permit, Purpose, Sending
from mailgate.outbound import IN_MEMORY, Outbound
from mailgate.store import locks, outbox, record, tables
from mailgate.store.database import Database
from tests.fakes.waiting import wait_until

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
OK = Answer(250, "2.0.0 queued as 1", handed=True)
BeforeData = Callable[[], Awaitable[None]]
_ids = count(1)


def a_mail(purpose: Purpose = Purpose.AGENT, *, to: str = "anne@x.test", at: datetime = START) -> Sending:
    give_up_at = at + (timedelta(days=5) if purpose is Purpose.AGENT else timedelta(hours=4))
    n = next(_ids)
    grant = Grant(at, purpose, to, "x.test", "192.0.2.0/24", "f", shared=False, unproven=True, ticket_id=None, cause=n)
    return Sending(
        outbox_id=n,
        message_id=n,
        purpose=purpose,
        mail_from=f"b-{n}@g.test",
        rcpt_to=to,
        recipient=to,
        mailbox="support@g.test",
        identity=f"<{n}@g.test>",
        token_id=n,
        subject="Re: Help",
        raw=b"Subject: Re: Help\r\n\r\nWe are on it.\r\n",
        at=at,
        not_before=at,
        give_up_at=give_up_at,
        permit=None if purpose is Purpose.AGENT else Permit(n, grant),
    )


class Hop:
    """A next hop in the caller's hands, with the database to look into at the moment of DATA."""

    def __init__(self) -> None:
        self.answers: list[Answer | Exception] = []
        self.tried: list[Due] = []
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        self.before: Callable[[], Awaitable[None]] | None = None

    async def deliver(self, due: Due, before_data: BeforeData) -> Answer:
        domain = due.rcpt_to.rpartition("@")[2]
        self.tried.append(due)
        for name in (domain, "all"):
            self.at_once[name] += 1
            self.most[name] = max(self.most[name], self.at_once[name])
        try:
            if self.before:
                await self.before()
            await before_data()
            await before_data()  # a courier that begins anew on another connection asks again
            await self.gate.wait()
            answer = self.answers.pop(0) if self.answers else OK
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.at_once.subtract([domain, "all"])


class World:
    """A real database, a hop, a clock, and the road between them."""

    def __init__(self, database: Database, hop: Hop, log: io.StringIO) -> None:
        self.database = database
        self.hop = hop
        self.log = log
        self.now = START
        self.outbound = self.road()

    def road(self, **options: Any) -> Outbound:
        log = open_log(self.log, logging.INFO)
        return Outbound(self.database, self.hop.deliver, lambda: self.now, log, owner="test", **options)

    async def queue(self, *mails: Sending) -> None:
        def work(conn: Connection) -> None:
            locks.spending(conn)
            record.apply(conn, mails, self.now)

        await self.database.write(work)

    async def rows(self) -> dict[int, Any]:
        found = await self.database.read(lambda conn: conn.execute(select(tables.outbox)).all())
        return {row.id: row for row in found}

    async def state(self, mail: Sending) -> OutboxState:
        return (await self.rows())[mail.outbox_id].state

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def faults() -> list[str]:
    """While it holds anything, each commit fails."""
    return []


@pytest.fixture
async def world(url: str, faults: list[str]) -> AsyncIterator[World]:
    def fault(point: str) -> None:
        if faults and point == "before-commit":
            raise TryAgain(faults[0])

    database = await Database.open(url, durable=False, faults=fault)
    yield World(database, Hop(), io.StringIO())
    faults.clear()
    await database.close()


# ── One attempt ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("purpose", Purpose)
async def test_a_mail_that_is_due_is_sent_once(world: World, purpose: Purpose) -> None:
    mail = a_mail(purpose)
    await world.queue(mail)

    assert await world.outbound.settle_due() == 1
    assert await world.outbound.settle_due() == 0

    assert await world.state(mail) is OutboxState.SENT
    assert [(due.outbox_id, due.raw, due.attempts) for due in world.hop.tried] == [(mail.outbox_id, mail.raw, 1)]


async def test_a_mail_is_marked_as_handed_before_its_text_is(world: World) -> None:
    mail = a_mail()
    await world.queue(mail)
    world.hop.gate.clear()
    settling = asyncio.create_task(world.outbound.settle_due())
    await wait_until(lambda: world.hop.at_once["all"] == 1)
    states = set()
    for _ in range(200):
        states.add(await world.state(mail))
        if OutboxState.HANDED in states:
            break

    assert OutboxState.HANDED in states
    world.hop.gate.set()
    await settling


async def test_a_mail_is_not_tried_before_its_time(world: World) -> None:
    await world.queue(replace(a_mail(), not_before=START + timedelta(minutes=1)))

    assert await world.outbound.settle_due() == 0
    world.now += timedelta(minutes=1)
    assert await world.outbound.settle_due() == 1


@pytest.mark.parametrize("purpose", [Purpose.AGENT, Purpose.CHALLENGE])
async def test_a_temporary_refusal_is_tried_again_in_its_time(world: World, purpose: Purpose) -> None:
    mail = a_mail(purpose)
    world.hop.answers = [Answer(451, "4.7.1 greylisted", handed=True)]
    await world.queue(mail)

    assert await world.outbound.settle_due() == 1
    assert await world.outbound.settle_due() == 0
    world.now += timedelta(minutes=1)
    assert await world.outbound.settle_due() == 1

    assert await world.state(mail) is OutboxState.SENT
    assert [due.attempts for due in world.hop.tried] == [1, 2]


@pytest.mark.parametrize(
    ("purpose", "answer", "state"),
    [
        pytest.param(Purpose.AGENT, Answer(550, "5.1.1 no"), OutboxState.FAILED, id="refused for good"),
        pytest.param(Purpose.AGENT, Answer(0, "hung up", handed=True), OutboxState.READY, id="silence, person"),
        pytest.param(Purpose.CHALLENGE, Answer(0, "hung up", handed=True), OutboxState.FAILED, id="silence, automatic"),
        pytest.param(Purpose.CHALLENGE, Answer(0, "no way"), OutboxState.READY, id="not handed, automatic"),
        pytest.param(Purpose.AGENT, ValueError("a fault of ours"), OutboxState.READY, id="our own fault, person"),
        pytest.param(
            Purpose.CHALLENGE, ValueError("a fault of ours"), OutboxState.FAILED, id="our own fault, automatic"
        ),
    ],
)
async def test_what_came_of_it_is_written(
    world: World, purpose: Purpose, answer: Answer | Exception, state: OutboxState
) -> None:
    mail = a_mail(purpose)
    world.hop.answers = [answer]
    await world.queue(mail)

    await world.outbound.settle_due()

    assert await world.state(mail) is state


async def test_automatic_mail_that_was_overslept_is_cancelled_untried(world: World) -> None:
    late, persons = a_mail(Purpose.ACKNOWLEDGE), a_mail()
    await world.queue(late, persons)
    world.now += timedelta(days=6)

    await world.outbound.settle_due()

    assert await world.state(late) is OutboxState.CANCELLED
    assert await world.state(persons) is OutboxState.SENT
    assert [due.outbox_id for due in world.hop.tried] == [persons.outbox_id]


async def test_a_mail_that_is_cancelled_while_we_connect_is_not_written(world: World) -> None:
    mail = a_mail()
    await world.queue(mail)

    async def cancel() -> None:
        await world.database.write(lambda conn: outbox.cancel(conn, mail.outbox_id, world.now))

    world.hop.before = cancel
    await world.outbound.settle_due()

    assert await world.state(mail) is OutboxState.CANCELLED
    assert world.hop.most["all"] == 1


async def test_an_attempt_is_one_line_without_addresses(world: World) -> None:
    mail = a_mail(to="anne@secret.test")
    world.hop.answers = [Answer(550, "5.1.1 <anne@secret.test> unknown")]
    await world.queue(mail)

    await world.outbound.settle_due()

    assert "secret" not in world.log.getvalue()
    (line,) = world.lines()
    wanted = {"event": "delivery-attempted", "code": 550, "status": "5.1.1", "state": "failed", "attempt": 1}
    assert line | wanted == line


# ── Many at once ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_deliveries_at_once_are_bounded_in_all_and_by_domain(world: World) -> None:
    road = world.road(concurrency=8)
    await world.queue(*(a_mail(to=f"a@x{n % 2}.test") for n in range(40)))

    assert await road.settle_due() == 40

    assert world.hop.most["all"] == 8
    assert world.hop.most["x0.test"] <= PER_DOMAIN
    assert world.hop.most["x1.test"] <= PER_DOMAIN


async def test_a_slow_domain_does_not_hold_up_the_others(world: World) -> None:
    slow, quick = [a_mail(to="a@slow.test") for _ in range(30)], a_mail(to="a@quick.test")
    await world.queue(*slow, quick)
    stuck = asyncio.Event()

    async def hold() -> None:
        if world.hop.tried[-1].rcpt_to == "a@slow.test":
            await stuck.wait()

    world.hop.before = hold
    settling = asyncio.create_task(world.outbound.settle_due())
    await wait_until(lambda: world.hop.tried[-1:] != [] and world.hop.tried[-1].rcpt_to == "a@quick.test")
    stuck.set()

    assert await settling == 31


DEAD = Answer(0, "4.4.1 mx.x.test: connection refused")


async def test_mail_to_a_dead_host_waits_untried_and_says_so(world: World) -> None:
    mails = [a_mail(to=f"a{n}@dead.test") for n in range(IN_MEMORY + 50)]
    world.hop.answers = [DEAD] * len(mails)
    await world.queue(*mails, a_mail(to="joe@quick.test"))
    world.hop.answers[PER_DOMAIN:] = [OK]

    await world.outbound.settle_due()

    tried = Counter(due.rcpt_to.partition("@")[2] for due in world.hop.tried)
    assert tried == {"dead.test": PER_DOMAIN, "quick.test": 1}
    rows = await world.rows()
    waiting = [rows[mail.outbox_id] for mail in mails if rows[mail.outbox_id].attempts == 0]
    assert len(waiting) == len(mails) - PER_DOMAIN
    assert {(row.state, row.next_at, row.lease_owner) for row in waiting} == {
        (OutboxState.READY, START + timedelta(minutes=1), None)
    }
    assert {row.last_reply for row in waiting} == {"4.4.1 dead.test did not answer; nothing is tried there until then"}

    world.now += timedelta(minutes=3)
    while await world.outbound.settle_due():
        world.now += timedelta(minutes=3)
    assert {row.state for row in (await world.rows()).values()} == {OutboxState.SENT}


async def test_what_a_person_asks_for_is_tried_although_the_host_is_dead(world: World) -> None:
    first, second = a_mail(to="a@dead.test"), a_mail(to="b@dead.test")
    world.hop.answers = [DEAD]
    await world.queue(first)
    await world.outbound.settle_due()
    await world.queue(second)
    await world.outbound.settle_due()
    assert await world.state(second) is OutboxState.READY

    await world.database.write(lambda conn: outbox.retry(conn, second.outbox_id, world.now))
    await world.outbound.settle_due()

    assert await world.state(second) is OutboxState.SENT


async def test_only_so_many_are_in_memory(world: World) -> None:
    await world.queue(*(a_mail(to=f"a@x{n}.test") for n in range(IN_MEMORY + 50)))
    world.hop.gate.clear()
    running = asyncio.create_task(world.outbound.run())
    await wait_until(lambda: world.hop.at_once["all"] == 20)

    leased = [row for row in (await world.rows()).values() if row.state is not OutboxState.READY]
    assert len(leased) == IN_MEMORY

    world.hop.gate.set()
    await wait_until(lambda: len(world.hop.tried) == IN_MEMORY + 50)
    world.outbound.stop()
    await running


# ── Running ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def running(world: World) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(world.outbound.run())
    yield task
    world.outbound.stop()
    world.hop.gate.set()
    await asyncio.wait([task])


async def test_whoever_queues_a_mail_wakes_us(world: World, running: asyncio.Task[None]) -> None:
    for n in range(1, 4):
        await world.queue(a_mail())
        world.outbound.wake()
        await wait_until(lambda n=n: len(world.hop.tried) == n, deadline_s=2)


async def test_a_mail_falls_due_by_itself(world: World, running: asyncio.Task[None]) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    world.outbound.clock = lambda: START + timedelta(seconds=loop.time() - begun)
    await world.queue(replace(a_mail(), not_before=START + timedelta(seconds=0.3)))
    world.outbound.wake()

    await wait_until(lambda: len(world.hop.tried) == 1, deadline_s=3)


async def test_trouble_of_the_database_forgets_no_settlement(
    world: World, faults: list[str], running: asyncio.Task[None]
) -> None:
    mail = a_mail(Purpose.CHALLENGE)
    await world.queue(mail)
    world.hop.gate.clear()
    world.outbound.wake()
    await wait_until(lambda: world.hop.at_once["all"] == 1)
    while await world.state(mail) is not OutboxState.HANDED:
        pass
    faults.append("no room")
    world.hop.gate.set()
    await wait_until(lambda: "store-trouble" in world.log.getvalue())
    faults.clear()
    await wait_until(lambda: "delivery-attempted" in world.log.getvalue())

    assert await world.state(mail) is OutboxState.SENT
    assert len(world.hop.tried) == 1


async def test_trouble_of_the_database_before_the_text_sends_nothing(world: World, faults: list[str]) -> None:
    mail = a_mail(Purpose.CHALLENGE)
    await world.queue(mail)

    async def fail() -> None:
        faults.append("no room")

    world.hop.before = fail
    with pytest.raises(TryAgain):
        await world.outbound.settle_due()
    faults.clear()
    world.hop.before = None
    await world.outbound.recover()
    await world.outbound.settle_due()

    assert await world.state(mail) is OutboxState.SENT


# ── The end, and after it ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_when_we_stop_what_has_begun_is_finished_and_nothing_more_begins(world: World) -> None:
    road = world.road(concurrency=2)
    mails = [a_mail(to=f"a@x{n}.test") for n in range(5)]
    await world.queue(*mails)
    world.hop.gate.clear()
    running = asyncio.create_task(road.run())
    await wait_until(lambda: world.hop.at_once["all"] == 2)

    road.stop()
    world.hop.gate.set()
    await running

    states = Counter(row.state for row in (await world.rows()).values())
    assert states == {OutboxState.SENT: 2, OutboxState.LEASED: 3}
    await road.recover()
    assert await world.road().settle_due() == 3


async def test_a_delivery_that_does_not_end_is_cut_off(world: World) -> None:
    road = world.road(drain_s=0.05)
    await world.queue(a_mail())
    world.hop.gate.clear()
    running = asyncio.create_task(road.run())
    await wait_until(lambda: world.hop.at_once["all"] == 1)

    road.stop()
    await asyncio.wait_for(running, 5)

    assert world.hop.at_once["all"] == 0


@pytest.mark.parametrize(
    ("purpose", "state", "tries"),
    [
        pytest.param(Purpose.AGENT, OutboxState.SENT, 2, id="a person's mail at least once"),
        pytest.param(Purpose.CHALLENGE, OutboxState.FAILED, 1, id="automatic mail at most once"),
    ],
)
async def test_death_after_the_text_was_handed(world: World, purpose: Purpose, state: OutboxState, tries: int) -> None:
    mail = a_mail(purpose)
    await world.queue(mail)
    world.hop.gate.clear()
    running = asyncio.create_task(world.outbound.run())
    await wait_until(lambda: world.hop.at_once["all"] == 1)
    while await world.state(mail) is not OutboxState.HANDED:
        pass
    running.cancel()
    await asyncio.wait([running])

    world.hop.gate.set()
    after = world.road()
    await after.recover()
    await after.settle_due()

    assert await world.state(mail) is state
    assert len(world.hop.tried) == tries
