"""Faces: reads the folder of rule files into one value that judges and writes, or says all that is wrong with it.

Signals come from every `*.toml` but limits.toml, reports.toml, quotes.toml, languages.toml and relays.toml, in lexical
order; the texts of automatic mail from `replies/<language>/`, those for our own people from
`notices/<language>/<name>.txt`. A folder without one of the last four files, or without notices, uses what mailgate
brings along.
A folder with any fault is refused as a whole: the rules in force stay in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from mailgate.config import tomlfile
from mailgate.config.tomlfile import TomlFile
from mailgate.errors import ConfigError, Fault
from mailgate.judge import floors
from mailgate.judge.limits import Limits
from mailgate.judge.pardon_tables import with_pardons
from mailgate.judge.relays import Renaming, compile_relays
from mailgate.judge.rules import Signals, compile_signals
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.reading import compile_rules
from mailgate.judge.wordlists import compile_words
from mailgate.mail import language, quotes
from mailgate.mail.canned import Canned
from mailgate.mail.language import FIRST, Tongues
from mailgate.mail.phrases import Phrases
from mailgate.mail.quotes import Quotes
from mailgate.mail.report.forms import Forms, compile_forms
from mailgate.mail.template import Template
from mailgate.noticebook import NOTICE_VALUES, NOTICES, notices_of
from mailgate.replybook import ACKNOWLEDGE, CANNED, FIRST_WORDS, REPLIES, replies_of

T = TypeVar("T")

LIMITS = "limits.toml"
REPORTS = "reports.toml"
QUOTES = "quotes.toml"
LANGUAGES = "languages.toml"
RELAYS = "relays.toml"
MOST_FILES = 200
VERSION_CHARS = 12


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rule files of one folder, checked. `version` changes with any byte of them."""

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
    files: Mapping[str, str]  # path inside the folder -> SHA-256


def shipped_folder(package: Path = Path(__file__).parent) -> Path:
    """The rule files that mailgate brings along: beside the package in a checkout, inside it in an installation."""
    beside = package.parent / "rules"
    return beside if (beside / LIMITS).is_file() else package / "shipped_rules"


def load(folder: Path) -> Rulebook:
    """Read and check every rule file of `folder`.

    Raises:
        ConfigError: with every fault of every file; a file that cannot be read or is no TOML is one.
    """
    faults: list[Fault] = []
    files = _read(folder, faults)
    tables = _tables(files, faults)
    limits_file = tables.pop(LIMITS, None)
    marks = _checked(partial(_quotes, tables.pop(QUOTES, None)), faults)
    reports = _checked(partial(_reports, tables.pop(REPORTS, None)), faults)
    tongues = _checked(partial(_tongues, tables.pop(LANGUAGES, None)), faults)
    relays = _checked(partial(_relays, tables.pop(RELAYS, None)), faults)
    signals = _checked(partial(_signals, tables), faults)
    limits = _checked(partial(_limits, limits_file), faults) if limits_file else None
    replies = _checked(partial(replies_of, _replies(files)), faults)
    notices = _checked(partial(notices_of, _notices(files)), faults)
    if signals and replies:
        faults += _unwritten(signals.rules, replies[0])
    if not (signals and limits and marks and reports and tongues and replies and notices) or relays is None or faults:
        raise ConfigError([replace(fault, file=str(folder / fault.file)) for fault in faults])
    hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    return Rulebook(_version(hashes), signals, limits, *replies, tongues, notices, marks, reports, relays, hashes)


def quotes_in(folder: Path) -> Quotes:
    """Only how old words are marked, for who shows mail and judges none.

    Raises:
        ConfigError: with every fault of the file.
    """
    file = folder / QUOTES
    return _quotes(tomlfile.read(file) if file.is_file() else None)


def _read(folder: Path, faults: list[Fault]) -> dict[str, bytes]:
    """Every rule file by its path inside the folder, in lexical order, read once."""
    texts = (f"{REPLIES}/*/*.txt", f"{REPLIES}/*/*.toml", f"{REPLIES}/*/{CANNED}/*.txt", f"{NOTICES}/*/*.txt")
    paths = sorted({*folder.glob("*.toml"), *(path for pattern in texts for path in folder.glob(pattern))})
    if len(paths) > MOST_FILES:
        faults.append(Fault("", 0, "files", str(len(paths)), f"at most {MOST_FILES} files"))
    if folder / LIMITS not in paths:
        faults.append(Fault(LIMITS, 0, "file", "nothing", f"a file {LIMITS}: no limits, no automatic mail"))
    files: dict[str, bytes] = {}
    for path in paths[:MOST_FILES]:
        name = path.relative_to(folder).as_posix()
        try:
            with path.open("rb") as file:
                files[name] = file.read(tomlfile.MAX_SIZE_BYTES + 1)
        except OSError as error:
            faults.append(Fault(name, 0, "file", error.strerror or str(error), "a readable file"))
            continue
        if len(files[name]) > tomlfile.MAX_SIZE_BYTES:
            faults.append(Fault(name, 0, "file", "too large a file", f"at most {tomlfile.MAX_SIZE_BYTES} bytes"))
            del files[name]
    return files


