"""What a browser that confirmed an address keeps, so that it can say later that two addresses are one person's.

Whoever holds it pressed the button of that question in this very browser, and when. A link that was passed on is no
such proof, nor is a look at a page. Like every identifier of ours it is a number and a MAC; its label is its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from mailgate.judge.limits import Timing
from mailgate.judge.token import ID_BITS, ID_CHARS, MAC_CHARS, decode, encode
from mailgate.model import Challenge, ChallengeState, Keys

KEPT_MOST = 2  # confirmations that one browser keeps, the newest
AT_CHARS = 8  # of seconds since 1970
PROOF_CHARS = 1 + ID_CHARS + AT_CHARS + MAC_CHARS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Pressed(Struct, frozen=True):
    """The button of a question was pressed in this browser."""

    token_id: int
    at: datetime


def written(pressed: Iterable[Pressed], keys: Keys) -> str:
    """What the browser keeps of these."""
    return ".".join(_written(one, keys) for one in list(pressed)[-KEPT_MOST:])


def read(text: str, keys: Keys) -> tuple[Pressed, ...]:
    """What a browser gave back, in order; whatever we did not make is left out."""
    pieces = text[: (PROOF_CHARS + 1) * KEPT_MOST].split(".")
    return tuple(found for piece in pieces if (found := _read(piece, keys)))


def both(pressed: Sequence[Pressed], token_id: int, at: datetime, timing: Timing) -> tuple[Pressed, Pressed] | None:
    """The question of `token_id` and another, if this browser confirmed both within `same_browser_s`."""
    fresh = [one for one in pressed if timedelta(0) <= at - one.at <= timedelta(seconds=timing.same_browser_s)]
    mine = next((one for one in fresh if one.token_id == token_id), None)
    other = next((one for one in reversed(fresh) if one.token_id != token_id), None)
    return (mine, other) if mine and other else None


def are_two(mine: Challenge | None, other: Challenge | None) -> bool:
    """Were both questions confirmed, and are they about two addresses?"""
    if mine is None or other is None:
        return False
    return mine.state is other.state is ChallengeState.CONFIRMED and mine.address != other.address


def _written(pressed: Pressed, keys: Keys) -> str:
    seconds = int((pressed.at - _EPOCH).total_seconds())
    body = f"{encode(pressed.token_id, ID_CHARS)}{encode(seconds, AT_CHARS)}"
    return f"{keys.current}{body}{_mac(keys.current, body, keys)}"


def _read(text: str, keys: Keys) -> Pressed | None:
    kid, body, mac = text[:1], text[1:-MAC_CHARS], text[-MAC_CHARS:]
    if len(text) != PROOF_CHARS or kid not in keys.secrets:
        return None
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(kid, body, keys).encode()):
        return None
    token_id, seconds = decode(body[:ID_CHARS]), decode(body[ID_CHARS:])
    if token_id is None or seconds is None or token_id >> ID_BITS:
        return None
    return Pressed(token_id, _EPOCH + timedelta(seconds=seconds))


def _mac(kid: str, body: str, keys: Keys) -> str:
    text = f"mailgate/1\0pressed\0{kid}\0{keys.instance}\0{body}"
    digest = hmac.digest(keys.secrets[kid], text.encode("utf-8", "replace"), "sha256")
    return encode(int.from_bytes(digest, "big") >> (256 - 5 * MAC_CHARS), MAC_CHARS)
