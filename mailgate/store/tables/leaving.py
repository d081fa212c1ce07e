"""Store: automatic mail, what holds it back, and the way out."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text

from mailgate.model import (
    BreakerState,
    ChallengeState,
    ErrandKind,
    ErrandState,
    Level,
    OutboxState,
    Purpose,
    Scope,
    Trouble,
)
from mailgate.store.columns import Id, choice, flag, metadata, number, points_to, row_id, some, time, words
from mailgate.store.types import Words

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

errand = Table(
    "errand",
    metadata,
    row_id(),
    choice("kind", ErrandKind),
    words("target"),
    points_to("message_id", "message.id"),
    choice("state", ErrandState),
    time("created_at"),
    time("due_at"),
    time("give_up_at"),
    number("attempts"),
    Column("lease_owner", Text),
    time("lease_until", optional=True),
    words("last_error", default=""),
    Index(None, "message_id"),
    Index(None, "state", "due_at"),
)
