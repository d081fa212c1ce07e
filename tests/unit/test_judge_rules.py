"""The vocabulary of signals, on tables of a line or two."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mailgate.errors import ConfigError
from mailgate.judge.conditions import MATCHERS, READS, Read, matcher
from mailgate.judge.rules import MOST_SIGNALS, Signals, compile_signals
from mailgate.judge.signals import findings
from mailgate.model import Accepted, Authentication, Case, Gateway, Keys, Mail, Mailbox, Peer, Strength

DESK = Mailbox("support@g.test", "support")
GATEWAY = Gateway("mx.g.test", (DESK,), Keys("lab", "a", {"a": b"k"}))
AT = datetime(2026, 11, 22, tzinfo=UTC)


def table(**keys: Any) -> dict[str, Any]:
    return {"id": "X", "field": "header:x-a", "strength": "strong", "says": "it", "source": "us", **keys}


def signals(*tables: dict[str, Any]) -> Signals:
    return compile_signals([("x.toml", {"signal": list(tables)}, range(1, len(tables) + 1))])


def seen(rules: Signals, rcpt_to: str = DESK.address, **headers: str) -> list[tuple[str, str]]:
    values = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    case = Case(Accepted(1, "q", AT, "joe@x.test", rcpt_to, Peer(), b""), Mail(values), Authentication(), DESK, AT)
    return [(finding.id, finding.value) for finding in findings(case, rules, GATEWAY)]


MATCHING: dict[str, tuple[str, Any, str, bool]] = {
    "is": ("is", ["Yes", "no"], "yes", True),
    "is no part": ("is", ["yes"], "yes, really", False),
    "is_not": ("is_not", ["no"], "yes", True),
    "is_not, but it is": ("is_not", ["No"], "no", False),
    "contains": ("contains", ["way", "ROAD"], "on the road", True),
    "contains none": ("contains", ["way"], "on the road", False),
    "glob": ("glob", ["owner-*", "*-own?r"], "users-owner", True),
    "glob is the whole": ("glob", ["owner-*"], "the owner-x", False),
    "glob takes dots as they are": ("glob", ["a.b"], "axb", False),
    "begins": ("begins", ["Away"], "away: until monday", True),
    "begins and goes on": ("begins", ["away"], "away team", False),
    "matches anywhere": ("matches", "r.ad", "on the road", True),
    "matches in any case": ("matches", "ROAD", "road", True),
    "present": ("present", True, "", True),
    "above": ("above", 5, "6", True),
    "not above": ("above", 5, "5", False),
    "below": ("below", 5, "4.5", True),
    "not below": ("below", 5, "5", False),
    "network": ("network", ["192.0.2.0/24"], "192.0.2.7", True),
    "another network": ("network", ["192.0.2.0/24"], "198.51.100.7", False),
    "above, but no number": ("above", 5, "many", False),
    "above, but beyond numbers": ("above", 5, "9" * 5000, False),
}


@pytest.mark.parametrize(("name", "value", "word", "expected"), MATCHING.values(), ids=MATCHING)
def test_a_matcher_accepts(name: str, value: Any, word: str, expected: bool) -> None:
    assert matcher(name, value)(word) is expected


def test_every_matcher_is_tried_here() -> None:
    assert {name for name, *_ in MATCHING.values()} == set(MATCHERS)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (Read.TEXT, "  a; b ", ("a; b",)),
        (Read.WORD, "no (by hand (really)); x=y", ("no",)),
        (Read.WORD, "(open", ("",)),
        (Read.WORD, "two words", ("two",)),
        (Read.LIST, "a, b (c, d), ", ("a", "b", "")),
    ],
)
def test_a_value_is_read(read: Read, value: str, expected: tuple[str, ...]) -> None:
    assert READS[read](value) == expected


def test_a_pattern_meets_hostile_text_in_linear_time() -> None:
    assert not matcher("matches", "^(a+)+$")("a" * 4000 + "!")


def test_a_field_may_be_many_that_begin_alike() -> None:
    rules = signals(table(field="header:x-shop*", present=True))
    assert seen(rules, x_shop_id="7") == [("X", "7")]
    assert seen(rules, x_sho="7") == []


def test_a_signal_is_found_once_in_however_many_fields() -> None:
    rules = signals(table(field=["header:x-a", "header:x-b*"], present=True))
    assert seen(rules, x_a="1", x_b="2", x_bc="3") == [("X", "1")]


def test_findings_stand_in_the_order_of_the_rules() -> None:
    rules = signals(table(id="X1", field="mail_from", present=True), table(id="X2", present=True))
    assert seen(rules, x_a="1") == [("X1", "joe@x.test"), ("X2", "1")]


def test_all_of_also_and_none_of_unless_must_hold() -> None:
    also = [{"field": "header:x-b*", "is": ["1"]}, {"field": "content_type", "is": ["text/plain"]}]
    rules = signals(table(present=True, also=also, unless={"field": "header:x-c", "present": True}))
    assert seen(rules, x_a="", x_b="1") == [("X", "")]
    assert seen(rules, x_a="", x_b="2") == []
    assert seen(rules, x_a="", x_b="1", x_c="") == []


def test_whether_we_are_named_is_not_asked_where_the_recipient_is_not_known() -> None:
    rules = signals(table(field="ours_named", present=True))
    assert seen(rules) == [("X", "no")]
    assert seen(rules, rcpt_to="") == []


def test_of_a_long_value_only_the_beginning_is_kept() -> None:
    ((_, value),) = seen(signals(table(present=True)), x_a="x" * 9000)
    assert value == "x" * 80 + "…"


def test_a_signal_carries_where_it_stands() -> None:
    (signal,) = signals(table(present=True)).all
    assert (signal.rule, signal.strength, signal.source) == ("x.toml:1", Strength.STRONG, "us")


@pytest.mark.parametrize("document", [{"signal": 3}, {"signal": {"id": "X"}}, {"signal": ["X"]}])
def test_what_is_no_table_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"x\.toml.*tables?"):
        compile_signals([("x.toml", document, ())])


def test_signals_are_bounded_in_number() -> None:
    with pytest.raises(ConfigError, match="at most 2000 signals"):
        signals(*(table(id=f"X{number}", present=True) for number in range(MOST_SIGNALS + 1)))


def test_several_signals_without_id_are_each_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        signals(table(id="", present=True), table(id="", present=True))
    assert [fault.line for fault in caught.value.faults] == [1, 2]
