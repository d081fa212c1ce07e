"""What a rule may look at besides the fields of signals: what the judge has found out, and what is known of the sender.

Each field gives its values in lower case, none where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from mailgate.judge import hours
from mailgate.judge.conditions import LONGEST_LOOKED_AT
from mailgate.judge.fields import FIELDS, MOST_LOOKED_AT, Values
from mailgate.judge.signals import MailFields
from mailgate.model import Acquaintance, Authentication, Case, Finding, Gateway, Kind, Mailaddr


class About(Struct, frozen=True):
    """A mail as far as it is judged when the rules are asked. `known` is None where nobody has looked yet."""

    case: Case
    gateway: Gateway
    kind: Kind
    findings: tuple[Finding, ...]
    authentication: Authentication  # as it counts
    known: Acquaintance | None = None
    in_thread: bool = False
    spam: float | None = None  # points, before rules add any


def values_of(about: About) -> Callable[[str], Values]:
    """The values of every field of a mail, each computed once where it is asked for."""
    mail, own = MailFields(about.case, about.gateway), dict[str, Values]()

    def values(field: str) -> Values:
        if field not in RULE_FIELDS:
            return mail.values(field)
        if field not in own:
            own[field] = RULE_FIELDS[field](about)
        return own[field]

    return values


def _kind(about: About) -> Values:
    """What the mail is: human, auto_reply, bulk, ..."""
    return (about.kind.value,)


def _finding(about: About) -> Values:
    """The ids of all signals that it gives."""
    return tuple(one.id.lower() for one in about.findings)


def _level(about: About) -> Values:
    """How well its sender is proven, as it counts: a2, a1 or a0."""
    return (about.authentication.level.value.lower(),)


def _spf(about: About) -> Values:
    return (about.authentication.spf,)


def _dkim(about: About) -> Values:
    return (about.authentication.dkim,)


def _dmarc(about: About) -> Values:
    return (about.authentication.dmarc,)


def _arc(about: About) -> Values:
    return (about.authentication.arc,)


def _proven_domain(about: About) -> Values:
    """The domain that the mail was proven for."""
    return (about.authentication.domain.lower(),) if about.authentication.domain else ()


def _spam(about: About) -> Values:
    """Points of spam, before rules add any."""
    return () if about.spam is None else (f"{about.spam:.2f}",)


def _contact(about: About) -> Values:
    """How the sender stands with us: unknown, challenged, trusted, expired, robot, undeliverable or blocked."""
    return (about.known.standing.value,) if about.known else ()


def _contact_days(about: About) -> Values:
    """For how many whole days the sender has stood so."""
    at = about.case.accepted.at
    return (str(max(0, (at - about.known.since).days)),) if about.known else ()


def _contact_spam(about: About) -> Values:
    """How many mails of the sender people judged spam since it was last trusted."""
    return (str(about.known.spam_marks),) if about.known else ()


def _in_thread(about: About) -> Values:
    """Does it follow a mail or a ticket of ours? yes, or nothing."""
    return ("yes",) if about.in_thread else ()


def _local(about: About) -> datetime:
    opening, at = about.case.mailbox.opening, about.case.accepted.at
    return at.astimezone(opening.zone) if opening else at


def _date(about: About) -> Values:
    """The day it came, in the time zone of the mailbox: 2026-12-24."""
    return (_local(about).date().isoformat(),)


def _hour(about: About) -> Values:
    """The hour it came, 0 to 23, in the time zone of the mailbox."""
    return (str(_local(about).hour),)


def _weekday(about: About) -> Values:
    """mon, tue, wed, thu, fri, sat or sun, in the time zone of the mailbox."""
    return (hours.DAYS[_local(about).weekday()],)


def _client(about: About) -> Values:
    """The IP address that brought it, where it is known to be the sender's server."""
    peer = about.case.accepted.peer
    return (peer.ip,) if peer.known and peer.ip else ()


def _helo(about: About) -> Values:
    peer = about.case.accepted.peer
    return (peer.helo.lower(),) if peer.known and peer.helo else ()


def _from_name(about: About) -> Values:
    """The display names of the authors."""
    return _names(about.case.mail.authors)


def _to_address(about: About) -> Values:
    """The addresses in To."""
    return _addresses(about.case.mail.to)


def _cc_address(about: About) -> Values:
    """The addresses in Cc."""
    return _addresses(about.case.mail.cc)


def _reply_to(about: About) -> Values:
    """The addresses in Reply-To."""
    return _addresses(about.case.mail.reply_to)


def _rcpt_to(about: About) -> Values:
    """The address that it was sent to, tag and all."""
    return (about.case.accepted.rcpt_to.lower(),) if about.case.accepted.rcpt_to else ()


def _mail_from_domain(about: About) -> Values:
    """The domain of the reverse-path."""
    domain = about.case.accepted.mail_from.rpartition("@")[2].lower()
    return (domain,) if domain else ()


def _text(about: About) -> Values:
    """What its author wrote himself, without quotes and signature, on one line; none where nobody read it."""
    text = about.case.text[:LONGEST_LOOKED_AT]
    return (" ".join(text.lower().split()),) if text else ()


def _names(people: tuple[Mailaddr, ...]) -> Values:
    return tuple(one.name.lower() for one in people[:MOST_LOOKED_AT] if one.name)


def _addresses(people: tuple[Mailaddr, ...]) -> Values:
    return tuple(one.address.lower() for one in people[:MOST_LOOKED_AT])


RULE_FIELDS: Mapping[str, Callable[[About], Values]] = {
    "kind": _kind,
    "finding": _finding,
    "level": _level,
    "spf": _spf,
    "dkim": _dkim,
    "dmarc": _dmarc,
    "arc": _arc,
    "proven_domain": _proven_domain,
    "spam": _spam,
    "contact": _contact,
    "contact_days": _contact_days,
    "contact_spam": _contact_spam,
    "in_thread": _in_thread,
    "date": _date,
    "hour": _hour,
    "weekday": _weekday,
    "client": _client,
    "helo": _helo,
    "from_name": _from_name,
    "to_address": _to_address,
    "cc_address": _cc_address,
    "reply_to": _reply_to,
    "rcpt_to": _rcpt_to,
    "mail_from_domain": _mail_from_domain,
    "text": _text,
}
OF_HISTORY = frozenset({"contact", "contact_days", "contact_spam", "in_thread"})  # known only after the acceptance
OF_TEXT = frozenset({"text"})  # longer than others, and read for rules alone where no answer can follow
ALL_FIELDS = tuple(sorted({*FIELDS, *RULE_FIELDS}))
