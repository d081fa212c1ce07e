"""What stands behind the web pages, by hand: a road that answers as it is told, and a console of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mailgate.errors import NotAllowed, NotFound
from mailgate.mail.phrases import Phrases
from mailgate.model import Mailbox, PageState, PageView, Reply
from mailgate.web.console import (
    CaughtView,
    Count,
    DecisionView,
    EventView,
    FindingView,
    HeldView,
    HtmlView,
    LedgerView,
    Letter,
    MessageView,
    OutgoingView,
    Snapshot,
    TicketView,
)
from tests.fakes.judging import rulebook

QUEUED = Reply(250, "2.0.0 Ok: queued as 3F2A")

NOW = datetime(2026, 3, 2, 9, 30, 12, tzinfo=UTC)
BOTH = ("anne@x.test", "anne@private.test")


def clock() -> datetime:
    return NOW


def phrases() -> Mapping[str, Phrases]:
    return rulebook().phrases


@dataclass
class FakeConfirm:
    """Knows one token, `good`; `trouble` is raised where it is set. `calls` are the acts in order, `told` what else was
    said with each: whether the page was seen, or the language.
    """

    looked: PageState = PageState.ASK
    pressed: PageState = PageState.DONE
    mailbox: Mailbox | None = None
    trouble: Exception | None = None
    calls: list[tuple[str, str, datetime]] = field(default_factory=list)
    told: list[bool | str] = field(default_factory=list)

    async def look(self, token: str, now: datetime, *, seen: bool) -> PageView:
        self.told.append(seen)
        return self._answer("look", token, now, self.looked)

    async def confirm(self, token: str, now: datetime, language: str, kept: str) -> PageView:
        self.told.append(language)
        view = self._answer("confirm", token, now, self.pressed)
        return replace(view, addresses=BOTH, keep=f"{kept}kept") if view.state is PageState.BOTH else view

    async def join(self, token: str, now: datetime, kept: str) -> PageView:
        self.told.append(kept)
        return self._answer("join", token, now, PageState.LINKED)

    def _answer(self, act: str, token: str, now: datetime, state: PageState) -> PageView:
        self.calls.append((act, token, now))
        if self.trouble:
            raise self.trouble
        return PageView(state, self.mailbox) if token == "good" else PageView(PageState.UNKNOWN)


@dataclass
class FakeConsole:
    """Shows `shown`; knows held mail 7, ticket 12 and caught mail 5, and writes down what it is asked to do."""

    shown: Snapshot
    reply_to_mail: Reply = QUEUED
    cut: bool = False
    acts: list[tuple[object, ...]] = field(default_factory=list)

    async def snapshot(self) -> Snapshot:
        return self.shown

    async def html(self, message_id: int) -> HtmlView:
        if message_id != 7:
            raise NotFound(f"there is no message {message_id} in HTML")
        return HtmlView("<p>Where is <b>my parcel</b>?</p>", cut=self.cut)

    async def accept(self, held_id: int) -> None:
        if held_id != 7:
            raise NotFound(f"there is no held mail {held_id}")
        self.acts.append(("accept", held_id))

    async def spam(self, held_id: int) -> None:
        self.acts.append(("spam", held_id))

    async def reply(self, number: int, text: str) -> None:
        self.acts.append(("reply", number, text))

    async def close(self, number: int) -> None:
        if number != 12:
            raise NotAllowed("this ticket is closed already")
        self.acts.append(("close", number))

    async def reopen(self, number: int) -> None:
        self.acts.append(("reopen", number))

    async def let_in(self, message_id: int) -> None:
        self.acts.append(("let_in", message_id))

    async def discard(self, message_id: int) -> None:
        self.acts.append(("discard", message_id))

    async def part(self, number: int, message_id: int) -> None:
        self.acts.append(("part", number, message_id))

    async def write(self, letter: Letter) -> Reply:
        self.acts.append(("write", letter))
        return self.reply_to_mail

    async def answer(self, caught_id: int, text: str, *, robot: bool) -> Reply:
        self.acts.append(("answer", caught_id, text, robot))
        return self.reply_to_mail


EMPTY = Snapshot(
    mailboxes=("support@g.test",),
    first_mail="python3 -c \"import smtplib; smtplib.SMTP('127.0.0.1', 2525).sendmail('a@x.test', ['support@g.test'], "
    "'From: a@x.test\\nTo: support@g.test\\nSubject: Hello\\n\\nIs anybody there?\\n')\"",
    ledger=LedgerView(
        accepted=0,
        places=(Count(0, "new tickets"), Count(0, "held")),
        automatic=(Count(0, "acknowledgements"), Count(0, "questions to strangers")),
        balanced=True,
    ),
)

TICKET = TicketView(
    number=12,
    subject="Invoice 2041 was charged twice",
    state="open",
    closed=False,
    queue="support",
    contact="Anna Weber",
    messages=(
        MessageView(
            NOW,
            "Anna Weber",
            False,
            "mail from a person",
            "Hello,\n\nyou charged invoice 2041 twice. Please have a look.",
            id=70,
            has_html=True,
        ),
        MessageView(NOW, "mailgate", True, "acknowledgement", "Thank you, your mail has arrived.\nIts number is 12."),
        MessageView(
            NOW, "Bert at support", True, "answer by a person", "Dear Anna, the second charge is on its way back."
        ),
    ),
    history=(
        EventView(NOW, "mail", "opened"),
        EventView(NOW, "Bert at support", "replied"),
    ),
)

# Somebody has waited for too long, and a colleague of his has joined whom nobody has let in yet.
LATE = replace(
    TICKET,
    number=10,
    subject="No light in the whole building",
    contact="Emil Stone",
    assignee="bob",
    priority="urgent",
    tags=("power", "building-3"),
    waits_since=NOW - timedelta(hours=5),
    due_at=NOW - timedelta(hours=1),
    late=True,
    messages=(
        MessageView(NOW - timedelta(hours=5), "emil@home.test", False, "mail from a person", "It is dark here."),
        MessageView(NOW, "gus@home.test", False, "mail from a person", "And cold.", id=71, pending=True),
    ),
)

HELD = HeldView(
    id=7,
    at=NOW,
    sender="Carla Diaz <carla@shop.test>",
    subject="Where is my parcel?",
    reason="Nobody here has met this sender. He was asked once whether the mail is his.",
    waits="waits for its sender",
    text="Hi, my parcel has been on its way for nine days now.",
    spam=False,
    files=("parcel.jpg (image/jpeg, 214 KB)", "bill.pdf (application/pdf, 1.4 MB)"),
    has_html=True,
)

ASKED = OutgoingView(
    id=31,
    at=NOW,
    word="question to a stranger",
    recipient="carla@shop.test",
    subject="Is this mail yours?",
    state="sent",
    last_reply="250 2.0.0 Ok",
    caught=CaughtView(
        id=5,
        headers=(
            ("From", "support@g.test"),
            ("To", "carla@shop.test"),
            ("Reply-To", "support+c1a7kq2m9x4t8w3e5r6y0u1i2o3p4a5s6d7f8g9h@g.test"),
            ("Subject", "Is this mail yours?"),
        ),
        text="Hello,\n\na mail with your address has reached support@g.test. It is kept, and a person will see it.\n"
        "Is it yours? Then please open this page:\n\n"
        "http://127.0.0.1:8025/c/c1a7kq2m9x4t8w3e5r6y0u1i2o3p4a5s6d7f8g9h\n\nor just answer this mail.",
    ),
)

DECISION = DecisionView(
    id=99,
    at=NOW,
    sender="carla@shop.test",
    recipient="support@g.test",
    subject="Where is my parcel?",
    place="held",
    reason="The sender is unknown here, so the mail waits until he says that it is his.",
    proof="proven by DKIM of shop.test",
    steps=(
        ("duplicate", "never seen before"),
        ("linked to anything of ours", "no"),
        ("known sender", "no"),
        ("one question to this address", "granted: the first in 30 days"),
    ),
    findings=(FindingView("X-Mailer: ShopMail 4", "recorded only", "signals.toml:212"),),
)

FULL = replace(
    EMPTY,
    ledger=LedgerView(
        accepted=9,
        places=(
            Count(3, "new tickets"),
            Count(2, "added to tickets"),
            Count(1, "filed quietly"),
            Count(2, "held"),
            Count(0, "parked"),
            Count(1, "reports about our own mail"),
            Count(0, "duplicates"),
            Count(0, "set aside"),
            Count(0, "being judged"),
        ),
        automatic=(
            Count(2, "acknowledgements"),
            Count(1, "question to strangers"),
            Count(4, "not sent, by the limits"),
        ),
        balanced=True,
    ),
    decisions=(DECISION, replace(DECISION, id=98, subject="", place="new ticket")),
    tickets=(
        LATE,
        TICKET,
        replace(TICKET, number=11, subject="Password forgotten", state="closed", closed=True),
        replace(TICKET, number=9, subject="A new lamp", state="put off until 5 Mar", priority="low"),
    ),
    held=(HELD, replace(HELD, id=8, subject="CHEAP WATCHES!!!", waits="judged spam", spam=True)),
    outgoing=(
        ASKED,
        replace(
            ASKED,
            id=32,
            word="answer by a person",
            subject="Re: Invoice 2041 was charged twice",
            caught=None,
            state="ready",
            last_reply="",
        ),
    ),
)
