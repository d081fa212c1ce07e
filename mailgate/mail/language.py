"""In which language a mail is written: by its words, and by what its mail program says of itself.

Whatever comes out is one of the keys of rules/languages.toml or "", never a word of the mail.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from mailgate.errors import ConfigError
from mailgate.model import Mail
from mailgate.tables import KeyedTables, Line

FIRST: Final = "en"  # for who speaks none that we have words in; the one that is always complete
MOST_CHARS: Final = 600  # of a text that are looked at: a hundred words or so tell as much as a thousand
MOST_RANGES: Final = 20  # languages in one header field; more is no mail program's
MOST_WORDS: Final = 200
LONGEST_WORD: Final = 30
LEAST_LETTERS: Final = 4  # of a writing of its own, before their share counts
NONE: Final = ""


class Writing(Struct, frozen=True):
    """A language that is known by its letters: `share` percent of all letters are among them."""

    language: str
    ranges: tuple[tuple[str, str], ...]  # first and last of each
    share: int


class Tongues(Struct, frozen=True):
    """All languages that can be told apart. A word counts for each language that has it, the less the more they are."""

    writings: tuple[Writing, ...] = ()
    words: Mapping[str, tuple[str, ...]] = {}  # the languages of each word
    least: float = 0.0  # the sum that a language must have
    lead: float = 1.0  # and how many times that of the next
    codes: frozenset[str] = frozenset()


NONE_KNOWN: Final = Tongues()


def guess(mail: Mail, text: str, tongues: Tongues) -> str:
    """The language that a mail and the `text` of its author are in; "" where that is in doubt.

    The words count before the header, where a program writes the language of its own menus.
    """
    return of_text(f"{mail.subject}\n{text}", tongues) or _of_header(mail, tongues.codes)


def of_text(text: str, tongues: Tongues) -> str:
    """The language of a text, by its letters, else by its commonest words; "" where they do not tell."""
    beginning = text[:MOST_CHARS]
    return (not beginning.isascii() and _by_letters(beginning, tongues.writings)) or _by_words(beginning, tongues)


def preferred(accept: str, codes: Iterable[str]) -> str:
    """The best of our languages by an Accept-Language field (RFC 9110 section 12.5.4); "" where none fits."""
    known = frozenset(codes)
    for quality, tag in sorted(map(_weighed, accept.split(",")[:MOST_RANGES]), key=lambda item: -item[0]):
        primary = tag.partition("-")[0]
        if quality > 0 and primary in known:
            return primary
    return NONE


def _weighed(language_range: str) -> tuple[float, str]:
    tag, _, parameter = language_range.partition(";")
    _, _, quality = parameter.partition("=")
    try:
        return float(quality.strip() or 1), tag.strip().lower()
    except ValueError:
        return 0.0, NONE


def _of_header(mail: Mail, codes: frozenset[str]) -> str:
    """By Content-Language (RFC 3282), where it names one, else by Accept-Language."""
    for name in ("content-language", "accept-language"):
        values = mail.headers.get(name, ())
        if len(values) == 1 and (found := preferred(values[0], codes)):
            return found
    return NONE


def _by_letters(text: str, writings: Iterable[Writing]) -> str:
    counted = sorted((letter, times) for letter, times in Counter(text).items() if letter.isalpha())
    letters = sum(times for _, times in counted)
    for writing in writings:
        found = sum(_between(counted, first, last) for first, last in writing.ranges)
        if found >= LEAST_LETTERS and found * 100 >= writing.share * letters:
            return writing.language
    return NONE


def _between(counted: Sequence[tuple[str, int]], first: str, last: str) -> int:
    """How many letters of a sorted count lie from `first` to `last`."""
    return sum(
        times for _, times in counted[bisect_left(counted, (first, 0)) : bisect_right(counted, (last, MOST_CHARS))]
    )


def _by_words(text: str, tongues: Tongues) -> str:
    sums: dict[str, float] = {}
    known = tongues.words
    for word in _words(text):
        languages = known.get(word)
        if languages:
            part = 1 / len(languages)
            for language in languages:
                sums[language] = sums.get(language, 0.0) + part
    if not sums:
        return NONE
    (best, most), *others = sorted(sums.items(), key=lambda item: -item[1])[:2]
    clear = most >= tongues.least and (not others or most >= tongues.lead * others[0][1])
    return best if clear else NONE


def _words(text: str) -> Iterable[str]:
    for word in text.casefold().replace("’", "'").split():
        yield word.strip(".,;:!?\"'()<>[]*„“”«»-…¿¡،؟")


def from_table(table: Mapping[str, Any], file: str = "languages.toml", line: Line = lambda place: 0) -> Tongues:
    """Read the parsed file; `line` tells where a value stands.

    Raises:
        ConfigError: with every fault of the file.
    """
    reader = _Reader(file, line)
    reader.unknown(table, ("language", "least", "lead"))
    least, lead = (reader.number(table, key) for key in ("least", "lead"))
    section = reader.section(table, "language")
    languages = {code: reader.language(section, code) for code in section}
    if reader.faults:
        raise ConfigError(reader.faults)
    words: dict[str, tuple[str, ...]] = {}
    for code, (listed, _) in languages.items():
        for word in dict.fromkeys(map(str.casefold, listed)):
            words[word] = (*words.get(word, ()), code)
    writings = tuple(writing for _, writing in languages.values() if writing)
    return Tongues(writings, words, least, lead, frozenset(languages))


class _Reader(KeyedTables):
    """Reads the tables of the file."""

    def number(self, table: Mapping[str, Any], key: str) -> float:
        value = table.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 100:
            return float(value)
        self.fault(key, value, "a number from 1 to 100")
        return 1.0

    def language(self, languages: Mapping[str, Any], code: str) -> tuple[tuple[str, ...], Writing | None]:
        place = f"language.{code}"
        table = languages[code]
        if not isinstance(table, dict):
            self.fault(place, table, f"a table [{place}]")
            return (), None
        self.unknown(table, ("words", "letters", "share"), f"{place}.")
        words = table.get("words", [])
        wrong = not isinstance(words, list) or len(words) > MOST_WORDS
        if wrong or not all(isinstance(word, str) and 0 < len(word) <= LONGEST_WORD for word in words):
            self.fault(f"{place}.words", words, f"at most {MOST_WORDS} words of 1 to {LONGEST_WORD} characters")
            words = []
        return tuple(words), self.writing(table, code, place) if "letters" in table or "share" in table else None

    def writing(self, table: Mapping[str, Any], code: str, place: str) -> Writing | None:
        letters, share = table.get("letters"), table.get("share")
        if not isinstance(share, int) or not 1 <= share <= 100:
            self.fault(f"{place}.share", share, "percent of all letters, 1 to 100")
            return None
        ranges = _ranges(letters) if isinstance(letters, str) else ()
        if not ranges or any(first > last for first, last in ranges):
            self.fault(f"{place}.letters", letters, 'ranges of letters such as "ぁ-ゖ ァ-ヺ"')
            return None
        return Writing(code, ranges, share)


def _ranges(text: str) -> tuple[tuple[str, str], ...]:
    """`ぁ-ゖ ァ-ヺ` as pairs; none where anything else stands there."""
    words = text.split()
    return tuple((word[0], word[2]) for word in words) if all(map(_is_range, words)) else ()


def _is_range(word: str) -> bool:
    return len(word) == 3 and word[1] == "-"
