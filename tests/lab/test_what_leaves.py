"""What our mail carries, field by field: every acknowledgement, challenge and answer of a person, as it left."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any

import pytest

from mailgate.judge import token
from mailgate.mail.parse import parse
from mailgate.model import Level, Peer, TokenKind
from mailgate.net.authenticate import Authenticator
from mailgate.testing import KEYS, Lab, Sent
from tests.fakes.dns import Zone
from tests.fakes.letters import body, letter, read

KINDS = ("acknowledge", "challenge", "agent")
MACHINES = ("acknowledge", "challenge")
SUBJECT = "subscribe me 12345"
TEXT = "Words of a stranger, and a link: http://evil.test/"
BOXES = [{"address": "support@g.test", "mode": "guarded"}, {"address": "sales@g.test", "mode": "off"}]
MARKS = {
    "Auto-Submitted": "auto-replied",
    "Precedence": "bulk",
    "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply",
    "X-Autoreply": "yes",
}
SIGNED_MARKS = [name for name in MARKS if name != "X-Autoreply"]  # which no standard knows
# Programs act on these: scanners on List-Unsubscribe (RFC 8058), and Exchange counts the rules' loops by the third.
NEVER = {"disposition-notification-to", "return-receipt-to", "x-ms-exchange-inbox-rules-loop", "errors-to", "cc", "bcc"}
MOST_BYTES = 2048  # of what a machine writes


@dataclass(frozen=True)
class Left:
    """A mail that left, the address that its customer had written to, and the zone of the laboratory."""

    sent: Sent
    mailbox: str
    author: str
    zone: dict[tuple[str, str], Any]

    @property
    def fields(self) -> Message:
        return read(self.sent.raw)

    @property
    def token(self) -> token.Token:
        found = token.read_message_id(self.fields["Message-ID"], KEYS)
        assert found
        return found


async def what_left(**outbound: str) -> dict[str, Left]:
    """One mail of each kind: a stranger is asked, a stranger to an open desk is answered, and then by a person."""
    # Verifiers look at the clock of the machine.
    async with Lab(overrides={"mailbox": BOXES, "outbound": outbound}, start=datetime.now(UTC)) as lab:
        for author, to in (("anne@x.test", "support@g.test"), ("carl@c.test", "sales@g.test")):
            raw = letter(author, to, subject=SUBJECT, text=TEXT, message_id=f"<1-{author}>", References=f"<0-{author}>")
            await lab.receive(raw, mail_from=author, rcpt_to=[to])
        await lab.settle()
        await lab.desk.reply(1, "We have looked into it.", "bob")
        await lab.settle()
        assert [one.kind for one in lab.sent].count("agent") == 1
        of = {one.kind: one for one in lab.sent}
        return {
            kind: Left(one, "support@g.test" if kind == "challenge" else "sales@g.test", one.rcpt_to, lab.dns)
            for kind, one in of.items()
        }


@pytest.fixture(scope="module")
def left_by_kind() -> dict[str, Left]:
    return asyncio.run(what_left())


@pytest.fixture(params=KINDS)
def left(request: pytest.FixtureRequest, left_by_kind: dict[str, Left]) -> Left:
    return left_by_kind[request.param]


def signed(address: str) -> token.Token | None:
    return token.read_token(token.looks_signed(address) or "", KEYS)


# ── Envelope ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_failures_come_back_to_a_signed_address(left: Left) -> None:
    assert signed(left.sent.mail_from) == token.Token(TokenKind.BOUNCE, "1", left.token.id)
    assert left.sent.mail_from.startswith(f"{left.mailbox.partition('@')[0]}+")


async def test_where_bounces_have_a_domain_they_come_there() -> None:
    for kind, left in (await what_left(bounce_domain="b.g.test")).items():
        local, _, domain = left.sent.mail_from.rpartition("@")
        assert (len(local), domain, signed(left.sent.mail_from) is not None) == (42, "b.g.test", True), kind


# ── Who writes to whom ────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_from_the_very_address_that_was_written_to(left: Left) -> None:
    assert left.fields["From"] == f"<{left.mailbox}>"


def test_it_goes_to_one_person_alone(left: Left) -> None:
    assert left.fields["To"] == f"<{left.author}>"
    assert left.sent.rcpt_to == left.author


def test_an_answer_comes_to_a_signed_address(left: Left) -> None:
    kind = TokenKind.CHALLENGE if left.sent.kind == "challenge" else TokenKind.REPLY
    assert signed(left.fields["Reply-To"].strip("<>")) == token.Token(kind, "1", left.token.id)


# ── What it is ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", MARKS)
def test_what_a_machine_wrote_is_marked_and_what_a_person_wrote_is_not(left: Left, name: str) -> None:
    expected = [MARKS[name]] if left.sent.kind in MACHINES else None
    assert left.fields.get_all(name) == expected


def test_it_can_be_known_again_by_its_trace(left: Left) -> None:
    value = left.fields["Mailgate-Trace"]
    assert token.read_trace(value, KEYS) == left.token
    assert f"k={left.sent.kind};" in value


def test_it_can_be_known_again_by_its_last_line(left: Left) -> None:
    last = body(left.sent.raw).splitlines()[-1]
    assert last.startswith("Ref: mg-")
    assert token.read_marker(last.removeprefix("Ref: "), KEYS) is not None


def test_it_stands_in_the_thread_of_what_it_answers(left: Left) -> None:
    assert left.fields["In-Reply-To"] == f"<1-{left.author}>"
    references = left.fields["References"].split()
    assert (references[0], references[-1]) == (f"<0-{left.author}>", f"<1-{left.author}>")


def test_no_name_of_a_host_and_no_number_of_a_ticket_stands_in_its_id(left: Left) -> None:
    assert re.fullmatch(r"<mg1\.1m\.[0-9a-z]{13}\.[0-9a-z]{26}@g\.test>", left.fields["Message-ID"])


def test_outlook_finds_one_thread_for_one_ticket(left_by_kind: dict[str, Left]) -> None:
    found = {kind: base64.b64decode(left.fields["Thread-Index"]) for kind, left in left_by_kind.items()}
    assert {len(index) for index in found.values()} == {22}
    guids = {kind: index[6:] for kind, index in found.items()}
    assert guids["acknowledge"] == guids["agent"] != guids["challenge"]


def test_nothing_that_programs_act_on_is_in_it(left: Left) -> None:
    names = {name.lower() for name in left.fields}
    assert not names & NEVER
    assert not [name for name in names if name.startswith(("list-", "received", "return-path", "x-mailer"))]


def test_every_field_stands_in_it_once(left: Left) -> None:
    names = [name.lower() for name in left.fields]
    assert sorted(names) == sorted(set(names))


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_repeats_no_word_of_a_stranger(left_by_kind: dict[str, Left], kind: str) -> None:
    raw = left_by_kind[kind].sent.raw
    words = [SUBJECT.encode(), b"subscribe", b"12345", b"stranger", b"evil.test", b"\r\n>"]
    assert [word for word in words if word in raw] == []


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_is_brief(left_by_kind: dict[str, Left], kind: str) -> None:
    assert len(body(left_by_kind[kind].sent.raw).encode()) <= MOST_BYTES


def test_it_is_plain_text_alone(left: Left) -> None:
    assert left.fields.get_content_type() == "text/plain"
    assert left.fields.get_content_charset() == "utf-8"
    assert not parse(left.sent.raw).defects


# ── Who proves it ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def proven(left: Left, change: Callable[[bytes], bytes] = lambda raw: raw) -> tuple[Level, str]:
    names = Zone({where: tuple(text.encode() for text in texts) for where, texts in left.zone.items()})
    found = await Authenticator(names).authenticate(change(left.sent.raw), "", Peer(known=False), "g.test")
    return found.level, found.dkim


async def test_a_signature_of_the_domain_of_its_author_proves_it(left: Left) -> None:
    assert await proven(left) == (Level.A2, "pass")


@pytest.mark.parametrize("name", ["From", "Reply-To", "Subject", "To", "Message-ID", *SIGNED_MARKS])
async def test_what_it_says_of_itself_cannot_be_changed(left: Left, name: str) -> None:
    added = f"{name}: <joe@evil.test>\r\n".encode()
    assert (await proven(left, lambda raw: added + raw))[0] is Level.A0
