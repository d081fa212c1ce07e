"""An explanation in words: what a support agent reads needs no code, and names the header and the rule."""

from typing import Any

import pytest

from mailgate.cli import explain_words
from mailgate.model import Disposition, Kind

BULK = {
    "id": "C2",
    "strength": "decisive",
    "value": "bulk",
    "rule": "20-headers.toml:42",
    "kind": "bulk",
    "field": "header:precedence",
    "says": "mass mail (Precedence)",
}
HINT = {**BULK, "id": "H1", "kind": None, "field": "from_local", "value": "server", "says": "sent by a machine"}


def explained(**changes: Any) -> list[str]:
    found = {
        "path": "a.eml",
        "error": None,
        "kind": "human",
        "disposition": "hold",
        "respond": {"acknowledge": True, "challenge": True, "reasons": []},
        "authentication": {"why": "proven by DKIM of x.test", "level": "A2"},
        "from": "joe@x.test",
        "reply_text": "Hello.\nJoe",
        "report": None,
        "findings": [],
    }
    return list(explain_words.lines(found | changes))


def test_a_persons_mail() -> None:
    assert explained() == [
        "a.eml",
        "  What it is     a person's mail",
        "  Who sent it    joe@x.test; proven by DKIM of x.test",
        "  Where it goes  it waits, kept and in view, until the sender confirms himself or an agent lets it in",
        "  Answers        an acknowledgement or a challenge may be sent",
        "  What it says   Hello.",
        "                 Joe",
    ]


def test_a_machines_mail_names_the_header_and_the_rule() -> None:
    respond = {"acknowledge": False, "challenge": False, "reasons": ["mass mail (Precedence)", "not proven"]}
    told = explained(kind="bulk", disposition="park", respond=respond, findings=[BULK, HINT])
    evidence = "- mass mail: the header Precedence says 'bulk'; rules/20-headers.toml:42"
    assert told[1:3] == ["  What it is     mass mail, because:", f"                 {evidence}"]
    assert told[5:10] == [
        "  Answers        nothing automatic may be sent: no acknowledgement and no challenge, because:",
        f"                 {evidence}",
        "                 - not proven",
        "  Also seen",
        "                 - sent by a machine: 'server'; rules/20-headers.toml:42",
    ]


def test_what_the_words_say_already_is_not_said_twice() -> None:
    whole = {**BULK, "says": "made by a machine (Precedence: bulk)"}
    assert explain_words.evidence(whole) == "made by a machine (Precedence: bulk); rules/20-headers.toml:42"


def test_a_report_is_told_by_recipient() -> None:
    fate = {"address": "ann@x.test", "action": "failed", "status": "5.1.1", "reason": "no such user"}
    told = explained(report={"type": "delivery-status", "recipients": [fate], "original_message_id": ""})
    assert "                 - failed for ann@x.test: 5.1.1 no such user" in told
    told = explained(report={"type": "delivery-status", "recipients": [], "original_message_id": ""})
    assert "  It reports     but names no recipient" in told


def test_what_cannot_be_read_says_why() -> None:
    assert explained(error="No such file or directory")[1:] == ["  cannot be explained: No such file or directory"]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("disposition", Disposition)
def test_no_kind_and_no_place_is_told_as_a_code(kind: Kind, disposition: Disposition) -> None:
    told = " ".join(explained(kind=kind.value, disposition=disposition.value)[1:4])
    assert "_" not in told
    assert not told.endswith(disposition.value)


def test_a_verdict_of_an_earlier_version_is_told_all_the_same() -> None:
    old = {key: BULK[key] for key in ("id", "strength", "value", "rule", "says")}
    assert "                 - mass mail (Precedence); rules/20-headers.toml:42" in explained(findings=[old])
