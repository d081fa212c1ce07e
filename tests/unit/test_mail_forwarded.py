"""A forwarded mail gives up who wrote it and what, in the forms of five programs and several languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate import rulebook
from mailgate.mail.forwarded import forwarded, plain_subject
from mailgate.mail.parse import read
from mailgate.mail.text import text_of
from mailgate.model import Forwarded, Mailaddr

BOOK = rulebook.load(rulebook.shipped_folder())


def found(body: str, subject: str = "Fwd: The printer", kind: str = "text/plain; charset=utf-8") -> Forwarded | None:
    head = f"From: bob@office.test\nTo: support@g.test\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: {kind}\n"
    raw = f"{head}\n{body}".replace("\n", "\r\n").encode()
    mail, parts = read(raw)
    text = text_of(raw, parts, BOOK.quotes)
    return forwarded(raw, mail, parts, text, quotes=BOOK.quotes, prefixes=BOOK.limits.forward_prefixes)


GMAIL = """See below.

---------- Forwarded message ---------
From: Anne Smith <anne@x.test>
Date: Mon, 5 Jan 2026 at 09:00
Subject: The printer is on fire
To: <bob@office.test>


It burns.

Anne
"""
OUTLOOK = """Can somebody help her?

From: Anne Smith <anne@x.test>
Sent: Monday, January 5, 2026 9:00 AM
To: Bob <bob@office.test>
Subject: The printer is on fire

It burns.

Anne
"""
OUTLOOK_DE = """Bitte kümmern.

Von: Anne Schmidt <anne@x.test>
Gesendet: Montag, 5. Januar 2026 09:00
An: Bob <bob@office.test>
Betreff: Der Drucker brennt

Er brennt.
"""
OLD_OUTLOOK = """-----Original Message-----
From: Anne Smith [mailto:anne@x.test]
Sent: Monday, January 5, 2026 9:00 AM
To: Bob
Subject: The printer is on fire

It burns.
"""
APPLE = """Ours.

Begin forwarded message:

> From: Anne Smith <anne@x.test>
> Subject: The printer is on fire
> Date: 5 January 2026 at 09:00:00 CET
> To: bob@office.test
>\x20
> It burns.
>\x20
> Anne
"""
APPLE_FR = """Début du message réexpédié\u00a0:

De: Anne Martin <anne@x.test>
Objet: L'imprimante brûle
Date: 5 janvier 2026 à 09:00:00 UTC+1
À: bob@office.test

Elle brûle.
"""
THUNDERBIRD = """For us.

-------- Forwarded Message --------
Subject: \tThe printer is on fire
Date: \tMon, 5 Jan 2026 09:00:00 +0100
From: \tAnne Smith <anne@x.test>
To: \tbob@office.test



It burns.

Anne
"""
THUNDERBIRD_DE = """-------- Weitergeleitete Nachricht --------
Betreff: \tWG: Der Drucker brennt
Datum: \tMon, 5 Jan 2026 09:00:00 +0100
Von: \tAnne Schmidt <anne@x.test>
An: \tbob@office.test

Er brennt.
"""
K9 = """Have a look.

-------- Original Message --------
From: Anne Smith <anne@x.test>
Sent: January 5, 2026 9:00:00 AM GMT+01:00
To: bob@office.test
Subject: The printer is on fire

