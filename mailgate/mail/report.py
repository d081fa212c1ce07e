"""What a machine's report says of the mail it reports on: delivery (RFC 3464), display (RFC 8098), abuse (RFC 5965).

Half of all reports have no form but words. Whether such a mail is a report is decided by independent signs that agree:
who sent it, its subject, how its text begins, that it cites a mail server, that it returns a mail. The cheap ones come
first, so that the text of people's mail is never looked at. What the words mean is data; see reportforms.

Never raises, whatever the bytes are; a report that names nobody is a report without recipients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import re2
from msgspec import Struct, structs

from mailgate.mail import headers, words
from mailgate.mail.notice import (
    LONGEST_REASON,
    MOST_RECIPIENTS,
    Notice,
    has_reply,
    notice_of,
    recipients,
    returned_ids,
    returned_to,
    returned_traces,
    status,
)
from mailgate.mail.parse import ids
from mailgate.mail.reportforms import ACTIONS, SAYS, Forms
from mailgate.mail.sesnotice import ses_notice
from mailgate.mail.structure import Structure, structure_of
from mailgate.model import Mail

MOST_REPORT_BYTES = 256 * 1024
FIRST_LINES = 2  # a report begins as one; people first say what they want

_SNS = "x-amz-sns-message-id"
_DELIVERY, _DISPLAY, _COMPLAINT = "delivery-status", "disposition-notification", "feedback-report"
_TYPES = {"displayed": _DISPLAY, "complaint": _COMPLAINT}  # of a report in words; all others are about delivery
_CLASSES = {"2": "delivered", "4": "delayed", "5": "failed"}  # RFC 3463 section 3.1
_UNKNOWN = {"failed": "5.0.0", "delayed": "4.0.0", "delivered": "2.0.0"}
_RECIPIENTS = ("final-recipient", "original-recipient", "x-actual-recipient")
# Type of the part that machines read: the name of the report, and the fields where action and recipient stand.
_REPORTS = {
    "message/delivery-status": (_DELIVERY, "action", _RECIPIENTS),
    "message/global-delivery-status": (_DELIVERY, "action", _RECIPIENTS),
    "message/disposition-notification": (_DISPLAY, "disposition", _RECIPIENTS),
    "message/global-disposition-notification": (_DISPLAY, "disposition", _RECIPIENTS),
    "message/feedback-report": (_COMPLAINT, "feedback-type", ("original-rcpt-to",)),
}
_HEXADECIMAL = re2.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


class Fate(Struct, frozen=True):
    """What became of the mail for one recipient. Every field may be empty, for reports leave out what they like."""

    address: str
    action: str  # lower case: "failed", "delayed", "delivered", "displayed", "abuse"
    status: str  # "5.1.1"
    reason: str  # what the other server said


class Report(Struct, frozen=True):
    """A report: `type` is "delivery-status", "disposition-notification" or "feedback-report"."""

    type: str
    recipients: tuple[Fate, ...]
    original_message_id: str  # of the mail reported on, "" where the report does not say


class _Read(Struct, frozen=True):
    """A report with everything that is found in it."""

    report: Report
    says: tuple[str, ...]  # what was done with the mail, in the words of `reportforms`; () where nothing is told
    message_ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()


def report_of(raw: bytes, mail: Mail, forms: Forms | None = None, mail_from: str | None = None) -> Report | None:
    """The report inside a message that was parsed as `mail`, or None where it is none.

    Without `forms` only the standard ones are known; `mail_from` is the reverse-path, None where nobody knows it.
    """
    read = _read(raw, mail, structure_of(raw), forms or Forms(), mail_from)
    return read.report if read else None


def with_report(raw: bytes, mail: Mail, parts: Structure, forms: Forms, mail_from: str) -> Mail:
    """`mail` with what a report in it says: the actions in standard words, and the ids of the mail it is about."""
    actions = _standard(mail.report_actions, forms)
    if actions and mail.enclosed_ids:
        return mail if actions == mail.report_actions else structs.replace(mail, report_actions=actions)
    read = _read(raw, mail, parts, forms, mail_from)
    if read is None:
        return mail
    return structs.replace(
        mail,
        report_actions=actions or read.says,
        enclosed_ids=tuple(dict.fromkeys((*mail.enclosed_ids, *read.message_ids))),
        enclosed_traces=tuple(dict.fromkeys((*mail.enclosed_traces, *read.traces))),
    )


def _read(raw: bytes, mail: Mail, parts: Structure, forms: Forms, mail_from: str | None) -> _Read | None:
    formal = _formal(raw, mail, parts, forms) if _has_form(mail) else None
    if formal is None:
        return _in_words(raw, mail, parts, forms, mail_from)
    if formal.type != _DELIVERY or (mail.enclosed_ids and all("@" in one.address for one in formal.recipients or [_NONE])):
        return _Read(formal, _told(formal) if formal.type == _DELIVERY else ())
    return _completed(formal, notice_of(raw, parts, forms), mail, forms)


# ── Reports that have the form of one ─────────────────────────────────────────────────────────────────────────────────

_NONE = Fate("", "", "", "")


def _has_form(mail: Mail) -> bool:
    return mail.content_type in _REPORTS or any(part in _REPORTS for part in mail.parts)


def _formal(raw: bytes, mail: Mail, parts: Structure, forms: Forms) -> Report | None:
    found = [part for part in parts.parts if part.content_type in _REPORTS]
    if not found:
        return None
    kind = _REPORTS[found[0].content_type][0]
    groups = [
        (group, part.content_type)
        for part in found
        if _REPORTS[part.content_type][0] == kind
        for group in _groups(part.body(raw, MOST_REPORT_BYTES))
    ]
    named = ids(tuple(value for group, _ in groups for value in group.values.get("original-message-id", ())))
    fates = tuple(fate for group, part in groups for fate in _fates(group, *_REPORTS[part][1:], forms))
    return Report(kind, fates[:MOST_RECIPIENTS], next(iter(named or mail.enclosed_ids), ""))


def _groups(body: bytes) -> Iterator[headers.Fields]:
    """The field groups of a report, which empty lines part (RFC 3464 section 2.1)."""
    lines = b"\n".join(line.rstrip() for line in body.split(b"\n"))
    blocks = lines.split(b"\n\n", MOST_RECIPIENTS + 1)
    return (headers.fields(block.strip(b"\n")) for block in blocks[: MOST_RECIPIENTS + 1])


def _fates(group: headers.Fields, action: str, addresses: tuple[str, ...], forms: Forms) -> Iterator[Fate]:
    """The recipients of one group: one by the standard, several where a server forgets the empty lines between."""
    count = max(len(group.values.get(name, ())) for name in (action, *addresses))
    for at in range(min(count, MOST_RECIPIENTS)):
        # A disposition is "how it came about; what happened/modifiers" (RFC 8098 section 3.2.6).
        done = headers.uncommented(_nth(group, action, at)).lower().rpartition(";")[2].partition("/")[0].strip()
        named = [one for name in addresses if (one := _address(_nth(group, name, at)))]
        reason = words.clean(_nth(group, "diagnostic-code", at))[:LONGEST_REASON]
        code = headers.uncommented(_nth(group, "status", at)).partition(" ")[0]
        yield Fate(
            address=next((one for one in named if "@" in one), next(iter(named), "")),
            action=forms.actions.get(done, done),
            status=code or status(reason, forms),
            reason=reason,
        )


def _nth(group: headers.Fields, name: str, at: int) -> str:
    values = group.values.get(name, ())
    return values[at] if at < len(values) else values[0] if len(values) == 1 else ""


def _address(value: str) -> str:
    """The address in `rfc822; anne@example.com`, with or without its type and its angle brackets."""
    kind, semicolon, address = headers.uncommented(value).partition(";")
    plain = (address if semicolon else kind).strip().strip("<>")
    if kind.strip().lower() != "utf-8" or "\\x{" not in plain:
        return plain
    # RFC 6533 section 3: utf-8-addr-xtext.
    return str(_HEXADECIMAL.sub(lambda match: _character(match.group(1)), plain))


def _character(hexadecimal: str) -> str:
    number = int(hexadecimal, 16)
    return chr(number) if 0x20 < number < 0xD800 or 0xDFFF < number < 0x110000 else ""


def _standard(actions: Sequence[str], forms: Forms) -> tuple[str, ...]:
    """The actions that have a meaning, in the words of RFC 3464 section 2.3.3."""
    meant = (forms.actions.get(action, action) for action in actions)
    return tuple(action for action in meant if action in ACTIONS)


def _told(report: Report) -> tuple[str, ...]:
    """What a delivery report says was done; by the class of its status where it leaves the action out."""
    fates = report.recipients
    return tuple(dict.fromkeys(done for fate in fates if (done := _done(fate))))


def _done(fate: Fate) -> str:
    return fate.action if fate.action in ACTIONS else _CLASSES.get(fate.status[:1], "")


def _completed(formal: Report, notice: Notice, mail: Mail, forms: Forms) -> _Read:
    """A delivery report with what only its words say."""
    says = _told(formal) or ((said,) if (said := _said(mail, notice, forms)) else ())
    fates = formal.recipients
    if not any("@" in fate.address for fate in fates):
        told = fates[0] if fates else _NONE
        shared = Fate("", told.action or next(iter(says), ""), told.status, told.reason)
        fates = _fates_in_words(mail, notice, forms, shared) or fates
    names = () if mail.enclosed_ids else returned_ids(notice)
    original = formal.original_message_id or next(iter(names), "")
    traces = () if mail.enclosed_traces else returned_traces(notice)
    return _Read(Report(formal.type, fates, original), says, names, traces)


# ── Reports in words ──────────────────────────────────────────────────────────────────────────────────────────────────


def _in_words(raw: bytes, mail: Mail, parts: Structure, forms: Forms, mail_from: str | None) -> _Read | None:
    sender, subject = _sender(mail, forms, mail_from), forms.subjects.begin(mail.subject)
    marked = not forms.headers.isdisjoint(mail.headers) or mail.content_type == "multipart/report"
    if not (sender or subject or marked or _SNS in mail.headers):
        return None
    notice = notice_of(raw, parts, forms)
    if _SNS in mail.headers:
        return _ses(notice)
    said = _said(mail, notice, forms)
    if not _agree(notice, forms, said, sender=sender, subject=subject, marked=marked):
        return None
    said = said or "failed"
    names = tuple(dict.fromkeys((*mail.enclosed_ids, *returned_ids(notice))))
    fates = _fates_in_words(mail, notice, forms, Fate("", said, "", "")) if said != "displayed" else ()
    report = Report(_TYPES.get(said, _DELIVERY), fates, next(iter(names), ""))
    acts = tuple(dict.fromkeys(fate.action for fate in fates if fate.action in ACTIONS)) if said in ACTIONS else ()
    return _Read(report, acts or (said,), names, returned_traces(notice))


def _sender(mail: Mail, forms: Forms, mail_from: str | None) -> int:
    """How much the sender looks like a mail system: 2 where nobody else sends so, 1 where people may."""
    if mail_from == "":
        return 2
    local = (mail_from or "").rpartition("@")[0].lower() or (mail_from or "").lower()
    locals_ = {local, *(one.address.rpartition("@")[0].lower() for one in mail.authors)}
    if not mail.authors and (written := next(iter(mail.headers.get("from", ())), "")):
        locals_.add(written.rpartition("<")[2].strip(' <>"').lower())
    if not forms.daemons.isdisjoint(locals_):
        return 2
    return 0 if forms.offices.isdisjoint(locals_) else 1


def _said(mail: Mail, notice: Notice, forms: Forms) -> str:
    """What the words say was done: first those of the notice, then those of the subject. A failure comes before all."""
    in_notice = {says for line in notice.opening() for says in forms.openings.said(line)}
    for found in (in_notice, forms.subjects.said(mail.subject)):
        if first := next((says for says in SAYS if says in found), ""):
            return first
    return ""


def _agree(notice: Notice, forms: Forms, said: str, *, sender: int, subject: bool, marked: bool) -> bool:
    """Do enough signs say that this is a report?"""
    opens = any(map(forms.openings.begin, notice.opening()))
    at_once = opens and any(map(forms.openings.begin, notice.opening(FIRST_LINES)))
    if said == "displayed":
        return at_once and subject
    if said == "complaint":
        return marked or (subject and (at_once or notice.returns)) or (at_once and notice.returns)
    signs = sender + subject + marked + opens + notice.returns + has_reply(notice)
    if sender == 2 or marked:
        return signs >= 3 and (opens or subject or notice.returns)
    # A person who writes of a bounce uses its words and may even send it along, but begins with words of his own.
    return signs >= 3 and (at_once or (sender > 0 and subject and notice.returns))


def _fates_in_words(mail: Mail, notice: Notice, forms: Forms, shared: Fate) -> tuple[Fate, ...]:
    """Whom the words name; what the report says of all of them stands in `shared`."""
    if fields := _fields_in_words(notice, forms):
        return fields
    found = {one.address: (one.reason, one.status) for one in recipients(notice, forms)}
    for value in mail.headers.get("x-failed-recipients", ()):
        for name in value.split(",")[:MOST_RECIPIENTS]:
            if "@" in name and name.strip() not in found:
                found[name.strip()] = next(iter(found.values()), _of_all(notice, forms))
    if not found and (name := returned_to(notice)):
        found[name] = _of_all(notice, forms)
    unknown = _UNKNOWN.get(shared.action, "")
    return tuple(
        Fate(name, shared.action, shared.status or code or unknown, shared.reason or reason)
        for name, (reason, code) in list(found.items())[:MOST_RECIPIENTS]
    )


def _fields_in_words(notice: Notice, forms: Forms) -> tuple[Fate, ...]:
    """The fields of a delivery report (RFC 3464) that stand in the text, where servers put them as it comes."""
    if not any(line.lstrip().lower().startswith("final-recipient:") for line in notice.lines):
        return ()
    text = "\n".join(line.lstrip() if not line[:1].isspace() else line for line in notice.lines)
    groups = _groups(text.encode("utf-8", "replace"))
    fates = (fate for group in groups for fate in _fates(group, "action", _RECIPIENTS, forms))
    return tuple(fate for fate in fates if "@" in fate.address)


def _of_all(notice: Notice, forms: Forms) -> tuple[str, str]:
    whole = words.clean(" ".join(" ".join(notice.lines).split()))
    return whole[:LONGEST_REASON], status(whole, forms)


def _ses(notice: Notice) -> _Read | None:
    found = ses_notice("\n".join((*notice.lines, *notice.returned)))
    if found is None:
        return None
    unknown = _UNKNOWN.get(found.says, "")
    fates = tuple(Fate(one.address, found.says, one.status or unknown, one.reason) for one in found.recipients)
    names = ids(found.message_ids)
    report = Report(_TYPES.get(found.says, _DELIVERY), fates, next(iter(names), ""))
    return _Read(report, (found.says,), names, found.traces)
