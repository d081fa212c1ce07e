"""Store: many rows by one INSERT. What SQLAlchemy would work out for every row is worked out once for each statement.

On the way of every mail that was a tenth of all work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Enum, Insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from mailgate.store.types import Stored

STATEMENTS_MOST = 256  # of all connections together; each thread that writes has some twenty

Row = dict[str, Any]


def put(conn: Connection, statement: Insert, rows: Sequence[Row]) -> None:
    """Run an INSERT of whole rows, all with the same columns; with none, nothing is run."""
    if rows:
        text, values = _prepared(conn.dialect, statement, tuple(rows[0]))
        conn.exec_driver_sql(text, [values(row) for row in rows])


@lru_cache(STATEMENTS_MOST)
def _prepared(
    dialect: Dialect, statement: Insert, columns: tuple[str, ...]
) -> tuple[str, Callable[[Row], tuple[Any, ...]]]:
    """The text for the driver, and what makes its parameters from a row."""
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

    return str(compiled), values


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
