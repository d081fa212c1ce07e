"""The result as Markdown that reads well as text: promises first, then all figures, then what they were measured on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.bench import Bench
from benchmarks.run import UNITS, Run, Spread, contestants, values

KEPT, UNKNOWN = "kept", "NOT MEASURED"


def lines(result: Mapping[Bench, Sequence[Run]], facts: Mapping[str, str], *, quick: bool = False) -> Iterator[str]:
    """The whole document. `quick` says that the loads were much smaller than they are called."""
    yield from ("# What was measured", "")
    if quick:
        yield from ("SMALL LOADS, no figures to quote: much less was put than the headings say.", "")
    yield "The middle of the repeats, in parentheses lowest and highest. Only ratios can be compared between runs."
    yield ""
    held = [row for bench, runs in result.items() for row in promises(bench, runs)]
    yield from _table(["", "what", "measured", "held to", ""], held)
    for bench, runs in result.items():
        yield from ("", f"## {bench.name}", "", f"{bench.words}. {repeats(runs)}", "", *figures(runs))
    yield from ("", "## The machine", "")
    yield from _table(["", ""], [[name, value] for name, value in facts.items()])


def promises(bench: Bench, runs: Sequence[Run]) -> Iterator[list[str]]:
    """One row a promise: of which bench, what, measured, held to, and whether it is kept."""
    for promise in bench.promises:
        found = promise.measured(runs)
        if found is None:
            yield [bench.name, promise.words, "", promise.held_to, UNKNOWN]
        else:
            lacks = promise.lacks(found)
            verdict = f"NOT KEPT by {lacks:.1%}" if lacks > 0 else KEPT
            yield [bench.name, promise.words, promise.written(found), promise.held_to, verdict]


def figures(runs: Sequence[Run]) -> Iterator[str]:
    """One row a contestant, one column a figure."""
    shown = [name for name in UNITS if any(name in run.figures for run in runs)]
    rows = []
    if not runs:
        return
    for contestant in contestants(runs):
        spreads = [(Spread.of(values(runs, contestant, name).values()), UNITS[name].form) for name in shown]
        rows.append([contestant, *(spread.written(form) if spread else "" for spread, form in spreads)])
    yield from _table(["", *(UNITS[name].heading for name in shown)], rows)


def repeats(runs: Sequence[Run]) -> str:
    """How often, in words."""
    times = max((run.repeat for run in runs), default=0)
    if not times:
        return "Left out."
    return "Measured once." if times == 1 else f"Measured {times} times in turn."


def _table(heading: list[str], rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
    yield _row(heading, widths)
    yield _row(["-" * width for width in widths], widths)
    for row in rows:
        yield _row(row, widths)


def _row(cells: list[str], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
