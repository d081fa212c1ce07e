"""A correspondence without end, and what must be true of it whatever has happened to the daemons meanwhile."""

from __future__ import annotations

import re
from collections import Counter

import zstandard

from tests.fakes.sink import Sink
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Letter, Sender, answer, letter

# Limits that do not meddle: every stranger is to be answered.
CONFIG = """
[authentication]
assume = "pass"
[replies]
new_contacts_per_day = 100000
confirm_min_s = 0
"""
PLACES = {"ticketed", "appended", "held", "consumed"}


class Correspondence:
    """Letters without end, until told to stop; every other one answers an automatic mail of the daemon's."""

    def __init__(self, sink: Sink) -> None:
        self.letters: list[Letter] = []
        self.stopped = False
        self._sink = sink
        self._answered = 0

    def next(self) -> Letter | None:
        if self.stopped:
            return None
        number = len(self.letters)
        if number % 2 and self._answered < len(self._sink.mails):
            written = answer(number, self._sink.mails[self._answered].raw)
            self._answered += 1
        else:
            written = letter(number, ("support@g.test", "sales@g.test")[number // 2 % 2])
        self.letters.append(written)
        return written


async def retry_shunted(daemon: Daemon) -> None:
    """A mail in hand at two kills is set aside, since it might have been the cause; a person lets it be tried again."""
    for shunted in await daemon.command("shunted", "list"):
        await daemon.command("shunted", "retry", str(shunted["id"]))
    await daemon.settled()


async def every_letter_is_in_its_place(daemon: Daemon, letters: Correspondence, *senders: Sender) -> None:
    """All that got 250 is there once, judged, and the ledger is balanced. Raises AssertionError."""
    sent = [one.message_id for one in letters.letters]
    assert [reply for sender in senders for reply in sender.refused] == []
    assert sorted(identity for sender in senders for identity in sender.accepted) == sorted(sent)

    states = daemon.rows("SELECT raw.zstd, journal.state FROM journal JOIN raw ON raw.id = journal.raw_id")
    assert sorted(_message_id(zstd) for zstd, _ in states) == sorted(sent)
    assert {state for _, state in states} <= PLACES

    ledger = await daemon.ledger()
    assert ledger["balanced"] is True
    assert (ledger["accepted"], ledger["pending"]) == (len(sent), 0)
    assert ledger["automatic"]["acknowledge"] > 0
    assert ledger["automatic"]["challenge"] > 0
    tickets = await daemon.command("tickets", "list", "--all", "--limit", "100000")
    held = await daemon.command("held", "list", "--limit", "100000")
    counted = Counter(state for _, state in states)
    assert (len(tickets), len(held)) == (counted["ticketed"], counted["held"])


def no_automatic_mail_left_twice(sink: Sink) -> None:
    """Raises AssertionError."""
    fields = [mail.fields for mail in sink.mails]
    for identities in (
        [mail["Message-ID"] for mail in fields],
        # The one letter of a stranger who confirms is challenged once, and acknowledged once.
        [(mail["In-Reply-To"], mail["Subject"]) for mail in fields],
    ):
        assert [identity for identity, times in Counter(identities).items() if times > 1] == []


def _message_id(zstd: bytes) -> str:
    found = re.search(rb"^Message-ID: (.*)\r\n", zstandard.ZstdDecompressor().decompress(zstd), re.MULTILINE)
    assert found
    return found[1].decode()
