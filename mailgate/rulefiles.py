"""Faces: reads the bytes of the rule folders, once, within bounds, and whatever lies there.

Two layers: the shipped folder, and over it the operator's own. Every file has a name by which people know it: its path
inside the shipped folder, or `local/` and its path inside the operator's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailgate.config import tomlfile
from mailgate.errors import Fault
from mailgate.judge.ruling import maps

LOCAL: Final = "local"
MAPS: Final = "maps"
MOST_FILES = 200  # of one layer, maps aside
MOST_MAPS = 200  # of one layer
# Of all files of both layers together: what is read is also kept in the store, once for each change.
MOST_BYTES = 64 * 1024 * 1024
_OWN = f"{LOCAL}/"
_TEXTS: Final = ("*.toml", "replies/*/*.txt", "replies/*/*.toml", "replies/*/canned/*.txt", "notices/*/*.txt")
_MAPS: Final = (f"{MAPS}/*.txt",)
# Without these a folder is refused, and few layers have all of them.
_NEEDED: Final = ("limits.toml", "replies/en/acknowledge.txt", "replies/en/challenge.txt")
_FOLDERS: Final = ("replies", "notices", MAPS)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the layers lie. Without a `local` folder there is one layer."""

    shipped: Path
    local: Path | None

    @classmethod
    def of(cls, folder: Path, local: Path | None) -> Folders:
        """`local` as it is named, else the folder `local` inside the other one where it is there."""
        inside = folder / LOCAL
        return cls(folder, local or (inside if os.path.lexists(inside) else None))

    @classmethod
    def tried(cls, folder: Path, shipped: Path) -> Folders:
        """`folder` by itself where it has what no whole one can lack, else as an operator's layer over `shipped`."""
        whole = all((folder / name).is_file() for name in _NEEDED)
        return cls.of(folder, None) if whole else cls.of(shipped, folder)

    def path(self, name: str) -> Path:
        """Where the file of this name lies."""
        own = self.local if name == LOCAL or is_local(name) else None
        return own / name.removeprefix(LOCAL).lstrip("/") if own else self.shipped / name


@dataclass(frozen=True, slots=True)
class Layers:
    """The content of every file by its name, in the order in which rules are asked: shipped ones first."""

    shipped: Mapping[str, bytes]
    local: Mapping[str, bytes]

    @property
    def all(self) -> Mapping[str, bytes]:
        """Those of both layers."""
        return {**self.shipped, **self.local}

    def over(self, beginning: str) -> dict[str, str]:
        """The names of all files whose path begins so, by that path: the operator's stands for the shipped one."""
        own = {name.removeprefix(_OWN): name for name in self.local}
        paths = {**{name: name for name in self.shipped}, **own}
        return {path: name for path, name in paths.items() if path.startswith(beginning)}


def is_local(name: str) -> bool:
    """Is it the name of a file of the operator's layer?"""
    return name.startswith(_OWN)


def read(folders: Folders, faults: list[Fault]) -> Layers:
    """Every file of both layers; whatever cannot be read is a fault."""
    reader = _Reader(faults)
    shipped = reader.folder(folders.shipped, "")
    return Layers(shipped, reader.folder(folders.local, _OWN) if folders.local else {})


class _Reader:
    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.left = MOST_BYTES

    def folder(self, folder: Path, prefix: str) -> dict[str, bytes]:
        for name in ("", *_FOLDERS):
            self.can_be_read(folder / name, prefix + name, needed=not name)
        files = self.files(folder, prefix, _TEXTS, MOST_FILES, tomlfile.MAX_SIZE_BYTES)
        return files | self.files(folder, prefix, _MAPS, MOST_MAPS, maps.LARGEST_BYTES)

    def can_be_read(self, folder: Path, name: str, *, needed: bool) -> None:
        """Find fault with a folder that cannot be looked into: its files would be missing without a word."""
        try:
            next(folder.iterdir(), None)
        except OSError as error:
            if needed or not isinstance(error, FileNotFoundError):
                found, allowed = error.strerror or str(error), "a folder that can be read; it may be empty"
                self.faults.append(Fault(name.rstrip("/"), 0, "folder", found, allowed))

    def files(self, folder: Path, prefix: str, patterns: tuple[str, ...], most: int, largest: int) -> dict[str, bytes]:
        # Editors put files that begin with a dot beside those that they write.
        found = sorted(path for one in patterns for path in folder.glob(one) if not path.name.startswith("."))
        if len(found) > most:
            self.faults.append(Fault(prefix.rstrip("/"), 0, "files", str(len(found)), f"at most {most} files"))
        named = {prefix + path.relative_to(folder).as_posix(): path for path in found[:most]}
        contents = {name: self.content(name, path, largest) for name, path in named.items()}
        return {name: raw for name, raw in contents.items() if raw is not None}

    def content(self, name: str, path: Path, largest: int) -> bytes | None:
        """The bytes of a file; None where they are none that could be read."""
        if not name.isprintable():
            self.faults.append(Fault(ascii(name), 0, "file", "a name nobody can type", "a name of plain characters"))
            return None
        try:
            # A pipe would be waited for without end; that a folder is none is said by whoever opens it.
            if not (path.is_file() or path.is_dir()) and path.exists():
                raise OSError(0, "no regular file")
            with path.open("rb") as file:
                raw = file.read(min(largest, self.left) + 1)
        except OSError as error:
            self.faults.append(Fault(name, 0, "file", error.strerror or str(error), "a readable file"))
            return None
        self.left = max(0, self.left - len(raw))
        if len(raw) > largest:
            self.faults.append(Fault(name, 0, "file", "too large a file", f"at most {largest} bytes"))
            return None
        if not self.left:
            allowed = f"at most {MOST_BYTES} bytes in all files together"
            self.faults.append(Fault(name, 0, "file", "more than fits", allowed))
            return None
        return raw
