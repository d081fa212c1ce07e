"""What follows when a challenge ends: by an answer, by a doubtful one, or because nobody is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge import answer, trust
from mailgate.judge.docket import Planned
from mailgate.judge.history import History
from mailgate.judge.release import release
from mailgate.model import (
    Acquaintance,
    Asked,
    Challenge,
    ChallengeState,
    Effect,
    HeldMail,
    HeldState,
    Met,
    Purpose,
    Reheld,
)


class Confirmed(Struct, frozen=True):
    """A welcome's effects, the one acknowledgement that a confirmation may cause, and the first ticket it made."""

    effects: tuple[Effect, ...]
    planned: tuple[Planned, ...]
    ticket_id: int | None
    gate: str  # what the send gate said, in words


def confirmed(
    asked: Challenge, history: History, at: datetime, actor: str, *, judged_at: datetime | None = None
) -> Confirmed:
    """Trust the address and let its held mail in, in order of arrival. Adds no credit.

    What a person of ours judged spam stays where it is. `judged_at` is set where that is later than `at`.
    """
    trusted = trust.confirmed(history.acquaintance(asked.address, at), asked.level, at, history.limits.timing)
    effects, placed = release(_not_spam(history.held(asked.address)), at, actor, history.mint)
    effects = [Asked(replace(asked, state=ChallengeState.CONFIRMED)), Met(trusted), *effects]
    ticket_id = placed[0][1] if placed else None
    first = next(((mail, ticket) for mail, ticket in placed if mail.acknowledge), None)
    if first is None:
        return Confirmed(tuple(effects), (), ticket_id, "nothing to acknowledge")
    wanted = answer.wish(Purpose.ACKNOWLEDGE, trusted, history, at, first[0].mailbox)
    wanted = replace(wanted, ticket_id=first[1], cause=asked.id)
    spent, plan = answer.for_release(first[0], wanted, trusted, history, judged_at or at)
    if isinstance(plan, str):
        return Confirmed((*effects, *spent), (), ticket_id, f"refused: {plan}")
    return Confirmed((*effects, *spent), (plan,), ticket_id, "granted")


def vouched(address: str, history: History, at: datetime, actor: str) -> Confirmed:
    """A person of ours trusts the address: all that was held of it comes in, and his act earns it credit.

    Nothing is acknowledged: whoever let the mail in will answer it, and old confirmations help nobody.
    """
    known = history.acquaintance(address, at)
    return _welcomed(known, trust.vouched(known, at), history.held(address), history, at=at, actor=actor)


def written_to(address: str, history: History, at: datetime, actor: str) -> Confirmed:
    """The same because a person of ours writes to the address; what was judged spam stays so."""
    known = history.acquaintance(address, at)
    trusted = trust.written_to(known, at, history.limits.timing)
    return _welcomed(known, trusted, _not_spam(history.held(address)), history, at=at, actor=actor)


def ended(address: str, history: History, at: datetime, state: ChallengeState, words: str) -> list[Effect]:
    """A running challenge to `address` ends in `state`; whatever waited for the sender now waits for a person."""
    running = history.challenge(address, at)
    waiting = tuple(mail.message_id for mail in history.held(address) if mail.state is HeldState.WAIT)
    effects: list[Effect] = [Asked(replace(running, state=state))] if running else []
    return [*effects, Reheld(waiting, HeldState.HUMAN, words)] if waiting else effects


def _welcomed(
    before: Acquaintance, after: Acquaintance, held: Iterable[HeldMail], history: History, *, at: datetime, actor: str
) -> Confirmed:
    effects = answer.human_act(before, after, history, at)
    if running := history.challenge(before.address, at):
        over = ChallengeState.CANCELLED if running.state is ChallengeState.QUEUED else ChallengeState.SUPERSEDED
        effects.append(Asked(replace(running, state=over)))
    released, placed = release(held, at, actor, history.mint)
    ticket_id = placed[0][1] if placed else None
    return Confirmed((*effects, *released), (), ticket_id, "not asked: a person of ours did it")


def _not_spam(held: Iterable[HeldMail]) -> tuple[HeldMail, ...]:
    return tuple(mail for mail in held if mail.state is not HeldState.SPAM)
