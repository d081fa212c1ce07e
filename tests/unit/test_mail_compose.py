import base64
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.mail.compose import LONGEST_LINE, Draft, compose, needs_utf8
from mailgate.mail.parse import parse
from mailgate.mail.text import text_of
from mailgate.model import Attachment, Mailaddr, Purpose

DRAFT = Draft(
    purpose=Purpose.ACKNOWLEDGE,
    sender=Mailaddr("support@g.test", "Support, Example"),
    to=Mailaddr("joe@x.test"),
    subject="We received your message",
    body="Hello,\n\nwe have it.\n",
    date=datetime(2026, 11, 22, 10, tzinfo=UTC),
    message_id="<mg1.am.1@g.test>",
    trace="v=1; i=lab; k=acknowledge; n=1; t=2; m=3",
    marker="mg-a0000000-00000000",
    reply_to="support+r1token@g.test",
    in_reply_to="<1@x.test>",
    references=("<0@x.test>", "<1@x.test>"),
    thread_guid=bytes(range(16)),
)
TO_STAFF = {"auto-submitted", "precedence", "x-auto-response-suppress"}
MARKS = {
    Purpose.ACKNOWLEDGE: TO_STAFF | {"x-autoreply"},
    Purpose.CHALLENGE: TO_STAFF | {"x-autoreply"},
    Purpose.NOTICE: TO_STAFF,
    Purpose.DIGEST: TO_STAFF,
    Purpose.AGENT: set[str](),
}
COMPOSED = [purpose for purpose in Purpose if purpose is not Purpose.REDIRECT]  # that keeps the bytes it came with


def test_an_acknowledgement_is_exactly_this() -> None:
    expected = """\
Date: Sun, 22 Nov 2026 10:00:00 +0000
From: "Support, Example" <support@g.test>
To: <joe@x.test>
Reply-To: <support+r1token@g.test>
Subject: We received your message
Message-ID: <mg1.am.1@g.test>
In-Reply-To: <1@x.test>
References: <0@x.test> <1@x.test>
Auto-Submitted: auto-replied
Precedence: bulk
X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply
X-Autoreply: yes
Mailgate-Trace: v=1; i=lab; k=acknowledge; n=1; t=2; m=3
Thread-Index: AdxbloxMAAABAgMEBQYHCAkKCwwNDg8=
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

Hello,

we have it.

Ref: mg-a0000000-00000000
"""
    composed = compose(DRAFT).decode()
    index = "Thread-Index: "
    assert [line for line in composed.split("\r\n") if not line.startswith(index)] == [
        line for line in expected.split("\n") if not line.startswith(index)
    ]


@pytest.mark.parametrize("purpose", COMPOSED)
def test_only_what_a_machine_wrote_is_marked_so(purpose: Purpose) -> None:
    present = MARKS[Purpose.ACKNOWLEDGE] & set(parse(compose(replace(DRAFT, purpose=purpose))).headers)
    assert present == MARKS[purpose]


@pytest.mark.parametrize("purpose", COMPOSED)
def test_no_field_that_makes_others_act_is_ever_written(purpose: Purpose) -> None:
    names = set(parse(compose(replace(DRAFT, purpose=purpose))).headers)
    assert not names & {"disposition-notification-to", "return-receipt-to", "x-ms-exchange-inbox-rules-loop", "list-id"}
    assert not any(name.startswith("list-") for name in names)


def test_the_thread_index_is_time_and_guid() -> None:
    index = base64.b64decode(parse(compose(DRAFT)).headers["thread-index"][0])
    assert (len(index), index[0], index[6:]) == (22, 1, bytes(range(16)))
    ticks = int.from_bytes(b"\x01" + index[1:6] + b"\0\0", "big")
    assert abs(ticks / 1e7 - 11_644_473_600 - DRAFT.date.timestamp()) < 1


def test_of_a_long_chain_the_first_and_the_newest_ten_references_stay() -> None:
    chain = tuple(f"<{number}@x.test>" for number in range(40))
    assert parse(compose(replace(DRAFT, references=chain))).references == (chain[0], *chain[-10:])


def test_what_is_not_ascii_is_encoded_so_that_no_relay_changes_it() -> None:
    draft = replace(
        DRAFT, subject="Grüße " * 30, sender=Mailaddr("support@g.test", "Büro"), body="Grüße\n" + "ä" * 5000
    )
    raw = compose(draft)
    read = parse(raw)
    assert raw.isascii()
    assert (read.subject, read.authors) == (("Grüße " * 30).strip(), (Mailaddr("support@g.test", "Büro"),))
    assert read.headers["content-transfer-encoding"] == ("quoted-printable",)
    assert text_of(raw) == f"Grüße\n{'ä' * 5000}\n\nRef: {DRAFT.marker}\n"


