"""The text of a link that decides on one held mail: whoever holds it may, until it expires, and no database is asked.

Like every identifier of ours it is a number and a MAC; its label is its own, so none of them passes for another.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from mailgate.judge.token import ID_BITS, ID_CHARS, MAC_CHARS, decode, encode
from mailgate.model import Keys

DAY_CHARS = 4  # of days since 1970: enough until the year 4840
LINK_CHARS = 1 + ID_CHARS + DAY_CHARS + MAC_CHARS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HeldLink(Struct, frozen=True):
    """What a link is good for: the held mail (row of `message`), and until when."""

    message_id: int
    until: datetime


def written(message_id: int, until: datetime, keys: Keys) -> str:
    """The 44 characters that stand in a link; it holds to the end of the day of `until`, UTC."""
    day = (until - _EPOCH).days
    body = f"{encode(message_id, ID_CHARS)}{encode(day, DAY_CHARS)}"
    return f"{keys.current}{body}{_mac(keys.current, body, keys)}"


def read(text: str, keys: Keys) -> HeldLink | None:
    """The link, expired or not; None where it is not one of ours, whatever the reason."""
    text = text.lower()
    kid, body, mac = text[:1], text[1:-MAC_CHARS], text[-MAC_CHARS:]
    if len(text) != LINK_CHARS or kid not in keys.secrets:
        return None
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(kid, body, keys).encode()):
        return None
    message_id, day = decode(body[:ID_CHARS]), decode(body[ID_CHARS:])
    if message_id is None or day is None or message_id >> ID_BITS:
        return None
    return HeldLink(message_id, _EPOCH + timedelta(days=day + 1))


def _mac(kid: str, body: str, keys: Keys) -> str:
    text = f"mailgate/1\0held\0{kid}\0{keys.instance}\0{body}"
    digest = hmac.digest(keys.secrets[kid], text.encode("utf-8", "replace"), "sha256")
    return encode(int.from_bytes(digest, "big") >> (256 - 5 * MAC_CHARS), MAC_CHARS)
