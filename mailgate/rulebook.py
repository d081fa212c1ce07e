"""Faces: reads the folders of rule files into one value that judges and writes, or says all that is wrong with it.

Two layers: the shipped folder and the operator's own over it (`rulefiles` reads them, `layering` lays them over one
another). Signals, rules and whatever else is listed come from every `*.toml` but limits.toml, reports.toml,
quotes.toml, languages.toml and relays.toml, in lexical order, those of the operator last; the texts of automatic mail
from `replies/<language>/`, those for our own people from `notices/<language>/<name>.txt`, long lists from
`maps/<name>.txt`. A folder without one of the last four files, or without notices, uses what mailgate brings along.
Folders with any fault are refused as a whole: the rules in force stay in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from mailgate import layering, rulechanges, rulefiles
from mailgate.config import tomlfile
from mailgate.config.pointing import pointed
from mailgate.config.tomlfile import TomlFile
from mailgate.errors import ConfigError, Fault
from mailgate.judge import floors
from mailgate.judge.limits import Limits
from mailgate.judge.pardon_tables import with_pardons
from mailgate.judge.relays import Renaming, compile_relays
from mailgate.judge.rules import TABLES, Signals, compile_signals
from mailgate.judge.ruling import maps
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.maps import MapFile
from mailgate.judge.ruling.reading import compile_rules
from mailgate.judge.weighing import compile_weighs
from mailgate.judge.wordlists import compile_words
from mailgate.mail import language, quotes
from mailgate.mail.canned import Canned
from mailgate.mail.language import FIRST, Tongues
from mailgate.mail.phrases import Phrases
from mailgate.mail.quotes import Quotes
from mailgate.mail.report.forms import Forms, compile_forms
from mailgate.mail.template import Template
from mailgate.noticebook import NOTICE_VALUES, NOTICES, notices_of
from mailgate.replybook import ACKNOWLEDGE, FIRST_WORDS, REPLIES, WORDS, Replies, replies_of
from mailgate.rulefiles import Folders, Layers
from mailgate.tables import Document

T = TypeVar("T")

LIMITS = "limits.toml"
REPORTS = "reports.toml"
QUOTES = "quotes.toml"
LANGUAGES = "languages.toml"
RELAYS = "relays.toml"
OF_THEIR_OWN = (LIMITS, REPORTS, QUOTES, LANGUAGES, RELAYS)  # files that are read one by one
# All kinds of tables that have names, with the one file that they stand in.
LISTED: Mapping[str, str] = {
    **dict.fromkeys(TABLES, ""),
    "limit": LIMITS,
    "form": REPORTS,
    "status": REPORTS,
    "relay": RELAYS,
}
VERSION_CHARS = 12


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rule files of both layers, checked. `version` changes with any byte of them."""

    version: str
    signals: Signals
    limits: Limits
    templates: Mapping[str, Mapping[str, Template]]  # by language, then by name; each language has all
    phrases: Mapping[str, Phrases]  # by language; each has all words
    canned: Mapping[str, Mapping[str, Canned]]  # by language, then by name; whoever looks one up asks `replybook`
    tongues: Tongues
    notices: Mapping[str, Mapping[str, Template]]  # the same for our own people; English has them all
    quotes: Quotes
    reports: Forms
    relays: tuple[Renaming, ...]
    maps: Mapping[str, MapFile]  # by name
    contents: Mapping[str, bytes]  # of every file by its name: its path, for those of the operator behind `local/`
    items: Mapping[str, str]  # a digest of everything that has a name, so that two books can be compared
    notes: tuple[Fault, ...] = ()  # what is no fault, and hardly meant so

    @property
    def files(self) -> Mapping[str, str]:
        """The SHA-256 of every file by its name."""
        return _hashes(self.contents)


