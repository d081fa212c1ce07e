"""Faces: counts what the roads say, and shows it in the text format of Prometheus. Decides nothing, and knows no page.

House rules of this file:
* Every label has a short list of values that no sender chooses: no address, no mailbox, no words of a mail.
* What is counted for each mail is bound to its labels beforehand; that costs microseconds, and is measured.
* What stands in the store is not counted here a second time but asked for at the scrape, and then not for a while.
* Where PROMETHEUS_MULTIPROC_DIR is set, several processes write into that folder, and any of them answers for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from mailgate.daemon.parent import COUNTS
from mailgate.errors import TryAgain
from mailgate.judge import breaker
from mailgate.judge.docket import Outcome, Planned
from mailgate.meter import Meter
from mailgate.model import (
    Breaker,
    BreakerState,
    Disposition,
    Due,
    ErrandKind,
    ErrandState,
    Kind,
    Level,
    OutboxState,
    Peer,
    Purpose,
    Role,
    Scope,
    Settlement,
)
from mailgate.model import Protocol as Wire
from mailgate.store.watch import Depth

LOOK_EVERY_S: Final = 10.0
DEPTHS_FOR_S: Final = 5.0  # that an answer of the store is shown again
DEPTHS_SHARE: Final = 50  # and for so many times as long as it took, so that asking never costs more than 2 %
DEPTHS_WAIT_S: Final = 2.0  # before a scrape does without
RULES_MOST: Final = 100  # that withhold mail have a series each; what comes beyond, after many reloads, is "other"
# From a commit to a mail that waited for the next hop's patience.
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
OUR_TROUBLE: Final = (421, 451, 452)  # replies that keep a sender waiting for us
# How attempts end, as a rule: by the class of the reply, and what follows.
ENDS: Final = (
    ("2xx", OutboxState.SENT),
    ("4xx", OutboxState.READY),
    ("4xx", OutboxState.FAILED),
    ("5xx", OutboxState.FAILED),
    ("none", OutboxState.READY),
    ("none", OutboxState.FAILED),
)
AUTOMATIC: Final = tuple(purpose for purpose in Purpose if purpose is not Purpose.AGENT)

# The state of the breaker of all automatic mail, as a number: the higher, the less passes.
STATES: Final = {BreakerState.CLOSED: 0, BreakerState.HALF: 1, BreakerState.OPEN: 2, BreakerState.LATCHED: 3}
_STOPS: Final = (BreakerState.OPEN, BreakerState.LATCHED)
NARROW: Final = (Scope.MAILBOX, Scope.DOMAIN, Scope.ADDRESS)

ReadDepths = Callable[[], Awaitable[list[Depth]]]
ReadBreakers = Callable[[], Awaitable[list[Breaker]]]


async def _none() -> list[Breaker]:
    return []


class Doors(Protocol):
    """All listeners of a process."""

    @property
    def refused(self) -> Tally[int]:
        """Replies from 400 on since the start, by code."""

    @property
    def connected(self) -> int:
        """Sessions that are open."""


class Metrics(Meter):
    """All that is counted in one process, and the page on which it is shown."""

    def __init__(
        self,
        version: str,
        read_depths: ReadDepths,
        clock: Callable[[], datetime],
        read_breakers: ReadBreakers = _none,
    ) -> None:
        # The library looked for the same folder when it was imported, and counts there or in memory ever since.
        self._several = COUNTS in os.environ
        own = CollectorRegistry()
        self._counts = _Counts(own)
        self._registry = CollectorRegistry() if self._several else own
        if self._several:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]  # it has no annotations
        self._waiting = _Waiting(read_depths, read_breakers, clock)
        for collector in (self._waiting, _Constants(version), _Processes(several=self._several)):
            self._registry.register(collector)
        self._doors: Doors | None = None
        self._told: Tally[int] = Tally()
        self._rules: set[str] = set()

    # ── What the roads say ────────────────────────────────────────────────────────────────────────────────────────────

    def accepted(self, peer: Peer, mails: int, waited_s: float) -> None:
        """Count mails by the listener they came through, and how long their sender waited for the disk."""
        self._counts.accepted[peer.protocol, peer.role].inc(mails)
        self._counts.accept_s.observe(waited_s)

    def refused(self, rule: str) -> None:
        """Count what was refused, by the name of the rule."""
        self._counts.refused_by_rule[self._known(rule)].inc()

    def judged(self, outcome: Outcome, waited_s: float) -> None:
        """Count the verdict, what was granted and what withheld; and whether anything answers an unproven sender."""
        counts = self._counts
        verdict, case = outcome.filing.verdict, outcome.filing.case
        counts.verdicts[verdict.kind, verdict.disposition].inc()
        counts.judge_s.observe(waited_s)
        for opinion in case.opinions:
            counts.opinions[opinion.judge, "unknown" if opinion.unknown else "heard"].inc()
        if verdict.withheld_by:
            counts.suppressed[self._known(verdict.withheld_by)].inc()
        if outcome.planned:
            self.granted(outcome.planned)
            # Asked of the mail itself once more: that this stays 0 is the promise, so it is not left to who keeps it.
            if case.authentication.level is Level.A0 or not case.accepted.mail_from:
                counts.backscatter.inc(sum(one.purpose.outside for one in outcome.planned))

    def batch(self, prepare_s: float, record_s: float) -> None:
        """How long a batch took, once for all its mails."""
        self._counts.prepare_s.observe(prepare_s)
        self._counts.record_s.observe(record_s)

    def granted(self, planned: Iterable[Planned]) -> None:
        """Count automatic mails that got their permit."""
        for one in planned:
            self._counts.automatic[one.purpose,].inc()

    def attempted(self, due: Due, settlement: Settlement, took_s: float) -> None:
        """Count an attempt by what the next hop said and what follows from it."""
        said = f"{settlement.answer.code // 100}xx" if settlement.answer.code else "none"
        self._counts.deliveries[due.purpose, said, settlement.state].inc()
        self._counts.deliver_s.observe(took_s)

    def carried(self, kind: ErrandKind, state: ErrandState) -> None:
        """Count an attempt of an errand by what follows from it."""
        self._counts.errands[kind, state].inc()

    def audited(self, *, balanced: bool) -> None:
        """Show whether the ledger was balanced when it was counted last."""
        self._counts.balanced.set(balanced)

    # ── What is asked of others ───────────────────────────────────────────────────────────────────────────────────────

    def attend(self, doors: Doors) -> None:
        """Show from now on what these listeners say of themselves."""
        self._doors = doors

    async def run(self) -> None:
        """Look at the listeners now and then until cancelled, for whoever answers a scrape in our place."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Take over what the listeners have counted since the last look."""
        if self._doors is None:
            return
        refused = self._doors.refused
        for code, more in (refused - self._told).items():
            self._counts.refused[code,].inc(more)
        self._told = Tally(refused)
        self._counts.sessions.set(self._doors.connected)

    async def page(self, accept: str) -> tuple[str, bytes]:
        """The content type, chosen by what the client accepts (RFC 9110 section 12.5.1), and the text."""
        self.look()
        await self._waiting.refresh()
        encode, content_type = choose_encoder(accept)
        return content_type, await asyncio.to_thread(self._encoded, encode)

    def _encoded(self, encode: Callable[[Any], bytes]) -> bytes:
        if self._several:
            _bury_the_dead(Path(os.environ[COUNTS]))
        return encode(_WithoutBirthdays(self._registry))

    def _known(self, rule: str) -> tuple[str]:
        if rule not in self._rules and len(self._rules) >= RULES_MOST:
            return ("other",)
        self._rules.add(rule)
        return (rule,)


