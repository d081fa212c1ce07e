"""What a pattern is certain of stands in whatever it matches; where nothing is certain, nothing is said."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge.conditions import pattern_options
from mailgate.judge.literals import DEEPEST, folded, pieces
from tests.fakes.patterns import PATTERNS, TEXTS


@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=8))
def test_what_is_certain_stands_in_every_text_that_matches(pattern: str, texts: list[str]) -> None:
    try:
        compiled = re2.compile(pattern, pattern_options())
    except re2.error:
        return
    certain = pieces(pattern)
    for text in (text.lower() for text in texts):
        if certain and compiled.search(text):
            assert any(piece in folded(text) for piece in certain)


@given(st.text(st.sampled_from("ab()[]{}|\\*+?.^$:-,<>PQEdDxpL01i!="), max_size=20))
def test_any_pattern_is_read_or_left(pattern: str) -> None:
    pieces(pattern)


@pytest.mark.parametrize(
    ("pattern", "certain"),
    [
        ("invoice", {"invoice"}),
        ("Rechnung", {"rechnung"}),
        ("ΟΣ", {"οσ"}),
        (r"^re: order\.pdf$", {"re: order.pdf"}),
        (r"\binvoice\b.*\boverdue\b", {"invoice"}),
        (r"pay.{0,40}overdue", {"overdue"}),
        ("(?:urgent|asap) answer", {" answer"}),
        ("(urgent|asap)!", {"urgent", "asap"}),
        ("colou?r", {"colo"}),
        ("ab+c", {"ab"}),
        ("(abc)+", {"abc"}),
        ("(abc)*", set()),
        ("(abc)?x", set()),
        ("abc|", set()),
        ("abc|[0-9]{4}", set()),
        (r"\d+", set()),
        (r"\Qa.b\E", set()),
        (r"a{,2}bcd", set()),
        (r"\x41bcd", set()),
        ("a", set()),
        ("(" * (DEEPEST + 1) + "abc" + ")" * (DEEPEST + 1), set()),
    ],
)
def test_what_a_pattern_is_certain_of(pattern: str, certain: set[str]) -> None:
    assert pieces(pattern) == certain
