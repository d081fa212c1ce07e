"""Answers of people: to whom they go, what they carry, and what becomes of them on the way."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from sqlalchemy import select

from mailgate.errors import NotAllowed, NotFound
from mailgate.mail.attachments import attachments_of
from mailgate.model import Attachment, Joined, Level, Participant, Standing
from mailgate.store import record, tables
from mailgate.testing import Lab, Sent
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

TEXT = "Es brennt und der Drucker geht nicht mehr.\n\nBitte helfen Sie uns.\n\n-- \nAnne\n"


def read(sent: Sent) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(sent.raw, policy=policy.default))


def words(sent: Sent) -> str:
    part = read(sent).get_body(("plain",))
    assert part
    return cast("str", part.get_content()).replace("\r\n", "\n").partition("\n\nRef: ")[0]


async def opened(lab: Lab, *others: str, text: str = TEXT, **fields: str) -> None:
    """Ticket #1 of Anne, in which `others` take part."""
    await lab.desk.trust("anne@x.test", "bob")
    raw = letter("Anne Smith <anne@x.test>", text=text, **fields)
    await lab.receive(raw, mail_from="anne@x.test")
    await lab.settle()
    ticket_id = await lab.database.read(_ticket)
    joined = [Joined(ticket_id, Participant(one, Level.A1)) for one in others]
    await lab.database.write(lambda conn: record.apply(conn, joined, lab.now))
    lab.sent.clear()


def _ticket(conn: Any) -> int:
    return int(conn.exec_driver_sql("SELECT id FROM ticket").scalar_one())


# ── What is written ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_mail_that_is_answered_is_quoted_in_the_language_of_the_customer(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()

        assert words(lab.sent[0]) == (
            "Wir kommen.\n\nAm 5. Januar 2026 schrieb Anne Smith:\n"
            "> Es brennt und der Drucker geht nicht mehr.\n>\n> Bitte helfen Sie uns."
        )


