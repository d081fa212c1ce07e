"""`mailgate explain` says of any file what mailgate thinks of it, needs nothing, and writes nothing."""

import io
import sys
from pathlib import Path

import pytest

from mailgate.cli import run
from tests.cli.conftest import MAIL, Run

KEYS = (
    *("path", "error", "kind", "disposition", "respond", "authentication", "from", "subject", "text", "reply_text"),
    *("links", "report", "findings", "spam", "weighed"),
)


def test_a_strangers_mail_is_explained_in_full(mailgate: Run, mail: Path) -> None:
    (found,) = mailgate("explain", "--assume-auth", "pass", str(mail)).objects
    assert tuple(found) == KEYS
    assert (found["path"], found["error"], found["kind"], found["disposition"]) == (str(mail), None, "human", "hold")
    assert found["respond"] == {"acknowledge": True, "challenge": True, "reasons": []}
    assert found["authentication"]["level"] == "A2"
    assert (found["from"], found["subject"]) == ("anne@x.test", "A question")
    assert (found["text"].strip(), found["reply_text"]) == ("Where is my parcel?", "Where is my parcel?")
    assert found["links"]["message_id"] == "<1@x.test>"
    assert found["report"] is None


def test_without_proof_nothing_may_be_answered(mailgate: Run, mail: Path) -> None:
    (found,) = mailgate("explain", str(mail)).objects
    assert found["respond"]["acknowledge"] is False
    assert found["respond"]["reasons"]


def test_a_machine_is_recognised_by_rule_and_line(mailgate: Run, mail: Path) -> None:
    mail.write_bytes(b"Auto-Submitted: auto-replied\n" + MAIL)
    (found,) = mailgate("explain", "--assume-auth", "pass", str(mail)).objects
    assert found["kind"] == "auto_reply"
    assert {"id", "strength", "value", "rule"} <= set(found["findings"][0])
    assert found["respond"] == {"acknowledge": False, "challenge": False, "reasons": found["respond"]["reasons"]}


def test_a_bounce_is_explained_with_its_report(mailgate: Run, mail: Path) -> None:
    mail.write_bytes(
        b"Return-Path: <>\nFrom: postmaster@x.test\nTo: support@g.test\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.test\n\n"
        b"Final-Recipient: rfc822; anne@x.test\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    )
    (found,) = mailgate("explain", str(mail)).objects
    assert found["kind"] == "bounce"
    recipient = {"address": "anne@x.test", "action": "failed", "status": "5.1.1", "reason": ""}
    assert found["report"] == {"type": "delivery-status", "recipients": [recipient], "original_message_id": ""}


@pytest.mark.parametrize("to", ["someone@else.test", "support+tag@else.test"])
def test_the_first_recipient_counts_as_ours(mailgate: Run, mail: Path, to: str) -> None:
    mail.write_bytes(MAIL.replace(b"support@g.test", to.encode()))
    (found,) = mailgate("explain", "--assume-auth", "pass", str(mail)).objects
    assert found["respond"]["challenge"] is True


def test_the_envelope_may_be_given(mailgate: Run, mail: Path) -> None:
    (found,) = mailgate("explain", "--mail-from", "<>", "--rcpt-to", "support@g.test", str(mail)).objects
    assert found["kind"] == "unknown_null"


def test_the_same_file_is_always_explained_the_same(mailgate: Run, mail: Path) -> None:
    line = ["explain", "--now", "2026-03-01T10:00:00Z", str(mail)]
    assert mailgate(*line).out == mailgate(*line).out


def test_paths_come_from_standard_input(mailgate: Run, mail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{mail}\n/nowhere\n"))
    first, second = mailgate("explain", "--from-stdin").objects
    assert (first["error"], second["error"]) == (None, "No such file or directory")
    assert tuple(second) == KEYS


@pytest.mark.parametrize("raw", [b"", b"\0\xff" * 500, b"\n" * 10, MAIL * 50], ids=["empty", "noise", "blank", "many"])
def test_any_file_is_explained(mailgate: Run, mail: Path, raw: bytes) -> None:
    mail.write_bytes(raw)
    (found,) = mailgate("explain", str(mail)).objects
    assert found["error"] is None


def test_no_configuration_is_the_laboratorys(
    mail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("MAILGATE_CONFIG", raising=False)
    assert run(["explain", str(mail)]) == 0
    assert '"error": null' in capfd.readouterr().out
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    "line", [["explain"], ["explain", "--now", "tomorrow", "x"], ["explain", "--assume-auth", "x", "y"]]
)
def test_a_question_that_makes_no_sense_is_64(line: list[str]) -> None:
    assert run(line) == 64


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_lines_may_end_as_any_system_writes_them(mailgate: Run, mail: Path, end: bytes) -> None:
    mail.write_bytes(MAIL.replace(b"\r\n", b"\n").replace(b"\n", end))
    (found,) = mailgate("explain", "--assume-auth", "pass", str(mail)).objects
    assert (found["from"], found["subject"], found["text"].strip()) == (
        "anne@x.test",
        "A question",
        "Where is my parcel?",
    )
