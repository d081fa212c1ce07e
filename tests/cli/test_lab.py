"""`mailgate lab`: what evil peers got is told, and kept to the promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mailgate import rulebook
from mailgate.cli import lab, run
from mailgate.cli.frame import Frame
from mailgate.lab.account import Account
from mailgate.lab.play import DESK, play
from mailgate.lab.promise import promised
from mailgate.lab.robots import Autoresponder
from mailgate.model import Key
from mailgate.testing import Lab

PROMISED = [
    (Key.ADDRESS, 0.01, 2),
    (Key.ADDRESS, 28, 3),
    (Key.ADDRESS, 364, 7),
    (Key.DOMAIN, 0.9, 10),
    (Key.DOMAIN, 29, 20),
    (Key.SHARED, 6, 300),
    (Key.TOTAL, 0.9, 150),
    (None, 365, 0),
]


@pytest.fixture
async def account() -> Account:
    async with Lab(overrides=DESK) as gateway:
        return await play(gateway, Autoresponder(), days=1, most_mails=10)


@pytest.mark.parametrize(("key", "days", "most"), PROMISED)
def test_the_shipped_rules_promise(key: Key | None, days: float, most: int) -> None:
    assert promised(rulebook.load(rulebook.shipped_folder()).limits, key, days) == most


def test_two_gateways_are_told_peer_by_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No configuration is asked for, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    assert run(["lab", "two-gateways", "--json"]) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [one["automatic"] for one in told] == [1, 0, 3, 3]
    assert all(one["kept"] and one["ledger"]["balanced"] for one in told)
    assert list(tmp_path.iterdir()) == []


def test_forgers_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "forged", "--mails", "40"]) == 0
    forger, spammer = capfd.readouterr().out.split("\n\n")[:2]
    assert "got         0 automatic mails; the rules promise at most 0" in forger
    assert "stopped by    40  sender not proven" in forger
    assert "40 held; balanced" in forger
    assert "got         30 automatic mails (30 acknowledge)" in spammer


async def test_a_broken_promise_is_said_and_ends_with_one(account: Account, capfd: pytest.CaptureFixture[str]) -> None:
    broken = replace(account, promised=0)
    assert (account.kept, broken.kept) == (True, False)
    assert "THE PROMISE WAS BROKEN" in lab.words(broken)
    assert "THE PROMISE WAS BROKEN" not in lab.words(account)
    assert (lab.tell(Frame(), [account]), lab.tell(Frame(json=True), [account, broken])) == (0, 1)
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["kept"] is False
