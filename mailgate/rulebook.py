"""Faces: reads the folder of rule files into one value that judges and writes, or says all that is wrong with it.

Signals come from every `*.toml` but limits.toml, reports.toml and quotes.toml, in lexical order; the texts of automatic
mail from `replies/<language>/<name>.txt`, those for our own people from `notices/<language>/<name>.txt`. A folder
without reports.toml, quotes.toml or notices uses what mailgate brings along.
A folder with any fault is refused as a whole: the rules in force stay in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
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
from mailgate.judge.rules import Signals, compile_signals
from mailgate.judge.wordlists import compile_words
from mailgate.mail import quotes, template
from mailgate.mail.quotes import Quotes
from mailgate.mail.report.forms import Forms, compile_forms
from mailgate.mail.template import Template, TemplateError
from mailgate.tables import nearest

T = TypeVar("T")

LIMITS = "limits.toml"
REPORTS = "reports.toml"
QUOTES = "quotes.toml"
REPLIES = "replies"
NOTICES = "notices"
FIRST_LANGUAGE = "en"  # the one that must be complete, since every other falls back on it
MOST_FILES = 200
VERSION_CHARS = 12

# What may stand in each text, and the longest value it can have: the limit of 2 KB must hold for every mail.
_LONGEST = {
    "desk": "d" * 254,  # RFC 5321 section 4.5.3.1.3
    "ticket": "#" + "9" * 18,
    "link": "https://" + "w" * 100,
    "until": "2000-01-01",
}
REPLY_VALUES: Mapping[str, frozenset[str]] = {
    "acknowledge": frozenset({"desk", "ticket"}),
    "challenge": frozenset({"desk", "link", "until"}),
    "challenge-by-reply": frozenset({"desk", "until"}),
}
# The subject of a contact is the line that begins his paragraph in a digest.
NOTICE_VALUES: Mapping[str, frozenset[str]] = {
    "breaker": frozenset({"desk", "name", "why", "free"}),
    "loop-convicted": frozenset({"desk", "address", "mails", "rule", "free", "stop"}),
    "loop-withheld": frozenset({"desk", "address", "count", "mails", "rule", "free", "stop"}),
    "shunted": frozenset({"desk", "count", "mails"}),
    "digest": frozenset({"desk", "count"}),
    "digest-contact": frozenset({"who", "proof", "kind", "reason", "count", "since", "subject", "accept", "spam"}),
    "digest-more": frozenset({"count"}),
}


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rule files of one folder, checked. `version` changes with any byte of them."""

    version: str
    signals: Signals
    limits: Limits
    templates: Mapping[str, Mapping[str, Template]]  # by language, then by name
    notices: Mapping[str, Mapping[str, Template]]  # the same, for our own people; English has them all
    quotes: Quotes
    reports: Forms
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
    signals = _checked(partial(_signals, tables), faults)
    limits = _checked(partial(_limits, limits_file), faults) if limits_file else None
    replies = {name: raw for name, raw in files.items() if not name.startswith(f"{NOTICES}/")}
    templates, notices = _templates(replies, faults), _notices(files, faults)
    if faults or signals is None or limits is None or marks is None or reports is None:
        raise ConfigError([replace(fault, file=str(folder / fault.file)) for fault in faults])
    hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    return Rulebook(_version(hashes), signals, limits, templates, notices, marks, reports, hashes)


def quotes_in(folder: Path) -> Quotes:
    """Only how old words are marked, for who shows mail and judges none.

    Raises:
        ConfigError: with every fault of the file.
    """
    file = folder / QUOTES
    return _quotes(tomlfile.read(file) if file.is_file() else None)


def _read(folder: Path, faults: list[Fault]) -> dict[str, bytes]:
    """Every rule file by its path inside the folder, in lexical order, read once."""
    paths = sorted({*folder.glob("*.toml"), *folder.glob(f"{REPLIES}/*/*.txt"), *folder.glob(f"{NOTICES}/*/*.txt")})
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


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([Fault(name, line, "file", f"byte 0x{raw[error.start]:02x}", "UTF-8 text")]) from error


