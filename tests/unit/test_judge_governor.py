"""The send gate: each limit at its exact count, credit that only people raise, and one permit for one cause."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.judge.governor import ANSWERED, Balance, Counters, Refusal, after_human_act, decide, dripped
from mailgate.judge.limits import Limit
from mailgate.model import Acquaintance, Counted, DomainCredit, Grant, Key, Permit, Purpose, Standing
from tests.fakes.judging import rulebook
from tests.fakes.played import Played

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LIMITS = rulebook().limits
ACK, CHAL = Purpose.ACKNOWLEDGE, Purpose.CHALLENGE

WANTED = Grant(
    at=NOW,
    purpose=ACK,
    address="joe@x.test",
    domain="x.test",
    origin="192.0.2.0/24",
    fingerprint="fp",
    shared=False,
    unproven=True,
    ticket_id=77,
    cause=0,
)
RICH = Balance(
    Acquaintance("joe@x.test", 1, Standing.UNKNOWN, NOW, 6, NOW),
    DomainCredit("x.test", 60, NOW),
)


def ask(counters: Counters, wanted: Grant = WANTED, balance: Balance = RICH, *only: Limit) -> Permit | Refusal:
    limits = dataclasses.replace(LIMITS, windows=only) if only else LIMITS
    return decide(wanted, balance, counters, limits, lambda: 1)


PURPOSES = {Counted.CHALLENGE: CHAL, Counted.NOTICE: Purpose.NOTICE, Counted.DIGEST: Purpose.DIGEST}
PURPOSES |= {Counted.REDIRECT: Purpose.REDIRECT}


def wanted_by(limit: Limit) -> Grant:
    return replace(
        WANTED,
        purpose=PURPOSES.get(limit.mail, Purpose.NOTICE if limit.key is Key.STAFF else ACK),
        shared=limit.key is Key.SHARED,
        ticket_id=77 if limit.key is Key.TICKET else None,
    )


def earlier(wanted: Grant, cause: int, **changes: object) -> Grant:
    return replace(wanted, cause=cause, **changes)  # type: ignore[arg-type]


# ── A restored database ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("purpose", [ACK, CHAL])
def test_nothing_leaves_while_the_ledger_may_lack_permits(purpose: Purpose) -> None:
    refusal = ask(Counters(silent_until=NOW + TICK), replace(WANTED, purpose=purpose))
    assert isinstance(refusal, Refusal)
    assert refusal.rule == "restored database"
    assert "2026-06-01 12:00 UTC" in refusal.reason


def test_the_silence_ends_by_itself() -> None:
    assert isinstance(ask(Counters(silent_until=NOW)), Permit)


# ── Each limit ────────────────────────────────────────────────────────────────────────────────────────────────────────

LIMIT_IDS = [f"{one.key}-{one.mail}-{one.per}" for one in LIMITS.windows]


@pytest.mark.parametrize("limit", LIMITS.windows, ids=LIMIT_IDS)
def test_a_limit_holds_at_its_count_and_not_before(limit: Limit) -> None:
    wanted, counters = wanted_by(limit), Counters()
    for cause in range(1, limit.most):
        counters.add(earlier(wanted, cause))
    assert isinstance(ask(counters, wanted, RICH, limit), Permit)

    counters.add(earlier(wanted, limit.most))

    refusal = ask(counters, wanted, RICH, limit)
    assert isinstance(refusal, Refusal)
    assert refusal.rule == limit.rule
    assert limit.why in refusal.reason


@pytest.mark.parametrize("limit", [one for one in LIMITS.windows if one.per], ids=str)
def test_a_window_slides_to_the_microsecond(limit: Limit) -> None:
    wanted, counters = wanted_by(limit), Counters()
    assert limit.per is not None
    for cause in range(1, limit.most + 1):
        counters.add(earlier(wanted, cause))

    last_moment = replace(wanted, at=NOW + limit.per - TICK)
    assert isinstance(ask(counters, last_moment, RICH, limit), Refusal)
    assert isinstance(ask(counters, replace(wanted, at=NOW + limit.per), RICH, limit), Permit)


@pytest.mark.parametrize("limit", LIMITS.windows, ids=LIMIT_IDS)
def test_a_clock_set_back_creates_no_permits(limit: Limit) -> None:
    """T52"""
    wanted, counters = wanted_by(limit), Counters()
    for cause in range(1, limit.most + 1):
        counters.add(earlier(wanted, cause))

    for back in (timedelta(hours=3), timedelta(days=400)):
        assert isinstance(ask(counters, replace(wanted, at=NOW - back), RICH, limit), Refusal)


@pytest.mark.parametrize("limit", LIMITS.windows, ids=LIMIT_IDS)
def test_what_a_limit_does_not_count_does_not_fill_it(limit: Limit) -> None:
    wanted, counters = wanted_by(limit), Counters()
    others: dict[Key, dict[str, object]] = {
        Key.TICKET: {"ticket_id": 78},
        Key.ADDRESS: {"address": "ann@x.test"},
        Key.DOMAIN: {"domain": "y.test"},
        Key.SHARED: {"domain": "gmail.com"},
        Key.FINGERPRINT: {"fingerprint": "other"},
        Key.ORIGIN: {"origin": "198.51.100.0/24"},
        Key.STAFF: {"address": "bob@g.test"},
        Key.TARGET: {"address": "bob@pay.test"},
        Key.SENDER: {"origin": "ann@x.test"},
        Key.TOTAL: {"at": NOW - timedelta(days=2)},
    }
    for cause in range(1, limit.most + 2):
        counters.add(earlier(wanted, cause, **others[limit.key]))
    if limit.mail is Counted.UNPROVEN:
        counters.add(earlier(wanted, 9999, unproven=False))
    if limit.mail in (Counted.CHALLENGE, Counted.ACKNOWLEDGE):
        counters.add(earlier(wanted, 9999, purpose=ACK if wanted.purpose is CHAL else CHAL))

    assert isinstance(ask(counters, wanted, RICH, limit), Permit)


def test_a_provider_of_many_is_counted_as_such_and_is_no_origin() -> None:
    counters = Counters()
    freemail = replace(WANTED, domain="gmail.com", shared=True, ticket_id=None, fingerprint="")
    for cause in range(1, 16):
        counters.add(earlier(freemail, cause, address=f"a{cause}@gmail.com"))

    assert isinstance(ask(counters, freemail), Permit)


def test_an_unknown_origin_or_text_counts_nowhere() -> None:
    counters = Counters()
    unknown = replace(WANTED, origin="", fingerprint="", ticket_id=None)
    for cause in range(1, 12):
        counters.add(earlier(unknown, cause, address=f"a{cause}@d{cause}.test", domain=f"d{cause}.test"))

    assert isinstance(ask(counters, unknown), Permit)


# ── One cause, one permit ─────────────────────────────────────────────────────────────────────────────────────────────


def test_one_cause_has_one_permit_whatever_the_file_says() -> None:
    counters = Counters()
    counters.add(replace(WANTED, at=NOW - timedelta(days=300)))
    no_limits = dataclasses.replace(LIMITS, windows=())

    assert decide(WANTED, RICH, counters, no_limits, lambda: 1) == Refusal(ANSWERED, "RFC 3834 section 6")


@pytest.mark.parametrize("standing", list(Standing))
def test_some_standings_hear_nothing_of_machines(standing: Standing) -> None:
    silent = standing in (Standing.ROBOT, Standing.UNDELIVERABLE, Standing.BLOCKED)
    balance = replace(RICH, known=replace(RICH.known, standing=standing))

    assert isinstance(ask(Counters(), WANTED, balance), Refusal) is silent


# ── Credit ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def balance_of(credit: int, domain: int = 20) -> Balance:
    return Balance(replace(RICH.known, credit=credit), replace(RICH.domain, credit=domain))


def test_without_credit_nothing_leaves() -> None:
    assert isinstance(ask(Counters(), WANTED, balance_of(1)), Permit)
    assert isinstance(ask(Counters(), WANTED, balance_of(0)), Refusal)
    assert isinstance(ask(Counters(), WANTED, balance_of(1, 0)), Refusal)


def test_a_shared_domain_has_no_credit_to_spend() -> None:
    shared = replace(WANTED, shared=True)

    assert isinstance(ask(Counters(), shared, balance_of(1, 0)), Permit)
    assert balance_of(3, 20).after(shared) == balance_of(2, 20)
    assert balance_of(3, 20).after(WANTED) == balance_of(2, 19)


DRIPS = [
    pytest.param(0, 89.9, 0, 0, id="not yet"),
    pytest.param(0, 90, 1, 90, id="on the day"),
    pytest.param(0, 200, 2, 180, id="two at once, the rest of the time kept"),
    pytest.param(2, 900, 3, 900, id="up to three"),
    pytest.param(5, 900, 5, 900, id="what people gave is not taken"),
    pytest.param(1, -10, 1, 0, id="a clock set back"),
]


@pytest.mark.parametrize(("credit", "days", "expected", "counted_from"), DRIPS)
def test_credit_drips(credit: int, days: float, expected: int, counted_from: float) -> None:
    after = dripped(credit, NOW, NOW + timedelta(days=days), LIMITS.credit)

    assert after == (expected, NOW + timedelta(days=counted_from))


def test_people_raise_credit_up_to_its_cap() -> None:
    assert [after_human_act(credit, LIMITS.credit) for credit in (0, 3, 5, 6)] == [2, 5, 6, 6]


# ── Theorems ──────────────────────────────────────────────────────────────────────────────────────────────────────────


ADDRESSES = [f"{name}@x.test" for name in "abcde"]
STEPS = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 0.2), st.floats(0, 100)),  # days that pass
        st.sampled_from(ADDRESSES),
        st.sampled_from(["mail"] * 6 + ["act"]),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60)
@given(STEPS, st.booleans())
def test_no_schedule_gets_more_than_the_bounds(steps: list[tuple[float, str, str, int]], with_windows: bool) -> None:
    """At most 3 + 2 per human act + 1 per 90 days for an address, whatever its mail looks like; likewise a domain."""
    windows = tuple(one for one in LIMITS.windows if one.key is not Key.FINGERPRINT) if with_windows else ()
    played, at = Played(windows, NOW), NOW
    for days, address, what, times in steps:
        at += timedelta(days=days)
        for _ in range(times):
            getattr(played, what)(address, at)

    passed_days = (at - NOW) / timedelta(days=1)
    for address in ADDRESSES:
        bound = 3 + 2 * played.acts.get(address, 0) + passed_days // 90
        assert sum(grant.address == address for grant in played.granted) <= bound
    unproven = [grant for grant in played.granted if grant.unproven]
    assert len(unproven) <= 20 + 3 * len(played.acts) + passed_days // 30
    assert all(known.credit >= 0 for known in played.known.values())
    if with_windows:
        assert_windows(played.granted)


def assert_windows(granted: list[Grant]) -> None:
    """In any window: 2 an hour, 4 a day, 8 a week, 15 a month to an address; 10 a day to a domain's newcomers."""
    for end in granted:
        for hours, most in ((1, 2), (24, 4), (168, 8), (720, 15)):
            same = [one for one in granted if one.address == end.address]
            assert sum(end.at - timedelta(hours=hours) < one.at <= end.at for one in same) <= most
        unproven = [one for one in granted if one.unproven]
        assert sum(end.at - timedelta(days=1) < one.at <= end.at for one in unproven) <= 10
