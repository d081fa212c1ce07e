"""What a webhook is given: one mail as JSON. It is made when it is sent, from the bytes as they were received.

The form is a promise to programs outside: it may grow, and what is there does not change its meaning.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from mailgate.mail.attachments import Attachment, attachments_of
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.parse import read
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import reply_of
from mailgate.mail.structure import Structure
from mailgate.mail.text import text_of
from mailgate.store.errands import Parcel

MOST_ENCLOSED_BYTES: Final = 1 << 20  # of all files together; more of them are only named
LONGEST_TEXT: Final = 200_000  # characters


def written(errand_id: int, raw: bytes, parcel: Parcel, quotes: Quotes) -> bytes:
    """The mail `raw` as JSON in UTF-8. Numbers that do not fit into a double are text."""
    mail, structure = read(raw)
    text = text_of(raw, structure, quotes)
    files = attachments_of(raw, structure)
    whole = sum(each.size_bytes for each in files) <= MOST_ENCLOSED_BYTES
    verdict = parcel.verdict
    document = {
        "id": str(errand_id),
        "at": parcel.at.isoformat(),
        "rules": [_rule(hit) for hit in verdict.get("rules_hit", ()) if not hit.get("shadow")],
        "kind": verdict.get("kind", ""),
        "from": {"address": parcel.sender, "name": parcel.sender_name},
        "to": parcel.recipient,
        "mailbox": parcel.mailbox,
        "message_id": mail.message_id,
        "subject": mail.subject,
        "text": text[:LONGEST_TEXT],
        "reply_text": reply_of(text, quotes, MARKER_LINE).text[:LONGEST_TEXT],
        "authentication": verdict.get("authentication", {}),
        "ticket": parcel.ticket,
        "tags": list(parcel.tags),
        "attachments": [_file(raw, structure, each, whole=whole) for each in files],
    }
    # Bytes that were no text may have become half a character, which UTF-8 has no form for.
    return msgspec.json.encode(_clean(document))


def _rule(hit: dict[str, Any]) -> dict[str, str]:
    return {"name": hit.get("rule", ""), "place": hit.get("place", "")}


def _file(raw: bytes, structure: Structure, found: Attachment, *, whole: bool) -> dict[str, Any]:
    file = {"name": found.name, "type": found.content_type, "size": found.size_bytes}
    if whole:
        content = structure.parts[found.part].body(raw, 2 * MOST_ENCLOSED_BYTES)
        file |= {"size": len(content), "base64": base64.b64encode(content).decode()}
    return file


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value
