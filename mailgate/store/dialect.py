"""Store: the few sentences that SQLite and PostgreSQL say differently, so that no other file needs to know which it is.

A set of values of any size travels as one JSON parameter: the number of statements, of parameters and of compiled
texts stays the same for one mail and for two hundred.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Table,
    Text,
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

from mailgate.store.tables import clean, counter

TICKET = "ticket"  # the name of the counter of tickets


class _Numbers(FunctionElement[Any]):
    """The numbers of a JSON list, as rows."""

    type = BigInteger()
    inherit_cache = True


class _Texts(FunctionElement[Any]):
    """The texts of a JSON list, as rows."""

    type = Text()
    inherit_cache = True


@compiles(_Numbers, "sqlite")
@compiles(_Texts, "sqlite")
def _in_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return _rows("value FROM json_each({})", element, compiler, kw)


@compiles(_Numbers, "postgresql")
def _numbers_in_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return _rows("CAST(value AS bigint) FROM json_array_elements_text(CAST({} AS json))", element, compiler, kw)


@compiles(_Texts, "postgresql")
def _texts_in_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return _rows("value FROM json_array_elements_text(CAST({} AS json))", element, compiler, kw)


def _rows(form: str, element: FunctionElement[Any], compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    return f"(SELECT {form.format(compiler.process(element.clauses, **kw))})"


def is_one_of(column: ColumnElement[Any], values: Iterable[int] | Iterable[str]) -> ColumnElement[bool]:
    """Does `column` hold one of `values`, however many there are?"""
    return _among(column, bindparam(None, listed(values), type_=Text()))


def is_one_of_given(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same for a statement that is built once: its parameter `name` takes what `listed` makes of the values."""
    return _among(column, bindparam(name, type_=Text()))


def listed(values: Iterable[int] | Iterable[str]) -> str:
    """A set of values as one parameter."""
    return json.dumps([clean(value) if isinstance(value, str) else value for value in values])


def _among(column: ColumnElement[Any], parameter: BindParameter[str]) -> ColumnElement[bool]:
    members = _Numbers if column.type.python_type is int else _Texts
    return column.op("IN", is_comparison=True, return_type=Boolean())(members(parameter))


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


def add(conn: Connection, table: Table, *, key: str | tuple[str, ...], column: str) -> Any:
    """An INSERT that adds its `column` to that of the row that has this `key` already."""
    return _add(conn.dialect.name, table, (key,) if isinstance(key, str) else key, column)


@cache
def _add(dialect: str, table: Table, key: tuple[str, ...], column: str) -> Any:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return insert.on_conflict_do_update(index_elements=key, set_={column: table.c[column] + insert.excluded[column]})


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


def has_one_daemon(conn: Connection) -> bool:
    """Is whoever asks at its start the only daemon of this database? Then every lease in it is a dead one's."""
    return conn.dialect.name == "sqlite"
