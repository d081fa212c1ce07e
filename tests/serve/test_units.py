"""The unit files say only what systemd understands, and keep the daemon in its place."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
ANALYZE = shutil.which("systemd-analyze")
MOST_EXPOSED = 2.0  # of 10; most services of a distribution stand at 9

NOT_THERE = "systemd-analyze is missing: install the Debian package systemd"
pytestmark = pytest.mark.skipif(ANALYZE is None, reason=NOT_THERE)


def analyze(*words: str | Path) -> str:
    assert ANALYZE
    done = subprocess.run([ANALYZE, *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda unit: unit.name)
def test_a_service_can_reach_little(unit: Path) -> None:
    said = analyze("security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("unit", sorted(UNITS.iterdir()), ids=lambda unit: unit.name)
def test_every_key_is_one_that_systemd_knows(unit: Path, tmp_path: Path) -> None:
    # The program and its user are not there, and a socket or timer wants its service beside it.
    for file in UNITS.iterdir():
        text = file.read_text().replace("/opt/mailgate/bin/mailgate", "/bin/true")
        (tmp_path / file.name).write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE))
    said = analyze("verify", "--man=no", tmp_path / unit.name)
    assert [line for line in said.splitlines() if str(tmp_path) in line or "mailgate" in line] == []
