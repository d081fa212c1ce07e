"""Spans of time as rule files write them."""

from __future__ import annotations

from datetime import timedelta

MOST_DIGITS = 6
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


def span(text: str) -> timedelta | None:
    """`"24 h"` or `"7 d"` as a duration; None for `"ever"`. Raises ValueError for anything else."""
    if text == "ever":
        return None
    number, _, unit = text.partition(" ")
    if unit not in _UNITS or not number.isdecimal() or len(number) > MOST_DIGITS or int(number) == 0:
        raise ValueError(text)
    return int(number) * _UNITS[unit]
