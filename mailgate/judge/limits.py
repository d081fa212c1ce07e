"""The numbers of rules/limits.toml as values: how much automatic mail, how long trust, when a timer ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from mailgate.errors import ConfigError, Fault

T = TypeVar("T")


class Key(StrEnum):
    """Per what a limit counts."""

    CAUSE = "cause"
    TICKET = "ticket"
    ADDRESS = "address"
    DOMAIN = "domain"
    SHARED = "shared"
    FINGERPRINT = "fingerprint"
    ORIGIN = "origin"
    TOTAL = "total"


class Counted(StrEnum):
    """Which automatic mails count."""

    ANY = "any"
    CHALLENGE = "challenge"
    ACKNOWLEDGE = "acknowledge"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` permits of `mail` per `key` within `per`; None is for ever."""

    key: Key
    mail: Counted
    per: timedelta | None
    most: int
    why: str
    rule: str  # "limits.toml:81"


@dataclass(frozen=True, slots=True)
class Credit:
    """A balance that only people of ours can raise, but for a slow drip."""

    start: int
    cap: int
    per_human_act: int
    drip_days: int
    drip_to: int


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things last; the unit is in each name."""

    late_s: int
    automatic_give_up_s: int
    agent_give_up_s: int
    challenge_days: int
    confirmed_days: int
    wrote_days: int
    undeliverable_days: int
    robot_days: int
    reopen_days: int
    page_wait_s: int
    page_after_sent_s: int
    held_wait_s: int


@dataclass(frozen=True, slots=True)
class Limits:
    """All of limits.toml."""

    windows: tuple[Limit, ...]
    credit: Credit
    domain_credit: Credit
    timing: Timing
    shared: frozenset[str]
    reply_prefixes: tuple[str, ...]

    @classmethod
    def from_table(
        cls, table: Mapping[str, Any], file: str = "limits.toml", lines: tuple[int, ...] = (), *, scale: float = 1.0
    ) -> Limits:
        """Read the parsed file; `lines` are where its `[[limit]]` tables stand, `scale` stretches the scaled ones.

        Raises:
            ConfigError: with every fault of the file.
        """
        reader = _Reader(file)
        limits = cls(
            windows=reader.windows(table.get("limit", []), lines, scale),
            credit=reader.numbers(Credit, table, "credit", _names(Credit)),
            domain_credit=reader.numbers(Credit, table, "domain_credit", _names(Credit)),
            timing=reader.numbers(Timing, table, "timing", _names(Timing)),
            shared=frozenset(reader.texts(table, "shared", "domains")),
            reply_prefixes=tuple(reader.texts(table, "subjects", "reply_prefixes")),
        )
        reader.unknown(table, "", ("limit", "credit", "domain_credit", "timing", "shared", "subjects"))
        if reader.faults:
            raise ConfigError(reader.faults)
        return limits


_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


def span(text: str) -> timedelta | None:
    """`"24 h"` or `"7 d"` as a duration; None for `"ever"`. Raises ValueError for anything else."""
    if text == "ever":
        return None
    number, _, unit = text.partition(" ")
    if unit not in _UNITS or not number.isdecimal() or int(number) == 0:
        raise ValueError(text)
    return int(number) * _UNITS[unit]


def _names(kind: type[Credit] | type[Timing]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


class _Reader:
    """Reads tables and collects what is wrong with them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, key: str, found: object, allowed: str, *, line: int = 0, nearest: str = "") -> None:
        self.faults.append(Fault(self.file, line, key, repr(found), allowed, nearest))

    def unknown(self, table: Mapping[str, Any], place: str, known: tuple[str, ...], line: int = 0) -> None:
        for key in table:
            if key not in known:
                near = get_close_matches(key, known, 1)
                self.fault(
                    f"{place}{key}", key, f"one of {', '.join(known)}", line=line, nearest=near[0] if near else ""
                )

    def numbers(self, kind: Callable[..., T], table: Mapping[str, Any], name: str, names: tuple[str, ...]) -> T:
        section = table.get(name, {})
        section = section if isinstance(section, dict) else {}
        self.unknown(section, f"{name}.", names)
        found = {}
        for key in names:
            value = section.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                self.fault(f"{name}.{key}", value, "a whole number, 0 or more")
                value = 0
            found[key] = value
        return kind(**found)

    def texts(self, table: Mapping[str, Any], name: str, key: str) -> list[str]:
        section = table.get(name, {})
        value = section.get(key) if isinstance(section, dict) else None
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            self.fault(f"{name}.{key}", value, "a list of texts")
            return []
        return [text.lower() for text in value]

    def windows(self, tables: Any, lines: tuple[int, ...], scale: float) -> tuple[Limit, ...]:
        if not isinstance(tables, list) or not tables:
            self.fault("limit", tables, "one or more [[limit]] tables")
            return ()
        padded = lines + (0,) * (len(tables) - len(lines))
        read = [self.window(table, line, scale) for table, line in zip(tables, padded, strict=False)]
        return tuple(limit for limit in read if limit)

    def window(self, table: Any, line: int, scale: float) -> Limit | None:
        if not isinstance(table, dict):
            self.fault("limit", table, "a table", line=line)
            return None
        before = len(self.faults)
        self.unknown(table, "limit.", ("key", "mail", "per", "most", "why", "scaled"), line)
        key, mail, per = (
            self.one_of(table, name, parse, allowed, line)
            for name, parse, allowed in (
                ("key", Key, ", ".join(Key)),
                ("mail", Counted, ", ".join(Counted)),
                ("per", span, 'a span such as "24 h" or "7 d", or "ever"'),
            )
        )
        most = table.get("most", -1)
        if not isinstance(most, int) or isinstance(most, bool) or most < 0:
            self.fault("limit.most", most, "a whole number, 0 or more", line=line)
        if len(self.faults) > before:
            return None
        factor = scale if table.get("scaled") is True else 1.0
        place = f"{self.file}:{line}" if line else self.file
        return Limit(key, mail, per, int(most * factor), str(table.get("why", "")), place)

    def one_of(self, table: Mapping[str, Any], name: str, parse: Callable[[Any], Any], allowed: str, line: int) -> Any:
        value = table.get(name)
        try:
            return parse(value if isinstance(value, str) else "")
        except ValueError:
            self.fault(f"limit.{name}", value, allowed, line=line)
            return None
