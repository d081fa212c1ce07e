"""Store: the kinds of values that columns hold, each the same in every database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

from mailgate.asciijson import encoder

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = encoder()


class Stored(TypeDecorator[T]):
    """A type of ours: `stored` says what of a value stands in a row, whatever the database."""

    __abstract__ = True

    @staticmethod
    def stored(value: Any) -> Any:
        """What stands in a row for `value`; nothing for nothing."""
        return value

    def process_bind_param(self, value: T | None, dialect: Dialect) -> Any:
        return self.stored(value)


class Utc(Stored[datetime]):
    """An aware datetime, stored as whole microseconds since 1970 UTC: exact, ordered, the same in every database."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def stored(value: datetime | None) -> int | None:
        if value is None:
            return None
        since = value - EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Words(Stored[str]):
    """Text that came by mail: no NUL and no lone surrogate, which databases refuse, ever reaches a row."""

    impl = Text
    cache_ok = True

    @staticmethod
    def stored(value: str | None) -> str | None:
        return value if value is None else clean(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value


class Document(Stored[Any]):
    """A JSON document, stored as ASCII text."""

    impl = Text
    cache_ok = True

    @staticmethod
    def stored(value: Any) -> str | None:
        return None if value is None else _encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def moment(microseconds: int) -> datetime:
    """The time that so many microseconds since 1970 UTC stand for."""
    return EPOCH + timedelta(microseconds=microseconds)


def clean(value: str) -> str:
    """`value` as every database can keep it; unchanged unless it holds a NUL or a lone surrogate."""
    if value.isascii():
        return value.replace("\0", "\ufffd") if "\0" in value else value
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
