"""Tickets know how much they press, who waits and who belongs together; our own people have names and rights."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "'open', 'closed'", "'open', 'pending', 'closed'"
_TRUSTS = "'agent-manual', 'agent-out', 'confirmed'", "'agent-manual', 'agent-out', 'confirmed', 'import'"
_PRIORITIES = "'low', 'normal', 'high', 'urgent'"


# Long because a migration is a list: written once, read in one piece, never edited.
def upgrade() -> None:
    """Add three tables and what tickets, contacts, participants and mails know now."""
    op.create_table(
        "agent",
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("rights", "queues")),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("left_at", sa.BigInteger),
    )
    op.create_table(
        "contact_event",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("contact_id", _ID, sa.ForeignKey("contact.id"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("event", "actor", "detail")),
    )
    op.create_index("ix_contact_event_contact_id_at", "contact_event", ["contact_id", "at"])
    op.create_table(
        "ticket_tag",
        sa.Column("ticket_id", _ID, sa.ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
        sa.Column("tag", sa.Text, primary_key=True),
    )
    op.create_index("ix_ticket_tag_tag", "ticket_tag", ["tag"])
    _add("contact", "company", sa.Text(), "")
    _add("participant", "copied", sa.Boolean(), sa.false())
    # With its condition, which is put beside the column by hand: SQLite takes one only with the column itself.
    op.execute(
        "ALTER TABLE ticket ADD COLUMN priority VARCHAR(20) DEFAULT 'normal' NOT NULL"
        f" CONSTRAINT ck_ticket_priority CHECK (priority IN ({_PRIORITIES}))"
    )
    _no_default("ticket", "priority")
    _add("ticket", "topic", sa.Text(), "")
    for name in ("answered_at", "waits_since", "due_at", "warned_at", "pending_until"):
        op.add_column("ticket", sa.Column(name, sa.BigInteger))
    for name in ("merged_into", "follow_up_of"):
        op.add_column("ticket", sa.Column(name, _ID))
    for name in ("alias", "thread_guid"):
        _add("message", name, sa.Text(), "")
    op.add_column("message", sa.Column("marker", sa.BigInteger))
    op.add_column("message", sa.Column("suggests_id", _ID))
    _add("message", "agent", sa.Text(), "")
    op.add_column("message", sa.Column("route", sa.Text))
    op.execute("UPDATE message SET marker = token_id & 1099511627775 WHERE token_id IS NOT NULL")
    op.create_index("ix_ticket_requester_topic_updated_at", "ticket", ["requester", "topic", "updated_at"])
    op.create_index("ix_ticket_event_at_event", "ticket_event", ["at", "event"])
    for name, table, columns, condition in (
        ("ix_ticket_waits", "ticket", ["waits_since", "id"], "waits_since IS NOT NULL"),
        ("ix_ticket_due", "ticket", ["due_at"], "due_at IS NOT NULL"),
        ("ix_ticket_pending", "ticket", ["pending_until"], "pending_until IS NOT NULL"),
        ("ix_message_unanswered", "message", ["at", "id"], "held IN ('wait', 'human')"),
        ("ix_message_alias", "message", ["alias"], "alias <> ''"),
        ("ix_message_thread_guid", "message", ["thread_guid"], "thread_guid <> ''"),
        ("ix_message_marker", "message", ["marker"], "marker IS NOT NULL"),
    ):
        some = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=some, postgresql_where=some)
    _widen("ticket", "state", *_STATES)
    _widen("address", "trust", *_TRUSTS)


def _add(table: str, column: str, kind: sa.types.TypeEngine[Any], before: Any) -> None:
    """A column that the rows of today have at `before`. Whoever writes a new one says it; SQLite keeps the default."""
    op.add_column(table, sa.Column(column, kind, nullable=False, server_default=before))
    _no_default(table, column)


def _no_default(table: str, column: str) -> None:
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
