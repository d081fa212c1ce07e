"""Maps of the rule files: what an entry is, what it meets, and every fault with its line and column."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import ConfigError, Fault
from mailgate.judge.ruling.maps import MOST_ENTRIES, MOST_FAULTS, MOST_PATTERNS, EntryKind, matchers, parse

TEXT = """\
# Suppliers, from the purchase department
Paper.example
ink.example   # since 2024
*.glue.example
re:^[a-z]+-[0-9]+\\.lamps\\.example$  # is no remark

#chairs.example
c#sharp.example
"""


def faults(text: str, name: str = "x") -> list[Fault]:
    with pytest.raises(ConfigError) as refused:
        parse(name, text, "local/maps/x.txt")
    return refused.value.faults


def met(text: str, value: str) -> bool:
    each = matchers({"x": parse("x", text)})["x"]
    return any(one(value.lower()) for one in each)


def test_each_line_is_an_entry_and_remarks_are_none() -> None:
    assert [(entry.line, entry.kind, entry.text) for entry in parse("suppliers", TEXT).entries] == [
        (2, EntryKind.TEXT, "paper.example"),
        (3, EntryKind.TEXT, "ink.example"),
        (4, EntryKind.GLOB, "*.glue.example"),
        (5, EntryKind.PATTERN, "^[a-z]+-[0-9]+\\.lamps\\.example$  # is no remark"),
        (8, EntryKind.TEXT, "c#sharp.example"),
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_whatever_wrote_the_file_the_lines_are_those_of_an_editor(ends: str, mark: str) -> None:
    text = mark + "a.example\n\x0b\nb\u2028c.example\nd.example".replace("\n", ends)
    (fault,) = faults(text)
    assert fault.line == 3
    assert [entry.line for entry in parse("x", text.replace("\u2028", "-")).entries] == [1, 3, 4]


@pytest.mark.parametrize(
    ("value", "is_met"),
    [
        ("paper.example", True),
        ("PAPER.example", True),
        ("my.paper.example", False),
        ("a.glue.example", True),
        ("glue.example", False),
        ("ink.example", True),
        ("", False),
    ],
)
def test_an_entry_is_met_whole_and_in_any_case(value: str, is_met: bool) -> None:
    assert met(TEXT, value) is is_met


def test_a_pattern_is_found_anywhere() -> None:
    assert met("re:lamps?", "the lamp.example")
    assert met("RE: lamps?", "the lamp.example")
    assert not met("re:^lamps?", "the lamp.example")


def test_an_empty_map_meets_nothing() -> None:
    assert parse("x", "# nobody yet\n").entries == ()
    assert not met("", "")


WRONG = {
    "look-around": ("a\n\n  re:(?=x)", 3, "column 3"),
    "no pattern": ("re:", 1, "1 to 1000 characters"),
    "long": ("x" * 1001, 1, "1 to 1000 characters"),
    "control characters": ("a\n\tb\x00c", 2, "column 2"),
}


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_a_fault_is_told_with_line_and_column(text: str, line: int, words: str) -> None:
    (fault,) = faults(text)
    assert (fault.file, fault.line, words in fault.allowed) == ("local/maps/x.txt", line, True)


@pytest.mark.parametrize("name", ["", "X", "a b", "-a", "a" * 61, "ä"])
def test_a_name_that_no_rule_can_write_is_a_fault(name: str) -> None:
    assert [fault.key for fault in faults("a", name)] == ["file"]


def test_maps_are_bounded() -> None:
    assert [fault.found for fault in faults("a\n" * (MOST_ENTRIES + 2))] == ["one more entry"]
    assert [fault.found for fault in faults("re:a\n" * (MOST_PATTERNS + 2))] == ["one more pattern"]
    assert len(faults("re:(\n" * 100)) == MOST_FAULTS


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_a_map_or_explained(text: str) -> None:
    try:
        entries = parse("x", text).entries
    except ConfigError as error:
        assert all(fault.line for fault in error.faults)  # noqa: PT017
        return
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    assert all(entry.text in lines[entry.line - 1].lower() + lines[entry.line - 1] for entry in entries)
