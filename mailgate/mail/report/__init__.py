"""What a machine's report says of the mail it reports on: delivery (RFC 3464), display (RFC 8098), abuse (RFC 5965).

Half of all reports have no form but words. Whether such a mail is a report is asked of signs, what it says of
notice; this file puts both kinds of report into one value.

Never raises, whatever the bytes are; a report that names nobody is a report without recipients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2
from msgspec import Struct, structs

from mailgate.mail import headers, words
from mailgate.mail.parse import ids
from mailgate.mail.report.forms import ACTIONS, Forms
from mailgate.mail.report.notice import (
    LONGEST_REASON,
    MOST_RECIPIENTS,
    Notice,
    notice_of,
    of_all,
    recipients,
    returned_ids,
    returned_path,
    returned_to,
    returned_traces,
    status,
    text_of_notice,
)
from mailgate.mail.report.ses import ses_notice
from mailgate.mail.report.signs import outside_of, signs_of
from mailgate.mail.structure import Structure, structure_of
from mailgate.model import Mail

MOST_REPORT_BYTES = 256 * 1024

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
_FAILED = "failed"
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
    says: tuple[str, ...]  # what was done with the mail, in the words of `forms`; () where nothing is told
    message_ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()


def report_of(raw: bytes, mail: Mail, forms: Forms | None = None, mail_from: str | None = None) -> Report | None:
    """The report that a message is, which was parsed as `mail`; None where it is none.

    Without `forms` only the standard ones are known; `mail_from` is the reverse-path, None where nobody knows it.
    """
    read = _read(raw, mail, structure_of(raw), forms or Forms(), mail_from)
    return read.report if read else None


def with_report(raw: bytes, mail: Mail, parts: Structure, forms: Forms, mail_from: str) -> Mail:
    """`mail` with what a report in it says: the actions in standard words, and the ids of the mail it is about."""
    actions = _standard(mail.report_actions, forms)
    if actions and mail.enclosed_ids:
        formal = _formal(raw, mail, parts, forms) if _FAILED in actions and _has_form(mail) else None
        status_, reason = _why(formal)
        return structs.replace(mail, report_actions=actions, report_status=status_, report_reason=reason)
    read = _read(raw, mail, parts, forms, mail_from)
    if read is None:
        return mail
    status_, reason = _why(read.report)
    return structs.replace(
        mail,
        report_status=status_,
        report_reason=reason,
        report_actions=actions or read.says,
        enclosed_ids=tuple(dict.fromkeys((*mail.enclosed_ids, *read.message_ids))),
        enclosed_traces=tuple(dict.fromkeys((*mail.enclosed_traces, *read.traces))),
    )


def _why(report: Report | None) -> tuple[str, str]:
    """Status and reason of the first recipient that was not reached."""
    failed = (fate for fate in (report.recipients if report else ()) if fate.action == _FAILED)
    return next(((fate.status, fate.reason) for fate in failed), ("", ""))


def _read(raw: bytes, mail: Mail, parts: Structure, forms: Forms, mail_from: str | None) -> _Read | None:
    formal = _formal(raw, mail, parts, forms) if _has_form(mail) else None
    if formal is None:
        return _in_words(raw, mail, parts, forms, mail_from)
    if formal.type != _DELIVERY:
        return _Read(formal, ())
    if mail.enclosed_ids and formal.recipients and all("@" in fate.address for fate in formal.recipients):
        return _Read(formal, _told(formal))
    return _completed(raw, formal, notice_of(raw, parts, forms), mail, forms)


# ── Reports that have the form of one ─────────────────────────────────────────────────────────────────────────────────


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
            address=next((one for one in named if one.find("@") > 0), next(iter(named), "")),
            action=forms.actions.get(done, done) or _CLASSES.get(code[:1], ""),
            status=_precise(code, reason, forms),
            reason=reason,
        )


def _precise(code: str, reason: str, forms: Forms) -> str:
    """The status code, or the one that the reason says where that says more."""
    return code if _says_more(code) else _better(code, status(reason, forms))


def _better(code: str, other: str) -> str:
    return other if other and not _says_more(code) else code


def _says_more(code: str) -> bool:
    """Does a status code say more than its class (RFC 3463 section 3.1)?"""
    return bool(code) and not code.endswith(".0.0")


def _nth(group: headers.Fields, name: str, at: int) -> str:
    values = group.values.get(name, ())
    return values[at] if at < len(values) else values[0] if len(values) == 1 else ""


def _address(value: str) -> str:
    """The address in `rfc822; anne@example.com`, with or without its type and its angle brackets."""
    kind, semicolon, address = headers.uncommented(value).partition(";")
    plain = (address if semicolon else kind).strip().strip("<>")
    if " " in plain:  # a command line, or a name before the address
        plain = next((word.strip("<>") for word in plain.split() if "@" in word), plain)
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


def _completed(raw: bytes, formal: Report, notice: Notice, mail: Mail, forms: Forms) -> _Read:
    """A delivery report with what only its words say."""
    said = signs_of(mail, outside_of(mail, forms, None), notice, forms).said
    says = _told(formal) or ((said,) if said in ACTIONS else ())
    fates = formal.recipients
    if not any("@" in fate.address for fate in fates):
        shared = fates[0] if fates else Fate("", next(iter(says), ""), "", "")
        fates = _fates_in_words(mail, notice, forms, shared) or fates
    names = () if mail.enclosed_ids else returned_ids(notice, raw)
    original = formal.original_message_id or next(iter(names), "")
    traces = () if mail.enclosed_traces else returned_traces(notice)
    return _Read(Report(formal.type, fates, original), says, names, traces)


# ── Reports in words ──────────────────────────────────────────────────────────────────────────────────────────────────


def _in_words(raw: bytes, mail: Mail, parts: Structure, forms: Forms, mail_from: str | None) -> _Read | None:
    if _SNS in mail.headers:
        return _ses(text_of_notice(raw, parts))
    outside = outside_of(mail, forms, mail_from)
    if not outside.suspicious:
        return None
    notice = notice_of(raw, parts, forms)
    signs = signs_of(mail, outside, notice, forms)
    if not signs.agree:
        return None
    said = signs.said or "failed"
    fates = _fates_in_words(mail, notice, forms, Fate("", said, "", ""))
    if said not in ACTIONS:  # words of delivery mean nothing here
        fates = tuple(Fate(fate.address, said, "", "") for fate in fates)
    names = tuple(dict.fromkeys((*mail.enclosed_ids, *returned_ids(notice, raw))))
    report = Report(_TYPES.get(said, _DELIVERY), fates, next(iter(names), ""))
    return _Read(report, _told(report) or (said,), names, returned_traces(notice))


def _fates_in_words(mail: Mail, notice: Notice, forms: Forms, shared: Fate) -> tuple[Fate, ...]:
    """Whom the words name; what the report says of all of them stands in `shared`."""
    if fields := _fields_in_words(notice, forms):
        return fields
    senders = {one.address.lower() for one in (*mail.to, *returned_path(notice))}
    found = {one.address: (one.reason, one.status) for one in recipients(notice, forms, senders)}
    for value in mail.headers.get("x-failed-recipients", ()):
        for name in value.split(",")[:MOST_RECIPIENTS]:
            if "@" in name and name.strip() not in found:
                found[name.strip()] = next(iter(found.values()), of_all(notice, forms))
    if not found and (name := returned_to(notice)):
        found[name] = of_all(notice, forms)
    unknown = _UNKNOWN.get(shared.action, "")
    return tuple(
        Fate(name, shared.action, _better(shared.status, code) or unknown, shared.reason or reason)
        for name, (reason, code) in list(found.items())[:MOST_RECIPIENTS]
    )


def _fields_in_words(notice: Notice, forms: Forms) -> tuple[Fate, ...]:
    """The fields of a delivery report (RFC 3464) that stand in the text, where servers put them as it comes."""
    lines = (*notice.lines, *notice.returned)
    if not any(line.lower().startswith(_RECIPIENTS[:2]) for line in lines):
        return ()
    groups = _groups("\n".join(lines).encode("utf-8", "replace"))
    fates = (fate for group in groups for fate in _fates(group, "action", _RECIPIENTS, forms))
    return tuple(fate for fate in fates if "@" in fate.address)


def _ses(text: str) -> _Read | None:
    found = ses_notice(text)
    if found is None:
        return None
    unknown = _UNKNOWN.get(found.says, "")
    fates = tuple(Fate(one.address, found.says, one.status or unknown, one.reason) for one in found.recipients)
    names = ids(found.message_ids)
    report = Report(_TYPES.get(found.says, _DELIVERY), fates, next(iter(names), ""))
    return _Read(report, (found.says,), names, found.traces)