def shipped_folder(package: Path = Path(__file__).parent) -> Path:
    """The rule files that mailgate brings along: beside the package in a checkout, inside it in an installation."""
    beside = package.parent / "rules"
    return beside if (beside / LIMITS).is_file() else package / "shipped_rules"


def load(folder: Path, local: Path | None = None) -> Rulebook:
    """Read and check every rule file of `folder`, and of the operator's own in `local` over it.

    Without a name for those they are in the folder `local` inside `folder`, where it is there.

    Raises:
        ConfigError: with every fault of every file; a file that cannot be read or is no TOML is one.
    """
    faults: list[Fault] = []
    folders = Folders.of(folder, local)
    layers = rulefiles.read(folders, faults)
    if LIMITS not in layers.shipped:
        faults.append(Fault(LIMITS, 0, "file", "nothing", f"a file {LIMITS}: no limits, no automatic mail"))
    laid = _Laid(_tables(layers.shipped, faults), _tables(layers.local, faults), faults)
    marks = _checked(partial(_quotes, laid), faults)
    reports = _checked(partial(_reports, laid), faults)
    tongues = _checked(partial(_tongues, laid), faults)
    relays = _checked(partial(_relays, laid), faults)
    lists = _maps(layers, faults)
    signals = _checked(partial(_signals, laid, lists), faults)
    limits = _checked(partial(_limits, laid), faults) if LIMITS in laid.shipped else None
    replies = _checked(partial(_replies, layers), faults)
    notices = _checked(partial(_notices, layers), faults)
    if signals and replies:
        faults += _unwritten(signals.rules, replies[0])
    if faults or not (signals and limits and marks and reports and tongues and replies and notices):
        raise ConfigError(shown(faults, layers.all, folders))
    assert relays is not None
    version, notes = _version(_hashes(layers.all)), tuple(shown(laid.notes(), layers.all, folders))
    items = rulechanges.items(laid.every(), layers)
    return Rulebook(
        *(version, signals, limits, *replies, tongues, notices, marks, reports, relays, lists),
        *(layers.all, items, notes),
    )


def shown(faults: Iterable[Fault], contents: Mapping[str, bytes], folders: Folders) -> list[Fault]:
    """Faults of files of these contents, with the lines of them, and the whole path of each."""

    def text(name: str) -> str | None:
        return contents[name].decode(errors="replace") if name in contents else None

    found = pointed(faults, text)
    return [replace(fault, file=str(folders.path(fault.file))) for fault in found]


def quotes_in(folder: Path, local: Path | None = None) -> Quotes:
    """Only how old words are marked, for who shows mail and judges none.

    Raises:
        ConfigError: with every fault of the file.
    """
    folders = Folders.of(folder, local)
    faults: list[Fault] = []
    files = [
        {QUOTES: tomlfile.read(path / QUOTES)} if path and (path / QUOTES).is_file() else {}
        for path in (folders.shipped, folders.local)
    ]
    return _quotes(_Laid(files[0], files[1], faults))


