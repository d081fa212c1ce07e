"""What Amazon SES reports as JSON, by a mail of SNS. Knows the names of its fields and nothing else. Never raises.

Source: Amazon SES Developer Guide, "Amazon SNS notification contents" and "Event data ... publishes to Amazon SNS".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from json import JSONDecoder
from typing import Any

from msgspec import Struct

from mailgate.mail.report.notice import LONGEST_REASON, MOST_RECIPIENTS, Found

_SAYS = {
    "bounce": "failed",
    "reject": "failed",
    "rendering failure": "failed",
    "deliverydelay": "delayed",
    "delivery": "delivered",
    "complaint": "complaint",
}
_LISTS = {
    "bounce": "bouncedRecipients",
    "deliveryDelay": "delayedRecipients",
    "complaint": "complainedRecipients",
    "delivery": "recipients",
}
_JSON = JSONDecoder(strict=False)  # lines are wrapped on the way, inside texts too


class SesNotice(Struct, frozen=True):
    """A notice: what it says, of whom, and about which mail."""

    says: str
    recipients: tuple[Found, ...]
    message_ids: tuple[str, ...]
    traces: tuple[str, ...]


def ses_notice(text: str) -> SesNotice | None:
    """The notice that a text begins with, or None."""
    body = _object(text)
    if isinstance(body.get("Message"), str):  # the envelope that SNS puts around it unless told not to
        body = _object(body["Message"])
    says = _SAYS.get(str(body.get("notificationType") or body.get("eventType")).lower())
    if says is None:
        return None
    mail = _table(body.get("mail"))
    header = [field for field in _list(mail.get("headers")) if isinstance(field, dict)]
    values = [(str(field.get("name")).lower(), str(field.get("value"))) for field in header]
    common = _table(mail.get("commonHeaders")).get("messageId")
    names = [*([common] if isinstance(common, str) else []), *(value for name, value in values if name == "message-id")]
    traces = tuple(value for name, value in values if name == "mailgate-trace")
    return SesNotice(says, tuple(_recipients(body, mail)), tuple(names), traces)


def _recipients(body: Mapping[str, Any], mail: Mapping[str, Any]) -> Iterator[Found]:
    named = [one for key, inside in _LISTS.items() for one in _list(_table(body.get(key)).get(inside))]
    for one in (named or _list(mail.get("destination")))[:MOST_RECIPIENTS]:
        table = {"emailAddress": one} if isinstance(one, str) else _table(one)
        said = (str(table.get(key) or "") for key in ("emailAddress", "diagnosticCode", "status"))
        name, reason, status = said
        yield Found(name, " ".join(reason.split())[:LONGEST_REASON], status[:20])


def _object(text: str) -> Mapping[str, Any]:
    try:
        return _table(_JSON.raw_decode(text.lstrip())[0])
    except (ValueError, RecursionError):
        return {}


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
