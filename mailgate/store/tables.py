"""Store: the tables, as plain metadata. What may stand in a row is said here once more, for the database to check."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from mailgate.model import (
    BreakerState,
    ChallengeState,
    Disposition,
    HeldState,
    Kind,
    Level,
    OutboxState,
    Purpose,
    Scope,
    Standing,
    State,
    TicketState,
    Trouble,
    Trust,
)
from mailgate.store.types import Document, Utc, Words


class Direction(StrEnum):
    """Which way a message went."""

    IN = "in"
    OUT = "out"


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite stores a row under its key itself only where the type is spelled INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


def _to(name: str, target: str, *, optional: bool = False, unique: bool = False) -> Column[Any]:
    return Column(name, Id, ForeignKey(target), nullable=optional, unique=unique or None)


def _time(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, Utc, nullable=optional)


def _words(name: str, *, default: str | None = None) -> Column[Any]:
    return Column(name, Words, nullable=False, default=default)


def _choice(name: str, of: type[StrEnum], *, optional: bool = False, key: bool = False) -> Column[Any]:
    kind = Enum(of, name=name, native_enum=False, create_constraint=True, length=20, values_callable=_values)
    return Column(name, kind, nullable=optional, primary_key=key)


def _values(of: type[StrEnum]) -> list[str]:
    return [member.value for member in of]


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False, default=False)


def _number(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, default=0)


def _some(name: str, table: str, columns: tuple[str, ...], where: str, *, unique: bool = False) -> Index:
    """An index over the few rows that are asked for all the time."""
    condition = text(where)
    listed = [metadata.tables[table].c[column] for column in columns]
    return Index(name, *listed, unique=unique, sqlite_where=condition, postgresql_where=condition)


# ── Acceptance ────────────────────────────────────────────────────────────────────────────────────────────────────────

raw = Table(
    "raw",
    metadata,
    _id(),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("zstd", LargeBinary, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    _id(),
    Column("queue_id", Text, nullable=False),
    _to("raw_id", "raw.id"),
    _time("accepted_at"),
    _words("mail_from"),
    _words("rcpt_to"),
    Column("peer", Document, nullable=False),
    Column("notes", Document, nullable=False),
    _choice("state", State),
    _number("attempts"),
    Column("lease_owner", Text),
    _time("lease_until", optional=True),
    _words("last_error", default=""),
    _flag("replayed"),
    Column("acceptance_key", Text, unique=True),
    _time("settled_at", optional=True),
    Index(None, "queue_id"),
    Index(None, "raw_id"),
)
_some("ix_journal_pending", "journal", ("id",), "state = 'pending'")
_some("ix_journal_shunted", "journal", ("id",), "state = 'shunted'")
# Not IS NOT NULL: whoever asks for a key says that too, and PostgreSQL took it for a reason to read all of this index.
_some("ix_journal_keyed", "journal", ("accepted_at",), "acceptance_key <> ''")

refusal = Table(
    "refusal",
    metadata,
    Column("day", Date, primary_key=True),
    Column("code", Integer, primary_key=True, autoincrement=False),
    _number("count"),
)

# ── Tickets ───────────────────────────────────────────────────────────────────────────────────────────────────────────

contact = Table("contact", metadata, _id(), _words("name", default=""), _time("created_at"))

address = Table(
    "address",
    metadata,
    Column("address", Words, primary_key=True),
    _to("contact_id", "contact.id"),
    _words("name", default=""),
    _choice("standing", Standing),
    _time("since"),
    _time("until", optional=True),
    _number("credit"),
    _time("credit_at"),
    _choice("trust", Trust, optional=True),
    _choice("bound", Level, optional=True),
    _flag("proven"),
    _number("turns"),
    _time("turned_at", optional=True),
    _number("spam_marks"),
    _flag("asks_back"),
    Index(None, "contact_id"),
)

domain = Table("domain", metadata, Column("domain", Words, primary_key=True), _number("credit"), _time("credit_at"))

ticket = Table(
    "ticket",
    metadata,
    _id(),
    Column("number", Integer, nullable=False, unique=True),
    _words("subject"),
    _choice("state", TicketState),
    _words("queue"),
    _words("mailbox"),
    _words("requester"),
    _words("requester_name", default=""),
    _words("assignee", default=""),
    _time("created_at"),
    _time("updated_at"),
    _time("closed_at", optional=True),
    _flag("flood"),
    Index(None, "state", "number"),
)
_some("ix_ticket_flood", "ticket", ("requester", "updated_at"), "flood")

participant = Table(
    "participant",
    metadata,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("address", Words, primary_key=True),
    _choice("bound", Level),
    Index(None, "address"),
)

ticket_event = Table(
    "ticket_event",
    metadata,
    _id(),
    _to("ticket_id", "ticket.id"),
    _time("at"),
    _words("event"),
    _words("actor"),
    _words("detail", default=""),
    Index(None, "ticket_id", "at"),
)

message = Table(
    "message",
    metadata,
    _id(),
    _choice("direction", Direction),
    _to("raw_id", "raw.id"),
    _to("journal_id", "journal.id", optional=True, unique=True),
    _to("ticket_id", "ticket.id", optional=True),
    _choice("kind", Kind, optional=True),
    _choice("disposition", Disposition, optional=True),
    _choice("purpose", Purpose, optional=True),
    _words("identity"),
    _words("sender"),
    _words("author", default=""),
    _words("author_name", default=""),
    _words("recipient"),
    _words("mailbox"),
    _words("queue", default=""),
    _words("subject"),
    _time("at"),
    _time("sent_at", optional=True),
    Column("body_hash", Text, nullable=False, default=""),
    _choice("level", Level, optional=True),
    _flag("proposed"),
    _choice("held", HeldState, optional=True),
    _words("held_reason", default=""),
    _flag("acknowledge"),
    _words("suppressed", default=""),
    Column("duplicate_of", Id),
    Column("references", Document, nullable=False, default=list),
    Column("token_id", Id, unique=True),
    Column("verdict", Document),
    _time("recheck_at", optional=True),
    Column("fingerprint", Text, nullable=False, default=""),
    CheckConstraint("(direction = 'in') = (journal_id IS NOT NULL)", name="journaled"),
    CheckConstraint("(direction = 'out') = (purpose IS NOT NULL)", name="purposed"),
    Index(None, "raw_id"),
    Index(None, "identity"),
    Index(None, "ticket_id", "at"),
    Index(None, "sender", "at"),
    Index(None, "recipient", "at"),
)
_some("ix_message_begun", "message", ("sender", "at"), "disposition = 'ticket'")
_some("ix_message_held", "message", ("sender", "at"), "held IS NOT NULL")
_some("ix_message_held_id", "message", ("id",), "held IS NOT NULL")
_some("ix_message_recheck", "message", ("recheck_at", "id"), "recheck_at IS NOT NULL")
_some("ix_message_machine", "message", ("sender", "at"), "kind = 'auto_reply'")
_some("ix_message_waiting", "message", ("at",), "held = 'wait'")

# ── Automatic mail and the way out ────────────────────────────────────────────────────────────────────────────────────

challenge = Table(
    "challenge",
    metadata,
    _id(),
    _words("address"),
    Column("token_id", Id, nullable=False, unique=True),
    _words("mailbox"),
    _choice("state", ChallengeState),
    _choice("level", Level),
    _words("domain"),
    _time("created_at"),
    _time("expires_at"),
    _time("sent_at", optional=True),
    _time("seen_at", optional=True),
    Index(None, "address", "created_at"),
)
_some("ix_challenge_running", "challenge", ("expires_at",), "state IN ('queued', 'sent', 'doubtful')")

permit = Table(
    "permit",
    metadata,
    _id(),
    _time("at"),
    _choice("purpose", Purpose),
    _words("address"),
    _words("domain"),
    _words("origin"),
    _words("fingerprint"),
    _flag("shared"),
    _flag("unproven"),
    _to("ticket_id", "ticket.id", optional=True),
    # One mail in, or one confirmation, causes at most one automatic mail, whatever the code above believes.
    Column("cause", Id, nullable=False, unique=True),
    _words("mailbox", default=""),
    CheckConstraint("purpose <> 'agent'", name="automatic"),
    # All that a limit looks at stands in these, so that no row need be read to be counted.
    Index(None, "address", "at", "purpose", "unproven"),
    Index(None, "domain", "shared", "at", "purpose", "unproven"),
    Index(None, "origin", "shared", "at", "purpose", "unproven"),
    Index(None, "fingerprint", "at", "purpose", "unproven"),
    Index(None, "ticket_id"),
    Index(None, "at", "purpose", "unproven"),
)

breaker = Table(
    "breaker",
    metadata,
    Column("key", Words, primary_key=True),
    _choice("scope", Scope, key=True),
    _choice("state", BreakerState),
    _time("since"),
    _time("until", optional=True),
    _time("trial_until", optional=True),
    _time("tripped_at", optional=True),
    _words("reason", default=""),
    _words("actor", default=""),
)

mishap = Table(
    "mishap",
    metadata,
    _id(),
    _time("at"),
    _choice("trouble", Trouble),
    _words("address"),
    _words("domain"),
    # Without a foreign key: the accounts stay when the mail goes.
    Column("message_id", Id),
    Index(None, "trouble", "at"),
    # One mail fails once, however often it is told.
    Index(None, "message_id", "trouble", unique=True),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _to("message_id", "message.id", unique=True),
    _to("raw_id", "raw.id"),
    _to("permit_id", "permit.id", optional=True, unique=True),
    _choice("purpose", Purpose),
    _words("mail_from"),
    _words("rcpt_to"),
    _flag("utf8"),
    Column("cause", Id),
    _choice("state", OutboxState),
    _number("attempts"),
    _time("created_at"),
    _time("next_at"),
    _time("give_up_at"),
    Column("lease_owner", Text),
    _time("lease_until", optional=True),
    _number("last_code"),
    _words("last_reply", default=""),
    _time("settled_at", optional=True),
    Index(None, "raw_id"),
    # A mail that no person wrote leaves with a permit or not at all, and a permit is spent once.
    CheckConstraint("(purpose = 'agent') = (permit_id IS NULL)", name="permitted"),
)
_some("ix_outbox_ready", "outbox", ("next_at", "id"), "state = 'ready'")
_some("ix_outbox_away", "outbox", ("lease_until",), "state IN ('leased', 'handed')")

# ── The house itself ──────────────────────────────────────────────────────────────────────────────────────────────────

counter = Table(
    "counter", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False)
)

rule_set = Table(
    "rule_set",
    metadata,
    Column("version", Text, primary_key=True),
    _time("loaded_at"),
    Column("files", Document, nullable=False),
)
