"""Store: tickets, who takes part in them, what happened, and every mail."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, ForeignKey, Index, Integer, Table, Text

from mailgate.model import Disposition, HeldState, Kind, Level, Priority, Purpose, TicketState
from mailgate.store.columns import Id, choice, flag, metadata, points_to, row_id, some, time, words
from mailgate.store.types import Document, Words


class Direction(StrEnum):
    """Which way a message went."""

    IN = "in"
    OUT = "out"


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
    Index(None, "queue", "number"),
)
some("ix_ticket_flood", "ticket", ("requester", "updated_at"), "flood")
some("ix_ticket_waits", "ticket", ("waits_since", "id"), "waits_since IS NOT NULL")
some("ix_ticket_due", "ticket", ("due_at",), "due_at IS NOT NULL")
some("ix_ticket_merged", "ticket", ("merged_into",), "merged_into IS NOT NULL")
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
    # Whom it names in To and Cc, ours left out; and did a person put it out of view?
    Column("copied", Document, nullable=False, default=list),
    flag("discarded"),
    # What the routing rules said of a mail, for the ticket that it may open one day.
    Column("route", Document),
    # Points of spam, of what came in; the more, the likelier it is.
    Column("spam", Float),
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
some("ix_message_held_spam", "message", ("held", "spam", "id"), "held IS NOT NULL")
some("ix_message_recheck", "message", ("recheck_at", "id"), "recheck_at IS NOT NULL")
some("ix_message_machine", "message", ("sender", "at"), "kind = 'auto_reply'")
some("ix_message_waiting", "message", ("at",), "held = 'wait'")
some("ix_message_unanswered", "message", ("at", "id"), "held IN ('wait', 'human')")
some("ix_message_alias", "message", ("alias",), "alias <> ''")
some("ix_message_thread_guid", "message", ("thread_guid",), "thread_guid <> ''")
some("ix_message_marker", "message", ("marker",), "marker IS NOT NULL")
