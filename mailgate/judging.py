"""Mail in: read, judge, write, in one transaction of the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mailgate import learning, letters, relaying, remembering
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
    known, outcomes = _judge(conn, ordered, gateway, book, mint)
    if any(outcome.moves_the_gate for outcome in outcomes) and locks.spending(conn):
        # Another process may have granted what was still free when we looked.
        known, outcomes = _judge(conn, ordered, gateway, book, mint)
    effects = [effect for outcome in outcomes for effect in outcome.effects]
    planned = [planned for outcome in outcomes for planned in outcome.planned]
    effects += learning.of_tickets(conn, effects, now, gateway=gateway, limits=book.limits, mint=mint)
    mails = {case.accepted.journal_id: case.accepted for case in cases}
    letters.record_with_mail(conn, effects, planned, gateway=gateway, book=book, now=now, mails=mails)
    relays = [relay for outcome in outcomes for relay in outcome.relays]
    if relays:
        raws = {journal_id: accepted.raw for journal_id, accepted in mails.items()}
        relaying.relay(conn, relays, raws, gateway=gateway, book=book, mint=mint, now=now)
    remembering.count(conn, outcomes, now)
    if gateway.replay_days:
        remembering.remember(conn, ordered, known, outcomes, rules=book.version, number=mint.new_id(), now=now)
    return outcomes


def _judge(
    conn: Connection, cases: Sequence[Case], gateway: Gateway, book: Rulebook, mint: Mint
) -> tuple[bytes, list[Outcome]]:
    """What follows from each mail; and the facts that all were judged by, packed before the first one changes them."""
    # Who wrote a ticket never changes, so this may be asked before anybody else is kept out.
    people = agents.requesters(conn, told_by(cases))
    known = facts.gather(conn, with_people(ask(cases, gateway, book.limits), people))
    packed = remembering.packed(known) if gateway.replay_days else b""
    history = History(known, book.limits, gateway, mint)
    return packed, [verdict.judge(case, book.signals, history) for case in cases]
