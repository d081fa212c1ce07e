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
_NAME = re.compile(r"_t(\d{2,3})_")


def _proven() -> set[int]:
    """The scenarios that the name, the docstring or the id of a test names."""
    found: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(map(int, _ID.findall(node.value)))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= set(map(int, _NAME.findall(node.name)))
    return found


PROVEN = _proven()


@pytest.mark.parametrize("number", SCENARIOS, ids=lambda number: f"T{number:02}")
def test_every_scenario_stands_in_a_test(number: int) -> None:
    assert number in PROVEN
