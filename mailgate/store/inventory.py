"""Store: everything that a database holds, row by row as it is kept, and a sum by which two of them are compared.

Values are numbers, texts, bytes and dates here, not what the rest of the house makes of them: nothing is understood, so
nothing can be misunderstood, and both kinds of database give the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Enum, MetaData, Table, Text, TypeDecorator, func, select

from mailgate.store import dialect, tables
from mailgate.store.ledger import Ledger, ledger

BATCH_ROWS = 1000
BATCH_BYTES = 8 << 20  # of raw mail; a larger one comes alone

_DIGEST_BYTES = 16
_DIGEST_MASK = (1 << 8 * _DIGEST_BYTES) - 1

Row = tuple[Any, ...]


class Progress(Protocol):
    """Who wants to see long work advance. Called from whatever thread the work runs in."""

    def expect(self, rows: int) -> None:
        """So many rows more are to come."""
        ...

    def advance(self, rows: int, raw_bytes: int = 0) -> None:
        """So many rows are done, with so many bytes of raw mail."""
        ...


class Unseen:
    """Nobody wants to see it."""

    def expect(self, rows: int) -> None:
        """Nothing."""

    def advance(self, rows: int, raw_bytes: int = 0) -> None:
        """Nothing."""


@dataclass(slots=True)
class Tally:
    """What a table holds: how many rows, and the sum of their digests, in which order does not matter."""

    rows: int = 0
    digest: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Count these rows too."""
        for row in rows:
            self.rows += 1
            self.digest = (self.digest + _digest(row)) & _DIGEST_MASK


@dataclass(slots=True)
class Inventory:
    """Everything that a database holds; complete once all of it was read."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    ticket_number: int = 0  # of the newest ticket
    ledger: Ledger | None = None

    @property
    def rows(self) -> int:
        """Of all tables together."""
        return sum(tally.rows for tally in self.tallies.values())

    @property
    def balanced(self) -> bool:
        """Does its ledger add up?"""
        return self.ledger is not None and self.ledger.balanced

    def differences(self, other: Inventory) -> list[str]:
        """In words, where `other` is not the same; nothing where it is."""
        found = list(_differences(self.tallies, other.tallies))
        return [*found, "the ledger is another"] if self.ledger != other.ledger else found


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one table."""

    table: Table
    rows: list[Row]
    raw_bytes: int = 0  # of mail among them


def batches(conn: Connection, into: Inventory) -> Iterator[Batch]:
    """Everything, in an order in which rows point only to rows before them; `into` is complete with the last batch."""
    into.ticket_number = dialect.last_ticket_number(conn)
    for table in PLAIN:
        tally = into.tallies.setdefault(table.name, Tally())
        for batch in _batches(conn, table):
            rows = [_meant(row, into) for row in batch.rows] if table.name == "counter" else batch.rows
            tally.add(map(_without_bytes, rows) if table.name == "raw" else rows)
            yield Batch(table, rows, batch.raw_bytes)
    into.ledger = ledger(conn)


def taken(conn: Connection, progress: Progress | None = None) -> Inventory:
    """The inventory of what `conn` sees."""
    inventory, progress = Inventory(), progress or Unseen()
    progress.expect(count(conn))
    for batch in batches(conn, inventory):
        progress.advance(len(batch.rows))
    return inventory


def count(conn: Connection) -> int:
    """How many rows there are in all tables."""
    return sum(conn.execute(select(func.count()).select_from(table)).scalar_one() for table in PLAIN)


def is_empty(conn: Connection) -> bool:
    """Does nothing stand in the database but counters at zero?"""
    full = (select(table).limit(1) for table in PLAIN if table.name != "counter")
    counted = select(tables.counter).where(tables.counter.c.value != 0).limit(1)
    return not any(conn.execute(question).first() for question in (*full, counted))


def _differences(ours: Mapping[str, Tally], theirs: Mapping[str, Tally]) -> Iterator[str]:
    for name in {**ours, **theirs}:
        here, there = ours.get(name, Tally()), theirs.get(name, Tally())
        if here.rows != there.rows:
            yield f"table {name}: {there.rows} rows where there should be {here.rows}"
        elif here != there:
            yield f"table {name}: as many rows, with other content"


def _meant(row: Row, known: Inventory) -> Row:
    """A counter as it is meant: where PostgreSQL counts tickets by a sequence, the row stands still."""
    return (row[0], known.ticket_number) if row[0] == dialect.TICKET else row


def _batches(conn: Connection, table: Table) -> Iterator[Batch]:
    if table.name == "raw":
        for first, last, raw_bytes in _ranges(conn):
            found = conn.execute(select(table).where(table.c.id.between(first, last)))
            yield Batch(table, [tuple(row) for row in found], raw_bytes)
        return
    with conn.execute(select(table).execution_options(yield_per=BATCH_ROWS)) as found:
        for rows in found.partitions():
            yield Batch(table, [tuple(row) for row in rows])


def _ranges(conn: Connection) -> list[tuple[int, int, int]]:
    """First id, last id and bytes of each batch of raw mail, so that none is larger than memory likes."""
    raw = tables.raw.c
    ranges: list[tuple[int, int, int]] = []
    first = last = rows = total = 0
    question = select(raw.id, raw.size_bytes).order_by(raw.id).execution_options(yield_per=BATCH_ROWS)
    with conn.execute(question) as found:
        for raw_id, size_bytes in found:
            if rows and (rows == BATCH_ROWS or total + size_bytes > BATCH_BYTES):
                ranges.append((first, last, total))
                rows = total = 0
            first, last = first if rows else raw_id, raw_id
            rows, total = rows + 1, total + size_bytes
    return [*ranges, (first, last, total)] if rows else ranges


def _digest(row: Row) -> int:
    # `ascii` writes these values in one way only, on every machine and in every version of Python.
    return int.from_bytes(hashlib.blake2b(ascii(row).encode(), digest_size=_DIGEST_BYTES).digest(), "big")


def _without_bytes(row: Row) -> Row:
    """Mail by its own digest, which is quicker than to write it out."""
    return tuple(hashlib.sha256(value).digest() if isinstance(value, bytes) else value for value in row)


def _plain(table: Table) -> Table:
    columns = (Column(column.name, _kept(column.type), primary_key=column.primary_key) for column in table.columns)
    return Table(table.name, MetaData(), *columns)


def _kept(kind: Any) -> Any:
    """The type as both databases keep it."""
    if isinstance(kind, Enum):
        return Text()
    return kind.impl if isinstance(kind, TypeDecorator) else kind


PLAIN: tuple[Table, ...] = tuple(_plain(table) for table in tables.metadata.sorted_tables)
