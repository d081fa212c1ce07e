"""Store: what came in, as it came, and how far it is."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, Integer, LargeBinary, Table, Text

from mailgate.model import State
from mailgate.store.columns import choice, flag, metadata, number, points_to, row_id, some, time, words
from mailgate.store.types import Document

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