It burns.
"""
SMITH, SCHMIDT = Mailaddr("anne@x.test", "Anne Smith"), Mailaddr("anne@x.test", "Anne Schmidt")


def told(
    author: Mailaddr = SMITH, subject: str = "The printer is on fire", text: str = "It burns.\n\nAnne", above: str = ""
) -> Forwarded:
    return Forwarded(author, subject, text, above)


@pytest.mark.parametrize(
    ("body", "subject", "mail"),
    [
        (GMAIL, "Fwd: The printer", told(above="See below.")),
        (OUTLOOK, "FW: The printer", told(above="Can somebody help her?")),
        (OUTLOOK_DE, "WG: Drucker", told(SCHMIDT, "Der Drucker brennt", "Er brennt.", above="Bitte kümmern.")),
        (OLD_OUTLOOK, "FW: x", told(text="It burns.")),
        (APPLE, "Look at this", told(above="Ours.")),
        (APPLE_FR, "Fwd: x", told(Mailaddr("anne@x.test", "Anne Martin"), "L'imprimante brûle", "Elle brûle.")),
        (THUNDERBIRD, "Look at this", told(above="For us.")),
        (THUNDERBIRD_DE, "x", told(SCHMIDT, "Der Drucker brennt", "Er brennt.")),
        (K9, "Fwd: x", told(text="It burns.", above="Have a look.")),
    ],
    ids=["gmail", "outlook", "outlook-de", "outlook-2003", "apple", "apple-fr", "thunderbird", "thunderbird-de", "k-9"],
)
def test_an_inline_mail(body: str, subject: str, mail: Forwarded) -> None:
    inside = found(body, subject)
    assert inside is not None
    assert replace(inside, at=None) == mail


def test_an_enclosed_mail_is_read_whole() -> None:
    body = """--b
Content-Type: text/plain

Please answer her.
--b
Content-Type: message/rfc822

From: Anne Smith <anne@x.test>
To: bob@office.test
Subject: Fwd: The printer is on fire
Message-ID: <1@x.test>
Date: Mon, 5 Jan 2026 09:00:00 +0000

It burns.
--b--
"""
    mail = found(body, "x", "multipart/mixed; boundary=b")
    assert mail is not None
    assert (mail.author, mail.subject, mail.text) == (SMITH, "The printer is on fire", "It burns.")
    assert (mail.above, mail.message_id) == ("Please answer her.", "<1@x.test>")


def test_an_enclosed_mail_without_a_word_above() -> None:
    body = "--b\nContent-Type: message/rfc822\n\nFrom: anne@x.test\nSubject: x\n\nIt burns.\n--b--\n"
    mail = found(body, "x", "multipart/mixed; boundary=b")
    assert mail is not None
    assert mail.above == ""
    assert mail.text.strip() == "It burns."


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        pytest.param(OUTLOOK, "Re: The printer", id="an answer that quotes a header"),
        pytest.param("From: anne@x.test\nIt burns.", "Fwd: x", id="one field is no header"),
        pytest.param(OUTLOOK.replace("anne@x.test", "Anne"), "Fwd: x", id="no address"),
        pytest.param("I travel\nFrom: Berlin\nTo: Rome\nSubject: x\n", "Fwd: x", id="a journey"),
        pytest.param("Only words of mine.", "Fwd: x", id="only a prefix"),
        pytest.param(OUTLOOK.replace("Anne Smith <anne@x.test>", "a@x.test, b@x.test"), "Fwd: x", id="two authors"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_forwards_nothing(body: str, subject: str) -> None:
    assert found(body, subject) is None


def test_an_enclosed_mail_of_nobody() -> None:
    body = "--b\nContent-Type: message/rfc822\n\nSubject: x\n\nIt burns.\n--b--\n"
    assert found(body, "x", "multipart/mixed; boundary=b") is None


@pytest.mark.parametrize(
    ("subject", "plain"),
    [("Fwd: FW: x", "x"), ("WG: x: y", "x: y"), ("x", "x"), ("[Fwd: x]", "x"), ("", ""), ("转发：x", "x")],
)
def test_a_subject_without_its_prefixes(subject: str, plain: str) -> None:
    assert plain_subject(subject, BOOK.limits.forward_prefixes) == plain


@given(st.lists(st.sampled_from([*GMAIL.split("\n"), *APPLE.split("\n"), "x" * 2000, "@", "From:@"]), max_size=40))
def test_any_lines_are_read(lines: list[str]) -> None:
    mail = found("\n".join(lines))
    assert mail is None or "@" in mail.author.address
