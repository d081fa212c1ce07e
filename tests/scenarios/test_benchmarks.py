"""The benchmarks run: small loads, once, and no figure is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios import postfix

LACK = postfix.missing()
BENCHES = ("open", "challenge", "half-load", "start", "history")


@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(LACK), reason=LACK)
def test_small_loads_run_through_and_leave_a_table_and_pictures(tmp_path: Path) -> None:
    only = [word for name in BENCHES for word in ("--only", name)]
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--folder", tmp_path, *only],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    (folder,) = tmp_path.iterdir()
    assert (folder / "table.md").read_text() in ended.stdout
    runs = json.loads((folder / "runs.json").read_text())["runs"]
    assert {run["bench"] for run in runs} == set(BENCHES)
    assert {path.name for path in folder.glob("*.png")} == {f"{name}.png" for name in BENCHES}
