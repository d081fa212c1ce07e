"""Whatever stands in a rule file, it is read or explained, with file and line, and soon."""

from __future__ import annotations

import shutil
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.config import tomlfile
from mailgate.errors import ConfigError
from mailgate.judge.conditions import LARGEST_PROGRAM, LONGEST_LOOKED_AT, WrongValueError, matcher
from mailgate.judge.ruling import reading
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.maps import matchers, parse
from mailgate.judge.ruling.reading import compile_rules
from mailgate.rulebook import load, shipped_folder

VALID = """
[[rule]]
name = "supplier invoices"
description = "why"
enabled = true
when.from_domain = "map:suppliers"
when.size_kb = { ">" = 3, "<" = 500 }
when.file_name.glob = ["*.pdf"]
when.any = [ { subject.contains = ["invoice"] }, { "header:x-kind" = "invoice" } ]
when.not = { mailbox = "sales@example.com" }
unless.subject.matches = '^(?:re|aw): +[a-z]{2,8}'
then.queue = "billing"
then.tag = ["invoice"]
then.score = -1.5
stop = true

[[rule]]
name = "late"
shadow = true
when.time = "> 17:30"
when.client.network = "192.0.2.0/24"
unless.contact = ["trusted"]
then.hold = "too late"
  [[rule.hit]]
  time = "18:00"
  client = "192.0.2.1"
  [[rule.miss]]
  time = ["17:00", "09:00"]
  [[rule.miss]]
  mail = "tests/trusted.eml"
"""
MAPS = matchers({"suppliers": parse("suppliers", "a.example\n*.b.example\nre:^c")})
KEYS = st.sampled_from(
    [
        *("rule", "name", "description", "enabled", "shadow", "stop", "when", "unless", "then", "all", "any", "not"),
        *("hit", "miss", "mail"),
        *("subject", "text", "mailbox", "size_kb", "client", "header:x-a", "is", "in", "contains", "glob", "begins"),
        *("matches", "map", ">", "<", "network", "present", "queue", "tag", "score", "reject", "answer", "priority"),
    ]
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        ["", "map:suppliers", "map:", "> 5", "> nan", "< 9", "(", "[", "\\", "a{9}", "x" * 2000, "\0", "ß"]
    ),
    st.text(max_size=8),
    st.sampled_from([date(2026, 1, 5), datetime(2026, 1, 5, 9), time(9, 30)]),
)
ANYTHING = st.recursive(
    VALUES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8
)
RULE = st.dictionaries(KEYS, ANYTHING, max_size=5)


def read(document: dict[str, Any], line: Any = lambda place: 1) -> Rules | None:
    """The rules of a parsed file; None where it is explained what is wrong with it."""
    try:
        return compile_rules([("r.toml", document, line)], MAPS)
    except ConfigError as error:
        assert error.faults  # noqa: PT017
        assert all(fault.file == "r.toml" and fault.line and fault.allowed for fault in error.faults)  # noqa: PT017
        return None


@given(st.dictionaries(KEYS, ANYTHING, max_size=3) | st.builds(lambda rules: {"rule": rules}, st.lists(RULE)))
@settings(max_examples=100)
def test_any_tables_are_rules_or_explained(document: dict[str, Any]) -> None:
    read(document)


Change = tuple[int, int, str]  # where, how much of it goes, and what comes instead
CHANGES = st.lists(
    st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), st.text("[]{}\"'=.\n#ax1>\\", max_size=4)), max_size=3
)


def changed(changes: list[Change]) -> str:
    text = VALID
    for place, length, put in changes:
        text = text[:place] + put + text[place + length :]
    return text


@given(CHANGES)
@settings(max_examples=150)
def test_a_valid_file_with_anything_changed_is_read_or_explained(changes: list[Change]) -> None:
    try:
        file = tomlfile.parse(changed(changes), "r.toml")
    except ConfigError as error:
        assert all(fault.file == "r.toml" and fault.line for fault in error.faults)  # noqa: PT017
        return
    read(file.document, file.line)


def test_the_file_that_is_changed_is_right_as_it_stands() -> None:
    rules = read(tomlfile.parse(VALID, "r.toml").document)
    assert rules is not None
    assert [rule.name for rule in rules.all] == ["supplier invoices", "late"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Path(shutil.copytree(shipped_folder(), tmp_path_factory.mktemp("any") / "rules"))
    (made / "local" / "maps").mkdir(parents=True)
    (made / "local" / "maps" / "suppliers.txt").write_text("a.example\n")
    return made


@pytest.mark.soak
@given(CHANGES)
@settings(max_examples=100)
def test_a_folder_with_anything_in_a_file_is_loaded_or_explained(folder: Path, changes: list[Change]) -> None:
    (folder / "local" / "70-ours.toml").write_text(changed(changes))
    try:
        load(folder)
    except ConfigError as error:
        assert all(fault.file.endswith("70-ours.toml") and fault.line for fault in error.faults)  # noqa: PT017


# ── Patterns that would take for ever elsewhere ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(a|b)*a(a|b){12}c", "(.*)*x", "(?:a?){50}a{50}$", "(x+x+)+y"]
)
def test_no_pattern_is_catastrophic(pattern: str) -> None:
    """With a library that goes back these take longer than the world is old; here the test would not end."""
    assert matcher("matches", pattern)("ab" * (LONGEST_LOOKED_AT // 2)) in (True, False)


@pytest.mark.parametrize("pattern", ["(?:[é-ÿ]{100}){100}", "((((a{10}){10}){10}){10}){10}", ".{1000}", "[^x]{900}"])
def test_a_pattern_has_an_end_to_its_size(pattern: str) -> None:
    with pytest.raises(WrongValueError) as wrong:
        matcher("matches", pattern)
    assert str(LARGEST_PROGRAM) in wrong.value.allowed or "RE2" in wrong.value.allowed


def test_all_patterns_together_have_an_end_to_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_INSTRUCTIONS", 100)
    rules = [
        {"name": str(number), "when": {"subject": {"matches": f"{number}[a-z]{{20}}"}}, "then": {"tag": "x"}}
        for number in range(9)
    ]
    with pytest.raises(ConfigError) as caught:
        reading.compile_rules([("r.toml", {"rule": rules}, lambda place: 1)], {})
    assert [fault.found for fault in caught.value.faults] == ["'one more pattern'"]
