"""The texts of automatic mail: a first line `Subject: …`, an empty line, and the body, with `${name}` for values.

Knows nothing of who gets the mail; whoever renders it must put nothing of a stranger's into the values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from string import Template as Substitution

from msgspec import Struct

from mailgate.mail import words

MOST_BYTES = 2048  # of an automatic mail's body (RFC 3834 section 3.2: short, and no quoting)


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
        substitution = Substitution(line)
        if not substitution.is_valid():
            raise TemplateError(repr(line[:60]), "'$' only in ${name}; '$$' for a dollar sign", number)
        for name in substitution.get_identifiers():
            if name not in allowed:
                raise TemplateError(f"${{{name}}}", ", ".join(f"${{{each}}}" for each in sorted(allowed)), number)
    return Template(head.removeprefix("Subject: ").strip(), body)


def fill(template: Template, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject and body of a checked template; a value is put in on one line, without control characters."""
    safe = {name: words.clean(value) for name, value in values.items()}
    return _filled(template.subject, safe), _filled(template.body, safe)


def render(text: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject and body of a template whose placeholders are the names in `values`.

    Raises:
        TemplateError: where the text is no template or asks for a name that `values` lacks.
    """
    return fill(read(text, values.keys()), values)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return Substitution(text).substitute(values)
