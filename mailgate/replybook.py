"""Faces: reads what mailgate says on its own, `replies/<language>/…`, and proves that it stays what it has to be.

A language is a folder with the texts of mail (`<name>.txt`), the words of pages (`words.toml`) and the answers that
people send often (`canned/<name>.txt`). English is complete; what another language lacks is said in English. A text
`acknowledge-NAME.txt` takes the place of the ordinary one where a rule says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from mailgate import layering
from mailgate.config import tomlfile
from mailgate.config.tomlfile import TomlFile
from mailgate.errors import ConfigError, Fault
from mailgate.mail import canned as cans
from mailgate.mail import phrases, template
from mailgate.mail.canned import Canned
from mailgate.mail.language import FIRST
from mailgate.mail.phrases import Phrases
from mailgate.mail.template import Form, Template, TemplateError
from mailgate.rulefiles import LOCAL
from mailgate.tables import nearest

REPLIES: Final = "replies"
CANNED: Final = "canned"
WORDS: Final = "words.toml"
FIRST_WORDS: Final = f"{REPLIES}/{FIRST}/{WORDS}"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)  # of a canned answer, as people type it
ACKNOWLEDGE: Final = "acknowledge"
CHOSEN: Final = re.compile(
    rf"{ACKNOWLEDGE}-[a-z0-9][a-z0-9-]{{0,39}}", re.ASCII
)  # by a rule, instead of the ordinary one
CODE: Final = re.compile(r"[a-z]{2,3}", re.ASCII)  # of a language (RFC 5646 section 2.2.1)

ANSWER_TIME: Final = "answer_time"
# An ordinary value of each name, and the longest it can have: what is proven must hold for every mail.
_USUAL: Final = {
    "desk": "support@example.com",
    "ticket": "#1234",
    "link": "https://support.example.com/c/" + "x" * 42,
    "until": "2000-01-01",
    ANSWER_TIME: "",
}
_LONGEST: Final = {
    "desk": "d" * 254,  # RFC 5321 section 4.5.3.1.3
    "ticket": "#" + "9" * 18,
    "link": "https://" + "w" * 100,
    "until": "2000-01-01",
}
# What may stand in each text, and what must.
MAY: Final[Mapping[str, frozenset[str]]] = {
    ACKNOWLEDGE: frozenset({"desk", "ticket", ANSWER_TIME}),
    "challenge": frozenset({"desk", "link", "until", ANSWER_TIME}),
    "challenge-by-reply": frozenset({"desk", "until", ANSWER_TIME}),
}
MUST: Final[Mapping[str, frozenset[str]]] = {
    name: allowed - {ANSWER_TIME} - ({"desk"} if name == ACKNOWLEDGE else set()) for name, allowed in MAY.items()
}
ANSWERED_BY_MAIL: Final = ("challenge-by-reply",)

Files = Mapping[str, bytes]
Cans = Mapping[str, Mapping[str, Canned]]
Replies = tuple[Mapping[str, Mapping[str, Template]], Mapping[str, Phrases], Cans]


def replies_of(files: Files, under: Files) -> Replies:
    """The texts of mail, the words of pages and canned answers by language, from the content of `files` by their path.

    Where `under` has other words at the same path, the file is laid over them, key by key.

    Raises:
        ConfigError: with every fault of every file.
    """
    faults: list[Fault] = []
    languages: dict[str, Files] = {FIRST: {}}
    for path, raw in files.items():
        _, language, name = path.split("/", 2)
        if not CODE.fullmatch(language):
            faults.append(Fault(path, 0, "language", repr(language), "a code of two or three letters such as en or de"))
        languages[language] = {**languages.get(language, {}), name: raw}
    words = {code: _words(code, own, under, faults) for code, own in languages.items()}
    first = words[FIRST]
    words = {code: phrases.completed(own, first) for code, own in words.items()}
    mails = {code: _mails(code, own, words[code], faults) for code, own in languages.items()}
    answers = {code: _canned(code, own, faults) for code, own in languages.items()}
    faults += _lacking(files, first)
    if faults:
        raise ConfigError(faults)
    return {code: {**mails[FIRST], **own} for code, own in mails.items()}, words, answers


def _canned(language: str, files: Files, faults: list[Fault]) -> dict[str, Canned]:
    read: dict[str, Canned] = {}
    for path in (path for path in files if path.startswith(f"{CANNED}/")):
        name, place = path.removeprefix(f"{CANNED}/").removesuffix(".txt"), f"{REPLIES}/{language}/{path}"
        if not NAME.fullmatch(name):
            faults.append(Fault(place, 0, "file", name, "small letters, digits and hyphens, at most 40"))
            continue
        try:
            read[name] = cans.read(tomlfile.text_of(files[path], place))
        except TemplateError as error:
            faults.append(Fault(place, error.line, "text", error.found, error.allowed))
        except ConfigError as error:
            faults.extend(error.faults)
    return read


def _lacking(files: Files, first: Phrases) -> Iterator[Fault]:
    for name in MAY:
        path = f"{REPLIES}/{FIRST}/{name}.txt"
        if path not in files:
            yield Fault(path, 0, "file", "nothing", "a text of this name: every other language falls back on it")
    for key in phrases.missing(first):
        yield Fault(FIRST_WORDS, 0, key, "nothing", "all words: every other language falls back on them")


def _words(language: str, files: Files, under: Files, faults: list[Fault]) -> Phrases:
    path = f"{REPLIES}/{language}/{WORDS}"
    for name in files:
        if name.endswith(".toml") and name != WORDS:
            faults.append(Fault(f"{REPLIES}/{language}/{name}", 0, "file", name, WORDS, nearest(name, [WORDS])))
    if WORDS not in files:
        return Phrases(language)
    raw = files[WORDS]
    own: TomlFile | None = None
    try:
        file = _toml(under.get(path, raw), path)
        own = _toml(raw, f"{LOCAL}/{path}") if under.get(path, raw) != raw else None
        both = layering.merged(file, own)
        return phrases.from_table(language, both.document, path, both.line)
    except ConfigError as error:
        faults.extend(layering.placed(one, file, own) if own else one for one in error.faults)
        return Phrases(language)


def _toml(raw: bytes, name: str) -> TomlFile:
    return tomlfile.parse(tomlfile.text_of(raw, name), name)


def _mails(language: str, files: Files, words: Phrases, faults: list[Fault]) -> dict[str, Template]:
    read: dict[str, Template] = {}
    for name, raw in files.items():
        if name.endswith(".txt") and "/" not in name:
            try:
                read[name.removesuffix(".txt")] = _mail(f"{REPLIES}/{language}/{name}", raw, words)
            except ConfigError as error:
                faults.extend(error.faults)
    return read


def _mail(path: str, raw: bytes, words: Phrases) -> Template:
    name = path.rpartition("/")[2].removesuffix(".txt")
    if CHOSEN.fullmatch(name):
        name = ACKNOWLEDGE
    if name not in MAY:
        allowed = f"one of {', '.join(MAY)}, or {ACKNOWLEDGE}-NAME for a text that rules choose"
        raise ConfigError([Fault(path, 0, "file", name, allowed, nearest(name, MAY))])
    text = tomlfile.text_of(raw, path)
    longest = _LONGEST | {ANSWER_TIME: phrases.longest(words.promise)}
    form = Form(_USUAL, longest, MUST[name], alone=frozenset({"link", ANSWER_TIME}))
    try:
        read = template.read(text, MAY[name])
        template.obey(text, read, form)
    except TemplateError as error:
        raise ConfigError([Fault(path, error.line, "text", error.found, error.allowed)]) from error
    if name in ANSWERED_BY_MAIL and words.answer and not _says_one_of(words.answer, read.body):
        allowed = "one of " + ", ".join(f"'{one}'" for one in words.answer) + f" ({WORDS}, answer)"
        raise ConfigError([Fault(path, 0, "text", "no word of how to answer", allowed)])
    return read


def _says_one_of(wanted: tuple[str, ...], body: str) -> bool:
    said = " ".join(body.casefold().split())
    return any(" ".join(one.casefold().split()) in said for one in wanted)
