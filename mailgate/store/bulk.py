"""Store: many rows by one INSERT. What SQLAlchemy would work out for every row is worked out once for each statement.

On the way of every mail that was a tenth of all work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Insert
from sqlalchemy.sql.compiler import SQLCompiler

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
    converters = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    ways = list(zip(names, converters, strict=True))

    def values(row: Row) -> tuple[Any, ...]:
        whole = absent | row if absent else row
        return tuple([convert(whole[name]) if convert else whole[name] for name, convert in ways])

    return str(compiled), values


def _default(statement: Insert, name: str) -> Any:
    default: Any = statement.table.c[name].default
    return default.arg(None) if default.is_callable else default.arg
