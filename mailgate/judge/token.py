"""Signed identifiers: proof, without a database, that we made an address, a Message-ID, a marker or a trace.

An identifier says only that it is ours; what it is bound to stands in the store under its 64-bit id. Everything is
lower-case Crockford base32, because local parts get case-folded on their way.

A key that was revoked is no key: what it signed is as if somebody had made it up.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from mailgate.model import Keys, Token, TokenKind

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
VERSION = "1"
ID_BITS = 63  # so that a signed column holds it
ID_CHARS = 13
MAC_CHARS = 26  # 130 bits of HMAC-SHA256
TOKEN_CHARS = 3 + ID_CHARS + MAC_CHARS
SHORTEST_CUT = 20  # characters of a token that something cut, which is more than people write behind a plus
LONGEST_BASE = 64 - 1 - TOKEN_CHARS  # RFC 5321 section 4.5.3.1.1: a local part has 64 octets at most
SHORT_BASE = "r"
MARKER_BITS = 40
MARKER_CHARS = MARKER_BITS // 5
MARKER_TAIL_CHARS = 2 * MARKER_CHARS + 2  # after "mg-": key id, number, hyphen, MAC
MOST_MARKERS = 1000  # looked at in one text
LONGEST_TRACE = 250  # characters; ours have about 110, and a relay may fold them

_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
_HEX = frozenset("0123456789abcdef")
_VALUES = {char: value for value, char in enumerate(ALPHABET)} | {"o": 0, "i": 1, "l": 1}
_DIGITS = frozenset(_VALUES)
# Mail systems change case, and people mistype o for 0.
_AS_MEANT = bytes.maketrans(f"OILoil{ALPHABET[10:].upper()}".encode(), f"011011{ALPHABET[10:]}".encode())


def encode(value: int, chars: int) -> str:
    """`value` in exactly `chars` base32 characters, most significant first."""
    pairs = "".join([_PAIRS[value >> 10 * place & 1023] for place in range((chars + 1) // 2 - 1, -1, -1)])
    return pairs[chars % 2 :]


def decode(text: str) -> int | None:
    """The number written in `text`, or None where it is none. Case does not matter, nor do o, i, l for 0 and 1."""
    if not text:
        return None
    value = 0
    for char in text.lower():
        digit = _VALUES.get(char)
        if digit is None:
            return None
        value = value << 5 | digit
    return value


def token_text(kind: TokenKind, token_id: int, keys: Keys) -> str:
    """The 42 characters that stand in an address or a link for `token_id`."""
    return f"{kind}{VERSION}{keys.current}{encode(token_id, ID_CHARS)}{_mac(kind, keys.current, token_id, keys)}"


def read_token(text: str, keys: Keys) -> Token | None:
    """The token written in `text`, or None where it is not one of ours, whatever the reason.

    Each takes as long: one MAC is computed, and compared in constant time.
    """
    text = text[: TOKEN_CHARS + 1].lower()
    is_shaped = len(text) == TOKEN_CHARS and text[1] == VERSION
    kind = _KINDS.get(text[0]) if is_shaped else None
    return _verified(kind, text[2:3], text[3 : 3 + ID_CHARS], text[3 + ID_CHARS :], keys)


def address(kind: TokenKind, token_id: int, mailbox: str, keys: Keys, *, domain: str = "") -> str:
    """A signed address: a sub-address of `mailbox`, or the bare token at `domain` where one is given."""
    token = token_text(kind, token_id, keys)
    if domain:
        return f"{token}@{domain}"
    base, _, at_domain = mailbox.rpartition("@")
    return f"{base if len(base.encode()) <= LONGEST_BASE else SHORT_BASE}+{token}@{at_domain}"


def looks_signed(address_: str) -> str | None:
    """The token's text where `address_` has the shape of a signed address, valid, forged or cut; else None."""
    if len(address_) <= SHORTEST_CUT:
        return None
    local = address_.rpartition("@")[0].strip('"')
    text = local.rpartition("+")[2].lower()
    if len(text) < SHORTEST_CUT or text[0] not in _KINDS or text[1] != VERSION or not _DIGITS.issuperset(text[3:]):
        return None
    # Of another length, what has no digit above f is somebody's hash.
    return None if len(text) != TOKEN_CHARS and _HEX.issuperset(text) else text


def message_id(token_id: int, domain: str, keys: Keys) -> str:
    """A signed Message-ID, angle brackets included."""
    kind = TokenKind.MESSAGE
    mac = _mac(kind, keys.current, token_id, keys)
    return f"<mg1.{keys.current}{kind}.{encode(token_id, ID_CHARS)}.{mac}@{domain}>"


def read_message_id(text: str, keys: Keys) -> Token | None:
    """The token inside a Message-ID of ours, or None. A relay may have changed the domain: it is not looked at."""
    left = text.strip().lstrip("<").partition("@")[0].lower()
    pieces = left.split(".")
    if len(pieces) != 4 or pieces[0] != "mg1" or len(pieces[1]) != 2 or pieces[1][1] != TokenKind.MESSAGE:
        return None
    return _verified(TokenKind.MESSAGE, pieces[1][0], pieces[2], pieces[3], keys)