def test_the_standard_library_reads_the_same() -> None:
    draft = replace(DRAFT, subject="Grüße, " * 20, body="Grüße\n")
    read = message_from_bytes(compose(draft), policy=policy.default)
    assert read["subject"] == ("Grüße, " * 20).strip()
    assert read["from"].addresses[0].addr_spec == "support@g.test"
    assert read.get_content().replace("\r\n", "\n") == f"Grüße\n\nRef: {DRAFT.marker}\n"
    assert not read.defects


@pytest.mark.parametrize("address", ['"joe smith"@x.test', "joe@[192.0.2.1]", "用户@例子.测试"])
def test_unusual_addresses_are_written_as_they_are(address: str) -> None:
    draft = replace(DRAFT, to=Mailaddr(address))
    assert [each.address for each in parse(compose(draft)).to] == [address]
    assert needs_utf8(draft) is not address.isascii()


def test_a_line_that_is_too_long_for_mail_is_wrapped_in_transfer() -> None:
    raw = compose(replace(DRAFT, body="x" * 5000))
    assert max(map(len, raw.split(b"\r\n"))) <= LONGEST_LINE
    assert text_of(raw).startswith("x" * 5000)


def test_files_stand_behind_the_text_and_come_out_as_they_went_in() -> None:
    files = (
        Attachment("Rechnung für Müller 你好.pdf", "application/pdf", bytes(range(256)) * 20),
        Attachment("../../etc/passwd", "text/plain", b"a bare\nline\rend"),
        Attachment("", "message/rfc822", b""),
    )
    read = message_from_bytes(compose(replace(DRAFT, body="Grüße\n", files=files)), policy=policy.default)
    text, *attached = read.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == f"Grüße\n\nRef: {DRAFT.marker}"
    assert [part.get_filename() for part in attached] == ["Rechnung für Müller 你好.pdf", "passwd", "attachment"]
    assert [part.get_payload(decode=True) for part in attached] == [file.content for file in files]
    kinds = [part.get_content_type() for part in attached]
    assert kinds == ["application/pdf", "text/plain", "application/octet-stream"]
    assert not read.defects


def test_who_else_gets_it_is_named_on_lines_of_a_good_length() -> None:
    copied = tuple(Mailaddr(f"colleague-{number}@x.test", "Joe, Jr.") for number in range(9))
    raw = compose(replace(DRAFT, cc=copied))
    assert parse(raw).cc == copied
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_an_international_address_among_the_copied_needs_it_at_the_next_hop() -> None:
    assert needs_utf8(replace(DRAFT, cc=(Mailaddr("用户@例子.测试"),)))


HOSTILE = st.text(max_size=60) | st.text(alphabet='a@x.<>,;:"\\()[]=?\r\n\t \x00\x85\u2028ä', max_size=60)


DRAFTS = st.builds(
    Draft,
    purpose=st.sampled_from(COMPOSED),
    sender=st.builds(Mailaddr, st.just("support@g.test"), HOSTILE),
    to=st.builds(Mailaddr, HOSTILE, HOSTILE),
    subject=HOSTILE,
    body=st.text(max_size=300),
    date=st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)),
    message_id=HOSTILE,
    trace=HOSTILE,
    marker=HOSTILE,
    reply_to=HOSTILE,
    in_reply_to=HOSTILE,
    references=st.lists(HOSTILE, max_size=4).map(tuple),
    thread_guid=st.binary(max_size=20),
    cc=st.lists(st.builds(Mailaddr, HOSTILE, HOSTILE), max_size=2).map(tuple),
    files=st.lists(st.builds(Attachment, HOSTILE, HOSTILE, st.binary(max_size=99)), max_size=2).map(tuple),
)


@given(DRAFTS)
def test_no_value_can_change_the_shape_of_a_mail(draft: Draft) -> None:
    raw = compose(draft)
    read = parse(raw)
    expected = set(parse(compose(replace(DRAFT, purpose=draft.purpose, cc=(Mailaddr("joe@x.test"),)))).headers)
    marks = MARKS[draft.purpose]
    assert set(read.headers) <= expected
    assert {"from", "to", "date", "mime-version", "content-type"} | marks <= set(read.headers)
    assert all(len(values) == 1 for values in read.headers.values())
    assert [each.address for each in read.authors] == ["support@g.test"]
    assert len(read.to) <= 1
    assert len(read.cc) <= len(draft.cc)
    assert len(read.parts) == (len(draft.files) + 1 if draft.files else 0)
    assert read.defects == ()
    assert max(map(len, raw.split(b"\r\n"))) <= LONGEST_LINE
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
