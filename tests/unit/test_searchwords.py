"""The words by which mail is found: the same whether they are kept or asked for, whatever somebody types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.searchwords import LONGEST_WORD, SOUGHT_MOST, WORDS_MOST, Sought, sought, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("The Printer, again!", ["the", "printer", "again"], id="signs part words"),
        pytest.param("anna_b@x-y.test", ["anna", "b", "x", "y", "test"], id="an address"),
        pytest.param("Jürgen Straße ÉTÉ", ["jurgen", "strasse", "ete"], id="accents and case"),
        pytest.param("ﬁne ㎏ Ⓐ", ["fine", "kg", "a"], id="forms of letters"),
        pytest.param("東京 tower塔", ["東", "京", "tower", "塔"], id="a script without spaces"),
        pytest.param("\ud800x\0y", ["x", "y"], id="what no encoding can say"),
        pytest.param("?!… —", [], id="nothing but signs"),
    ],
)
def test_a_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        pytest.param("", Sought(), id="nothing"),
        pytest.param("printer", Sought((("printer",),), True), id="a word that may go on"),
        pytest.param("pr", Sought((("pr",),)), id="too short for a beginning"),
        pytest.param("printer ", Sought((("printer",),)), id="a word that ended"),
        pytest.param('"on fire" help', Sought((("on", "fire"), ("help",)), True), id="a phrase"),
        pytest.param("„on fire“", Sought((("on", "fire"),)), id="other quotes"),
        pytest.param('help "on fire', Sought((("help",), ("on", "fire"))), id="quotes that do not close"),
        pytest.param("anna@x.test", Sought((("anna", "x", "test"),), True), id="an address"),
        pytest.param("a OR b*) NEAR/2 -c", Sought((("a",), ("or",), ("b",), ("near", "2"), ("c",))), id="no language"),
    ],
)
def test_a_question_is_words_and_phrases(text: str, asked: Sought) -> None:
    assert sought(text) == asked


@given(st.text())
def test_words_are_words_already(text: str) -> None:
    found = words_of(text)
    assert words_of(" ".join(found)) == found
    assert all(word.isalnum() and len(word) <= LONGEST_WORD for word in found)


@given(st.text())
def test_whatever_is_asked_is_made_of_the_words_of_the_text(text: str) -> None:
    asked = sought(text)
    said = [word for phrase in asked.phrases for word in phrase]
    assert said == words_of(text)[:SOUGHT_MOST]


def test_what_is_kept_and_asked_is_bounded() -> None:
    assert len(words_of("word " * (WORDS_MOST + 1))) == WORDS_MOST
    assert words_of("x" * 1000) == ["x" * LONGEST_WORD]
    asked = sought("word " * 100 + "end")
    assert sum(map(len, asked.phrases)) == SOUGHT_MOST
    assert not asked.beginning
