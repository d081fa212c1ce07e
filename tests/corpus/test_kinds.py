"""What mail of other projects is taken for, counted by the program that lies beside it."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.corpora import CORPORA, needs

SCORE = CORPORA / "score.py"
EXPLAIN = f"{sys.executable} -m mailgate explain --json --assume-auth pass --from-stdin"
# The share that is right at least, by what the mail's own project calls it.
LEAST = {"bounce": 0.97, "auto_reply": 0.95, "list": 0.98, "feedback": 1.0, "ham": 0.99}

pytestmark = [
    needs("score.py"),
    pytest.mark.xdist_group("kinds"),  # counted once
]


@cache
def counted() -> str:
    done = subprocess.run(
        [sys.executable, str(SCORE), "--command", EXPLAIN, "--worst", "100"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("label", LEAST)
def test_nearly_all_of_it_is_of_the_right_kind(label: str) -> None:
    found = re.search(rf"kind right  {label}\s.* = ([\d.]+)", counted())
    assert found
    assert float(found[1]) >= LEAST[label]


def test_no_machine_would_be_answered() -> None:
    assert re.search(r"hard gate: 0 leaks of \d{3}", counted())


def test_people_who_name_themselves_are_answered() -> None:
    """Two are not: one whose mail a rule of Exchange forwarded, and one who sent on what another wrote."""
    muted = re.findall(r"mute \(would not answer a person\): (.*)", counted())
    assert len([one for one in muted if "no single author" not in one]) <= 2
