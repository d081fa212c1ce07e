"""What a listed peer says of the client behind it: PROXY headers, and XFORWARD and XCLIENT attributes.

Pure. Whether the peer may be believed is decided before anything here is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mailgate.net.bounds import plain

_SIGNATURE_2: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_MAX_HEADER_1: Final = 107  # line end included, by the specification
_MAX_HEADER_2: Final = 2048  # addresses take 216 at most; the rest would be vendors' extras

ATTRIBUTES: Final = frozenset(
    ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE", "LOGIN", "DESTADDR", "DESTPORT", "REVERSE_NAME")
)


@dataclass(frozen=True, slots=True)
class Header:
    """A PROXY header: its length in octets, and the client; `ip` is "" where the proxy speaks for itself."""

    length: int
    ip: str


class HeaderError(Exception):
    """These bytes do not begin with a PROXY header: hang up, without a word."""


def proxy_header(buffer: bytes | bytearray) -> Header | None:
    """The PROXY header, version 1 or 2, at the beginning of `buffer`; None while more of it is to come.

    Raises HeaderError.
    """
    start = bytes(buffer[:_MAX_HEADER_2])
    if start[: len(_SIGNATURE_2)] == _SIGNATURE_2[: len(start)]:
        return _header_2(start)
    if start[:6] == b"PROXY "[: len(start)]:
        return _header_1(start)
    raise HeaderError


def _header_1(start: bytes) -> Header | None:
    line, end, _ = start[:_MAX_HEADER_1].partition(b"\r\n")
    if not end:
        if len(start) >= _MAX_HEADER_1:
            raise HeaderError
        return None
    length = len(line) + 2
    match line.decode("ascii", "replace").split(" "):
        case ["PROXY", "UNKNOWN", *_]:
            return Header(length, "")
        case ["PROXY", "TCP4" | "TCP6" as family, source, _, _, _]:
            return Header(length, _client(source, 4 if family == "TCP4" else 6))
    raise HeaderError


def _header_2(start: bytes) -> Header | None:
    if len(start) < 16:
        return None
    version, command, family = start[12] >> 4, start[12] & 15, start[13]
    length = 16 + int.from_bytes(start[14:16], "big")
    if version != 2 or command > 1 or length > _MAX_HEADER_2:
        raise HeaderError
    if len(start) < length:
        return None
    addresses = start[16:length]
    match command, family:
        case 1, 0x11 if len(addresses) >= 12:
            return Header(length, str(plain(str(ip_address(addresses[:4])))))
        case 1, 0x21 if len(addresses) >= 36:
            return Header(length, str(plain(str(ip_address(addresses[:16])))))
        case (0, _) | (1, 0x00):
            return Header(length, "")
    raise HeaderError


def _client(text: str, version: int) -> str:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise HeaderError from error
    if address.version != version:
        raise HeaderError
    return str(plain(text))


def attributes(text: str) -> dict[str, str] | None:
    """XFORWARD or XCLIENT attributes by name in capitals; "" for one that is not known. None: wrong syntax."""
    found: dict[str, str] = {}
    for word in filter(None, text.split(" ")):
        name, equals, value = word.partition("=")
        decoded = _xtext(value)
        if not equals or name.upper() not in ATTRIBUTES or decoded is None:
            return None
        found[name.upper()] = "" if decoded.upper() in ("[UNAVAILABLE]", "[TEMPUNAVAIL]") else decoded
    return found or None


def attribute_ip(text: str) -> str | None:
    """The address of an ADDR attribute, "" where it is not known, None where it is wrong."""
    try:
        return str(plain(text[5:] if text[:5].upper() == "IPV6:" else text)) if text else ""
    except ValueError:
        return None


def _xtext(text: str) -> str | None:
    """RFC 3461 section 4: printable ASCII, and +XX in hexadecimal for the rest, which must be printable here too."""
    first, *rest = text.split("+")
    if any(len(part) < 2 for part in rest):
        return None
    try:
        decoded = first + "".join(bytes.fromhex(part[:2]).decode("ascii") + part[2:] for part in rest)
    except ValueError:
        return None
    return decoded if decoded.isascii() and (not decoded or decoded.isprintable()) else None
