"""Breakers in the whole gateway: what a next hop's no costs, what a person stops, and what does not leave late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from mailgate.errors import NotFound
from mailgate.judge import breaker
from mailgate.model import Breaker, BreakerState, Scope
from mailgate.store import conduct
from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Stores

BOXES = [{"address": "support@g.test", "mode": "guarded"}, {"address": "sales@g.test", "mode": "open"}]


@pytest.fixture
async def lab(stores: Stores) -> AsyncIterator[Lab]:
    async with Lab(overrides={"mailbox": BOXES}, store_url=stores.new()) as lab:
        yield lab


async def write(lab: Lab, number: int, to: str = "sales@g.test") -> None:
    author = f"p{number}@d{number}.test"
    raw = letter(author, to, subject=f"Matter {chr(65 + number)}", text=f"I am {'x' * (number + 1)}.")
    await lab.receive(raw, mail_from=author, rcpt_to=[to], peer=f"192.0.{number}.1")


def stands(lab: Lab, scope: Scope = Scope.ALL, key: str = "") -> Breaker | None:
    return lab.database.look(lambda conn: conduct.breakers(conn, {key})).get((scope, key))


async def test_five_refusals_of_the_next_hop_open_it_and_an_hour_closes_it(lab: Lab) -> None:
    lab.next_hop = lambda _sent: (550, "5.1.1 no such user")
    for number in range(8):
        await write(lab, number)
        await lab.settle()

    assert len(lab.sent) == 5
    found = stands(lab)
    assert found is not None
    assert found.state is BreakerState.OPEN
    assert "undelivered" in found.reason
    assert lab.ledger().ticketed == 8
    assert lab.ledger().balanced

    lab.next_hop = lambda _sent: (250, "2.0.0 ok")
    lab.advance(timedelta(hours=1))
    for number in range(8, 13):
        await write(lab, number)
    await lab.settle()
    assert len(lab.sent) == 5 + 3, "three on trial"
    assert breaker.state(found, lab.now + timedelta(hours=6)) is BreakerState.CLOSED


async def test_what_was_withheld_while_it_was_open_never_leaves(lab: Lab) -> None:
    """T53: no late acknowledgements."""
    await lab.desk.stop(Scope.ALL, "", "anne")
    for number in range(20):
        await write(lab, number)
    await lab.settle()
    await lab.desk.reset(Scope.ALL, "", "anne")
    lab.advance(timedelta(minutes=30))
    await lab.settle()

    assert lab.sent == []
    assert lab.ledger().ticketed == lab.ledger().automatic.suppressed == 20


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        (Scope.ALL, ""),
        (Scope.DOMAIN, "d0.test"),
        (Scope.ADDRESS, "p0@d0.test"),
        (Scope.MAILBOX, "support@g.test"),
    ],
)
async def test_stopping_calls_back_what_waits_to_leave(lab: Lab, scope: Scope, key: str) -> None:
    lab.next_hop = lambda _sent: (451, "4.2.0 later")
    await write(lab, 0, "support@g.test")
    await write(lab, 1)
    await lab.settle()
    handed = len(lab.sent)
    lab.next_hop = lambda _sent: (250, "2.0.0 ok")

    await lab.desk.stop(scope, key, "anne")
    lab.advance(timedelta(minutes=2))
    await lab.settle()

    after = {sent.rcpt_to for sent in lab.sent[handed:]}
    assert after == (set() if scope is Scope.ALL else {"p1@d1.test"})
    assert [held.state for held in lab.held()] == ["human"], "nobody was asked, so a person looks"


async def test_a_persons_answer_leaves_whatever_is_stopped(lab: Lab) -> None:
    await lab.desk.stop(Scope.ALL, "", "anne")
    await write(lab, 0)
    await lab.settle()
    await lab.desk.reply(1, "Hello.", "anne")
    await lab.settle()

    assert [sent.kind for sent in lab.sent] == ["agent"]


async def test_what_is_not_stopped_cannot_be_reset(lab: Lab) -> None:
    with pytest.raises(NotFound, match=r"not stopped for domain x\.test"):
        await lab.desk.reset(Scope.DOMAIN, "x.test", "anne")
