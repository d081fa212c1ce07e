"""A newcomer's first minutes at the demo's console, over a whole gateway."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from mailgate.errors import NotAllowed, NotFound
from mailgate.model import Priority, Reply
from mailgate.testing import START, Lab
from mailgate.web.app import make_app
from mailgate.web.call import Response, call
from mailgate.web.console import Letter, OutgoingView, Snapshot
from mailgate.web.console_source import ConsoleSource
from mailgate.web.customer import Posting
from mailgate.web.words import moment
from tests.fakes.stores import Laboratory

LETTER = Letter("anna@c.test", "support@g.test", "Where is my parcel?", "It has been on its way for nine days.")


@dataclass(frozen=True)
class Demo:
    """A gateway under glass with the console over it."""

    lab: Lab
    console: ConsoleSource

    async def seen(self) -> Snapshot:
        await self.lab.settle()
        return await self.console.snapshot()

    async def newest_mail(self) -> OutgoingView:
        return (await self.seen()).outgoing[0]

    async def call(self, method: str, path: str) -> Response:
        app = make_app(
            self.lab.confirming,
            self.console,
            clock=lambda: self.lab.now,
            phrases=lambda: self.lab.context.book().phrases,
        )
        return await call(app, method, path, [("Host", "localhost")])

    def wait(self, seconds: int) -> None:
        self.lab.advance(timedelta(seconds=seconds))


@pytest.fixture
async def demo(laboratory: Laboratory) -> AsyncIterator[Demo]:
    async with laboratory() as lab:
        yield over(lab)


def over(lab: Lab) -> Demo:
    async def send(posting: Posting) -> Reply:
        handed = await lab.receive(posting.raw, mail_from=posting.mail_from, rcpt_to=[posting.rcpt_to])
        return Reply(*handed.reply)

    return Demo(lab, ConsoleSource(lab.desk, lab.database, send, lambda: lab.now, ("support@g.test",), "python3 …"))


def places(seen: Snapshot) -> dict[str, int]:
    return {place.word: place.number for place in seen.ledger.places if place.number}


async def test_a_stranger_s_mail_is_held_and_he_is_asked_once(demo: Demo) -> None:
    reply = await demo.console.write(LETTER)
    seen = await demo.seen()

    assert reply.code == 250
    assert places(seen) == {"held": 1}
    assert [(mail.subject, mail.waits) for mail in seen.held] == [(LETTER.subject, "waits for its sender")]
    assert [(mail.word, mail.recipient, mail.state) for mail in seen.outgoing] == [
        ("question to a stranger", "anna@c.test", "sent")
    ]
    assert seen.ledger.balanced


async def test_the_link_in_the_caught_mail_makes_the_ticket(demo: Demo) -> None:
    await demo.console.write(LETTER)
    caught = (await demo.newest_mail()).caught
    assert caught
    link = urlsplit(re.findall(r"https?://\S+/c/\S+", caught.text)[0]).path

    demo.wait(10)
    looked = await demo.call("GET", link)
    demo.wait(4)
    pressed = await demo.call("POST", link)
    seen = await demo.seen()

    assert "Did you write to us?" in looked.text
    assert "Done" in pressed.text
    assert [(ticket.number, ticket.subject, ticket.state) for ticket in seen.tickets] == [(1, LETTER.subject, "open")]
    assert [message.text.strip() for message in seen.tickets[0].messages if not message.ours] == [LETTER.text]
    assert seen.held == ()


async def test_t64_a_scanner_that_clicks_at_once_confirms_nothing(demo: Demo) -> None:
    await demo.console.write(LETTER)
    caught = (await demo.newest_mail()).caught
    assert caught
    link = urlsplit(re.findall(r"https?://\S+/c/\S+", caught.text)[0]).path

    demo.wait(60)
    first = await demo.call("POST", link)
    await demo.call("GET", link)
    demo.wait(1)
    second = await demo.call("POST", link)

    assert "<button" in first.text
    assert "<button" in second.text
    assert places(await demo.seen()) == {"held": 1}


async def test_answering_the_question_as_a_person_confirms_too(demo: Demo) -> None:
    await demo.console.write(LETTER)
    asked = await demo.newest_mail()

    demo.wait(60)
    reply = await demo.console.answer(asked.id, "Yes, that was me.", robot=False)
    seen = await demo.seen()

    assert reply.code == 250
    assert [ticket.subject for ticket in seen.tickets] == [LETTER.subject]


async def test_an_absence_notice_confirms_nothing_and_is_not_answered(demo: Demo) -> None:
    await demo.console.write(LETTER)
    asked = await demo.newest_mail()

    demo.wait(60)
    await demo.console.answer(asked.id, "", robot=True)
    seen = await demo.seen()

    assert places(seen) == {"held": 1, "parked": 1}
    assert [mail.waits for mail in seen.held] == ["waits for a person"]
    assert len(seen.outgoing) == 1


async def test_an_accepted_mail_is_answered_and_the_customer_s_reply_joins_it(demo: Demo) -> None:
    await demo.console.write(LETTER)
    held = (await demo.seen()).held[0]
    await demo.console.accept(held.id)
    await demo.console.reply(1, "It arrives tomorrow.")
    answered = await demo.newest_mail()
    demo.wait(60)
    await demo.console.answer(answered.id, "Wonderful, thank you!", robot=False)

    ticket = (await demo.seen()).tickets[0]

    assert answered.word == "answer by a person"
    assert [message.text.strip() for message in ticket.messages if not message.ours] == [
        LETTER.text,
        "Wonderful, thank you!",
    ]
    assert [(message.who, message.text.strip()) for message in ticket.messages if message.ours] == [
        ("demo", "It arrives tomorrow.")
    ]
    assert [event.text for event in ticket.history][-1] == "a mail was added"


async def test_spam_stays_kept_and_a_ticket_can_be_closed_and_reopened(demo: Demo) -> None:
    await demo.console.write(LETTER)
    await demo.console.spam((await demo.seen()).held[0].id)
    spam = (await demo.seen()).held[0]
    await demo.console.accept(spam.id)

    await demo.console.close(1)
    closed = (await demo.seen()).tickets[0]
    await demo.console.reopen(1)
    reopened = (await demo.seen()).tickets[0]

    assert (spam.spam, spam.waits) == (True, "judged spam")
    assert [(ticket.state, ticket.closed) for ticket in (closed, reopened)] == [("closed", True), ("open", False)]


async def test_who_waits_longest_stands_first_and_his_ticket_says_so(demo: Demo) -> None:
    for number in (1, 2, 3):
        await demo.console.write(replace(LETTER, sender=f"anna@c{number}.test", subject=f"Parcel {number}"))
        await demo.console.accept((await demo.seen()).held[0].id)
        demo.wait(60)
    await demo.console.reply(1, "It arrives tomorrow.")
    await demo.lab.desk.prioritise(2, Priority.URGENT, "bob")
    await demo.lab.desk.tag(2, ["parcels"], "bob")
    await demo.lab.desk.assign(2, "bob", "bob")
    tickets = (await demo.seen()).tickets

    assert [ticket.number for ticket in tickets] == [2, 3, 1]
    assert [(ticket.priority, ticket.tags, ticket.assignee) for ticket in tickets] == [
        ("urgent", ("parcels",), "bob"),
        ("", (), ""),
        ("", (), ""),
    ]
    assert [ticket.waits_since for ticket in tickets] == [
        START + timedelta(minutes=1),
        START + timedelta(minutes=2),
        None,
    ]
    assert [event.text for event in tickets[0].history][1:] == ["presses: urgent", "tagged: parcels", "assigned: bob"]


async def test_a_ticket_that_is_put_off_says_until_when(demo: Demo) -> None:
    await demo.console.write(LETTER)
    await demo.console.accept((await demo.seen()).held[0].id)
    until = START + timedelta(days=3)
    await demo.lab.desk.put_off(1, until, "bob")
    ticket = (await demo.seen()).tickets[0]

    words = f"until {moment(until)}"
    assert (ticket.state, ticket.closed) == (f"put off {words}", False)
    assert ticket.history[-1].text == f"put off {words}"


async def test_what_is_promised_and_not_kept_is_late(laboratory: Laboratory) -> None:
    boxes = [{"address": "support@g.test", "mode": "off", "answer_within_h": 4}]
    async with laboratory(overrides={"mailbox": boxes}) as lab:
        demo = over(lab)
        await demo.console.write(LETTER)
        in_time = (await demo.seen()).tickets[0]
        demo.wait(4 * 3600)
        late = (await demo.seen()).tickets[0]

        assert (in_time.due_at, in_time.late) == (START + timedelta(hours=4), False)
        assert late.late


async def test_what_is_not_there_is_refused_in_words(demo: Demo) -> None:
    with pytest.raises(NotAllowed, match="no mailbox"):
        await demo.console.write(Letter("anna@c.test", "postmaster@elsewhere.test", "Hello", "Hello"))
    with pytest.raises(NotFound, match="no outgoing mail"):
        await demo.console.answer(1, "Hello", robot=False)
    with pytest.raises(NotFound):
        await demo.console.accept(1)


async def test_the_page_speaks_in_words_and_not_in_codes(demo: Demo) -> None:
    await demo.console.write(LETTER)
    await demo.console.answer((await demo.newest_mail()).id, "", robot=True)
    await demo.seen()

    page = (await demo.call("GET", "/")).text

    assert "proven by DKIM of c.test" in page
    assert re.findall(r"\b(A[012]|auto_reply|own_loop|HELD_\w+|None|Kind\.\w+)\b", page) == []


RICH = (
    b"From: Anna <anna@c.test>\r\nTo: support@g.test\r\nSubject: Parcel\r\nMessage-ID: <rich@c.test>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p onclick=x>Where is <b>it</b>?<img src=//e alt=photo>\r\n"
    b"--b\r\nContent-Type: image/jpeg; name=../parcel.jpg\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
)


async def test_a_mail_is_shown_with_its_files_and_as_html(demo: Demo) -> None:
    await demo.lab.receive(RICH, mail_from="anna@c.test")
    (held,) = (await demo.seen()).held
    assert held.files == ("parcel.jpg (image/jpeg, 3 bytes)",)
    assert held.has_html
    shown = await demo.call("GET", f"/messages/{held.id}/html")
    assert '<p>Where is <b>it</b>?<img alt="photo">' in shown.text

    await demo.console.accept(held.id)
    (ticket,) = (await demo.seen()).tickets
    assert (ticket.messages[0].files, ticket.messages[0].has_html) == (held.files, True)
    assert (await demo.call("GET", f"/messages/{ticket.messages[0].id}/html")).status == 200


async def test_a_message_in_plain_text_is_not_shown_as_html(demo: Demo) -> None:
    await demo.console.write(LETTER)
    (held,) = (await demo.seen()).held
    assert not held.has_html
    for message_id in (held.id, 10**12):
        assert (await demo.call("GET", f"/messages/{message_id}/html")).status == 404
