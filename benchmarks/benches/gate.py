"""What the send gate costs a mail beside ten million permits: to read, decide and spend, against an empty ledger.

In processor time of the thread that does it, kernel included: others at work on the machine would hide the difference.
"""

from __future__ import annotations

import itertools
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.load import RECIPIENT
from benchmarks.mails import DOMAINS, author, domain, letter
from benchmarks.promise import AtMost
from mailgate.cases import case_of
from mailgate.context import Mint
from mailgate.judge import verdict
from mailgate.judge.ask import ask
from mailgate.judge.history import History
from mailgate.letters import record_with_mail
from mailgate.mail.parse import read
from mailgate.model import (
    Accepted,
    Acquaintance,
    Authentication,
    Case,
    Filing,
    Gateway,
    Level,
    Mailbox,
    Met,
    Mode,
    Peer,
    Standing,
    Trust,
)
from mailgate.rulebook import Rulebook, load, shipped_folder
from mailgate.store import facts, locks, record
from mailgate.store.database import Database
from mailgate.testing import KEYS, START

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PERMITS, _PERMITS_QUICK = 10_000_000, 100_000
_A_DAY = 500  # as many as leave room for those that are measured, within what a usual desk may send
_PEOPLE = 1_000_000
_SHARED = "gmail.com"
_BATCH, _BATCHES, _BATCHES_QUICK = 50, 40, 4
_ALONE, _ALONE_QUICK = 200, 20
_COST_MS = 0.2
GRANTED = 0.9  # of all mails, at least; else something else than the gate was measured
_EMPTY, _FULL = "empty", "full"
_LAST = int(START.timestamp()) * 1_000_000  # the newest permit is of this moment; times are stored in microseconds
_STEP = 86_400_000_000 // _A_DAY
_BOX: Mailbox = Mailbox(RECIPIENT, "bench", Mode.OFF)
# Everybody has written some times before, one mail in 24 from a provider that many have: as much as its limit allows.
_FILL = """
INSERT INTO permit (id, at, purpose, address, domain, origin, fingerprint, shared, unproven, cause, mailbox)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :permits),
who(i, shared, domain) AS (
  SELECT i, i % 24 = 0, CASE WHEN i % 24 = 0 THEN :shared ELSE 'customer' || (i % :people % :domains) || '.test' END
  FROM n
)
SELECT i, :last - (:permits - i) * :step, CASE WHEN i % 3 = 0 THEN 'acknowledge' ELSE 'challenge' END,
       'person' || (i % :people) || '@' || domain, domain, '10.' || (i % 250) || '.' || (i / 250 % 250) || '.0/24',
       'text' || (i % 500000), shared, i % 2, i, 'bench@bench.test'
FROM who
"""


@dataclass(slots=True)
class _Desk:
    """A gateway on one database, driven by hand: what it takes to read, judge and write a batch is timed."""

    database: Database
    people: Iterator[int]
    gateway: Gateway = field(default_factory=lambda: Gateway("mx.bench.test", (_BOX,), KEYS))
    book: Rulebook = field(default_factory=lambda: load(shipped_folder()))
    now: datetime = START
    took_s: float = 0.0
    granted: int = 0

    async def batch(self, mails: int) -> float:
        """Processor seconds that so many new mails of people from all over the ledger cost, without their journal."""
        # Slowly enough that all are granted and spent: to refuse is less work.
        self.now += timedelta(hours=2) if mails > 1 else timedelta(minutes=2)
        cases = [self._case(number) for number in itertools.islice(self.people, mails)]
        await self.database.write(lambda conn: record.apply(conn, [self._friend(case) for case in cases], self.now))
        await self.database.write(partial(self._decide, cases))
        return self.took_s

    def _decide(self, cases: Sequence[Case], conn: Connection) -> None:
        begun = time.thread_time()
        locks.spending(conn)
        known = facts.gather(conn, ask(cases, self.gateway, self.book.limits))
        history = History(known, self.book.limits, self.gateway, Mint(self.database.new_id))
        outcomes = [verdict.judge(case, self.book.signals, history) for case in cases]
        # The filing needs a journal, which is the same work beside any ledger.
        effects = [one for outcome in outcomes for one in outcome.effects if not isinstance(one, Filing)]
        planned = [one for outcome in outcomes for one in outcome.planned]
        record_with_mail(conn, effects, planned, gateway=self.gateway, book=self.book, now=self.now)
        self.took_s = time.thread_time() - begun
        self.granted += len(planned)

    def _friend(self, case: Case) -> Met:
        """Its author as somebody whom a person of ours trusts, with credit."""
        address, new = verdict.sender_of(case), self.database.new_id
        known = Acquaintance(address, new(), Standing.TRUSTED, self.now, 6, self.now)
        return Met(replace(known, trust=Trust.MANUAL, bound=Level.A1, proven=True))

    def _case(self, number: int) -> Case:
        person = number % _PEOPLE
        at = _SHARED if number % 24 == 0 else domain(person)
        who = author(person).replace(domain(person), at)
        raw = letter(number, person).raw.replace(author(person).encode(), who.encode())
        peer = Peer(ip=f"10.{number % 250}.{number // 250 % 250}.9")
        accepted = Accepted(_PERMITS * 2 + number, "bench", self.now, who, _BOX.address, peer, raw)
        proof = Authentication(Level.A2, domain=at, why="assumed")
        return case_of(accepted, *read(raw), proof, gateway=self.gateway, book=self.book, now=self.now)


