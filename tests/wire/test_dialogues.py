"""Every dialogue file goes as it is written."""

from pathlib import Path

import pytest

from tests.wire.script import play

FILES = sorted(Path(__file__).with_name("dialogues").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
async def test_the_dialogue_goes_as_written(path: Path) -> None:
    await play(path)


def test_there_are_dialogues() -> None:
    assert len(FILES) > 20
