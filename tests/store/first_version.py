"""A database as the first version made it, with rows in every table; written once, and never changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, insert, text

import mailgate.store
from mailgate.store.database import backend_of
from mailgate.store.journal import compressed
from mailgate.store.postgres import PostgresServer, PostgresSession
from mailgate.store.sqlite import SqliteFile
from tests.fakes.letters import letter

AT = 1_767_600_000_000_000  # 2026-01-05 08:00 UTC, in microseconds
LATER = AT + 30 * 86_400_000_000
VERDICT = '{"reason":"because","authentication":{"why":"proven by DKIM of x.test"}}'
RAW = letter(subject="From the first version")
PEER = '{"ip":"192.0.2.1","helo":"x","tls":false,"known":true,"protocol":"smtp","role":"edge","utf8":false}'


def raw(number: int) -> dict[str, Any]:
    return {"id": number, "sha256": b"s" * 32, "size_bytes": len(RAW), "zstd": compressed(RAW)}


def journal(number: int, state: str, **more: Any) -> dict[str, Any]:
    envelope = {"mail_from": "anne@x.test", "rcpt_to": "support@g.test", "peer": PEER, "notes": "[]"}
    row = {"id": number, "queue_id": f"Q{number}", "raw_id": 1, "accepted_at": AT, **envelope, "state": state}
    rest = {"attempts": 1, "last_error": "", "replayed": False, "acceptance_key": f"key {number}", "settled_at": AT}
    return row | rest | {"lease_owner": None, "lease_until": None} | more


def message(number: int, **more: Any) -> dict[str, Any]:
    names = ("identity", "sender", "author", "author_name", "recipient", "mailbox", "queue", "subject", "body_hash")
    optional = ("journal_id", "ticket_id", "kind", "disposition", "purpose", "sent_at", "level", "held", "duplicate_of")
    row: dict[str, Any] = dict.fromkeys(names, "") | dict.fromkeys((*optional, "token_id"))
    row |= {"id": number, "direction": "in", "raw_id": 1, "at": AT, "references": "[]", "verdict": VERDICT}
    row |= {"identity": f"<{number}@x.test>"}
    row |= {"sender": "anne@x.test", "author": "anne@x.test", "mailbox": "support@g.test", "subject": "Äpfel"}
    row |= {"proposed": False, "held_reason": "", "acknowledge": False, "suppressed": ""}
    return row | more


def outbox(number: int, message_id: int, purpose: str, state: str, **more: Any) -> dict[str, Any]:
    row = {"id": number, "message_id": message_id, "raw_id": 2, "purpose": purpose, "state": state, "attempts": 0}
    row |= {"mail_from": "support@g.test", "rcpt_to": "anne@x.test", "utf8": False, "cause": None, "permit_id": None}
    row |= {"created_at": AT, "next_at": AT, "give_up_at": LATER, "lease_owner": None, "lease_until": None}
    return row | {"last_code": 0, "last_reply": "", "settled_at": None} | more


# In an order in which rows point only to rows before them.
ROWS: dict[str, list[dict[str, Any]]] = {
    "raw": [raw(1), raw(2)],
    "journal": [
        journal(11, "ticketed"),
        journal(12, "held"),
        journal(13, "parked"),
        journal(14, "shunted", last_error="Traceback"),
        journal(15, "pending", attempts=0, settled_at=None),
    ],
    "refusal": [{"day": date(2026, 1, 4), "code": 550, "count": 7}],
    "contact": [{"id": 20, "name": "Änne", "created_at": AT}],
    "address": [
        {"address": "anne@x.test", "contact_id": 20, "name": "Änne", "standing": "trusted", "since": AT, "until": None}
        | {"credit": 5, "credit_at": AT, "trust": "agent-manual", "bound": "A2", "proven": True}
    ],
    "domain": [{"domain": "x.test", "credit": 20, "credit_at": AT}],
    "ticket": [
        {"id": 30, "number": 1, "subject": "Äpfel", "state": "open", "queue": "support", "mailbox": "support@g.test"}
        | {"requester": "anne@x.test", "requester_name": "Änne", "assignee": "", "closed_at": None}
        | {"created_at": AT, "updated_at": AT}
    ],
    "participant": [{"ticket_id": 30, "address": "anne@x.test", "bound": "A2"}],
    "ticket_event": [{"id": 31, "ticket_id": 30, "at": AT, "event": "opened", "actor": "mail", "detail": "because"}],
    "message": [
        message(41, journal_id=11, ticket_id=30, kind="human", disposition="ticket", level="A2"),
        message(
            42, journal_id=12, sender="eve@y.test", author="eve@y.test", held="human", disposition="hold", level="A2"
        ),
        message(43, journal_id=13, kind="bulk", disposition="park", level="A0"),
        message(44, direction="out", raw_id=2, ticket_id=30, purpose="agent", token_id=91, recipient="anne@x.test"),
        message(45, direction="out", raw_id=2, ticket_id=30, purpose="acknowledge", token_id=92, sent_at=AT),
    ],
    "challenge": [
        {"id": 50, "address": "eve@y.test", "token_id": 93, "mailbox": "support@g.test", "state": "sent", "level": "A2"}
        | {"domain": "y.test", "created_at": AT, "expires_at": LATER, "sent_at": AT, "seen_at": None}
    ],
    "permit": [
        {"id": 60, "at": AT, "purpose": "acknowledge", "address": "anne@x.test", "domain": "x.test", "origin": "o"}
        | {"fingerprint": "f", "shared": False, "unproven": False, "ticket_id": 30, "cause": 11}
    ],
    "outbox": [
        outbox(70, 44, "agent", "ready"),
        outbox(71, 45, "acknowledge", "sent", permit_id=60, cause=11, last_code=250, settled_at=AT),
    ],
    "rule_set": [{"version": "v1", "loaded_at": AT, "files": "{}"}],
}


def make(url: str) -> None:
    """Make it at `url`, where there is no schema yet. Call in a thread without an event loop."""
    backend = backend_of(url, durable=False)
    if isinstance(backend, PostgresServer):
        session = PostgresSession(backend)
        session.commit(_fill, lambda _point: None)
        session.end()
    elif isinstance(backend, SqliteFile):
        backend.path.touch()
        with backend.writing(migrating=True).begin() as connection:
            _fill(connection)


def _fill(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(mailgate.store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    known = MetaData()
    for name, rows in ROWS.items():
        connection.execute(insert(Table(name, known, autoload_with=connection)), rows)
    for name, value in (("ticket", 1), ("accepted", 5)):
        connection.execute(text(f"UPDATE counter SET value = {value} WHERE name = '{name}'"))
