"""How benchmarks judge what they measured, and that their generator hides no pause of a server."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import picture, table, typical
from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches import ALL
from benchmarks.caller import Call, Rate, RefusedError, at_rate, in_turn
from benchmarks.mails import Letter, letter
from benchmarks.promise import AtLeast, AtMost
from benchmarks.run import Run, Spread
from mailgate.mail.attachments import attachments_of
from mailgate.mail.parse import parse
from tests.fakes.next_hop import NextHop

RATE = "accepted_per_s"


def rates(contestant: str, *values: float) -> list[Run]:
    return [Run("open", contestant, repeat, {RATE: value}) for repeat, value in enumerate(values, 1)]


def test_a_ratio_is_taken_within_each_repeat() -> None:
    runs = rates("ours", 200, 20, 30) + rates("theirs", 100, 10, 10)
    assert AtLeast(2.0, RATE, "ours", "theirs").measured(runs) == Spread(2.0, 2.0, 3.0)


def test_a_repeat_that_only_one_survived_makes_no_ratio() -> None:
    assert AtLeast(2.0, RATE, "ours", "theirs").measured(rates("ours", 200, 20) + rates("theirs", 100)) == Spread(
        2, 2, 2
    )


def test_a_ratio_may_compare_two_figures() -> None:
    runs = [Run("open", "ours", 1, {"judged_per_s": 30.0}), *rates("theirs", 10.0)]
    found = AtLeast(2.0, "judged_per_s", "ours", "theirs", their_figure=RATE).measured(runs)
    assert found == Spread(3, 3, 3)


@pytest.mark.parametrize(
    ("promise", "verdict"),
    [
        pytest.param(AtLeast(2.0, RATE, "ours", "theirs"), "kept", id="exactly the ratio"),
        pytest.param(AtLeast(2.5, RATE, "ours", "theirs"), "NOT KEPT by 20.0%", id="too low a ratio"),
        pytest.param(AtMost(20.0, RATE, "ours"), "kept", id="exactly the limit"),
        pytest.param(AtMost(16.0, RATE, "ours"), "NOT KEPT by 25.0%", id="over the limit"),
        pytest.param(AtLeast(2.0, RATE, "ours", "nobody"), table.UNKNOWN, id="a peer that is missing"),
        pytest.param(AtMost(1.0, "memory_mib", "ours"), table.UNKNOWN, id="a figure that is missing"),
    ],
)
def test_a_promise_says_whether_it_is_kept_and_by_how_much_not(promise: AtLeast | AtMost, verdict: str) -> None:
    bench = Bench("open", "", None, (promise,))
    (row,) = table.promises(bench, rates("ours", 20) + rates("theirs", 10))
    assert row[-1] == verdict


async def test_contestants_are_measured_there_and_back() -> None:
    order = []

    class Open:
        async def __aenter__(self) -> list[Contestant]:
            return [Contestant(name, lambda name=name: self.measure(name)) for name in ("one", "two")]

        async def __aexit__(self, *_: object) -> None:
            pass

        async def measure(self, name: str) -> Found:
            order.append(name)
            return Found({RATE: 1.0})

    runs = await Bench("open", "", lambda _quick: Open()).runs(3, quick=True)
    assert order == ["one", "two", "two", "one", "one", "two"]
    assert [run.repeat for run in runs] == [1, 1, 2, 2, 3, 3]


def test_letters_are_the_same_in_every_run_and_unlike_one_another() -> None:
    assert letter(7) == letter(7)
    assert len({letter(number).raw for number in range(50)}) == 50
    assert all(1800 < len(letter(number).raw) < 2400 for number in range(50))


def test_typical_mails_are_the_same_in_every_run_and_of_all_making() -> None:
    mails = [typical.typical(number) for number in range(8)]
    assert mails == [typical.typical(number) for number in range(8)]
    read = [parse(raw) for raw in mails]
    assert not any(mail.defects for mail in read)
    kinds = {"text/plain", "multipart/alternative", "multipart/mixed", "multipart/report"}
    assert {mail.content_type for mail in read} == kinds
    assert sum(bool(attachments_of(raw)) for raw in mails) == 1


def test_a_large_mail_is_about_as_large_as_asked_for() -> None:
    assert 1_000_000 <= len(typical.large(1, 1_000_000)) < 1_100_000


async def test_mails_in_turn_arrive_whole() -> None:
    hop = NextHop()
    port = await hop.start()
    mails = [Letter("pat@x.test", f"Subject: {number}\r\n\r\n.\r\nx\r\n".encode()) for number in range(5)]
    await in_turn(port, mails, sessions=2)
    await hop.stop()
    assert sorted(hop.texts) == [f"Subject: {number}\r\n\r\n..\r\nx\r\n.\r\n".encode() for number in range(5)]


async def test_a_refusal_is_told() -> None:
    hop = NextHop(parts={"RCPT": "450 4.2.0 later"})
    port = await hop.start()
    with pytest.raises(RefusedError, match="later"):
        async with Call(port) as call:
            await call.send(letter(1))
    await hop.stop()


async def test_a_pause_of_the_server_is_felt_by_all_that_were_due_in_it() -> None:
    """One connection that waits 300 ms for one answer: at 100 mails a second, about 30 of them are late."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        writer.write(b"220 hop.test\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                asked += 1
                if asked == 10:
                    await asyncio.sleep(0.3)
            writer.write(b"250 ok\r\n")
            if line.startswith(b"QUIT"):
                writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    took = await at_rate(port, Rate(100, 1.0, 1), [letter(1)] * 200, seed=1)
    server.close()
    assert took == sorted(took)
    assert took[-1] >= 300
    assert sum(ms > 50 for ms in took) >= 10


@pytest.mark.parametrize("bench", [bench for bench in ALL if bench.promises], ids=lambda bench: bench.name)
def test_a_picture_shows_what_a_bench_is_held_to(bench: Bench) -> None:
    """A bench that tells nothing else has something to draw."""
    assert picture.shown([Run(bench.name, "mailgate", 1, {bench.promises[0].figure: 1.0})])
