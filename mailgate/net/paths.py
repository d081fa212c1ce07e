"""The grammar of MAIL and RCPT arguments: paths, mailboxes and parameters (RFC 5321 section 4.1.2, RFC 6531).

Pure text in, text or None out. Every function looks at each character a fixed number of times, and none raises.
Non-ASCII mailboxes parse here; whether the client may use them is for the dialogue to say.
"""

from __future__ import annotations

import string
import unicodedata
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

# RFC 5321 section 4.5.3.1.1 asks for 64 octets at least; senders rewritten by SRS and VERP are often longer.
MAX_LOCAL_OCTETS: Final = 256
MAX_DOMAIN_OCTETS: Final = 255
MAX_LABEL_CHARACTERS: Final = 63

_ALPHANUMERIC: Final = frozenset(string.ascii_letters + string.digits)
_ATEXT: Final = _ALPHANUMERIC | frozenset("!#$%&'*+-/=?^_`{|}~")
_LABEL: Final = _ALPHANUMERIC | {"-"}
_VALUE: Final = frozenset(map(chr, range(33, 127))) - {"="}


def cut(argument: str) -> tuple[str, str] | None:
    """Split `<path> parameters` into what stands between the brackets and the rest; None where there is no path."""
    end = _closing(argument) if '"' in argument else argument.find(">")
    if end < 0 or argument[0] != "<":
        return None
    rest = argument[end + 1 :]
    return (argument[1:end], rest) if not rest or rest[0] == " " else None


def _closing(text: str) -> int:
    """Where the first bracket outside a quoted string closes the path, -1 where none does."""
    quoted = escaped = False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == '"':
            quoted = not quoted
        elif quoted:
            escaped = char == "\\"
        elif char == ">":
            return place
    return -1


def parameters(text: str) -> dict[str, str] | None:
    """ESMTP parameters by keyword in capitals, "" for one without a value; None where the syntax is wrong."""
    found: dict[str, str] = {}
    for word in filter(None, text.split(" ")):
        keyword, equals, value = word.partition("=")
        if not _is_keyword(keyword) or (equals and not value) or not _consists(value, _VALUE):
            return None
        if keyword.upper() in found:
            return None
        found[keyword.upper()] = value
    return found


def _is_keyword(text: str) -> bool:
    return bool(text) and text[0] in _ALPHANUMERIC and _LABEL.issuperset(text)


@lru_cache(maxsize=1024)
def mailbox(text: str) -> str | None:
    """The mailbox of a path that is neither empty nor `postmaster`; None where the syntax is wrong.

    A source route is dropped (RFC 5321 appendix C) and needless quotes are taken off, so that one mailbox has one
    spelling. Case stays as it was written.
    """
    if text.startswith("@"):
        route, _, text = text.partition(":")
        if not all(hop.startswith("@") and is_domain(hop[1:]) for hop in route.split(",")):
            return None
    written, at, domain = text.rpartition("@")
    local = _local_part(written)
    if not at or local is None or not (is_domain(domain) or _is_literal(domain)):
        return None
    return f"{local}@{domain}"


def _local_part(text: str) -> str | None:
    if not 0 < _octets(text) <= MAX_LOCAL_OCTETS:
        return None
    if text.startswith('"'):
        content = _unquoted(text)
        return None if content is None else _spelled(content)
    return text if _is_dot_string(text) else None


def _unquoted(text: str) -> str | None:
    if len(text) < 2 or not text.endswith('"'):
        return None
    content: list[str] = []
    characters = iter(text[1:-1])
    for char in characters:
        if char == '"':
            return None
        taken = next(characters, "") if char == "\\" else char
        # RFC 5321 section 4.1.2: printable ASCII and the space; RFC 6531 adds what is not ASCII.
        if not taken or not (" " <= taken <= "~" or _is_foreign(taken)):
            return None
        content.append(taken)
    return "".join(content)


def _spelled(content: str) -> str:
    """The one spelling of a local part: quoted only where it must be."""
    if _is_dot_string(content):
        return content
    return '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_dot_string(text: str) -> bool:
    return all(atom and _consists(atom, _ATEXT) for atom in text.split("."))


def is_domain(text: str) -> bool:
    """Is this a domain name of letters, digits and hyphens, or of U-labels, without a dot at its end?"""
    return 0 < _octets(text) <= MAX_DOMAIN_OCTETS and all(_is_label(label) for label in text.split("."))


def _is_label(text: str) -> bool:
    # No punctuation beyond ASCII: some of it is a dot in disguise (RFC 3490 section 3.1).
    return 0 < len(text) <= MAX_LABEL_CHARACTERS and "-" not in (text[0], text[-1]) and _consists(text, _LABEL, "LMN")


def _is_literal(text: str) -> bool:
    """Is this `[192.0.2.1]` or `[IPv6:2001:db8::1]`? No other kind is registered (RFC 5321 section 4.1.3)."""
    if not (text.startswith("[") and text.endswith("]")):
        return False
    address = text[1:-1]
    try:
        if address[:5].lower() == "ipv6:":
            return IPv6Address(address[5:]).scope_id is None
        return bool(IPv4Address(address))
    except AddressValueError:
        return False


def _consists(text: str, allowed: frozenset[str], foreign: str = "LMNPS") -> bool:
    """Does the text consist of these characters, and of foreign ones of these categories?"""
    if allowed.issuperset(text):
        return True
    return not text.isascii() and all(char in allowed or _is_foreign(char, foreign) for char in text)


def _is_foreign(char: str, categories: str = "LMNPS") -> bool:
    """Is this a character beyond ASCII that shows: no control, no separator, no half of a surrogate?

    The two joiners are let in because words of some languages are spelled with them (RFC 5892 appendix A).
    """
    return char > "\x7f" and (unicodedata.category(char)[0] in categories or char in "\u200c\u200d")


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
