"""Faces: reads a TOML file so that every later fault can name its line. Knows no key and no meaning."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailgate.config import tomlmarks
from mailgate.config.pointing import pointed
from mailgate.errors import ConfigError, Fault

Place = tomlmarks.Place

MAX_SIZE_BYTES = 1_000_000  # far above any file written by a person; keeps /dev/zero from being read for ever

# Strings and comments could look like headers, keys or brackets, so they are taken out before lines are read.
_NOISE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?P<basic>(?:\\.|[^"\\\n])*)"'
    r"|'(?P<literal>[^'\n]*)'"
    r"|#[^\n]*",
    re.DOTALL,
)
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\- ]+?)\s*\]\]?\s*")
_KEY = re.compile(r"\s*([\w.\- ]+?)\s*=")
_PLACE_IN_WORDS = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")

_TOML = "TOML 1.0, see https://toml.io"
# What to write where the words of the parser alone would puzzle.
_ALLOWED = (
    ("Invalid value", "a text in quotes, a number, true, false, or a list in [brackets]"),
    ("Expected '='", "key = value, or a [table]"),
    ("Cannot overwrite", "each key once in a table"),
    ("Cannot declare", "each [table] once; [[table]] where there are several"),
    ("Unterminated string", "a text that ends with the quotes it begins with"),
    ("Expected ']", "brackets that close: [table] or [[table]]"),
    ("Unclosed", "the bracket that closes it"),
    ("Unescaped", r"\\ for a backslash, or the text in 'single quotes'"),
    ("Expected newline", "one key = value on a line; a text stands in quotes"),
)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed file: `name` as faults show it, the `document`, and the line of every key that was found."""

    name: str
    document: dict[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it; 0 where nothing around it has a line."""
        return next((self.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self.lines), 0)


def read(path: Path, *, private: bool = False) -> TomlFile:
    """Read and parse `path`, of which no line is ever shown where it is `private`.

    Raises ConfigError where it cannot be read, is not UTF-8, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SIZE_BYTES + 1)
    except (OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Fault(str(path), 0, "file", found, "a readable TOML file")]) from error
    if len(raw) > MAX_SIZE_BYTES:
        raise ConfigError([Fault(str(path), 0, "file", "too large a file", f"at most {MAX_SIZE_BYTES} bytes")])
    text = text_of(raw, str(path))
    try:
        return parse(text, str(path))
    except ConfigError as error:
        raise ConfigError(pointed(error.faults, lambda _: None if private else text)) from error


def text_of(raw: bytes, name: str) -> str:
    """The text of a file called `name`. Raises ConfigError with the line where it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([Fault(name, line, "file", f"byte 0x{raw[error.start]:02x}", "UTF-8 text")]) from error


def parse(text: str, name: str) -> TomlFile:
    """Parse TOML text that came from `name`. Raises ConfigError with the line where it is not TOML."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([_syntax_fault(error, text, name)]) from error
    return TomlFile(name, document, dict(_lines(text)), text)


def _syntax_fault(error: Exception, text: str, name: str) -> Fault:
    if isinstance(error, RecursionError):
        return Fault(name, 0, "TOML", "brackets nested too deeply", _TOML)
    words, where = str(error), _PLACE_IN_WORDS.search(str(error))
    line, column = 0, 0
    if where:
        last = text.split("\n")
        line, column = (int(where[1]), int(where[2])) if where[1] else (len(last), len(last[-1]) + 1)
        words = words.replace(where[0], "")
    allowed = next((allowed for begins, allowed in _ALLOWED if words.startswith(begins)), _TOML)
    return Fault(name, line, "TOML", words, allowed, column=column, width=1)


def _lines(text: str) -> Iterator[tuple[Place, int]]:
    table: Place = ()
    seen: dict[Place, int] = {}  # how many tables each [[array]] has so far
    depth = 0  # open brackets of a value that goes on over several lines
    for number, line in enumerate(_NOISE.sub(_quiet, text).split("\n"), 1):
        if depth == 0 and (header := _HEADER.fullmatch(line)):
            table = _enter(header[2], seen, is_array=header[1] == "[[")
            yield table, number
            continue
        if depth == 0 and (key := _KEY.match(line)):
            yield table + _steps(key[1]), number
        depth += line.count("[") + line.count("{") - line.count("]") - line.count("}")


def _quiet(noise: re.Match[str]) -> str:
    """What is left of a string or comment: its line breaks, or the bare word that a quoted key could be."""
    word = noise["basic"] or noise["literal"] or ""
    return word if re.fullmatch(r"[\w\-]+", word) else "\n" * noise[0].count("\n") or "_"


def _steps(dotted: str) -> Place:
    return tuple(step.strip() for step in dotted.split("."))


def _enter(dotted: str, seen: dict[Place, int], *, is_array: bool) -> Place:
    """The place of a header; a step that names an array of tables means its last one (TOML 1.0, Array of Tables)."""
    place: Place = ()
    steps = _steps(dotted)
    for position, step in enumerate(steps, 1):
        place += (step,)
        if is_array and position == len(steps):
            seen[place] = seen.get(place, 0) + 1
        if place in seen:
            place += (seen[place] - 1,)
    return place
