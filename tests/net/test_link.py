"""A front hands mail to the keeper, and says nothing that the keeper did not say; keepers come and go."""

from __future__ import annotations

import asyncio
import io
import stat
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from mailgate.errors import TryAgain
from mailgate.log import open_log
from mailgate.model import Arrival, Peer
from mailgate.net import link as under_test
from mailgate.net.gate import Gate
from mailgate.net.link import Link
from tests.fakes.door import SECRET, FakeDoor
from tests.fakes.waiting import wait_until

SIZE_BYTES = 8 << 20
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def mail(number: int = 1, *, to: tuple[str, ...] = ("support@g.test",), raw: bytes = b"") -> Arrival:
    body = raw or b"Subject: %d\r\n\r\nHello.\r\n" % number
    return Arrival("anne@x.test", to, body, Peer("192.0.2.1"), NOW)


class Pair:
    """A keeper's gate and a front's link, on one socket file."""

    def __init__(self, folder: Path) -> None:
        # As deep as the folder of a database may lie: longer than the name of a socket may be.
        self.path = folder / ("x" * 120) / "mailgate.db.fronts"
        self.path.parent.mkdir()
        self.stream = io.StringIO()
        self.now = NOW
        self.welcomed: list[int] = []
        self.door = FakeDoor()
        self.gate = self.new_gate()
        self.link = Link(self.path, open_log(self.stream), patience_s=20)
        self.keeping = asyncio.create_task(self.link.keep())

    def new_gate(self) -> Gate:
        return Gate(
            self.path,
            self.door,
            most_body_bytes=SIZE_BYTES,
            clock=lambda: self.now,
            log=open_log(self.stream),
            welcomed=lambda: self.welcomed,
        )

    async def renew(self) -> None:
        self.gate = self.new_gate()
        await self.gate.start()

    async def close(self) -> None:
        self.keeping.cancel()
        await asyncio.gather(self.keeping, return_exceptions=True)
        self.door.open.set()
        await self.gate.drain(5)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = Pair(tmp_path)
    await pair.gate.start()
    yield pair
    await pair.close()


async def test_the_keepers_replies_are_the_fronts(pair: Pair) -> None:
    sent = mail(to=("support@g.test", "full@g.test"))
    replies = await pair.link.hand_over(sent)
    assert [reply.code for reply in replies] == [250, 452]
    assert pair.door.arrivals == [sent]


