"""Tables of a rule file: what is read, and how a fault names its place."""

from enum import StrEnum
from typing import Any

import pytest

from mailgate.tables import LONGEST_COMPARED, Tables, nearest


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Shirts(Tables):
    name = "shirt"


def told(reader: Tables) -> list[str]:
    return [str(fault) for fault in reader.faults]


def test_tables_come_with_their_lines() -> None:
    reader = Shirts("x.toml")
    lines = [reader.line for _ in reader.each({"shirt": [{}, {}, {}]}, (3, 7))]
    assert lines == [3, 7, 0]
    assert reader.faults == []


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"shirt": {}}, "x.toml: shirt: found {}; allowed: [[shirt]] tables"),
        ({"shirt": ["red"]}, "x.toml:3: shirt: found 'red'; allowed: a table"),
    ],
)
def test_what_is_no_table_is_told(document: dict[str, Any], fault: str) -> None:
    reader = Shirts("x.toml")
    assert list(reader.each(document, (3,))) == []
    assert told(reader) == [fault]


def test_what_is_right_is_read() -> None:
    reader = Shirts("x.toml")
    table = {"says": "hello", "words": ["a", "b"], "colour": "red", "washed": True, "label": {"size": "m"}}
    assert reader.text(table, "says") == "hello"
    assert reader.texts(table, "words") == ("a", "b")
    assert reader.texts(table, "none") == ()
    assert reader.one_of(table, "colour", Colour) is Colour.RED
    assert reader.one_of(table, "none", Colour) is None
    assert reader.flag(table, "washed")
    assert not reader.flag(table, "none")
    assert reader.section(table, "label") == {"size": "m"}
    assert reader.section(table, "none") == {}
    assert reader.faults == []


def test_what_is_wrong_is_told_all_at_once() -> None:
    reader = Shirts("x.toml")
    reader.line = 4
    table = {"words": ["a", 1], "colour": "reed", "washed": "yes", "label": 7, "colr": 1}
    reader.text(table, "says")
    reader.texts(table, "words")
    reader.one_of(table, "colour", Colour)
    reader.needed(table, "second", Colour)
    reader.flag(table, "washed")
    reader.section(table, "label")
    reader.unknown({"colr": 1}, ("colour", "words"))
    assert told(reader) == [
        "x.toml:4: shirt.says: found nothing; allowed: a text",
        "x.toml:4: shirt.words: found ['a', 1]; allowed: a list of at most 1000 texts",
        "x.toml:4: shirt.colour: found 'reed'; allowed: one of red, green (did you mean 'red'?)",
        "x.toml:4: shirt.second: found nothing; allowed: one of red, green",
        "x.toml:4: shirt.washed: found 'yes'; allowed: true or false",
        "x.toml:4: shirt.label: found 7; allowed: a table [shirt.label]",
        "x.toml:4: shirt.colr: found 'colr'; allowed: one of colour, words (did you mean 'colour'?)",
    ]


def test_a_word_is_compared_as_far_as_words_go() -> None:
    assert nearest("gren", Colour) == "green"
    assert nearest("", Colour) == ""
    assert nearest("x" * 1_000_000, ["x" * LONGEST_COMPARED]) == "x" * LONGEST_COMPARED