class _Counts:
    """The counters, with the children that are needed for each mail already bound."""

    # Long because it names one counter after the other, and that is all it does.
    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_: str, *labels: str) -> _Children:
            return _Children(Counter(f"mailgate_{name}", help_, labels, registry=registry))

        self.accepted = counter("accepted", "Rows of the journal, one per recipient.", "protocol", "role")
        self.refused = counter("refused", "Replies from 400 on in sessions.", "code")
        self.refused_by_rule = counter("refused_by_rule", "Mails that a rule refused at the door.", "rule")
        self.verdicts = counter("verdicts", "Mails judged.", "kind", "disposition")
        self.automatic = counter("automatic", "Automatic mails granted by the send gate.", "kind")
        self.suppressed = counter("suppressed", "Automatic mails withheld by the send gate.", "reason")
        self.deliveries = counter("deliveries", "Attempts to deliver a mail.", "kind", "code", "state")
        self.opinions = counter("opinions", "Opinions of mail that others outside were asked for.", "judge", "result")
        self.errands = counter("errands", "Attempts to hand a mail to a webhook or to a learner.", "kind", "state")
        self.backscatter = Counter(
            "mailgate_backscatter", "Automatic mails to senders who were not proven. Stays 0.", registry=registry
        )
        self.balanced = Gauge(
            "mailgate_ledger_balanced",
            "1 where every accepted mail was accounted for at the last count, else 0.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.sessions = Gauge(
            "mailgate_sessions", "Sessions open at the listeners.", registry=registry, multiprocess_mode="livesum"
        )
        stages = Histogram(
            "mailgate_stage_seconds", "Time spent in a stage.", ["stage"], registry=registry, buckets=BUCKETS_S
        )
        of_a_mail, of_a_batch = ("accept", "judge", "deliver"), ("prepare", "record")
        self.accept_s, self.judge_s, self.deliver_s = map(stages.labels, of_a_mail)
        self.prepare_s, self.record_s = map(stages.labels, of_a_batch)
        self.balanced.set(1)
        # A series that begins at its first event hides that event from rate().
        self.accepted.bind((protocol, role) for protocol in Wire for role in Role)
        self.verdicts.bind((Kind.HUMAN, disposition) for disposition in Disposition)
        self.automatic.bind((purpose,) for purpose in AUTOMATIC)
        self.refused.bind((code,) for code in OUR_TROUBLE)
        self.errands.bind((kind, state) for kind in ErrandKind for state in ErrandState)
        self.deliveries.bind((purpose, *end) for purpose in Purpose for end in ENDS)


