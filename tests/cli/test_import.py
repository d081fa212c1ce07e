"""`mailgate import` and `mailgate tickets export`: an old mailbox becomes tickets, and a ticket becomes an mbox."""

from __future__ import annotations

import mailbox
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import MAIL, Run


def maildir(folder: Path, mails: int) -> Path:
    made = mailbox.Maildir(folder / "old", create=True)
    for number in range(mails):
        made.add(MAIL.replace(b"<1@", f"<{number}@".encode()).replace(b"parcel", f"parcel{number}".encode()))
    return folder / "old"


def test_a_mailbox_is_brought_in_once(gateway: Run, folder: Path) -> None:
    path = str(maildir(folder, 3))

    assert gateway("import", path, "--dry-run").out == "3 mails would be new; 0 were here already.\n"
    assert gateway("import", path).out == "3 mails are in 3 new tickets; 0 were here already.\n"
    (again,) = gateway("import", path, "--json").objects
    assert again == {"new": 0, "tickets": 0, "known": 3, "too_large": 0, "dry_run": False}
    assert [one["state"] for one in gateway("tickets", "list", "--all", "--json").objects] == ["closed"] * 3
    (ledger,) = gateway("ledger", "--json").objects
    assert (ledger["accepted"], ledger["balanced"]) == (3, True)


def test_only_what_is_wished_is_brought_in(gateway: Run, folder: Path) -> None:
    path = str(maildir(folder, 1))

    assert gateway("import", path, "--since", "2026-01-02", "--json").objects[0]["new"] == 0
    assert gateway("import", path, "--mailbox", "other@g.test").code == 67
    assert gateway("import", path, "--closed-after", "a month").code == 64
    assert gateway("import", path, "--closed-after", "99999d", "--json").objects[0]["tickets"] == 1
    assert [one["state"] for one in gateway("tickets", "list", "--json").objects] == ["open"]


def test_what_was_not_looked_through_yet_is_said(gateway: Run, folder: Path) -> None:
    gateway("import", str(maildir(folder, 2)))

    said = gateway("tickets", "list", "--search", "parcel")
    assert said.out == "No tickets.\n"
    assert "2 mails have not been looked through yet" in said.err


def test_a_ticket_leaves_as_an_mbox(gateway: Run, folder: Path) -> None:
    gateway("import", str(maildir(folder, 1)))
    (number,) = (one["number"] for one in gateway("tickets", "list", "--all", "--json").objects)
    target = folder / "ticket.mbox"

    assert gateway("tickets", "export", str(number), "--to", str(target)).code == 0
    with closing(mailbox.mbox(target)) as opened:
        assert [one.get_payload() for one in opened] == ["Where is my parcel0?\n"]
    assert gateway("tickets", "export", str(number)).out.encode() == target.read_bytes()
    assert gateway("tickets", "export", "99").code == 67
