"""Store: the tables, as plain metadata. What may stand in a row is said here once more, for the database to check."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from mailgate.model import (
    BreakerState,
    ChallengeState,
    Disposition,
    HeldState,
    Kind,
    Level,
    OutboxState,
    Priority,
    Purpose,
    Scope,
    Standing,
    State,
    TicketState,
    Trouble,
    Trust,
)
from mailgate.store import columns
from mailgate.store.columns import Id, choice, flag, number, points_to, row_id, some, time, words
from mailgate.store.types import Document, Words

metadata = columns.metadata


class Direction(StrEnum):
    """Which way a message went."""

    IN = "in"
    OUT = "out"


# ── Acceptance ────────────────────────────────────────────────────────────────────────────────────────────────────────

raw = Table(
    "raw",
    metadata,
    row_id(),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("zstd", LargeBinary, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    row_id(),
    Column("queue_id", Text, nullable=False),
    points_to("raw_id", "raw.id"),
    time("accepted_at"),
    words("mail_from"),
    words("rcpt_to"),
    Column("peer", Document, nullable=False),
    Column("notes", Document, nullable=False),
    choice("state", State),
    number("attempts"),
    Column("lease_owner", Text),
    time("lease_until", optional=True),
    words("last_error", default=""),
    flag("replayed"),
    Column("acceptance_key", Text, unique=True),
    time("settled_at", optional=True),
    Index(None, "queue_id"),
    Index(None, "raw_id"),
)
some("ix_journal_pending", "journal", ("id",), "state = 'pending'")
some("ix_journal_shunted", "journal", ("id",), "state = 'shunted'")
# Not IS NOT NULL: whoever asks for a key says that too, and PostgreSQL took it for a reason to read all of this index.
some("ix_journal_keyed", "journal", ("accepted_at",), "acceptance_key <> ''")

refusal = Table(
    "refusal",
    metadata,
    Column("day", Date, primary_key=True),
    Column("code", Integer, primary_key=True, autoincrement=False),
    number("count"),
)

# ── Tickets ───────────────────────────────────────────────────────────────────────────────────────────────────────────

contact = Table(
    "contact", metadata, row_id(), words("name", default=""), time("created_at"), words("company", default="")
)

contact_event = Table(
    "contact_event",
    metadata,
    row_id(),
    points_to("contact_id", "contact.id"),
    time("at"),
    words("event"),
    words("actor"),
    words("detail", default=""),
    Index(None, "contact_id", "at"),
)

agent = Table(
    "agent",
    metadata,
    Column("address", Words, primary_key=True),
    words("name"),
    Column("rights", Document, nullable=False),
    Column("queues", Document, nullable=False),
    time("added_at"),
    time("left_at", optional=True),
)

address = Table(
    "address",
    metadata,
    Column("address", Words, primary_key=True),
    points_to("contact_id", "contact.id"),
    words("name", default=""),
    choice("standing", Standing),
    time("since"),
    time("until", optional=True),
    number("credit"),
    time("credit_at"),
    choice("trust", Trust, optional=True),
    choice("bound", Level, optional=True),
    flag("proven"),
    number("turns"),
    time("turned_at", optional=True),
    number("spam_marks"),
    flag("asks_back"),
    Index(None, "contact_id"),
)

domain = Table("domain", metadata, Column("domain", Words, primary_key=True), number("credit"), time("credit_at"))

ticket = Table(
    "ticket",
    metadata,
    row_id(),
    Column("number", Integer, nullable=False, unique=True),
    words("subject"),
    choice("state", TicketState),
    words("queue"),
    words("mailbox"),
    words("requester"),
    words("requester_name", default=""),
    words("assignee", default=""),
    time("created_at"),
    time("updated_at"),
    time("closed_at", optional=True),
    flag("flood"),
    choice("priority", Priority, default=Priority.NORMAL),
    words("topic", default=""),
    # The first answer of a person; the oldest word of the customer that has none yet, and until when it is promised.
    time("answered_at", optional=True),
    time("waits_since", optional=True),
    time("due_at", optional=True),
    time("warned_at", optional=True),
    time("pending_until", optional=True),
    Column("merged_into", Id),
    Column("follow_up_of", Id),
    Index(None, "state", "number"),
    Index(None, "requester", "topic", "updated_at"),
)
some("ix_ticket_flood", "ticket", ("requester", "updated_at"), "flood")
some("ix_ticket_waits", "ticket", ("waits_since", "id"), "waits_since IS NOT NULL")
some("ix_ticket_due", "ticket", ("due_at",), "due_at IS NOT NULL")
some("ix_ticket_pending", "ticket", ("pending_until",), "pending_until IS NOT NULL")

ticket_tag = Table(
    "ticket_tag",
    metadata,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("tag", Words, primary_key=True),
    Index(None, "tag"),
)

participant = Table(
    "participant",
    metadata,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("address", Words, primary_key=True),
    choice("bound", Level),
    # Only named in To or Cc of a mail of the ticket: takes no part until an agent lets him.
    flag("copied"),
    Index(None, "address"),
)

ticket_event = Table(
    "ticket_event",
    metadata,
    row_id(),
    points_to("ticket_id", "ticket.id"),
    time("at"),
    words("event"),
    words("actor"),
    words("detail", default=""),
    Index(None, "ticket_id", "at"),
    Index(None, "at", "event"),
)

message = Table(
    "message",
    metadata,
    row_id(),
    choice("direction", Direction),
    points_to("raw_id", "raw.id"),
    points_to("journal_id", "journal.id", optional=True, unique=True),
    points_to("ticket_id", "ticket.id", optional=True),
    choice("kind", Kind, optional=True),
    choice("disposition", Disposition, optional=True),
    choice("purpose", Purpose, optional=True),
    words("identity"),
    words("sender"),
    words("author", default=""),
    words("author_name", default=""),
    words("recipient"),
    words("mailbox"),
    words("queue", default=""),
    words("subject"),
    time("at"),
    time("sent_at", optional=True),
    Column("body_hash", Text, nullable=False, default=""),
    choice("level", Level, optional=True),
    flag("proposed"),
    choice("held", HeldState, optional=True),
    words("held_reason", default=""),
    flag("acknowledge"),
    words("suppressed", default=""),
    Column("duplicate_of", Id),
    Column("references", Document, nullable=False, default=list),
    Column("token_id", Id, unique=True),
    Column("verdict", Document),
    time("recheck_at", optional=True),
    Column("fingerprint", Text, nullable=False, default=""),
    # What a mail is known by where its Message-ID is lost: how a relay named it, the conversation of Outlook, and the
    # short number of the marker in our own.
    Column("alias", Text, nullable=False, default=""),
    Column("thread_guid", Text, nullable=False, default=""),
    Column("marker", BigInteger),
    # The ticket that it may belong to, for a person to say.
    Column("suggests_id", Id),
    words("agent", default=""),
    # What the routing rules said of a mail, for the ticket that it may open one day.
    Column("route", Document),
    CheckConstraint("(direction = 'in') = (journal_id IS NOT NULL)", name="journaled"),
    CheckConstraint("(direction = 'out') = (purpose IS NOT NULL)", name="purposed"),
    Index(None, "raw_id"),
    Index(None, "identity"),
    Index(None, "ticket_id", "at"),
    Index(None, "sender", "at"),
    Index(None, "recipient", "at"),
)
some("ix_message_begun", "message", ("sender", "at"), "disposition = 'ticket'")
some("ix_message_held", "message", ("sender", "at"), "held IS NOT NULL")
some("ix_message_held_id", "message", ("id",), "held IS NOT NULL")
some("ix_message_recheck", "message", ("recheck_at", "id"), "recheck_at IS NOT NULL")
some("ix_message_machine", "message", ("sender", "at"), "kind = 'auto_reply'")
some("ix_message_waiting", "message", ("at",), "held = 'wait'")
some("ix_message_unanswered", "message", ("at", "id"), "held IN ('wait', 'human')")
some("ix_message_alias", "message", ("alias",), "alias <> ''")
some("ix_message_thread_guid", "message", ("thread_guid",), "thread_guid <> ''")
some("ix_message_marker", "message", ("marker",), "marker IS NOT NULL")

# ── Automatic mail and the way out ────────────────────────────────────────────────────────────────────────────────────

challenge = Table(
    "challenge",
    metadata,
    row_id(),
    words("address"),
    Column("token_id", Id, nullable=False, unique=True),
    words("mailbox"),
    choice("state", ChallengeState),
    choice("level", Level),
    words("domain"),
    time("created_at"),
    time("expires_at"),
    time("sent_at", optional=True),
    time("seen_at", optional=True),
    Index(None, "address", "created_at"),
)
some("ix_challenge_running", "challenge", ("expires_at",), "state IN ('queued', 'sent', 'doubtful')")

permit = Table(
    "permit",
    metadata,
    row_id(),
    time("at"),
    choice("purpose", Purpose),
    words("address"),
    words("domain"),
    words("origin"),
    words("fingerprint"),
    flag("shared"),
    flag("unproven"),
    points_to("ticket_id", "ticket.id", optional=True),
    # One mail in, or one confirmation, causes at most one automatic mail, whatever the code above believes.
    Column("cause", Id, nullable=False, unique=True),
    words("mailbox", default=""),
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
    choice("scope", Scope, key=True),
    choice("state", BreakerState),
    time("since"),
    time("until", optional=True),
    time("trial_until", optional=True),
    time("tripped_at", optional=True),
    words("reason", default=""),
    words("actor", default=""),
)

mishap = Table(
    "mishap",
    metadata,
    row_id(),
    time("at"),
    choice("trouble", Trouble),
    words("address"),
    words("domain"),
    # Without a foreign key: the accounts stay when the mail goes.
    Column("message_id", Id),
    Index(None, "trouble", "at"),
    # One mail fails once, however often it is told.
    Index(None, "message_id", "trouble", unique=True),
)

outbox = Table(
    "outbox",
    metadata,
    row_id(),
    points_to("message_id", "message.id", unique=True),
    points_to("raw_id", "raw.id"),
    points_to("permit_id", "permit.id", optional=True, unique=True),
    choice("purpose", Purpose),
    words("mail_from"),
    words("rcpt_to"),
    flag("utf8"),
    Column("cause", Id),
    choice("state", OutboxState),
    number("attempts"),
    time("created_at"),
    time("next_at"),
    time("give_up_at"),
    Column("lease_owner", Text),
    time("lease_until", optional=True),
    number("last_code"),
    words("last_reply", default=""),
    time("settled_at", optional=True),
    Index(None, "raw_id"),
    # A mail that no person wrote leaves with a permit or not at all, and a permit is spent once.
    CheckConstraint("(purpose = 'agent') = (permit_id IS NULL)", name="permitted"),
)
some("ix_outbox_ready", "outbox", ("next_at", "id"), "state = 'ready'")
some("ix_outbox_away", "outbox", ("lease_until",), "state IN ('leased', 'handed')")

# ── The house itself ──────────────────────────────────────────────────────────────────────────────────────────────────

counter = Table(
    "counter", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False)
)

rule_set = Table(
    "rule_set",
    metadata,
    Column("version", Text, primary_key=True),
    time("loaded_at"),
    Column("files", Document, nullable=False),
)
