"""One measurement of one contestant, the names of all figures, and what several measurements say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

Point = tuple[float, float]  # seconds since the load began, value


@dataclass(frozen=True, slots=True)
class Unit:
    """How a figure is headed and written."""

    heading: str
    form: str = "{:.0f}"


UNITS = {
    "accepted_per_s": Unit("accepted a second"),
    "judged_per_s": Unit("judged a second"),
    "megabytes_per_s": Unit("MB a second"),
    "tickets_per_s": Unit("tickets a second", "{:.1f}"),
    "explained_per_min": Unit("explained a minute"),
    "mail_ms": Unit("ms a mail", "{:.2f}"),
    "full_ms": Unit("processor ms beside a full ledger", "{:.3f}"),
    "empty_ms": Unit("processor ms beside an empty ledger", "{:.3f}"),
    "reading_ms": Unit("processor ms to read"),
    "more_ms": Unit("processor ms more beside a full one", "{:.3f}"),
    "times": Unit("times as long", "{:.2f}"),
    "growth": Unit("last quarter / second", "{:.3f}"),
    "median_ms": Unit("median ms", "{:.2f}"),
    "p95_ms": Unit("95 % within ms", "{:.1f}"),
    "p99_ms": Unit("99 % within ms", "{:.2f}"),
    "worst_ms": Unit("worst ms", "{:.1f}"),
    "offered_per_s": Unit("offered a second"),
    "spam_tickets": Unit("spam in tickets"),
    "spam_before": Unit("spam before 95 % of ham", "{:.1%}"),
    "held_spam_before": Unit("of held mail alone", "{:.1%}"),
    "spam_apart": Unit("held spam that stands apart", "{:.1%}"),
    "ham_apart": Unit("held ham that does", "{:.2%}"),
    "memory_mib": Unit("highest memory MiB"),
    "cpu_ms": Unit("processor ms a mail", "{:.2f}"),
    "switches": Unit("context switches a mail", "{:.1f}"),
    "steal": Unit("steal", "{:.0%}"),
    "others": Unit("others at work", "{:.0%}"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What was found of `contestant` at the `repeat`-th time; figures by the names of UNITS."""

    bench: str
    contestant: str
    repeat: int
    figures: dict[str, float]
    series: dict[str, list[Point]] = field(default_factory=dict)

    def line(self) -> str:
        """The run in a line, for whoever waits."""
        words = [f"{UNITS[name].heading} {UNITS[name].form.format(value)}" for name, value in self.figures.items()]
        return f"{self.bench} {self.repeat}  {self.contestant:24} {', '.join(words)}"


@dataclass(frozen=True, slots=True)
class Spread:
    """Several figures in three."""

    least: float
    middle: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """Of any values; None where there are none."""
        ordered = sorted(values)
        return cls(ordered[0], median(ordered), ordered[-1]) if ordered else None

    def written(self, form: str) -> str:
        """The middle, and how far the others are from it."""
        if self.least == self.most:
            return form.format(self.middle)
        return f"{form.format(self.middle)} ({form.format(self.least)} to {form.format(self.most)})"


def values(runs: Iterable[Run], contestant: str, figure: str) -> dict[int, float]:
    """One figure of one contestant, by repeat."""
    return {run.repeat: run.figures[figure] for run in runs if run.contestant == contestant and figure in run.figures}


def contestants(runs: Iterable[Run]) -> list[str]:
    """All that were measured, in the order in which they first were."""
    return list(dict.fromkeys(run.contestant for run in runs))
