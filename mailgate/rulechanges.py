"""Faces: what is another rule than before, by name, so that whoever saves a file sees what he did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailgate.config.tomlfile import TomlFile
from mailgate.layering import name_of
from mailgate.rulefiles import Layers

MOST_NAMED = 50  # of each sort
DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Changes:
    """Names, in their order: `signal A1`, `map suppliers`, `limits.toml timing.late_s`, `replies/de/challenge.txt`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def told(self) -> dict[str, list[str]]:
        """As much of it as a line of the log bears; what is empty is left out."""
        sorts = {"added": self.added, "removed": self.removed, "changed": self.changed}
        return {sort: _named(names) for sort, names in sorts.items() if names}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """How the items of two rule books differ."""
    return Changes(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(name for name, digest in after.items() if before.get(name, digest) != digest),
    )


def items(files: Iterable[tuple[str, TomlFile]], layers: Layers) -> dict[str, str]:
    """A digest of every table, key, text and map by its name; tables of one name count together.

    `files` are what holds, each with the kind of its tables or its name.
    """
    found: dict[str, str] = {}
    for called, file in files:
        for name, value in _tables(called, file) if called in file.document else _keys(called, file.document):
            found[name] = _digest(f"{found.get(name, '')}{value!r}")
    contents = layers.all
    texts = {path: contents[name] for path, name in layers.over("").items() if "/" in path}
    return found | {_text(path): hashlib.sha256(raw).hexdigest()[:DIGEST_CHARS] for path, raw in texts.items()}


def _tables(kind: str, file: TomlFile) -> Iterator[tuple[str, Any]]:
    for table in file.document[kind]:
        yield f"{kind} {' '.join(filter(None, name_of(kind, table)))}", table


def _keys(called: str, document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    if not called.endswith(".toml"):  # what else stands in a file with tables of the kind
        return
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _keys(called, value, f"{above}{key}.")
        else:
            yield f"{called} {above}{key}", value


def _text(path: str) -> str:
    """A map by the name that rules call it by, any other text by its path."""
    folder, _, name = path.partition("/")
    return f"map {name.removesuffix('.txt')}" if folder == "maps" else path


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARS]


def _named(names: tuple[str, ...]) -> list[str]:
    rest = len(names) - MOST_NAMED
    return [*names[:MOST_NAMED], *([f"and {rest} more"] if rest > 0 else [])]
