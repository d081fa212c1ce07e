"""The texts of automatic mail: a first line `Subject: …`, an empty line, and the body, with `${name}` for values.

Knows nothing of who gets the mail; whoever renders it must put nothing of a stranger's into the values.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from string import Template as Substitution
from typing import Final

import re2
from msgspec import Struct

from mailgate.mail import words

MOST_BYTES = 2048  # of an automatic mail's body (RFC 3834 section 3.2: short, and no quoting)
LINE_COLUMNS = 76  # of a line as it arrives (RFC 5322 section 2.1.1 says 78), so that no program breaks it
BETWEEN = "\n* * *\n\n"  # stands between two languages of one mail

# An address of a page other than our link is what phishing looks like. Mail programs make links of bare names too.
_PLACE: Final = re2.compile(r"(?i:https?:|ftp:|mailto:|[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL{2,})[^\s]*")
# Of what is not printable, spaces that do not break and the marks that some scripts are spelled with.
_INVISIBLE: Final = frozenset("\u00a0\u202f\u200c\u200d\u200e\u200f")
_ALONE: Final = "a line of its own, once and in the body"


class TemplateError(ValueError):
    """The operator's text cannot be used: `found` says what stands in it, `allowed` what may, at `line` of it."""

    def __init__(self, found: str, allowed: str, line: int = 0) -> None:
        super().__init__(f"found {found}; allowed: {allowed}")
        self.found = found
        self.allowed = allowed
        self.line = line


class Template(Struct, frozen=True):
    """A text that was checked: rendering it cannot fail."""

    subject: str
    body: str


class Form(Struct, frozen=True):
    """What may and must stand in the text of one purpose. Values come by name: an ordinary one, and the longest."""

    usual: Mapping[str, str]
    longest: Mapping[str, str]
    needed: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()  # these stand on lines of their own, which are left out where they are empty


def read(text: str, allowed: Collection[str]) -> Template:
    """Check a template; `allowed` are the names that may stand in `${…}`.

    Raises:
        TemplateError: for the first thing that is wrong with it.
    """
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    if not head.startswith("Subject: ") or "\n" in head:
        raise TemplateError(
            repr(head.partition("\n")[0][:60]), "a first line 'Subject: …' and an empty line after it", 1
        )
    if not body.strip():
        raise TemplateError("no body", "a text after the empty line", 3)
    for number, line in enumerate(text.splitlines(), 1):
        check_line(line, allowed, number)
    return Template(head.removeprefix("Subject: ").strip(), body)


def check_line(line: str, allowed: Collection[str], number: int = 0, *, places: bool = False) -> None:
    """See that one line of a text, the `number`th, holds nothing but words and the names `allowed`.

    With `places` it may name pages and mailboxes, too.

    Raises:
        TemplateError: for the first thing that is wrong with it.
    """
    substitution = Substitution(line)
    if not substitution.is_valid():
        raise TemplateError(repr(line[:60]), "'$' only in ${name}; '$$' for a dollar sign", number)
    for name in substitution.get_identifiers():
        if name not in allowed:
            names = ", ".join(f"${{{each}}}" for each in sorted(allowed))
            raise TemplateError(f"${{{name}}}", names or "no ${…} at all", number)
    strange = next((char for char in line if not char.isprintable() and char not in _INVISIBLE), "")
    if strange:
        raise TemplateError(f"the character U+{ord(strange):04X}", "letters, signs and spaces", number)
    if not places and (place := _PLACE.search(line)):
        raise TemplateError(repr(place[0][:60]), "no address of a page or a mailbox but ${link} and ${desk}", number)


def obey(text: str, template: Template, form: Form) -> None:
    """See that a template read from `text` makes a mail as `form` wants it, whatever the values are.

    Raises:
        TemplateError: for the first thing that is wrong with it.
    """
    lines = text.replace("\r\n", "\n").splitlines()
    named = [(number, name) for number, line in enumerate(lines, 1) for name in Substitution(line).get_identifiers()]
    for name in sorted(form.needed - {name for _, name in named}):
        raise TemplateError(f"no ${{{name}}}", f"a text with ${{{name}}}")
    for number, name in named:
        once = sum(other == name for _, other in named) == 1
        if name in form.alone and (number == 1 or not once or lines[number - 1].strip() != f"${{{name}}}"):
            raise TemplateError(repr(lines[number - 1][:60]), f"${{{name}}} on {_ALONE}", number)
    for number, line in enumerate(lines, 1):
        columns = width(Substitution(line).substitute(form.usual))
        if columns > LINE_COLUMNS and line.strip("${} ") not in form.alone:
            raise TemplateError(f"a line {columns} columns wide", f"at most {LINE_COLUMNS}", number)
    size_bytes = len(fill(template, form.longest)[1].encode())
    if size_bytes > MOST_BYTES:
        raise TemplateError(f"up to {size_bytes} bytes with its values", f"at most {MOST_BYTES} bytes")


def fill(template: Template, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject and body of a checked template; a value is put in on one line, without control characters.

    A line that is nothing but an empty value is left out, with the empty line after it; one that is nothing but a
    long value with spaces is broken where they stand.
    """
    safe = {name: words.clean(value) for name, value in values.items()}
    return _filled(template.subject, safe), "".join(f"{line}\n" for line in _lines(template.body, safe))


def in_both(own: str, other: str) -> str:
    """One body of two languages, or the first alone where both would be too long for an automatic mail."""
    both = f"{own.rstrip()}\n{BETWEEN}{other}"
    return both if len(both.encode()) <= MOST_BYTES else own


def width(text: str) -> int:
    """The columns that `text` takes on a screen: characters of East Asia take two (UAX #11)."""
    return len(text) if text.isascii() else sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _lines(body: str, values: Mapping[str, str]) -> Iterator[str]:
    left_out = False
    for line in body.rstrip("\n").split("\n"):
        name = line.strip()[2:-1] if line.strip().startswith("${") and line.strip().endswith("}") else ""
        value = values.get(name)
        if value is None:
            if line.strip() or not left_out:
                yield _filled(line, values)
        elif value:
            yield from textwrap.wrap(value, LINE_COLUMNS, break_long_words=False, break_on_hyphens=False)
        left_out = value == ""


def _filled(text: str, values: Mapping[str, str]) -> str:
    return Substitution(text).substitute(values)
