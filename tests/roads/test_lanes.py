"""Which of the claimed mails are tried, and which go back: a dead or slow host holds up nobody but its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mailgate.lanes import MOST_AT_REST, PER_DOMAIN, PROBE_WAIT, STUCK_WAIT, Lanes
from mailgate.model import Answer, Due, Purpose, PutOff
from tests.fakes.waiting import wait_until

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEAD = Answer(0, "4.4.1 mx.x.test: connection refused")
OK = Answer(250, "2.0.0 ok")


def due(number: int = 1, to: str = "anne@x.test") -> Due:
    return Due(number, Purpose.AGENT, "b-1@g.test", to, b"", 1, START, START + timedelta(days=5), utf8=False)


class Road:
    """Lanes with a clock in the caller's hands."""

    def __init__(self, **options: float) -> None:
        self.now = START
        self.lanes = Lanes(20, lambda: self.now, **options)

    async def put_off(self, mail: Due) -> PutOff | None:
        async with self.lanes.turn(mail) as put_off:
            return put_off

    async def tried(self, mail: Due, answer: Answer) -> None:
        async with self.lanes.turn(mail) as put_off:
            assert put_off is None
            self.lanes.heard(mail, answer)

    async def until(self, mail: Due) -> timedelta | None:
        """How long a mail is put off; None where it is tried."""
        put_off = await self.put_off(mail)
        return put_off.until - self.now if put_off else None


async def test_a_host_that_does_not_answer_is_left_alone_for_all_of_its_mail() -> None:
    road = Road()
    await road.tried(due(1), DEAD)

    put_off = await road.put_off(due(2))
    assert put_off == PutOff(2, START + MINUTE, "4.4.1 x.test did not answer; nothing is tried there until then")
    assert await road.until(due(3, "joe@y.test")) is None


@pytest.mark.parametrize(
    ("answer", "rests"),
    [
        (DEAD, True),
        (Answer(0, "4.4.3 no answer from DNS"), True),
        (Answer(421, "4.3.2 closing"), True),
        (Answer(451, "4.7.1 greylisted"), False),
        (Answer(550, "5.1.1 no such user"), False),
        (Answer(0, "4.3.0 our own database: busy"), False),
        (OK, False),
    ],
    ids=["refused", "no DNS", "shuts down", "greylisting", "no such user", "our own trouble", "sent"],
)
async def test_only_what_concerns_the_host_holds_up_its_other_mail(answer: Answer, rests: bool) -> None:
    road = Road()
    await road.tried(due(1), answer)
    assert (await road.until(due(2)) is not None) is rests


async def test_after_the_rest_one_mail_tries_and_the_others_wait_for_what_it_finds() -> None:
    road = Road()
    await road.tried(due(1), DEAD)
    road.now += MINUTE
    async with road.lanes.turn(due(1)) as put_off:
        assert put_off is None
        assert await road.until(due(2)) == PROBE_WAIT
        road.lanes.heard(due(1), OK)
    assert await road.until(due(2)) is None


async def test_the_rest_grows_and_is_bounded() -> None:
    road, waits = Road(), []
    for _ in range(6):
        await road.tried(due(1), DEAD)
        waits.append(await road.until(due(2)))
        assert waits[-1]
        road.now += waits[-1]
    assert waits == [minutes * MINUTE for minutes in (1, 5, 15, 30, 30, 30)]


async def test_several_failures_at_once_are_one_trouble() -> None:
    road = Road()
    async with road.lanes.turn(due(1)), road.lanes.turn(due(2)):
        road.lanes.heard(due(1), DEAD)
        road.lanes.heard(due(2), DEAD)
    assert await road.until(due(3)) == MINUTE


async def test_a_try_that_never_ended_leaves_the_next_mail_to_try() -> None:
    road = Road()
    await road.tried(due(1), DEAD)
    road.now += MINUTE
    assert await road.until(due(2)) is None  # cancelled by a person, for instance: nothing was heard
    assert await road.until(due(3)) is None


async def test_a_mail_whose_time_would_be_over_is_tried_all_the_same() -> None:
    road = Road()
    await road.tried(due(1), DEAD)
    assert await road.until(replace(due(2), give_up_at=START + MINUTE)) is None


async def test_trouble_of_our_own_says_nothing_of_the_host() -> None:
    road = Road()
    await road.tried(due(1), DEAD)
    await road.tried(replace(due(2), asked_for=True), Answer(0, "4.3.0 our own database: busy"))
    assert await road.until(due(3)) == MINUTE


async def test_what_a_person_asks_for_is_tried_now() -> None:
    road = Road()
    await road.tried(due(1), DEAD)
    assert await road.until(replace(due(2), asked_for=True)) is None


async def test_all_mail_by_one_relay_rests_with_it() -> None:
    road = Road()
    road.lanes = Lanes(20, lambda: road.now, lambda mail: "relay.test")
    await road.tried(due(1), DEAD)
    assert await road.until(due(2, "joe@y.test")) == MINUTE


async def test_in_a_lane_that_does_not_move_nobody_waits_for_long() -> None:
    road, gate = Road(stuck_s=0.05), asyncio.Event()
    inside = 0

    async def hold(number: int) -> None:
        nonlocal inside
        async with road.lanes.turn(due(number)) as put_off:
            assert put_off is None
            inside += 1
            await gate.wait()

    held = [asyncio.create_task(hold(number)) for number in range(PER_DOMAIN)]
    await wait_until(lambda: inside == PER_DOMAIN)

    put_off = await road.put_off(due(99))
    assert put_off == PutOff(99, START + STUCK_WAIT, "4.4.5 x.test is slow, and others wait before it")
    assert await road.until(due(1, "joe@y.test")) is None

    gate.set()
    await asyncio.gather(*held)
    assert await road.until(due(99)) is None


async def test_in_a_lane_that_moves_everybody_waits_his_turn() -> None:
    road, done = Road(stuck_s=60), []

    async def pass_through(number: int) -> None:
        async with road.lanes.turn(due(number)) as put_off:
            assert put_off is None
            await asyncio.sleep(0)
            done.append(number)

    await asyncio.gather(*(pass_through(number) for number in range(100)))
    assert sorted(done) == list(range(100))


async def test_only_so_many_hosts_are_remembered() -> None:
    road = Road()
    for number in range(MOST_AT_REST + 1):
        road.lanes.heard(due(number, f"a@x{number}.test"), DEAD)
    assert await road.until(due(1, "a@x0.test")) is None
    assert await road.until(due(1, "a@x1.test")) == MINUTE
