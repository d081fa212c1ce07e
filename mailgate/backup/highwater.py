"""Faces: a small file beside the keys that remembers how far the database had come.

A database that was restored by hand, by copying a file back or by a server that lost its last minutes, does not know
that it is old. Whoever compares it with this file does.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from mailgate.log import Event, Log
from mailgate.store.marks import Mark


class HighWater:
    """The file. What cannot be read was never written; what cannot be written is said once."""

    def __init__(self, path: Path, log: Log) -> None:
        self.path = path
        self._log = log
        self._said = False

    def recall(self) -> Mark | None:
        """How far the database had come, or None where nobody wrote it down."""
        return read(self.path)

    def keep(self, mark: Mark) -> None:
        """Write down how far it has come."""
        try:
            write(self.path, mark)
        except OSError as error:
            if not self._said:
                self._log.warning(Event.HIGH_WATER_UNWRITTEN, file=str(self.path), error=str(error))
            self._said = True


def read(path: Path) -> Mark | None:
    """What stands in the file, or None where there is none, or nothing that can be understood."""
    try:
        found = json.loads(path.read_text())
        return Mark(int(found["largest_id"]), int(found["ticket_number"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, mark: Mark) -> None:
    """Write the whole file or nothing, flushed to disk. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(mark), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