def _tables(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, TomlFile]:
    parsed = {name: _checked(partial(_table, name, files[name]), faults) for name in files if "/" not in name}
    return {name: file for name, file in parsed.items() if file is not None}


def _table(name: str, raw: bytes) -> TomlFile:
    return tomlfile.parse(tomlfile.text_of(raw, name), name)


def _signals(tables: Mapping[str, TomlFile]) -> Signals:
    words, signals, forwarders, channels = (
        [(name, file.document, _lines(file, table)) for name, file in tables.items()]
        for table in ("words", "signal", "forwarder", "channel")
    )
    rules = compile_rules([(name, file.document, file.line) for name, file in tables.items()], {})
    listed = compile_words(words)
    judged = with_pardons(compile_signals(signals, listed), listed, forwarders, channels)
    return replace(judged, rules=rules)


def _unwritten(rules: Rules, texts: Mapping[str, Mapping[str, Template]]) -> Iterator[Fault]:
    """Rules that choose a text which no language has."""
    written = {name for own in texts.values() for name in own}
    for rule in (rule for rule in rules.all if rule.acts.template):
        if f"{ACKNOWLEDGE}-{rule.acts.template}" not in written:
            file, _, line = rule.place.rpartition(":")
            allowed = f"never, or the NAME of a file {REPLIES}/LANGUAGE/{ACKNOWLEDGE}-NAME.txt"
            yield Fault(file, int(line), "rule.then.answer", repr(rule.acts.template), allowed)


def _limits(file: TomlFile) -> Limits:
    limits = Limits.from_table(file.document, file.name, _lines(file, "limit"))
    if louder := list(floors.undercut(limits, file.name)):
        raise ConfigError([replace(fault, line=_line_of(file, fault.key)) for fault in louder])
    return limits


def _line_of(file: TomlFile, key: str) -> int:
    """Where `section.key` stands; 0 where it does not."""
    section, _, name = key.partition(".")
    return file.line((section, name)) if name else 0


def _quotes(file: TomlFile | None) -> Quotes:
    file = file or tomlfile.read(shipped_folder() / QUOTES)
    return quotes.from_table(file.document, file.name, file.line)


def _reports(file: TomlFile | None) -> Forms:
    file = file or tomlfile.read(shipped_folder() / REPORTS)
    return compile_forms(file.document, file.name, {key: _lines(file, key) for key in ("form", "status")})


def _relays(file: TomlFile | None) -> tuple[Renaming, ...]:
    file = file or tomlfile.read(shipped_folder() / RELAYS)
    return compile_relays(file.document, file.name, _lines(file, "relay"))


def _tongues(file: TomlFile | None) -> Tongues:
    file = file or tomlfile.read(shipped_folder() / LANGUAGES)
    return language.from_table(file.document, file.name, file.line)


def _lines(file: TomlFile, array: str) -> tuple[int, ...]:
    """The line of each `[[array]]` table."""
    tables = file.document.get(array)
    return tuple(file.line((array, index)) for index in range(len(tables))) if isinstance(tables, list) else ()


def _replies(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of texts, and the first language's words where a folder has none of its own."""
    own = {name: raw for name, raw in files.items() if name.startswith(f"{REPLIES}/")}
    return own if FIRST_WORDS in own else own | {FIRST_WORDS: (shipped_folder() / FIRST_WORDS).read_bytes()}


def _notices(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The texts for our own people: English as it comes with mailgate, and over it those of the folder."""
    shipped = shipped_folder()
    first = {f"{NOTICES}/{FIRST}/{name}.txt" for name in NOTICE_VALUES}
    own = {name: raw for name, raw in files.items() if name.startswith(f"{NOTICES}/")}
    return {name: (shipped / name).read_bytes() for name in first - own.keys()} | own


def _checked(read: Callable[[], T], faults: list[Fault]) -> T | None:
    """What `read` gives; its faults are added to the others, so that all are told at once."""
    try:
        return read()
    except ConfigError as error:
        faults.extend(error.faults)
        return None


def _version(hashes: Mapping[str, str]) -> str:
    whole = "".join(f"{name}\0{digest}\n" for name, digest in hashes.items())
    return hashlib.sha256(whole.encode()).hexdigest()[:VERSION_CHARS]
