"""What a rule may look at besides the fields of signals: what the judge has found out, and what is known of the sender.

Each field gives its values in lower case, none where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice

from msgspec import Struct

from mailgate.judge import hours
from mailgate.judge.conditions import LONGEST_LOOKED_AT
from mailgate.judge.fields import FIELDS, MOST_LOOKED_AT, OPENING_CHARS, Values
from mailgate.judge.signals import MailFields
from mailgate.model import Acquaintance, Authentication, Case, Finding, Gateway, Kind, Mailaddr

MOST_SAID = 200  # words of judges outside


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
    begun: int | None = None  # conversations of its author within the last hour; None where nobody has looked


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
    """What SPF gave, in the words of RFC 8601: pass, fail, none, ..."""
    return (about.authentication.spf,)


def _dkim(about: About) -> Values:
    """What DKIM gave, in the words of RFC 8601: pass, fail, none, ..."""
    return (about.authentication.dkim,)


def _dmarc(about: About) -> Values:
    """What DMARC gave, in the words of RFC 8601: pass, fail, none, ..."""
    return (about.authentication.dmarc,)


def _arc(about: About) -> Values:
    """What ARC gave, in the words of RFC 8601: pass, fail, none, ..."""
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
    """For how many whole days the sender has stood as `contact` says."""
    at = about.case.accepted.at
    return (str(max(0, (at - about.known.since).days)),) if about.known else ()


def _contact_spam(about: About) -> Values:
    """How many mails of the sender people judged spam since it was last trusted."""
    return (str(about.known.spam_marks),) if about.known else ()


def _contact_proven(about: About) -> Values:
    """Has one of our own people ever written to the sender, or accepted him? yes, or nothing."""
    return ("yes",) if about.known and about.known.proven else ()


def _contact_trust(about: About) -> Values:
    """Where the trust in the sender came from: agent-manual, agent-out, confirmed or import."""
    return (about.known.trust.value,) if about.known and about.known.trust else ()


def _contact_begun(about: About) -> Values:
    """How many conversations the sender began within the last hour, this one aside."""
    return () if about.begun is None else (str(about.begun),)


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


def _time(about: About) -> Values:
    """The time it came, in the time zone of the mailbox: 09:30. Asked by "> 09:30", "< 17:00"."""
    return (_local(about).strftime("%H:%M"),)


def _open(about: About) -> Values:
    """Was the mailbox open when it came, by its opening hours? yes or no; yes where it has none."""
    return ("yes" if hours.is_open(about.case.mailbox.opening, about.case.accepted.at) else "no",)


def _weekday(about: About) -> Values:
    """mon, tue, wed, thu, fri, sat or sun, in the time zone of the mailbox."""
    return (hours.DAYS[_local(about).weekday()],)


def _client(about: About) -> Values:
    """The IP address that brought it, where it is known to be the sender's server."""
    peer = about.case.accepted.peer
    return (peer.ip,) if peer.known and peer.ip else ()


def _tls(about: About) -> Values:
    """Did it come over an encrypted connection? yes or no."""
    return ("yes" if about.case.accepted.peer.tls else "no",)


def _listener(about: About) -> Values:
    """Who handed it in: edge, the sender's own server, or behind, an MTA of ours."""
    return (about.case.accepted.peer.role.value,)


def _helo(about: About) -> Values:
    """The name that the sender's server gave itself, where it is known."""
    peer = about.case.accepted.peer
    return (peer.helo.lower(),) if peer.known and peer.helo else ()


def _forwarded_by(about: About) -> Values:
    """The ids of the listed forwarders that brought it."""
    return tuple(one.lower() for one in about.case.forwarded)


def _opinion(about: About) -> Values:
    """What judges outside say of it, as they call it: bayes_spam of rspamd, the code of a DNS list."""
    said = (word for one in about.case.opinions if not one.unknown for word in one.says)
    return tuple(word.lower() for word in islice(said, MOST_SAID))


def _from_name(about: About) -> Values:
    """The display names of the authors."""
    return _names(about.case.mail.authors)


def _to_address(about: About) -> Values:
    """The addresses in To."""
    return _addresses(about.case.mail.to)


def _to_domain(about: About) -> Values:
    """The domains of the addresses in To."""
    return _domains(about.case.mail.to)