def made_up_id(seed: str, domain: str) -> str:
    """A Message-ID for a mail that has none, the same for the same mail (RFC 7103 section 7.5.2)."""
    digest = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "replace")).digest(), "big")
    return f"<mg0.{encode(digest, MAC_CHARS)}@{domain}>"


def marker(token_id: int, keys: Keys) -> str:
    """The line that people quote: proof that a mail has seen ours, and no right to anything."""
    short = token_id & ((1 << MARKER_BITS) - 1)
    return (
        f"mg-{keys.current}{encode(short, MARKER_CHARS)}-{_digest(keys, keys.current, 'marker', short, MARKER_CHARS)}"
    )


def read_marker(text: str, keys: Keys) -> int | None:
    """The number in a marker that we made, or None where it is none of ours."""
    head, _, rest = text.lower().partition("-")
    body, _, mac = rest.partition("-")
    if head != "mg" or len(body) != MARKER_CHARS + 1 or body[0] not in keys.secrets:
        return None
    value = decode(body[1:])
    good = value is not None and _same(mac, _digest(keys, body[0], "marker", value, MARKER_CHARS))
    return value if good else None


def markers(text: str, keys: Keys) -> tuple[int, ...]:
    """The numbers of the markers of ours that stand anywhere in `text`, quoted or not, each once. Linear."""
    found = text.lower().split("mg-")[1:]
    read = (read_marker(f"mg-{rest[:MARKER_TAIL_CHARS]}", keys) for rest in found[:MOST_MARKERS])
    return tuple(dict.fromkeys(number for number in read if number is not None))


def received_id(queue_id: str, keys: Keys) -> str:
    """The id of a Received field of ours, by which a mail that passed here is known again."""
    return f"{queue_id}.{_digest(keys, keys.current, f'received {queue_id}', 0, MAC_CHARS)}"


def trace(purpose: str, token_id: int, at: datetime, keys: Keys) -> str:
    """The value of Mailgate-Trace, by which our own mail is known again after a relay renamed it."""
    stem = f"v=1; i={keys.instance}; k={purpose}; n={encode(token_id, ID_CHARS)}; t={int(at.timestamp())}"
    return f"{stem}; m={keys.current}{_digest(keys, keys.current, stem, token_id, MAC_CHARS)}"


def read_trace(value: str, keys: Keys) -> Token | None:
    """The token of a Mailgate-Trace that we wrote; None for one that is forged or of another instance."""
    if len(value) > LONGEST_TRACE:
        return None
    fields = {name: text for name, _, text in (piece.strip().partition("=") for piece in value.split(";"))}
    token_id, signature = decode(fields.get("n", "")), fields.get("m", "")
    kid = signature[:1]
    if token_id is None or kid not in keys.secrets or fields.get("i") != keys.instance:
        return None
    # Put together anew, since a relay may have folded the line elsewhere.
    stem = "; ".join(f"{name}={fields.get(name, '')}" for name in "viknt")
    valid = _same(signature[1:], _digest(keys, kid, stem, token_id, MAC_CHARS))
    return Token(TokenKind.MESSAGE, kid, token_id) if valid else None


def thread_guid(ticket_id: int, keys: Keys) -> bytes:
    """The 16 bytes that stand for a ticket in Thread-Index, whichever key signs."""
    return hmac.digest(keys.steady, f"mailgate/1\0thread\0{keys.instance}\0{ticket_id}".encode(), "sha256")[:16]


# What an address may grant. A Message-ID travels to everybody who is copied, so it is never one.
_KINDS = {kind.value: kind for kind in TokenKind if kind is not TokenKind.MESSAGE}


def _verified(kind: TokenKind | None, kid: str, id_text: str, mac: str, keys: Keys) -> Token | None:
    token_id = decode(id_text) if len(id_text) == ID_CHARS else None
    if kind is None or kid not in keys.secrets or token_id is None or token_id >> ID_BITS:
        # As much work as for one whose MAC is wrong, so that time does not tell which key ids there are.
        _same(mac, _mac(TokenKind.MESSAGE, keys.current, 0, keys))
        return None
    return Token(kind, kid, token_id) if _same(mac, _mac(kind, kid, token_id, keys)) else None


def _same(given: str, expected: str) -> bool:
    """Is it the same MAC? In the same time, however far it is."""
    meant = given[: len(expected) + 1].encode("utf-8", "replace").translate(_AS_MEANT)
    return hmac.compare_digest(meant, expected.encode())


def _mac(kind: TokenKind, kid: str, token_id: int, keys: Keys) -> str:
    return _digest(keys, kid, kind, token_id, MAC_CHARS)


def _digest(keys: Keys, kid: str, label: str, token_id: int, chars: int) -> str:
    text = f"mailgate/1\0{label}\0{kid}\0{keys.instance}\0{token_id}"
    digest = hmac.digest(keys.secrets[kid], text.encode("utf-8", "replace"), "sha256")
    return encode(int.from_bytes(digest, "big") >> (256 - 5 * chars), chars)
