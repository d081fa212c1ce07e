"""What follows when a challenge ends: by an answer, by a doubtful one, or because nobody is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge import answer, challenge, trust
from mailgate.judge.docket import Planned
from mailgate.judge.history import History
from mailgate.judge.lives import HELD, Turn
from mailgate.judge.release import release
from mailgate.model import (
    Acquaintance,
    Asked,
    Challenge,
    Effect,
    HandedOver,
    HeldMail,
    HeldState,
    Level,
    Met,
    Purpose,
    Reheld,
)

PRESSED_TOO_LATE = "somebody pressed the button of our question to the sender, when its time was over"


class Confirmed(Struct, frozen=True):
    """A welcome's effects, the one acknowledgement that a confirmation may cause, and the first ticket it made."""

    effects: tuple[Effect, ...]
    planned: tuple[Planned, ...]
    ticket_id: int | None
    gate: str  # what the send gate said, in words


def confirmed(
    asked: Challenge,
    history: History,
    at: datetime,
    actor: str,
    *,
    judged_at: datetime | None = None,
    language: str = "",
) -> Confirmed:
    """Trust the address and let its held mail in, in order of arrival. Adds no credit.

    What a person of ours judged spam stays where it is. `judged_at` is set where that is later than `at`; `language`
    is the one that the sender confirms in.
    """
    trusted = trust.confirmed(history.acquaintance(asked.address, at), asked.level, at, history.limits.timing)
    effects, placed = _released(_let_in(Turn.CONFIRMED, history.held(asked.address)), at, actor, history)
    effects = [Asked(challenge.moved(asked, Turn.CONFIRMED)), Met(trusted), *effects]
    ticket_id = placed[0][1] if placed else None
    first = next(((mail, ticket) for mail, ticket in placed if mail.acknowledge), None)
    if first is None:
        return Confirmed(tuple(effects), (), ticket_id, "nothing to acknowledge")
    wanted = answer.wish(Purpose.ACKNOWLEDGE, trusted, history, at, first[0].mailbox)
    wanted = replace(wanted, ticket_id=first[1], cause=asked.id)
    spent, plan = answer.for_release(first[0], wanted, trusted, history, judged_at or at)
    if isinstance(plan, str):
        return Confirmed((*effects, *spent), (), ticket_id, f"refused: {plan}")
    return Confirmed((*effects, *spent), (replace(plan, language=language),), ticket_id, "granted")


def too_late(asked: Challenge, history: History) -> list[Effect]:
    """Somebody pressed the button of a challenge that is over: whoever decides on his held mail shall know."""
    theirs = tuple(mail.message_id for mail in history.held(asked.address) if mail.state is HeldState.HUMAN)
    return [Reheld(theirs, HeldState.HUMAN, PRESSED_TOO_LATE)] if theirs else []


def vouched(address: str, history: History, at: datetime, actor: str) -> Confirmed:
    """A person of ours trusts the address: all that was held of it comes in, and his act earns it credit.

    Nothing is acknowledged: whoever let the mail in will answer it, and old confirmations help nobody.
    """
    known = history.acquaintance(address, at)
    return _welcomed(Turn.VOUCHED, known, trust.vouched(known, at), history, at=at, actor=actor)


def written_to(address: str, history: History, at: datetime, actor: str) -> Confirmed:
    """The same because a person of ours writes to the address; what was judged spam stays so."""
    known = history.acquaintance(address, at)
    trusted = trust.written_to(known, at, history.limits.timing)
    return _welcomed(Turn.WRITTEN_TO, known, trusted, history, at=at, actor=actor)


def ended(address: str, history: History, at: datetime, turn: Turn, words: str) -> list[Effect]:
    """What `turn` makes of a running challenge to `address`; whatever waited for the sender now waits for a person."""
    running = history.challenge(address, at)
    over: list[Effect] = [Asked(challenge.moved(running, turn))] if running else []
    return [*over, HandedOver(address, words, history.mint.new_id())]


def blocked(address: str, history: History, at: datetime, agent: str) -> list[Effect]:
    """A person of ours wants nothing of the address in view: its mail is spam, and nothing is asked of it any more."""
    effects: list[Effect] = [Met(trust.blocked(history.acquaintance(address, at), at))]
    if running := history.challenge(address, at):
        effects.append(Asked(challenge.moved(running, Turn.BLOCKED)))
    held = tuple(mail.message_id for mail in history.held(address) if mail.state in HELD[Turn.BLOCKED])
    return [*effects, Reheld(held, HeldState.SPAM, f"sender blocked by {agent}")] if held else effects


def judged_spam(mail: HeldMail, history: History, at: datetime, agent: str) -> list[Effect]:
    """A person of ours judged a held mail spam. Whoever is not proven to have sent it does not suffer for it."""
    if mail.state not in HELD[Turn.MARKED]:
        return []
    marked = Reheld((mail.message_id,), HeldState.SPAM, f"judged spam by {agent}")
    if not mail.address or mail.level is Level.A0:
        return [marked]
    return [marked, suspected(mail.address, history, at)]


def suspected(address: str, history: History, at: datetime) -> Met:
    """One more proven mail of the address was judged spam."""
    most = history.limits.behaviour.spam_marks
    return Met(trust.judged_spam(history.acquaintance(address, at), at, most))


def _welcomed(
    turn: Turn, before: Acquaintance, after: Acquaintance, history: History, *, at: datetime, actor: str
) -> Confirmed:
    effects = answer.human_act(before, after, history, at)
    if running := history.challenge(before.address, at):
        effects.append(Asked(challenge.moved(running, turn)))
    released, placed = _released(_let_in(turn, history.held(before.address)), at, actor, history)
    ticket_id = placed[0][1] if placed else None
    return Confirmed((*effects, *released), (), ticket_id, "not asked: a person of ours did it")


def _released(
    mails: tuple[HeldMail, ...], at: datetime, actor: str, history: History
) -> tuple[list[Effect], list[tuple[HeldMail, int]]]:
    return release(mails, at, actor, history.mint, gateway=history.gateway, limits=history.limits)


def _let_in(turn: Turn, held: Iterable[HeldMail]) -> tuple[HeldMail, ...]:
    return tuple(mail for mail in held if HELD[turn].get(mail.state, mail.state) is None)
