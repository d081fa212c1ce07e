"""The forms of reports that machines write in words, checked and made ready; knows no report and no vendor itself.

What `reports.toml` calls a phrase is plain text without regard to case in which `*` stands for anything; a line begins
with it, marks that frame a line left aside. Recipients are found by RE2, in which `{address}` stands for an address.
Every phrase counts for every report, whichever form it stands in: mail systems use each other's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import re2

from mailgate.errors import ConfigError
from mailgate.tables import Document, Tables, nearest

T = TypeVar("T")
Regexp: TypeAlias = Any  # a compiled pattern; re2 brings no types along

SAYS = ("failed", "delayed", "delivered", "displayed", "complaint")  # the first that is said counts
ACTIONS = (*SAYS[:3], "relayed", "expanded")  # RFC 3464 section 2.3.3
MOST_FORMS = 500
MOST_PHRASES = 200  # in one list
LONGEST_PHRASE = 300  # characters, of a pattern as well
PHRASES_TOGETHER = 1000  # in one automaton
MOST_MEMORY_BYTES = 64 * 1024 * 1024  # of one pattern made of all phrases; RE2's default is an eighth of it

_ADDRESS = r"""(?P<address>[^\s<>()\[\]",;:|='*]+@(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*[A-Za-z0-9])"""
_FRAME = r"""^[\s*=#•·"'(\[-]*"""
_FORM = ("vendor", "says", "subject", "opens", "returned", "recipient", "otherwise", "header")
_STATUS = ("status", "words")
_TABLES = ("senders", "actions", "codes", "form", "status")
_SENDERS = ("daemons", "offices")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases by what they say became of a mail, "" for those that say nothing of it.

    Each set is asked once, whatever it holds; the place of a pattern in it is that of its word in `says`.
    """

    sets: tuple[tuple[tuple[str, ...], re2.Set], ...] = ()

    def begin(self, line: str) -> bool:
        """Does the line begin with one of them?"""
        return bool(self.said(line))

    def said(self, line: str) -> frozenset[str]:
        """What those phrases say that the line begins with; nothing where it begins with none."""
        raw = _bytes(line)
        return frozenset([says[place] for says, patterns in self.sets for place in patterns.Match(raw) or ()])


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns that find an address in a line."""

    every: Regexp | None = None
    each: tuple[Regexp, ...] = ()

    def address(self, line: str) -> str:
        """The address that the first of them finds, or ""."""
        raw = _bytes(line)
        if self.every is None or b"@" not in raw or self.every.search(raw) is None:
            return ""
        found = (pattern.search(raw) for pattern in self.each)
        return next((match.group("address").decode("utf-8", "replace") for match in found if match), "")


@dataclass(frozen=True, slots=True)
class Forms:
    """All that is known of how reports look. The empty one knows none, so that only standard ones are read."""

    daemons: frozenset[str] = frozenset()  # local parts of mail systems alone
    offices: frozenset[str] = frozenset()  # local parts that mail systems share with people
    headers: frozenset[str] = frozenset()  # names of fields that only reports carry
    actions: Mapping[str, str] = field(default_factory=dict)  # words that stand for an action
    subjects: Phrases = field(default_factory=Phrases)
    openings: Phrases = field(default_factory=Phrases)
    returned: Phrases = field(default_factory=Phrases)  # the line where the returned mail begins
    recipients: Patterns = field(default_factory=Patterns)
    otherwise: Patterns = field(default_factory=Patterns)  # asked where the others find nobody
    statuses: tuple[tuple[str, Regexp], ...] = ()  # words that stand for an enhanced status code
    codes: Mapping[str, str] = field(default_factory=dict)  # reply codes that do


def compile_forms(table: Mapping[str, Any], file: str, listed: Mapping[str, Sequence[Document]]) -> Forms:
    """Check a parsed `reports.toml`; `listed` are the files with its `[[form]]` and `[[status]]` tables.

    Raises:
        ConfigError: with every fault of the file.
    """
    reader = _Reader(file)
    reader.unknown(table, _TABLES)
    senders, actions, codes = (reader.section(table, key) for key in ("senders", "actions", "codes"))
    forms = reader.read("form", listed, reader.form)
    statuses = reader.read("status", listed, reader.status)
    reader.line = 0
    reader.name = "codes"
    replies = {code: reader.code(code, status) for code, status in codes.items()}
    reader.name = "senders"
    reader.unknown(senders, _SENDERS)
    names = {key: reader.phrases(senders, key) for key in _SENDERS}
    reader.name = "actions"
    reader.unknown(actions, ACTIONS)
    words = {word: action for action in actions for word in reader.phrases(actions, action)}
    if reader.faults:
        raise ConfigError(reader.faults)
    return Forms(
        daemons=frozenset(names["daemons"]),
        offices=frozenset(names["offices"]),
        headers=frozenset(name for form in forms for name in form["header"]),
        actions=words,
        subjects=_phrases(forms, "subject"),
        openings=_phrases(forms, "opens"),
        returned=_phrases(forms, "returned"),
        recipients=_patterns(pattern for form in forms for pattern in form["recipient"]),
        otherwise=_patterns(pattern for form in forms for pattern in form["otherwise"]),
        statuses=tuple((status, _compiled("|".join(map(_glob, words)))) for status, words in statuses),
        codes=replies,
    )


class _Reader(Tables):
    """Reads the tables of one file."""

    def read(self, name: str, listed: Mapping[str, Sequence[Document]], one: Callable[[Any], T]) -> list[T]:
        """What `one` makes of each table [[name]]."""
        self.name = name
        made = [one(each) for each in self.of_all(listed.get(name, ()))]
        if len(made) > MOST_FORMS:
            self.fault("", len(made), f"at most {MOST_FORMS} [[{name}]] tables")
        return made

    def form(self, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """One form, every list of it there."""
        self.unknown(table, _FORM)
        if not isinstance(table.get("vendor"), str):
            self.fault("vendor", table.get("vendor"), "a text: where the form was seen")
        says = table.get("says", "")
        if says not in ("", *SAYS):
            self.fault("says", says, f"one of {', '.join(SAYS)}", nearest(says, SAYS))
        lists = {key: self.phrases(table, key) for key in _FORM[2:]}
        for key in ("recipient", "otherwise"):
            for pattern in lists[key]:
                self.pattern(key, pattern)
        return {"says": says, **lists}

    def status(self, table: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        self.unknown(table, _STATUS)
        return self.code("", table.get("status")), self.phrases(table, "words")

    def code(self, key: str, value: Any) -> str:
        """An enhanced status code (RFC 3463 section 2) of a failure."""
        if isinstance(value, str) and re2.search(r"^[45]\.\d{1,3}\.\d{1,3}$", value):
            return value
        self.fault(key, value, 'an enhanced status code such as "5.1.1"')
        return ""

    def phrases(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        values = table.get(key, [])
        good = isinstance(values, list) and all(isinstance(one, str) and one.strip() for one in values)
        if not good or len(values) > MOST_PHRASES or any(len(one) > LONGEST_PHRASE for one in values):
            allowed = f"a list of at most {MOST_PHRASES} texts of at most {LONGEST_PHRASE} characters"
            self.fault(key, values, allowed)
            return ()
        return tuple(values)

    def pattern(self, key: str, pattern: str) -> None:
        if "{address}" not in pattern:
            self.fault(key, pattern, "a pattern with {address} in it")
            return
        try:
            _compiled(_with_address(pattern))
        except re2.error as error:
            words = error.args[0].decode("utf-8", "replace") if error.args else "no pattern"
            self.fault(key, f"{pattern} ({words})", "RE2 syntax: no look-around, no back-references")


def _phrases(forms: Sequence[Mapping[str, Any]], key: str) -> Phrases:
    phrases = sorted((form["says"], _glob(phrase)) for form in forms for phrase in form[key])
    return Phrases(tuple(map(_together, _batched(phrases, PHRASES_TOGETHER))))


def _together(phrases: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], re2.Set]:
    by_says: dict[str, list[str]] = {}
    for says, glob in phrases:
        by_says.setdefault(says, []).append(glob)
    patterns = re2.Set.SearchSet(_options())
    for globs in by_says.values():
        patterns.Add(f"{_FRAME}(?:{'|'.join(globs)})")
    patterns.Compile()
    return tuple(by_says), patterns


def _batched(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (values[at : at + most] for at in range(0, len(values), most))


def _patterns(patterns: Iterable[str]) -> Patterns:
    each = tuple(map(_with_address, patterns))
    nameless = "|".join(pattern.replace("?P<address>", "?:") for pattern in each)
    return Patterns(_compiled(nameless), tuple(map(_compiled, each))) if each else Patterns()


def _with_address(pattern: str) -> str:
    return pattern.replace("{address}", _ADDRESS)


def _glob(phrase: str) -> str:
    escaped: str = re2.escape(phrase)
    return escaped.replace(r"\*", ".*").replace(r"\ ", r"\s+")


def _compiled(pattern: str) -> Regexp:
    return re2.compile(pattern, _options())


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = MOST_MEMORY_BYTES
    return options


def _bytes(text: str) -> bytes:
    # Bytes spare the library the translation of offsets, which nobody asks for.
    return text.encode("utf-8", "replace")
