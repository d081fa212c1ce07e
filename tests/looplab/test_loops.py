"""Loops that end for other reasons than the peer: crashes, clocks, races, breakers, and peers of every sort at once."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.errors import TryAgain
from mailgate.lab.account import visible_and_judged
from mailgate.lab.letters import plain
from mailgate.lab.play import DESK
from mailgate.model import Scope
from mailgate.testing import Lab, Sent
from tests.fakes.letters import answer, letter
from tests.fakes.stores import POSTGRESQL, Stores, only
from tests.looplab.counts import COUNTS

HOUR = timedelta(hours=1)


async def write(lab: Lab, author: str, number: int, auth: str = "A2") -> None:
    """A mail that says what no other says, and all that follows at once."""
    await lab.receive(plain(author, number), mail_from=author, auth=auth)
    await lab.settle()


async def test_e18_a_colleagues_vacation_reaches_no_customer() -> None:
    """T45: an absence without any mark, from our own domain, to an answer's address; customers hear nothing of it."""
    async with Lab(overrides=DESK) as lab:
        await write(lab, "joe@c.test", 1)
        before = len(lab.sent)
        lab.advance(timedelta(seconds=5))
        raw, to = answer(lab.sent[0].raw, "bob@g.test", text="I am out until Monday.")
        await lab.receive(raw, mail_from="bob@g.test", rcpt_to=[to])
        await lab.settle()

        assert len(lab.sent) - before == COUNTS["E18"].typical == COUNTS["E18"].worst == 0
        assert len(lab.tickets()) == 1
        assert visible_and_judged(lab)


async def test_t49_crashes_between_permit_and_delivery_give_nothing_back() -> None:
    """T49, E24: a permit is spent when it is granted, however often the program dies before the mail is gone."""
    async with Lab(overrides=DESK) as lab:

        def dies(sent: Sent) -> tuple[int, str]:
            raise TryAgain("killed")

        lab.next_hop = dies
        for number in range(20):
            await lab.receive(plain("joe@r.test", number), mail_from="joe@r.test")
            await lab.intake.settle()
            await lab.crash()
            lab.restart()
            lab.advance(HOUR)
            await lab.settle()
        granted = lab.ledger().automatic.acknowledge
        lab.next_hop = lambda sent: (250, "2.0.0 ok")
        lab.advance(HOUR)
        await lab.settle()

        assert granted <= 3
        assert lab.ledger().automatic.acknowledge == granted
        assert visible_and_judged(lab)


@only(POSTGRESQL)
async def test_t50_two_who_want_the_last_credit_get_one(stores: Stores) -> None:
    """Two programs on one database, each with a mail of the same sender, who has one automatic mail left."""
    url = stores.new()
    async with Lab(overrides=DESK, store_url=url) as one, Lab(overrides=DESK, store_url=url) as other:
        for number in range(2):
            await write(one, "joe@r.test", number)
            one.advance(HOUR)
        other.advance(one.now - other.now)
        assert len(one.sent) == 2
        await one.receive(plain("joe@r.test", 10), mail_from="joe@r.test")
        await other.receive(plain("joe@r.test", 11), mail_from="joe@r.test")
        await asyncio.gather(one.settle(), other.settle())

        assert len(one.sent) + len(other.sent) == 3
        assert len(one.tickets()) == 4
        assert visible_and_judged(one)


async def test_t52_a_clock_set_back_creates_no_rights() -> None:
    """T52, E24"""
    async with Lab(overrides=DESK) as lab:
        for number in range(12):
            await write(lab, "joe@r.test", number)
            lab.advance(timedelta(minutes=20) if number != 6 else timedelta(hours=-3))

        assert len(lab.sent) <= 3
        assert visible_and_judged(lab)


async def test_e24_a_clock_that_jumps_months_ahead_gives_back_no_more_than_time_does() -> None:
    async with Lab(overrides=DESK) as lab:
        for number in range(6):
            await write(lab, "joe@r.test", number)
            lab.advance(HOUR)
        before = len(lab.sent)
        lab.advance(timedelta(days=89))
        await write(lab, "joe@r.test", 7)
        assert before == 3
        assert len(lab.sent) - before == COUNTS["E24"].typical == COUNTS["E24"].worst == 0


