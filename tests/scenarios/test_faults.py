"""A fault at each point where we wait: nothing is lost, nothing happens twice, and the ledger balances (T118).

The same small correspondence is played again and again. Each time one point fails: a transaction before it begins,
before or after its commit, the proof of the sender, or the hand-over of an answer. The sender does what RFC 5321
section 4.5.4 tells him: he tries again until he hears 250.
"""

from __future__ import annotations

import errno
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import asyncpg
import pytest

from mailgate.errors import TryAgain
from mailgate.model import Answer, Authentication, Due, Peer
from mailgate.net.deliver import BeforeData
from mailgate.testing import Lab
from tests.fakes.stores import POSTGRESQL, SQLITE, Stores
from tests.scenarios.sender import Letter, answer, letter

MAILBOXES = [{"address": "support@g.test", "mode": "guarded"}, {"address": "sales@g.test", "mode": "off"}]
pytestmark = pytest.mark.timeout(400)  # many small plays: some 20 s, and more where others use the machine

MOST_TRIES = 5
LEASE = timedelta(minutes=2)  # longer than any lease

ERRORS: dict[str, Callable[[], Exception]] = {
    "trouble of the store": lambda: TryAgain("the machine is in trouble"),
    "a full disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "a bug": lambda: RuntimeError("our own fault"),
}
REFUSALS: dict[str, tuple[str, Callable[[], Exception]]] = {
    SQLITE: ("a locked file", lambda: sqlite3.OperationalError("database is locked")),
    POSTGRESQL: ("a lost connection", lambda: asyncpg.ConnectionDoesNotExistError("closed in the middle")),
}
TURNS = len(ERRORS) + 1


class KilledError(Exception):
    """As by kill -9: the process is gone, and what was not committed never will be."""


class Faulty(Lab):
    """A laboratory in which the point of a given number fails, once. `points` names those that were passed."""

    def __init__(self, url: str, at: int = 0, error: Callable[[], Exception] = RuntimeError) -> None:
        super().__init__(overrides={"mailbox": MAILBOXES}, store_url=url)
        self.points: list[str] = []
        self._armed = False
        self._at = at
        self._error = error

    def arm(self) -> None:
        """Count from here on; what opening the laboratory passes is no part of the game."""
        self._armed = True

    def _pass(self, point: str) -> None:
        if not self._armed:
            return
        self.points.append(point)
        if len(self.points) == self._at:
            raise self._error()

    def _fault(self, point: str) -> None:
        super()._fault(point)
        self._pass(point)

    async def _authenticate(self, raw: bytes, mail_from: str, peer: Peer, author_domain: str) -> Authentication:
        self._pass("authenticate")
        return await super()._authenticate(raw, mail_from, peer, author_domain)

    async def _deliver(self, due: Due, before_data: BeforeData) -> Answer:
        self._pass("deliver")
        return await super()._deliver(due, before_data)


async def play(lab: Lab) -> None:
    """Three letters: two strangers write, and one of them answers the acknowledgement, if he had it."""
    for one in (letter(1, "support@g.test"), letter(2, "sales@g.test")):
        await _settle(lab, one)
    acknowledged = [sent.raw for sent in lab.sent if sent.kind == "acknowledge"]
    await _settle(lab, answer(3, acknowledged[0]) if acknowledged else letter(3, "sales@g.test"))
    lab.advance(LEASE)
    await _persist(lab, lab.settle)


async def _settle(lab: Lab, one: Letter) -> None:
    """Send it and settle it, each again until there was no trouble."""
    await _persist(lab, partial(_send, lab, one))
    await _persist(lab, lab.settle)


async def _send(lab: Lab, one: Letter) -> None:
    handed = await lab.receive(one.raw, mail_from=one.mail_from, rcpt_to=[one.rcpt_to])
    assert handed.reply[0] == 250


async def _persist(lab: Lab, deed: Callable[[], Awaitable[None]]) -> None:
    for _ in range(MOST_TRIES):
        try:
            await deed()
            return
        except AssertionError:
            raise
        except TryAgain:
            lab.advance(LEASE)
        # Our own bug ends the daemon's task, so the daemon; it starts anew.
        except Exception:
            await lab.crash()
            await lab.restart()
    raise AssertionError(f"still in trouble after {MOST_TRIES} tries")


def settled(lab: Lab) -> None:
    ledger = lab.ledger()
    assert ledger.balanced
    assert (ledger.accepted, ledger.pending, ledger.shunted, ledger.duplicate) == (3, 0, 0, 0)
    assert (ledger.held, ledger.ticketed + ledger.appended) == (1, 2)
    assert [cause for cause, times in Counter(sent.cause for sent in lab.sent).items() if times > 1] == []


async def points_passed(stores: Stores) -> list[str]:
    async with Faulty(stores.new()) as lab:
        lab.arm()
        await play(lab)
        settled(lab)
        assert lab.ledger().appended == 1
        assert sorted(sent.kind for sent in lab.sent) == ["acknowledge", "challenge"]
        return lab.points


def some_of(points: list[str], stores: Stores) -> list[tuple[int, str]]:
    """All of them in a file; on a server, where each play takes long, other ones each time."""
    step = 1 if stores.kind == SQLITE else 4
    begin = random.SystemRandom().randrange(step)
    return list(enumerate(points, 1))[begin::step]


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.soak) for turn in range(1, TURNS))])
async def test_a_fault_anywhere_loses_nothing_and_doubles_nothing(stores: Stores, turn: int) -> None:
    """Each point has its turn with one of the errors; all turns together have each point fail in each way."""
    kinds = [*ERRORS.items(), REFUSALS[stores.kind]]
    for number, point in some_of(await points_passed(stores), stores):
        name, error = kinds[(number + turn) % TURNS]
        await _play_with(Faulty(stores.new(), number, error), f"{name} at point {number}, {point}")
        stores.close()


async def test_a_crash_anywhere_loses_nothing_and_doubles_nothing(stores: Stores) -> None:
    for number, point in some_of(await points_passed(stores), stores):
        await _play_with(Faulty(stores.new(), number, KilledError), f"a crash at point {number}, {point}")
        stores.close()


async def _play_with(faulty: Faulty, what: str) -> None:
    async with faulty as lab:
        lab.arm()
        try:
            await play(lab)
            settled(lab)
        except Exception as error:
            error.add_note(what)
            raise
