"""The wire, held to scenarios: each folder in wire/ is one, played against a daemon of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.fakes.sink import Sink
from tests.fakes.stores import POSTGRESQL, SQLITE
from tests.scenarios import aftermath, scene

SCENARIOS = sorted(path.parent for path in Path(__file__).with_name("wire").glob("*/expect.toml"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize(
    ("stores", "script"),
    [
        pytest.param(kind, script, id=f"{kind}-{script.name}")
        for script in SCENARIOS
        for kind in ([SQLITE] if scene.needs_a_file(script) else [SQLITE, POSTGRESQL])
    ],
    indirect=["stores"],
)
async def test_the_wire(script: Path, folder: Path, sink: Sink, authority: trustme.CA, url: str) -> None:
    async with scene.running(script, folder, sink, authority, url) as daemon:
        await scene.play(script, daemon, authority)
        await aftermath.holds(script, daemon, sink)


def test_every_folder_is_a_scenario() -> None:
    folders = {path.parent for path in Path(__file__).with_name("wire").glob("*/*")}

    assert folders == set(SCENARIOS)
    assert all(list(folder.glob("*.dialogue")) for folder in folders)
