"""How much one network may bring: an hour's worth, then its mail comes again later, and none is ever lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge import tide as under_test
from mailgate.judge.tide import Tide

MAILS = 60
BYTES = 200 << 20
HOUR_S = 3600
NOW_S = 1_000_000.0
HERE, THERE = 1, 2
ANNE, BOB = 11, 12


def full(now_s: float = NOW_S, *, mails: int = MAILS, size_bytes: int = 1000) -> Tide:
    tide = Tide(MAILS, BYTES)
    for _ in range(mails):
        tide.took(HERE, size_bytes, now_s)
    return tide


def test_an_hours_worth_of_mails_comes_in_and_the_next_one_is_put_off() -> None:
    tide = Tide(MAILS, BYTES)
    answers = []
    for _ in range(MAILS + 1):
        answers.append(tide.puts_off(HERE, ANNE, NOW_S))
        tide.took(HERE, 1000, NOW_S)
    assert answers == [False] * MAILS + [True]


def test_an_hours_worth_of_bytes_is_as_much() -> None:
    tide = full(mails=2, size_bytes=BYTES // 2)
    assert tide.puts_off(HERE, ANNE, NOW_S)


def test_each_network_has_its_own_count() -> None:
    assert not full().puts_off(THERE, ANNE, NOW_S)


@pytest.mark.parametrize("later_s", [0, 1, 59, 60, 1800, HOUR_S - 1])
def test_a_mail_counts_for_an_hour(later_s: float) -> None:
    assert full().puts_off(HERE, ANNE, NOW_S + later_s)


def test_and_no_longer_than_a_minute_more() -> None:
    assert not full().puts_off(HERE, ANNE, NOW_S + HOUR_S + 60)


def test_what_came_in_the_course_of_the_hour_goes_in_the_course_of_the_next() -> None:
    tide = Tide(MAILS, BYTES)
    for minute in range(MAILS):
        tide.took(HERE, 1000, NOW_S + minute * 60)
    now_s = NOW_S + HOUR_S + 120
    assert not tide.puts_off(HERE, ANNE, now_s)
    for _ in range(3):
        tide.took(HERE, 1000, now_s)
    assert tide.puts_off(HERE, ANNE, now_s)


@pytest.mark.parametrize(("mails", "size"), [(0, BYTES), (MAILS, 0), (0, 0)])
def test_a_bound_of_nothing_is_none(mails: int, size: int) -> None:
    tide = Tide(mails, size)
    for _ in range(MAILS * 2 if not mails else MAILS - 1):
        tide.took(HERE, BYTES if not size else 1000, NOW_S)
    assert not tide.puts_off(HERE, ANNE, NOW_S)


def test_a_mail_that_was_put_off_three_times_comes_in() -> None:
    tide = full()
    assert [tide.puts_off(HERE, ANNE, NOW_S) for _ in range(4)] == [True, True, True, False]


def test_and_helps_no_other_mail_in() -> None:
    tide = full()
    for _ in range(4):
        tide.puts_off(HERE, ANNE, NOW_S)
    assert tide.puts_off(HERE, BOB, NOW_S)
    assert tide.puts_off(HERE, ANNE, NOW_S)


def test_after_two_hours_all_mail_of_the_network_comes_in() -> None:
    tide = full()
    assert tide.puts_off(HERE, ANNE, NOW_S)
    for minute in range(0, 121, 10):
        for _ in range(MAILS):
            tide.took(HERE, 1000, NOW_S + minute * 60)
    assert not any(tide.puts_off(HERE, envelope, NOW_S + 2 * HOUR_S) for envelope in range(1000))


def test_a_network_that_was_put_off_the_day_before_begins_anew() -> None:
    tide = full()
    tide.puts_off(HERE, ANNE, NOW_S)
    next_day_s = NOW_S + under_test.REMEMBERED_S
    for _ in range(MAILS):
        tide.took(HERE, 1000, next_day_s)
    assert tide.puts_off(HERE, ANNE, next_day_s)


# ── Nothing is lost ───────────────────────────────────────────────────────────────────────────────────────────────────

PAUSES = st.lists(st.floats(min_value=0, max_value=8 * HOUR_S), min_size=8, max_size=20)
OTHERS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 100)), min_size=8, max_size=8)


@given(pauses=PAUSES, others=OTHERS, same=st.booleans())
def test_no_spacing_of_retries_and_no_crowd_of_others_keeps_a_mail_out(
    pauses: list[float], others: list[tuple[int, int]], *, same: bool
) -> None:
    """Others of the network come in and are put off between its tries, some of them by the very same envelope."""
    tide, now_s = full(), NOW_S
    first_s: float | None = None
    for pause_s, (tried, came) in zip(pauses, others, strict=False):
        for envelope in range(1000, 1000 + tried):
            tide.puts_off(HERE, ANNE if same else envelope, now_s)
        for _ in range(MAILS + came):
            tide.took(HERE, 1000, now_s)
        if not tide.puts_off(HERE, ANNE, now_s):
            return
        first_s = now_s if first_s is None else first_s
        assert now_s - first_s < 2 * HOUR_S
        now_s += pause_s
    # Nobody gives up within two hours.
    assert first_s is None or now_s - first_s < 2 * HOUR_S


@given(pauses=st.lists(st.floats(min_value=0, max_value=20 * HOUR_S), min_size=3, max_size=3))
def test_who_is_alone_with_his_envelope_is_put_off_three_times_at_most(pauses: list[float]) -> None:
    tide, now_s, answers = full(), NOW_S, []
    for pause_s in [*pauses, 0.0]:
        for _ in range(MAILS):
            tide.took(HERE, 1000, now_s)
        answers.append(tide.puts_off(HERE, ANNE, now_s))
        now_s += pause_s
    assert not answers[3] or now_s - NOW_S >= under_test.REMEMBERED_S


# ── Who is welcome ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_network_that_somebody_we_trust_wrote_from_is_not_put_off() -> None:
    tide = full()
    assert tide.welcome(HERE, NOW_S)
    assert not tide.puts_off(HERE, BOB, NOW_S)
    assert tide.welcomed == [HERE]


def test_a_sender_whom_we_trust_is_welcome_for_a_day() -> None:
    tide, anne = Tide(MAILS, BYTES), (HERE, "anne@x.test")
    tide.welcome(anne, NOW_S)
    assert tide.is_welcome(anne, NOW_S + under_test.VOUCHED_S - 1)
    assert not tide.is_welcome(anne, NOW_S + under_test.VOUCHED_S)
    assert not tide.is_welcome(HERE, NOW_S)
    assert tide.welcomed == []


def test_it_is_news_once_until_it_is_forgotten() -> None:
    tide = Tide(MAILS, BYTES)
    month_s = under_test.WELCOME_S
    assert [tide.welcome(HERE, NOW_S + later) for later in (0, 1, month_s, 3 * month_s)] == [True, False, False, True]


def test_the_welcome_ends() -> None:
    tide = full(NOW_S + under_test.WELCOME_S)
    tide.welcome(HERE, NOW_S)
    assert tide.puts_off(HERE, ANNE, NOW_S + under_test.WELCOME_S)


# ── Bounds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_million_networks_take_no_more_room_than_a_few_thousand() -> None:
    tide = Tide(1, BYTES)
    for origin in range(1_000_000):
        tide.took(origin, 1000, NOW_S)
        if origin % 100 == 0:
            tide.puts_off(origin, ANNE, NOW_S)
            tide.welcome(origin, NOW_S)
    assert len(tide._origins) == under_test.MOST_ORIGINS
    assert len(tide._welcome) == len(tide.welcomed) == under_test.MOST_WELCOME


def test_one_network_takes_the_same_room_whatever_it_brings() -> None:
    tide = Tide(1_000_000, BYTES)
    for second in range(3 * HOUR_S):
        tide.took(HERE, 100_000, NOW_S + second)
        tide.puts_off(HERE, second, NOW_S + second)
    assert len(tide._origins[HERE].minutes) <= 61
    assert 0 < len(tide._origins[HERE].times) <= under_test.MOST_ENVELOPES


def test_who_is_forgotten_is_let_in() -> None:
    tide = full()
    tide.puts_off(HERE, ANNE, NOW_S)
    for origin in range(100, 100 + under_test.MOST_ORIGINS):
        tide.took(origin, 1000, NOW_S)
    assert not tide.puts_off(HERE, ANNE, NOW_S)
