import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge.suggest import Suggestion, suggested

HINTS = {
    "closing": ("thanks", "works now"),
    "details": ("does not work", "doesn't work", "broken", "error"),
    "invoice": ("invoice", "bill"),
    "kaputt": ("壊れ",),
}


def names(subject: str, text: str, most: int = 3) -> list[str]:
    return [each.name for each in suggested(subject, text, HINTS, most)]


def test_a_word_in_the_subject_weighs_more_than_one_in_the_text() -> None:
    assert names("An invoice", "It is broken.") == ["invoice", "details"]


def test_more_words_weigh_more() -> None:
    assert names("", "Thanks, but it is broken: an error.") == ["details", "closing"]


def test_equals_stand_in_the_order_of_their_names() -> None:
    assert names("", "broken, thanks, bill") == ["closing", "details", "invoice"]


def test_what_speaks_for_it_is_told_the_strongest_first() -> None:
    assert suggested("Error", "It is broken, an ERROR", HINTS, 3) == (Suggestion("details", ("error", "broken")),)


@pytest.mark.parametrize(
    "text", ["billing", "unbroken", "work does not", ""], ids=["part", "end of a word", "other order", "nothing"]
)
def test_only_whole_words_in_their_order_count(text: str) -> None:
    assert names("", text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It does\nnot   work!", "details"),
        ("It doesn’t work", "details"),
        ("プリンターが壊れました", "kaputt"),
        ("(invoice)", "invoice"),
    ],
    ids=["over lines", "a curly apostrophe", "a script without spaces", "between signs"],
)
def test_how_it_is_written_does_not_matter(text: str, name: str) -> None:
    assert names("", text) == [name]


def test_there_are_never_more_than_asked_for() -> None:
    assert names("", "broken thanks bill", most=2) == ["closing", "details"]


@given(st.text(), st.text(), st.dictionaries(st.text(max_size=5), st.lists(st.text(min_size=1, max_size=9))))
def test_any_text_can_be_asked_about(subject: str, text: str, hints: dict[str, list[str]]) -> None:
    found = suggested(subject, text, hints, 3)
    assert {each.name for each in found} <= set(hints)
    assert all(set(each.why) <= set(hints[each.name]) and each.why for each in found)
