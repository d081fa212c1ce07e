"""Store: reads the ledger of permits: when those of a batch's subjects were granted, and how many are everybody's.

A gateway of some years has granted many permits to one company, so no row of them is looked at: a subject and its
moments are one row of the answer, and both stand in the index.

A limit on everybody's mail would make a batch read all that was sent in a day. So these are counted where they lie, and
only where the mails of one batch could see different windows do moments come along: the counts stay exact for each.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Text,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from mailgate.model import Ask, Counted, Counter, Key, Purpose, Total
from mailgate.store import tables
from mailgate.store.dialect import is_one_of_given, listed, moments
from mailgate.store.types import Utc

_PERMIT = tables.permit.c

_SUBJECTS: dict[Key, ColumnElement[Any]] = {
    Key.TICKET: _PERMIT.ticket_id,
    Key.ADDRESS: _PERMIT.address,
    Key.DOMAIN: _PERMIT.domain,
    Key.SHARED: _PERMIT.domain,
    Key.FINGERPRINT: _PERMIT.fingerprint,
    Key.ORIGIN: _PERMIT.origin,
    Key.STAFF: _PERMIT.address,
    Key.TARGET: _PERMIT.address,
    Key.SENDER: _PERMIT.origin,
}
_OUTSIDE = _PERMIT.purpose.in_((Purpose.ACKNOWLEDGE, Purpose.CHALLENGE))
_TO_STAFF = _PERMIT.purpose.in_((Purpose.NOTICE, Purpose.DIGEST))
# A provider of many has a count of its own and is no origin. Our own people have theirs, which counts nowhere else.
_OF_SUBJECT: dict[Key, tuple[ColumnElement[bool], ...]] = {
    Key.ADDRESS: (_OUTSIDE,),
    Key.STAFF: (_TO_STAFF,),
    Key.DOMAIN: (_PERMIT.shared == false(),),
    Key.SHARED: (_PERMIT.shared == true(),),
    Key.ORIGIN: (_PERMIT.shared == false(),),
    Key.SENDER: (_PERMIT.shared == false(),),
}
_COUNTED: dict[Counted, tuple[ColumnElement[bool], ...]] = {
    Counted.ANY: (),
    Counted.CHALLENGE: (_PERMIT.purpose == Purpose.CHALLENGE,),
    Counted.ACKNOWLEDGE: (_PERMIT.purpose == Purpose.ACKNOWLEDGE,),
    Counted.UNPROVEN: (_PERMIT.unproven == true(),),
    Counted.NOTICE: (_PERMIT.purpose == Purpose.NOTICE,),
    Counted.DIGEST: (_PERMIT.purpose == Purpose.DIGEST,),
    Counted.REDIRECT: (_PERMIT.purpose == Purpose.REDIRECT,),
}
_CAUSES = select(_PERMIT.cause).where(is_one_of_given(_PERMIT.cause, "causes"))


@cache
def _spent(sorts: tuple[tuple[Key, Counted, bool], ...]) -> CompoundSelect[Any]:
    """For each key and sort, of which the last says whether its windows end: every subject with its moments.

    Each part has an index of its own, and all but that of tickets is answered by it alone.
    """
    parts: list[Any] = []
    for place, (key, mail, ends) in enumerate(sorts):
        subject, conditions = _SUBJECTS[key], [*_OF_SUBJECT.get(key, ()), *_COUNTED[mail]]
        if ends:
            conditions.append(_PERMIT.at > bindparam(f"since{place}", type_=Utc()))
        named = cast(subject, Text).label("subject")
        parts.append(
            select(literal_column(str(place)).label("place"), named, moments(_PERMIT.at).label("moments"))
            .where(is_one_of_given(subject, key), *conditions)
            .group_by(subject)
        )
    return union_all(*parts)


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


def spent(
    conn: Connection, ask: Ask, addresses: frozenset[str], ticket_ids: frozenset[int]
) -> dict[Counter, list[datetime]]:
    """When the permits of the people, domains, origins, texts and tickets that a batch names were granted.

    Each counter reaches as far back as it was asked to. Those of a future that a clock once showed count too.
    """
    wanted: dict[Key, Collection[int] | Collection[str]] = {
        Key.ADDRESS: addresses,
        Key.STAFF: ask.staff,
        Key.DOMAIN: ask.domains,
        Key.SHARED: ask.domains,
        Key.ORIGIN: ask.origins,
        Key.FINGERPRINT: ask.fingerprints,
        Key.TICKET: ticket_ids,
        Key.TARGET: ask.targets,
        Key.SENDER: ask.authors,
    }
    reach = [one for one in ask.reach if wanted[one.key]]
    if not reach:
        return {}
    values: dict[str, Any] = {one.key.value: listed(wanted[one.key]) for one in reach}
    values |= {f"since{place}": ask.now - one.per for place, one in enumerate(reach) if one.per is not None}
    found = conn.execute(_spent(tuple((one.key, one.mail, one.per is not None) for one in reach)), values)
    return {(reach[row.place].key, reach[row.place].mail, row.subject): row.moments for row in found}


def causes(conn: Connection, wanted: Collection[int]) -> frozenset[int]:
    """Those of `wanted` that have had their automatic mail, however long ago."""
    return frozenset(conn.execute(_CAUSES, {"causes": listed(wanted)}).scalars()) if wanted else frozenset()


def everybodys(conn: Connection, ask: Ask) -> list[Total]:
    """How many permits of each sort there are in the windows that count everybody's, for mails of `now` to `until`."""
    if not ask.windows:
        return []
    edges: dict[str, datetime] = {}
    for place, per in enumerate(ask.windows):
        edges |= {f"first{place}": ask.now - per, f"last{place}": max(ask.now, ask.until or ask.now) - per}
    found = conn.execute(_everybodys(len(ask.windows)), edges)
    return [Total(ask.windows[row.place], row.purpose, row.unproven, row.number, row.at) for row in found]
