"""A real rspamd: what it thinks of a good mail and of a bad one, and what it learns."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.net.http import Http
from mailgate.net.judges import Shown
from mailgate.net.rspamd import Rspamd
from tests.fakes.letters import letter
from tests.scenarios.rspamd import PASSWORD, RspamdOfDebian, missing

# https://spamassassin.apache.org/gtube/: every filter takes a mail with this line for spam.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
TALK = "The bees in our garden make honey of all the flowers that grow between the old trees and the river."


def shown(raw: bytes) -> Shown:
    return Shown(raw, "anne@x.test", ["support@g.test"], "192.0.2.1", "mx.x.test", "x.test", "Q1")


async def test_rspamd_tells_ham_from_spam_and_learns(folder: Path) -> None:
    if missing():
        pytest.skip(missing())
    ham = letter(text=TALK)
    async with RspamdOfDebian(folder) as running, Http() as http:
        judge, stranger = Rspamd(http, running.url, PASSWORD), Rspamd(http, running.url, "wrong")

        good, bad = await judge.opinion(shown(ham)), await judge.opinion(shown(letter(text=GTUBE)))
        assert good is not None
        assert bad is not None
        assert (good.unknown, bad.unknown) == ("", "")
        assert good.points < 6
        assert bad.points >= 15
        assert bad.says == ("GTUBE",)

        assert await judge.learn(ham, spam=False) == ""
        assert await judge.learn(ham, spam=False) == "", "what it knows already it is not told in vain"
        assert (await stranger.learn(ham, spam=False)).startswith("it answered 40")
