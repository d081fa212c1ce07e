"""Answers that are written once and sent often: a text with `${name}` for values, and the words that suggest it.

A file is a line `suggest = word, words of a phrase, …`, an empty line and the text. A person sends it in his own name,
so unlike the texts of automatic mail it may name pages, and may be as long as he likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template as Substitution
from typing import Final

from mailgate.mail import words
from mailgate.mail.template import Template, TemplateError, check_line

VALUES: Final = frozenset({"desk", "ticket", "name", "agent"})
MOST_BYTES = 20_000
MOST_HINTS = 50
LONGEST_HINT = 60  # characters
NAME_WORDS = 4  # of what a stranger calls himself
_HEAD: Final = "suggest = "


class Canned(Template, frozen=True):
    """A text that was checked. `suggests` are the words, folded, that speak for it; it has no subject of its own."""

    suggests: tuple[str, ...] = ()


def read(text: str) -> Canned:
    """Check the file of a canned answer.

    Raises:
        TemplateError: for the first thing that is wrong with it.
    """
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    if not head.startswith(_HEAD) or "\n" in head:
        found = repr(head.partition("\n")[0][:60])
        raise TemplateError(found, f"a first line '{_HEAD}word, word' and an empty line after it", 1)
    hints = tuple(dict.fromkeys(" ".join(hint.casefold().split()) for hint in head.removeprefix(_HEAD).split(",")))
    if len(hints) > MOST_HINTS or not all(0 < len(hint) <= LONGEST_HINT for hint in hints):
        raise TemplateError(repr(head[:60]), f"1 to {MOST_HINTS} words or phrases of 1 to {LONGEST_HINT} characters", 1)
    if not body.strip():
        raise TemplateError("no text", "a text after the empty line", 3)
    if len(body.encode()) > MOST_BYTES:
        raise TemplateError(f"{len(body.encode())} bytes", f"at most {MOST_BYTES} bytes")
    for number, line in enumerate(text.splitlines(), 1):
        check_line(line, VALUES, number, places=True)
    return Canned("", body.strip("\n") + "\n", hints)


def filled(canned: Canned, values: Mapping[str, str]) -> str:
    """The text with its values, each on one line. Who gave no name is greeted without one."""
    safe = {key: words.clean(value) for key, value in values.items()}
    safe["name"] = words.without_links(values["name"], NAME_WORDS)
    body = canned.body if safe["name"] else canned.body.replace(" ${name}", "")
    return Substitution(body).substitute(safe)
