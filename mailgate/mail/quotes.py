"""How programs and languages mark old words in a mail, read from rules/quotes.toml; knows words and finds nothing.

Every list of the file becomes what the search for it needs: a set, a tuple of beginnings, or one RE2 pattern, so that
a line of a mail is looked up and not compared with thirty languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import re2
from msgspec import Struct

from mailgate.errors import ConfigError
from mailgate.mail.dom import is_selector
from mailgate.tables import KeyedTables, Line

MOST_WORDS = 200  # in one list
LONGEST_WORD = 200  # characters
INDEXED_CHARS = 4  # by which the beginnings and ends of lines are found

FIELDS: Final = ("from", "date", "to", "subject", "other")
LANGUAGE_KEYS: Final = (
    *("wrote", "leads", "self", *FIELDS, "original", "forward"),
    *("device", "device_short", "device_end", "banner", "legal", "inline"),
)
HTML_KEYS: Final = ("quoted", "answered", "after", "signature", "hidden")

Indexed = Mapping[str, tuple[str, ...]]  # by the INDEXED_CHARS characters that a line begins or ends with


class Containers(Struct, frozen=True):
    """CSS selectors of what stands in the HTML of mail programs; "" selects nothing."""

    quoted: str = "blockquote"
    answered: str = ""
    after: str = ""
    signature: str = ""
    hidden: str = ""


class Quotes(Struct, frozen=True):
    """All of quotes.toml, folded to lower case. Without a file only `>` and `-- ` are known."""

    wrote: Any = None  # a pattern of re2, which has no types; None where nothing is known
    wrote_last: frozenset[str] = frozenset()  # the last words of `wrote`
    by_oneself: Any = None
    leads: tuple[str, ...] = ()
    fields: Mapping[str, str] = {}  # frozen by use: "betreff" -> "subject"
    originals: frozenset[str] = frozenset()
    forwards: frozenset[str] = frozenset()
    devices: Indexed = {}
    devices_short: Indexed = {}
    device_ends: Indexed = {}
    banners: tuple[str, ...] = ()
    legal: Any = None
    inline: Any = None
    remarkable_starts: frozenset[str] = frozenset()  # what a line begins with that needs a closer look, in any case
    remarkable_ends: frozenset[str] = frozenset()
    html: Containers = Containers()


NONE_KNOWN: Final = Quotes()


def from_table(table: Mapping[str, Any], file: str = "quotes.toml", line: Line = lambda place: 0) -> Quotes:
    """Read the parsed file; `line` tells where a value stands.

    Raises:
        ConfigError: with every fault of the file.
    """
    reader = _Reader(file, line)
    languages = reader.languages(table)
    containers = reader.containers(table)
    reader.unknown(table, ("language", "html"))
    if reader.faults:
        raise ConfigError(reader.faults)

    def as_written(key: str) -> list[str]:
        return list(dict.fromkeys(word for words in languages for word in words[key]))

    def all_of(key: str) -> list[str]:
        return list(dict.fromkeys(word.casefold() for word in as_written(key)))

    return Quotes(
        wrote=words_pattern(all_of("wrote")),
        wrote_last=frozenset(word.rsplit(None, 1)[-1] for word in all_of("wrote")),
        by_oneself=words_pattern(all_of("self")),
        leads=tuple(all_of("leads")),
        fields={word: role for role in reversed(FIELDS) for word in all_of(role)},
        originals=frozenset([*all_of("original"), *all_of("forward")]),
        forwards=frozenset(all_of("forward")),
        devices=beginnings(all_of("device")),
        devices_short=beginnings(all_of("device_short")),
        device_ends=endings(all_of("device_end")),
        banners=tuple(all_of("banner")),
        legal=_pattern(map(re2.escape, all_of("legal"))),
        inline=words_pattern(all_of("inline")),
        remarkable_starts=_in_any_case(beginnings(as_written("device") + as_written("device_short"))),
        remarkable_ends=_in_any_case(endings(as_written("device_end") + as_written("wrote"))),
        html=Containers(**containers),
    )


def beginnings(words: Iterable[str]) -> Indexed:
    """`words` by their first characters."""
    return _indexed(words, slice(None, INDEXED_CHARS))


def endings(words: Iterable[str]) -> Indexed:
    """`words` by their last characters."""
    return _indexed(words, slice(-INDEXED_CHARS, None))


def _indexed(words: Iterable[str], part: slice) -> Indexed:
    found: dict[str, list[str]] = {}
    for word in words:
        found.setdefault(word[part], []).append(word)
    return {key: tuple(group) for key, group in found.items()}


def _in_any_case(keys: Iterable[str]) -> frozenset[str]:
    """Each of `keys` as it is and in small and capital letters, so that nobody has to fold what is looked up."""
    return frozenset(variant for key in keys for variant in (key, key.lower(), key.upper(), key.capitalize()))


def words_pattern(words: Iterable[str]) -> Any:
    """A pattern that finds any of `words` as whole words; writing without spaces has no whole words."""
    spaced: list[str] = []
    unspaced: list[str] = []
    for word in words:
        (spaced if _is_spaced(word) else unspaced).append(re2.escape(word))
    # The edges stand once for all words: the letters of all scripts make a large pattern.
    edged = [rf"(?:^|[^\pL])(?:{'|'.join(spaced)})(?:$|[^\pL])"] if spaced else []
    return _pattern([*edged, *unspaced])


def _is_spaced(word: str) -> bool:
    """Thai and Lao, and nearly all letters from the Han radicals on, are written without spaces."""
    return not any("\u0e00" <= letter <= "\u0eff" or "\u2e80" <= letter <= "\uffee" for letter in word)


def _pattern(alternatives: Iterable[str]) -> Any:
    joined = "|".join(alternatives)
    return re2.compile(f"(?i:{joined})") if joined else None


class _Reader(KeyedTables):
    """Reads the tables of one file."""

    def languages(self, table: Mapping[str, Any]) -> list[dict[str, list[str]]]:
        languages = self.section(table, "language")
        return [self.language(languages, name) for name in languages]

    def language(self, languages: Mapping[str, Any], name: str) -> dict[str, list[str]]:
        place = f"language.{name}"
        words = languages[name]
        if not isinstance(words, dict):
            self.fault(place, words, f"a table [{place}]")
            return {key: [] for key in LANGUAGE_KEYS}
        self.unknown(words, LANGUAGE_KEYS, f"{place}.")
        return {key: self.words(words, key, f"{place}.") for key in LANGUAGE_KEYS}

    def containers(self, table: Mapping[str, Any]) -> dict[str, str]:
        section = self.section(table, "html")
        self.unknown(section, HTML_KEYS, "html.")
        found = {key: self.words(section, key, "html.") for key in HTML_KEYS}
        for key, selectors in found.items():
            for selector in selectors:
                if not is_selector(selector):
                    self.fault(f"html.{key}", selector, "a CSS selector such as .gmail_quote or #appendonsend")
        return {key: ", ".join(selectors) for key, selectors in found.items()}

    def words(self, table: Mapping[str, Any], key: str, place: str) -> list[str]:
        value = table.get(key, [])
        if not isinstance(value, list) or len(value) > MOST_WORDS:
            self.fault(f"{place}{key}", value, f"a list of at most {MOST_WORDS} texts")
            return []
        least = INDEXED_CHARS if key.startswith("device") else 1
        wrong = [text for text in value if not isinstance(text, str) or not least <= len(text.strip()) <= LONGEST_WORD]
        for text in wrong:
            self.fault(f"{place}{key}", text, f"texts of {least} to {LONGEST_WORD} characters")
        return [] if wrong else value
