"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


# Long because a migration is a list: written once, read in one piece, never edited.
def upgrade() -> None:
    """Make every table of the first version."""
    op.create_table(
        "raw",
        _id(),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("zstd", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "journal",
        _id(),
        sa.Column("queue_id", sa.Text, nullable=False),
        _to("raw_id", "raw.id"),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
        sa.Column("mail_from", sa.Text, nullable=False),
        sa.Column("rcpt_to", sa.Text, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        _choice(
            "state", "pending", "ticketed", "appended", "quiet", "held", "parked", "consumed", "duplicate", "shunted"
        ),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("replayed", sa.Boolean, nullable=False),
        sa.Column("acceptance_key", sa.Text, unique=True),
        sa.Column("settled_at", sa.BigInteger),
        sa.Index(None, "queue_id"),
    )
    _some("ix_journal_pending", "journal", ["id"], "state = 'pending'")
    _some("ix_journal_shunted", "journal", ["id"], "state = 'shunted'")
    _some("ix_journal_keyed", "journal", ["accepted_at"], "acceptance_key IS NOT NULL")
    op.create_table(
        "refusal",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("code", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "contact",
        _id(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "address",
        sa.Column("address", sa.Text, primary_key=True),
        _to("contact_id", "contact.id"),
        sa.Column("name", sa.Text, nullable=False),
        _choice("standing", "unknown", "challenged", "trusted", "expired", "robot", "undeliverable", "blocked"),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("credit", sa.Integer, nullable=False),
        sa.Column("credit_at", sa.BigInteger, nullable=False),
        _choice("trust", "agent-manual", "agent-out", "confirmed", optional=True),
        _choice("bound", "A2", "A1", "A0", optional=True),
        sa.Column("proven", sa.Boolean, nullable=False),
        sa.Index(None, "contact_id"),
    )
    op.create_table(
        "domain",
        sa.Column("domain", sa.Text, primary_key=True),
        sa.Column("credit", sa.Integer, nullable=False),
        sa.Column("credit_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ticket",
        _id(),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("subject", sa.Text, nullable=False),
        _choice("state", "open", "closed"),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("requester", sa.Text, nullable=False),
        sa.Column("requester_name", sa.Text, nullable=False),
        sa.Column("assignee", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Index(None, "state", "number"),
    )
    op.create_table(
        "participant",
        sa.Column("ticket_id", ID, sa.ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
        sa.Column("address", sa.Text, primary_key=True),
        _choice("bound", "A2", "A1", "A0"),
        sa.Index(None, "address"),
    )
    op.create_table(
        "ticket_event",
        _id(),
        _to("ticket_id", "ticket.id"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Index(None, "ticket_id", "at"),
    )
    op.create_table(
        "message",
        _id(),
        _choice("direction", "in", "out"),
        _to("raw_id", "raw.id"),
        _to("journal_id", "journal.id", optional=True, unique=True),
        _to("ticket_id", "ticket.id", optional=True),
        _choice(
            "kind",
            "own_loop",
            "bounce",
            "delay",
            "receipt",
            "mdn",
            "feedback",
            "auto_reply",
            "calendar",
            "list",
            "bulk",
            "system",
            "unknown_null",
            "human",
            optional=True,
        ),
        _choice(
            "disposition", "ticket", "quiet", "append", "park", "consume", "duplicate", "hold", "reject", optional=True
        ),
        _choice("purpose", "acknowledge", "challenge", "agent", optional=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("author_name", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("body_hash", sa.Text, nullable=False),
        _choice("level", "A2", "A1", "A0", optional=True),
        sa.Column("proposed", sa.Boolean, nullable=False),
        _choice("held", "wait", "human", "spam", optional=True),
        sa.Column("held_reason", sa.Text, nullable=False),
        sa.Column("acknowledge", sa.Boolean, nullable=False),
        sa.Column("suppressed", sa.Text, nullable=False),
        sa.Column("duplicate_of", ID),
        sa.Column("references", sa.Text, nullable=False),
        sa.Column("token_id", ID, unique=True),
        sa.Column("verdict", sa.Text),
        sa.CheckConstraint("(direction = 'in') = (journal_id IS NOT NULL)", name="journaled"),
        sa.CheckConstraint("(direction = 'out') = (purpose IS NOT NULL)", name="purposed"),
        sa.Index(None, "identity"),
        sa.Index(None, "ticket_id", "at"),
        sa.Index(None, "sender", "at"),
        sa.Index(None, "recipient", "at"),
    )
    _some("ix_message_held", "message", ["sender", "at"], "held IS NOT NULL")
    _some("ix_message_held_id", "message", ["id"], "held IS NOT NULL")
    _some("ix_message_waiting", "message", ["at"], "held = 'wait'")
    op.create_table(
        "challenge",
        _id(),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("token_id", ID, nullable=False, unique=True),
        sa.Column("mailbox", sa.Text, nullable=False),
        _choice(
            "state",
            "queued",
            "sent",
            "confirmed",
            "bounced",
            "cancelled",
            "answered-auto",
            "doubtful",
            "superseded",
            "expired",
        ),
        _choice("level", "A2", "A1", "A0"),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("seen_at", sa.BigInteger),
        sa.Index(None, "address", "created_at"),
    )
    _some("ix_challenge_running", "challenge", ["expires_at"], "state IN ('queued', 'sent', 'doubtful')")
    op.create_table(
        "permit",
        _id(),
        sa.Column("at", sa.BigInteger, nullable=False),
        _choice("purpose", "acknowledge", "challenge", "agent"),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("unproven", sa.Boolean, nullable=False),
        _to("ticket_id", "ticket.id", optional=True),
        sa.Column("cause", ID, nullable=False, unique=True),
        sa.CheckConstraint("purpose <> 'agent'", name="automatic"),
        sa.Index(None, "address", "at"),
        sa.Index(None, "domain", "at"),
        sa.Index(None, "origin", "at"),
        sa.Index(None, "fingerprint", "at"),
        sa.Index(None, "ticket_id"),
        sa.Index(None, "at"),
    )
    op.create_table(
        "outbox",
        _id(),
        _to("message_id", "message.id", unique=True),
        _to("raw_id", "raw.id"),
        _to("permit_id", "permit.id", optional=True, unique=True),
        _choice("purpose", "acknowledge", "challenge", "agent"),
        sa.Column("mail_from", sa.Text, nullable=False),
        sa.Column("rcpt_to", sa.Text, nullable=False),
        sa.Column("utf8", sa.Boolean, nullable=False),
        sa.Column("cause", ID),
        _choice("state", "ready", "leased", "handed", "sent", "failed", "cancelled"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("give_up_at", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("last_code", sa.Integer, nullable=False),
        sa.Column("last_reply", sa.Text, nullable=False),
        sa.Column("settled_at", sa.BigInteger),
        sa.CheckConstraint("(purpose = 'agent') = (permit_id IS NULL)", name="permitted"),
    )
    _some("ix_outbox_ready", "outbox", ["next_at", "id"], "state = 'ready'")
    _some("ix_outbox_away", "outbox", ["lease_until"], "state IN ('leased', 'handed')")
    op.create_table(
        "counter", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.BigInteger, nullable=False)
    )
    op.create_table(
        "rule_set",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("loaded_at", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
    )
    op.bulk_insert(
        sa.table("counter", sa.column("name"), sa.column("value")),
        [{"name": "ticket", "value": 0}, {"name": "accepted", "value": 0}],
    )


def _id() -> sa.Column[Any]:
    return sa.Column("id", ID, primary_key=True, autoincrement=False)


def _to(name: str, target: str, *, optional: bool = False, unique: bool = False) -> sa.Column[Any]:
    return sa.Column(name, ID, sa.ForeignKey(target), nullable=optional, unique=unique or None)


def _choice(name: str, *values: str, optional: bool = False) -> sa.Column[Any]:
    kind = sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)
    return sa.Column(name, kind, nullable=optional)


def _some(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
