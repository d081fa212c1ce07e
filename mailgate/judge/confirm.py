"""What follows when a challenge ends: by an answer, by a doubtful one, or because nobody is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

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
    HeldState,
    KnownMessage,
    Met,
    Purpose,
    Reheld,
)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmation's effects, the one acknowledgement it may cause, and the first ticket it made."""

    effects: tuple[Effect, ...]
    planned: tuple[Planned, ...]
    ticket_id: int | None
    gate: str  # what the send gate said, in words


def confirmed(asked: Challenge, history: History, at: datetime, actor: str) -> Confirmed:
    """Trust the address and let all its held mail in, in order of arrival. Adds no credit."""
    known = history.acquaintance(asked.address, at)
    trusted = trust.confirmed(known, asked.level, at, history.limits.timing)
    effects = (Asked(replace(asked, state=ChallengeState.CONFIRMED)), Met(trusted))
    return _let_in(trusted, effects, asked.id, history, at=at, actor=actor)


def vouched(address: str, history: History, at: datetime, actor: str) -> Confirmed:
    """The same by a person of ours, whose act also earns the address credit."""
    known = history.acquaintance(address, at)
    effects = answer.human_act(known, trust.vouched(known, at), history, at)
    trusted = next(effect.acquaintance for effect in effects if isinstance(effect, Met))
    running = history.challenge(address, at)
    if running:
        effects.append(Asked(replace(running, state=ChallengeState.SUPERSEDED)))
    return _let_in(trusted, tuple(effects), history.mint.new_id(), history, at=at, actor=actor)


def doubted(asked: Challenge, history: History, words: str) -> list[Effect]:
    """A reply that may be a machine's: whatever waited for the sender now waits for a person."""
    effects: list[Effect] = []
    if asked.state.running:
        effects.append(Asked(replace(asked, state=ChallengeState.DOUBTFUL)))
    return [*effects, *_to_people(asked.address, history, f"the challenge was answered, but {words}")]


def ended(about: KnownMessage, history: History, state: ChallengeState, words: str) -> list[Effect]:
    """Our mail `about` failed or met a machine: where it was a running challenge, it is over."""
    asked = history.facts.challenges.get(about.recipient)
    if about.purpose is not Purpose.CHALLENGE or asked is None or asked.token_id != about.token_id:
        return []
    if not asked.state.running:
        return []
    return [Asked(replace(asked, state=state)), *_to_people(about.recipient, history, words)]


def _let_in(
    trusted: Acquaintance, effects: tuple[Effect, ...], cause: int, history: History, *, at: datetime, actor: str
) -> Confirmed:
    released, placed = release(history.held(trusted.address), at, actor, history.mint)
    if not placed:
        return Confirmed((*effects, *released), (), None, "nothing was held")
    first, ticket_id = placed[0]
    spent, plan = answer.for_release(first, trusted, ticket_id, cause, history, at)
    if isinstance(plan, str):
        return Confirmed((*effects, *released), (), ticket_id, f"refused: {plan}")
    return Confirmed((*effects, *released, *spent), (plan,), ticket_id, "granted")


def _to_people(address: str, history: History, words: str) -> list[Effect]:
    waiting = tuple(mail.message_id for mail in history.held(address) if mail.state is HeldState.WAIT)
    return [Reheld(waiting, HeldState.HUMAN, words)] if waiting else []