async def test_nothing_is_quoted_where_nobody_wants_it_or_no_person_wrote(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        await lab.desk.reply(1, "Wir kommen.", "bob", quote=False)
        await lab.settle()
        vacation = letter(
            text="Ich bin im Urlaub.", Auto_Submitted="auto-replied", In_Reply_To=str(read(lab.sent[0])["Message-ID"])
        )
        await lab.receive(vacation, mail_from="anne@x.test", rcpt_to=[str(read(lab.sent[0])["Reply-To"]).strip("<>")])
        await lab.settle()
        await lab.desk.reply(1, "Gute Erholung.", "bob")
        await lab.settle()

        assert [words(one) for one in lab.sent] == ["Wir kommen.", "Gute Erholung."]


async def test_files_go_with_an_answer_and_are_kept(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        files = [Attachment("Plan für Anne.pdf", "application/pdf", b"%PDF" + bytes(range(256)))]
        await lab.desk.reply(1, "Hier ist er.", "bob", attachments=files)
        await lab.settle()

        (attached,) = read(lab.sent[0]).iter_attachments()
        assert (attached.get_filename(), attached.get_content()) == ("Plan für Anne.pdf", files[0].content)
        assert [str(file) for file in attachments_of(lab.tickets()[0].messages[-1].raw)] == [
            "Plan für Anne.pdf (application/pdf, 260 bytes)"
        ]


@pytest.mark.parametrize(
    ("files", "words_"),
    [
        ([Attachment("a", "", b"x")] * 21, "21 files are too many: at most 20"),
        ([Attachment("a", "", bytes(15_000_001))], "15.0 MB are too much to attach: at most 15.0 MB"),
    ],
    ids=["files", "bytes"],
)
async def test_what_goes_with_an_answer_is_bounded(laboratory: Laboratory, files: Any, words_: str) -> None:
    async with laboratory() as lab:
        await opened(lab)
        with pytest.raises(NotAllowed, match=words_):
            await lab.desk.reply(1, "Hier.", "bob", attachments=files)


# ── To whom ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_who_gets_an_answer_has_a_mail_of_his_own_that_names_all(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab, "carl@x.test", "dora@y.test")
        await lab.desk.reply(1, "Wir kommen.", "bob", cc=["carl@x.test", "dora@y.test"])
        await lab.settle()

        assert [one.rcpt_to for one in lab.sent] == ["anne@x.test", "carl@x.test", "dora@y.test"]
        assert {(str(read(one)["To"]), str(read(one)["Cc"])) for one in lab.sent} == {
            ("anne@x.test", "carl@x.test, dora@y.test")
        }
        for name in ("Message-ID", "Reply-To"):
            assert len({str(read(one)[name]) for one in lab.sent}) == 3
        assert len({one.mail_from for one in lab.sent}) == 3
        history = [(line.event, line.actor, line.detail) for line in lab.tickets()[0].history]
        assert history[-3:] == [
            ("replied", "agent:bob", str(read(lab.sent[0])["Message-ID"])),
            ("copied-to", "agent:bob", "carl@x.test"),
            ("copied-to", "agent:bob", "dora@y.test"),
        ]


async def test_nobody_reads_a_quote_of_what_he_was_not_sent(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab, "carl@x.test", "dora@y.test", Cc="carl@x.test")
        await lab.desk.reply(1, "Wir kommen.", "bob", cc=["carl@x.test", "dora@y.test"])
        await lab.settle()

        assert [("> Es brennt" in words(one)) for one in lab.sent] == [True, True, False]


@pytest.mark.parametrize(
    ("cc", "said"),
    [
        (["eve@z.test"], "eve@z.test takes no part in ticket #1; who does: carl@x.test"),
        (["anne@x.test"], "anne@x.test takes no part"),
        (["carl@x.test", "Carl+a@x.test"], "named twice"),
        (["nobody"], "no address"),
    ],
    ids=["a stranger", "the requester", "twice", "no address"],
)
async def test_only_who_takes_part_gets_a_copy(laboratory: Laboratory, cc: list[str], said: str) -> None:
    async with laboratory() as lab:
        await opened(lab, "carl@x.test")
        with pytest.raises(NotAllowed, match=said):
            await lab.desk.reply(1, "Wir kommen.", "bob", cc=cc)
        await lab.settle()
        assert lab.sent == []


async def test_who_was_only_named_in_a_mail_gets_no_copy(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        ticket_id = await lab.database.read(_ticket)
        named = Joined(ticket_id, Participant("carl@x.test", Level.A0, copied=True))
        await lab.database.write(lambda conn: record.apply(conn, [named], lab.now))
        with pytest.raises(NotAllowed, match="nobody else does"):
            await lab.desk.reply(1, "Wir kommen.", "bob", cc=["carl@x.test"])


async def test_whoever_gets_a_copy_is_listened_to(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab, "carl@x.test")
        await lab.desk.reply(1, "Wir kommen.", "bob", cc=["carl@x.test"])
        carl = lab.contact("carl@x.test")
        assert carl
        assert carl.standing is Standing.TRUSTED


async def test_a_draft_is_what_would_be_sent_and_sends_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab, "carl@x.test")
        drafted = await lab.desk.draft(1, "Wir kommen.", "bob", cc=["carl@x.test"])
        await lab.settle()

        assert [one.rcpt_to for one in drafted] == ["anne@x.test", "carl@x.test"]
        assert lab.sent == []
        assert [line.event for line in lab.tickets()[0].history] == ["opened"]


# ── Canned answers ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_canned_answer_speaks_the_language_of_the_customer(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        await lab.desk.reply(1, "Das tut uns leid!", "Bob", canned="details", quote=False)
        await lab.settle()

        assert words(lab.sent[0]).startswith("Das tut uns leid!\n\nGuten Tag Anne Smith,\n\ndanke für Ihre Nachricht.")
        assert words(lab.sent[0]).endswith("Freundliche Grüße\nBob")


async def test_a_canned_answer_needs_no_text_of_ones_own(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab, text="Thank you, it works now.")
        await lab.desk.reply(1, "", "Bob", canned="closing", quote=False)
        await lab.settle()
        assert words(lab.sent[0]).startswith("Hello Anne Smith,\n\ngood to hear that it works. We close #1 now.")


async def test_a_canned_answer_that_is_not_there_is_said_so_with_those_that_are(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        with pytest.raises(NotFound, match="no canned answer 'detials'; there are: closing, details, not-now"):
            await lab.desk.reply(1, "", "bob", canned="detials")


# ── Answers that do not arrive ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_whose_mail_came_back_is_written_to_only_on_purpose(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        lab.next_hop = lambda sent: (550, "5.1.1 no such user")
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()
        lab.advance(timedelta(days=1))
        with pytest.raises(NotAllowed, match=r"anne@x.test came back on 2026-01-05, .* until 2026-03-06; .*--anyway"):
            await lab.desk.reply(1, "Wir kommen doch.", "bob")

        lab.next_hop = lambda sent: (250, "2.0.0 ok")
        await lab.desk.reply(1, "Wir kommen doch.", "bob", anyway=True)
        await lab.settle()
        assert len(lab.sent) == 2
        await lab.desk.reply(1, "Wir sind da.", "bob")


async def test_the_word_of_the_customer_frees_his_address(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        lab.next_hop = lambda sent: (550, "5.1.1 no such user")
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()
        await lab.receive(letter("anne@x.test", text="Ich bin wieder da."), mail_from="anne@x.test")
        await lab.settle()

        await lab.desk.reply(1, "Wir kommen.", "bob")


async def lost(lab: Lab) -> tuple[str, str, list[str]]:
    """How ticket #1 and the address of Anne stand, and the history from the last answer on."""
    ticket, anne = lab.tickets()[0], lab.contact("anne@x.test")
    assert anne
    history = [f"{line.event} {line.detail}".strip() for line in ticket.history if line.event != "replied"]
    return ticket.state.value, anne.standing.value, history


def waits_since(lab: Lab) -> Any:
    return lab.database.look(lambda conn: conn.execute(select(tables.ticket.c.waits_since)).scalar_one())


def bounced(sent: Sent, *, status: str, said: str, action: str = "failed") -> bytes:
    """The report of a mail system about a mail of ours."""
    head = sent.raw.partition(b"\r\n\r\n")[0].decode()
    fate = f"Final-Recipient: rfc822; {sent.rcpt_to}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}"
    text = (
        "--b\nContent-Type: text/plain\n\nSorry.\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.x.test\n\n{fate}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{head}\n--b--\n"
    )
    kind = "multipart/report; report-type=delivery-status; boundary=b"
    return letter("mailer-daemon@x.test", sent.mail_from, subject="Undelivered", text=text, Content_Type=kind)


@pytest.mark.parametrize(
    ("status", "said", "standing"),
    [("5.1.1", "550 5.1.1 no such user", "undeliverable"), ("5.2.2", "552 5.2.2 mailbox full", "trusted")],
    ids=["nobody there", "full"],
)
async def test_an_answer_that_comes_back_is_shown_told_and_opens_its_ticket(
    laboratory: Laboratory, status: str, said: str, standing: str
) -> None:
    async with laboratory(overrides={"notify": {"address": "lead@office.test", "digest_at": []}}) as lab:
        await opened(lab)
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()
        written_at = lab.now
        await lab.desk.close(1, "bob")
        assert waits_since(lab) is None
        lab.advance(timedelta(hours=2))
        for _ in range(2):
            await lab.receive(
                bounced(lab.sent[0], status=status, said=said), mail_from="", rcpt_to=[lab.sent[0].mail_from]
            )
            await lab.settle()

        state, stands, history = await lost(lab)
        assert (state, stands) == ("open", standing)
        assert history.count(f"undelivered anne@x.test: smtp; {said}") == 1
        assert waits_since(lab) == written_at
        (notice,) = lab.sent[1:]
        assert (notice.kind, notice.rcpt_to) == ("notice", "lead@office.test")
        assert read(notice)["Subject"] == "[support@g.test] An answer did not arrive: #1"
        assert "What bob wrote to anne@x.test did not arrive." in words(notice)
        assert lab.ledger().balanced


async def test_an_answer_that_the_next_hop_refuses_is_told_the_same_way(laboratory: Laboratory) -> None:
    async with laboratory(overrides={"notify": {"address": "lead@office.test", "digest_at": []}}) as lab:
        await opened(lab)
        lab.next_hop = lambda sent: (550, "5.1.1 no such user") if sent.kind == "agent" else (250, "ok")
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.desk.close(1, "bob")
        written_at = lab.now
        lab.advance(timedelta(seconds=1))
        await lab.settle()
        lab.advance(timedelta(minutes=2))
        await lab.settle()

        state, stands, history = await lost(lab)
        assert (state, stands, history[-1]) == (
            "open",
            "undeliverable",
            "undelivered anne@x.test: 550 5.1.1 no such user",
        )
        assert waits_since(lab) == written_at
        assert [(one.kind, one.rcpt_to) for one in lab.sent[1:]] == [("notice", "lead@office.test")]


async def test_an_answer_that_is_given_up_is_told_too_and_says_nothing_of_the_address(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        lab.next_hop = lambda sent: (451, "4.3.2 later")
        await lab.desk.reply(1, "Wir kommen.", "bob")
        for _ in range(50):
            await lab.settle()
            lab.advance(timedelta(hours=4))

        _, stands, history = await lost(lab)
        assert (stands, history[-1]) == ("trusted", "undelivered anne@x.test: 451 4.3.2 later")


async def test_a_delay_is_no_failure(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()
        report = bounced(lab.sent[0], status="4.4.1", said="connection timed out", action="delayed")
        await lab.receive(report, mail_from="", rcpt_to=[lab.sent[0].mail_from])
        await lab.settle()

        _, stands, history = await lost(lab)
        assert (stands, history[-1]) == ("trusted", "report notice of delay")
        assert waits_since(lab) is None


async def test_a_complaint_about_an_answer_is_a_line_in_its_ticket(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await opened(lab)
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()
        head = lab.sent[0].raw.partition(b"\r\n\r\n")[0].decode()
        text = (
            "--b\nContent-Type: text/plain\n\nAbuse.\n"
            "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n"
            f"--b\nContent-Type: text/rfc822-headers\n\n{head}\n--b--\n"
        )
        kind = "multipart/report; report-type=feedback-report; boundary=b"
        raw = letter("fbl@x.test", subject="Complaint", text=text, Content_Type=kind)
        await lab.receive(raw, mail_from="fbl@x.test")
        await lab.settle()

        _, stands, history = await lost(lab)
        assert (stands, history[-1]) == ("trusted", "complained anne@x.test called our answer spam")


# ── On the way out ────────────────────────────────────────────────────────────────────────────────────────────────────

SES = "0102018f1c2d3e4f-01234567-89ab-cdef-0123-456789abcdef-000000"


@pytest.mark.parametrize(
    ("outbound", "alias"),
    [({"relay": "email-smtp.eu-west-1.amazonaws.com:587"}, f"{SES}@eu-west-1.amazonses.com"), ({}, "")],
    ids=["a relay that renames", "by MX"],
)
async def test_how_the_relay_named_an_answer_is_kept(
    laboratory: Laboratory, outbound: dict[str, Any], alias: str
) -> None:
    async with laboratory(overrides={"outbound": outbound}) as lab:
        await opened(lab)
        lab.next_hop = lambda sent: (250, f"Ok {SES}")
        await lab.desk.reply(1, "Wir kommen.", "bob")
        await lab.settle()

        stored = select(tables.message.c.alias).where(tables.message.c.agent == "bob")
        assert lab.database.look(lambda conn: conn.execute(stored).scalar_one()) == alias
