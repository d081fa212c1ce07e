"""Authentication-Results (RFC 8601 section 2.2) as values. Knows nothing of who wrote the field or may be believed.

One field names who speaks, then results: `mx.example.com 1; dkim=pass (good) header.d=example.com; spf=none`. What
cannot be read to its end says nothing: a field with an open comment or quote, or a head of more than name and version,
is none; a result of anything but `name=value` pairs is left out, and the others stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

FIELD_BYTES_MAX: Final = 8192
RESULTS_MAX: Final = 100
NAME_CHARS_MAX: Final = 253  # of a host, written with dots (RFC 1035 section 2.3.4)

_VERSION: Final = "1"
_BLANK: Final = frozenset(" \t\r\n")
_MARKS: Final = frozenset(";=")


class Result(Struct, frozen=True):
    """One result: `dkim`, `pass`, and its properties `("header.d", "example.com")`. Names and result in lower case."""

    method: str
    word: str
    properties: tuple[tuple[str, str], ...] = ()

    def has(self, name: str) -> bool:
        """Is there a property of this name?"""
        return any(each == name for each, _ in self.properties)

    def domain(self, *names: str) -> str:
        """The domain, in lower case, of the address or name that a property holds: the first of `names` there is.

        "" where there is none, and where it is given with several values.
        """
        name = next(filter(self.has, names), "")
        values = {value for each, value in self.properties if each == name}
        domain = values.pop().strip("<>").rpartition("@")[2].rstrip(".").lower() if len(values) == 1 else ""
        return domain if len(domain) <= NAME_CHARS_MAX else ""


class Statement(Struct, frozen=True):
    """What one field says. `authserv_id` is the name of who wrote it, in lower case."""

    authserv_id: str
    results: tuple[Result, ...]


class _Token(Struct, frozen=True):
    """A word with its quotes removed, or one of the marks `;` and `=`."""

    text: str
    is_mark: bool = False


def read(value: bytes) -> Statement | None:
    """The statement of a field value, folded or not; None where it is none. Linear in the length. Never raises."""
    if len(value) > FIELD_BYTES_MAX:
        return None
    try:
        tokens = list(_tokens(value.decode()))
    except (UnicodeDecodeError, _UnreadableError):
        return None
    head, *pieces = _pieces(tokens)
    if not head or head[0].is_mark or len(head[0].text) > NAME_CHARS_MAX or head[1:] not in ([], [_Token(_VERSION)]):
        return None
    results = (_result(piece) for piece in pieces[:RESULTS_MAX])
    return Statement(head[0].text.rstrip(".").lower(), tuple(result for result in results if result))


# ── Results ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _result(piece: list[_Token]) -> Result | None:
    """The result that a piece between two semicolons says; None for `none` and for what cannot be read."""
    names, marks, values = piece[0::3], piece[1::3], piece[2::3]
    is_pairs = bool(piece) and len(names) == len(marks) == len(values) and all(token.text == "=" for token in marks)
    if not is_pairs or not all(token.is_mark for token in marks) or any(token.is_mark for token in (*names, *values)):
        return None
    pairs = [(name.text.lower(), value.text) for name, value in zip(names, values, strict=True)]
    method, slash, version = pairs[0][0].partition("/")
    if not method or (slash and version != _VERSION):
        return None
    # Names without a dot are `reason`, or a vendor's own words such as `action`.
    properties = tuple(pair for pair in pairs[1:] if "." in pair[0])
    return Result(method, pairs[0][1].lower(), properties)


def _pieces(tokens: list[_Token]) -> Iterator[list[_Token]]:
    piece: list[_Token] = []
    for token in tokens:
        if token.is_mark and token.text == ";":
            yield piece
            piece = []
        else:
            piece.append(token)
    yield piece


# ── Tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _UnreadableError(Exception):
    """A comment or a quoted string has no end, or a comment ends that never began."""


def _tokens(text: str) -> Iterator[_Token]:
    """Words and marks, without comments (RFC 5322 section 3.2.2); blanks and comments end a word, quotes do not."""
    word: list[str] = []
    begun = False  # a quoted string may be a word of no characters
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == '"':
            position = _quoted(text, position, word)
            begun = True
            continue
        if char == "(":
            position = _after_comment(text, position)
        elif char == ")":
            raise _UnreadableError
        elif char not in _BLANK and char not in _MARKS:
            word.append(char)
            begun = True
            continue
        if begun:
            yield _Token("".join(word))
            word, begun = [], False
        if char in _MARKS:
            yield _Token(char, is_mark=True)
    if begun:
        yield _Token("".join(word))


def _quoted(text: str, position: int, word: list[str]) -> int:
    """Add what stands in quotes to `word`. The position behind the closing quote."""
    while position < len(text):
        char = text[position]
        if char == '"':
            return position + 1
        position += char == "\\"
        word.append(text[position : position + 1])
        position += 1
    raise _UnreadableError


def _after_comment(text: str, position: int) -> int:
    """The position behind the comment whose opening stands before `position`, nested ones included."""
    depth = 1
    while position < len(text):
        char = text[position]
        position += 2 if char == "\\" else 1
        depth += (char == "(") - (char == ")")
        if not depth:
            return position
    raise _UnreadableError
