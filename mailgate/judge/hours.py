"""Opening hours: read from what an operator writes, and counted between two moments. Knows no clock and no file.

Hours are those of the wall: where the clock is set forward an hour is missing from the day, and counts as missing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

import re2

from mailgate.model import Opening, OpenSpan

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOUR_S: Final = 3600
MOST_LINES: Final = 7
MOST_DAYS: Final = 400  # that are counted one by one; whatever waits longer has waited long enough
MOST_COUNTED_DAYS: Final = 3700  # between which a report counts
ALLOWED: Final = f'at most {MOST_LINES} of DAY[-DAY] HH:MM-HH:MM, such as "mon-fri 09:00-17:00"'

_LINE: Final = re2.compile(r"(?i:([a-z]{3})(?:-([a-z]{3}))? ([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2}))")
_DAY_MIN: Final = 24 * 60


def parse(lines: Sequence[str], zone: tzinfo, zone_name: str) -> Opening | None:
    """Read opening hours, one stretch of equal days a line; None for no line at all, which is open always.

    Raises:
        ValueError: with the line that is none; ALLOWED says what is one.
    """
    if len(lines) > MOST_LINES:
        raise ValueError(f"{len(lines)} stretches")
    spans = sorted((span for line in lines for span in _spans(line)), key=lambda span: (span.day, span.start_min))
    for before, after in pairwise(spans):
        if before.day == after.day and after.start_min < before.end_min:
            raise ValueError(f"{DAYS[after.day]} twice at the same time")
    return Opening(tuple(spans), zone, zone_name) if spans else None


def opening_s(opening: Opening, start: datetime, end: datetime) -> float:
    """The seconds between two moments in which it is open, 0 where `end` is not later. Both are aware.

    Of more than MOST_DAYS days only the first are counted.
    """
    day, total_s = start.astimezone(opening.zone).date(), 0.0
    for offset in range(MOST_DAYS):
        for opens, closes in _of_day(opening, day + timedelta(days=offset)):
            if opens >= end:
                return total_s
            total_s += max(0.0, (min(closes, end) - max(opens, start)).total_seconds())
    return total_s


def is_open(opening: Opening | None, at: datetime) -> bool:
    """Is it open at a moment? None is open always."""
    if opening is None:
        return True
    return any(opens <= at < closes for opens, closes in _of_day(opening, at.astimezone(opening.zone).date()))


def due(opening: Opening | None, start: datetime, wanted_s: float) -> datetime:
    """The first moment at which it was open for `wanted_s` seconds since `start`; MOST_DAYS later at most.

    None is open always. There are no holidays: whoever closes for one answers late by this account.
    """
    if opening is None:
        return start + timedelta(seconds=wanted_s)
    day, left_s = start.astimezone(opening.zone).date(), wanted_s
    for offset in range(MOST_DAYS):
        for opens, closes in _of_day(opening, day + timedelta(days=offset)):
            begins = max(opens, start)
            open_s = (closes - begins).total_seconds()
            if open_s >= left_s:
                return begins + timedelta(seconds=left_s)
            left_s -= max(0.0, open_s)
    return start + timedelta(days=MOST_DAYS)


def opened_before(opening: Opening, end: datetime, wanted_s: float) -> datetime:
    """The latest moment from which it was open for `wanted_s` seconds until `end`; MOST_DAYS back at most."""
    day, left_s = end.astimezone(opening.zone).date(), wanted_s
    for offset in range(MOST_DAYS):
        for opens, closes in reversed(list(_of_day(opening, day - timedelta(days=offset)))):
            open_s = (min(closes, end) - opens).total_seconds()
            if open_s >= left_s:
                return min(closes, end) - timedelta(seconds=left_s)
            left_s -= max(0.0, open_s)
    return end - timedelta(days=MOST_DAYS)


class OpenTime:
    """Counts open seconds between many pairs of moments: what is open from `first` to `last` is found out once.

    Of more than MOST_COUNTED_DAYS days only the last are counted.
    """

    def __init__(self, opening: Opening, first: datetime, last: datetime) -> None:
        self._spans: list[tuple[float, float, float]] = []  # opens, closes, and for how long it was open before
        self._opens: list[float] = []
        end = last.astimezone(opening.zone).date()
        days = min((end - first.astimezone(opening.zone).date()).days, MOST_COUNTED_DAYS)
        total_s = 0.0
        for offset in range(days + 1):
            for opens, closes in _of_day(opening, end - timedelta(days=days - offset)):
                self._spans.append((opens.timestamp(), closes.timestamp(), total_s))
                total_s += max(0.0, (closes - opens).total_seconds())
        self._opens = [span[0] for span in self._spans]

    def between_s(self, start: datetime, end: datetime) -> float:
        """The seconds between two moments in which it is open, 0 where `end` is not later."""
        return max(0.0, self._until_s(end.timestamp()) - self._until_s(start.timestamp()))

    def _until_s(self, at: float) -> float:
        place = bisect_right(self._opens, at) - 1
        if place < 0:
            return 0.0
        opens, closes, before_s = self._spans[place]
        return before_s + max(0.0, min(at, closes) - opens)


def _of_day(opening: Opening, day: date) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of one day as moments, in order."""
    for span in opening.spans:
        if span.day == day.weekday():
            yield _moment(day, span.start_min, opening.zone), _moment(day, span.end_min, opening.zone)


def _moment(day: date, minute: int, zone: tzinfo) -> datetime:
    later = timedelta(days=minute // _DAY_MIN)
    wall = datetime.combine(day + later, time(minute % _DAY_MIN // 60, minute % 60), zone)
    return wall.astimezone(UTC)


def _spans(line: str) -> Iterator[OpenSpan]:
    found = _LINE.fullmatch(line.strip())
    if not found:
        raise ValueError(repr(line))
    first, last = found[1].lower(), (found[2] or found[1]).lower()
    start_min, end_min = (int(found[at]) * 60 + int(found[at + 1]) for at in (3, 5))
    wrong = int(found[4]) > 59 or int(found[6]) > 59 or end_min > _DAY_MIN or start_min >= end_min
    if wrong or first not in DAYS or last not in DAYS:
        raise ValueError(repr(line))
    days = (DAYS.index(last) - DAYS.index(first)) % len(DAYS) + 1
    for offset in range(days):
        yield OpenSpan((DAYS.index(first) + offset) % len(DAYS), start_min, end_min)
