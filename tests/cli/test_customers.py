"""Our customers at the command line: brought in as a list, their addresses joined and parted, all in plain words."""

from __future__ import annotations

import asyncio
import json
import mailbox
import sqlite3
import stat
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailgate.testing import Lab
from tests.cli.conftest import MAIL, Run
from tests.fakes.letters import letter

TABLE = "address,name,company\nanne@x.test,Anne,X Ltd\nBart+shop@y.test,Bart,\n"


@pytest.fixture
def table(folder: Path) -> Path:
    path = folder / "customers.csv"
    path.write_text(TABLE)
    return path


def standing(gateway: Run, address: str) -> tuple[str, str | None]:
    (found,) = gateway("senders", "show", address, "--json").objects
    return found["standing"], found["trust"]


def test_a_customer_base_is_imported_and_its_people_are_trusted(gateway: Run, table: Path) -> None:
    (told,) = gateway("senders", "import", str(table), "--json").objects

    assert (told["rows"], told["new"], told["encoding"]) == (2, 2, "utf-8")
    assert standing(gateway, "anne@x.test") == ("trusted", "import")
    (found,) = gateway("senders", "show", "bart@y.test", "--json").objects
    assert (found["name"], found["contact"], found["history"][0]["event"]) == ("Bart", "Bart", "imported")
    assert gateway("outbox", "list", "--json").objects == []
    assert gateway("ledger", "--json").objects[0]["balanced"]


def test_the_same_import_again_changes_nothing(gateway: Run, table: Path) -> None:
    gateway("senders", "import", str(table))
    before = [gateway("senders", "list", "--json").out, gateway("senders", "show", "anne@x.test").out]

    told = gateway("senders", "import", str(table))

    assert told.out.splitlines()[1:] == ["       2 known, and as before"]
    assert [gateway("senders", "list", "--json").out, gateway("senders", "show", "anne@x.test").out] == before


def test_a_dry_run_writes_nothing(gateway: Run, table: Path) -> None:
    told = gateway("senders", "import", str(table), "--dry-run")

    assert told.out.splitlines() == ["2 customers were read; nothing was written, this would be:", "       2 new"]
    assert gateway("senders", "list", "--json").objects == []


def test_without_trust_they_are_only_known_by_name(gateway: Run, table: Path) -> None:
    gateway("senders", "import", str(table), "--no-trust")

    assert standing(gateway, "anne@x.test") == ("unknown", None)


def test_a_table_with_faults_imports_nothing_and_lists_them_all(gateway: Run, folder: Path, table: Path) -> None:
    table.write_text(TABLE + "nobody,N,\ncleo@z.test,Cleo\n" + "x,y,z\n" * 150)

    told = gateway("senders", "import", str(table))

    assert (told.code, told.out) == (65, "Nothing was imported: 152 faults.\n")
    lines = told.err.splitlines()
    assert len(lines) == 101
    assert lines[0].endswith("customers.csv:4: address: found 'nobody'; allowed: one address, such as anne@example.com")
    assert lines[1].endswith("customers.csv:5: row: found 2 columns; allowed: 3, as in the first line")
    assert lines[-1] == "mailgate: and 52 faults more"
    assert gateway("senders", "list", "--json").objects == []
    (facts,) = gateway("senders", "import", str(table), "--json").objects
    assert (facts["imported"], facts["faults"], facts["first"][0]["line"]) == (0, 152, 4)


