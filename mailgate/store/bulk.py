"""Store: many rows by one INSERT. What SQLAlchemy would work out for every row is worked out once for each statement.

On the way of every mail that was a tenth of all work. Many rows are also given as one statement: around each step of
one the driver of SQLite lets go of the interpreter and takes it back, and PostgreSQL begins and ends each. So no two
rows of an INSERT that changes what is there may be the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Enum, Insert, LargeBinary
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from mailgate.store.types import Stored

STATEMENTS_MOST = 256  # of all connections together; each thread that writes has some twenty
SIZES = (64, 32, 16, 8, 4, 2, 1)  # rows of one statement

_VALUES = re.compile(r"VALUES \([^()]*\)")

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
    elif prepared.columnwise:
        conn.exec_driver_sql(prepared.columnwise, tuple(map(list, zip(*values, strict=True))))
    else:
        conn.exec_driver_sql(prepared.texts[1], values)


def run(conn: Connection, statement: Any, rows: Sequence[Row]) -> None:
    """Run a statement once for each row; with none, nothing is run."""
    if rows:
        conn.execute(statement, rows)


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    """Cut so many rows into few pieces of few sizes, since a text of a new size has to be parsed: where, how many."""
    start = 0
    for many in SIZES:
        while rows - start >= many:
            yield start, many
            start += many


class _Prepared(NamedTuple):
    """An INSERT made ready: its text by the number of rows, or for any number; and what makes the parameters of one."""

    texts: dict[int, str]
    columnwise: str
    values: Callable[[Row], tuple[Any, ...]]


@lru_cache(STATEMENTS_MOST)
def _prepared(dialect: Dialect, statement: Insert, columns: tuple[str, ...]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    assert isinstance(compiled, SQLCompiler)
    names = compiled.positiontup or []
    absent = {name: _default(statement, name) for name in names if name not in columns}
    types = [compiled.binds[name].type for name in names]
    conversions = [(place, convert) for place, of in enumerate(types) if (convert := _converter(of, dialect))]
    in_order = itemgetter(*names)

    def values(row: Row) -> tuple[Any, ...]:
        whole = list(in_order(absent | row if absent else row))
        for place, convert in conversions:
            whole[place] = convert(whole[place])
        return tuple(whole)

    text, one = str(compiled), f"({', '.join('?' * len(names))})"
    texts = {many: text.replace(one, ", ".join([one] * many), 1) for many in SIZES}
    return _Prepared(texts, _columnwise(text, types, dialect), values)


def _columnwise(text: str, types: Sequence[TypeEngine[Any]], dialect: Dialect) -> str:
    """The same INSERT of any number of rows, its parameters one list for each column; "" where there is none.

    Rows with bytes go one by one: a list of large mails would have to be put together in memory.
    """
    if dialect.name != "postgresql" or any(isinstance(one, LargeBinary) for one in types):
        return ""
    # Not varchar(20): cast to that, a value that is too long would be cut instead of refused.
    kinds = ["TEXT" if isinstance(one, Enum) else one.compile(dialect=dialect) for one in types]
    lists = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(kinds, 1))
    return _VALUES.sub(f"SELECT * FROM unnest({lists})", text, count=1)  # noqa: S608 - places and types, no values


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
