"""What a signal may look at besides header fields: facts computed from the mail, its envelope and who we are.

Each field gives its values in lower case, none where it does not apply.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise

from mailgate.judge import admission, token
from mailgate.judge.canonical import base_local, canonical, domain_of, untagged
from mailgate.judge.making_fields import MAKING_FIELDS
from mailgate.model import Case, Gateway, Level, Mailaddr

Values = tuple[str, ...]

OPENING_CHARS = 400  # of the text: where machines say that they are machines
MOST_LOOKED_AT = 20  # addresses of To, and files

_STEERING = dict.fromkeys((0x200B, 0x200E, 0x200F, 0x061C, 0xFEFF))  # Outlook puts such marks before Arabic and Hebrew


def _mail_from(case: Case, gateway: Gateway) -> Values:
    """The reverse-path, the sender of the envelope; "" is the null one."""
    return (case.accepted.mail_from.lower(),)


def _mail_from_local(case: Case, gateway: Gateway) -> Values:
    """The local part of the reverse-path, as written and without tags and sub-address."""
    return _locals(case.accepted.mail_from)


def _from_local(case: Case, gateway: Gateway) -> Values:
    """The local parts of the authors, as written and without tags and sub-address."""
    return tuple(local for author in case.mail.authors for local in _locals(author.address))


def _from_address(case: Case, gateway: Gateway) -> Values:
    """The addresses of the authors."""
    return tuple(author.address.lower() for author in case.mail.authors)


def _sender_local(case: Case, gateway: Gateway) -> Values:
    """The local parts of reverse-path and authors, each once."""
    return tuple(dict.fromkeys((*_mail_from_local(case, gateway), *_from_local(case, gateway))))


def _sender_relation(case: Case, gateway: Gateway) -> Values:
    """How the reverse-path stands to the one author: same, organization (one domain) or other."""
    author, mail_from = case.mail.author, case.accepted.mail_from
    if author is None or not mail_from:
        return ()
    if mail_from.lower() == author.address.lower():
        return ("same",)
    sender = untagged(mail_from).lower()
    local, _, domain = sender.rpartition("@")
    author_local, _, author_domain = author.address.lower().rpartition("@")
    if domain == author_domain and base_local(author_local) in {base_local(local), _without_verp(local)}:
        return ("same",)
    return ("organization",) if domain_of(sender) == domain_of(author.address) else ("other",)


def _rcpt_token(case: Case, gateway: Gateway) -> Values:
    """The kind of token that the mail was sent to: r, c, b or m."""
    return (case.recipient.kind.value,) if case.recipient else ()


def _received_count(case: Case, gateway: Gateway) -> Values:
    """How many Received fields the mail has: the hosts that it passed."""
    return (str(case.mail.hops),)


def _received_ours(case: Case, gateway: Gateway) -> Values:
    """How many Received fields we wrote ourselves, where there are any."""
    count = sum(_is_our_trace(value, gateway.name.lower()) for value in case.mail.headers.get("received", ()))
    return (str(count),) if count else ()


def _recipients_named(case: Case, gateway: Gateway) -> Values:
    """How many addresses To and Cc name."""
    return (str(len(case.mail.to) + len(case.mail.cc)),)


def _age_days(case: Case, gateway: Gateway) -> Values:
    """How many whole days before it came the mail was written, by its own Date; not asked where that is missing."""
    written = case.mail.date
    return (str(max(0, (case.accepted.at - written).days)),) if written else ()


def _ours_named(case: Case, gateway: Gateway) -> Values:
    """Does To or Cc name the mailbox, or another address of ours? Not asked where the recipient is not known."""
    if not case.accepted.rcpt_to:
        return ()
    named = _any_ours((*case.mail.to, *case.mail.cc), case, gateway)
    return ("yes" if named else "no",)


def _from_count(case: Case, gateway: Gateway) -> Values:
    """How many authors From names."""
    return (str(len(case.mail.authors)),)


def _from_ours(case: Case, gateway: Gateway) -> Values:
    """Is an author an address that we receive mail for? Our own postmaster, who reports, is not one."""
    authors = [author for author in case.mail.authors if not _is_service(author.address, gateway)]
    return ("yes",) if _any_ours(authors, case, gateway) else ()


def _from_our_domain(case: Case, gateway: Gateway) -> Values:
    """Is an author's domain one of ours?"""
    return ("yes",) if any(_domain(author.address) in gateway.domains for author in case.mail.authors) else ()


def _from_forwarded(case: Case, gateway: Gateway) -> Values:
    """Is an author an address whose mail is forwarded to us? What we answer him would come back."""
    listed = (canonical(author.address) in one.delivers for author in case.mail.authors for one in gateway.forwarders)
    return ("yes",) if any(listed) else ()


