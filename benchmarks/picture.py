"""The pictures of a bench: a bar a contestant with a dot a repeat, and a line for what was followed over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure  # not pyplot, which looks for a screen

from benchmarks.bench import Bench
from benchmarks.run import UNITS, Run, contestants, values

_OURS, _PEERS = "#2f6f4f", "#9aa5a0"
_SHOWN = (
    *("accepted_per_s", "judged_per_s", "tickets_per_s", "explained_per_min", "median_ms", "p99_ms", "worst_ms"),
    *("spam_tickets", "spam_before", "held_spam_before", "spam_apart"),
    *("memory_mib", "mail_ms", "cpu_ms", "more_ms", "full_ms", "empty_ms"),
)
_MOST_PANELS = 3


def draw(bench: Bench, runs: Sequence[Run], folder: Path, *, quick: bool = False) -> list[Path]:
    """Draw a bench into SVG and PNG files of its name; where they are."""
    followed = list(dict.fromkeys(name for run in runs for name in run.series))
    panels = shown(runs)
    figure = Figure(figsize=(3 + 3 * len(panels), 7 if followed else 3.5), layout="constrained", dpi=100)
    title = "small loads, no figures to quote" if quick else bench.words
    figure.suptitle(f"{bench.name}: {title}", fontsize=10, wrap=True)
    rows = figure.subfigures(2 if followed else 1, 1, squeeze=False)[:, 0]
    for name, axes in zip(panels, rows[0].subplots(1, len(panels), squeeze=False, sharey=True)[0], strict=True):
        _bars(axes, name, runs)
    if followed:
        for name, axes in zip(followed, rows[1].subplots(1, len(followed), squeeze=False)[0], strict=True):
            _lines(axes, name, runs)
    files = [folder / f"{bench.name}.{suffix}" for suffix in ("svg", "png")]
    for file in files:
        figure.savefig(file)
    return files


def shown(runs: Sequence[Run]) -> list[str]:
    """The figures that get a panel each, of those that were measured."""
    return [name for name in _SHOWN if any(name in run.figures for run in runs)][:_MOST_PANELS]


def _bars(axes: Axes, name: str, runs: Sequence[Run]) -> None:
    found = {contestant: list(values(runs, contestant, name).values()) for contestant in reversed(contestants(runs))}
    colours = [_OURS if contestant.startswith("mailgate") else _PEERS for contestant in found]
    middles = [median(all_of_it) if all_of_it else 0.0 for all_of_it in found.values()]
    axes.barh(list(found), middles, color=colours, height=0.6)
    for (contestant, all_of_it), middle in zip(found.items(), middles, strict=True):
        if all_of_it:
            words = UNITS[name].form.format(middle)
            axes.annotate(words, (max(all_of_it), contestant), (6, 0), textcoords="offset points", va="center")
        axes.scatter(all_of_it, [contestant] * len(all_of_it), color="black", s=10, zorder=3)
    axes.margins(x=0.25)
    axes.set_xlabel(UNITS[name].heading)
    axes.spines[["top", "right"]].set_visible(False)


def _lines(axes: Axes, name: str, runs: Sequence[Run]) -> None:
    for run in runs:
        if name in run.series:
            axes.plot(*zip(*run.series[name], strict=True), color=_OURS, linewidth=1.2)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    axes.set_xlabel("seconds")
    axes.set_ylabel(UNITS[name].heading.removeprefix("highest "))
    axes.spines[["top", "right"]].set_visible(False)
