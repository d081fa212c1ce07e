"""Roads: the canned answers of the rules, by name, and the text of one for a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailgate.mail import canned as cans
from mailgate.mail.canned import Canned
from mailgate.mail.language import FIRST
from mailgate.model import Gateway

if TYPE_CHECKING:
    from mailgate.answering import Answered
    from mailgate.rulebook import Rulebook
    from mailgate.store.conversation import Conversation


def names(book: Rulebook) -> frozenset[str]:
    """The names of all canned answers, in whatever language."""
    return frozenset(name for texts in book.canned.values() for name in texts)


def canned(book: Rulebook, name: str, language: str) -> Canned | None:
    """That of this name: in `language`, else in the first one, else in any; None where there is none."""
    found = (book.canned.get(one, {}).get(name) for one in (language, FIRST, *book.canned))
    return next((one for one in found if one), None)


def text(
    book: Rulebook, name: str, to: Conversation, *, about: Answered | None, agent: str, gateway: Gateway
) -> str | None:
    """The canned answer of this name for a ticket, in the language of the mail that it answers; None where there is
    none.
    """
    found = canned(book, name, about.language if about else FIRST)
    if found is None:
        return None
    box = gateway.mailbox(to.mailbox)
    desk = (box.name if box else "") or to.mailbox
    values = {"desk": desk, "ticket": f"#{to.number}", "name": about.name if about else "", "agent": agent}
    return cans.filled(found, values)
