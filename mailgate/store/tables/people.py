"""Store: customers, their addresses and domains, and our own people."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from mailgate.model import Level, Standing, Trust
from mailgate.store.columns import choice, flag, metadata, number, points_to, row_id, time, words
from mailgate.store.types import Document, Words

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
