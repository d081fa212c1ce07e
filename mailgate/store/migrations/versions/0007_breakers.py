"""Breakers hold automatic mail back, what goes wrong with it is remembered, and our own people get some too."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_PURPOSES = ("'acknowledge', 'challenge', 'agent'", "'acknowledge', 'challenge', 'notice', 'digest', 'agent'")
_HELD = ("'wait', 'human', 'spam'", "'wait', 'human', 'spam', 'archived'")
# Table, column, and the words that may stand there: until now, and from now on.
_WIDENED = (
    ("message", "purpose", *_PURPOSES),
    ("message", "held", *_HELD),
    ("permit", "purpose", *_PURPOSES),
    ("outbox", "purpose", *_PURPOSES),
)


# Long because a migration is a list: written once, read in one piece, never edited.
def upgrade() -> None:
    """Add two tables and what addresses, tickets, mails and permits know now; let more words stand where they must."""
    op.create_table(
        "breaker",
        sa.Column("key", sa.Text, primary_key=True),
        _choice("scope", "all", "mailbox", "domain", "address", key=True),
        _choice("state", "closed", "open", "half", "latched"),
        sa.Column("since", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("until", "trial_until", "tripped_at")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reason", "actor")),
    )
    op.create_table(
        "mishap",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        _choice("trouble", "failed", "answered", "complained", "came-back", "repeated"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("address", "domain")),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
    )
    op.create_index("ix_mishap_trouble_at", "mishap", ["trouble", "at"])
    op.create_index("ix_mishap_message_id_trouble", "mishap", ["message_id", "trouble"], unique=True)
    _add("address", "turns", sa.Integer(), "0")
    op.add_column("address", sa.Column("turned_at", sa.BigInteger))
    _add("address", "spam_marks", sa.Integer(), "0")
    _add("address", "asks_back", sa.Boolean(), sa.false())
    _add("ticket", "flood", sa.Boolean(), sa.false())
    _add("message", "fingerprint", sa.Text(), "")
    _add("permit", "mailbox", sa.Text(), "")
    for name, table, columns, condition in (
        ("ix_ticket_flood", "ticket", ["requester", "updated_at"], "flood"),
        ("ix_message_machine", "message", ["sender", "at"], "kind = 'auto_reply'"),
    ):
        some = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=some, postgresql_where=some)
    for widened in _WIDENED:
        _widen(*widened)


def _choice(name: str, *words: str, key: bool = False) -> sa.Column[str]:
    kind = sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=20)
    return sa.Column(name, kind, nullable=False, primary_key=key)


def _add(table: str, column: str, kind: sa.types.TypeEngine[Any], before: Any) -> None:
    """A column that the rows of today have at `before`. Whoever writes a new one says it; SQLite keeps the default."""
    op.add_column(table, sa.Column(column, kind, nullable=False, server_default=before))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(table, column, server_default=None)


def _widen(table: str, column: str, before: str, after: str) -> None:
    """Let a column hold more words. What stands there fits the new condition as well, so no row need be read."""
    conn, name = op.get_bind(), f"ck_{table}_{column}"
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        conn.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({after})) NOT VALID")
        conn.exec_driver_sql(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        return
    # The way that SQLite documents for a change that touches no row (sqlite.org/lang_altertable.html, section 7).
    old, new = f"CHECK ({column} IN ({before}))", f"CHECK ({column} IN ({after}))"
    version = conn.exec_driver_sql("PRAGMA schema_version").scalar_one()
    conn.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = conn.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ? AND instr(sql, ?) > 0",
        (old, new, table, old),
    )
    assert changed.rowcount == 1, f"{name} is not as it was made"
    conn.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    conn.exec_driver_sql("PRAGMA writable_schema = OFF")
