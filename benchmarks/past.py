"""The past of a gateway that has worked for a year, written through the tables at once; the same in every run."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert

from benchmarks.load import RECIPIENT
from benchmarks.mails import author, domain, letter
from benchmarks.words import subject, text
from mailgate.model import (
    Disposition,
    Kind,
    Level,
    OutboxState,
    Priority,
    Purpose,
    Standing,
    State,
    TicketState,
)
from mailgate.searchwords import words_of
from mailgate.store import ids, search, tables
from mailgate.store.bulk import put
from mailgate.store.database import Database
from mailgate.store.dialect import add, set_ticket_number
from mailgate.store.entries import SHORT
from mailgate.store.journal import compressed
from mailgate.store.ledger import ACCEPTED
from mailgate.store.search import Indexed
from mailgate.store.tables import Direction

TICKETS_A_STEP = 2000
TEXTS = 200  # different ones
KEYED_DAYS = 7  # acceptance keys are kept so long
OPEN_DAYS = 14  # tickets stay open so long
PROMISED = timedelta(hours=8)  # until an answer
# Every so manieth ticket is in another queue, bears a tag, or is urgent.
_QUEUES = ((1000, "press"), (10, "billing"), (3, "sales"))
_TAGGED, _URGENT = 10, 50
_YEAR = timedelta(days=365)
# How many hours after the opening of a ticket each of its mails was, and why it left; those without a reason came.
_COURSE = ((0.0, None), (0.01, Purpose.ACKNOWLEDGE), (3.0, Purpose.AGENT), (20.0, None), (30.0, None))
_VERDICT = {
    "kind": "human",
    "disposition": "ticket",
    "state": "ticketed",
    "reason": "a known sender",
    "respond": {"acknowledge": True, "challenge": False, "reasons": []},
    "suppressed": "",
    "authentication": {"level": "A2", "spf": "pass", "dkim": "pass", "dmarc": "none", "arc": "none"},
    "findings": [],
    "trail": [{"check": name, "result": "nothing says otherwise"} for name in ("kind", "sender", "place", "thread")],
    "rules": "0123456789ab",
    "defects": [],
}

Rows = dict[Table, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Past:
    """So many tickets of five mails each, from so many people, and so many permits, most of them of challenges."""

    tickets: int = 200_000
    people: int = 100_000
    permits: int = 1_000_000
    until: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))

    @property
    def words(self) -> str:
        """The past in words."""
        return f"{self.tickets * len(_COURSE):,} messages in {self.tickets:,} tickets, {self.permits:,} permits"

    async def fill(self, database: Database) -> None:
        """Write it into an empty database, some thousand tickets a transaction."""
        await database.write(self._people)
        made = _Made([compressed(letter(number).raw) for number in range(TEXTS)])
        for first in range(0, self.tickets, TICKETS_A_STEP):
            await database.write(self._step(made, range(first, min(first + TICKETS_A_STEP, self.tickets))))
        await database.write(lambda conn: set_ticket_number(conn, self.tickets))

    def person(self, ticket: int) -> int:
        """Who opened it: few people write often and many once."""
        return int(self.people * (ticket * 0.6180339887 % 1) ** 2)

    def _people(self, conn: Connection) -> None:
        since = self.until - _YEAR
        rows: Rows = {
            tables.contact: [
                {"id": number, "name": "Pat Person", "created_at": since} for number in range(self.people)
            ],
            tables.address: [
                {
                    "address": author(number),
                    "contact_id": number,
                    "name": "Pat Person",
                    "standing": Standing.TRUSTED if number % 3 else Standing.UNKNOWN,
                    "since": since,
                    "credit_at": since,
                }
                for number in range(self.people)
            ],
            tables.domain: [
                {"domain": name, "credit": 20, "credit_at": since}
                for name in sorted({domain(number) for number in range(self.people)})
            ],
        }
        _insert(conn, rows)

    def _step(self, made: _Made, numbers: range) -> Callable[[Connection], None]:
        rows: Rows = defaultdict(list)
        for number in numbers:
            self._ticket(made, rows, number)

        def write(conn: Connection) -> None:
            _insert(conn, rows)
            search.enter(conn, made.take_indexed())
            accepted = {"name": f"{ACCEPTED}0", "value": len(rows[tables.journal])}
            conn.execute(add(conn, tables.counter, key="name", column="value"), accepted)

        return write

    def _ticket(self, made: _Made, rows: Rows, number: int) -> None:
        opened = self.until - _YEAR * (1 - number / self.tickets)
        closed = None if self.until - opened < timedelta(days=OPEN_DAYS) else opened + timedelta(days=2)
        person = self.person(number)
        ticket_id = made.id(opened)
        waits = None if closed else min(opened + timedelta(hours=_COURSE[-1][0]), self.until)
        rows[tables.ticket].append(
            {
                "id": ticket_id,
                "number": number + 1,
                "subject": subject(number),
                "topic": subject(number),
                "state": TicketState.CLOSED if closed else TicketState.OPEN,
                "priority": Priority.NORMAL if number % _URGENT else Priority.URGENT,
                "queue": next((queue for every, queue in _QUEUES if number % every == 0), "support"),
                "mailbox": RECIPIENT,
                "requester": author(person),
                "created_at": opened,
                "updated_at": closed or opened,
                "closed_at": closed,
                "answered_at": min(opened + timedelta(hours=3), self.until),
                "waits_since": waits,
                "due_at": waits + PROMISED if waits else None,
            }
        )
        if number % _TAGGED == 0:
            rows[tables.ticket_tag].append({"ticket_id": ticket_id, "tag": f"tag{number % 7}"})
        rows[tables.participant].append({"ticket_id": ticket_id, "address": author(person), "bound": Level.A2})
        for event, at in (("opened", opened), ("closed", closed)):
            if at:
                row = {"id": made.id(at), "ticket_id": ticket_id, "at": at, "event": event, "actor": "mail"}
                rows[tables.ticket_event].append(row)
        cause = 0
        for hours, purpose in _COURSE:
            mail = _Mail(number, ticket_id, person, min(opened + timedelta(hours=hours), self.until))
            if purpose is None:
                cause = self._came(made, rows, mail, first=hours == 0)
            else:
                self._left(made, rows, mail, purpose, cause)
        self._challenges(made, rows, opened, number)

    def _came(self, made: _Made, rows: Rows, mail: _Mail, *, first: bool) -> int:
        raw_id, journal_id = made.raw(rows, mail.at), made.id(mail.at)
        kept = self.until - mail.at < timedelta(days=KEYED_DAYS)
        rows[tables.journal].append(
            {
                "id": journal_id,
                "queue_id": ids.queue_id(raw_id),
                "raw_id": raw_id,
                "accepted_at": mail.at,
                "mail_from": author(mail.person),
                "rcpt_to": RECIPIENT,
                "peer": {"ip": "192.0.2.1", "helo": domain(mail.person), "port": 25},
                "notes": [],
                "state": State.TICKETED if first else State.APPENDED,
                "attempts": 1,
                "acceptance_key": hashlib.sha256(str(raw_id).encode()).hexdigest() if kept else None,
                "settled_at": mail.at,
            }
        )
        rows[tables.message].append(
            mail.row(made, raw_id, Direction.IN)
            | {
                "journal_id": journal_id,
                "kind": Kind.HUMAN,
                "disposition": Disposition.TICKET if first else Disposition.APPEND,
                "sender": author(mail.person),
                "recipient": RECIPIENT,
                "level": Level.A2,
                "body_hash": f"{raw_id:032x}",
                "verdict": _VERDICT,
            }
        )
        return journal_id

    def _left(self, made: _Made, rows: Rows, mail: _Mail, purpose: Purpose, cause: int) -> None:
        raw_id = made.raw(rows, mail.at)
        message = mail.row(made, raw_id, Direction.OUT)
        rows[tables.message].append(
            message
            | {"purpose": purpose, "sender": RECIPIENT, "recipient": author(mail.person)}
            | {"token_id": raw_id, "marker": raw_id & SHORT}
        )
        permit_id = None
        if purpose is not Purpose.AGENT:
            permit_id = made.id(mail.at)
            permit = _permit(permit_id, mail.at, purpose, mail.person)
            rows[tables.permit].append(permit | {"ticket_id": mail.ticket_id, "cause": cause})
        rows[tables.outbox].append(
            {
                "id": raw_id,
                "message_id": message["id"],
                "raw_id": raw_id,
                "permit_id": permit_id,
                "purpose": purpose,
                "mail_from": RECIPIENT,
                "rcpt_to": author(mail.person),
                "cause": cause,
                "state": OutboxState.SENT,
                "attempts": 1,
                "created_at": mail.at,
                "next_at": mail.at,
                "give_up_at": mail.at,
                "settled_at": mail.at,
            }
        )

    def _challenges(self, made: _Made, rows: Rows, at: datetime, number: int) -> None:
        """What is left of the permits, spread evenly: strangers who were asked and never came back."""
        others = self.permits - self.tickets
        for stranger in range(number * others // self.tickets, (number + 1) * others // self.tickets):
            permit_id = made.id(at)
            permit = _permit(permit_id, at, Purpose.CHALLENGE, self.people + stranger)
            rows[tables.permit].append(permit | {"unproven": True, "cause": permit_id})


@dataclass(frozen=True, slots=True)
class _Mail:
    ticket: int
    ticket_id: int
    person: int
    at: datetime

    def row(self, made: _Made, raw_id: int, direction: Direction) -> dict[str, Any]:
        """What mails of both directions have in common; the rest is empty, for the rows of a statement are alike."""
        message_id, about = made.id(self.at), subject(self.ticket)
        made.index(message_id, raw_id, about, f"{about} {author(self.person)} {RECIPIENT}")
        return {
            "id": message_id,
            "direction": direction,
            "raw_id": raw_id,
            "ticket_id": self.ticket_id,
            "identity": f"<{raw_id}@{domain(self.person)}>",
            "mailbox": RECIPIENT,
            "queue": "support",
            "subject": about,
            "at": self.at,
            # Every third writes with Outlook.
            "thread_guid": "" if self.ticket % 3 else f"{self.ticket:032x}",
            **dict.fromkeys(("journal_id", "token_id", "marker", "kind", "disposition", "purpose", "level", "verdict")),
            "body_hash": "",
        }


class _Made:
    """Ids that carry their time as real ones do, raw texts, and the words by which mails are found."""

    def __init__(self, texts: list[bytes]) -> None:
        self._texts = texts
        self._count = 0
        self._indexed: list[Indexed] = []

    def id(self, at: datetime) -> int:
        """A new one of this time."""
        self._count += 1
        return (int(at.timestamp() * 1000) - ids.EPOCH_MS) << ids.TIME_SHIFT | self._count % (1 << ids.TIME_SHIFT)

    def raw(self, rows: Rows, at: datetime) -> int:
        """A new text; its id."""
        raw_id = self.id(at)
        zstd = self._texts[raw_id % TEXTS]
        digest = hashlib.sha256(str(raw_id).encode()).digest()
        rows[tables.raw].append({"id": raw_id, "sha256": digest, "size_bytes": 2048, "zstd": zstd})
        return raw_id

    def index(self, message_id: int, raw_id: int, about: str, head: str) -> None:
        """Let a mail be found: by its head, and by a text that no other mail has."""
        words = [*words_of(head), *text(self._count)]
        self._indexed.append(Indexed(message_id, words, (raw_id, about, "", "")))

    def take_indexed(self) -> list[Indexed]:
        """What was let be found since the last time."""
        taken, self._indexed = self._indexed, []
        return taken


def _permit(permit_id: int, at: datetime, purpose: Purpose, person: int) -> dict[str, Any]:
    names = {"address": author(person), "domain": domain(person), "origin": domain(person)}
    others = {"fingerprint": f"{permit_id:032x}", "unproven": False, "ticket_id": None}
    return {"id": permit_id, "at": at, "purpose": purpose, **names, **others}


def _insert(conn: Connection, rows: Rows) -> None:
    for table in _in_order(rows):
        put(conn, insert(table), rows[table])


def _in_order(rows: Rows) -> Iterator[Table]:
    """Tables that others point to come first."""
    return (table for table in tables.metadata.sorted_tables if rows.get(table))
