"""Two gateways on one PostgreSQL database reach for the last mail that a limit allows, at once: one of them gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import POSTGRESQL, Stores, only
from tests.lab.test_processes import Mail, granted, labs

pytestmark = only(POSTGRESQL)

ROUNDS = 4


def mail(number: int, author: str = "", *, text: str = "", peer: str = "") -> Mail:
    """A mail that shares with others only what is given."""
    word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    author = author or f"anne@{word}.test"
    raw = letter(author, "sales@g.test", subject="A question", text=text or f"Mine is {word}.")
    return {"raw": raw, "mail_from": author, "rcpt_to": ["sales@g.test"], "peer": peer or f"10.0.{number % 250}.1"}


def of_one_address(turn: int, number: int) -> Mail:
    return mail(number, f"kim@x{turn}.test")


def of_one_domain(turn: int, number: int) -> Mail:
    return mail(number, f"kim{number}@x{turn}.test")


def of_one_text(turn: int, number: int) -> Mail:
    return mail(number, text="Buy honey now, " * (turn + 1))


def of_one_network(turn: int, number: int) -> Mail:
    return mail(number, peer=f"192.0.{turn}.9")


def of_anybody(turn: int, number: int) -> Mail:
    return mail(number)


@pytest.mark.parametrize(
    ("kind", "most", "gap"),
    [
        pytest.param(of_one_address, 3, timedelta(hours=2), id="the last credit"),
        pytest.param(of_one_address, 2, timedelta(minutes=11), id="the last for an address in an hour"),
        pytest.param(of_one_domain, 3, timedelta(0), id="the last for a domain in an hour"),
        pytest.param(of_one_text, 3, timedelta(0), id="the last for a text in an hour"),
        pytest.param(of_one_network, 10, timedelta(0), id="the last for a network in an hour"),
        pytest.param(of_anybody, 30, timedelta(0), id="the last for all strangers in an hour"),
    ],
)
async def test_the_last_one_goes_to_one_of_two(
    stores: Stores, kind: Callable[[int, int], Mail], most: int, gap: timedelta
) -> None:
    """T50"""
    async with labs(stores, 2) as pair:
        for turn in range(ROUNDS):
            before = len(granted(pair[0]))
            for number in range(most - 1):
                await pair[0].receive(**kind(turn, 100 * turn + number))
                await pair[0].settle()
                pass_time(pair, gap)
            assert len(granted(pair[0])) - before == most - 1

            rivals = [kind(turn, 100 * turn + 50 + place) for place in range(2)]
            await asyncio.gather(*(lab.receive(**one) for lab, one in zip(pair, rivals, strict=True)))
            await asyncio.gather(*(lab.settle() for lab in pair))

            assert len(granted(pair[0])) - before == most
            assert sum(len(lab.sent) for lab in pair) == len(granted(pair[0]))
            # Each round has its own day, so that no other limit is in reach.
            pass_time(pair, timedelta(days=2))


async def test_the_same_mail_at_both_at_once_has_one_permit(stores: Stores) -> None:
    async with labs(stores, 2) as pair:
        for turn in range(ROUNDS):
            one = mail(turn)
            await asyncio.gather(*(lab.receive(**one) for lab in pair))
            await asyncio.gather(*(lab.settle() for lab in pair))

            assert len(granted(pair[0])) == turn + 1
        assert pair[0].ledger().balanced


def pass_time(pair: list[Lab], span: timedelta) -> None:
    for lab in pair:
        lab.advance(span)
