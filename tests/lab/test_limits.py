"""The whole gateway with its store under the eyes of the slow model, and crashes that never give a permit back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from mailgate.model import Grant, Scope
from mailgate.rulebook import LIMITS, shipped_folder
from mailgate.store import tables
from mailgate.testing import Lab
from tests.fakes.letters import letter, link
from tests.fakes.slow_model import SlowModel, Wish
from tests.fakes.stores import SQLITE, Laboratory, only
from tests.fakes.watched import OF_ADDRESS, OF_STRANGERS, Person, assert_windows, person, words

MAILBOXES = {
    "mailbox": [{"address": "support@g.test", "mode": "guarded"}, {"address": "sales@g.test", "mode": "off"}],
}
PEOPLE = [
    *(person("joe@x.test"), person("ann@x.test"), person("kim@y.test"), person("jo.hn@gmail.com", "john@gmail.com")),
    *(person(f"kim-{letter}@z.test") for letter in "abcde"),
]
SPANS_S = [1, 60, 3600, 3601, 20_000, 86_400, 7 * 86_400, 30 * 86_400, 91 * 86_400, -3 * 3600]


def granted(lab: Lab) -> list[Grant]:
    columns = [column for column in tables.permit.c if column.name in Grant.__struct_fields__]
    return lab.database.look(lambda conn: [Grant(**row._mapping) for row in conn.execute(select(*columns))])


# ── Under the eyes of the model ───────────────────────────────────────────────────────────────────────────────────────


class Seen:
    """A laboratory, and the model that is told what can be seen of it from outside."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.model = SlowModel(shipped_folder() / LIMITS)
        self.newest = self.began = lab.now
        self.words = self.mails = self.confirmations = 0
        self.acts: dict[str, int] = {}
        self.breakers: set[tuple[object, ...]] = set()

    async def step(self, what: str, who: Person, number: int) -> None:
        match what:
            case "mail":
                await self.mail(who, ["support@g.test", "sales@g.test"][number % 2], number)
            case "trust":
                self.model.person_acted(who.address, who.domain, self.lab.now)
                self.acts[who.address] = self.acts.get(who.address, 0) + 1
                await self.lab.desk.trust(who.address, "anne")
                await self.lab.settle()
            case "click":
                await self.click(who)
            case "crash":
                await self.lab.crash()
                await self.lab.restart()
            case _:
                self.lab.advance(timedelta(seconds=SPANS_S[number % len(SPANS_S)]))
                self.newest, self.began = max(self.newest, self.lab.now), min(self.began, self.lab.now)
        self.look()

    async def mail(self, who: Person, to: str, number: int) -> None:
        self.words += 1
        text = "Buy honey now. " * 20 if number % 5 == 0 else words(self.words)
        raw = letter(who.written, to, subject="A question", text=text)
        known = self.lab.contact(who.address)
        handed = await self.lab.receive(raw, mail_from=who.written, rcpt_to=[to], peer=f"192.0.{number % 3}.1")
        await self.lab.settle()
        self.mails += 1
        verdict = self.lab.verdict(handed)
        assert verdict
        for step in verdict["trail"]:
            if step["check"] == "gate":
                kind = step["result"].split()[0]
                origin, cause = f"192.0.{number % 3}.0/24", f"mail {self.mails}"
                wish = self.wish(who, kind, cause, text=text, origin=origin, mailbox=to)
                self.compare(wish, granted=step["result"].endswith("granted"))
        if self.lab.contact(who.address) != known:
            self.model.saw(who.address, self.lab.now)

    async def click(self, who: Person) -> None:
        asked = [one for one in self.lab.sent if one.kind == "challenge" and one.rcpt_to == who.written]
        if not asked or not any(one.state == "held" and one.sender == who.address for one in self.lab.held()):
            return
        url, before = link(asked[-1].raw), len(granted(self.lab))
        await self.lab.click(url)
        self.lab.advance(timedelta(seconds=20))
        self.newest = max(self.newest, self.lab.now)
        page = await self.lab.click(url, "POST")
        await self.lab.settle()
        self.model.saw(who.address, self.lab.now)
        # Where the page confirms and there is something to acknowledge, the gate is asked; elsewhere nothing leaves.
        grown = len(granted(self.lab)) - before
        assert grown <= 1
        if grown:
            assert page.status == 200
            self.confirmations += 1
            self.compare(self.wish(who, "acknowledge", url, mailbox="support@g.test"), granted=True)

    def wish(self, who: Person, kind: str, cause: object, **more: Any) -> Wish:
        usual = {"origin": "", "text": "", "standing": ""} | more
        return Wish(self.lab.now, kind, who.address, who.domain, who.shared, cause=cause, **usual)

    def compare(self, wish: Wish, *, granted: bool) -> None:
        objections = self.model.objections(wish)
        assert granted == (not objections), (objections, wish)
        if granted:
            self.model.allowed(wish)

    def look(self) -> None:
        grants = granted(self.lab)
        passed = max(self.newest, self.lab.now) - self.began
        assert len(grants) == len(self.model.left) <= self.mails + self.confirmations
        assert len({one.cause for one in grants}) == len(grants)
        for who in PEOPLE:
            of_address = [one.at for one in grants if one.address == who.address]
            bound = 3 + 2 * self.acts.get(who.address, 0) + passed // timedelta(days=90)
            assert len(of_address) <= bound
            assert_windows(of_address, OF_ADDRESS)
        assert_windows([one.at for one in grants if one.unproven], OF_STRANGERS)
        assert sum(len(sent.raw) for sent in self.lab.sent) <= 2048 * len(grants), "at most 2 KB a mail"
        rows = self.lab.database.look(lambda conn: conn.execute(select(tables.breaker)).all())
        for row in rows:
            if (row.scope, row.key, row.since) not in self.breakers:
                self.breakers.add((row.scope, row.key, row.since))
                self.model.breaker(row.scope, row.key, row.since, "tripped" if row.scope is Scope.ALL else "complained")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["mail"] * 6 + ["time"] * 3 + ["trust", "click", "crash"]),
        st.sampled_from(PEOPLE),
        st.integers(0, 29),
    ),
    min_size=10,
    max_size=40,
)


