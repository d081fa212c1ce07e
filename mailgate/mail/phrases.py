"""The words of one language that stand in no letter: the confirmation page, and the lines that promise an answer and
that introduce a quote.

Knows no language of its own; an operator's file brings the words. What is missing there is English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from string import Template as Substitution
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from mailgate.errors import ConfigError
from mailgate.mail import template
from mailgate.model import Mailbox, Opening, PageState
from mailgate.tables import KeyedTables, Line

TROUBLE: Final = "trouble"  # the page while the store is in trouble
PAGES: Final = (*PageState, TROUBLE)
WITH_BUTTON: Final = (PageState.ASK, PageState.TOO_SOON, PageState.BOTH)
DIRECTIONS: Final = ("ltr", "rtl")
DAYS: Final = 7

LONGEST_TITLE = 80  # characters; a phone shows some thirty in a line
LONGEST_LINE = 400
LONGEST_BUTTON = 40
LONGEST_WORD = 60
LONGEST_PROMISE = 160
LONGEST_CITING = 120
MONTHS: Final = 12
LONGEST_TIMES_BYTES = 200  # opening hours that take more to write are not written
MOST_LINES = 5
MOST_WORDS = 20

PROMISES: Final = {
    "within": frozenset({"hours"}),
    "within_open": frozenset({"hours", "times", "zone"}),
    "open": frozenset({"times", "zone"}),
}
CITED: Final = frozenset({"day", "month", "year", "name"})
ONE: Final = "_one"  # after the name of a sentence: the same for one hour, where it is another
HAVING_ONE: Final = ("within", "within_open")


class Page(Struct, frozen=True):
    """What one page says, and in which language. Without a `button` there is nothing left to press."""

    title: str
    lines: tuple[str, ...]
    button: str = ""
    language: str = ""
    direction: str = DIRECTIONS[0]


class Promise(Struct, frozen=True):
    """How a language says when people answer. The sentences for one hour may differ from those for several."""

    days: tuple[str, ...]  # from Monday on
    sentences: Mapping[str, str]  # by the names of PROMISES, those for one hour with ONE after them


class Citing(Struct, frozen=True):
    """How a language says who wrote what is quoted, and when."""

    months: tuple[str, ...]  # as they stand in a date
    wrote: str


class Phrases(Struct, frozen=True):
    """All words of one language that were checked. What its file leaves out is missing here too."""

    language: str
    pages: Mapping[str, Page] = {}
    promise: Promise | None = None
    answer: tuple[str, ...] = ()  # one of these must stand in a question that can be answered by mail
    citing: Citing | None = None


def from_table(language: str, table: Mapping[str, Any], file: str, line: Line) -> Phrases:
    """Read the parsed file of `language`; `line` tells where a value stands.

    Raises:
        ConfigError: with every fault of the file.
    """
    reader = _Reader(file, line)
    reader.unknown(table, ("direction", "answer", "promise", "quote", *PAGES))
    direction = reader.direction(table)
    phrases = Phrases(
        language,
        {name: reader.page(table, name, language, direction) for name in PAGES if name in table},
        reader.promise(table) if "promise" in table else None,
        reader.words(table, "answer", "", MOST_WORDS, LONGEST_WORD) if "answer" in table else (),
        reader.citing(table) if "quote" in table else None,
    )
    if reader.faults:
        raise ConfigError(reader.faults)
    return phrases


def completed(phrases: Phrases, by: Phrases) -> Phrases:
    """The same, with the words of another language for what is missing; a page is in one language or the other."""
    pages = {**by.pages, **phrases.pages}
    return replace(phrases, pages=pages, promise=phrases.promise or by.promise, citing=phrases.citing or by.citing)


def missing(phrases: Phrases) -> Iterator[str]:
    """The keys that a language lacks which every other falls back on."""
    yield from (name for name in PAGES if name not in phrases.pages)
    yield from (name for name in ("promise", "answer") if not getattr(phrases, name))


def promised(promise: Promise | None, mailbox: Mailbox | None) -> str:
    """When people of `mailbox` answer, in one sentence; "" where nothing is said of it."""
    if promise is None or mailbox is None:
        return ""
    hours, opening = mailbox.answer_within_h, mailbox.opening
    written = times(promise, opening) if opening else ""
    if opening is None or len(written.encode()) > LONGEST_TIMES_BYTES:
        return _sentence(promise, "within", hours, {}) if hours and opening is None else ""
    return _sentence(promise, "within_open" if hours else "open", hours, {"times": written, "zone": opening.zone_name})


def cited_by(citing: Citing, name: str, at: datetime) -> str:
    """The line above a quote: `On 5 Jan 2026, Anne wrote:`."""
    date = {"day": str(at.day), "month": citing.months[at.month - 1], "year": str(at.year)}
    return Substitution(citing.wrote).substitute(date, name=name)


def longest(promise: Promise | None) -> str:
    """What no promise of this language is longer than."""
    if promise is None:
        return ""
    values = {"hours": "9" * 4, "times": "x" * LONGEST_TIMES_BYTES, "zone": "x" * LONGEST_WORD}
    sentences = (Substitution(text).substitute(values) for text in promise.sentences.values())
    return max(sentences, key=lambda sentence: len(sentence.encode()))


def times(promise: Promise, opening: Opening) -> str:
    """`Mon-Fri 09:00-12:00, 13:00-17:00; Sat 10:00-14:00`: days that are alike stand together."""
    by_day = [
        ", ".join(f"{_clock(span.start_min)}-{_clock(span.end_min)}" for span in opening.spans if span.day == day)
        for day in range(DAYS)
    ]
    groups = []
    for hours, days in groupby(range(DAYS), lambda day: by_day[day]):
        first, *others = days
        if hours:
            groups.append(f"{'-'.join(promise.days[day] for day in (first, *others[-1:]))} {hours}")
    return "; ".join(groups)


def _sentence(promise: Promise, name: str, hours: int, values: Mapping[str, str]) -> str:
    sentences = promise.sentences
    text = sentences.get(f"{name}{ONE}", sentences[name]) if hours == 1 else sentences[name]
    return Substitution(text).substitute({"hours": str(hours), **values})


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


class _Reader(KeyedTables):
    """Reads the tables of one file."""

    def direction(self, table: Mapping[str, Any]) -> str:
        value = table.get("direction", DIRECTIONS[0])
        if value in DIRECTIONS:
            return str(value)
        self.fault("direction", value, "ltr or rtl")
        return DIRECTIONS[0]

    def page(self, table: Mapping[str, Any], name: str, language: str, direction: str) -> Page:
        section, place = self.section(table, name), f"{name}."
        self.unknown(section, ("title", "lines", "button"), place)
        title = self.phrase(section, "title", place, LONGEST_TITLE)
        lines = self.words(section, "lines", place, MOST_LINES, LONGEST_LINE)
        button = ""
        if name in WITH_BUTTON:
            button = self.phrase(section, "button", place, LONGEST_BUTTON)
        elif "button" in section:
            self.fault(f"{place}button", section["button"], "no button: there is nothing to press")
        return Page(title, lines, button, language, direction)

    def promise(self, table: Mapping[str, Any]) -> Promise:
        section, place = self.section(table, "promise"), "promise."
        names = {**PROMISES, **{f"{name}{ONE}": PROMISES[name] for name in HAVING_ONE}}
        self.unknown(section, ("days", *names), place)
        days = self.words(section, "days", place, DAYS, LONGEST_WORD)
        if len(days) != DAYS:
            self.fault(f"{place}days", section.get("days"), f"{DAYS} names of days, from Monday on")
        wanted = {name: values for name, values in names.items() if name in PROMISES or name in section}
        sentences = {name: self.sentence(section, name, place, values) for name, values in wanted.items()}
        return Promise(days, sentences)

    def sentence(self, table: Mapping[str, Any], name: str, place: str, values: frozenset[str]) -> str:
        """A promise; the number may be left out only where it is one, and may then be a word."""
        text = self.phrase(table, name, place, LONGEST_PROMISE, values)
        needed = values - {"hours"} if name.endswith(ONE) else values
        lacking = sorted(needed - set(Substitution(text).get_identifiers()))
        if text and lacking:
            self.fault(f"{place}{name}", text, f"a sentence with ${{{lacking[0]}}}")
        return text

    def citing(self, table: Mapping[str, Any]) -> Citing:
        section, place = self.section(table, "quote"), "quote."
        self.unknown(section, ("months", "wrote"), place)
        months = self.words(section, "months", place, MONTHS, LONGEST_WORD)
        if len(months) != MONTHS:
            self.fault(f"{place}months", section.get("months"), f"{MONTHS} names of months, from January on")
        wrote = self.phrase(section, "wrote", place, LONGEST_CITING, CITED)
        lacking = sorted(CITED - set(Substitution(wrote).get_identifiers())) if wrote else []
        if lacking:
            self.fault(f"{place}wrote", wrote, f"a sentence with ${{{lacking[0]}}}")
        return Citing(months, wrote)

    def phrase(
        self, table: Mapping[str, Any], key: str, place: str, most: int, allowed: frozenset[str] = frozenset()
    ) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip() or len(value) > most:
            self.fault(f"{place}{key}", value, f"a text of 1 to {most} characters")
            return ""
        return value.strip() if self.plain(value, f"{place}{key}", allowed) else ""

    def words(self, table: Mapping[str, Any], key: str, place: str, most: int, longest: int) -> tuple[str, ...]:
        values = table.get(key)
        if not isinstance(values, list) or not 1 <= len(values) <= most:
            self.fault(f"{place}{key}", values, f"a list of 1 to {most} texts")
            return ()
        for value in values:
            if not isinstance(value, str) or not value.strip() or len(value) > longest:
                self.fault(f"{place}{key}", value, f"texts of 1 to {longest} characters")
            else:
                self.plain(value, f"{place}{key}")
        return tuple(map(str, values))

    def plain(self, text: str, key: str, allowed: frozenset[str] = frozenset()) -> bool:
        """Find fault with what no text of ours may hold; is there nothing of it?"""
        try:
            template.check_line(text, allowed)
        except template.TemplateError as error:
            self.fault_in_words(key, error.found, error.allowed)
            return False
        return True
