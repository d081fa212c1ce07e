"""Faces: lays the operator's own rule files over the shipped ones, before anybody asks what they mean.

A table of theirs that is called like a shipped one stands in its place, so that the order stays; one with another name
comes after all shipped ones. `enabled = false` takes the shipped one away, and needs no more than the name. Files of
numbers and words (limits.toml and others) are laid over one another key by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from mailgate.config.tomlfile import Place, TomlFile
from mailgate.errors import Fault
from mailgate.tables import nearest

ENABLED: Final = "enabled"
REPLACE: Final = "replace"
# By what tables are known, where it is not their `id`. The first key has to be there, but for channels, which have any.
NAMED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "rule": ("name",),
    "words": ("name", "language"),
    "channel": ("sender", "domain", "header", "value"),
    "relay": ("name",),
    "form": ("vendor", "says"),
    "status": ("status",),
    "limit": ("key", "mail", "per"),
}
# Whose reader knows `enabled` itself, so that what is switched off is still checked.
READS_ENABLED: Final = frozenset({"rule"})
# Several tables of one name add up, unless one says `replace = true`; without a language it is for all of them.
ADD_UP: Final = "words"
NAMED_BY_ANY: Final = "channel"

_WORDS: Final = frozenset({ENABLED, REPLACE})

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """One [[table]] of a file, with the number it has there."""

    file: TomlFile
    number: int
    content: Mapping[str, Any]


def name_of(kind: str, table: object) -> Name:
    """By what a [[kind]] table is known; () where it says nothing of that."""
    values = [table.get(key, "") for key in NAMED_BY.get(kind, ("id",))] if isinstance(table, dict) else [""]
    known = all(isinstance(value, str) for value in values) and (values[0] or (kind == NAMED_BY_ANY and any(values)))
    return tuple(values) if known else ()


def laid(shipped: Sequence[TomlFile], local: Sequence[TomlFile], kind: str, faults: list[Fault]) -> list[TomlFile]:
    """The files with the [[kind]] tables that hold, in the order in which they are asked; all else stays as it is.

    A file comes in several pieces where another one's tables stand between its own.
    """
    theirs, ours = ([table for file in files for table in _tables(file, kind)] for files in (shipped, local))
    known = names(shipped, kind)
    of_name: dict[Name, list[_Table]] = {}
    for table in ours:
        name = name_of(kind, table.content)
        if name in known and _overrides(kind, table.content):
            of_name.setdefault(name, []).append(table)
    if not of_name and not any(_WORDS & table.content.keys() for table in (*theirs, *ours)):
        return [*shipped, *local]
    placed: set[Name] = set()
    held: list[_Table] = []
    for table in theirs:
        name = next((one for one in _names(kind, table.content) if one in of_name), ())
        if not name:
            held.append(table)
        elif name not in placed:
            held += of_name[name]
            placed.add(name)
    held += (one for one in ours if not (_overrides(kind, one.content) and name_of(kind, one.content) in placed))
    stay = [table for table in held if _stays(kind, table, faults)]
    return _pieces([*shipped, *local], stay, kind)


def idle(shipped: Sequence[TomlFile], local: Sequence[TomlFile], kind: str) -> Iterator[Fault]:
    """What is switched off or replaced in `local` though no shipped table is called so."""
    known = names(shipped, kind)
    for table in (table for file in local for table in _tables(file, kind)):
        name = name_of(kind, table.content)
        if name and name not in known and (_is_bare(kind, table.content) or table.content.get(REPLACE) is True):
            said, called = " ".join(filter(None, name)), [" ".join(filter(None, one)) for one in sorted(known)]
            line = table.file.line((kind, table.number))
            allowed = "the name of a shipped table: this one changes nothing"
            yield Fault(table.file.name, line, kind, repr(said), allowed, nearest(said, called))


def names(files: Iterable[TomlFile], kind: str) -> set[Name]:
    """By what the [[kind]] tables of the files can be meant."""
    return {name for file in files for table in _tables(file, kind) for name in _names(kind, table.content)}


def merged(shipped: TomlFile, local: TomlFile | None, kinds: Iterable[str] = ()) -> TomlFile:
    """The keys of both files, those of `local` before those of `shipped`; without the [[kinds]] tables.

    A table that says `enabled = false` there takes the shipped one away. Lines are those of `shipped`; see `placed`.
    """
    own = {key: value for key, value in local.document.items() if key not in kinds} if local else {}
    under = {key: value for key, value in shipped.document.items() if key not in kinds}
    return replace(shipped, document=_over(under, own))


def idle_keys(shipped: TomlFile, local: TomlFile | None) -> Iterator[Fault]:
    """The same of a file that is laid over another one key by key."""
    for place in _switched_off(local.document if local else {}):
        if local and not _there(shipped.document, place):
            allowed = "the name of a shipped table: this one changes nothing"
            yield Fault(local.name, local.line(place), ".".join(place[:-1]), repr(place[-1]), allowed)


def _switched_off(document: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from [(*above, key)] if value.get(ENABLED) is False else _switched_off(value, (*above, key))


def _there(document: Mapping[str, Any], place: tuple[str, ...]) -> bool:
    here: Any = document
    for step in place:
        if not isinstance(here, dict) or step not in here:
            return False
        here = here[step]
    return True


def placed(fault: Fault, shipped: TomlFile, local: TomlFile | None) -> Fault:
    """A fault of the merged file at the place where its author wrote it."""
    if fault.file != shipped.name:
        return fault
    for file in (local, shipped):
        place = _found(file.document, fault.key) if file else ()
        if file and place:
            return replace(fault, file=file.name, line=file.line(place))
    return fault


def _found(document: Mapping[str, Any], key: str) -> Place:
    """The way to what a fault calls `section.key`, as far as it is there: none where not even the section is."""
    steps = key.split(".")
    place: list[str] = []
    here: Any = document
    for at, step in enumerate(steps):
        rest = ".".join(steps[at:])
        if not isinstance(here, dict):
            break
        if rest in here:  # a key with dots in it
            return (*place, rest)
        if step not in here:
            break
        place.append(step)
        here = here[step]
    return tuple(place) if len(place) == len(steps) else ()


def _over(under: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(under)
    for key, value in own.items():
        before = both.get(key)
        if isinstance(value, dict) and value.get(ENABLED) is False:
            both.pop(key, None)
        elif isinstance(value, dict):
            both[key] = _over(before if isinstance(before, dict) else {}, value)
        else:
            both[key] = value
    return both


def _tables(file: TomlFile, kind: str) -> list[_Table]:
    found = file.document.get(kind)
    each = found if isinstance(found, list) else []
    return [_Table(file, number, one if isinstance(one, dict) else {}) for number, one in enumerate(each)]


def _names(kind: str, table: Mapping[str, Any]) -> tuple[Name, ...]:
    """By what a shipped table can be meant."""
    name = name_of(kind, table)
    return (name, (name[0], "")) if kind == ADD_UP and name else (name,) if name else ()


def _overrides(kind: str, table: Mapping[str, Any]) -> bool:
    return kind != ADD_UP or table.get(REPLACE) is True or table.get(ENABLED) is False


def _is_bare(kind: str, table: Mapping[str, Any]) -> bool:
    """Does it only switch off what is called so?"""
    return table.get(ENABLED) is False and set(table) <= {ENABLED, *NAMED_BY.get(kind, ("id",))}


def _stays(kind: str, table: _Table, faults: list[Fault]) -> bool:
    """Is there anything left to read of it?"""
    for key in (ENABLED, *([REPLACE] if kind == ADD_UP else [])):
        value = table.content.get(key, True)
        if not isinstance(value, bool):
            line = table.file.line((kind, table.number, key))
            faults.append(Fault(table.file.name, line, f"{kind}.{key}", repr(value), "true or false"))
            return False
    return table.content.get(ENABLED, True) or (kind in READS_ENABLED and not _is_bare(kind, table.content))


def _pieces(files: Sequence[TomlFile], tables: Sequence[_Table], kind: str) -> list[TomlFile]:
    """The tables as files with nothing else in them, and what else stands in each file as one without them."""
    others = [replace(file, document=_without(file, kind)) for file in files]
    lines = {file.name: _lines_by_number(file, kind) for file in files if kind in file.document}
    runs = groupby(tables, lambda table: table.file.name)
    return [*others, *(_piece(list(run), lines[name], kind) for name, run in runs)]


def _without(file: TomlFile, kind: str) -> dict[str, Any]:
    """What else stands in it; a value that is no list of tables stays, for its reader finds fault with it."""
    return {key: value for key, value in file.document.items() if key != kind or not isinstance(value, list)}


def _lines_by_number(file: TomlFile, kind: str) -> dict[int, list[tuple[Place, int]]]:
    found: dict[int, list[tuple[Place, int]]] = {}
    for place, line in file.lines.items():
        if len(place) > 1 and place[0] == kind and isinstance(place[1], int):
            found.setdefault(place[1], []).append((place[2:], line))
    return found


def _piece(tables: Sequence[_Table], lines: Mapping[int, list[tuple[Place, int]]], kind: str) -> TomlFile:
    contents = [_content(table, kind) for table in tables]
    renumbered = {
        (kind, number, *rest): line for number, table in enumerate(tables) for rest, line in lines.get(table.number, ())
    }
    return replace(tables[0].file, document={kind: contents}, lines=renumbered)


def _content(table: _Table, kind: str) -> Any:
    """The table without the words that were for us; whatever stands there instead of one."""
    written = table.file.document[kind][table.number]
    ours = () if kind in READS_ENABLED else (ENABLED, REPLACE) if kind == ADD_UP else (ENABLED,)
    return {key: value for key, value in written.items() if key not in ours} if isinstance(written, dict) else written
