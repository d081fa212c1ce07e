"""Who is trusted, by whose word, for how long, and by what proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mailgate.judge import trust
from mailgate.judge.trust import Welcome
from mailgate.model import Acquaintance, Authentication, Level, Standing, Trust
from tests.fakes.judging import rulebook

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMING = rulebook().limits.timing
STRANGER = Acquaintance("joe@x.test", 1, Standing.UNKNOWN, AT, 3, AT)
CONFIRMED = trust.confirmed(STRANGER, Level.A2, AT, TIMING)
VOUCHED = trust.vouched(STRANGER, AT)
WRITTEN = trust.written_to(STRANGER, AT, TIMING)
ROBOT = trust.convicted(STRANGER, AT, TIMING)
GONE = trust.undeliverable(STRANGER, AT, TIMING)
BLOCKED = trust.blocked(STRANGER, AT)
ASKED = trust.asked(STRANGER, AT, AT + timedelta(days=14))

WELCOMES = [
    pytest.param(STRANGER, Level.A2, Welcome.STRANGER, id="stranger"),
    pytest.param(ASKED, Level.A2, Welcome.STRANGER, id="asked, not answered"),
    pytest.param(CONFIRMED, Level.A2, Welcome.TRUSTED, id="confirmed"),
    pytest.param(CONFIRMED, Level.A1, Welcome.UNPROVEN, id="proven less well than he confirmed"),
    pytest.param(CONFIRMED, Level.A0, Welcome.UNPROVEN, id="not proven"),
    pytest.param(replace(CONFIRMED, bound=Level.A1), Level.A1, Welcome.TRUSTED, id="T61 bound to the weaker proof"),
    pytest.param(replace(CONFIRMED, bound=Level.A0), Level.A0, Welcome.UNPROVEN, id="no proof is never enough"),
    pytest.param(VOUCHED, Level.A1, Welcome.TRUSTED, id="trusted by a person"),
    pytest.param(VOUCHED, Level.A0, Welcome.UNPROVEN, id="T75 trusted by a person, not proven"),
    pytest.param(WRITTEN, Level.A1, Welcome.TRUSTED, id="written to"),
    pytest.param(trust.convicted(CONFIRMED, AT, TIMING), Level.A2, Welcome.TRUSTED, id="a trusted robot is received"),
    pytest.param(ROBOT, Level.A2, Welcome.STRANGER, id="robot"),
    pytest.param(
        trust.confirmed(ROBOT, Level.A2, AT, TIMING), Level.A2, Welcome.TRUSTED, id="a robot that confirmed is received"
    ),
    pytest.param(BLOCKED, Level.A2, Welcome.BLOCKED, id="blocked"),
    pytest.param(trust.blocked(VOUCHED, AT), Level.A2, Welcome.BLOCKED, id="blocked after trust"),
]


@pytest.mark.parametrize(("known", "level", "expected"), WELCOMES)
def test_a_sender_is_received(known: Acquaintance, level: Level, expected: Welcome) -> None:
    assert trust.welcome(known, Authentication(level)) is expected


LAPSES = [
    pytest.param(CONFIRMED, 365, Standing.UNKNOWN, id="confirmed"),
    pytest.param(WRITTEN, 180, Standing.UNKNOWN, id="written to"),
    pytest.param(ASKED, 14, Standing.EXPIRED, id="T70 challenge"),
    pytest.param(ROBOT, 365, Standing.UNKNOWN, id="robot"),
    pytest.param(GONE, 60, Standing.UNKNOWN, id="undeliverable"),
    pytest.param(trust.convicted(VOUCHED, AT, TIMING), 365, Standing.TRUSTED, id="robot a person had trusted"),
]


@pytest.mark.parametrize(("known", "days", "then"), LAPSES)
def test_a_standing_lapses_on_its_day(known: Acquaintance, days: int, then: Standing) -> None:
    day = AT + timedelta(days=days)

    assert trust.current(known, day - timedelta(seconds=1)) == known
    lapsed = trust.current(known, day)
    assert (lapsed.standing, lapsed.since, lapsed.until) == (then, day, None)
    assert (lapsed.trust is None) == (then is not Standing.TRUSTED)
    assert lapsed.credit == known.credit
    assert trust.current(lapsed, day + timedelta(days=9999)) == lapsed


@pytest.mark.parametrize("known", [STRANGER, VOUCHED, BLOCKED], ids=lambda one: one.standing)
def test_some_standings_last(known: Acquaintance) -> None:
    assert trust.current(known, AT + timedelta(days=9999)) == known


def test_a_confirmed_address_is_trusted_as_long_as_it_writes() -> None:
    later = AT + timedelta(days=300)

    assert trust.renewed(CONFIRMED, later, TIMING).until == later + timedelta(days=365)
    assert trust.renewed(CONFIRMED, AT - timedelta(days=9), TIMING) == CONFIRMED, "an older mail takes nothing away"
    for known in (STRANGER, VOUCHED, WRITTEN, ROBOT, trust.convicted(CONFIRMED, AT, TIMING)):
        assert trust.renewed(known, later, TIMING) == known


IMPORTED = trust.imported(STRANGER, AT, TIMING)


def test_a_customer_of_the_list_is_trusted_for_a_year_and_as_long_as_he_writes() -> None:
    later = AT + timedelta(days=300)

    assert (IMPORTED.standing, IMPORTED.trust, IMPORTED.bound) == (Standing.TRUSTED, Trust.IMPORT, Level.A2)
    assert IMPORTED.until == AT + timedelta(days=365)
    assert trust.renewed(IMPORTED, later, TIMING).until == later + timedelta(days=365)
    assert trust.current(IMPORTED, AT + timedelta(days=365)).standing is Standing.UNKNOWN


@pytest.mark.parametrize("level", [Level.A1, Level.A0])
def test_a_list_is_no_proof_of_who_writes(level: Level) -> None:
    assert trust.welcome(IMPORTED, Authentication(level)) is Welcome.UNPROVEN


@pytest.mark.parametrize(
    "known", [ROBOT, BLOCKED, GONE, VOUCHED, CONFIRMED, IMPORTED], ids=lambda one: f"{one.standing} {one.trust}"
)
def test_a_list_takes_nothing_from_a_longer_trust_and_lifts_nothing(known: Acquaintance) -> None:
    assert trust.imported(known, AT, TIMING) == known


def test_a_list_lengthens_a_shorter_trust_and_keeps_the_proof_a_person_of_ours_took() -> None:
    written = trust.imported(WRITTEN, AT, TIMING)
    by_spf = trust.imported(trust.confirmed(STRANGER, Level.A1, AT, TIMING), AT, TIMING)

    assert (written.trust, written.bound, written.until) == (Trust.IMPORT, WRITTEN.bound, AT + timedelta(days=365))
    assert (by_spf.trust, by_spf.bound) == (Trust.IMPORT, Level.A2), "SPF alone never makes a long trust"


def test_a_list_adds_no_credit() -> None:
    assert (IMPORTED.credit, IMPORTED.credit_at, IMPORTED.proven) == (STRANGER.credit, STRANGER.credit_at, False)


def test_whoever_is_written_to_keeps_the_longer_trust() -> None:
    assert trust.written_to(CONFIRMED, AT, TIMING).until == CONFIRMED.until
    assert trust.written_to(CONFIRMED, AT + timedelta(days=300), TIMING).until == AT + timedelta(days=480)
    assert trust.written_to(VOUCHED, AT, TIMING) == VOUCHED
    assert trust.written_to(CONFIRMED, AT, TIMING).bound is Level.A2


def test_a_letter_to_a_machine_makes_no_person_of_it() -> None:
    written = trust.written_to(ROBOT, AT, TIMING)

    assert (written.standing, written.until, written.trust) == (Standing.ROBOT, ROBOT.until, Trust.WROTE)
    assert trust.vouched(ROBOT, AT).standing is Standing.TRUSTED, "that takes a person's word for it"


def test_writing_lifts_a_block() -> None:
    assert trust.written_to(BLOCKED, AT, TIMING).standing is Standing.TRUSTED


def test_a_confirmation_takes_nothing_from_a_persons_word() -> None:
    assert trust.confirmed(VOUCHED, Level.A2, AT, TIMING) == VOUCHED


@pytest.mark.parametrize("known", [ROBOT, BLOCKED], ids=lambda one: one.standing)
def test_a_report_frees_nobody(known: Acquaintance) -> None:
    """Whoever holds our mail can write one, and it would lapse sooner."""
    assert trust.undeliverable(known, AT + timedelta(days=1), TIMING) == known


def test_a_conviction_leaves_a_block() -> None:
    assert trust.convicted(BLOCKED, AT, TIMING) == BLOCKED


def test_a_report_ends_trust() -> None:
    gone = trust.undeliverable(VOUCHED, AT, TIMING)

    assert (gone.trust, gone.bound, gone.until) == (None, None, AT + timedelta(days=60))


def test_a_proven_mail_revives_an_undeliverable_address_and_no_other() -> None:
    assert trust.revived(GONE, AT).standing is Standing.UNKNOWN
    assert trust.revived(GONE, AT).until is None
    for known in (STRANGER, ROBOT, BLOCKED, CONFIRMED):
        assert trust.revived(known, AT) == known


@pytest.mark.parametrize(
    "change",
    [
        lambda known: trust.asked(known, AT, AT),
        lambda known: trust.confirmed(known, Level.A2, AT, TIMING),
        lambda known: trust.vouched(known, AT),
        lambda known: trust.written_to(known, AT, TIMING),
        lambda known: trust.convicted(known, AT, TIMING),
        lambda known: trust.undeliverable(known, AT, TIMING),
        lambda known: trust.revived(known, AT),
        lambda known: trust.blocked(known, AT),
    ],
)
def test_no_change_of_standing_touches_credit(change: object) -> None:
    for known in (STRANGER, CONFIRMED, ROBOT, GONE, BLOCKED):
        changed = change(known)  # type: ignore[operator]
        assert (changed.credit, changed.credit_at) == (known.credit, known.credit_at)
