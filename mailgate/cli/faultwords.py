"""Faces: faults as whoever mends them reads them: the place, the line with the fault in it, what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailgate.cli.frame import printable, width_of
from mailgate.errors import Fault

_INDENT = 2


def told(faults: Iterable[Fault]) -> str:
    """All of them, each in a paragraph of its own."""
    return "\n".join(printable(line) for fault in faults for line in lines(fault))


def lines(fault: Fault) -> Iterator[str]:
    """The lines of one. One that has no line of a file to show is told in one sentence."""
    if not fault.shown:
        yield str(fault)
        return
    number = f"{fault.line:>{_INDENT + len(str(fault.line))}}"
    margin = " " * len(number)
    yield f"{fault.place}: {fault.key}: found {fault.found}"
    yield f"{number} | {fault.shown}"
    if fault.caret:
        yield f"{margin} | {_below(fault)}"
    if fault.nearest:
        yield f"{margin}   did you mean {fault.nearest!r}?"
    yield f"{margin}   allowed: {fault.allowed}"


def _below(fault: Fault) -> str:
    """What points at the place; some letters are as wide as two on a terminal."""
    start = fault.caret.index("^")
    before, at = fault.shown[:start], fault.shown[start : len(fault.caret)]
    return " " * width_of(before) + "^" * max(width_of(at), 1)
