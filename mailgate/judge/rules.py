"""The signals of the rule files, checked and made ready: whatever is wrong is found here, before any mail comes.

Each `[[signal]]` is one claim about a mail and what it weighs. They are indexed by the header they look at, so that
a mail pays only for the rare headers it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mailgate.errors import ConfigError, Fault
from mailgate.judge.conditions import LISTS, MATCHERS, READS, Condition, Read, WrongValueError, matcher
from mailgate.judge.fields import FIELDS
from mailgate.judge.pardons import NO_PARDONS, Pardons
from mailgate.judge.ruling.asking import NO_RULES, Rules
from mailgate.judge.watch import Watch
from mailgate.judge.weighs import NO_WEIGHS, Weighs
from mailgate.judge.wordlists import Words
from mailgate.model import Disposition, Kind, Strength
from mailgate.tables import Tables, nearest

MOST_SIGNALS = 2000
REMEMBERED_MOST = 256  # values of a field
REMEMBERED_CHARS = 64  # of each, so that all fields together remember some megabytes at most

HEADER = "header:"
TABLES = ("signal", "words", "forwarder", "channel", "rule", "weigh")  # that a rule file may have
CONDITION = frozenset({"field", "read", *MATCHERS})
_TEXTS = ("id", "strength", "says", "source")  # without which a signal is no signal
_KEYS = CONDITION | {
    *_TEXTS,
    "kind",
    "disposition",
    "family",
    "also",
    "unless",
    "firm",
    "pin",
    "asks_back",
    "note",
    "hits",
    "misses",
}
_PER_FAMILY = frozenset({Strength.HINT, Strength.WEAK})
_WITH_KIND = frozenset({Strength.DECISIVE, Strength.STRONG})

Document = tuple[str, Mapping[str, Any], Sequence[int]]  # file name, its tables, the line of each [[signal]]


@dataclass(frozen=True, slots=True)
class Signal:
    """A claim about a mail and what it weighs where it holds: the condition, all of `also`, and none of `unless`."""

    place: int  # in reading order, which is the order of findings
    id: str
    condition: Condition
    also: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    strength: Strength
    kind: Kind | None
    disposition: Disposition | None
    family: str
    says: str
    source: str
    rule: str  # "20-headers.toml:42"
    hits: tuple[str, ...]  # values of the field that the condition must accept, and
    misses: tuple[str, ...]  # those it must not: they are tried whenever the file is read
    firm: bool = False  # it counts whatever a channel says of the sender
    pin: str = ""  # what it asks of the operator
    asks_back: bool = False  # it is another system's question to whoever wrote


Given = tuple[tuple[Signal, str], ...]  # signals, each with the value that gave it


class Watched:
    """The signals that look at one field. What a short value gave is remembered, for most say the same few things."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        self.signals = tuple(signals)
        self._watch = Watch([signal.condition for signal in signals])
        self._given_by_one = lru_cache(REMEMBERED_MOST)(lambda value: self._given((value,)))

    def given(self, values: Sequence[str]) -> Given:
        """The signals whose own condition accepts one of `values`, each with what it accepts."""
        if len(values) == 1 and len(values[0]) <= REMEMBERED_CHARS:
            return self._given_by_one(values[0])
        return self._given(values)

    def _given(self, values: Sequence[str]) -> Given:
        return tuple((self.signals[place], seen) for place, seen in self._watch.seen(values))


@dataclass(frozen=True, slots=True)
class Signals:
    """All signals, found by what they look at, what takes the weight from some of them, and where tickets go."""

    all: tuple[Signal, ...]
    by_header: Mapping[str, Watched]
    by_prefix: Mapping[str, Watched]  # header names that begin so
    by_field: Mapping[str, Watched]
    prefixes: tuple[str, ...]
    pardons: Pardons = NO_PARDONS
    rules: Rules = NO_RULES
    weighs: Weighs = NO_WEIGHS


def compile_signals(documents: Sequence[Document], words: Words | None = None) -> Signals:
    """Check the `[[signal]]` tables of parsed rule files, in this order; `words` are the lists that they may name.

    Raises:
        ConfigError: with every fault of every file.
    """
    reader = _SignalReader(words or {})
    for file, document, lines in documents:
        reader.document(file, document, lines)
    if reader.faults:
        raise ConfigError(reader.faults)
    return _indexed(tuple(reader.signals))


def _indexed(signals: tuple[Signal, ...]) -> Signals:
    by_header: dict[str, list[Signal]] = {}
    by_prefix: dict[str, list[Signal]] = {}
    by_field: dict[str, list[Signal]] = {}
    for signal in signals:
        for field in signal.condition.fields:
            name = field.removeprefix(HEADER)
            index = by_field if name == field else by_prefix if name.endswith("*") else by_header
            index.setdefault(name.rstrip("*"), []).append(signal)
    return Signals(signals, _watched(by_header), _watched(by_prefix), _watched(by_field), tuple(by_prefix))


def _watched(index: Mapping[str, Sequence[Signal]]) -> dict[str, Watched]:
    return {name: Watched(signals) for name, signals in index.items()}


