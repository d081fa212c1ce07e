"""Who is named beside the author: remembered with the ticket, as somebody who may be heard and takes no part in it."""

from __future__ import annotations

from collections.abc import Iterable

from mailgate.judge import admission, token
from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.history import History
from mailgate.model import Case, Joined, Kind, Level, Mark, Participant, State

_STANDS = frozenset({State.TICKETED, State.APPENDED})


def named(case: Case, history: History) -> tuple[str, ...]:
    """The canonical addresses of To and Cc, ours and the author's left out, as many as a ticket remembers."""
    mail, most = case.mail, history.limits.threads.copied_most
    authors = {canonical(one.address) for one in mail.authors}
    others = (one.address for one in (*mail.to, *mail.cc) if not _is_ours(one.address, history))
    keys = dict.fromkeys(key for address in others if (key := canonical(address)) and key not in authors)
    return tuple(keys)[:most]


def remember(docket: Docket, placed: Placement) -> None:
    """Whoever a person's mail names in its ticket may be heard there. One that nothing vouches for names nobody."""
    unsure = placed.proposed or Mark.UNVERIFIED in placed.marks
    if placed.ticket_id is None or placed.state not in _STANDS or docket.kind is not Kind.HUMAN or unsure:
        return
    ticket = docket.history.facts.tickets.get(placed.ticket_id)
    known = {one.address for one in ticket.participants} if ticket else set()
    fresh = (key for key in named(docket.case, docket.history) if key not in known)
    docket.effects.extend(joined(placed.ticket_id, fresh))


def joined(ticket_id: int, keys: Iterable[str]) -> list[Joined]:
    """They are named in a mail of the ticket."""
    return [Joined(ticket_id, Participant(key, Level.A0, copied=True)) for key in keys]


def _is_ours(address: str, history: History) -> bool:
    return token.looks_signed(address) is not None or admission.mailbox_of(address, history.gateway) is not None
