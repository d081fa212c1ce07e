"""The pipe transport never loses a mail and never lets one be bounced for a trouble of ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from mailgate.cli import run
from tests.cli.conftest import MAIL, Run

ENVELOPE = ["--mail-from", "anne@x.test", "--rcpt-to", "support@g.test"]


def test_a_mail_is_safe_when_we_say_so(gateway: Run, mail: Path) -> None:
    done = gateway("--json", "inject", *ENVELOPE, str(mail))
    assert (done.code, done.objects[0]["code"]) == (0, 250)
    assert done.objects[0]["text"].startswith("2.0.0 Ok: queued as ")


def test_the_same_mail_again_is_the_same_mail(gateway: Run, mail: Path) -> None:
    first = gateway("inject", *ENVELOPE, str(mail))
    again = gateway("inject", *ENVELOPE, str(mail))
    assert (again.code, again.out) == (0, first.out)


def test_a_mail_comes_from_standard_input(gateway: Run, folder: Path) -> None:
    program = [str(Path(sys.executable).with_name("mailgate")), "--config", str(folder / "config.toml"), "inject"]
    done = subprocess.run([*program, *ENVELOPE, "-"], input=MAIL, capture_output=True, check=False)
    assert (done.returncode, done.stdout[:4]) == (0, b"250 ")


@pytest.mark.parametrize("recipient", ["nobody@g.test", "anne@elsewhere.test"])
def test_an_unknown_mailbox_is_67(gateway: Run, mail: Path, recipient: str) -> None:
    assert gateway("inject", "--mail-from", "a@x.test", "--rcpt-to", recipient, str(mail)).code == 67


def test_a_mail_is_taken_for_all_its_recipients_or_for_none(gateway: Run, mail: Path) -> None:
    assert gateway("inject", *ENVELOPE, "--rcpt-to", "nobody@g.test", str(mail)).code == 67
    assert gateway("--json", "inject", *ENVELOPE, str(mail)).objects[0]["text"].startswith("2.0.0 Ok")


@pytest.mark.parametrize("raw", [b"", b"\n\n"], ids=["nothing", "blank"])
def test_an_empty_mail_is_65(gateway: Run, mail: Path, raw: bytes) -> None:
    mail.write_bytes(raw)
    assert gateway("inject", *ENVELOPE, str(mail)).code == 65


def test_a_mail_that_is_too_large_is_65(gateway: Run, mail: Path, folder: Path) -> None:
    with (folder / "config.toml").open("a") as config:
        config.write("[wire]\nsize_bytes = 65536\n")
    mail.write_bytes(MAIL + b"x" * 65536)
    assert gateway("inject", *ENVELOPE, str(mail)).code == 65


def test_no_database_is_75(mailgate: Run, mail: Path) -> None:
    mailgate("keys", "init")
    assert mailgate("inject", *ENVELOPE, str(mail)).code == 75


def test_a_broken_configuration_is_75_and_told(gateway: Run, mail: Path, folder: Path) -> None:
    (folder / "config.toml").write_text("nonsense")
    done = gateway("inject", *ENVELOPE, str(mail))
    assert done.code == 75
    assert "TOML" in done.err


def test_a_file_that_is_not_there_is_75(gateway: Run) -> None:
    assert gateway("inject", *ENVELOPE, "/nowhere/mail").code == 75


def test_a_wrong_command_line_is_75() -> None:
    assert run(["inject", "--nonsense"]) == 75
