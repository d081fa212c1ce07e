"""Store: reads the ledger of permits: those that a batch names, each once, and how many there are of everybody's.

A limit on everybody's mail would make a batch read all that was sent in a day. So these are counted where they lie, and
only where the mails of one batch could see different windows do moments come along: the counts stay exact for each.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from mailgate.model import Ask, Grant, Total
from mailgate.store import rows, tables
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.types import Utc

GRANT_DAYS = 30  # the longest window but one
CHALLENGE_DAYS = 365  # that one: challenges to an address

_PERMIT = tables.permit.c


def _since(name: str) -> ColumnElement[bool]:
    return _PERMIT.at > bindparam(name, type_=Utc())


def _named() -> CompoundSelect[Any]:
    """Each part has an index of its own; one condition with OR would have none, or the wrong one."""
    month = _since("month")
    # Of a provider of many, only mail to people whom nobody had met is limited.
    limited = or_(_PERMIT.shared.is_(False), _PERMIT.unproven.is_(True))
    # Spelled out and not a parameter, so that the planner sees which partial index it may use.
    challenge = _PERMIT.purpose == literal_column("'challenge'")
    return union_all(
        select(tables.permit).where(is_one_of_given(_PERMIT.address, "addresses"), month),
        select(tables.permit).where(is_one_of_given(_PERMIT.address, "addresses"), challenge, _since("year")),
        select(tables.permit).where(is_one_of_given(_PERMIT.domain, "domains"), limited, month),
        select(tables.permit).where(is_one_of_given(_PERMIT.origin, "origins"), month),
        select(tables.permit).where(is_one_of_given(_PERMIT.fingerprint, "fingerprints"), month),
        select(tables.permit).where(is_one_of_given(_PERMIT.ticket_id, "ticket_ids")),
    )


_NAMED = _named()


@cache
def _everybodys(windows: int) -> CompoundSelect[Any]:
    """For each window two parts: a count of what is in it for every mail, and the moments that are for some."""
    parts = []
    for place in range(windows):
        first, last = (bindparam(f"{name}{place}", type_=Utc()) for name in ("first", "last"))
        window: ColumnElement[Any] = literal_column(str(place)).label("place")
        number: ColumnElement[Any] = func.count().label("number")
        one: ColumnElement[Any] = literal_column("1").label("number")
        never: ColumnElement[Any] = cast(null(), Utc).label("at")
        sort: tuple[ColumnElement[Any], ...] = (_PERMIT.purpose, _PERMIT.unproven)
        parts += [
            select(window, *sort, number, never).where(_PERMIT.at > last).group_by(*sort),
            select(window, *sort, one, _PERMIT.at).where(_PERMIT.at > first, _PERMIT.at <= last),
        ]
    return union_all(*parts)


def named(conn: Connection, ask: Ask, addresses: frozenset[str], ticket_ids: frozenset[int]) -> list[Grant]:
    """The permits of the people, domains, origins, texts and tickets that a batch names, in no order.

    Those of a future that a clock once showed count too.
    """
    wanted: dict[str, Collection[int] | Collection[str]] = {
        "addresses": addresses,
        "domains": ask.domains,
        "origins": ask.origins,
        "fingerprints": ask.fingerprints,
        "ticket_ids": ticket_ids,
    }
    if not any(wanted.values()):
        return []
    since = {"month": ask.now - timedelta(days=GRANT_DAYS), "year": ask.now - timedelta(days=CHALLENGE_DAYS)}
    found = conn.execute(_NAMED, {**{name: listed(values) for name, values in wanted.items()}, **since})
    return [rows.grant(row) for row in {row.id: row for row in found}.values()]


def everybodys(conn: Connection, ask: Ask) -> list[Total]:
    """How many permits of each sort there are in the windows that count everybody's, for mails of `now` to `until`."""
    if not ask.windows:
        return []
    moments: dict[str, datetime] = {}
    for place, per in enumerate(ask.windows):
        moments |= {f"first{place}": ask.now - per, f"last{place}": max(ask.now, ask.until or ask.now) - per}
    found = conn.execute(_everybodys(len(ask.windows)), moments)
    return [Total(ask.windows[row.place], row.purpose, row.unproven, row.number, row.at) for row in found]
