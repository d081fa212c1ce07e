"""Store: the house itself."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, LargeBinary, Table, Text

from mailgate.store.columns import metadata, number, row_id, time
from mailgate.store.types import Document

counter = Table(
    "counter", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False)
)

rule_set = Table(
    "rule_set",
    metadata,
    Column("version", Text, primary_key=True),
    time("loaded_at"),
    Column("files", Document, nullable=False),
    # Every file with all its bytes, so that an old set can be looked at and taken back.
    Column("zstd", LargeBinary),
)

rule_count = Table(
    "rule_count",
    metadata,
    Column("day", Date, primary_key=True),
    Column("rule", Text, primary_key=True),
    number("hits"),
    number("shadow_hits"),
)

# What one batch of mail was judged by and what was decided, so that other rules can be tried on it.
judgement = Table(
    "judgement",
    metadata,
    row_id(),
    time("at"),
    number("mails"),
    Column("zstd", LargeBinary, nullable=False),
    Index(None, "at"),
)
