"""A second look at who a mail is from, where DNS could not tell at the first.

The mail has its place at once, as one that nobody vouches for; a person may read it there. All that a second look can
change is the answer that trouble of the net kept from its sender, and a stranger's place among what is held. Whoever
had a mail of ours in hand gets no answer anyway, so his is not looked at again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from mailgate.judge import answer, kind, person, places, ruled, trust
from mailgate.judge.docket import Docket, Placement
from mailgate.model import (
    Authentication,
    Disposition,
    HeldState,
    Joined,
    Kind,
    Level,
    Mode,
    Participant,
    Recheck,
    State,
)

TROUBLE = "temperror"  # RFC 8601 section 2.7


def due(docket: Docket, placed: Placement) -> datetime | None:
    """When DNS is asked once more; None where nothing could follow from what it says."""
    timing, judged_at = docket.limits.timing, docket.case.judged_at
    # What comes out of a backlog is not answered, so it is not asked for either.
    late = judged_at - docket.at > timedelta(seconds=timing.late_s)
    if late or not _is_in_doubt(docket.case.authentication) or not _waits_for_proof(docket, placed):
        return None
    return judged_at + timedelta(seconds=timing.recheck_s)


def place(docket: Docket, stands: Recheck) -> Placement:
    """Where the mail goes now that DNS was asked again. Nobody has touched it since; the effects go to the docket."""
    docket.note("re-check", f"DNS was asked again: {docket.authentication.why}")
    if stands.ticket_id is not None:
        return _in_ticket(docket, stands.ticket_id)
    if docket.kind is not Kind.HUMAN or docket.has_seen_us:
        return places.held(docket, "looked at again: a person decides")
    return ruled.placed(docket) or person.human(docket)


def _is_in_doubt(proof: Authentication) -> bool:
    """Did only trouble keep a better level from it? That of DMARC matters where there is something to align."""
    passed = "pass" in (proof.spf, proof.dkim)
    return proof.level is Level.A0 and (
        TROUBLE in (proof.spf, proof.dkim, proof.arc) or (passed and proof.dmarc == TROUBLE)
    )


def _waits_for_proof(docket: Docket, placed: Placement) -> bool:
    """Would a proven sender be answered, as far as his mail shows? A person's mail, in a ticket or before a person."""
    visible = placed.state is State.TICKETED or (placed.state is State.HELD and placed.held is HeldState.HUMAN)
    if docket.kind is not Kind.HUMAN or docket.has_seen_us or not visible:
        return False
    weight = kind.weigh(docket.findings)
    allowed = answer.respond(docket.case, weight, replace(docket.authentication, level=Level.A2))
    return not weight.distrusted and (allowed.acknowledge or allowed.challenge)


def _in_ticket(docket: Docket, ticket_id: int) -> Placement:
    """A ticket stays what it is; its sender hears that it exists, and takes part in it as the one he is."""
    level = docket.authentication.level
    if level is Level.A0:
        return Placement(State.TICKETED, Disposition.TICKET, "looked at again: the sender is not proven", ticket_id)
    docket.effects.append(Joined(ticket_id, Participant(docket.sender, level)))
    welcome = trust.welcome(docket.known, docket.authentication)
    if not docket.has_seen_us and (welcome is trust.Welcome.TRUSTED or docket.case.mailbox.mode is not Mode.GUARDED):
        answer.acknowledge(docket, ticket_id)
    return Placement(State.TICKETED, Disposition.TICKET, "looked at again: the sender is proven", ticket_id)
