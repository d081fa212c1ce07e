"""Store: the few sentences that SQLite and PostgreSQL say differently, so that no other file needs to know which it is.

A set of values of any size travels as one parameter: the number of statements, of parameters and of compiled texts
stays the same for one mail and for two hundred.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from mailgate.store.tables import counter
from mailgate.store.types import clean, moment

_encode = json.JSONEncoder(separators=(",", ":")).encode

TICKET = "ticket"  # the name of the counter of tickets


class _List(TypeDecorator[Sequence[Any]]):
    """A list of values as one: an array for PostgreSQL, JSON for SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        of: TypeEngine[Any] = BigInteger() if self.numbers else Text()
        return dialect.type_descriptor(postgresql.ARRAY(of) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else _encode(value)


class _IsOneOf(FunctionElement[bool]):
    """Is a column among a list of values? Of all ways to ask this is the one that is answered by the column's index."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        """It has its brackets. Among other conditions SQLite would be told to compare it with 1, past all indexes."""
        return self


@compiles(_IsOneOf, "sqlite")
def _in_sqlite(element: _IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    return _said("({} IN (SELECT value FROM json_each({})))", element, compiler, kw)


@compiles(_IsOneOf, "postgresql")
def _in_postgresql(element: _IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    return _said("({} = ANY ({}))", element, compiler, kw)


def _said(form: str, element: FunctionElement[Any], compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    return form.format(*(compiler.process(clause, **kw) for clause in element.clauses))


class _MomentList(_List):
    """Times that a database gives as one value."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[datetime]:
        return [moment(one) for one in (json.loads(value) if isinstance(value, str) else value)]


class _Moments(FunctionElement[Sequence[Any]]):
    """All values of a column of times in a group, in no order."""

    type = _MomentList(numbers=True)
    inherit_cache = True


@compiles(_Moments, "sqlite")
def _moments_in_sqlite(element: _Moments, compiler: SQLCompiler, **kw: Any) -> str:
    return _said("json_group_array({})", element, compiler, kw)


@compiles(_Moments, "postgresql")
def _moments_in_postgresql(element: _Moments, compiler: SQLCompiler, **kw: Any) -> str:
    return _said("array_agg({})", element, compiler, kw)


def moments(column: ColumnElement[datetime]) -> ColumnElement[Sequence[Any]]:
    """All that `column` holds in a group, as a list of times in no order."""
    return _Moments(column)


def is_one_of(column: ColumnElement[Any], values: Iterable[int] | Iterable[str]) -> ColumnElement[bool]:
    """Does `column` hold one of `values`, however many there are?"""
    return _IsOneOf(column, bindparam(None, listed(values), type_=_list_of(column)))


def is_one_of_given(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same for a statement that is built once: its parameter `name` takes what `listed` makes of the values."""
    return _IsOneOf(column, bindparam(name, type_=_list_of(column)))


def listed(values: Iterable[int] | Iterable[str]) -> list[int | str]:
    """A set of values as one parameter."""
    return [clean(value) if isinstance(value, str) else value for value in values]


def _list_of(column: ColumnElement[Any]) -> _List:
    return _List(numbers=column.type.python_type is int)


def upsert(conn: Connection, table: Table, *, key: str | tuple[str, ...], change: tuple[str, ...] = ()) -> Any:
    """An INSERT that changes the columns `change` of the row that has this `key` already, or nothing."""
    return _upsert(conn.dialect.name, table, (key,) if isinstance(key, str) else key, change)


@cache
def _upsert(dialect: str, table: Table, key: tuple[str, ...], change: tuple[str, ...]) -> Any:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    changed = {name: insert.excluded[name] for name in change}
    if not changed:
        return insert.on_conflict_do_nothing(index_elements=key)
    return insert.on_conflict_do_update(index_elements=key, set_=changed)


def add(conn: Connection, table: Table, *, key: str | tuple[str, ...], column: str | tuple[str, ...]) -> Any:
    """An INSERT that adds its `column`, or several, to that of the row that has this `key` already."""
    columns = (column,) if isinstance(column, str) else column
    return _add(conn.dialect.name, table, (key,) if isinstance(key, str) else key, columns)


@cache
def _add(dialect: str, table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    sums = {column: table.c[column] + insert.excluded[column] for column in columns}
    return insert.on_conflict_do_update(index_elements=key, set_=sums)


def clear(conn: Connection, tables: Sequence[Table]) -> None:
    """Take every row out of `tables`, of which each points only to those before it."""
    if conn.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in tables)
        conn.execute(text(f"TRUNCATE {names}"))
        return
    for table in reversed(tables):
        conn.execute(delete(table))


def next_ticket_numbers(conn: Connection, count: int) -> list[int]:
    """`count` numbers that no ticket had. On PostgreSQL some may be left out, so that no process waits for another."""
    if conn.dialect.name == "postgresql":
        return list(conn.execute(_FROM_SEQUENCE, {"count": count}).scalars())
    last = int(conn.execute(_FROM_COUNTER, {"count": count}).scalar_one())
    return list(range(last - count + 1, last + 1))


_FROM_SEQUENCE = text("SELECT nextval('ticket_number') FROM generate_series(1, :count)")
_FROM_COUNTER = (
    update(counter)
    .where(counter.c.name == TICKET)
    .values(value=counter.c.value + bindparam("count"))
    .returning(counter.c.value)
)


def last_ticket_number(conn: Connection) -> int:
    """The newest number that was given to a ticket, 0 where none was."""
    question = _LAST_OF_SEQUENCE if conn.dialect.name == "postgresql" else _LAST_OF_COUNTER
    return int(conn.execute(question).scalar_one())


def set_ticket_number(conn: Connection, last: int) -> None:
    """Go on after `last`. On PostgreSQL this is not undone with the transaction."""
    if conn.dialect.name == "postgresql":
        conn.execute(_SET_SEQUENCE, {"following": last + 1})
    conn.execute(upsert(conn, counter, key="name", change=("value",)), {"name": TICKET, "value": last})


_LAST_OF_SEQUENCE = text("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM ticket_number")
_LAST_OF_COUNTER = select(counter.c.value).where(counter.c.name == TICKET)
_SET_SEQUENCE = text("SELECT setval('ticket_number', :following, false)")


def overwrite_deleted(conn: Connection) -> None:
    """What this connection deletes is overwritten in the file. PostgreSQL does that in its own time (VACUUM)."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON").close()


def has_one_daemon(conn: Connection) -> bool:
    """Is whoever asks at its start the only daemon of this database? Then every lease in it is a dead one's."""
    return conn.dialect.name == "sqlite"
