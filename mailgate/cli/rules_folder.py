"""Faces: which rules a command is about: those of the configuration, or those that are being written elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mailgate import rulebook, wiring
from mailgate.config import Settings, tomlfile
from mailgate.config.tomlfile import TomlFile
from mailgate.errors import Fault
from mailgate.rulebook import Rulebook
from mailgate.rulefiles import LOCAL, Folders

OWN = f"{LOCAL}/"  # begins the names of the operator's files


@dataclass(frozen=True, slots=True)
class Named:
    """A rule book with the folders that it was read from."""

    book: Rulebook
    folders: Folders

    @property
    def words(self) -> str:
        """Where it lies, in words."""
        own = f" with {self.folders.local}" if self.folders.local else ""
        return f"{self.folders.shipped}{own}"

    def at(self, place: str) -> str:
        """A place in one of its files, with the whole path of that."""
        file, _, line = place.rpartition(":")
        return f"{self.folders.path(file)}:{line}" if file else place

    @property
    def tables(self) -> list[TomlFile]:
        """Its files of tables, parsed."""
        names = (name for name in self.book.contents if name.endswith(".toml") and "/" not in name.removeprefix(OWN))
        return [tomlfile.parse(self.book.contents[name].decode(), name) for name in names]

    def shown(self, faults: Iterable[Fault]) -> list[Fault]:
        """What is wrong in its files, with the lines and the whole paths of these."""
        return rulebook.shown(faults, self.book.contents, self.folders)


def named(settings: Settings, folder: Path | None) -> Named:
    """The rules of the configuration; or with those of `folder` in place of the operator's own.

    A whole folder stands alone. Raises ConfigError with all faults.
    """
    if folder is None:
        return Named(wiring.rulebook_of(settings), wiring.rules_folders(settings))
    folders = Folders.tried(folder, wiring.rules_folder(settings))
    return Named(wiring.rulebook_in(folders.shipped, folders.local, settings), folders)
