"""What was decided of one mail, short enough to be kept for every mail, and what it left behind for those after it.

Two judgements are compared by `Decided`; so nothing in it is an id or a number that was drawn for the one or the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Raw, Struct

from mailgate.judge.docket import Outcome
from mailgate.model import (
    Acquaintance,
    Asked,
    Authentication,
    Case,
    Challenge,
    Disposition,
    Errand,
    Grant,
    HeldState,
    Hit,
    Kind,
    Met,
    NewTicket,
    Opinion,
    Priority,
    Purpose,
    Released,
    State,
)

FINDINGS_MOST = 20  # of one mail that are kept, the first ones


class Told(Struct, frozen=True, array_like=True):
    """A rule that had a say, by its name, and where it stands."""

    name: str  # of a rule; the id of a signal
    place: str  # "70-ours.toml:42"
    says: str = ""
    shadow: bool = False


class Decided(Struct, frozen=True, omit_defaults=True):
    """What became of a mail, and by which rules."""

    state: State
    disposition: Disposition
    kind: Kind
    reason: str = ""
    held: HeldState | None = None
    queue: str = ""
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    assignee: str = ""
    opened: bool = False  # a ticket of its own
    joined: int = 0  # the id of the ticket that it came to; 0 where there was none before this batch
    beside: int = 0  # the journal id of the mail of the same batch whose ticket it came to
    answers: tuple[Purpose, ...] = ()  # automatic mail that was granted
    relays: int = 0  # answers of our own people that it brought
    suppressed: str = ""  # why nothing answers, in words,
    withheld_by: str = ""  # and which rule of the send gate says so
    redirect: str = ""  # who gets it instead of the desk
    webhooks: tuple[str, ...] = ()
    spam: float | None = None
    hits: tuple[Told, ...] = ()
    findings: tuple[Told, ...] = ()


class Sent(Struct, frozen=True, array_like=True):
    """An automatic mail that was granted."""

    token_id: int
    message_id: int  # row of `message`
    grant: Grant
    leaves_at: datetime


class Left(Struct, frozen=True, omit_defaults=True):
    """What a mail left behind that decides on later ones."""

    message_id: int  # row of `message`
    ticket_id: int | None = None
    sent: tuple[Sent, ...] = ()
    met: tuple[Acquaintance, ...] = ()  # how each address stood afterwards
    asked: tuple[Challenge, ...] = ()
    released: tuple[int, ...] = ()  # journal ids of held mails that it let in


class Judged(Struct, frozen=True, omit_defaults=True):
    """One mail as it was judged: what was known of it beside its bytes, and what came of it."""

    journal_id: int
    at: datetime  # of its acceptance, as the judge was told
    judged_at: datetime
    decided: Decided
    left: Left
    proof: Authentication = Authentication()
    opinions: tuple[Opinion, ...] = ()


class Batch(Struct, frozen=True):
    """Mails that were judged together, in their order, by the same facts."""

    rules: str  # version of the rule files
    facts: Raw  # as they were before the first mail
    mails: tuple[Judged, ...]


def judged(case: Case, outcome: Outcome, opened_by: Mapping[int, int]) -> Judged:
    """What is kept of one mail. `opened_by` says of each ticket of this batch which mail (journal id) opened it."""
    return Judged(
        journal_id=case.accepted.journal_id,
        at=case.accepted.at,
        judged_at=case.judged_at,
        decided=decided(outcome, opened_by),
        left=left(outcome),
        proof=case.authentication,
        opinions=case.opinions,
    )


def decided(outcome: Outcome, opened_by: Mapping[int, int]) -> Decided:
    """What became of the mail. `opened_by` as in `judged`."""
    filing, verdict = outcome.filing, outcome.filing.verdict
    routed, ticket = filing.routed, filing.ticket_id
    own = {effect.id for effect in outcome.effects if isinstance(effect, NewTicket)}
    return Decided(
        state=filing.state,
        disposition=verdict.disposition,
        kind=verdict.kind,
        reason=_clean(verdict.reason),
        held=filing.held,
        queue=routed.queue or filing.case.mailbox.queue,
        priority=routed.priority,
        tags=routed.tags,
        assignee=routed.assignee,
        opened=ticket in own,
        joined=ticket if ticket and ticket not in own and ticket not in opened_by else 0,
        beside=opened_by.get(ticket, 0) if ticket and ticket not in own else 0,
        answers=tuple(planned.purpose for planned in outcome.planned if planned.purpose is not Purpose.REDIRECT),
        relays=len(outcome.relays),
        suppressed=_clean(verdict.suppressed),
        withheld_by=verdict.withheld_by,
        redirect=next((planned.to for planned in outcome.planned if planned.purpose is Purpose.REDIRECT), ""),
        webhooks=tuple(sorted({effect.target for effect in outcome.effects if isinstance(effect, Errand)} - {""})),
        spam=verdict.spam,
        hits=tuple(map(_told, verdict.hits)),
        findings=tuple(Told(found.id, found.rule) for found in verdict.findings[:FINDINGS_MOST]),
    )


def left(outcome: Outcome) -> Left:
    """What the mail left behind."""
    filing = outcome.filing
    met = {effect.acquaintance.address: effect.acquaintance for effect in outcome.effects if isinstance(effect, Met)}
    asked = {effect.challenge.id: effect.challenge for effect in outcome.effects if isinstance(effect, Asked)}
    sent = tuple(
        Sent(planned.token_id, planned.message_id, planned.permit.grant, planned.not_before)
        for planned in outcome.planned
    )
    released = tuple(effect.journal_id for effect in outcome.effects if isinstance(effect, Released))
    return Left(filing.message_id, filing.ticket_id, sent, tuple(met.values()), tuple(asked.values()), released)


def opened(case: Case, outcome: Outcome) -> dict[int, int]:
    """The tickets that the mail opened, its own and those of mails that it let in, each with its journal id."""
    return {effect.id: case.accepted.journal_id for effect in outcome.effects if isinstance(effect, NewTicket)}


def _told(hit: Hit) -> Told:
    return Told(hit.rule, hit.place, hit.says, hit.shadow)


def _clean(words: str) -> str:
    """Without lone surrogates, which a mail can bring and nobody can write down."""
    return words.encode("utf-8", "replace").decode()
