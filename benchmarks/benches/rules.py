"""What it costs to read a large set of rules, and to ask them of a mail."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import machine, ruleset
from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches.latency import figures
from benchmarks.load import RECIPIENT
from benchmarks.mails import author, domain
from benchmarks.promise import AtMost
from benchmarks.words import subject, text
from mailgate.cases import case_of
from mailgate.judge.ruling import acting
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import About
from mailgate.judge.verdict import look
from mailgate.mail.parse import read
from mailgate.model import Accepted, Authentication, Gateway, Level, Mailbox, Peer
from mailgate.rulebook import Rulebook, load, shipped_folder
from mailgate.testing import KEYS

_MAILS, _MAILS_QUICK = 400, 20
_MAIL_BYTES = 20_000
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ASKED_MS = 2.0
LOADED_MS = 1000.0


@asynccontextmanager
async def _rules(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    mails = _MAILS_QUICK if quick else _MAILS
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as name:
        folder = Path(shutil.copytree(shipped_folder(), Path(name) / "rules"))
        small = Path(shutil.copytree(_written(folder, 0), Path(name) / "small"))
        book = load(_written(folder, ruleset.ENTRIES))
        asked = [_about(number, book) for number in range(mails)]
        yield [
            Contestant("mailgate, asking the rules", partial(_ask, book.signals.rules, asked)),
            Contestant("mailgate, reading the shipped folder", partial(_load, shipped_folder())),
            Contestant("mailgate, reading the rules", partial(_load, small)),
            Contestant("mailgate, reading rules and map", partial(_load, folder)),
            Contestant("a fixed stretch of work", _pace),
        ]


def _written(folder: Path, entries: int) -> Path:
    """The folder with the rules, and so many entries in their map."""
    local = folder / "local"
    (local / "maps").mkdir(parents=True, exist_ok=True)
    (local / "70-bench.toml").write_text(ruleset.rules(ruleset.RULES))
    (local / "maps" / f"{ruleset.MAP}.txt").write_text(ruleset.partners(entries))
    return folder


async def _ask(rules: Rules, mails: Sequence[About]) -> Found:
    took = []
    for about in mails:
        begun = time.perf_counter()
        acting.ruling(rules, about)
        took.append((time.perf_counter() - begun) * 1000)
    return Found(figures(took), len(took))


async def _load(folder: Path) -> Found:
    begun = time.thread_time()
    load(folder)
    return Found({"reading_ms": (time.thread_time() - begun) * 1000})


async def _pace() -> Found:
    return Found({"median_ms": machine.pace_ms()})


def _about(number: int, book: Rulebook) -> About:
    """A mail whose own words are of the size that is promised for, as it stands before the rules are asked."""
    raw = (
        f"From: Pat Person <{author(number)}>\r\nTo: <{RECIPIENT}>\r\nSubject: {subject(number)}\r\n"
        f"Message-ID: <{number}@{domain(number)}>\r\nDate: Mon, 5 Jan 2026 09:00:00 +0000\r\n"
        f"X-Mailer: Post 7.1\r\n\r\n{_words(number)}\r\n"
    ).encode()
    gateway = Gateway("mx.bench.test", (Mailbox(RECIPIENT, "bench"),), KEYS)
    accepted = Accepted(1, "bench", NOW, author(number), RECIPIENT, Peer(known=False), raw)
    proof = Authentication(Level.A2, domain=domain(number), why="assumed")
    case = case_of(accepted, *read(raw), proof, gateway=gateway, book=book, now=NOW)
    sight = look(case, book.signals, gateway)
    return About(case, gateway, sight.kind, sight.findings, sight.authentication)


def _words(number: int) -> str:
    """Lines of words, none twice the same."""
    lines, size = list[str](), 0
    for each in itertools.count(number * 1000):
        lines.append(" ".join(text(each)[1:13]))
        size += len(lines[-1]) + 2
        if size >= _MAIL_BYTES:
            return "\r\n".join(lines)
    raise AssertionError


RULES = Bench(
    "rules",
    f"{ruleset.RULES} rules of {ruleset.RULES * ruleset.PATTERNS_A_RULE} texts and patterns, "
    f"and a map of {ruleset.ENTRIES} entries, asked of {_MAILS} mails of 20 KB",
    _rules,
    (
        AtMost(ASKED_MS, "median_ms", "mailgate, asking the rules"),
        AtMost(LOADED_MS, "reading_ms", "mailgate, reading rules and map"),
    ),
)
