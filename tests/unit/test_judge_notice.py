"""What is worth telling our own people, how often, and when the digest is due."""

import unicodedata
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge import notice
from mailgate.mail.words import without_links
from mailgate.model import Breaker, BreakerState, Loop, News, Notify, Scope
from tests.fakes.judging import rulebook

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = rulebook().limits.report
STAFF = "lead@office.test"


def told(news: News, at: datetime = NOW) -> list[notice.Notice]:
    return notice.worth(news, at, NUMBERS, STAFF)


def loop(address: str = "otto@x.test", *, convicted: bool = False, count: int = 9, at: datetime = NOW) -> Loop:
    return Loop(address, convicted, at, count, (1, 2), "a rule")


def test_a_breaker_is_news_while_it_stops_something_and_no_person_moved_it() -> None:
    opened = Breaker(Scope.ALL, "", BreakerState.OPEN, NOW - HOUR, NOW + HOUR, NOW + 2 * HOUR, actor="mail")
    assert [one.about for one in told(News(breakers=(opened,)))] == [opened]
    assert told(News(breakers=(opened,)), NOW + HOUR) == []
    assert told(News(breakers=(Breaker(Scope.ALL, "", BreakerState.LATCHED, NOW, actor="agent:cris"),))) == []


def test_each_trip_has_a_number_of_its_own_and_always_the_same() -> None:
    first = Breaker(Scope.DOMAIN, "x.test", BreakerState.LATCHED, NOW, actor="mail")
    again = Breaker(Scope.DOMAIN, "x.test", BreakerState.LATCHED, NOW + HOUR, actor="mail")
    numbers = [one.cause for one in told(News(breakers=(first, first, again)))]
    assert numbers[0] == numbers[1] != numbers[2]
    assert all(-(1 << 63) <= number < 0 for number in numbers)


@pytest.mark.parametrize(
    ("loops", "expected"),
    [
        ([loop(count=4)], 0),
        ([loop(count=5)], 1),
        ([loop(convicted=True, count=0)], 1),
        ([loop(), loop(convicted=True)], 1),
        ([loop(STAFF), loop(STAFF, convicted=True)], 0),
        ([loop("a@x.test"), loop("b@x.test")], 2),
    ],
    ids=["too few", "enough", "convicted", "both of one", "our own people", "two"],
)
def test_a_loop_is_told_once_for_each_address(loops: list[Loop], expected: int) -> None:
    assert len(told(News(loops=tuple(loops)))) == expected


def test_the_number_of_a_loop_changes_with_the_day() -> None:
    today, tomorrow = (told(News(loops=(loop(at=at),)))[0].cause for at in (NOW, NOW + 24 * HOUR))
    later = told(News(loops=(loop(at=NOW + HOUR, count=30),)))[0].cause
    assert today == later != tomorrow


def test_shunted_mail_is_gathered_for_a_while() -> None:
    span = timedelta(seconds=NUMBERS.shunted_wait_s)
    news = News(shunted=((1, NOW, "a@x.test"), (2, NOW + span / 2, "b@x.test"), (3, NOW + span, "c@x.test")))
    assert told(news, NOW + span / 2) == []
    assert [one.about for one in told(news, NOW + span)] == [notice.Shunted((2, 1))]
    assert [one.about for one in told(news, NOW + 2 * span)] == [notice.Shunted((2, 1)), notice.Shunted((3,))]


def test_of_a_report_that_was_shunted_nobody_is_told_for_it_may_be_about_a_notice() -> None:
    news = News(shunted=((1, NOW - HOUR, ""), (2, NOW - HOUR, "Lead+away@office.test")))
    assert told(news) == []


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("notify", "now", "due"),
    [
        (Notify(STAFF), NOW, NOW.replace(hour=9)),
        (Notify(STAFF), NOW.replace(hour=15), NOW.replace(hour=15)),
        (Notify(STAFF), NOW.replace(hour=8, minute=59), NOW.replace(day=1, hour=15)),
        (Notify(STAFF, (time(9),), BERLIN), NOW, NOW.replace(hour=8)),
        (Notify(STAFF, (time(9),), BERLIN), NOW.replace(month=7), NOW.replace(month=7, hour=7)),
        (Notify(STAFF, ()), NOW, None),
    ],
    ids=["morning", "on the dot", "yesterday", "winter", "summer", "never"],
)
def test_the_digest_is_due_at_its_times(notify: Notify, now: datetime, due: datetime | None) -> None:
    assert notice.digest_moment(notify, now) == due


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.sampled_from([UTC, BERLIN]))
def test_there_are_as_many_moments_as_times_a_day_whatever_the_clocks_do(day: datetime, zone: ZoneInfo) -> None:
    notify = Notify(STAFF, (time(2, 30), time(15)), zone)
    begin = day.replace(tzinfo=UTC)
    moments = {notice.digest_moment(notify, begin + step * HOUR / 2) for step in range(1, 48 * 7 + 1)}
    due = [moment for moment in moments if moment and moment > begin]
    assert len(due) in (13, 14, 15)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Hello world", "Hello world"),
        ("Win at https://evil.test/now!", "Win at …"),
        ("evil.test www.evil", "… …"),
        ("mail joe@evil.test", "mail …"),
        ("Order 4711, please.", "Order 4711, please."),
        ("one two three four five six", "one two three four five …"),
        ("x" * 41, "…"),
        ("a\x1b[2J b", "a [2J b"),
        ("", ""),
    ],
)
def test_no_link_is_left_in_what_is_repeated(text: str, kept: str) -> None:
    assert without_links(text, 5) == kept


@given(st.text())
def test_nothing_that_is_repeated_makes_a_link_or_a_line(text: str) -> None:
    found = without_links(text, 8)
    assert not any(unicodedata.category(char) == "Cc" for char in found)
    assert "://" not in found
    assert "@" not in found
    assert len(found) <= 8 * 41 + 2
