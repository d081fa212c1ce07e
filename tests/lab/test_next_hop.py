"""What the next hop says of our automatic mail, and what follows for the stranger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory


async def asked(laboratory: Laboratory, answer: tuple[int, str]) -> tuple[str, str, str]:
    """How a stranger and his mail stand after the next hop answered our challenge so."""
    async with laboratory() as lab:
        lab.next_hop = lambda _sent: answer
        await lab.receive(letter(), mail_from="anne@x.test")
        for _ in range(30):
            await lab.settle()
            lab.advance(timedelta(minutes=10))
        contact = lab.contact("anne@x.test")
        assert contact is not None
        assert lab.ledger().balanced
        (held,) = lab.held()
        return contact.standing, held.state, held.reason


@pytest.mark.parametrize(
    ("answer", "standing", "words"),
    [
        pytest.param((550, "5.1.1 no such user"), "undeliverable", "came back: 550 5.1.1 no such user", id="unknown"),
        pytest.param((550, "5.6.7 no SMTPUTF8 here"), "unknown", "could not be sent", id="the hop's own lack"),
        pytest.param((451, "4.7.1 greylisted"), "unknown", "could not be sent", id="four hours of 4xx"),
    ],
)
async def test_a_challenge_that_does_not_arrive_leaves_the_mail_to_people(
    laboratory: Laboratory, answer: tuple[int, str], standing: str, words: str
) -> None:
    found = await asked(laboratory, answer)

    assert found[:2] == (standing, "human")
    assert words in found[2]
