"""The page on the laboratory shows the numbers that the tests count, and its example does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mailgate.lab.peer import Stripped
from mailgate.lab.robots import Autoresponder
from tests.fakes.letters import letter
from tests.looplab.counts import COUNTS
from tests.looplab.playing import played

PAGE = (Path(__file__).parents[2] / "docs" / "laboratory.md").read_text()
TESTS = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def test_the_table_shows_what_is_counted() -> None:
    rows = re.findall(r"^\| (E\d+) \|[^|]+\| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert rows == [(name, str(count.typical), str(count.worst)) for name, count in COUNTS.items()]


def test_each_count_is_asserted_by_a_test() -> None:
    for number in ("typical", "worst"):
        assert [name for name in COUNTS if not re.search(rf'COUNTS\["{name}"\]\.{number}', TESTS)] == []


async def test_the_examples_for_tests_pass() -> None:
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        names: dict[str, Any] = {"raw": letter("a@x.test")}
        exec(example, names)
        for name in [name for name in names if name.startswith("test_")]:
            await names[name]()


async def test_the_example_of_a_stripped_peer_is_what_comes_out() -> None:
    account = await played(Stripped(Autoresponder()), days=2, most_mails=30)
    assert f"got         {account.automatic} automatic mails (3 acknowledge); the rules promise at most 3" in PAGE
    assert list(account.stopped) == ["credit of the address is spent"]