class _Children(dict[tuple[Any, ...], Counter]):
    """The children of a counter by their labels; made once, then only looked up."""

    def __init__(self, parent: Counter) -> None:
        self._parent = parent

    def __missing__(self, labels: tuple[Any, ...]) -> Counter:
        child = self[labels] = self._parent.labels(*labels)
        return child

    def bind(self, every: Iterable[tuple[Any, ...]]) -> None:
        """Make the children of all these labels now."""
        for labels in every:
            self[labels]


# ── What is collected at the scrape ───────────────────────────────────────────────────────────────────────────────────


class _Waiting(Collector):
    """What waits in the store, and what holds automatic mail back, asked for at most once in a while. Without an answer
    it shows nothing.
    """

    def __init__(self, read: ReadDepths, read_breakers: ReadBreakers, clock: Callable[[], datetime]) -> None:
        self._read = read
        self._read_breakers = read_breakers
        self._clock = clock
        self._depths: list[Depth] = []
        self._breakers: list[Breaker] | None = None
        self._until_s = 0.0
        self._asking = asyncio.Lock()

    async def refresh(self) -> None:
        """Ask again where the last answer is old; two who scrape at once share one question."""
        async with self._asking:
            now_s = asyncio.get_running_loop().time
            begun_s = now_s()
            if begun_s < self._until_s:
                return
            self._depths, self._breakers = [], None
            # A store that does not answer is told of by /readyz; all the rest is shown all the same.
            with contextlib.suppress(TryAgain, TimeoutError):
                async with asyncio.timeout(DEPTHS_WAIT_S):
                    self._depths, self._breakers = await self._read(), await self._read_breakers()
            self._until_s = now_s() + max(DEPTHS_FOR_S, (now_s() - begun_s) * DEPTHS_SHARE)

    def collect(self) -> Iterator[Metric]:
        """The depth and the age of every queue, and the state of the breakers."""
        yield from self._queues()
        if self._breakers is not None:
            yield from self._held_back(self._breakers)

    def _queues(self) -> Iterator[Metric]:
        mails = GaugeMetricFamily("mailgate_queue_mails", "Mails that wait.", labels=["queue"])
        oldest = GaugeMetricFamily("mailgate_queue_oldest_seconds", "Age of the oldest of them.", labels=["queue"])
        for depth in self._depths:
            age = (self._clock() - depth.oldest_at).total_seconds() if depth.oldest_at else 0.0
            mails.add_metric([depth.queue], depth.mails)
            oldest.add_metric([depth.queue], max(age, 0.0))
        yield mails
        yield oldest

    def _held_back(self, breakers: list[Breaker]) -> Iterator[Metric]:
        now = self._clock()
        states = [(one.scope, breaker.state(one, now)) for one in breakers]
        widest = next((state for scope, state in states if scope is Scope.ALL), BreakerState.CLOSED)
        about = "Of all automatic mail: 0 closed (it passes), 1 on trial, 2 open, 3 until a person resets it."
        yield GaugeMetricFamily("mailgate_breaker_state", about, value=STATES[widest])
        stopped = GaugeMetricFamily("mailgate_stopped", "What gets no automatic mail now.", labels=["scope"])
        for narrow in NARROW:
            stopped.add_metric([narrow], sum(scope is narrow and state in _STOPS for scope, state in states))
        yield stopped


class _Constants(Collector):
    """What does not change while a process lives."""

    def __init__(self, version: str) -> None:
        self._build = {"version": version, "python": platform.python_version()}

    def collect(self) -> Iterator[Metric]:
        """The build."""
        yield InfoMetricFamily("mailgate_build", "What runs.", value=self._build)


class _Processes(Collector):
    """Memory, processor time and files: of this process or, where several share the work, of each by its pid."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._own = ProcessCollector(registry=None)

    def collect(self) -> Iterable[Metric]:
        """The standard metrics of processes."""
        if not self._several:
            return self._own.collect()
        families: dict[str, Metric] = {}
        for pid in sorted(_processes(Path(os.environ[COUNTS]))):
            for family in _process(pid):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [sample._replace(labels={"pid": str(pid)}) for sample in family.samples]
        return families.values()


class _WithoutBirthdays(Collector):
    """A registry without the moments at which each of its series began; they double the page and tell little."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def _process(pid: int) -> Iterable[Metric]:
    return ProcessCollector(registry=None, pid=lambda: pid).collect()


def _processes(folder: Path) -> dict[int, list[Path]]:
    """The processes that write into `folder`, each with the files of what ends with it: `gauge_livesum_4711.db`."""
    found: dict[int, list[Path]] = {}
    for path in folder.glob("gauge_live*_*.db"):
        found.setdefault(int(path.stem.rpartition("_")[2]), []).append(path)
    return found


def _bury_the_dead(folder: Path) -> None:
    """A process that was killed could not take its open sessions with it. What it counted stays."""
    for pid, files in _processes(folder).items():
        if not Path(f"/proc/{pid}").exists():
            for path in files:
                path.unlink(missing_ok=True)
