"""Two worlds: what one mail would have changed is laid over what was known when the next one came."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mailgate.judge import overlay
from mailgate.judge.decided import Sent
from mailgate.judge.governor import moved_by
from mailgate.judge.ledger import Permits
from mailgate.judge.newest import put
from mailgate.judge.traffic import Traffic
from mailgate.model import Ask, Begun, Counted, Facts, Grant, Key, Purpose, Reach, Taken, Total

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GRANT = Grant(NOW, Purpose.ACKNOWLEDGE, "anne@x.test", "x.test", "192.0.2.0/24", "words", False, True, 7, 70)
ASKED = Ask(
    NOW + 2 * HOUR,
    addresses=frozenset({"anne@x.test"}),
    domains=frozenset({"x.test"}),
    causes=frozenset({70}),
    reach=(Reach(Key.ADDRESS, Counted.ANY, DAY), Reach(Key.DOMAIN, Counted.ACKNOWLEDGE, DAY)),
    windows=(HOUR, DAY),
)
COUNTED = [(Key.ADDRESS, Counted.ANY, "anne@x.test"), (Key.DOMAIN, Counted.ACKNOWLEDGE, "x.test")]


def test_a_permit_that_only_the_other_world_has_is_counted() -> None:
    permits, facts = Permits(), Facts()
    permits.learn(GRANT, granted=True)
    permits.lay(facts, ASKED)
    assert facts.spent == {counter: [NOW] for counter in COUNTED}
    assert facts.totals == [Total(DAY, Purpose.ACKNOWLEDGE, True, 1)]
    assert facts.causes == {70}


def test_a_permit_that_the_other_world_has_not_is_not_counted() -> None:
    permits = Permits()
    facts = Facts(spent={counter: [NOW] for counter in moved_by(GRANT)}, causes=frozenset({70}))
    permits.learn(GRANT, granted=False)
    permits.lay(facts, ASKED)
    assert [facts.spent[counter] for counter in COUNTED] == [[], []]
    assert facts.totals == [Total(DAY, Purpose.ACKNOWLEDGE, True, -1)]
    assert facts.causes == frozenset()


def test_what_is_granted_after_all_is_no_difference() -> None:
    permits, facts = Permits(), Facts()
    permits.learn(GRANT, granted=False)
    permits.learn(GRANT, granted=True)
    permits.lay(facts, ASKED)
    assert [times for times in facts.spent.values() if times] == []
    assert facts.totals == []


def test_what_nobody_asked_for_stays_out() -> None:
    permits, facts = Permits(), Facts()
    permits.learn(replace(GRANT, address="bart@y.test", domain="y.test", cause=71), granted=True)
    permits.lay(facts, ASKED)
    assert (facts.spent, facts.causes) == ({}, frozenset())


def test_mail_that_never_left_was_never_taken_and_what_left_is_taken_after_it_left() -> None:
    traffic, taken = Traffic(), Taken(NOW + HOUR, "words")
    facts = Facts(taken={"anne@x.test": [taken, Taken(NOW - HOUR, "words"), Taken(NOW, "others")]})
    traffic.learn([Sent(1, 2, GRANT, NOW)], granted=False)
    traffic.learn([Sent(3, 4, replace(GRANT, fingerprint="new"), NOW + at) for at in (HOUR, 2 * HOUR)], granted=True)

    traffic.lay(facts, ASKED)

    assert facts.taken["anne@x.test"] == [
        Taken(NOW + HOUR, "new"), Taken(NOW, "others"), Taken(NOW - HOUR, "words")
    ]  # fmt: skip


def test_a_conversation_counts_where_it_began() -> None:
    traffic, here, there = Traffic(), Begun(NOW, "words"), Begun(NOW + HOUR, "others")
    facts = Facts(begun={"anne@x.test": [here]})
    traffic.learn_begun("anne@x.test", here, there=False)
    traffic.learn_begun("anne@x.test", there, there=True)

    traffic.lay(facts, ASKED)

    assert facts.begun["anne@x.test"] == [there]


@pytest.mark.parametrize(
    ("more", "days", "left"), [(1, 0, 1), (-1, 0, -1), (3, 10, 2), (-3, 10, -2), (-1, 10, 0), (2, 90, 0)]
)
def test_a_balance_comes_nearer_with_every_drip(more: int, days: int, left: int) -> None:
    owed = overlay._Owed(more, NOW)
    assert overlay._still(owed, NOW + timedelta(days=days), 10) == left


def test_the_newest_are_remembered_and_what_is_written_again_is_new() -> None:
    known: OrderedDict[int, str] = OrderedDict()
    for number in (0, 1, 0, 2, 3):
        put(known, number, "x", 3)
    assert list(known) == [0, 2, 3]