async def decides_as_the_model_does(lab: Lab, steps: Sequence[tuple[str, Person, int]]) -> None:
    async with lab:
        seen = Seen(lab)
        for step in steps:
            await seen.step(*step)
        assert lab.ledger().balanced


BRIEF = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@only(SQLITE)
@settings(BRIEF, max_examples=12)
@given(steps=STEPS)
async def test_the_gateway_decides_as_the_model_does(laboratory: Laboratory, steps: list[Any]) -> None:
    """T55, with the store."""
    await decides_as_the_model_does(laboratory(overrides=MAILBOXES), steps)


@pytest.mark.soak
@settings(BRIEF, max_examples=150)
@given(steps=STEPS)
async def test_the_gateway_decides_as_the_model_does_for_long(laboratory: Laboratory, steps: list[Any]) -> None:
    await decides_as_the_model_does(laboratory(overrides=MAILBOXES), steps)


async def test_who_takes_turns_with_us_day_after_day_is_answered_three_times(laboratory: Laboratory) -> None:
    """Something new a minute after each mail of ours; people gave it all the credit there is."""
    async with laboratory(overrides=MAILBOXES) as lab:
        for _ in range(3):
            await lab.desk.trust("kim@x.test", "anne")
        for turn in range(9):
            raw = letter("kim@x.test", "sales@g.test", text=words(turn))
            await lab.receive(raw, mail_from="kim@x.test", rcpt_to=["sales@g.test"])
            await lab.settle()
            lab.advance(timedelta(days=1) if turn % 3 == 2 else timedelta(minutes=1))

        assert len(lab.sent) == 3
        assert len(lab.tickets()) == 9


async def test_no_late_answers_leave_when_a_breaker_closes(laboratory: Laboratory) -> None:
    """T53: whatever came while it was open has its ticket and stays without a word."""
    async with laboratory(overrides=MAILBOXES) as lab:
        await lab.desk.stop(Scope.ALL, "", "anne")
        for number in range(50):
            anne = f"anne@{words(number)[8:-1]}.test"
            raw = letter(anne, "sales@g.test", text=words(number))
            await lab.receive(raw, mail_from=anne, rcpt_to=["sales@g.test"], peer=f"10.0.{number}.1")
        await lab.settle()
        assert len(lab.tickets()) == 50

        await lab.desk.reset(Scope.ALL, "", "anne")
        for _ in range(3):
            await lab.settle()
            lab.advance(timedelta(hours=1))

        assert lab.sent == granted(lab) == []
        await lab.receive(letter("kim@x.test", "sales@g.test"), mail_from="kim@x.test", rcpt_to=["sales@g.test"])
        await lab.settle()
        assert [sent.rcpt_to for sent in lab.sent] == ["kim@x.test"]


# ── Crashes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("crashes", [15, pytest.param(100, marks=pytest.mark.soak)])
async def test_crashes_between_permit_and_sending_give_nothing_back(laboratory: Laboratory, crashes: int) -> None:
    """T49: the mail has its permit and its place in the outbox; before the next hop gets it, the process dies."""
    async with laboratory(overrides=MAILBOXES) as lab:
        for number in range(crashes):
            raw = letter("joe@x.test", "sales@g.test", subject="A question", text=words(number))
            await lab.receive(raw, mail_from="joe@x.test", rcpt_to=["sales@g.test"])
            await lab.intake.settle()
            await lab.crash()
            await lab.restart()
            lab.advance(timedelta(hours=5))

        times: list[datetime] = [one.at for one in granted(lab)]
        assert len(times) == 3, "as many as without a crash"
        await lab.settle()
        assert len(lab.sent) <= len(times)
        assert len(lab.tickets()) == crashes
        assert lab.ledger().balanced


async def test_crashes_before_a_mail_is_judged_send_nothing_and_lose_nothing(laboratory: Laboratory) -> None:
    async with laboratory(overrides=MAILBOXES) as lab:
        await lab.receive(letter("joe@x.test", "sales@g.test"), mail_from="joe@x.test", rcpt_to=["sales@g.test"])
        for _ in range(10):
            await lab.crash()
            await lab.restart()
            assert lab.sent == granted(lab) == []
        await lab.settle()

        assert len(granted(lab)) == len(lab.sent) == 1
        assert lab.ledger().balanced