async def test_a_large_mail_arrives_whole(pair: Pair) -> None:
    sent = mail(raw=bytes(range(256)) * (SIZE_BYTES // 256))
    await pair.link.hand_over(sent)
    assert pair.door.arrivals == [sent]


async def test_many_are_under_way_at_once_and_each_gets_its_own_answer(pair: Pair) -> None:
    answers = await asyncio.gather(*(pair.link.hand_over(mail(number)) for number in range(1000)))
    numbers = [int(replies[0].text.rpartition(" ")[2]) for replies in answers]
    assert [pair.door.arrivals[number - 1].raw for number in numbers] == [mail(number).raw for number in range(1000)]


@pytest.mark.parametrize(
    ("most", "raw"),
    [("MOST_UNDER_WAY", b"small"), ("MOST_UNDER_WAY_BYTES", bytes(under_test.MOST_UNDER_WAY_BYTES // 8))],
)
async def test_what_is_under_way_has_a_bound(pair: Pair, most: str, raw: bytes) -> None:
    bound = getattr(under_test, most) if most == "MOST_UNDER_WAY" else 8
    pair.door.open.clear()
    waiting = [asyncio.create_task(pair.link.hand_over(mail(raw=raw))) for _ in range(bound + 5)]
    await wait_until(lambda: pair.door.began == bound)
    pair.door.open.set()
    await asyncio.gather(*waiting)
    assert pair.door.began == bound + 5


async def test_trouble_of_the_keeper_is_trouble_of_the_front(pair: Pair) -> None:
    with pytest.raises(TryAgain) as trouble:
        await pair.link.hand_over(mail(to=("later@g.test",)))
    assert (trouble.value.code, str(trouble.value)) == (451, SECRET)


async def test_a_fault_of_the_keeper_is_told_in_its_own_log_alone(pair: Pair) -> None:
    with pytest.raises(TryAgain) as trouble:
        await pair.link.hand_over(mail(to=("broken@g.test",)))
    assert SECRET not in str(trouble.value)
    assert SECRET.split()[0] in pair.stream.getvalue()


async def test_without_a_keeper_the_sender_keeps_his_mail(tmp_path: Path) -> None:
    alone = Link(tmp_path / "nobody", open_log(io.StringIO()), patience_s=0.05)
    keeping = asyncio.create_task(alone.keep())
    with pytest.raises(TryAgain, match="no answer from the keeper"):
        await alone.hand_over(mail())
    assert not alone.report(Counter({550: 1}), 0)
    keeping.cancel()


async def test_a_silent_keeper_is_waited_for_only_so_long(pair: Pair) -> None:
    pair.door.open.clear()
    impatient = Link(pair.path, open_log(pair.stream), patience_s=0.05)
    keeping = asyncio.create_task(impatient.keep())
    with pytest.raises(TryAgain):
        await impatient.hand_over(mail())
    keeping.cancel()


async def test_mail_waits_while_the_keeper_is_renewed(pair: Pair) -> None:
    await pair.gate.drain(5)
    waiting = asyncio.create_task(pair.link.hand_over(mail()))
    await pair.renew()
    assert (await waiting)[0].code == 250
    assert len(pair.door.arrivals) == 1


async def test_what_a_dead_keeper_had_not_answered_is_handed_over_again(pair: Pair) -> None:
    pair.door.open.clear()
    waiting = [asyncio.create_task(pair.link.hand_over(mail(number))) for number in range(3)]
    await wait_until(lambda: pair.door.began == 3)
    dying = pair.gate.drain(0)
    await dying
    pair.door.open.set()
    await pair.renew()
    assert [(await one)[0].code for one in waiting] == [250, 250, 250]
    assert pair.door.began == 6


async def test_a_keeper_that_leaves_answers_what_it_has_taken(pair: Pair) -> None:
    pair.door.open.clear()
    waiting = asyncio.create_task(pair.link.hand_over(mail()))
    await wait_until(lambda: pair.door.began == 1)
    leaving = asyncio.create_task(pair.gate.drain(5))
    pair.door.open.set()
    await leaving
    assert (await waiting)[0].code == 250
    assert not pair.path.exists()


async def test_refusals_and_sessions_of_fronts_are_the_keepers_to_count(pair: Pair) -> None:
    await pair.link.hand_over(mail())
    assert pair.link.report(Counter({550: 2, 421: 1}), 7)
    assert pair.link.report(Counter({550: 1}), 5)
    await wait_until(lambda: pair.gate.refused[550] == 3)
    assert (pair.gate.refused, pair.gate.connected) == (Counter({550: 3, 421: 1}), 5)


async def test_a_front_learns_where_somebody_we_trust_wrote_from(pair: Pair) -> None:
    heard: list[int] = []
    pair.link.on_welcome = heard.extend
    await pair.link.hand_over(mail())
    pair.gate.welcome(7)
    await wait_until(lambda: heard == [7])


async def test_a_front_that_comes_learns_of_all_of_them(pair: Pair) -> None:
    heard: list[int] = []
    pair.link.on_welcome = heard.extend
    await pair.gate.drain(5)
    pair.welcomed = [7, 8]
    await pair.renew()
    await wait_until(lambda: heard == [7, 8])


async def test_the_keeper_is_asked_about_who_was_put_off_and_answers_all(pair: Pair) -> None:
    heard: list[tuple[int, str]] = []
    pair.link.on_vouched = heard.extend
    await pair.link.hand_over(mail())
    assert pair.link.report(Counter(), 1, lambda: [(7, "anne@x.test"), (8, "b\udcff@x.test")])
    assert pair.link.report(Counter(), 1, lambda: [(7, "anne@x.test")])
    await pair.link.hand_over(mail(2))
    assert pair.gate.take_put_off() == [(7, "anne@x.test"), (8, "b\udcff@x.test")]
    assert pair.gate.take_put_off() == []
    pair.gate.vouch([(8, "b\udcff@x.test")])
    await wait_until(lambda: heard == [(8, "b\udcff@x.test")])


async def test_a_front_does_not_make_it_later_than_the_keeper_says_it_is(pair: Pair) -> None:
    sent = mail()
    ahead, behind = replace(sent, at=NOW + timedelta(days=1)), replace(sent, at=NOW - timedelta(seconds=1))
    for arrival in (ahead, behind):
        await pair.link.hand_over(arrival)
    assert pair.door.arrivals == [sent, behind]


async def test_only_our_own_user_may_bring_mail_this_way(pair: Pair) -> None:
    assert stat.S_IMODE(pair.path.stat().st_mode) == 0o600


async def test_whoever_writes_something_else_is_hung_up_on(pair: Pair) -> None:
    pair.link.report(Counter(), 0)
    await pair.link.hand_over(mail())
    with under_test.Nearby(pair.path) as near:
        reader, writer = await asyncio.open_unix_connection(near)
    writer.write(b"EHLO front.test\r\n")
    assert await reader.read() == b""
    writer.close()
    assert "link-broken" in pair.stream.getvalue()
