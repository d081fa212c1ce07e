"""Store: how often each rule of the rule files held, by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct
from sqlalchemy import Connection, delete, func, select

from mailgate.store import tables
from mailgate.store.bulk import put
from mailgate.store.dialect import add

KEPT_DAYS = 400  # as long as refusals are counted by day

_ROW = tables.rule_count.c


class RuleCount(Struct, frozen=True):
    """One rule's part in some days. Shadow hits are those of a rule that was only watched."""

    rule: str
    hits: int
    shadow_hits: int
    first: date  # the first of these days on which it held,
    last: date  # and the last


def add_up(conn: Connection, day: date, hits: Mapping[str, int], shadow: Mapping[str, int]) -> None:
    """Count these hits on that day, by the names of rules."""
    # In order, so that no two processes ever wait for each other.
    rows = [
        {"day": day, "rule": rule, "hits": hits.get(rule, 0), "shadow_hits": shadow.get(rule, 0)}
        for rule in sorted({*hits, *shadow})
    ]
    put(conn, add(conn, tables.rule_count, key=("day", "rule"), column=("hits", "shadow_hits")), rows)


def refused(conn: Connection, hits: Sequence[tuple[date, str]]) -> list[None]:
    """Count mails that rules refused at the door, which no batch counts: the day of each, and the rule. Work for a
    group.
    """
    for day in sorted({day for day, _ in hits}):
        add_up(conn, day, Counter(rule for when, rule in hits if when == day), {})
    return [None] * len(hits)


def since(conn: Connection, day: date) -> list[RuleCount]:
    """What was counted from that day on, by rule, the busiest first."""
    sums = func.sum(_ROW.hits), func.sum(_ROW.shadow_hits), func.min(_ROW.day), func.max(_ROW.day)
    found = conn.execute(select(_ROW.rule, *sums).where(_ROW.day >= day).group_by(_ROW.rule))
    counts = [RuleCount(rule, int(hits), int(shadow), first, last) for rule, hits, shadow, first, last in found]
    return sorted(counts, key=lambda one: (-one.hits - one.shadow_hits, one.rule))


def prune(conn: Connection, before: date) -> int:
    """Take away the counts of days before that one; how many rows that were."""
    return conn.execute(delete(tables.rule_count).where(_ROW.day < before)).rowcount
