"""Tens of thousands of rows in every table that grows, as years of mail leave them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, Integer, Table, text

from mailgate.store import tables, types
from mailgate.testing import START

ROWS = 30_000
MINUTE = 60_000_000  # in microseconds, as times are stored
_LAST = int(START.timestamp()) * 1_000_000  # the newest row is of this moment

_AT = f"{_LAST} - ({ROWS} - i) * CAST({MINUTE} AS bigint)"
# Some write often, from a domain that many have; most write once.
_WHO = "CASE WHEN i % 4 = 0 THEN 'p' || i || '@gmail.test' ELSE 'p' || i || '@d' || (i % 5000) || '.test' END"
_DOMAIN = "CASE WHEN i % 4 = 0 THEN 'gmail.test' ELSE 'd' || (i % 5000) || '.test' END"
_OUT = f"(i + {2 * ROWS})"  # ids of mail that left

# Of each table, in an order in which rows may point to those before: what its columns hold in row i, in words that
# both databases understand. Columns that are not named hold nothing, or the least that they may.
_COLUMNS: list[tuple[Table, dict[str, str]]] = [
    (tables.raw, {"id": "i"}),
    (tables.raw, {"id": _OUT}),
    (tables.contact, {"id": "i", "created_at": _AT}),
    (tables.address, {"address": _WHO, "contact_id": "i", "standing": "'trusted'", "since": _AT, "credit_at": _AT}),
    (tables.domain, {"domain": "'d' || i || '.test'", "credit_at": _AT}),
    (
        tables.journal,
        {
            "id": "i",
            "raw_id": "i",
            "queue_id": "'Q' || i",
            "accepted_at": _AT,
            "peer": "'{}'",
            "state": "CASE WHEN i % 3 = 0 THEN 'held' WHEN i % 3 = 1 THEN 'ticketed' ELSE 'quiet' END",
            "acceptance_key": f"CASE WHEN i > {ROWS} / 2 THEN 'key' || i END",
            "settled_at": _AT,
        },
    ),
    (
        tables.ticket,
        {
            "id": "i",
            "number": "i + 1000",
            "state": "'open'",
            "requester": _WHO,
            "topic": "'topic ' || (i % 100)",
            "created_at": _AT,
            "updated_at": _AT,
            "waits_since": f"CASE WHEN i % 300 = 0 THEN {_AT} END",
            "due_at": f"CASE WHEN i % 300 = 0 THEN {_AT} + {MINUTE} END",
            "merged_into": "CASE WHEN i % 300 = 0 THEN i - 1 END",
        },
    ),
    (tables.ticket_tag, {"ticket_id": "i", "tag": "'t' || (i % 100)"}),
    (tables.participant, {"ticket_id": "i", "address": _WHO, "bound": "'A2'"}),
    (tables.ticket_event, {"id": "i", "ticket_id": "i", "at": _AT, "event": "'reopened'", "actor": "'mail'"}),
    (
        tables.message,
        {
            "id": "i",
            "direction": "'in'",
            "raw_id": "i",
            "journal_id": "i",
            "ticket_id": "i",
            "identity": "'<' || i || '@x.test>'",
            "sender": _WHO,
            "recipient": "'support@g.test'",
            "at": _AT,
            "held": "CASE WHEN i % 300 = 0 THEN 'wait' END",
            "thread_guid": "'guid' || i",
            "verdict": "'{}'",
        },
    ),
    (
        tables.message,
        {
            "id": _OUT,
            "direction": "'out'",
            "raw_id": _OUT,
            "ticket_id": "i",
            "purpose": "'challenge'",
            "identity": "'<out' || i || '@g.test>'",
            "sender": "'support@g.test'",
            "recipient": _WHO,
            "at": _AT,
            "token_id": "i",
            "marker": "i",
            "alias": "'alias' || i",
        },
    ),
    (
        tables.challenge,
        {"id": "i", "address": _WHO, "token_id": "i", "state": "'confirmed'", "created_at": _AT, "expires_at": _AT},
    ),
    (
        tables.permit,
        {
            "id": "i",
            "at": _AT,
            "purpose": "'challenge'",
            "address": _WHO,
            "domain": _DOMAIN,
            "origin": "'192.0.' || (i % 250) || '.0/24'",
            "fingerprint": "'f' || i",
            "ticket_id": "i",
            "cause": "i",
        },
    ),
    (
        tables.breaker,
        {"key": "'d' || i || '.test'", "scope": "'domain'", "state": "'open'", "since": _AT},
    ),
    (
        tables.mishap,
        {
            "id": "i",
            "at": _AT,
            "trouble": "CASE WHEN i % 500 = 0 THEN 'complained' WHEN i % 500 = 1 THEN 'repeated' ELSE 'failed' END",
            "address": _WHO,
            "domain": _DOMAIN,
            "message_id": _OUT,
        },
    ),
    (
        tables.outbox,
        {
            "id": "i",
            "message_id": _OUT,
            "raw_id": _OUT,
            "permit_id": "i",
            "purpose": "'challenge'",
            "state": "CASE WHEN i % 300 = 0 THEN 'ready' ELSE 'sent' END",
            "created_at": _AT,
            "next_at": _AT,
            "give_up_at": _AT,
        },
    ),
    (
        tables.errand,
        {
            "id": "i",
            "message_id": "i",
            "target": "'hook' || (i % 3)",
            "state": "CASE WHEN i % 300 = 0 THEN 'due' ELSE 'done' END",
            "created_at": _AT,
            "due_at": _AT,
        },
    ),
    (tables.judgement, {"id": "i", "at": _AT, "mails": "1"}),
]


def crowd(conn: Connection, rows: int = ROWS) -> None:
    """Fill an empty database; with fewer `rows` only the first of them."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    for table, columns in _COLUMNS:
        whole = {**{column.name: _least(column) for column in table.columns if not column.nullable}, **columns}
        names = ", ".join(f'"{name}"' for name in whole)
        conn.execute(text(f"INSERT INTO {table.name} ({names}) {numbers} SELECT {', '.join(whole.values())} FROM n"))


def _least(column: Column[object]) -> str:
    kind = column.type
    if isinstance(kind, Boolean):
        return "false"
    choices = getattr(kind, "enums", None)
    if choices:
        return f"'{choices[0]}'"
    if isinstance(kind, types.Document):
        return "'[]'"
    if isinstance(kind, (types.Utc, Integer)):
        return "0"
    return "''"
