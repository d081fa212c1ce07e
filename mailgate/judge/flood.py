"""What one address sends too much of goes into one ticket: counted and in view, and out of everybody else's way.

Only of an address that no person of ours ever met, and never for different people: in an outage many write alike.
"""

from __future__ import annotations

from mailgate.judge import places
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.limits import HOUR


def taken_up(docket: Docket) -> Placement | None:
    """The place of a mail that is one too many; None where a ticket of its own is due."""
    reason = _too_many(docket)
    if not reason:
        return None
    docket.note("flood", reason)
    ticket_id = docket.history.facts.floods.get(docket.sender)
    if ticket_id is not None:
        return places.appended(docket, ticket_id, reason)
    return places.ticket(docket, reason, flood=True)


def _too_many(docket: Docket) -> str:
    if docket.known.proven or not docket.sender:
        return ""
    limits, since = docket.limits.flood, docket.at - HOUR
    begun = [one for one in docket.history.facts.begun.get(docket.sender, ()) if one.at > since]
    alike = sum(one.fingerprint == docket.case.fingerprint for one in begun if one.fingerprint)
    if len(begun) >= limits.conversations_per_hour:
        return f"{len(begun)} new conversations of one address within an hour: the rest stands in one ticket"
    if alike >= limits.alike_per_hour:
        return f"{alike} mails of one address that say the same within an hour: the rest stands in one ticket"
    return ""
