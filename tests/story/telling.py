"""How the story is told: somebody writes from his program, time passes, and what came of it is held against a page."""

from __future__ import annotations

import email
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from typing import Any

from mailgate.lab.letters import where_to
from mailgate.testing import Lab, Sent
from tests.story.made import Attached, Client

BETWEEN_MAILS = timedelta(minutes=7)
TO_OUR_OWN = ("notice", "digest")
_SHORT = (("notice both twice", "notice both, notice both"), ("notice both", "notice anne, notice bob"))
LEAST_CHARS = 12  # of a line by which its writer can be told


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes. `signature` stands below what he writes, without the rule above it."""

    name: str
    address: str
    signature: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the page: what happens, what is sent, and how things stand that it changed."""

    number: str
    words: str
    sent: tuple[str, ...]
    changed: Mapping[str, str]  # "#1" -> "open 2+1": two came, one left; "held" -> "1"


def rows(page: str) -> dict[str, Row]:
    """The rows of a page: `number | what happens | what is sent, to whom | what is new`."""
    found = {}
    for line in filter(None, map(str.strip, page.splitlines())):
        number, words, sent, changed = (cell.strip() for cell in line.split("|"))
        for short, long in _SHORT:
            sent = sent.replace(short, long)
        stands = dict(each.split(" ", 1) for each in _each(changed, ";"))
        found[number] = Row(number, words, tuple(sorted(_each(sent, ","))), stands)
    return found


def _each(cell: str, sign: str) -> list[str]:
    return [each.strip() for each in cell.split(sign) if each.strip()]


@dataclass(repr=False)
class Story:
    """The laboratory, the people, and the page."""

    lab: Lab
    page: Mapping[str, Row]
    people: Sequence[Person]
    stands: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)  # numbers of the rows that were told
    wrote: list[tuple[Person, bytes, str]] = field(default_factory=list)
    read_up_to: int = 0  # mails of lab.sent that were held against the page

    @property
    def now(self) -> datetime:
        return self.lab.now

    async def mail(
        self,
        number: int,
        who: Person,
        program: Client,
        text: str,
        *,
        to: str = "",
        subject: str = "",
        answering: bytes | None = None,
        cc: Iterable[str] = (),
        attachments: Iterable[Attached] = (),
        forwarding: bytes | None = None,
        also: Mapping[str, str] | None = None,
        auth: str = "A2",
        envelope: str | None = None,
    ) -> bytes:
        """One mail of the story, and what comes of it. It answers `answering` where it goes, unless `to` says more."""
        self.lab.advance(BETWEEN_MAILS)
        raw = program(
            str(who),
            to or where_to(answering or b""),
            subject,
            text,
            answering,
            attachments=attachments,
            cc=cc,
            at=self.now,
            signature=who.signature,
            forwarding=forwarding,
            also=also,
        )
        await self.hand_in(number, who, raw, to or where_to(answering or b""), text=text, auth=auth, envelope=envelope)
        return raw

    async def hand_in(
        self, number: int, who: Person, raw: bytes, to: str, *, text: str, auth: str = "A2", envelope: str | None = None
    ) -> None:
        """The same for a mail that is ready."""
        mail_from = who.address if envelope is None else envelope
        receipt = await self.lab.receive(raw, mail_from=mail_from, rcpt_to=[to], auth=auth)
        assert receipt.reply[0] == 250, self.step(str(number), receipt.reply)
        await self.lab.settle()
        self.wrote.append((who, raw, text))
        self.expect(str(number))

    async def act(self, number: str, doing: Any) -> None:
        """Something that is done on the desk and not by mail."""
        await doing
        await self.lab.settle()
        self.expect(number)

    def expect(self, number: str) -> None:
        """Hold what was sent, and how every ticket stands, against the row of the page."""
        row = self.page[number]
        self.told.append(number)
        sent, self.read_up_to = self.lab.sent[self.read_up_to :], len(self.lab.sent)
        self.stands |= row.changed
        should = {"sent": list(row.sent)} | self.stands
        found = {"sent": sorted(f"{one.kind} {self.name(one.rcpt_to)}" for one in sent)} | self._as_it_stands()
        assert found == should, self.step(number, [one.verdict for one in self._newest()])

    def step(self, number: str, more: object) -> str:
        """What a failure is called."""
        return f"mail {number}: {self.page[number].words}\n{more}"

    def name(self, address: str) -> str:
        """Whose address it is, in one word."""
        return next((one.name.split()[0].lower() for one in self.people if one.address == address), address)

    def newest(self, kind: str, who: Person, ticket: int = 0) -> bytes:
        """The last mail of a kind that somebody got from us, about a ticket where one is named."""
        tag = f"[#{ticket}]" if ticket else ""
        fitting = (
            one.raw
            for one in reversed(self.lab.sent)
            if (one.kind, one.rcpt_to) == (kind, who.address) and tag in str(read(one.raw)["Subject"])
        )
        found = next(fitting, None)
        assert found is not None, f"{who.name} got no {kind} {tag}"
        return found

    def ticket(self, number: int) -> Any:
        return self.lab.tickets()[number - 1]

    def events(self, number: int) -> list[str]:
        return [line.event for line in self.ticket(number).history]

    def outside(self) -> Iterator[tuple[Sent, str]]:
        """Every mail that left the house, with all that can be read in it."""
        for one in self.lab.sent:
            if one.kind not in TO_OUR_OWN:
                yield one, f"{readable(one.raw)}"

    def _as_it_stands(self) -> dict[str, str]:
        stands = {}
        for ticket in self.lab.tickets():
            came = sum(one.direction == "in" for one in ticket.messages)
            left = sum(one.direction == "out" and one.kind not in TO_OUR_OWN for one in ticket.messages)
            stands[f"#{ticket.number}"] = f"{ticket.state} {came}+{left}"
        held = len(self.lab.held())
        return stands | ({"held": str(held)} if held or "held" in self.stands else {})

    def _newest(self) -> list[Any]:
        return [message for ticket in self.lab.tickets() for message in ticket.messages][-1:]


def read(raw: bytes) -> Any:
    """A mail as Python's own library reads it."""
    return email.message_from_bytes(raw, policy=policy.default)


def words(raw: bytes) -> str:
    """The text of a mail without the line that only our own mail carries."""
    text = str(read(raw).get_body(("plain",)).get_content()).replace("\r\n", "\n")
    return text.rpartition("Ref: mg-")[0].strip()


def readable(raw: bytes) -> str:
    """All fields and all text of a mail, decoded."""
    mail = read(raw)
    fields = "\n".join(f"{name}: {value}" for name, value in mail.items())
    texts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return "\n".join([fields, *texts])


def telling_lines(text: str) -> list[str]:
    """The lines of a text by which one can tell who wrote it."""
    return [line for line in text.splitlines() if len(line) >= LEAST_CHARS]
