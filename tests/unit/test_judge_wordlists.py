"""Lists of words by name: how tables add up, and every fault with its place."""

from typing import Any

import pytest

from mailgate.errors import ConfigError
from mailgate.judge.rules import compile_signals
from mailgate.judge.wordlists import MOST_LISTS, MOST_PHRASES, compile_words


def document(*tables: Any) -> tuple[str, dict[str, Any], range]:
    return ("x.toml", {"words": list(tables)}, range(1, len(tables) + 1))


def test_tables_of_one_name_are_one_list() -> None:
    first = document({"name": "away", "language": "en", "words": ["out"]}, {"name": "other", "words": ["x"]})
    second = document({"name": "away", "language": "de", "words": ["weg", "fort"]})
    assert compile_words([first, second]) == {"away": ("out", "weg", "fort"), "other": ("x",)}


FAULTS: dict[str, tuple[Any, str]] = {
    "no table": ("away", "x.toml:1: words: "),
    "no name": ({"words": ["x"]}, "x.toml:1: words.name"),
    "empty name": ({"name": "", "words": ["x"]}, "x.toml:1: words.name"),
    "no words": ({"name": "away"}, "x.toml:1: words.words"),
    "words that are none": ({"name": "away", "words": [1]}, "x.toml:1: words.words"),
    "a blank": ({"name": "away", "words": [" "]}, "x.toml:1: words.words"),
    "too many": ({"name": "away", "words": ["x"] * (MOST_PHRASES + 1)}, "x.toml:1: words.words"),
    "an unknown key": ({"name": "away", "words": ["x"], "lang": "de"}, "x.toml:1: words.lang"),
    "a language that is no text": ({"name": "away", "words": ["x"], "language": 7}, "x.toml:1: words.language"),
}


@pytest.mark.parametrize(("table", "place"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_its_place(table: Any, place: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compile_words([document(table)])
    assert str(refused.value.faults[0]).startswith(place)


def test_there_is_an_end_to_lists() -> None:
    with pytest.raises(ConfigError):
        compile_words([document(*[{"name": "away", "words": ["x"]}] * (MOST_LISTS + 1))])


def test_a_rule_may_name_several_lists() -> None:
    signal = {
        "id": "X",
        "field": "subject",
        "begins": "away + gone",
        "strength": "strong",
        "says": "it",
        "source": "us",
    }
    hits = {"hits": ["out: x", "fort"], "misses": ["here"]}
    rules = compile_signals([("x.toml", {"signal": [signal | hits]}, (1,))], {"away": ("out",), "gone": ("fort",)})
    assert rules.all[0].hits == ("out: x", "fort")


def test_a_rule_that_names_no_known_list_is_told_which_there_are() -> None:
    signal = {"id": "X", "field": "subject", "begins": "awy", "strength": "strong", "says": "it", "source": "us"}
    with pytest.raises(ConfigError) as refused:
        compile_signals([("x.toml", {"signal": [signal]}, (1,))], {"away": ("out",)})
    assert "away" in refused.value.faults[0].allowed
