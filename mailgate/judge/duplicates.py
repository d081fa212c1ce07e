"""One mail that comes more than once, and two mails that go by one name.

The same mail by another way is no second conversation. Another mail under a name that is taken gets a name of its own,
so that neither hides the other.
"""

from __future__ import annotations

from datetime import timedelta

from mailgate.judge import places, thread
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.evidence import topic_of
from mailgate.judge.history import History
from mailgate.judge.thread import Place, Relation
from mailgate.model import Case, Disposition, Kind, KnownMessage, Mark, State

BY_A_LIST = "the same mail by way of a list"
BESIDE_A_LIST = "the same mail that a list brought before"


def is_taken(identity: str, sender: str, case: Case, kind: Kind, history: History) -> bool:
    """Does another mail bear this Message-ID already?"""
    return any(
        (one.sender != sender or one.body_hash != case.mail.body_hash)
        and not _is_variant(one, sender, case, kind, history)
        for one in history.same_identity(identity)
    )


def received_before(docket: Docket) -> Placement | None:
    """The place of the very same mail again, by another way or to another of our mailboxes; None for any other."""
    history, case = docket.history, docket.case
    known = history.same_identity(docket.identity)
    same = next((one for one in known if _same(one, docket)), None)
    if same:
        return _again(docket, same)
    variant = next((one for one in known if _is_variant(one, docket.sender, case, docket.kind, history)), None)
    return _variant(docket, variant) if variant else None


def _same(known: KnownMessage, docket: Docket) -> bool:
    case, sender = docket.case, docket.sender
    if known.spam and known.mailbox != case.mailbox.address:
        # What a rule refuses at one mailbox may be welcome at another.
        return False
    return _is_recent(known, case, docket.history) and known.sender == sender and known.body_hash == case.mail.body_hash


def _is_recent(known: KnownMessage, case: Case, history: History) -> bool:
    return case.accepted.at - known.at <= timedelta(days=history.limits.timing.duplicate_days)


def _is_variant(known: KnownMessage, sender: str, case: Case, kind: Kind, history: History) -> bool:
    """Is one of the two the copy of the other that went by a list? Lists add to subject and body, and leave the name.

    Whatever else it says, it is shown in full, so nothing is lost where somebody only pretends.
    """
    prefixes = history.limits.reply_prefixes
    by_list = (kind is Kind.LIST) is not (known.kind is Kind.LIST)
    alike = topic_of(known.subject, prefixes) == topic_of(case.mail.subject, prefixes)
    return by_list and alike and known.sender == sender and _is_recent(known, case, history)


def _again(docket: Docket, known: KnownMessage) -> Placement:
    mailbox = docket.case.mailbox.address
    if known.ticket_id and known.mailbox != mailbox:
        places.write(docket, known.ticket_id, "also-received", mailbox)
    return _duplicate(known, "the same mail was received before")


def _duplicate(known: KnownMessage, reason: str) -> Placement:
    return Placement(State.DUPLICATE, Disposition.DUPLICATE, reason, known.ticket_id, duplicate_of=known.id)


def _variant(docket: Docket, known: KnownMessage) -> Placement | None:
    """Beside the mail that came first; the copy of a list wakes nobody, and the mail itself is never less than one."""
    ticket = docket.history.facts.tickets.get(known.ticket_id) if known.ticket_id else None
    if docket.kind is not Kind.LIST:
        who = thread.relation(docket.sender, docket.authentication, ticket, docket.limits.shared) if ticket else None
        if ticket is None or who not in (Relation.PARTICIPANT, Relation.UNVERIFIED):
            return None
        marks = (Mark.VARIANT, *((Mark.UNVERIFIED,) if who is Relation.UNVERIFIED else ()))
        docket.note("identity", f"{BESIDE_A_LIST}; the sender is {who}: {Place.APPEND}")
        return places.appended(docket, ticket.id, BESIDE_A_LIST, marks)
    if ticket is None:
        return _duplicate(known, BY_A_LIST)
    places.write(docket, ticket.id, "also-received", BY_A_LIST)
    return Placement(
        State.QUIET, Disposition.APPEND, BY_A_LIST, ticket.id, duplicate_of=known.id, marks=(Mark.VARIANT,)
    )
