"""Asking many conditions at once never misses what asking each of them would find."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.judge.conditions import LONGEST_VALUE, READS, Condition, Read, WrongValueError, matcher
from mailgate.judge.watch import MOST_MET, Watch, _matched
from mailgate.rulebook import load, shipped_folder
from tests.fakes.patterns import PATTERNS, TEXTS


def condition(name: str, value: Any, read: Read = Read.TEXT) -> Condition:
    return Condition(("subject",), READS[read], matcher(name, value))


CONDITIONS = [
    condition("is", ["", "yes", "no"]),
    condition("is", ["Yes"]),
    condition("is", ["yes"], Read.WORD),
    condition("is", ["yes"], Read.LIST),
    condition("is_not", ["yes"]),
    condition("contains", ["es"]),
    condition("glob", ["y*", "?o"]),
    condition("matches", "^ye?s$"),
    condition("matches", "e.", Read.LIST),
    condition("matches", "ü|\N{LATIN SMALL LETTER DOTLESS I}"),
    condition("present", True),
    condition("above", 5),
]
SHIPPED = load(shipped_folder()).signals


def accepting(conditions: list[Condition], values: list[str]) -> set[int]:
    asked = enumerate(conditions)
    return {place for place, each in asked if any(each.accepted(value) is not None for value in values)}


@given(st.lists(st.sampled_from(["", "yes", " Yes ", "YES, no", "yes; x", "no", "7", "Ü", "\ud800"]) | st.text()))
def test_a_watch_misses_nothing(values: list[str]) -> None:
    assert accepting(CONDITIONS, values) <= Watch(CONDITIONS).hits(values)


@given(st.lists(st.sampled_from(["", "yes", " Yes ", "YES, no", "yes; x", "no", "7", "Ü", "\ud800"]) | st.text()))
def test_a_watch_sees_what_each_condition_sees(values: list[str]) -> None:
    expected = {}
    for place, each in enumerate(CONDITIONS):
        accepted = [what for what in map(each.accepted, values) if what is not None]
        expected |= {place: accepted[0]} if accepted else {}

    assert dict(Watch(CONDITIONS).seen(values)) == expected


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=name) for name in [*SHIPPED.by_header, *SHIPPED.by_prefix, *SHIPPED.by_field]]
)
def test_the_watches_of_the_shipped_signals_miss_no_example(name: str) -> None:
    index = next(index for index in (SHIPPED.by_header, SHIPPED.by_prefix, SHIPPED.by_field) if name in index)
    watched = index[name]

    for signal in watched.signals:
        for value in signal.hits:
            # Twice, since the second time it is remembered.
            for _ in range(2):
                assert signal in [given for given, _ in watched.given([value])]


def test_words_and_patterns_name_only_what_they_hit() -> None:
    conditions = [condition("is", ["a"]), condition("is", ["b"]), condition("matches", "^a"), condition("matches", "b")]

    assert Watch(conditions).hits(["A"]) == {0, 2}


def test_a_pattern_sees_as_much_of_a_value_as_it_does_alone() -> None:
    value = "x" * LONGEST_VALUE + "end"

    assert Watch([condition("matches", "end$"), condition("matches", "x$")]).hits([value]) == {1}


def test_patterns_too_large_for_one_automaton_are_several() -> None:
    conditions = [condition("matches", f"^(?:{number}|[é-ÿ]{{800}})$") for number in range(40)]

    assert Watch(conditions).hits(["7"]) == {7}


@given(st.lists(PATTERNS, max_size=8), st.lists(TEXTS, min_size=1, max_size=3))
@settings(max_examples=40)
def test_whatever_the_patterns_a_watch_sees_what_each_sees(patterns: list[str], values: list[str]) -> None:
    conditions = []
    for pattern in patterns:
        with contextlib.suppress(WrongValueError):
            conditions.append(condition("matches", pattern))

    assert {place for place, _ in Watch(conditions).seen(values)} == accepting(conditions, values)


class SilentSet:
    """A set whose automaton ran out of memory: it matches nothing, and does not say why."""

    def Match(self, octets: bytes) -> None:  # noqa: N802
        return None


def test_a_set_that_could_not_say_loses_nothing() -> None:
    assert _matched(SilentSet(), [[1], [2, 3]], b"x") == [[1], [2, 3]]


def test_pieces_that_stand_everywhere_are_looked_for_one_by_one() -> None:
    conditions = [condition("contains", ["a" * length]) for length in range(1, 50)]
    conditions.append(condition("contains", ["b"]))

    assert Watch(conditions).hits(["a" * MOST_MET]) == set(range(49))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("ſchön", "schön"), ("οδος", "ΟΔΟΣ"), ("\ud800 ?", r"\? \?"), ("STRASSE ẞ", "ß$")],
    ids=["long s", "final sigma", "surrogate", "capital sharp s"],
)
def test_what_a_pattern_takes_for_the_same_is_not_missed(text: str, pattern: str) -> None:
    one = condition("matches", pattern)
    assert one.accepted(text) is not None
    assert Watch([one]).hits([text]) == {0}