def _tables(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, TomlFile]:
    parsed = {name: _checked(partial(_table, name, files[name]), faults) for name in files if name.endswith(".toml")}
    return {name: file for name, file in parsed.items() if file is not None}


def _table(name: str, raw: bytes) -> TomlFile:
    return tomlfile.parse(_text(name, raw), name)


def _signals(tables: Mapping[str, TomlFile]) -> Signals:
    words, signals, forwarders, channels = (
        [(name, file.document, _lines(file, table)) for name, file in tables.items()]
        for table in ("words", "signal", "forwarder", "channel")
    )
    listed = compile_words(words)
    return with_pardons(compile_signals(signals, listed), listed, forwarders, channels)


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


def _lines(file: TomlFile, array: str) -> tuple[int, ...]:
    """The line of each `[[array]]` table."""
    tables = file.document.get(array)
    return tuple(file.line((array, index)) for index in range(len(tables))) if isinstance(tables, list) else ()


def _templates(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, dict[str, Template]]:
    languages: dict[str, dict[str, Template]] = {FIRST_LANGUAGE: {}}
    for name, raw in files.items():
        if name.endswith(".txt"):
            language, reply = name.removesuffix(".txt").split("/")[1:]
            read = _checked(partial(_template, name, raw, reply), faults)
            if read:
                languages.setdefault(language, {})[reply] = read
    for language, replies in languages.items():
        for missing in REPLY_VALUES.keys() - replies.keys():
            name = f"{REPLIES}/{language}/{missing}.txt"
            if name not in files:
                faults.append(Fault(name, 0, "file", "nothing", "a text of this name in every language"))
    return languages


def _template(name: str, raw: bytes, reply: str) -> Template:
    if reply not in REPLY_VALUES:
        near = nearest(reply, REPLY_VALUES)
        raise ConfigError([Fault(name, 0, "file", reply, f"one of {', '.join(REPLY_VALUES)}", near)])
    try:
        read = template.read(_text(name, raw), REPLY_VALUES[reply])
    except TemplateError as error:
        raise ConfigError([Fault(name, error.line, "text", error.found, error.allowed)]) from error
    size_bytes = len(template.fill(read, _LONGEST)[1].encode())
    if size_bytes > template.MOST_BYTES:
        found = f"up to {size_bytes} bytes with its values"
        raise ConfigError([Fault(name, 0, "text", found, f"at most {template.MOST_BYTES} bytes")])
    return read


def _notices(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, dict[str, Template]]:
    """The shipped English texts, and over them those of the folder; a language may have some and lack others."""
    shipped = shipped_folder() / NOTICES / FIRST_LANGUAGE
    own = {name: raw for name, raw in files.items() if name.startswith(f"{NOTICES}/")}
    base = {f"{NOTICES}/{FIRST_LANGUAGE}/{name}.txt": shipped / f"{name}.txt" for name in NOTICE_VALUES}
    texts = {name: path.read_bytes() for name, path in base.items() if name not in own} | own
    languages: dict[str, dict[str, Template]] = {}
    for name, raw in texts.items():
        language, notice = name.removesuffix(".txt").split("/")[1:]
        read = _checked(partial(_notice, name, raw, notice), faults)
        if read:
            languages.setdefault(language, {})[notice] = read
    return languages


def _notice(name: str, raw: bytes, notice: str) -> Template:
    if notice not in NOTICE_VALUES:
        allowed = f"one of {', '.join(NOTICE_VALUES)}"
        raise ConfigError([Fault(name, 0, "file", notice, allowed, nearest(notice, NOTICE_VALUES))])
    try:
        return template.read(_text(name, raw), NOTICE_VALUES[notice])
    except TemplateError as error:
        raise ConfigError([Fault(name, error.line, "text", error.found, error.allowed)]) from error


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