class Reader(Tables):
    """Reads the tables of one name, of which one kind of reader each makes what is right."""

    most = 0

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.words = words
        self.rules: dict[str, str] = {}  # where each id stands
        self._read = 0

    def document(self, file: str, document: Mapping[str, Any], lines: Sequence[int]) -> None:
        """Read the tables of a parsed rule file; `lines` are their lines."""
        self.file = file
        for table in self.each(document, lines):
            self._read += 1
            if self._read > self.most:
                self.fault("", "one more", f"at most {self.most} {self.name}s")
                return
            self.table(table)

    def table(self, table: Mapping[str, Any]) -> None:
        """Read one table; it is kept where nothing is wrong with it."""
        raise NotImplementedError

    def condition(self, table: Mapping[str, Any], place: str) -> Condition | None:
        """The condition of a table, or None where it has a fault."""
        before = len(self.faults)
        fields = table.get("field")
        names = tuple(fields) if isinstance(fields, list) else (fields,)
        for name in names or (None,):
            self.field(name, f"{place}field")
        read = self.one_of(table, "read", Read, place) or Read.TEXT
        given = [name for name in MATCHERS if name in table]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            self.fault_in_words(f"{place}{given[0] if given else 'is'}", found, f"one of {', '.join(MATCHERS)}")
            return None
        try:
            accepts = matcher(given[0], self.listed(given[0], table[given[0]]))
        except WrongValueError as wrong:
            self.fault_in_words(f"{place}{given[0]}", wrong.found, wrong.allowed)
            return None
        return Condition(names, READS[read], accepts) if len(self.faults) == before else None

    def listed(self, name: str, value: Any) -> Any:
        """The words of the lists that `value` names, where the matcher takes a list.

        Raises WrongValueError for an unknown name.
        """
        if name not in LISTS or not isinstance(value, str):
            return value
        names = value.split(" + ")
        unknown = next((one for one in names if one not in self.words), None)
        if unknown is not None:
            known = ", ".join(self.words) or "none"
            raise WrongValueError(repr(unknown), f"a list of texts, or names of lists with + between them: {known}")
        return [word for one in names for word in self.words[one]]

    def conditions(self, table: Mapping[str, Any], key: str) -> tuple[Condition, ...]:
        """The further conditions under `key`: one table, or a list of them."""
        value = table.get(key, [])
        found = []
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, dict):
                self.fault(key, each, '{ field = "…", is = ["…"] }')
                continue
            self.unknown(each, CONDITION, f"{key}.")
            found.append(self.condition(each, f"{key}."))
        return tuple(filter(None, found))

    def field(self, name: Any, key: str) -> None:
        if isinstance(name, str) and (name in FIELDS or is_header(name)):
            return
        allowed = '"header:name" in lower case, or a field of signals that `mailgate rules fields` lists'
        self.fault(key, name, allowed, nearest(name, FIELDS))

    def examples(self, table: Mapping[str, Any], key: str, condition: Condition | None) -> tuple[str, ...]:
        """Values that the signal says it hits or misses, tried at once."""
        values = table.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.fault(key, values, "a list of texts")
            return ()
        for value in values:
            if condition and (condition.accepted(value) is not None) is not (key == "hits"):
                self.fault(key, value, f"values that the signal {key}")
        return tuple(values)

    def named(self, name: str) -> str:
        """Where the table of this id stands, which must be the only one."""
        rule = f"{self.file}:{self.line}"
        if name and name in self.rules:
            self.fault("id", name, f"an id that is not used yet (it stands in {self.rules[name]})")
        self.rules.setdefault(name, rule)
        return rule


class _SignalReader(Reader):
    """Reads `[[signal]]` tables."""

    name = "signal"
    most = MOST_SIGNALS

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self.signals: list[Signal] = []

    def document(self, file: str, document: Mapping[str, Any], lines: Sequence[int]) -> None:
        for key in (key for key in document if key not in TABLES):
            self.faults.append(Fault(file, 0, key, repr(key), f"one of {', '.join(TABLES)}", nearest(key, TABLES)))
        super().document(file, document, lines)

    # Long because it reads one table after the other of what a signal has, and that is all it does.
    def table(self, table: Mapping[str, Any]) -> None:
        """Read one table; it is kept where nothing is wrong with it."""
        before = len(self.faults)
        self.unknown(table, _KEYS)
        texts = {key: self.text(table, key) for key in _TEXTS}
        strength = self.one_of(table, "strength", Strength)
        kind, disposition = self.one_of(table, "kind", Kind), self.one_of(table, "disposition", Disposition)
        family = self.text(table, "family") if strength in _PER_FAMILY else ""
        if kind and strength not in _WITH_KIND:
            self.fault("kind", table["kind"], "a kind only where strength is decisive or strong")
        if "family" in table and strength not in _PER_FAMILY:
            self.fault("family", table["family"], "a family only where strength is hint or weak")
        condition = self.condition(table, "")
        also, unless = self.conditions(table, "also"), self.conditions(table, "unless")
        rule = self.named(texts["id"])
        hits, misses = self.examples(table, "hits", condition), self.examples(table, "misses", condition)
        asks_back = self.flag(table, "asks_back")
        firm, pin = self.flag(table, "firm"), self.text(table, "pin") if "pin" in table else ""
        if len(self.faults) > before or condition is None or strength is None:
            return
        self.signals.append(
            Signal(
                place=len(self.signals),
                id=texts["id"],
                condition=condition,
                also=also,
                unless=unless,
                strength=strength,
                kind=kind,
                disposition=disposition,
                family=family,
                says=texts["says"],
                source=texts["source"],
                rule=rule,
                hits=hits,
                misses=misses,
                firm=firm,
                pin=pin,
                asks_back=asks_back,
            )
        )


def is_header(name: str) -> bool:
    """A header field by its lower-case name, or every one that begins so: `header:x-campaign*`."""
    bare = name.removeprefix(HEADER).removesuffix("*")
    plain = bare.isascii() and bare.isprintable() and bare == bare.lower() and set(" *:").isdisjoint(bare)
    return name.startswith(HEADER) and bool(bare) and plain