@pytest.mark.parametrize(
    ("encoding", "told"), [("latin-1", "latin-1"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16")]
)
def test_a_table_of_any_program_is_read(gateway: Run, table: Path, encoding: str, told: str) -> None:
    table.write_bytes("address;name\njörg@x.test;Jörg\n".replace("jörg@", "joerg@").encode(encoding))

    done = gateway("senders", "import", str(table))
    (found,) = gateway("senders", "show", "joerg@x.test", "--json").objects

    assert found["name"] == "Jörg"
    assert ("it was read as Latin-1" in done.out) == (told == "latin-1")


def test_who_is_no_customer_is_left_out_and_said(gateway: Run, folder: Path, table: Path) -> None:
    gateway("senders", "block", "eve@evil.test")
    table.write_text(
        "address\nsupport@g.test\nlead@office.test\nno-reply@shop.test\nmailer-daemon@x.test\neve@evil.test\ninfo@x.test\n"
    )

    told = gateway("senders", "import", str(table))

    assert told.out.splitlines() == [
        "6 customers were imported:",
        "       1 new",
        "       1 blocked, robot or undeliverable: they stay so",
        "       1 left out: our own mailboxes",
        "       1 left out: our own people",
        "       2 left out: addresses of machines",
        "  left out: support@g.test (ours)",
        "  left out: lead@office.test (of our own people)",
        "  left out: no-reply@shop.test (a machine's)",
        "  left out: mailer-daemon@x.test (a machine's)",
    ]
    assert standing(gateway, "eve@evil.test") == ("blocked", None)


def ours(to: str, date: str = "Mon, 5 Jan 2026 10:00:00 +0000", **fields: str) -> bytes:
    lines = {"From": "Desk <support@g.test>", "To": to, "Date": date, **fields}
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode() + b"\nHello.\n"


SENT = (
    ours("Anne <anne@x.test>", "Mon, 5 Jan 2026 10:00:00 +0000"),
    ours("Annie <ANNE@x.test>", "Tue, 6 Jan 2026 10:00:00 +0000", Cc="bart@y.test"),
    ours("Old Anne <anne@x.test>", "Sun, 4 Jan 2026 10:00:00 +0000"),
    ours("away@x.test", **{"Auto-Submitted": "auto-replied"}),
    ours("someone@x.test", From="cris@office.test"),
)


@pytest.mark.parametrize("form", ["mbox", "maildir"])
def test_a_box_of_sent_mail_is_imported_by_the_newest_names(gateway: Run, folder: Path, form: str) -> None:
    path = folder / "Sent"
    box: mailbox.Mailbox = mailbox.mbox(path) if form == "mbox" else mailbox.Maildir(path)
    for mail in SENT:
        box.add(mail)
    box.close()

    (told,) = gateway("senders", "import", str(path), "--json").objects
    found = {one["address"]: one["name"] for one in gateway("senders", "list", "--json").objects}

    assert (told["rows"], told["new"]) == (2, 2)
    assert found == {"anne@x.test": "Annie", "bart@y.test": ""}
    (more,) = gateway("senders", "import", str(path), "--from", "cris@office.test", "--json").objects
    assert (more["new"], more["rows"]) == (1, 3)


def test_what_is_no_box_is_said_so(gateway: Run, folder: Path) -> None:
    told = gateway("senders", "import", str(folder))

    assert told.code == 69
    assert "is no Maildir" in told.err
    assert gateway("senders", "import", str(folder / "nothing")).code == 64


def test_a_hundred_thousand_customers_take_a_few_transactions_each_of_a_thousand(gateway: Run, table: Path) -> None:
    table.write_text(
        "address,name\n" + "".join(f"c{number}@x{number % 999}.test,C {number}\n" for number in range(3500))
    )

    (told,) = gateway("senders", "import", str(table), "--json").objects

    assert (told["rows"], told["new"]) == (3500, 3500)


# ── Several addresses of one person ───────────────────────────────────────────────────────────────────────────────────


def linked(gateway: Run, address: str) -> list[str]:
    (found,) = gateway("senders", "show", address, "--json").objects
    return list(found["linked"])


def test_addresses_are_joined_parted_and_their_history_says_by_whom(gateway: Run, table: Path) -> None:
    gateway("senders", "import", str(table), "--agent", "cris")
    assert gateway("senders", "link", "anne@x.test", "a.nne@gmail.com", "--agent", "cris").out == (
        "One person: anne@gmail.com, anne@x.test.\n"
    )
    assert gateway("senders", "link", "bart@y.test", "anne@gmail.com", "--agent", "cris").code == 0

    assert linked(gateway, "anne@gmail.com") == ["anne@x.test", "bart@y.test"]
    shown = gateway("senders", "show", "anne@x.test").out
    assert "Customer: Bart, X Ltd." in shown
    assert "The same person writes from anne@gmail.com (unknown), bart@y.test (trusted)." in shown
    assert "linked by agent:cris: anne@gmail.com, anne@x.test" in shown

    assert gateway("senders", "unlink", "bart@y.test", "--agent", "dora").code == 0
    assert linked(gateway, "bart@y.test") == []
    assert linked(gateway, "anne@gmail.com") == ["anne@x.test"]
    assert "unlinked by agent:dora: bart@y.test" in gateway("senders", "show", "anne@x.test").out


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["link", "anne@x.test", "Anne+a@x.test"], 69),
        (["link", "anne@x.test", "support@g.test"], 69),
        (["link", "anne@x.test", "nobody"], 69),
        (["unlink", "anne@x.test"], 67),
        (["unlink", "nobody@x.test"], 67),
    ],
    ids=str,
)
def test_what_cannot_be_joined_or_parted_is_said(gateway: Run, table: Path, line: list[str], code: int) -> None:
    gateway("senders", "import", str(table))

    assert gateway("senders", *line).code == code


def test_one_person_has_not_any_number_of_addresses(gateway: Run) -> None:
    for number in range(19):
        assert gateway("senders", "link", "anne@x.test", f"anne{number}@x.test").code == 0

    assert "at most 20" in gateway("senders", "link", "anne@x.test", "more@x.test").err


