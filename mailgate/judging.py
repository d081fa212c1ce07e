"""Mail in: read, judge, write, in one transaction of the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mailgate import learning, letters, relaying
from mailgate.judge import verdict
from mailgate.judge.ask import ask, told_by, with_people
from mailgate.judge.docket import Outcome
from mailgate.judge.history import History, Mint
from mailgate.model import Case, Gateway
from mailgate.store import agents, facts, locks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailgate.rulebook import Rulebook


def decide(
    conn: Connection, cases: Sequence[Case], *, gateway: Gateway, book: Rulebook, mint: Mint, now: datetime
) -> list[Outcome]:
    """Mail goes in journal order, each seeing the effects of those before. Raises what `store.record.apply` raises."""
    ordered = sorted(cases, key=lambda case: case.accepted.journal_id)
    outcomes = _judge(conn, ordered, gateway, book, mint)
    if any(outcome.moves_the_gate for outcome in outcomes) and locks.spending(conn):
        # Another process may have granted what was still free when we looked.
        outcomes = _judge(conn, ordered, gateway, book, mint)
    effects = [effect for outcome in outcomes for effect in outcome.effects]
    planned = [planned for outcome in outcomes for planned in outcome.planned]
    effects += learning.of_tickets(conn, effects, now, gateway=gateway, limits=book.limits, mint=mint)
    letters.record_with_mail(conn, effects, planned, gateway=gateway, book=book, now=now)
    relays = [relay for outcome in outcomes for relay in outcome.relays]
    if relays:
        raws = {case.accepted.journal_id: case.accepted.raw for case in cases}
        relaying.relay(conn, relays, raws, gateway=gateway, book=book, mint=mint, now=now)
    return outcomes


def _judge(conn: Connection, cases: Sequence[Case], gateway: Gateway, book: Rulebook, mint: Mint) -> list[Outcome]:
    # Who wrote a ticket never changes, so this may be asked before anybody else is kept out.
    people = agents.requesters(conn, told_by(cases))
    known = facts.gather(conn, with_people(ask(cases, gateway, book.limits), people))
    history = History(known, book.limits, gateway, mint)
    return [verdict.judge(case, book.signals, history) for case in cases]