class _Laid:
    """The parsed files of both layers, by their path in it; what is asked for is laid over one another."""

    def __init__(self, shipped: Mapping[str, TomlFile], local: Mapping[str, TomlFile], faults: list[Fault]) -> None:
        self.shipped = shipped
        self.local = local
        self.faults = faults

    def listed(self, kind: str, only: str = "") -> list[TomlFile]:
        """All files with the [[kind]] tables that hold, in their order; of the files of their own `only` one."""
        return layering.laid(*self._two(only), kind, self.faults)

    def documents(self, kind: str, only: str = "") -> list[Document]:
        """The same for readers that ask for the lines of such tables alone."""
        return [(file.name, file.document, _lines(file, kind)) for file in self.listed(kind, only)]

    def names(self, kind: str) -> frozenset[str]:
        """By what the [[kind]] tables of both layers are known, whether they hold or not."""
        return frozenset(name[0] for files in self._two("") for name in layering.names(files, kind))

    def merged(self, name: str, read: Callable[[TomlFile], T], *kinds: str) -> T:
        """What `read` makes of the keys of the file; its faults stand where they were written."""
        shipped, local = self._shipped(name), self.local.get(name)
        try:
            return read(layering.merged(shipped, local, kinds))
        except ConfigError as error:
            raise ConfigError([layering.placed(fault, shipped, local) for fault in error.faults]) from error

    def notes(self) -> Iterator[Fault]:
        """What changes nothing, though it was meant to."""
        for kind, only in LISTED.items():
            yield from layering.idle(*self._two(only), kind)
        for name in (LIMITS, QUOTES, LANGUAGES, REPORTS):
            yield from layering.idle_keys(self._shipped(name), self.local.get(name))

    def every(self) -> Iterator[tuple[str, TomlFile]]:
        """Everything that holds: the tables of each kind, then the files of keys, each with what it is called."""
        for kind, only in LISTED.items():
            yield from ((kind, file) for file in self.listed(kind, only))
        for name in (LIMITS, QUOTES, LANGUAGES, REPORTS):
            kinds = [kind for kind, only in LISTED.items() if only == name]
            yield name, layering.merged(self._shipped(name), self.local.get(name), kinds)

    def _two(self, only: str) -> tuple[list[TomlFile], list[TomlFile]]:
        if only:
            return [self._shipped(only)], [self.local[only]] if only in self.local else []
        shipped, local = (
            [file for name, file in files.items() if name not in OF_THEIR_OWN] for files in (self.shipped, self.local)
        )
        return shipped, local

    def _shipped(self, name: str) -> TomlFile:
        """The file of the folder, or what mailgate brings along where it has none."""
        return self.shipped[name] if name in self.shipped else tomlfile.read(shipped_folder() / name)


def _tables(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, TomlFile]:
    """The parsed files of one layer by their path in it; texts and what belongs to them aside."""
    paths = {name: name.removeprefix(f"{rulefiles.LOCAL}/") for name in files}
    parsed = {
        path: _checked(partial(_table, name, files[name]), faults)
        for name, path in paths.items()
        if "/" not in path and path.endswith(".toml")
    }
    return {path: file for path, file in parsed.items() if file is not None}


def _table(name: str, raw: bytes) -> TomlFile:
    return tomlfile.parse(tomlfile.text_of(raw, name), name)


def _signals(laid: _Laid, lists: Mapping[str, MapFile]) -> Signals:
    # Rules lie deeper than the others: each of their keys has a line.
    rules = compile_rules([(file.name, file.document, file.line) for file in laid.listed("rule")], maps.matchers(lists))
    listed = compile_words(laid.documents("words"))
    signals = compile_signals(laid.documents("signal"), listed)
    pardoning = laid.documents("forwarder"), laid.documents("channel")
    judged = with_pardons(signals, listed, *pardoning, switched_off=laid.names("signal"))
    return replace(judged, rules=rules, weighs=compile_weighs(laid.documents("weigh"), listed))


def _unwritten(rules: Rules, texts: Mapping[str, Mapping[str, Template]]) -> Iterator[Fault]:
    """Rules that choose a text which no language has."""
    written = {name for own in texts.values() for name in own}
    for rule in (rule for rule in rules.all if rule.acts.template):
        if f"{ACKNOWLEDGE}-{rule.acts.template}" not in written:
            file, _, line = rule.place.rpartition(":")
            allowed = f"never, or the NAME of a file {REPLIES}/LANGUAGE/{ACKNOWLEDGE}-NAME.txt"
            yield Fault(file, int(line), "rule.then.answer", repr(rule.acts.template), allowed)


def _limits(laid: _Laid) -> Limits:
    windows = laid.documents("limit", LIMITS)
    return laid.merged(LIMITS, partial(_checked_limits, windows), "limit")


