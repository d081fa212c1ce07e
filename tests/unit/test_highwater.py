"""The file that remembers how far the database had come."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mailgate.backup import highwater
from mailgate.backup.highwater import HighWater
from mailgate.log import open_log
from mailgate.store.marks import Mark


def test_what_was_kept_is_recalled(tmp_path: Path) -> None:
    water = HighWater(tmp_path / "water", open_log(io.StringIO()))
    assert water.recall() is None

    water.keep(Mark(7, 3))
    water.keep(Mark(8, 3))

    assert water.recall() == Mark(8, 3)
    assert (tmp_path / "water").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["water"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"largest_id": "x", "ticket_number": 1}', "\xff"])
def test_what_cannot_be_understood_was_never_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "water").write_text(text, encoding="latin-1")

    assert highwater.read(tmp_path / "water") is None


def test_a_place_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    said = io.StringIO()
    water = HighWater(tmp_path / "missing" / "water", open_log(said))

    water.keep(Mark(1, 1))
    water.keep(Mark(2, 1))

    assert [json.loads(line)["event"] for line in said.getvalue().splitlines()] == ["high-water-unwritten"]
