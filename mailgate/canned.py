"""Roads: the ready answers of the rules, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mailgate.mail.language import FIRST

if TYPE_CHECKING:
    from mailgate.mail.template import Template
    from mailgate.rulebook import Rulebook


def names(book: Rulebook) -> frozenset[str]:
    """The names of all ready answers, in whatever language."""
    return frozenset(name for texts in _languages(book).values() for name in texts)


def canned(book: Rulebook, name: str, language: str) -> Template | None:
    """The ready answer of this name: in `language`, else in the first one, else in any; None where there is none."""
    languages = _languages(book)
    found = (languages.get(one, {}).get(name) for one in (language, FIRST, *languages))
    return next((one for one in found if one), None)


def _languages(book: Rulebook) -> Mapping[str, Mapping[str, Template]]:
    found: Mapping[str, Mapping[str, Template]] = getattr(book, "canned", {})
    return found
