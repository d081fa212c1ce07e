"""Whose name servers are slow waits for himself: mail of others overtakes it, and his own stays in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mailgate.errors import TryAgain
from mailgate.intake import BATCH, Intake
from mailgate.model import Authentication, Level, Peer
from mailgate.stragglers import Stragglers
from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.waiting import wait_until


class Slow:
    """An authenticator that answers for some domains only when told."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.asked: list[str] = []

    def block(self, *domains: str) -> None:
        self.gates |= {domain: asyncio.Event() for domain in domains}

    async def authenticate(self, raw: bytes, mail_from: str, peer: Peer, author_domain: str) -> Authentication:
        self.asked.append(author_domain)
        if author_domain in self.gates:
            await self.gates[author_domain].wait()
        if author_domain == "broken.test":
            raise RuntimeError("cannot be read")
        return Authentication(Level.A2, dkim="pass", domain=author_domain)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(overrides={"mailbox": [{"address": "support@g.test", "queue": "support", "mode": "off"}]}) as one:
        yield one


def impatient(intake: Intake, slow: Slow, **more: int) -> None:
    """Half a second is long in a test."""
    intake.authenticate = slow.authenticate
    intake.slow = Stragglers(intake.prepare, intake._awake.set, patience_s=0.02, **more)


async def receive(lab: Lab, sender: str, **more: Any) -> None:
    await lab.receive(letter(sender, text=f"From {sender}: {more}", **more), mail_from=sender)


def subjects(lab: Lab) -> list[str]:
    return [ticket.subject for ticket in lab.tickets()]


async def test_a_slow_mail_holds_up_nobody_else(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow)
    slow.block("slow.test")
    await receive(lab, "a@slow.test", subject="slow")
    for n in range(20):
        await receive(lab, f"b@quick{n}.test", subject=f"quick {n}")
    running = asyncio.create_task(lab.intake.run())
    await wait_until(lambda: len(lab.tickets()) == 20)

    assert "slow" not in subjects(lab)
    assert lab.ledger().pending == 1

    slow.gates["slow.test"].set()
    await wait_until(lambda: len(lab.tickets()) == 21)
    lab.intake.stop()
    await running

    assert lab.ledger().balanced
    assert slow.asked.count("slow.test") == 1


async def test_mail_after_mail_of_slow_senders_holds_up_nobody(lab: Lab) -> None:
    """Every batch has one of them."""
    slow = Slow()
    impatient(lab.intake, slow)
    slow.block(*(f"slow{n}.test" for n in range(30)))
    running = asyncio.create_task(lab.intake.run())
    for n in range(30):
        await receive(lab, f"a@slow{n}.test", subject="slow")
        await receive(lab, f"b@quick{n}.test", subject="quick")
        await wait_until(lambda n=n: len(lab.tickets()) == n + 1)  # type: ignore[misc]

    assert set(subjects(lab)) == {"quick"}

    for gate in slow.gates.values():
        gate.set()
    lab.intake.stop()
    await running

    assert subjects(lab).count("slow") == 30


async def test_a_senders_second_mail_is_not_judged_before_his_first(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow)
    slow.block("slow.test")
    await receive(lab, "a@slow.test", subject="first")
    running = asyncio.create_task(lab.intake.run())
    await wait_until(lambda: len(lab.intake.slow) == 1)
    # The name server is quick again, but the first question is still out.
    first = slow.gates.pop("slow.test")
    await receive(lab, "a@slow.test", subject="second")
    await receive(lab, "b@quick.test", subject="third")
    await wait_until(lambda: len(lab.tickets()) == 1)

    assert subjects(lab) == ["third"]

    first.set()
    lab.intake.stop()
    await running

    assert subjects(lab) == ["third", "first", "second"]


async def test_many_late_mails_of_one_sender_come_back_in_order_though_no_batch_holds_them_all(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow)
    await lab.desk.trust("a@slow.test", "anne")  # of whom nobody met, so many would be a flood
    slow.block("slow.test")
    running = asyncio.create_task(lab.intake.run())
    for n in range(BATCH + 50):
        await receive(lab, "a@slow.test", subject=f"number {n}")
    await wait_until(lambda: len(lab.intake.slow) == BATCH + 50, deadline_s=20)
    slow.gates["slow.test"].set()
    await wait_until(lambda: len(lab.tickets()) == BATCH + 50, deadline_s=20)
    lab.intake.stop()
    await running

    assert subjects(lab) == [f"number {n}" for n in range(BATCH + 50)]


async def test_stopping_waits_for_what_is_late(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow)
    slow.block("slow.test")
    await receive(lab, "a@slow.test")
    running = asyncio.create_task(lab.intake.run())
    await wait_until(lambda: len(lab.intake.slow) == 1)
    lab.intake.stop()
    slow.gates["slow.test"].set()
    await running

    assert len(lab.tickets()) == 1


async def test_a_late_mail_that_cannot_be_read_is_set_aside_alone(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow)
    slow.block("broken.test", "slow.test")
    await receive(lab, "a@broken.test")
    await receive(lab, "a@slow.test")
    running = asyncio.create_task(lab.intake.run())
    await wait_until(lambda: len(lab.intake.slow) == 2)
    for gate in slow.gates.values():
        gate.set()
    await wait_until(lambda: lab.ledger().shunted == 1)
    lab.intake.stop()
    await running

    assert len(lab.tickets()) == 1
    assert lab.ledger().balanced


async def test_when_too_many_are_late_a_batch_waits(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow, mails_most=1)
    slow.block("slow.test")
    await receive(lab, "a@slow.test")
    await receive(lab, "b@quick.test")
    running = asyncio.create_task(lab.intake.run())
    await wait_until(lambda: slow.asked == ["slow.test", "quick.test"])

    assert not lab.intake.slow

    slow.gates["slow.test"].set()
    await wait_until(lambda: len(lab.tickets()) == 2)
    lab.intake.stop()
    await running


async def test_trouble_of_the_database_loses_nothing_that_is_late(lab: Lab) -> None:
    slow = Slow()
    impatient(lab.intake, slow)
    slow.block("slow.test")
    await receive(lab, "a@slow.test")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await lab.intake.settle()
    lab._alive = False
    slow.gates["slow.test"].set()
    lab.intake._stopping = True
    with pytest.raises(TryAgain):
        await lab.intake.settle()
    await lab.crash()
    await lab.restart()
    await lab.settle()

    assert len(lab.tickets()) == 1
    assert lab.ledger().balanced
