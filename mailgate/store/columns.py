"""Store: the kinds of column that tables are made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Enum, ForeignKey, Index, Integer, MetaData, text

from mailgate.store.types import Utc, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite stores a row under its key itself only where the type is spelled INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def row_id() -> Column[int]:
    """The key of a row, as the daemon counts them."""
    return Column("id", Id, primary_key=True, autoincrement=False)


def points_to(name: str, target: str, *, optional: bool = False, unique: bool = False) -> Column[Any]:
    """The key of a row of `target`, a column of it."""
    return Column(name, Id, ForeignKey(target), nullable=optional, unique=unique or None)


def time(name: str, *, optional: bool = False) -> Column[Any]:
    """A moment."""
    return Column(name, Utc, nullable=optional)


def words(name: str, *, default: str | None = None) -> Column[Any]:
    """Text that is never absent."""
    return Column(name, Words, nullable=False, default=default)


def choice(
    name: str, of: type[StrEnum], *, optional: bool = False, key: bool = False, default: StrEnum | None = None
) -> Column[Any]:
    """One of the words of a list; the database checks that."""
    kind = Enum(of, name=name, native_enum=False, create_constraint=True, length=20, values_callable=_values)
    return Column(name, kind, nullable=optional, primary_key=key, default=default)


def _values(of: type[StrEnum]) -> list[str]:
    return [member.value for member in of]


def flag(name: str) -> Column[Any]:
    """Yes or no."""
    return Column(name, Boolean, nullable=False, default=False)


def number(name: str) -> Column[Any]:
    """A whole number."""
    return Column(name, Integer, nullable=False, default=0)


def some(name: str, table: str, columns: tuple[str, ...], where: str, *, unique: bool = False) -> Index:
    """An index over the few rows that are asked for all the time."""
    condition = text(where)
    listed = [metadata.tables[table].c[column] for column in columns]
    return Index(name, *listed, unique=unique, sqlite_where=condition, postgresql_where=condition)
