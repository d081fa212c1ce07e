"""The mails of the story are what they should be: own words, old words and threads are read out of them as meant."""

from __future__ import annotations

import email
from base64 import b64decode
from datetime import timedelta
from email import policy

import pytest

from mailgate.mail.attachments import attachments_of
from mailgate.mail.html import from_html
from mailgate.mail.parse import parse
from mailgate.mail.reply import reply_of
from mailgate.mail.text import text_of
from mailgate.rulebook import quotes_in, shipped_folder
from mailgate.testing import START
from tests.fakes.letters import letter
from tests.story.clients import ANSWERING, INVOICE, SCREENSHOT, gmail, ios_mail, outlook
from tests.story.machines import AWAY, exchange_absence, gmail_vacation, postfix_report
from tests.story.made import Client

QUOTES = quotes_in(shipped_folder())
CARLA = "Carla Brandt <carla@shop.test>"
WORDS = (
    "Thank you, that helped.\n\nBut the total is still wrong: 40 € too much. Could you look at it once more, please?"
)
OLD = letter(
    "Support <support@g.test>",
    "carla@shop.test",
    subject="Re: The checkout is broken [#1]",
    text="Hello Carla,\n\nplease try again now.\n\nRef: mg-abcdefgh-jkmnpqrs",
    message_id="<mg1.ours@g.test>",
    date=START,
    References="<first@shop.test>",
    Thread_Index="AQHcfgAAAABBQkNERUZHSElKS0xNTk8=",
)
every_client = pytest.mark.parametrize("client", ANSWERING.values(), ids=ANSWERING)


def spoken(text: str) -> str:
    """The words without how they were broken into lines."""
    return " ".join(text.split())


def answered(client: Client, **more: object) -> bytes:
    at = START + timedelta(minutes=7)
    return client(CARLA, "support+token@g.test", "", WORDS, OLD, attachments=[SCREENSHOT], at=at, **more)  # type: ignore[arg-type]


@every_client
def test_the_own_words_of_an_answer_are_parted_from_the_old_ones(client: Client) -> None:
    raw = answered(client, signature="Carla Brandt | The Little Shop\ncarla@shop.test")
    reply = reply_of(text_of(raw, quotes=QUOTES), QUOTES)
    assert spoken(reply.own) == spoken(WORDS)
    assert "please try again now" in reply.hidden
    assert "Ref: mg-abcdefgh-jkmnpqrs" in reply.hidden


@every_client
def test_so_they_are_where_a_mail_has_only_its_html(client: Client) -> None:
    raw = answered(client, signature="Carla Brandt | The Little Shop")
    page = email.message_from_bytes(raw, policy=policy.default).get_body(("html",))  # type: ignore[attr-defined]
    if page is None:
        return
    assert spoken(reply_of(from_html(page.get_content(), QUOTES), QUOTES).own) == spoken(WORDS)


@every_client
def test_a_first_mail_says_all_that_was_typed(client: Client) -> None:
    raw = client(CARLA, "support@g.test", "The checkout is broken", WORDS)
    mail = parse(raw)
    assert spoken(reply_of(text_of(raw, quotes=QUOTES), QUOTES).own) == spoken(WORDS)
    assert (mail.subject, mail.in_reply_to, mail.references) == ("The checkout is broken", (), ())


@every_client
def test_every_field_is_in_order(client: Client) -> None:
    raw = answered(client, cc=["Dieter Voß <dieter@shop.test>"])
    mail = parse(raw)
    assert mail.defects == ()
    assert {b"\r", b"\n"}.isdisjoint(raw.replace(b"\r\n", b""))
    assert mail.author is not None
    assert (mail.author.name, mail.author.address) == ("Carla Brandt", "carla@shop.test")
    assert [one.address for one in (*mail.to, *mail.cc)] == ["support+token@g.test", "dieter@shop.test"]
    assert mail.subject.upper() == "RE: THE CHECKOUT IS BROKEN [#1]"
    assert mail.date == START + timedelta(minutes=7)


@every_client
def test_it_is_in_the_thread_of_what_it_answers(client: Client) -> None:
    mail = parse(answered(client))
    chain = ("<mg1.ours@g.test>",) if client is ios_mail else ("<first@shop.test>", "<mg1.ours@g.test>")
    assert (mail.in_reply_to, mail.references) == (("<mg1.ours@g.test>",), chain)


@every_client
def test_what_is_attached_arrives(client: Client) -> None:
    raw = client(CARLA, "support@g.test", "Two files", WORDS, attachments=[SCREENSHOT, INVOICE])
    found = attachments_of(raw)
    assert [(one.name, one.content_type) for one in found] == [
        ("Screenshot 2026-01-05.png", "image/png"),
        ("invoice-2041.pdf", "application/pdf"),
    ]


def test_a_conversation_index_grows_with_every_answer() -> None:
    first = outlook(CARLA, "support@g.test", "Hello", "One.")
    second = outlook(CARLA, "support@g.test", "", "Two.", first, at=START + timedelta(hours=1))
    third = outlook(CARLA, "support@g.test", "", "Three.", second, at=START + timedelta(hours=2))
    indexes = [b64decode(parse(raw).headers["thread-index"][0].replace(" ", "")) for raw in (first, second, third)]
    assert [len(one) for one in indexes] == [22, 27, 32]
    assert indexes[2].startswith(indexes[1])
    assert indexes[1].startswith(indexes[0])


@pytest.mark.parametrize("client", [gmail, outlook], ids=["gmail", "outlook"])
def test_what_is_forwarded_stands_below_with_its_header(client: Client) -> None:
    frida = letter("Frida Holm <frida@k.test>", "anne@g.test", text="My parcel is lost.", date=START)
    raw = client("Anne <anne@g.test>", "support@g.test", "", "She wrote to me.", forwarding=frida)
    text = text_of(raw, quotes=QUOTES)
    assert parse(raw).subject in ("Fwd: The printer is on fire", "FW: The printer is on fire")
    assert text.index("She wrote to me.") < text.index("From: Frida Holm <frida@k.test>") < text.index("is lost.")
    assert parse(raw).references == ()


@pytest.mark.parametrize("client", [exchange_absence, gmail_vacation], ids=["exchange", "gmail"])
def test_an_absence_says_so_and_answers_our_mail(client: Client) -> None:
    raw = client(CARLA, "support+token@g.test", "", AWAY, OLD)
    mail = parse(raw)
    assert mail.defects == ()
    assert mail.headers["auto-submitted"][0].startswith("auto-")
    assert mail.in_reply_to == ("<mg1.ours@g.test>",)
    assert text_of(raw, quotes=QUOTES).strip() == AWAY


def test_a_report_of_postfix_is_about_the_mail_that_it_returns() -> None:
    said = "550 5.1.1 <carla@shop.test>: Recipient address rejected: User unknown"
    daemon = "Mail Delivery System <MAILER-DAEMON@mx.shop.test>"
    mail = parse(postfix_report(daemon, "b-token@bounce.g.test", "", said, OLD))
    assert mail.defects == ()
    assert (mail.report_type, mail.report_actions) == ("delivery-status", ("failed",))
    assert mail.enclosed_ids == ("<mg1.ours@g.test>",)
