"""A network that brings more than an hour's worth: what becomes of its mail, and of its neighbours'."""

from __future__ import annotations

from datetime import timedelta

from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

THREE = {"wire": {"origin_mails_per_h": 3}}
HERE, NEIGHBOUR = "192.0.2.1", "192.0.2.99"
STEP = timedelta(minutes=5)


async def write(lab: Lab, author: str, *, peer: str = HERE, auth: str = "A2") -> int:
    """A mail of his own words from `author`; the code that he was answered."""
    handed = await lab.receive(letter(author), mail_from=author, peer=peer, auth=auth)
    return handed.replies[0][0]


async def test_strangers_of_a_network_that_floods_us_are_put_off_and_lose_nothing(laboratory: Laboratory) -> None:
    async with laboratory(overrides=THREE) as lab:
        assert [await write(lab, f"robot{number}@x.test") for number in range(10)] == [250] * 3 + [451] * 7
        answers = []
        for _ in range(4):
            answers.append(await write(lab, "anne@x.test", peer=NEIGHBOUR))
            lab.advance(STEP)
        assert answers == [451, 451, 451, 250]
        await lab.settle()
        ledger = lab.ledger()
        assert (ledger.accepted, ledger.balanced) == (4, True)


async def test_whoever_tries_for_two_hours_is_let_in_wherever_in_the_network_he_is(laboratory: Laboratory) -> None:
    async with laboratory(overrides=THREE) as lab:
        for number in range(4):
            await write(lab, f"robot{number}@x.test")
        for minutes in range(0, 120, 20):
            # As many others are there at each moment as the network may bring.
            for number in range(10):
                await write(lab, f"robot{minutes}-{number}@x.test", peer=f"192.0.2.{minutes + number}")
            lab.advance(timedelta(minutes=20))
        assert await write(lab, "anne@x.test", peer="192.0.2.200") == 250


async def test_a_network_of_somebody_we_trust_is_not_put_off(laboratory: Laboratory) -> None:
    async with laboratory(overrides=THREE) as lab:
        await lab.desk.trust("anne@x.test", agent="bert")
        await write(lab, "anne@x.test")
        await lab.settle()
        assert [await write(lab, f"robot{number}@x.test") for number in range(10)] == [250] * 10


async def test_somebody_we_trust_is_put_off_once_at_most_wherever_he_writes_from(laboratory: Laboratory) -> None:
    async with laboratory(overrides=THREE) as lab:
        await lab.desk.trust("anne@x.test", agent="bert")
        for number in range(4):
            await write(lab, f"robot{number}@x.test")
        answers = []
        for _ in range(3):
            answers += [await write(lab, "Anne@x.test", auth="A0"), await write(lab, "bob@x.test")]
            await lab.settle()
        # As long as he is not proven, nobody else is let in for his sake.
        assert answers == [451, 451, 250, 451, 250, 451]


async def test_but_who_only_says_that_he_is_somebody_we_trust_makes_no_network_welcome(laboratory: Laboratory) -> None:
    async with laboratory(overrides=THREE) as lab:
        await lab.desk.trust("anne@x.test", agent="bert")
        await write(lab, "anne@x.test", auth="A0")
        await lab.settle()
        assert [await write(lab, f"robot{number}@x.test") for number in range(5)] == [250, 250, 451, 451, 451]


async def test_the_laboratory_itself_bounds_nobody(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        assert {await write(lab, f"anne{number}@x.test") for number in range(70)} == {250}
