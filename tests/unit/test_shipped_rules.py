"""What is shipped says where it comes from, so that whoever lies over it knows what he changes."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

import pytest

from mailgate.rulebook import shipped_folder

FILES = sorted(path.name for path in shipped_folder().glob("*.toml"))
NUMBER = re.compile(r"(?P<key>[\w\"\- ]+?)\s*=\s*\d+\s*(?P<remark>#.*)?")


@cache
def tables(kind: str) -> list[dict[str, Any]]:
    """All [[kind]] tables of the shipped files."""
    documents = [tomllib.loads((shipped_folder() / name).read_text()) for name in FILES]
    return [table for document in documents for table in document.get(kind, [])]


@pytest.mark.parametrize(
    ("kind", "key"), [("signal", "source"), ("forwarder", "source"), ("limit", "why"), ("form", "vendor")]
)
def test_a_shipped_table_says_where_it_comes_from(kind: str, key: str) -> None:
    assert tables(kind)
    assert [table for table in tables(kind) if not table.get(key, "").strip()] == []


def test_a_shipped_list_of_words_is_used_by_what_says_where_it_comes_from() -> None:
    said = {
        name
        for table in [*tables("signal"), *tables("forwarder"), *tables("weigh")]
        if table.get("source") or table.get("note")
        for text in texts(table)
        for name in text.split(" + ")
    }
    assert {table["name"] for table in tables("words")} - said == set()


def texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in texts(one)]


def test_every_shipped_number_has_its_reason_beside_it() -> None:
    """A table's own remark is enough for all that stands in it; a limit has `why`."""
    without, table, said = [], "", False
    for number, line in enumerate((shipped_folder() / "limits.toml").read_text().splitlines(), 1):
        if line.startswith("["):
            table, said = line, "#" in line
        elif (found := NUMBER.fullmatch(line)) and not (said or found["remark"] or table.startswith("[[limit]]")):
            without.append(f"{number}: {table} {line}")
    assert without == []


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_file_opens_with_what_it_is_for(name: str) -> None:
    assert (shipped_folder() / name).read_text().startswith("# ")
