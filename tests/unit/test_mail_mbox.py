"""A ticket as an mbox: what every program reads, and what loses nothing."""

from __future__ import annotations

import mailbox
import re
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mailgate import mailboxes
from mailgate.mail.mbox import Leaf, mbox

AT = datetime(2026, 1, 5, 9, 3, 7, tzinfo=UTC)
LINES = st.lists(st.sampled_from([b"From x", b">From x", b">>From ", b"From", b"", b"x", b"> From y"]) | st.binary())


def raw(lines: list[bytes]) -> bytes:
    """A mail of these lines, as it is on the wire."""
    whole = [re.sub(rb"[\r\n]", b"", line) for line in lines]
    return b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in whole)


def test_it_begins_with_who_and_when_whatever_the_locale() -> None:
    assert b"".join(mbox([Leaf("anne@x.test", AT, b"Subject: x\r\n\r\nFrom me\r\n>From you\r\nbye")])) == (
        b"From anne@x.test Mon Jan  5 09:03:07 2026\nSubject: x\n\n>From me\n>>From you\nbye\n\n"
    )
    assert next(mbox([Leaf("", AT, b"\n")])).startswith(b"From MAILER-DAEMON Mon ")
    assert next(mbox([Leaf("a b\nFrom c", AT, b"\n")])).startswith(b"From abFromc Mon ")


@given(st.lists(LINES.map(raw), min_size=1, max_size=4))
def test_pythons_own_reader_gives_back_every_byte(mails: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ticket.mbox"
        file.write_bytes(b"".join(mbox(Leaf("anne@x.test", AT, one) for one in mails)))
        with closing(mailbox.mbox(file)) as opened:
            read = [opened.get_bytes(key) for key in opened.keys()]  # noqa: SIM118 - no mapping
    unquoted = [re.sub(rb"(?m)^>(>*From )", rb"\1", one) for one in read]
    assert [one.replace(b"\n", b"\r\n") for one in unquoted] == mails


@given(st.lists(LINES.map(raw), min_size=1, max_size=4))
def test_our_own_reader_gives_back_every_byte(mails: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ticket.mbox"
        file.write_bytes(b"".join(mbox(Leaf("anne@x.test", AT, one) for one in mails)))
        places = mailboxes.find([file], AT, Path(folder))
        assert [mailboxes.raw_of(place) for place in places] == mails
