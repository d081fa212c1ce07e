"""Mail in: what a batch was judged by and what was decided is kept, and hits of rules are counted.

With both, other rules can be tried on the mail of the last weeks (`replaying`), and every rule can be told that it
never did anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mailgate.judge.decided import Batch, judged, opened
from mailgate.judge.docket import Outcome
from mailgate.model import Case, Facts
from mailgate.store import judgements, rule_counts

if TYPE_CHECKING:
    from sqlalchemy import Connection


def packed(value: object) -> bytes:
    """`value` as MessagePack. What a mail brought may hold characters that nobody can write; these become "?"."""
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(_writable(msgspec.to_builtins(value, builtin_types=(datetime,))))


def read_facts(document: bytes | msgspec.Raw) -> Facts:
    """The facts that were packed. Raises msgspec.DecodeError where they are of a mailgate that knew others."""
    return msgspec.msgpack.decode(document, type=Facts)


def read_batch(document: bytes) -> Batch:
    """A batch that was kept. Raises msgspec.DecodeError, as `read_facts`."""
    return msgspec.msgpack.decode(document, type=Batch)


def remember(
    conn: Connection,
    cases: Sequence[Case],
    known: bytes,
    outcomes: Sequence[Outcome],
    *,
    rules: str,
    number: int,
    now: datetime,
) -> None:
    """Keep one batch; `known` are the packed facts, `number` is the id of its row."""
    batch = Batch(rules, msgspec.Raw(known), tuple(as_judged(cases, outcomes)))
    judgements.keep(conn, number, now, len(cases), packed(batch))


def as_judged(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> list[Any]:
    """What is kept of each mail of a batch, in order."""
    found, opened_by = [], dict[int, int]()
    for case, outcome in zip(cases, outcomes, strict=True):
        found.append(judged(case, outcome, opened_by))
        opened_by |= opened(case, outcome)
    return found


def count(conn: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Count which rules hold, each once a mail, and apart what those did that are only watched."""
    hits: Counter[str] = Counter()
    shadow: Counter[str] = Counter()
    for outcome in outcomes:
        for hit in outcome.filing.verdict.hits:
            (shadow if hit.shadow else hits)[hit.rule] += 1
    rule_counts.add_up(conn, now.date(), hits, shadow)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(one) for key, one in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value
