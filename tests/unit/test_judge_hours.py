"""Opening hours: what may be written, and how they are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge import hours
from mailgate.model import Opening

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def opening(*lines: str, zone: tzinfo = UTC) -> Opening:
    found = hours.parse(lines, zone, "UTC")
    assert found
    return found


WEEK = opening("mon-fri 09:00-12:00", "Mon-Fri 13:00-17:00", "sat 10:00-14:00")


def test_no_line_is_open_always() -> None:
    assert hours.parse([], UTC, "UTC") is None


@pytest.mark.parametrize(
    "lines",
    [
        ["monday 09:00-17:00"],
        ["mon-fri 9-17"],
        ["mon-fri 17:00-09:00"],
        ["mon-fri 09:00-24:01"],
        ["mon-fri 09:60-17:00"],
        ["mon-fry 09:00-17:00"],
        [""],
        ["mon 09:00-12:00", "mon-tue 11:00-13:00"],
        ["mon 09:00-12:00"] * 8,
    ],
)
def test_what_is_no_opening_hours_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError):
        hours.parse(lines, UTC, "UTC")


def test_days_may_run_over_the_end_of_the_week() -> None:
    assert [span.day for span in opening("sat-mon 00:00-24:00").spans] == [0, 5, 6]


@pytest.mark.parametrize(
    ("start_h", "end_h", "open_h"),
    [
        pytest.param(9, 17, 7, id="a day with its noon"),
        pytest.param(0, 24, 7, id="a day and its nights"),
        pytest.param(10, 11, 1, id="within"),
        pytest.param(12, 13, 0, id="at noon"),
        pytest.param(16, 24 + 10, 2, id="over night"),
        pytest.param(4 * 24 + 16, 7 * 24 + 10, 1 + 4 + 1, id="over the week-end"),
        pytest.param(0, 7 * 24, 39, id="a week"),
        pytest.param(17, 9, 0, id="backwards"),
    ],
)
def test_only_open_time_counts(start_h: float, end_h: float, open_h: float) -> None:
    start, end = MONDAY + timedelta(hours=start_h), MONDAY + timedelta(hours=end_h)

    assert hours.opening_s(WEEK, start, end) == open_h * 3600


def test_the_clock_on_the_wall_counts() -> None:
    berlin = opening("mon-sun 09:00-17:00", zone=BERLIN)
    winter, summer = datetime(2026, 1, 5, 8, tzinfo=UTC), datetime(2026, 7, 6, 7, tzinfo=UTC)

    assert [hours.opening_s(berlin, at - timedelta(hours=1), at) for at in (winter, summer)] == [0, 0]
    assert [hours.opening_s(berlin, at, at + timedelta(hours=1)) for at in (winter, summer)] == [3600, 3600]


@pytest.mark.parametrize(("month", "day", "counted_h"), [(3, 29, 23), (10, 25, 25)])
def test_the_day_of_the_change_has_an_hour_less_or_more(month: int, day: int, counted_h: int) -> None:
    always = opening("mon-sun 00:00-24:00", zone=BERLIN)
    start, end = (datetime(2026, month, at, tzinfo=BERLIN).astimezone(UTC) for at in (day, day + 1))

    assert hours.opening_s(always, start, end) == counted_h * 3600


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
OPENINGS = st.sampled_from([WEEK, opening("tue 23:00-24:00", zone=BERLIN), opening("sun-sun 02:00-03:30", zone=BERLIN)])


@given(OPENINGS, MOMENTS, st.integers(1, 150_000))
def test_the_moment_before_is_as_many_open_seconds_ago(week: Opening, end: datetime, wanted_s: int) -> None:
    start = hours.opened_before(week, end, wanted_s)

    assert hours.opening_s(week, start, end) == pytest.approx(wanted_s)


@given(OPENINGS, MOMENTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_counted_in_two_pieces_is_the_whole(week: Opening, start: datetime, first_s: int, then_s: int) -> None:
    middle = start + timedelta(seconds=first_s)
    end = middle + timedelta(seconds=then_s)

    pieces = hours.opening_s(week, start, middle) + hours.opening_s(week, middle, end)
    assert pieces == pytest.approx(hours.opening_s(week, start, end))


def test_who_waits_for_a_desk_that_is_hardly_open_waits_no_longer_than_counted() -> None:
    rarely = opening("mon 09:00-09:01")
    longest = timedelta(days=hours.MOST_DAYS)

    assert hours.opened_before(rarely, MONDAY, 1e9) == MONDAY - longest
    assert hours.opening_s(rarely, MONDAY, MONDAY + 2 * longest) < 60 * 60
