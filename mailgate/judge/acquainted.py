"""Fields for what is known of a mail beyond itself: how its author stands, what it belongs to, how it was proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from mailgate.judge.trust import Welcome
from mailgate.model import Acquaintance, Authentication, Kind

Values = tuple[str, ...]


class Acquainted(Struct, frozen=True):
    """What history says of one mail when it is judged."""

    kind: Kind
    authentication: Authentication  # as it counts
    known: Acquaintance
    welcome: Welcome
    at: datetime
    in_thread: bool = False  # it answers something of ours
    shared: frozenset[str] = frozenset()  # domains whose addresses belong to strangers of each other
    domain: str = ""  # the author's, organizational
    reply_domains: tuple[str, ...] = ()  # where it wants its answers
    same_words: int = 0  # automatic mails of late to whoever wrote the very same


def _sender(mail: Acquainted) -> Values:
    """How the author is received: trusted, unproven, stranger or blocked; ours never come here."""
    return (_WORDS[mail.welcome],)


def _turns_to_provider(mail: Acquainted) -> bool:
    """Does it want its answers at a provider's, and comes from elsewhere?"""
    return mail.domain not in mail.shared and not mail.shared.isdisjoint(mail.reply_domains)


_WORDS = {
    Welcome.TRUSTED: "trusted",
    Welcome.UNPROVEN: "unproven",
    Welcome.STRANGER: "stranger",
    Welcome.BLOCKED: "blocked",
}


ACQUAINTED_FIELDS: Mapping[str, Callable[[Acquainted], Values]] = {
    "sender": _sender,
    "standing": lambda mail: (mail.known.standing.value,),
    "kind": lambda mail: (mail.kind.value,),
    "spam_marks": lambda mail: (str(mail.known.spam_marks),),
    "in_thread": lambda mail: ("yes",) if mail.in_thread else (),
    "days_known": lambda mail: (str(max(0, (mail.at - mail.known.since).days)),),
    "same_words": lambda mail: (str(mail.same_words),),
    "provider": lambda mail: ("yes",) if mail.domain in mail.shared else (),
    "reply_provider": lambda mail: ("yes",) if _turns_to_provider(mail) else (),
    "proven": lambda mail: (mail.authentication.level.value.lower(),),
    "spf": lambda mail: (mail.authentication.spf,),
    "dkim": lambda mail: (mail.authentication.dkim,),
    "dmarc": lambda mail: (mail.authentication.dmarc,),
}
