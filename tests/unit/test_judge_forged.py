"""Nobody ever gets a mail of ours for one that was written in his name: not one in a million."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import cache

import pytest
from msgspec.structs import replace

from mailgate.judge import verdict
from mailgate.judge.history import History
from mailgate.model import Case, Facts, Level, Mailbox, Mode
from tests.fakes.forgeries import SHAPES, VICTIMS, Forgery, forgeries
from tests.fakes.judging import GATEWAY, START, CountingMint, Judging, Letter, rulebook
from tests.fakes.watched import words

# How the mailbox receives strangers must not matter.
BOXES = (Mailbox("off@g.test", "off", Mode.OFF), Mailbox("open@g.test", "open", Mode.OPEN), GATEWAY.mailboxes[0])


@cache
def forged() -> list[Forgery]:
    return forgeries()


def test_no_shape_proves_its_victim() -> None:
    found = forged()

    assert len(found) == len(SHAPES) * len(VICTIMS)
    proven = [(one.head, one.proof) for one in found if one.proof.level is not Level.A0]
    assert proven == []
    assert {one.proof.spf for one in found} >= {"fail", "softfail", "neutral", "temperror", "permerror", "none", "pass"}
    assert "pass" in {one.proof.dkim for one in found}, "the forger proves himself"


def answered(many: int) -> int:
    """How many of so many forged mails get an automatic mail. Nothing was ever sent before, so no limit holds."""
    book, mint, limits = rulebook(), CountingMint(), rulebook().limits
    sent = 0
    kinds = itertools.cycle(itertools.product(forged(), BOXES))
    for number, (one, box) in zip(range(many), kinds, strict=False):
        mail = replace(one.mail, subject=words(number % 100_000), message_id=f"<{number}@evil.test>")
        at = START + timedelta(seconds=number)
        case = Case(one.accepted(number, at), mail, one.proof, box, at, text=words(number % 9973), fingerprint="")
        outcome = verdict.judge(case, book.signals, History(Facts(), limits, GATEWAY, mint))
        sent += len(outcome.planned)
    return sent


def test_of_twenty_thousand_forged_mails_none_is_answered() -> None:
    assert answered(20_000) == 0


@pytest.mark.soak
def test_of_a_million_forged_mails_none_is_answered() -> None:
    assert answered(1_000_000) == 0


def test_the_same_mails_would_be_answered_if_they_were_proven() -> None:
    """Else the tests above would prove nothing."""
    desk = Judging()
    for number, domain in enumerate(VICTIMS):
        desk.receive(Letter(f"kim@{domain}", "off@g.test", text=words(number), ip=f"10.0.{number}.1"))

    assert len(desk.sent) == len(VICTIMS)


def test_a_forged_mail_does_not_speak_for_somebody_we_know() -> None:
    """A person of ours trusts the victim, who has credit, and still nothing goes to him."""
    desk = Judging()
    for domain in VICTIMS:
        desk.trust(f"kim@{domain}")
        for to in ("off@g.test", "open@g.test", "support@g.test"):
            desk.receive(Letter(f"kim@{domain}", to, level=Level.A0, mail_from="me@evil.test"))

    assert desk.sent == []