# ── In plain words ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_list_says_in_words_how_each_stands_and_codes_stay_for_programs(gateway: Run, table: Path) -> None:
    gateway("senders", "import", str(table))
    gateway("senders", "block", "eve@evil.test")

    told = gateway("senders", "list").out

    assert "trusted (customer base), until 20" in told
    assert "eve@evil.test  blocked " in told
    codes = {one["address"]: one["standing"] for one in gateway("senders", "list", "--json").objects}
    assert codes == {"anne@x.test": "trusted", "bart@y.test": "trusted", "eve@evil.test": "blocked"}


def test_a_sender_is_shown_with_what_it_means_for_mail_in_and_out(gateway: Run, folder: Path, table: Path) -> None:
    gateway("senders", "import", str(table))
    gateway("senders", "block", "eve@evil.test")

    known, evil = gateway("senders", "show", "anne@x.test").out, gateway("senders", "show", "eve@evil.test").out

    assert "It is trusted because it stands in our customer base, for mail that is proven by DKIM." in known
    assert "Mail from it: what is proven makes tickets at once" in known
    assert "Mail from it: it is kept as spam, out of view." in evil
    assert "Mail to it: nothing automatic" in evil


def test_an_import_lets_no_held_mail_in_and_answers_none(gateway: Run, folder: Path, table: Path) -> None:
    url = f"sqlite:///{folder / 'mailgate.db'}"

    async def wait() -> None:
        async with Lab(store_url=url) as lab:
            await lab.receive(MAIL, mail_from="anne@x.test", auth="A0")
            await lab.settle()

    asyncio.run(wait())
    gateway("senders", "import", str(table))

    assert [one["state"] for one in gateway("held", "list", "--json").objects] == ["human"]
    with closing(sqlite3.connect(folder / "mailgate.db")) as connection:
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


# ── One person's data ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def written(gateway: Run, folder: Path, table: Path) -> Run:
    """Anne is a customer and has a ticket."""
    gateway("senders", "import", str(table))

    async def write() -> None:
        now = datetime.now(UTC)
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", start=now) as lab:
            await lab.receive(letter("anne@x.test", text="Where is my parcel?", date=now), mail_from="anne@x.test")
            await lab.settle()

    asyncio.run(write())
    return gateway


def test_all_that_is_held_of_a_person_goes_into_one_file_for_its_owner_alone(written: Run, folder: Path) -> None:
    (told,) = written("senders", "export", "anne+x@x.test", "--to", str(folder), "--json").objects
    file = Path(told["file"])

    assert (told["addresses"], told["mails"], told["tickets"]) == (["anne@x.test"], 2, 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        person = json.loads(archive.read("person.json"))
        mails = [archive.read(name) for name in names if name.endswith(".eml")]
        facts = [json.loads(archive.read(name)) for name in names if name.startswith("mails/") and "json" in name]
    assert len(names) == 5
    assert len([raw for raw in mails if b"Where is my parcel?" in raw]) == 1
    assert [one["address"] for one in person["addresses"]] == ["anne@x.test"]
    assert [one["company"] for one in person["contact"]] == ["X Ltd"]
    assert [one["event"] for one in person["history"]] == ["imported"]
    assert [one["purpose"] for one in person["automatic_mail"]] == ["acknowledge"]
    assert len([one for one in facts if one["verdict"]]) == 1


def test_an_export_overwrites_nothing_and_leaves_no_half_file(written: Run, folder: Path) -> None:
    file = folder / "anne.zip"
    file.write_text("precious")

    assert written("senders", "export", "anne@x.test", "--to", str(file)).code == 69
    assert file.read_text() == "precious"
    assert written("senders", "export", "nobody@x.test", "--to", str(folder / "n.zip")).code == 67
    assert not (folder / "n.zip").exists()


def test_nobody_is_forgotten_without_a_yes(written: Run) -> None:
    told = written("senders", "forget", "anne@x.test")

    assert told.code == 69
    assert "Erase anne@x.test: 2 mails and the content of 1 tickets? Nobody is here to ask; say --yes" in told.err
    assert written("senders", "show", "anne@x.test").code == 0


def test_who_is_forgotten_is_said_in_numbers_and_is_gone(written: Run) -> None:
    told = written("senders", "forget", "anne@x.test", "--yes", "--agent", "dora").out.splitlines()

    assert told[0] == "Erased: anne@x.test; 2 mails; 1 tickets are bare numbers now."
    assert told[2].startswith("1 permits keep an address")
    assert told[-1].startswith("Backups made until now still hold everything")
    assert written("senders", "show", "anne@x.test").code == 67
    (ticket,) = written("tickets", "list", "--all", "--json").objects
    assert (ticket["number"], ticket["subject"], ticket["state"]) == (1, "erased on request", "closed")
    assert "erased" in written("tickets", "show", "1").out
    assert written("ledger", "--json").objects[0]["balanced"]
