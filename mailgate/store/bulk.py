"""Store: many rows by one INSERT. What SQLAlchemy would work out for every row is worked out once for each statement.

On the way of every mail that was a tenth of all work. To SQLite many rows are also given as one statement: around each
step of one, its driver lets go of the interpreter and takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Enum, Insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from mailgate.store.types import Stored

STATEMENTS_MOST = 256  # of all connections together; each thread that writes has some twenty
SIZES = (64, 32, 16, 8, 4, 2, 1)  # rows of one statement

Row = dict[str, Any]


def put(conn: Connection, statement: Insert, rows: Sequence[Row]) -> None:
    """Run an INSERT of whole rows, all with the same columns; with none, nothing is run."""
    if not rows:
        return
    prepared = _prepared(conn.dialect, statement, tuple(rows[0]))
    values = [prepared.values(row) for row in rows]
    if conn.dialect.name == "sqlite":
        for start, many in _pieces(len(values)):
            together = tuple(chain.from_iterable(values[start : start + many]))
            conn.exec_driver_sql(prepared.texts[many], together)
    else:
        conn.exec_driver_sql(prepared.texts[1], values)


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    """Cut so many rows into few pieces of few sizes, since a text of a new size has to be parsed: where, how many."""
    start = 0
    for many in SIZES:
        while rows - start >= many:
            yield start, many
            start += many


class _Prepared(NamedTuple):
    """An INSERT made ready: its text by the number of rows, and what makes the parameters of one."""

    texts: dict[int, str]
    values: Callable[[Row], tuple[Any, ...]]


@lru_cache(STATEMENTS_MOST)
def _prepared(dialect: Dialect, statement: Insert, columns: tuple[str, ...]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    assert isinstance(compiled, SQLCompiler)
    names = compiled.positiontup or []
    absent = {name: _default(statement, name) for name in names if name not in columns}
    converters = [_converter(compiled.binds[name].type, dialect) for name in names]
    conversions = [(place, convert) for place, convert in enumerate(converters) if convert]
    in_order = itemgetter(*names)

    def values(row: Row) -> tuple[Any, ...]:
        whole = list(in_order(absent | row if absent else row))
        for place, convert in conversions:
            whole[place] = convert(whole[place])
        return tuple(whole)

    text, one = str(compiled), f"({', '.join('?' * len(names))})"
    return _Prepared({many: text.replace(one, ", ".join([one] * many), 1) for many in SIZES}, values)


def _converter(of: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes a value fit for the driver. Our own types say it outright, which spares a layer of calls for each."""
    if isinstance(of, Stored):
        return of.stored
    if isinstance(of, Enum) and of.enum_class:
        members: dict[Any, str] = {member: member.value for member in of.enum_class}
        return {None: None, **members}.__getitem__
    return of.dialect_impl(dialect).bind_processor(dialect)


def _default(statement: Insert, name: str) -> Any:
    default: Any = statement.table.c[name].default
    return default.arg(None) if default.is_callable else default.arg
