"""What was measured, as ratios first, then figures, then what they were measured on; as text, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.load import Load
from benchmarks.plot import draw


@dataclass(frozen=True, slots=True)
class Run:
    """One load on one server."""

    repeat: int
    load: str
    server: str
    mails: int
    size_bytes: int
    accepted_s: float  # until the last mail had its 250
    done_s: float  # until nothing was left to do: queues empty, every mail judged
    stolen: float  # share of the processors that other machines took meanwhile
    memory_mib: tuple[float, float] | None = None  # afterwards, and at its highest

    @property
    def rate(self) -> float:
        """Accepted mails a second."""
        return self.mails / self.accepted_s

    def line(self) -> str:
        """The run in a line, for whoever waits."""
        memory = f", memory {self.memory_mib[0]:.0f} MiB" if self.memory_mib else ""
        return (
            f"{self.repeat}  {self.load:5}  {self.server:8}  {self.rate:7.1f}/s accepted, "
            f"all done after {self.done_s:.1f} s, steal {self.stolen:.0%}{memory}"
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """How many times faster than `than` `server` accepts `load`; `least` None promises nothing and only shows."""

    load: str
    server: str
    than: str
    least: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """All runs, and what they were measured on."""

    facts: dict[str, str]
    loads: tuple[Load, ...]
    promises: tuple[Promise, ...]
    runs: tuple[Run, ...]

    def ratio(self, promise: Promise) -> float | None:
        """The median of the ratios of each repeat, None where one of the two was not measured."""
        ours, theirs = (self._rates(promise.load, server) for server in (promise.server, promise.than))
        pairs = [mine / other for mine, other in zip(ours, theirs, strict=False)]
        return median(pairs) if pairs else None

    def is_held(self) -> bool:
        """Whether every promise that could be measured is kept."""
        return all(self._is_kept(promise) for promise in self.promises)

    def lines(self) -> Iterator[str]:
        """The result as text."""
        yield from ("", "Ratios of accepted mails a second (medians of the repeats)", *self._ratios())
        for load in self.loads:
            yield from ("", load.words, *self._figures(load.name))
        yield from ("", f"repeats {max(run.repeat for run in self.runs)}, interleaved")
        yield from (f"{name} {value}" for name, value in self.facts.items())

    def keep(self, folder: Path) -> list[Path]:
        """Write the result as JSON and as a picture; where they are."""
        folder.mkdir(exist_ok=True)
        stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        document = {
            "facts": self.facts,
            "ratios": [asdict(promise) | {"measured": self.ratio(promise)} for promise in self.promises],
            "runs": [asdict(run) | {"rate": run.rate} for run in self.runs],
        }
        kept = [folder / f"{stem}.json", folder / f"{stem}.png"]
        kept[0].write_text(json.dumps(document, indent=2) + "\n")
        rates = {
            load.words: {name: self._rates(load.name, name) for name in self._servers(load.name)} for load in self.loads
        }
        draw(rates, kept[1])
        return kept

    def _is_kept(self, promise: Promise) -> bool:
        ratio = self.ratio(promise)
        return ratio is None or promise.least is None or ratio >= promise.least

    def _ratios(self) -> Iterator[str]:
        for promise in self.promises:
            ratio = self.ratio(promise)
            words = f"  {promise.load:5}  {promise.server} / {promise.than:9}"
            if ratio is None:
                yield f"{words}  not measured"
            elif promise.least is None:
                yield f"{words}  {ratio:5.2f}"
            else:
                held = "held" if self._is_kept(promise) else "NOT HELD"
                yield f"{words}  {ratio:5.2f}  (at least {promise.least:.1f}: {held})"

    def _figures(self, load: str) -> Iterator[str]:
        yield "  server      mails/s   lowest  highest    MB/s   all done s   steal   memory MiB (highest)"
        for server in self._servers(load):
            runs = [run for run in self.runs if (run.load, run.server) == (load, server)]
            rates = [run.rate for run in runs]
            memory = max((run.memory_mib[1] for run in runs if run.memory_mib), default=None)
            yield (
                f"  {server:9} {median(rates):9.1f} {min(rates):8.1f} {max(rates):8.1f} "
                f"{median(rates) * runs[0].size_bytes / 1e6:7.1f} {median(run.done_s for run in runs):12.1f} "
                f"{max(run.stolen for run in runs):7.0%}   {f'{memory:.0f}' if memory else ''}"
            ).rstrip()

    def _servers(self, load: str) -> list[str]:
        return list(dict.fromkeys(run.server for run in self.runs if run.load == load))

    def _rates(self, load: str, server: str) -> list[float]:
        return [run.rate for run in self.runs if (run.load, run.server) == (load, server)]
