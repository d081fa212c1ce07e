"""What a report counts, held against a model that goes through all that happened for every single number."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate import accounts
from mailgate.accounts import Period, Times
from mailgate.judge import hours
from mailgate.model import Gateway, Keys, Mailbox
from mailgate.store.ticket_report import ANSWER, CLOSES, OPENS, REOPENS, HistoryLine, Mails

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = hours.parse(["mon-fri 09:00-17:00"], BERLIN, "Europe/Berlin")
BOX = Mailbox("support@g.test", "support", opening=OFFICE, answer_within_h=8)
GATEWAY = Gateway("mx.g.test", (BOX,), Keys("i", "1", {"1": b"k" * 32}))
NO_MAIL = Mails(0, 0, 0, 0, 0, 0), ()
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # when the office opens

History = list[tuple[int, datetime, str, str]]  # ticket, when, what, by whom


def lines(history: History) -> list[HistoryLine]:
    opened = {ticket: at for ticket, at, event, _ in reversed(history) if event in OPENS}
    answered = {ticket: at for ticket, at, event, _ in reversed(history) if event == ANSWER}
    return [
        HistoryLine(
            ticket, at, event, actor, "", f"queue {ticket % 2}", BOX.address, opened[ticket], answered.get(ticket)
        )
        for ticket, at, event, actor in history
    ]


def state_at(history: History, moment: datetime) -> dict[int, bool]:
    """Which tickets there were then, and whether they were open."""
    found = {}
    for ticket, at, event, _ in history:
        if at < moment and event != ANSWER:
            found[ticket] = event in OPENS or event in REOPENS
    return found


def report(history: History, period: Period) -> accounts.TicketReport:
    """As it is made of a store: all since the beginning of the period, and what stood before."""
    everything = lines(history)
    since = [one for one in everything if one.at >= period.start]
    before = {ticket: not is_open for ticket, is_open in state_at(history, period.start).items()}
    wanted = accounts.unclear(since)
    open_now = Counter(f"queue {ticket % 2}" for ticket, is_open in state_at(history, FUTURE).items() if is_open)
    return accounts.made(since, {one: before[one] for one in wanted}, open_now, NO_MAIL, period=period, gateway=GATEWAY)


FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
# Around the change of the clocks in spring, so that a day of 23 hours is among them.
BEGIN = datetime(2026, 3, 26, 20, 0, tzinfo=UTC)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 600),  # minutes later
        st.integers(1, 6),  # which ticket
        st.sampled_from([*CLOSES, *REOPENS[:2], ANSWER, ANSWER]),
        st.sampled_from(["agent:anne", "agent:bob", "mail"]),
    ),
    max_size=40,
)


def told(steps: list[tuple[int, int, str, str]]) -> History:
    """The first thing that happens to a ticket is that it is opened."""
    at, seen, history = BEGIN, set[int](), History()
    for minutes, ticket, event, actor in steps:
        at += timedelta(minutes=minutes, microseconds=1)
        history.append((ticket, at, event if ticket in seen else OPENS[0], actor if ticket in seen else "mail"))
        seen.add(ticket)
    return history


def changes(history: History) -> list[tuple[datetime, int, str, str]]:
    """What really changed whether a ticket is open."""
    return [
        (at, ticket, event, actor)
        for place, (ticket, at, event, actor) in enumerate(history)
        if event != ANSWER and state_at(history[:place], FUTURE).get(ticket, False) != (event not in CLOSES)
    ]


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(0, 60), st.integers(1, 60))
def test_every_number_of_every_day_is_that_of_the_slow_model(
    steps: list[tuple[int, int, str, str]], skip_h: int, span_h: int
) -> None:
    history = told(steps)
    start = BEGIN + timedelta(hours=skip_h)
    period = Period(start, start + timedelta(hours=span_h), BERLIN)
    found = report(history, period)

    inside = [one for one in changes(history) if period.start <= one[0] < period.end]
    for day, account in found.days.items():
        that_day = [one for one in inside if one[0].astimezone(BERLIN).date() == date.fromisoformat(day)]
        end = min(accounts.midnight(date.fromisoformat(day) + timedelta(days=1), BERLIN), period.end)
        assert account.opened == sum(event in OPENS for _, _, event, _ in that_day)
        assert account.closed == sum(event in CLOSES for _, _, event, _ in that_day)
        assert account.reopened == sum(event in REOPENS for _, _, event, _ in that_day)
        assert account.backlog == sum(state_at(history, end).values())
    for name, account in found.agents.items():
        theirs = [one for one in history if one[3] == f"agent:{name}" and period.start <= one[1] < period.end]
        assert account.answers == sum(event == ANSWER for _, _, event, _ in theirs)
        assert account.closed == sum(one[2] in CLOSES and one[3] == f"agent:{name}" for one in inside)
    total = found.total
    grew = sum(state_at(history, period.end).values()) - sum(state_at(history, period.start).values())
    assert total.opened + total.reopened - total.closed == grew
    assert total.backlog == sum(one.backlog for one in found.queues.values()) == list(found.days.values())[-1].backlog


def test_times_are_counted_by_the_clock_and_in_opening_hours_and_held_against_the_promise() -> None:
    friday = MONDAY + timedelta(days=4)
    history = [
        (1, MONDAY, "opened", "mail"),
        (1, MONDAY + timedelta(hours=2), ANSWER, "agent:anne"),
        (1, MONDAY + timedelta(hours=3), "closed", "agent:anne"),
        (2, friday + timedelta(hours=7), "opened", "mail"),
        (2, friday + timedelta(days=3, hours=1), ANSWER, "agent:bob"),
        (2, friday + timedelta(days=3, hours=2), ANSWER, "agent:anne"),
        (2, friday + timedelta(days=3, hours=9), "closed-as-spam", "agent:bob"),
    ]
    found = report(history, Period(MONDAY, MONDAY + timedelta(days=8), BERLIN))

    assert sorted(found.total.first_h) == [2, 66]
    assert found.total.first_open_h == [2, 2]
    assert found.total.solved_h == [3]
    assert (found.total.promised, found.total.kept) == (2, 2)
    assert (found.agents["anne"].answers, found.agents["anne"].closed, found.agents["anne"].first_h) == (2, 1, [2])
    assert (found.agents["bob"].closed, found.agents["bob"].spam) == (1, 1)


def test_what_is_merged_is_not_closed_and_leaves_the_backlog() -> None:
    history = [(1, MONDAY, "opened", "mail"), (2, MONDAY, "opened", "mail")]
    period, later = Period(MONDAY, MONDAY + timedelta(days=1), UTC), MONDAY + timedelta(hours=1)
    gone, target = lines([*history])
    merged = [
        gone._replace(at=later, event="merged", actor="agent:anne"),
        target._replace(at=later, event="merged-in", actor="agent:anne"),
    ]
    found = accounts.made([gone, target, *merged], {}, {"queue 0": 1}, NO_MAIL, period=period, gateway=GATEWAY)

    assert (found.total.opened, found.total.closed, found.total.merged, found.total.backlog) == (2, 0, 1, 1)
    assert found.total.reopened == 0


@pytest.mark.parametrize(("before", "reopened"), [(False, 1), (True, 0)])
def test_a_closed_ticket_that_takes_in_an_open_one_is_open_again(before: bool, reopened: int) -> None:
    at = MONDAY + timedelta(hours=1)
    gone, target = lines([(1, MONDAY, "opened", "mail"), (2, MONDAY, "opened", "mail")])
    merged = [gone._replace(at=at, event="merged"), target._replace(at=at, event="merged-in")]
    period = Period(MONDAY + timedelta(minutes=1), MONDAY + timedelta(days=1), UTC)
    stood = {1: before, 2: True}
    found = accounts.made(merged, stood, {"queue 0": reopened}, NO_MAIL, period=period, gateway=GATEWAY)

    assert (found.total.reopened, found.total.backlog) == (reopened, reopened)


@pytest.mark.parametrize(("day", "of_h"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)])
def test_a_day_is_as_long_as_the_calendar_has_it(day: date, of_h: int) -> None:
    start = accounts.midnight(day, BERLIN)
    ((first, end), (second, _)) = Period(start, start + timedelta(hours=of_h, minutes=1), BERLIN).days()

    assert (first, second) == (day, day + timedelta(days=1))
    assert end - start == timedelta(hours=of_h)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Times()),
        ([3.0], Times(3, 3)),
        ([1.0, 2.0], Times(1.5, 2)),
        ([float(number) for number in range(10, 0, -1)], Times(5.5, 9)),
    ],
)
def test_half_and_nine_of_ten(found: list[float], expected: Times) -> None:
    assert accounts.times_of(found) == expected
