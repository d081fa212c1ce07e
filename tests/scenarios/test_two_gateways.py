"""Two daemons that are each other's next hop, as two companies that write to each other: they must fall silent by
themselves, also where the relays between them spoil every mark of automatic mail.

All is on loopback, and every mail counts as proven: nothing but the send gate stands between the two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.relay import Change, Relay, as_if_new, unchanged, without_marks
from tests.fakes.sink import Taken
from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.quiet import automatic, quiet
from tests.scenarios.sender import Letter, deliver, letter
from tests.scenarios.soaked import each_mode

HERE, THERE = "support@g.test", "support@h.test"
SLOW_ROBOTS = ASSUME_PASS + "\n[replies]\nconfirm_min_s = 0"  # no answer is too quick to be a person's
BEGINNINGS = 5
MOST = 3  # automatic mails to an address that no person of ours ever met: its credit
STATES = "SELECT state FROM journal"

Wired = Callable[..., AbstractAsyncContextManager["Pair"]]


@dataclass
class Pair:
    """Both daemons, and the relay that each of them sends through."""

    here: Daemon
    there: Daemon
    relays: list[Relay]

    async def begins(self, mail: Letter) -> None:
        """It reaches the first daemon; wait until nothing moves any more."""
        assert (await deliver(self.here.smtp_port, mail)).code == 250
        await quiet(
            [self.here, self.there],
            idle=lambda: all(relay.idle for relay in self.relays),
            moved=lambda: [len(relay.passed) for relay in self.relays],
        )

    async def automatic(self) -> tuple[int, int]:
        """How many automatic mails each of the two was ever allowed; none may have left beside them."""
        counts = [automatic(await daemon.ledger()) for daemon in (self.here, self.there)]
        assert counts == [len(relay.passed) for relay in self.relays]
        return counts[0], counts[1]


@pytest.fixture
def wired(folder: Path) -> Wired:
    """Starts the two; `change` is what the relays between them do, `mode` how both receive strangers."""

    @asynccontextmanager
    async def start(change: Change, mode: str, extra: str = ASSUME_PASS) -> AsyncIterator[Pair]:
        daemons: list[Daemon] = []
        relays = [Relay(change, lambda taken, far=far: _handed(taken, daemons[far])) for far in (1, 0)]
        async with relays[0], relays[1]:
            for name, address, relay in zip(("g", "h"), (HERE, THERE), relays, strict=True):
                (folder / name).mkdir()
                daemons.append(
                    Daemon(
                        folder / name,
                        relay=relay.address,
                        name=f"mx.{name}.test",
                        mailboxes={address: mode},
                        extra=extra,
                    )
                )
            async with daemons[0], daemons[1]:
                yield Pair(*daemons, relays=relays)

    return start


async def _handed(taken: Taken, daemon: Daemon) -> None:
    [rcpt_to] = taken.rcpt_to
    reply = await deliver(daemon.smtp_port, Letter("", taken.mail_from, rcpt_to, taken.raw))
    assert reply.code == 250, reply


@each_mode
async def test_of_two_gateways_only_one_says_anything_automatic(wired: Wired, mode: str) -> None:
    """T35: the other sees that the answer is automatic."""
    async with wired(unchanged, mode) as pair:
        await pair.begins(letter(1, HERE, author=THERE))

        assert await pair.automatic() == (1, 0)
        assert pair.there.rows(STATES) == [("parked",)]


@each_mode
@pytest.mark.parametrize("change", [without_marks, as_if_new])
async def test_two_gateways_fall_silent_though_relays_strip_every_mark(wired: Wired, mode: str, change: Change) -> None:
    """T36: nothing tells either of the two that the other one is a machine; however often it is begun anew."""
    async with wired(change, mode, SLOW_ROBOTS) as pair:
        for number in range(BEGINNINGS):
            await pair.begins(letter(number, HERE, author=THERE))

        here, there = await pair.automatic()
        assert 1 <= here <= MOST
        assert there <= MOST
        # None of it was lost on the way, so it was the gate that ended this.
        assert len(pair.here.rows(STATES)) == BEGINNINGS + there
        assert len(pair.there.rows(STATES)) == here


async def test_mailboxes_of_one_gateway_never_answer_each_other(folder: Path) -> None:
    """Even where the gateway is its own next hop: what a mailbox of ours is said to have written is not answered."""
    daemons: list[Daemon] = []
    async with Relay(unchanged, lambda taken: _handed(taken, daemons[0])) as relay:
        boxes = {HERE: "open", "sales@g.test": "open"}
        daemons.append(Daemon(folder, relay=relay.address, mailboxes=boxes, extra=ASSUME_PASS))
        async with daemons[0]:
            assert (await deliver(daemons[0].smtp_port, letter(1, HERE, author="sales@g.test"))).code == 250
            await quiet(daemons, idle=lambda: relay.idle)

            assert automatic(await daemons[0].ledger()) == 0
            assert relay.passed == []
            assert daemons[0].rows(STATES) == [("parked",)]
