"""A daemon in this process, and the next hop that takes its mail."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailgate import keys, rulebook, wiring
from tests.fakes.sink import Sink
from tests.serve.running import CONFIG, Running


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


@pytest.fixture
def folder(tmp_path: Path, sink: Sink) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG.format(relay=sink.address))
    shutil.copytree(rulebook.shipped_folder(), tmp_path / "rules")
    keys.make(tmp_path / "mailgate.keys", wiring.clock())
    return tmp_path


@pytest.fixture
async def running(folder: Path) -> AsyncIterator[Running]:
    running = Running(folder)
    await running.start()
    yield running
    if not running.task.done():
        await running.stop()
