"""A fault points at what is wrong: file, line, column, and the line itself with nothing secret in it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.cli import faultwords
from mailgate.config import pointing
from mailgate.config.tomlmarks import Place, marks
from mailgate.errors import ConfigError, Fault
from mailgate.rulebook import shipped_folder

RULES = """\
[[rule]]
name = "first"
when.subject = "x"

[[rule]]
name = "ours"
when.any = [
  { subjekt.contains = "a" }, # one
  { "header:x-form" = "b", subject = "b" },
]
then.tag = ["ok", "two words"]
then.priority = "hihg"
  [[rule.hit]]
  subject = "x"
[other]
url = "postgresql://anne:geheim@db/mail"
password = "geheim" # and a remark
password_file = "secret.txt"
"""


def fault(line: int, key: str, found: str, **more: Any) -> Fault:
    return Fault("ours.toml", line, key, found, "something else", **more)


def at(one: Fault, text: str = RULES) -> str:
    """The place of a fault, and what it points at."""
    (found,) = pointing.pointed([one], lambda _: text)
    start = found.caret.find("^")
    return f"{found.line}:{found.column} {found.shown[start : len(found.caret)]}"


@pytest.mark.parametrize(
    ("one", "place"),
    [
        pytest.param(fault(5, "rule.when.any.subjekt", "'subjekt'"), "8:5 subjekt", id="a key in a list of tables"),
        pytest.param(fault(7, "rule.when.any[2].header:x-form", "no"), '9:5 "header:x-form"', id="a quoted key"),
        pytest.param(fault(7, "rule.when.any[2].subject", "'b'"), '9:38 "b"', id="a value of several"),
        pytest.param(fault(5, "rule.then.tag", "'two words'"), '11:19 "two words"', id="one of a list"),
        pytest.param(fault(5, "rule.then.priority", "'hihg'"), '12:17 "hihg"', id="a value"),
        pytest.param(fault(5, "rule.then", "nothing to do"), "11:1 then", id="a step of a dotted key"),
        pytest.param(fault(5, "rule.unless", "nothing"), "5:1 [[rule]]", id="a key that is missing"),
        pytest.param(fault(13, "rule.hit.subject", "'x'"), '14:13 "x"', id="a table in a table"),
        pytest.param(fault(0, "other.url", "5"), "16:1 url", id="a line that nobody knew"),
        pytest.param(fault(1, "rule.when.subject", "'x'"), '3:16 "x"', id="the same key in another table"),
    ],
)
def test_a_fault_points_at_what_is_wrong(one: Fault, place: str) -> None:
    assert at(one) == place


def test_a_text_that_is_no_toml_has_lines_all_the_same() -> None:
    assert at(fault(2, "text", "'{nmae}'"), "Dear\n  {nmae},\n") == "2:3 {nmae}"
    assert at(fault(9, "text", "'{nmae}'"), "Dear\n") == "9:0 "


def test_a_file_that_nobody_may_see_is_not_shown() -> None:
    one = fault(2, "key.secret", "'x'")
    assert pointing.pointed([one], lambda _: None) == [one]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('password = "geheim" # remark', f"password = {'*' * 17}"),
        ('a = { secret = "geheim" }', f"a = {{ secret = {'*' * 10}"),
        ('url = "postgresql://anne:geheim@db/x"', 'url = "postgresql://anne:******@db/x"'),
        ('password_file = "secret.txt"', 'password_file = "secret.txt"'),
        ('when.subject = "password"', 'when.subject = "password"'),
    ],
)
def test_passwords_are_not_shown(line: str, shown: str) -> None:
    assert pointing.masked(line) == shown


def test_a_long_line_is_shown_around_the_place() -> None:
    (found,) = pointing.pointed([fault(1, "a.wrong", "1")], lambda _: f"[a]\nb = [{'0, ' * 200}]\nwrong = 1\n")
    assert (found.line, found.shown) == (3, "wrong = 1")
    long = f'a = {{ b = "{"x" * 500}", wrong = 1 }}\n'
    (found,) = pointing.pointed([fault(1, "a.wrong", "'wrong'")], lambda _: long)
    assert (found.column, found.shown[found.caret.index("^") :][:5]) == (515, "wrong")
    assert len(found.shown) <= pointing.MOST_SHOWN_CHARS


def test_people_read_the_place_the_line_and_what_to_write() -> None:
    one = fault(5, "rule.when.any[1].subjekt", "'subjekt'", nearest="subject")
    (found,) = pointing.pointed([one], lambda _: RULES)
    assert faultwords.told([found]).splitlines() == [
        "ours.toml:8:5: rule.when.any[1].subjekt: found 'subjekt'",
        '  8 |   { subjekt.contains = "a" }, # one',
        "    |     ^^^^^^^",
        "      did you mean 'subject'?",
        "      allowed: something else",
    ]


def test_the_place_is_right_behind_letters_that_are_wide() -> None:
    (found,) = pointing.pointed([fault(1, "b", "'x'")], lambda _: 'a = { "請求書" = 1, b = "x" }\n')
    assert faultwords.told([found.__class__("f", 1, "a", "b", "c", shown="請 x", caret="  ^")]).splitlines()[2] == (
        "    |    ^"
    )


def values(value: Any, place: Place = ()) -> set[Place]:
    """The way to everything in a document that holds nothing else."""
    each = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inside = {one for step, inner in each for one in values(inner, (*place, step))}
    return inside or {place}


@pytest.mark.parametrize("name", sorted(path.name for path in shipped_folder().glob("*.toml")))
def test_everything_in_the_shipped_files_is_found(name: str) -> None:
    text = (shipped_folder() / name).read_text()
    assert {mark.place for mark in marks(text)} >= values(tomllib.loads(text)) - {()}


def of(document: Any, place: Place) -> Any:
    for step in place:
        document = document[step]
    return document


PIECES = [
    "[a]",
    "[[b]]",
    "[[b.c]]",
    "[a.'x.y']",
    "k = 1",
    "d.e = 'f'",
    'q."x\\ty" = """\n"]"""',
    "i = { j = [1, {k=2}] }",
]
PIECES += [
    "m = [ # ]\n 1,\n [2, '#'],\n]",
    "z = 2026-01-01 10:00:00",
    "# [x]",
    "e = []",
    "i = { j = [1, {k=2}] }",
    "\r",
]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_every_value_stands_where_its_mark_says(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for mark in (mark for mark in marks(text) if mark.is_value):
        written = tomllib.loads(f"v = {text[mark.start : mark.end]}")["v"]
        assert written == of(document, mark.place)


def test_lists_in_lists_are_followed_however_deep() -> None:
    (found,) = pointing.pointed([fault(1, "a", "x")], lambda _: f"a = {'[' * 300}{']' * 300}")
    assert (found.line, found.column) == (1, 1)


@given(st.text(alphabet="[]{}\"'#=.,\n\\ab1 "))
def test_no_text_is_too_odd_to_be_shown(text: str) -> None:
    pointing.pointed([fault(line, "a.b", "'1'") for line in range(4)], lambda _: text)


def test_a_fault_tells_its_place_in_one_line_too() -> None:
    (found,) = pointing.pointed([fault(12, "rule.then.priority", "'hihg'")], lambda _: RULES)
    assert str(ConfigError([found])).startswith("ours.toml:12:17: rule.then.priority: found 'hihg'; allowed:")
