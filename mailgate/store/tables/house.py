"""Store: the house itself."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from mailgate.store.columns import metadata, time
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
)
