"""Faces: spans of time and moments as they are written on a command line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MOST_DIGITS = 4


def span_of(text: str) -> timedelta | None:
    """What 12h, 7d or 4w says; None for anything else."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.isdecimal() or len(number) > MOST_DIGITS or not int(number):
        return None
    return int(number) * UNITS[unit]


class Span(click.ParamType):  # type: ignore[type-arg]  # which older ones do not take
    """A span of time such as 12h, 7d or 4w."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span. Fails for anything else."""
        found = value if isinstance(value, timedelta) else span_of(str(value))
        return found or self.fail(f"{value!r} is no span such as 12h, 7d or 4w", param, ctx)


class Moment(click.ParamType):  # type: ignore[type-arg]  # which older ones do not take
    """A moment to come: a span from now such as 4h or 3d, or a day or time such as 2026-12-24 or 2026-12-24T09:00."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | datetime:
        """A span, or a moment, which has no zone where none was written. Fails for anything else."""
        if isinstance(value, (timedelta, datetime)):
            return value
        if found := span_of(str(value)):
            return found
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a span such as 4h, 3d or 2w nor a day such as 2026-12-24", param, ctx)
