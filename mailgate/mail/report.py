"""What a machine's report says of the mail it reports on: delivery (RFC 3464), display (RFC 8098), abuse (RFC 5965).

Never raises, whatever the bytes are; a report that names nobody is a report without recipients.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mailgate.mail import headers, words
from mailgate.mail.parse import ids
from mailgate.mail.structure import structure_of
from mailgate.model import Mail

MOST_REPORT_BYTES = 256 * 1024
MOST_RECIPIENTS = 1000  # of one report; a transaction has a tenth of that
LONGEST_REASON = 500  # characters; servers tell long stories

# Type of the part that machines read: the name of the report, and the fields where action and recipient stand.
_REPORTS = {
    "message/delivery-status": ("delivery-status", "action", ("final-recipient", "original-recipient")),
    "message/global-delivery-status": ("delivery-status", "action", ("final-recipient", "original-recipient")),
    "message/disposition-notification": (
        "disposition-notification",
        "disposition",
        ("final-recipient", "original-recipient"),
    ),
    "message/global-disposition-notification": (
        "disposition-notification",
        "disposition",
        ("final-recipient", "original-recipient"),
    ),
    "message/feedback-report": ("feedback-report", "feedback-type", ("original-rcpt-to",)),
}


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


def report_of(raw: bytes, mail: Mail) -> Report | None:
    """The report inside a message that was parsed as `mail`, or None where it is none."""
    if not any(part in _REPORTS for part in mail.parts):
        return None
    part = next((part for part in structure_of(raw).parts if part.content_type in _REPORTS), None)
    if part is None:
        return None
    kind, action, addresses = _REPORTS[part.content_type]
    groups = list(_groups(part.body(raw, MOST_REPORT_BYTES)))
    named = ids(tuple(value for group in groups for value in group.values.get("original-message-id", ())))
    fates = tuple(fate for group in groups if (fate := _fate(group, action, addresses)))
    return Report(kind, fates, next(iter(named or mail.enclosed_ids), ""))


def _groups(body: bytes) -> Iterator[headers.Fields]:
    """The field groups of a report, which empty lines part (RFC 3464 section 2.1)."""
    blocks = body.replace(b"\r\n", b"\n").split(b"\n\n", MOST_RECIPIENTS + 1)
    return (headers.fields(block.strip(b"\n")) for block in blocks[: MOST_RECIPIENTS + 1])


def _fate(group: headers.Fields, action: str, addresses: tuple[str, ...]) -> Fate | None:
    recipient = next((value for name in addresses if (value := group.first(name))), "")
    done = headers.uncommented(group.first(action)).lower()
    if not recipient and not done:
        return None
    return Fate(
        address=_address(recipient),
        # A disposition is "how it came about; what happened/modifiers" (RFC 8098 section 3.2.6).
        action=done.rpartition(";")[2].partition("/")[0].strip(),
        status=headers.uncommented(group.first("status")).partition(" ")[0],
        reason=words.clean(group.first("diagnostic-code"))[:LONGEST_REASON],
    )


def _address(value: str) -> str:
    """The address in `rfc822; anne@example.com`, with or without its type and its angle brackets."""
    kind, semicolon, address = headers.uncommented(value).partition(";")
    return (address if semicolon else kind).strip().strip("<>")