def _checked_limits(windows: list[Document], file: TomlFile) -> Limits:
    limits, faults = Limits.from_tables(file.document, windows, file.name)
    # What could not be read was told already, and how loud it is meant nobody knows.
    told = {fault.key.partition(".")[0] if fault.key.startswith("limit") else fault.key for fault in faults}
    faults += (fault for fault in floors.undercut(limits, file.name) if fault.key not in told)
    if faults:
        raise ConfigError(faults)
    return limits


def _quotes(laid: _Laid) -> Quotes:
    return laid.merged(QUOTES, lambda file: quotes.from_table(file.document, file.name, file.line))


def _tongues(laid: _Laid) -> Tongues:
    return laid.merged(LANGUAGES, lambda file: language.from_table(file.document, file.name, file.line))


def _reports(laid: _Laid) -> Forms:
    listed = {kind: laid.documents(kind, REPORTS) for kind in ("form", "status")}
    return laid.merged(REPORTS, lambda file: compile_forms(file.document, file.name, listed), *listed)


def _relays(laid: _Laid) -> tuple[Renaming, ...]:
    return compile_relays(laid.documents("relay", RELAYS))


def _lines(file: TomlFile, kind: str) -> tuple[int, ...]:
    """The line of each `[[kind]]` table."""
    tables = file.document.get(kind)
    return tuple(file.line((kind, index)) for index in range(len(tables))) if isinstance(tables, list) else ()


def _replies(layers: Layers) -> Replies:
    """The texts, and the first language's words where a folder has none of its own."""
    names, contents = layers.over(f"{REPLIES}/"), layers.all
    under = {path: raw for path, raw in layers.shipped.items() if path.startswith(REPLIES) and path.endswith(WORDS)}
    if FIRST_WORDS not in under:
        under[FIRST_WORDS] = (shipped_folder() / FIRST_WORDS).read_bytes()
    files = under | {path: contents[name] for path, name in names.items()}
    others = {path: name for path, name in names.items() if path not in under}
    return _named(partial(replies_of, files, under), others)


def _notices(layers: Layers) -> Mapping[str, Mapping[str, Template]]:
    """The texts for our own people: English as it comes with mailgate, and over it those of the folders."""
    names, contents = layers.over(f"{NOTICES}/"), layers.all
    first = {f"{NOTICES}/{FIRST}/{name}.txt" for name in NOTICE_VALUES}
    shipped = {path: (shipped_folder() / path).read_bytes() for path in first - names.keys()}
    return _named(partial(notices_of, shipped | {path: contents[name] for path, name in names.items()}), names)


def _maps(layers: Layers, faults: list[Fault]) -> dict[str, MapFile]:
    """The maps by their names; one with a fault is empty, so that rules that name it are still read."""
    contents, found = layers.all, dict[str, MapFile]()
    for name in layers.over(f"{rulefiles.MAPS}/").values():
        stem = Path(name).stem
        found[stem] = _checked(partial(_map, name, contents[name]), faults) or MapFile(stem, name, ())
    return found


def _map(name: str, raw: bytes) -> MapFile:
    return maps.parse(Path(name).stem, tomlfile.text_of(raw, name), name)


def _named(read: Callable[[], T], names: Mapping[str, str]) -> T:
    """What `read` gives; its faults bear the names of files, not their paths in a layer."""
    try:
        return read()
    except ConfigError as error:
        raise ConfigError([replace(one, file=names.get(one.file, one.file)) for one in error.faults]) from error


def _checked(read: Callable[[], T], faults: list[Fault]) -> T | None:
    """What `read` gives; its faults are added to the others, so that all are told at once."""
    try:
        return read()
    except ConfigError as error:
        faults.extend(error.faults)
        return None


def _hashes(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in contents.items()}


def _version(hashes: Mapping[str, str]) -> str:
    whole = "".join(f"{name}\0{digest}\n" for name, digest in hashes.items())
    return hashlib.sha256(whole.encode()).hexdigest()[:VERSION_CHARS]
