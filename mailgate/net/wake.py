"""Net: lets a command tell the daemon that there is work, over a datagram socket beside the database.

A lost word costs time and never work: the daemon also looks by its own timers. So nothing here fails loudly.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

MAX_WORD_BYTES = 64
_MODE = 0o660  # those who may write the database may wake its daemon


def wake_path(database: Path) -> Path:
    """Where the daemon of this database file listens."""
    return database.with_name(database.name + ".wake")


def wake(path: Path, word: bytes) -> bool:
    """Say `word` to the daemon listening at `path`; false where nobody heard it."""
    try:
        with Nearby(path) as near, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(word[:MAX_WORD_BYTES], near)
    except OSError:
        return False
    return True


class Waker:
    """The daemon's ear. `callbacks` names what each word does; unknown words do nothing."""

    def __init__(self, path: Path, callbacks: Mapping[bytes, Callable[[], None]]) -> None:
        self._path = path
        self._callbacks = callbacks
        self._socket: socket.socket | None = None

    def listen(self) -> bool:
        """Begin to listen on the running loop, in place of any socket a dead daemon left; false where it cannot be."""
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._path.unlink(missing_ok=True)
            with Nearby(self._path) as near:
                ear.bind(near)
            self._path.chmod(_MODE)
        except OSError:
            ear.close()
            return False
        asyncio.get_running_loop().add_reader(ear, self._hear, ear)
        self._socket = ear
        return True

    def close(self) -> None:
        """Stop listening and take the socket file away."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        self._path.unlink(missing_ok=True)

    def _hear(self, ear: socket.socket) -> None:
        try:
            callback = self._callbacks.get(ear.recv(MAX_WORD_BYTES))
        except OSError:
            return
        if callback:
            callback()


class Nearby:
    """A short name for a long path: a socket's may have 107 bytes, so its folder goes by the number of a handle."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        self._number = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._number}/{self._path.name}"

    def __exit__(self, *exc: object) -> None:
        os.close(self._number)
