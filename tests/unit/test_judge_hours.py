"""Opening hours: what may be written, and how they are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.judge import hours, waiting
from mailgate.model import Mailbox, Opening

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


# ── Until when an answer is due ───────────────────────────────────────────────────────────────────────────────────────

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata"]
CHANGES = [datetime(2026, 3, 8), datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 11, 1)]
LINES = [
    ["mon-fri 09:00-12:00", "mon-fri 13:00-17:00", "sat 10:00-14:00"],
    ["mon-sun 00:00-24:00"],
    ["mon-sun 00:00-06:00", "fri 20:00-24:00"],
    ["sun 00:00-24:00"],
]


def minute_by_minute(week: Opening, start: datetime, wanted_min: int) -> datetime:
    """The slow model: every minute is looked up on the clock on the wall."""
    at = start
    while wanted_min:
        wall = at.astimezone(week.zone)
        minute = wall.hour * 60 + wall.minute
        wanted_min -= any(one.day == wall.weekday() and one.start_min <= minute < one.end_min for one in week.spans)
        at += timedelta(minutes=1)
    return at


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(LINES),
    st.sampled_from(CHANGES),
    st.integers(-3 * 24 * 60, 2 * 24 * 60),
    st.integers(1, 30 * 60),
)
def test_an_answer_is_due_at_the_minute_that_the_wall_says(
    zone: str, lines: list[str], change: datetime, offset_min: int, wanted_min: int
) -> None:
    week = opening(*lines, zone=ZoneInfo(zone))
    start = change.replace(tzinfo=UTC) + timedelta(minutes=offset_min)

    assert hours.due(week, start, wanted_min * 60) == minute_by_minute(week, start, wanted_min)


def test_what_is_due_where_it_is_open_always_is_due_by_the_clock() -> None:
    assert hours.due(None, MONDAY, 3600) == MONDAY + timedelta(hours=1)


def test_no_promise_reaches_further_than_is_counted() -> None:
    assert hours.due(opening("mon 09:00-09:01"), MONDAY, 1e9) == MONDAY + timedelta(days=hours.MOST_DAYS)


@given(OPENINGS, MOMENTS, st.integers(0, 10**7), st.integers(0, 10**7))
def test_open_time_of_many_is_that_of_each(week: Opening, first: datetime, start_s: int, end_s: int) -> None:
    start, end = first + timedelta(seconds=start_s), first + timedelta(seconds=end_s)
    many = hours.OpenTime(week, first, max(start, end))

    assert many.between_s(start, end) == pytest.approx(hours.opening_s(week, start, end))


@given(OPENINGS, MOMENTS, st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 100))
def test_who_is_within_the_horizon_is_who_has_waited_that_long(
    week: Opening, since: datetime, waited_s: int, promised_h: int, percent: int
) -> None:
    box, now = Mailbox("a@g.test", "a", opening=week, answer_within_h=promised_h), since + timedelta(seconds=waited_s)
    (horizon,) = waiting.horizons([box], now, percent)
    due, open_s = waiting.due(box, since), hours.opening_s(week, since, now)
    assert due

    assert (since <= horizon.breach) == (open_s >= promised_h * 3600)
    assert (due <= now) == (since <= horizon.breach)
    if abs(open_s - promised_h * 36 * percent) > 1:
        assert (since <= horizon.early) == (open_s > promised_h * 36 * percent)
        assert (due <= horizon.due_soon) == (since <= horizon.early)
