"""The breaker of all automatic mail: what opens it, how it closes by itself, and when only a person can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mailgate.judge import breaker
from mailgate.judge.governor import Balance, Counters, Refusal, decide
from mailgate.model import (
    Acquaintance,
    Breaker,
    BreakerState,
    DomainCredit,
    Facts,
    Grant,
    Mishap,
    Permit,
    Purpose,
    Run,
    Scope,
    Standing,
    Trouble,
)
from tests.fakes.judging import rulebook

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LIMITS = rulebook().limits
FUSE = LIMITS.fuse
OPEN_S, TRIAL_S = timedelta(seconds=FUSE.open_s), timedelta(seconds=FUSE.trial_s)
MINUTE = timedelta(minutes=1)


def mishap(trouble: Trouble, *, ago: timedelta = MINUTE, about: int | None = None) -> Mishap:
    return Mishap(1, NOW - ago, trouble, "joe@x.test", "x.test", about)


def runs(*troubles: Trouble | None, domains: int = 1) -> list[Run]:
    """Automatic mails, newest first, each with what went wrong."""
    return [
        Run(number, NOW - number * MINUTE, f"d{number % domains}.test", True, frozenset({one} if one else ()))
        for number, one in enumerate(troubles)
    ]


def facts(found: list[Run] | None = None, mishaps: list[Mishap] | None = None, *breakers: Breaker) -> Facts:
    return Facts(runs=found or [], mishaps=mishaps or [], breakers={(one.scope, one.key): one for one in breakers})


def opened(at: datetime) -> Breaker:
    found = breaker.tripped(facts(), at, FUSE, ceiling="the day's share is spent")
    assert found
    return found


FAILED, ANSWERED = Trouble.FAILED, Trouble.ANSWERED
TRIPS = [
    pytest.param(runs(*[FAILED] * FUSE.failed_of_20), [], "undelivered", id="five of the newest twenty failed"),
    pytest.param(
        runs(*([None] * 9 + [FAILED]) * FUSE.failed_of_200), [], "newest 200", id="a tenth of the newest two hundred"
    ),
    pytest.param(runs(*[ANSWERED] * 5, domains=3), [], "unmarked machines", id="machines of three domains answered"),
    pytest.param([], [mishap(Trouble.COMPLAINED)] * FUSE.complaints, "spam", id="two complaints"),
    pytest.param(
        [], [mishap(Trouble.CAME_BACK)] * FUSE.came_back_per_hour, "came back to us", id="our mail comes back"
    ),
    pytest.param([], [mishap(Trouble.REPEATED)] * FUSE.repeated_per_hour, "same text", id="a swarm"),
]


@pytest.mark.parametrize(("found", "mishaps", "words"), TRIPS)
def test_what_goes_wrong_too_often_opens_it_and_once_less_does_not(
    found: list[Run], mishaps: list[Mishap], words: str
) -> None:
    tripped = breaker.tripped(facts(found, mishaps), NOW, FUSE)
    assert tripped is not None
    assert tripped.state is BreakerState.OPEN
    assert words in tripped.reason

    fewer = [replace(one, troubles=frozenset()) if place == 0 else one for place, one in enumerate(found)]
    if found and found[0].troubles:
        assert breaker.tripped(facts(fewer, mishaps), NOW, FUSE) is None
    if mishaps:
        assert breaker.tripped(facts(found, mishaps[1:]), NOW, FUSE) is None
        # The last one may be the one that is told just now.
        assert breaker.tripped(facts(found, mishaps[1:]), NOW, FUSE, fresh=mishaps[:1]) == tripped


def test_machines_of_two_domains_are_a_company_on_holiday() -> None:
    assert breaker.tripped(facts(runs(*[ANSWERED] * 20, domains=2)), NOW, FUSE) is None


def test_only_the_newest_count() -> None:
    before = runs(*[None] * breaker.FEW, *[FAILED] * FUSE.failed_of_20)
    assert breaker.tripped(facts(before), NOW, FUSE) is None
    long_ago = [mishap(Trouble.REPEATED, ago=timedelta(hours=1))] * 50
    assert breaker.tripped(facts([], long_ago), NOW, FUSE) is None


def test_it_opens_for_an_hour_then_is_on_trial_and_closes() -> None:
    stands = opened(NOW)
    moments = [
        (NOW, BreakerState.OPEN),
        (NOW + OPEN_S - TICK, BreakerState.OPEN),
        (NOW + OPEN_S, BreakerState.HALF),
        (NOW + OPEN_S + TRIAL_S - TICK, BreakerState.HALF),
        (NOW + OPEN_S + TRIAL_S, BreakerState.CLOSED),
    ]
    assert [breaker.state(stands, at) for at, _ in moments] == [state for _, state in moments]


def test_while_it_is_open_nothing_opens_it_again() -> None:
    swarm = [mishap(Trouble.REPEATED)] * 50
    assert breaker.tripped(facts([], swarm, opened(NOW - MINUTE)), NOW, FUSE) is None


def test_what_opened_it_does_not_open_it_again() -> None:
    """The same failures stand among the newest mails when the trial begins, for nothing left in between."""
    failures, before = runs(*[FAILED] * 20), opened(NOW - OPEN_S)
    assert breaker.tripped(facts(failures, [], before), NOW, FUSE) is None


def test_a_second_time_within_a_day_it_stays_open_until_a_person_resets_it() -> None:
    later = NOW + OPEN_S + MINUTE
    again = breaker.tripped(facts([], [], opened(NOW)), later, FUSE, ceiling="again")
    assert again is not None
    assert again.state is BreakerState.LATCHED
    assert breaker.state(again, later + timedelta(days=1000)) is BreakerState.LATCHED

    reset = breaker.closed(Scope.ALL, "", later, "agent:anne")
    assert breaker.state(reset, later) is BreakerState.CLOSED
    anew = breaker.tripped(facts([], [], reset), later + MINUTE, FUSE, ceiling="the day's share is spent")
    assert anew is not None
    assert anew.state is BreakerState.OPEN


def test_a_second_time_after_a_day_is_a_first_time() -> None:
    later = NOW + timedelta(seconds=FUSE.again_s)
    again = breaker.tripped(facts([], [], opened(NOW)), later, FUSE, ceiling="again")
    assert again is not None
    assert again.state is BreakerState.OPEN


# ── What it holds back ────────────────────────────────────────────────────────────────────────────────────────────────

WANTED = Grant(NOW, Purpose.CHALLENGE, "joe@x.test", "x.test", "192.0.2.0/24", "fp", False, True, None, 1, "a@g.test")
RICH = Balance(Acquaintance("joe@x.test", 1, Standing.UNKNOWN, NOW, 6, NOW), DomainCredit("x.test", 60, NOW))


def ask(wanted: Grant, *breakers: Breaker) -> Permit | Refusal:
    counters = Counters(breakers={(one.scope, one.key): one for one in breakers})
    return decide(wanted, RICH, counters, LIMITS, lambda: 1)


@pytest.mark.parametrize(
    ("scope", "key", "other"),
    [
        (Scope.ALL, "", None),
        (Scope.ADDRESS, "joe@x.test", {"address": "ann@x.test"}),
        (Scope.DOMAIN, "x.test", {"domain": "y.test"}),
        (Scope.MAILBOX, "a@g.test", {"mailbox": "b@g.test"}),
    ],
)
def test_a_person_stops_all_or_one_and_nobody_else(scope: Scope, key: str, other: dict[str, str] | None) -> None:
    stands = breaker.stopped(scope, key, NOW, "agent:anne")
    refusal = ask(WANTED, stands)
    assert isinstance(refusal, Refusal)
    assert "agent:anne" in refusal.reason
    assert refusal.rule == f"breaker {breaker.name(stands)}"
    if other:
        assert isinstance(ask(replace(WANTED, **other), stands), Permit)


def test_on_trial_three_leave_in_any_hour() -> None:
    stands = opened(NOW)
    at = NOW + OPEN_S
    counters = Counters(breakers={(Scope.ALL, ""): stands})
    for cause in range(FUSE.trial_per_hour):
        wanted = replace(WANTED, at=at + cause * MINUTE, cause=cause, address=f"a{cause}@y{cause}.test", fingerprint="")
        assert isinstance(decide(wanted, RICH, counters, LIMITS, lambda: 1), Permit)
        counters.add(wanted)

    late = replace(WANTED, at=at + 10 * MINUTE, cause=99, fingerprint="")
    refusal = decide(late, RICH, counters, LIMITS, lambda: 1)
    assert isinstance(refusal, Refusal)
    assert "on trial" in refusal.reason
    assert isinstance(decide(replace(late, at=at + timedelta(hours=1)), RICH, counters, LIMITS, lambda: 1), Permit)


def test_what_stops_the_world_outside_does_not_keep_the_news_from_our_own_people() -> None:
    notice = replace(WANTED, purpose=Purpose.NOTICE, unproven=False)
    assert isinstance(ask(notice, breaker.stopped(Scope.ALL, "", NOW, "agent:anne")), Permit)
    assert isinstance(ask(notice, breaker.stopped(Scope.ADDRESS, "joe@x.test", NOW, "agent:anne")), Refusal)