def _cc_address(about: About) -> Values:
    """The addresses in Cc."""
    return _addresses(about.case.mail.cc)


def _cc_domain(about: About) -> Values:
    """The domains of the addresses in Cc."""
    return _domains(about.case.mail.cc)


def _reply_to(about: About) -> Values:
    """The addresses in Reply-To."""
    return _addresses(about.case.mail.reply_to)


def _rcpt_to(about: About) -> Values:
    """The address that it was sent to, tag and all."""
    return (about.case.accepted.rcpt_to.lower(),) if about.case.accepted.rcpt_to else ()


def _rcpt_tag(about: About) -> Values:
    """The tag of the address that it was sent to: shop of support+shop@example.com."""
    tag = about.case.accepted.rcpt_to.lower().rpartition("@")[0].partition("+")[2]
    return (tag,) if tag else ()


def _mail_from_domain(about: About) -> Values:
    """The domain of the reverse-path."""
    domain = about.case.accepted.mail_from.rpartition("@")[2].lower()
    return (domain,) if domain else ()


def _file_ending(about: About) -> Values:
    """How the names of its files end: pdf of invoice.pdf."""
    names = (name.lower().rpartition(".") for name in about.case.mail.file_names[:MOST_LOOKED_AT])
    return tuple(dict.fromkeys(ending.strip() for _, dot, ending in names if dot))


def _file_count(about: About) -> Values:
    """How many files it carries that have a name."""
    return (str(len(about.case.mail.file_names)),)


def _list_id(about: About) -> Values:
    """The name of its mailing list, as List-Id has it in angle brackets (RFC 2919 section 2)."""
    fields = about.case.mail.headers.get("list-id", ())[:MOST_LOOKED_AT]
    return tuple(name.strip() for field in fields if (name := field.lower().rpartition("<")[2].partition(">")[0]))


def _report_status(about: About) -> Values:
    """The code of a report that something could not be delivered: 5.1.1 (RFC 3463)."""
    return (about.case.mail.report_status,) if about.case.mail.report_status else ()


def _opening(about: About) -> Values:
    """How its own words begin: the first 400 characters."""
    return _on_one_line(about.case.text[:OPENING_CHARS])


def _text(about: About) -> Values:
    """What its author wrote himself, without quotes and signature, on one line: its first 65,536 characters."""
    return _on_one_line(about.case.text[:LONGEST_LOOKED_AT])


def _on_one_line(text: str) -> Values:
    words = " ".join(text.lower().split())
    return (words,) if words else ()


def _names(people: tuple[Mailaddr, ...]) -> Values:
    return tuple(one.name.lower() for one in people[:MOST_LOOKED_AT] if one.name)


def _domains(people: tuple[Mailaddr, ...]) -> Values:
    return tuple(dict.fromkeys(one.address.rpartition("@")[2].lower() for one in people[:MOST_LOOKED_AT]))


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
    "contact_proven": _contact_proven,
    "contact_trust": _contact_trust,
    "contact_begun": _contact_begun,
    "in_thread": _in_thread,
    "date": _date,
    "hour": _hour,
    "time": _time,
    "open": _open,
    "weekday": _weekday,
    "client": _client,
    "helo": _helo,
    "tls": _tls,
    "listener": _listener,
    "forwarded_by": _forwarded_by,
    "opinion": _opinion,
    "from_name": _from_name,
    "to_address": _to_address,
    "to_domain": _to_domain,
    "cc_address": _cc_address,
    "cc_domain": _cc_domain,
    "reply_to": _reply_to,
    "rcpt_to": _rcpt_to,
    "rcpt_tag": _rcpt_tag,
    "mail_from_domain": _mail_from_domain,
    "file_ending": _file_ending,
    "file_count": _file_count,
    "list_id": _list_id,
    "report_status": _report_status,
    "opening": _opening,
    "text": _text,
}
OF_HISTORY = frozenset(  # known only after the acceptance
    {
        *("contact", "contact_days", "contact_spam", "contact_proven", "contact_trust", "contact_begun", "in_thread"),
    }
)
LONG = frozenset({"text"})  # of which more is looked at than of others
ALL_FIELDS = tuple(sorted({*FIELDS, *RULE_FIELDS}))