@asynccontextmanager
async def _gate(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        desks = {}
        for name, permits in ((_EMPTY, 0), (_FULL, _PERMITS_QUICK if quick else _PERMITS)):
            file = Path(folder) / f"{name}.db"
            await (await Database.open(f"sqlite:///{file}", create=True, durable=False)).close()
            _fill(file, permits)
            database = await Database.open(f"sqlite:///{file}", durable=False)
            desks[name] = _Desk(database, itertools.count(7, 61))
        try:
            yield [
                Contestant("in batches of 50", partial(_measure, desks, _BATCH, _BATCHES_QUICK if quick else _BATCHES)),
                Contestant("one by one", partial(_measure, desks, 1, _ALONE_QUICK if quick else _ALONE)),
            ]
        finally:
            for desk in desks.values():
                await desk.database.close()


def _fill(file: Path, permits: int) -> None:
    """Write the ledger. Its indexes are made afterwards, which takes a fraction of the time."""
    if not permits:
        return
    begun = time.perf_counter()
    numbers = {
        "permits": permits,
        "last": _LAST,
        "step": _STEP,
        "people": _PEOPLE,
        "domains": DOMAINS,
        "shared": _SHARED,
    }
    with closing(sqlite3.connect(file)) as connection:
        wanted = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'permit' AND sql IS NOT NULL"
        indexes = connection.execute(wanted).fetchall()
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -262144")
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        connection.execute(_FILL, numbers)
        for _, statement in indexes:
            connection.execute(statement)
        connection.commit()
    print(f"{permits:,} permits in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


async def _measure(desks: dict[str, _Desk], mails: int, times: int) -> Found:
    """The same mails beside both ledgers, by turns; the median of each, so that a slow moment counts for neither."""
    took: dict[str, list[float]] = {name: [] for name in desks}
    before = {name: desk.granted for name, desk in desks.items()}
    for turn in range(times):
        for name in sorted(desks, reverse=bool(turn % 2)):
            took[name].append(await desks[name].batch(mails) * 1000 / mails)
    for name, desk in desks.items():
        if desk.granted - before[name] < GRANTED * mails * times:
            raise ValueError(f"of {mails * times} mails only {desk.granted - before[name]} were answered")
    empty, full = (statistics.median(took[name]) for name in (_EMPTY, _FULL))
    return Found({"full_ms": full, "empty_ms": empty, "more_ms": full - empty, "times": full / empty}, mails * times)


GATE = Bench(
    "gate",
    f"a mail read, judged and answered beside {_PERMITS:,} permits, {_A_DAY:,} a day, and beside none; SQLite",
    _gate,
    tuple(AtMost(_COST_MS, "more_ms", name) for name in ("in batches of 50", "one by one")),
    by_default=False,
)
