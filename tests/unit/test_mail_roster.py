"""A customer base is read as people keep it: tables of all makes, and the mails that were sent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.errors import Fault
from mailgate.mail import roster
from mailgate.mail.roster import Addressed
from mailgate.model import Customer

ANNE, BART = Customer("anne@x.test", "Anne", "X Ltd"), Customer("bart@y.test", "Bart", "")


def read(text: str) -> list[Customer | Fault]:
    return list(roster.table(text.splitlines(keepends=True), "list.csv"))


def faults(text: str) -> list[str]:
    return [str(one) for one in read(text) if isinstance(one, Fault)]


@pytest.mark.parametrize(
    "text",
    [
        "address,name,company\nanne@x.test,Anne,X Ltd\nbart@y.test,Bart,\n",
        "Address;Name;Company\r\nanne@x.test;Anne;X Ltd\r\nbart@y.test;Bart;\r\n",
        "company\te-mail\tname\nX Ltd\tanne@x.test\tAnne\n\tbart@y.test\tBart\n",
        '\ufeff"address","name","company"\n\n"anne@X.test","Anne","X Ltd"\n bart@y.test ,Bart,\n',
        "id,Email,Name,Firma,phone\n1,anne@x.test,Anne,X Ltd,+49\n2,bart@y.test,Bart,,\n",
    ],
    ids=["commas", "semicolons and CRLF", "tabs, in another order", "a mark, quotes and empty lines", "more columns"],
)
def test_a_table_is_read_whatever_its_make(text: str) -> None:
    assert read(text) == [ANNE, BART]


def test_a_table_may_have_addresses_alone() -> None:
    assert read("address\nanne@x.test\n") == [Customer("anne@x.test")]


@pytest.mark.parametrize("text", ["", "\n\n", "anne@x.test,Anne\n", "name;company\nAnne;X\n"])
def test_a_table_without_a_heading_has_one_fault(text: str) -> None:
    (fault,) = faults(text)

    assert fault.startswith("list.csv:1: heading: found ")
    assert "a first line that names the columns: address, name, company" in fault


def test_every_fault_is_told_with_its_line_what_was_found_and_what_is_allowed() -> None:
    text = (
        "address,name\nanne@x.test,Anne\nnobody,Bart\n,Cleo\nanne@x.test\n"
        f'joe@localhost,Joe\nkim@x.test,{"K" * 201}\n"li"x,Li\nmo@x.test,Mo\n'
    )

    assert faults(text) == [
        "list.csv:3: address: found 'nobody'; allowed: one address, such as anne@example.com",
        "list.csv:4: address: found nothing; allowed: one address, such as anne@example.com",
        "list.csv:5: row: found 1 columns; allowed: 2, as in the first line",
        "list.csv:6: address: found 'joe@localhost'; allowed: one address, such as anne@example.com",
        "list.csv:7: name: found 201 characters; allowed: at most 200",
        "list.csv:8: row: found ',' expected after '\"'; allowed: "
        'cells without ", or whole in "quotes" and with "" for one',
    ]
    assert [one.address for one in read(text) if isinstance(one, Customer)] == ["anne@x.test", "mo@x.test"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("=HYPERLINK(1)", "HYPERLINK(1)"),
        ("@SUM(1)", "SUM(1)"),
        ("-+=1", "1"),
        ("Anne\r\nBcc: all@x.test", "Anne Bcc: all@x.test"),
        ("Anne\tB.", "Anne B."),
        ("An\u202ene\x00", "Anne"),
        ("Jean-Luc = O'Neill", "Jean-Luc = O'Neill"),
    ],
)
def test_a_name_runs_in_no_spreadsheet_and_breaks_no_header(written: str, kept: str) -> None:
    assert roster.cleaned(written) == kept


@given(st.lists(st.text()))
def test_any_lines_are_a_table(lines: list[str]) -> None:
    for one in roster.table(["address,name\n", *lines], "list.csv"):
        assert isinstance(one, Fault | Customer)


# ── Mails that we sent ────────────────────────────────────────────────────────────────────────────────────────────────

OURS = {"support@g.test"}
SENT = b"From: Desk <Support@g.test>\nTo: Anne <anne@x.test>, bart@y.test\nCc: Cleo <cleo@z.test>\n"
DATED = SENT + b"Date: Mon, 5 Jan 2026 10:00:00 +0100\n"
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def told(head: bytes) -> list[Addressed]:
    return list(roster.addressed(head, OURS, str.lower))


def test_whom_we_wrote_to_is_known_by_name_and_day() -> None:
    assert told(DATED) == [
        Addressed(Customer("anne@x.test", "Anne"), AT),
        Addressed(Customer("bart@y.test"), AT),
        Addressed(Customer("cleo@z.test", "Cleo"), AT),
    ]


@pytest.mark.parametrize("line", [b"Date: never\n", b"", b"Date: Mon, 32 Foo 99999 10:00:00 +9999\n"])
def test_a_mail_without_a_day_is_as_old_as_can_be(line: bytes) -> None:
    assert {one.at.year for one in told(SENT + line)} == {1}


@pytest.mark.parametrize(
    "head",
    [
        DATED.replace(b"Support@g.test", b"anne@x.test"),
        DATED.replace(b"Support@g.test>", b"support@g.test>, joe@x.test"),
        DATED + b"Auto-Submitted: auto-replied\n",
        DATED + b"Precedence: bulk\n",
        DATED + b"List-Unsubscribe: <https://g.test/u>\n",
        b"",
    ],
    ids=["of somebody else", "of several", "of a machine", "in bulk", "a newsletter", "nothing"],
)
def test_what_a_person_of_ours_did_not_write_tells_of_no_customer(head: bytes) -> None:
    assert told(head) == []


def test_a_person_may_say_that_he_is_none_of_a_machine() -> None:
    assert len(told(DATED + b"Auto-Submitted: no\n")) == 3


def mbox(*mails: bytes) -> list[bytes]:
    return b"".join(b"From support@g.test Mon Jan  5 10:00:00 2026\n" + mail + b"\n" for mail in mails).splitlines(True)


def test_a_mailbox_file_is_read_by_its_heads() -> None:
    bodies = b"\nHello.\nFrom now on all is well.\n\nFrom here: nothing.\n"

    assert list(roster.heads(mbox(DATED + bodies, SENT, DATED.replace(b"\n", b"\r\n") + b"\r\nHi\r\n"))) == [
        DATED,
        SENT,
        DATED.replace(b"\n", b"\r\n"),
    ]


def test_a_head_without_end_is_cut() -> None:
    (head,) = roster.heads(mbox(b"X: y\n" * (roster.HEAD_MOST_BYTES // 4)))

    assert len(head) <= roster.HEAD_MOST_BYTES + 5


@given(st.lists(st.binary()))
def test_any_bytes_are_a_mailbox_file(lines: list[bytes]) -> None:
    assert all(isinstance(head, bytes) for head in roster.heads([b"From a Mon Jan 5 10:00:00 2026\n", *lines]))