def _level(case: Case, gateway: Gateway) -> Values:
    """How well its sender is proven by authentication alone: a2, a1 or a0."""
    return (case.authentication.level.value.lower(),)


def _content_type(case: Case, gateway: Gateway) -> Values:
    """The MIME type of the whole mail."""
    return (case.mail.content_type,)


def _report_type(case: Case, gateway: Gateway) -> Values:
    """The report-type of a multipart/report, "" where it has none."""
    return (case.mail.report_type,) if case.mail.content_type == "multipart/report" else ()


def _part(case: Case, gateway: Gateway) -> Values:
    """The MIME type of the mail and of every part of it, enclosed messages left closed."""
    return (case.mail.content_type, *dict.fromkeys(case.mail.parts))


def _file_name(case: Case, gateway: Gateway) -> Values:
    """The names of the files that the mail carries."""
    return tuple(name.lower() for name in case.mail.file_names[:MOST_LOOKED_AT])


def _report_action(case: Case, gateway: Gateway) -> Values:
    """What a report says was done, by its fields (RFC 3464 section 2.3.3) or by its words."""
    return tuple(dict.fromkeys(case.mail.report_actions))


def _calendar_method(case: Case, gateway: Gateway) -> Values:
    """What an invitation in it is: request, reply, cancel, ..."""
    return (case.mail.calendar_method.lower(),) if case.mail.calendar_method else ()


def _defect(case: Case, gateway: Gateway) -> Values:
    """What is broken in the mail."""
    return case.mail.defects


def _wire_note(case: Case, gateway: Gateway) -> Values:
    """What the listener noted while it received the mail."""
    return case.accepted.notes


def _passed_ours(case: Case, gateway: Gateway) -> Values:
    """Addresses of ours that the mail had been delivered to before it came here."""
    return tuple(value.lower() for value in case.mail.passed_through if _is_ours(value.strip("<> "), case, gateway))


def _loop_ours(case: Case, gateway: Gateway) -> Values:
    """X-Loop values that name us."""
    if "x-loop" not in case.mail.headers:
        return ()
    names = {case.mailbox.address.lower(), gateway.name.lower(), *(box.address.lower() for box in gateway.mailboxes)}
    loops = (value.lower() for value in case.mail.headers["x-loop"])
    return tuple(value for value in loops if names & set(value.replace("<", " ").replace(">", " ").split()))


def _auto_submitted_count(case: Case, gateway: Gateway) -> Values:
    """How many Auto-Submitted fields the mail has, where it has any."""
    return _count("auto-submitted", case)


def _list_id_count(case: Case, gateway: Gateway) -> Values:
    """How many List-Id fields the mail has, where it has any."""
    return _count("list-id", case)


def _trace(case: Case, gateway: Gateway) -> Values:
    """Whose Mailgate-Trace the mail carries: ours, or foreign."""
    traces = case.mail.headers.get("mailgate-trace", ())
    return tuple("ours" if token.read_trace(value, gateway.keys) else "foreign" for value in traces)


def _enclosed_ours(case: Case, gateway: Gateway) -> Values:
    """Does the mail enclose a mail of ours?"""
    traced = any(token.read_trace(value, gateway.keys) for value in case.mail.enclosed_traces)
    return ("yes",) if case.enclosed or traced else ()


def _subject(case: Case, gateway: Gateway) -> Values:
    """The decoded subject, compatibility characters unified (NFKC) and marks that only steer text left out."""
    return (_unified(case.mail.subject),) if case.mail.subject else ()


def _bare_subject(case: Case, gateway: Gateway) -> Values:
    """The subject without reply prefixes and what stands in brackets before it; and what stands in these."""
    subject, bare = case.mail.subject.strip(), case.bare_subject
    before = subject.removesuffix(bare)
    tags = [piece.partition("]")[0] for piece in before.split("[")[1:]] if "[" in before else []
    return tuple(_unified(text) for text in (bare, *tags) if text)


def _is_reply(case: Case, gateway: Gateway) -> Values:
    """Does the mail look like a reply, by its thread fields or its subject?"""
    named = case.mail.in_reply_to or case.mail.references
    return ("yes",) if named or len(case.bare_subject) < len(case.mail.subject.strip()) else ()


def _opening(case: Case, gateway: Gateway) -> Values:
    """How the text begins, on one line; none where it could not be answered, though a rule may have it read."""
    asked = case.authentication.level is not Level.A0 or case.recipient is not None
    return (" ".join(_unified(case.text[:OPENING_CHARS]).split()),) if case.text and asked else ()


