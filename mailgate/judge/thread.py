"""Which ticket a mail belongs to: by proof that its sender holds our mail, never by what a subject says.

Evidence says what a mail shows; relation says who brings it; the table says what follows from both.
"""

from __future__ import annotations

from enum import StrEnum

from mailgate.judge.canonical import domain_of
from mailgate.judge.evidence import MOST_REFERENCES, Evidence, Link, link, named_ids
from mailgate.model import Authentication, KnownTicket, Level

__all__ = ["MOST_REFERENCES", "TABLE", "Evidence", "Link", "Place", "Relation", "decided", "link", "named_ids"]


class Relation(StrEnum):
    """Who the sender is to a ticket, the nearest first."""

    PARTICIPANT = "participant"
    UNVERIFIED = "participant's address, not proven"
    COLLEAGUE = "same company as a participant"
    OTHER = "somebody else, proven"
    NOBODY = "somebody else, not proven"


class Place(StrEnum):
    """What the table says."""

    APPEND = "append"
    UNVERIFIED = "append, sender not verified"
    PROPOSE = "append as a proposal"
    QUARANTINE = "append as a proposal that nothing vouches for"
    PROPOSE_IF_COPIED = "append as a proposal if a mail of the ticket names him, else begin anew with a link"
    APPEND_IF_ONLY = "append if one open ticket fits, else begin anew with a link"
    LINKED = "begin anew with a link"
    NEW = "begin anew"
    HOLD = "hold with a link"


_P, _U, _C, _O, _N = Relation
_WHOEVER_READ_OURS = (Evidence.MESSAGE_ID, Evidence.CONVERSATION)
_OF_OTHERS = (Evidence.FOREIGN_ID, Evidence.FOREIGN_CONVERSATION)

TABLE: dict[tuple[Relation, Evidence], Place] = {
    (_P, Evidence.ADDRESS): Place.APPEND,
    **{(_P, one): Place.APPEND for one in (*_WHOEVER_READ_OURS, *_OF_OTHERS)},
    (_P, Evidence.MARKER): Place.APPEND,
    (_P, Evidence.NUMBER): Place.APPEND,
    (_P, Evidence.SUBJECT): Place.APPEND_IF_ONLY,
    (_U, Evidence.ADDRESS): Place.UNVERIFIED,
    **{(_U, one): Place.UNVERIFIED for one in (*_WHOEVER_READ_OURS, *_OF_OTHERS)},
    (_U, Evidence.MARKER): Place.HOLD,
    (_U, Evidence.NUMBER): Place.HOLD,
    (_U, Evidence.SUBJECT): Place.HOLD,
    (_C, Evidence.ADDRESS): Place.PROPOSE,
    **{(_C, one): Place.PROPOSE for one in _WHOEVER_READ_OURS},
    **{(_C, one): Place.PROPOSE_IF_COPIED for one in _OF_OTHERS},
    (_C, Evidence.MARKER): Place.LINKED,
    (_C, Evidence.NUMBER): Place.LINKED,
    (_C, Evidence.SUBJECT): Place.NEW,
    (_O, Evidence.ADDRESS): Place.PROPOSE,
    **{(_O, one): Place.PROPOSE_IF_COPIED for one in (*_WHOEVER_READ_OURS, *_OF_OTHERS)},
    (_O, Evidence.MARKER): Place.NEW,
    (_O, Evidence.NUMBER): Place.NEW,
    (_O, Evidence.SUBJECT): Place.NEW,
    (_N, Evidence.ADDRESS): Place.QUARANTINE,
    **{(_N, one): Place.HOLD for one in (*_WHOEVER_READ_OURS, *_OF_OTHERS)},
    (_N, Evidence.MARKER): Place.HOLD,
    (_N, Evidence.NUMBER): Place.HOLD,
    (_N, Evidence.SUBJECT): Place.HOLD,
}
_JOINS = frozenset(
    {Place.APPEND, Place.UNVERIFIED, Place.PROPOSE, Place.QUARANTINE, Place.PROPOSE_IF_COPIED, Place.APPEND_IF_ONLY}
)


def decided(who: Relation, found: Link) -> Place:
    """What follows from relation and evidence; where evidence of one strength points to several tickets, a person
    chooses among them, and whoever would have joined one begins anew.

    A Message-ID that two different mails bear shows nothing to somebody who is no participant.
    """
    if found.collided and who in (Relation.OTHER, Relation.NOBODY):
        return Place.NEW
    place = TABLE[who, found.evidence]
    at_odds = found.others and found.evidence is not Evidence.SUBJECT and place in _JOINS
    return Place.LINKED if at_odds else place


def nearest(
    sender: str, authentication: Authentication, tickets: tuple[KnownTicket, ...], shared: frozenset[str]
) -> Relation:
    """Who `sender` is to that of `tickets` to which he is nearest."""
    return min((relation(sender, authentication, one, shared) for one in tickets), key=list(Relation).index)


def relation(sender: str, authentication: Authentication, ticket: KnownTicket, shared: frozenset[str]) -> Relation:
    """Who `sender` (canonical, "" for nobody) is to `ticket`. An address alone, without proof, is never him.

    Whoever is only named in a mail of the ticket is no participant.
    """
    level = authentication.level
    proven = level is not Level.A0
    bounds = {one.address: one.bound for one in ticket.participants if one.address and not one.copied}
    if sender in bounds:
        return Relation.PARTICIPANT if proven and level.reaches(bounds[sender]) else Relation.UNVERIFIED
    if not proven:
        return Relation.NOBODY
    domain = domain_of(sender)
    return Relation.COLLEAGUE if domain not in shared and domain in map(domain_of, bounds) else Relation.OTHER


def is_copied(sender: str, ticket: KnownTicket) -> bool:
    """Was `sender` named in To or Cc of a mail of the ticket?"""
    return any(one.copied and one.address == sender for one in ticket.participants)