async def test_t53_what_an_open_breaker_withheld_never_comes_late() -> None:
    async with Lab(overrides=DESK) as lab:
        await lab.desk.stop(Scope.ALL, "", "bob")
        for number in range(50):
            await write(lab, f"joe@c{number}.test", number)
        assert len(lab.tickets()) == 50
        await lab.desk.reset(Scope.ALL, "", "bob")
        for _ in range(7):
            lab.advance(timedelta(hours=12))
            await lab.settle()

        assert lab.sent == []
        assert lab.ledger().automatic.suppressed == 50
        await write(lab, "new@d.test", 99)
        assert len(lab.sent) == 1


async def test_t54_a_hundred_people_say_the_same_in_an_outage() -> None:
    """Nobody is dropped, nobody's ticket swallows another's; only our answers are limited."""
    async with Lab(overrides=DESK) as lab:
        for number in range(100):
            author = f"person@company{number}.test"
            raw = letter(author, subject="Is it down?", text="Nothing works for me.", message_id=f"<{number}@o.test>")
            await lab.receive(raw, mail_from=author)
            lab.advance(timedelta(seconds=30))
            await lab.settle()

        assert len(lab.tickets()) == 100
        assert len(lab.sent) <= 5
        assert visible_and_judged(lab)


# ── Theorems ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ADDRESSES = tuple(f"{name}@{domain}" for domain in ("a.test", "b.test", "gmail.com") for name in ("ann", "bob", "cy"))
MINUTES = (0, 1, 7, 40, 300, 5000)
EVENT = st.tuples(st.sampled_from(("fresh", "answer", "forged")), st.sampled_from(ADDRESSES), st.sampled_from(MINUTES))


@settings(max_examples=6, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(EVENT, min_size=5, max_size=30), st.sampled_from(("open", "guarded")))
def test_t55_the_theorems_hold_for_any_peers(events: list[tuple[str, str, int]], mode: str) -> None:
    """T55: whoever writes whatever and whenever; a hundred thousand events are for the soak."""
    asyncio.run(_theorems(events, mode))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
async def test_t55_the_theorems_hold_for_a_hundred_thousand_events(seed: int) -> None:
    """T55"""
    chance = random.Random(seed)
    events = [
        (chance.choice(("fresh", "answer", "forged")), chance.choice(ADDRESSES), chance.choice(MINUTES))
        for _ in range(5000)
    ]
    await _theorems(events, chance.choice(("open", "guarded")))


async def _theorems(events: list[tuple[str, str, int]], mode: str) -> None:
    """No amplification; and per address, domain and in all no more than the credit and the windows allow."""
    box = {"address": "support@g.test", "queue": "support", "mode": mode}
    async with Lab(overrides={"mailbox": [box]}) as lab:
        start = lab.now
        for number, (what, author, minutes) in enumerate(events):
            lab.advance(timedelta(minutes=minutes))
            to_me = [sent for sent in lab.sent if sent.rcpt_to == author]
            if what == "answer" and to_me:
                raw, to = answer(to_me[-1].raw, author, text=f"Answer {number}.")
                await lab.receive(raw, mail_from=author, rcpt_to=[to])
            else:
                await lab.receive(plain(author, number), mail_from=author, auth="A0" if what == "forged" else "A2")
            await lab.settle()
        days = (lab.now - start) // timedelta(days=1)
        assert visible_and_judged(lab)
        _bounded(lab.sent, len(events), days)


def _bounded(sent: list[Sent], mails: int, days: int) -> None:
    assert len(sent) <= mails
    # A mail that was held causes its challenge, and its confirmation one acknowledgement.
    causes = [(one.kind, one.cause) for one in sent]
    assert len(set(causes)) == len(causes)
    for address in ADDRESSES:
        times = sorted(one.at for one in sent if one.rcpt_to == address)
        assert len(times) <= 3 + days // 90
        for most, span in ((2, HOUR), (4, 24 * HOUR), (8, 7 * 24 * HOUR)):
            assert all(sum(at <= other < at + span for other in times) <= most for at in times)
    for domain in ("a.test", "b.test"):
        times = sorted(one.at for one in sent if one.rcpt_to.endswith(f"@{domain}"))
        assert len(times) <= 20 + days // 30
        assert all(sum(at <= other < at + 24 * HOUR for other in times) <= 10 for at in times)
    assert all(sum(one.at <= other.at < one.at + HOUR for other in sent) <= 30 for one in sent)