def _to_local(case: Case, gateway: Gateway) -> Values:
    """The local parts of the addresses in To."""
    return tuple(one.address.lower().rpartition("@")[0] for one in case.mail.to[:MOST_LOOKED_AT])


def _mailbox(case: Case, gateway: Gateway) -> Values:
    """The mailbox that the mail came to."""
    return (case.mailbox.address.lower(),)


def _language(case: Case, gateway: Gateway) -> Values:
    """The language that its words seem to be in; none where nobody could tell, or nobody read them."""
    return (case.language,) if case.language else ()


def _size_kb(case: Case, gateway: Gateway) -> Values:
    """How large the mail is, in whole kilobytes of 1000 bytes."""
    return (str(len(case.accepted.raw) // 1000),)


def _from_domain(case: Case, gateway: Gateway) -> Values:
    """The authors' domains."""
    return tuple(_domain(author.address) for author in case.mail.authors)


FIELDS: Mapping[str, Callable[[Case, Gateway], Values]] = {
    "mail_from": _mail_from,
    "mail_from_local": _mail_from_local,
    "from_local": _from_local,
    "from_address": _from_address,
    "sender_local": _sender_local,
    "sender_relation": _sender_relation,
    "rcpt_token": _rcpt_token,
    "received_count": _received_count,
    "received_ours": _received_ours,
    "recipients_named": _recipients_named,
    "age_days": _age_days,
    "ours_named": _ours_named,
    "from_count": _from_count,
    "from_ours": _from_ours,
    "from_our_domain": _from_our_domain,
    "from_forwarded": _from_forwarded,
    "level": _level,
    "content_type": _content_type,
    "report_type": _report_type,
    "part": _part,
    "file_name": _file_name,
    "report_action": _report_action,
    "calendar_method": _calendar_method,
    "defect": _defect,
    "wire_note": _wire_note,
    "passed_ours": _passed_ours,
    "loop_ours": _loop_ours,
    "auto_submitted_count": _auto_submitted_count,
    "list_id_count": _list_id_count,
    "trace": _trace,
    "enclosed_ours": _enclosed_ours,
    "subject": _subject,
    "bare_subject": _bare_subject,
    "is_reply": _is_reply,
    "opening": _opening,
    "to_local": _to_local,
    "from_domain": _from_domain,
    "mailbox": _mailbox,
    "language": _language,
    "size_kb": _size_kb,
    **MAKING_FIELDS,
}


@lru_cache(maxsize=1024)  # reverse-path and author are asked for by several fields, and are often the same
def _locals(address: str) -> Values:
    lower = address.lower()
    written = lower.rpartition("@")[0] or lower
    if not written:
        return ()
    plain = base_local(untagged(lower).rpartition("@")[0] or written) if "=" in written else base_local(written)
    return (written,) if plain == written else (plain, written)


def _unified(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_STEERING).lower() if not text.isascii() else text.lower()


def _without_verp(local: str) -> str:
    """`joe` of `joe-ann=y.test`: the recipient that a variable reverse-path carries is cut off."""
    head, equals, _ = local.partition("=")
    return head.replace("+", "-").rpartition("-")[0] if equals else local


def _count(header: str, case: Case) -> Values:
    return (str(len(case.mail.headers[header])),) if header in case.mail.headers else ()


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _any_ours(addresses: Iterable[Mailaddr], case: Case, gateway: Gateway) -> bool:
    return any(_is_ours(each.address, case, gateway) for each in addresses)


def _is_ours(address: str, case: Case, gateway: Gateway) -> bool:
    """Is this an address that we receive mail for, or anything that looks like a signed address of ours?"""
    lower, mailbox = address.lower(), case.mailbox.address.lower()
    if lower == mailbox:
        return True
    local, _, domain = lower.rpartition("@")
    if domain == _domain(mailbox) and f"{base_local(local)}@{domain}" == mailbox:
        return True
    if domain not in gateway.domains:
        return False
    signed = token.looks_signed(lower) is not None
    return signed or domain == gateway.bounce_domain.lower() or admission.mailbox_of(lower, gateway) is not None


def _is_service(address: str, gateway: Gateway) -> bool:
    """Is this an address that every domain has (RFC 2142), and no mailbox of ours?"""
    return address.lower().rpartition("@")[0] in admission.SERVICE_LOCALS and gateway.mailbox(address) is None


def _is_our_trace(received: str, name: str) -> bool:
    """Did we write this Received field? Its id ends in a MAC; nobody gains by forging one but silence."""
    if f"by {name} with " not in (lower := received.lower()):
        return False
    clauses = lower.split()
    mac = dict(pairwise(clauses)).get("id", "").rstrip(";").rpartition(".")[2]
    return len(mac) == token.MAC_CHARS and token.decode(mac) is not None
