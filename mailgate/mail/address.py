"""Addresses as they stand in header fields, read as tolerantly as people write them. Never raises; linear.

Only what names one mailbox beyond doubt counts: `local@domain`. Whoever wants to know what else was written
reads the field itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from mailgate.mail import words
from mailgate.model import Mailaddr

MOST_ADDRESSES = 1000  # read from one field name; no desk is written to beside more people
LONGEST_ADDRESS = 320  # RFC 5321 section 4.5.3.1: 64 octets, the @, 255 octets
REMEMBERED_MOST = 1024  # fields: most mail is written to the same few addresses, and much of it by the same people
REMEMBERED_CHARS = 128  # of each

_SPECIAL = frozenset('"(<,;:[')
_FORBIDDEN = frozenset(' "(),:;<>@[\\]')  # in a local part or domain that is not quoted


def parse(fields: Iterable[str]) -> tuple[Mailaddr, ...]:
    """Every address of these field values, in order, at most `MOST_ADDRESSES`; display names are decoded."""
    found: list[Mailaddr] = []
    for field in fields:
        for mailbox in _of_short(field) if len(field) <= REMEMBERED_CHARS else _mailboxes(field):
            found.append(mailbox)
            if len(found) == MOST_ADDRESSES:
                return tuple(found)
    return tuple(found)


@lru_cache(REMEMBERED_MOST)
def _of_short(field: str) -> tuple[Mailaddr, ...]:
    return tuple(_mailboxes(field))


def addr_spec(text: str) -> str:
    """`text` as an addr-spec with its domain in lower case, or "" where it is none."""
    local, at, domain = text.strip().rpartition("@")
    local, domain = local.strip(), domain.strip().rstrip(".").lower()
    if not at or not local or not domain or len(text) > LONGEST_ADDRESS:
        return ""
    quoted = len(local) > 2 and local[0] == local[-1] == '"' and _is_quotable(local[1:-1])
    literal = domain[0] == "[" and domain[-1] == "]"
    bare = ("" if quoted else local) + (domain[1:-1].replace(":", "") if literal else domain)
    return f"{local}@{domain}" if bare.isprintable() and _FORBIDDEN.isdisjoint(bare) else ""


def _is_quotable(inner: str) -> bool:
    """May this stand between the quotes of a local part? A quote or backslash has to be escaped."""
    rest = inner.replace("\\\\", "").replace('\\"', "")
    return inner.isprintable() and '"' not in rest and not rest.endswith("\\")


def _mailboxes(field: str) -> Iterator[Mailaddr]:
    """Read one list: phrases, angle addresses and bare addresses, parted by commas; group names are left out."""
    # Nearly every field is one of two plain shapes, which need no lexer.
    head, angle, rest = field.partition("<")
    if _SPECIAL.isdisjoint(head) and "@" not in head and rest.endswith(">") and rest.find(">") == len(rest) - 1:
        yield from _angle(rest[:-1], head)
        return
    if not angle and (plain := addr_spec(field)):
        yield Mailaddr(plain)
        return
    phrase: list[str] = []
    comment, spoken_for = "", False
    for kind, text in _tokens(field):
        match kind:
            case "<":
                yield from _angle(text, " ".join(phrase))
                phrase, spoken_for = [], True
            case "(":
                comment = text
            case ",":
                if not spoken_for:
                    yield from _bare(phrase, comment)
                phrase, comment, spoken_for = [], "", False
            case ":":
                phrase = []
            case _:
                phrase.append(text)
    if not spoken_for:
        yield from _bare(phrase, comment)


def _angle(text: str, phrase: str) -> Iterator[Mailaddr]:
    # RFC 5322 section 4.4: a source route before the address is to be ignored.
    route, colon, rest = text.partition(":")
    address = addr_spec((rest if colon and route.lstrip().startswith("@") else text).lstrip("<"))
    if address:
        yield Mailaddr(address, words.decode(phrase.strip().strip("\"'")))


def _bare(phrase: list[str], comment: str) -> Iterator[Mailaddr]:
    """Addresses without angle brackets; the old form `joe@example.com (Joe)` names the person in a comment."""
    joined = " ".join(phrase)
    for candidate in [joined] if addr_spec(joined) else joined.split():
        if address := addr_spec(candidate):
            yield Mailaddr(address, words.decode(comment))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Lex an address list: `"` quoted text (its value), `(` comment, `<` angle content, `,` `:` separators, `a` else.

    A bracket or quote that is never closed counts as an ordinary character.
    """
    at = start = 0
    open_ended: set[str] = set()
    while at < len(text):
        char = text[at]
        if char not in _SPECIAL or char in open_ended:
            at += 1
            continue
        end = _closing(text, at)
        if end < 0:
            open_ended.add(char)
            continue
        follows = text[end : end + 1]
        if char == "[" or (char == '"' and follows == "@"):
            at = end  # a domain literal or a quoted local part: part of an address
            continue
        if run := text[start:at].strip():
            yield "a", run
        inner = text[at + 1 : end - 1]
        yield (",", "") if char == ";" else (char, _unescaped(inner) if char in '"(' else inner)
        at = start = end
    if run := text[start:].strip():
        yield "a", run


def _closing(text: str, at: int) -> int:
    """The index behind the end of the token that starts at `at`; -1 where it has no end."""
    match text[at]:
        case "<":
            return text.find(">", at) + 1 or -1
        case "[":
            return text.find("]", at) + 1 or -1
        case '"' | "(" as opener:
            return _balanced(text, at, opener)
        case _:
            return at + 1


def _balanced(text: str, at: int, opener: str) -> int:
    depth = 0
    escaped = False
    for index in range(at, len(text)):
        char = text[index]
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ('"' if opener == '"' else ")") and depth:
            depth -= 1
            if not depth:
                return index + 1
        elif char == opener:
            depth += 1
    return -1


def _unescaped(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\") if "\\" in text else text
