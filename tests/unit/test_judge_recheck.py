"""Which mail is asked about once more: only one whose sender, were he proven, would be answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mailgate.cases import case_of
from mailgate.context import Mint
from mailgate.judge import verdict
from mailgate.judge.history import History
from mailgate.mail.parse import read
from mailgate.model import Accepted, Authentication, Facts, Gateway, Keys, Level, Mailbox, Peer
from mailgate.rulebook import load, shipped_folder
from tests.fakes.letters import letter

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KEYS = Keys("unittest", "1", {"1": b"k" * 32})
GATEWAY = Gateway("mx.g.test", (Mailbox("support@g.test", "support"),), KEYS)
BOOK = load(shipped_folder())
IN_DOUBT = Authentication(spf="temperror", why="not proven: SPF temperror")
DUE = AT + timedelta(seconds=BOOK.limits.timing.recheck_s)


def due(proof: Authentication, raw: bytes = b"", *, mail_from: str = "anne@x.test", late_s: int = 0) -> datetime | None:
    raw = raw or letter()
    accepted = Accepted(1, "Q1", AT, mail_from, "support@g.test", Peer(ip="192.0.2.1"), raw)
    now = AT + timedelta(seconds=late_s)
    case = case_of(accepted, *read(raw), proof, gateway=GATEWAY, book=BOOK, now=now)
    ids = iter(range(1, 100))
    history = History(Facts(), BOOK.limits, GATEWAY, Mint(lambda: next(ids)))
    return verdict.judge(case, BOOK.signals, history).filing.recheck_at


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        pytest.param(IN_DOUBT, DUE, id="SPF in trouble"),
        pytest.param(replace(IN_DOUBT, spf="none", dkim="temperror"), DUE, id="DKIM in trouble"),
        pytest.param(replace(IN_DOUBT, spf="pass", dmarc="temperror"), DUE, id="DMARC in trouble, and SPF passed"),
        pytest.param(replace(IN_DOUBT, spf="fail", dmarc="temperror"), None, id="DMARC in trouble, nothing passed"),
        pytest.param(replace(IN_DOUBT, spf="fail", arc="temperror"), DUE, id="the seal of a forwarder in trouble"),
        pytest.param(replace(IN_DOUBT, level=Level.A2, dkim="pass"), None, id="proven by the other"),
        pytest.param(replace(IN_DOUBT, spf="fail"), None, id="no trouble"),
    ],
)
def test_only_trouble_that_cost_the_proof_is_asked_about(proof: Authentication, expected: datetime | None) -> None:
    assert due(proof) == expected


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"raw": letter(Auto_Submitted="auto-generated")}, id="a machine's"),
        pytest.param({"raw": letter(Precedence="list", List_Id="<l.x.test>")}, id="a list's"),
        pytest.param({"raw": letter().replace(b"From: ", b"From: b@y.test, ")}, id="two authors"),
        pytest.param({"mail_from": ""}, id="nowhere to send an answer"),
        pytest.param({"late_s": BOOK.limits.timing.late_s + 1}, id="out of a backlog"),
    ],
)
def test_what_nobody_would_answer_is_not(given: dict[str, Any]) -> None:
    assert due(IN_DOUBT, **given) is None
