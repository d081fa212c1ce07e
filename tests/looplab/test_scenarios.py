"""Every scenario is proven by some test, here or next to the code that decides it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CLASSIFICATION = range(1, 27)
LOOPS = range(30, 56)
SCENARIOS = [*CLASSIFICATION, *LOOPS]

_ID = re.compile(r"\bT(\d{2,3})\b")


def _proven() -> set[int]:
    """The scenarios that a docstring, an id of a parameter or a key of a table of tests names."""
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        texts = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        found |= {int(number) for text in texts if isinstance(text, str) for number in _ID.findall(text)}
    return found


PROVEN = _proven()


@pytest.mark.parametrize("number", SCENARIOS, ids=lambda number: f"T{number:02}")
def test_every_scenario_stands_in_a_test(number: int) -> None:
    assert number in PROVEN
