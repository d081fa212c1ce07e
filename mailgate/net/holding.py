"""Net: the listening sockets of all processes of one daemon, kept open by the process that starts them.

So whoever of them goes away leaves his connections waiting, and none is refused.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from mailgate.errors import TryAgain
from mailgate.net.bind import Bind, address_of, listen_shared, remove_socket_file
from mailgate.net.given import Given


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address, the name its socket is handed on under, and how many processes share it."""

    name: str
    address: str
    shares: int


class Holding:
    """Sockets by address, one for each process that listens there."""

    def __init__(self, given: Given) -> None:
        """`given` are used in place of our own; all processes share such a one."""
        self._given = given
        self._held: dict[tuple[str, int], list[socket.socket]] = {}  # by address, and which of the same address it is
        self._own_files: set[str] = set()
        self._names: dict[str, tuple[str, int]] = {}

    def hold(self, wanted: Iterable[Wanted]) -> None:
        """Listen at all of these; where we do already, go on. Raises TryAgain where an address is not to be had."""
        names: dict[str, tuple[str, int]] = {}
        for one in wanted:
            key = (one.address, sum(address == one.address for address, _ in names.values()))
            names[one.name] = key
            if key not in self._held:
                self._held[key] = self._listen(one)
        self._names = names

    @property
    def names(self) -> list[str]:
        """What we hold, as it was named the last time."""
        return list(self._names)

    def share(self, name: str, number: int) -> socket.socket:
        """The socket that process `number`, from 0, of those who share `name` listens on."""
        return self._held[self._names[name]][number]

    def address(self, name: str) -> str:
        """Where `name` really listens, in the form of `Bind.address`."""
        return address_of(self.share(name, 0))

    def drop_rest(self) -> None:
        """Listen no more where `hold` did not ask for it the last time."""
        for key in self._held.keys() - set(self._names.values()):
            self._drop(key)

    def close(self) -> None:
        """Listen nowhere."""
        for key in list(self._held):
            self._drop(key)

    def _listen(self, wanted: Wanted) -> list[socket.socket]:
        given = self._given.take(wanted.name, wanted.address)
        if given is not None:
            return [given] * wanted.shares
        try:
            sockets = listen_shared(wanted.address, wanted.shares)
        except OSError as error:
            raise TryAgain(f"cannot listen on {wanted.address}: {error.strerror or error}") from error
        if path := Bind(wanted.address).unix_path:
            self._own_files.add(path)
        return sockets

    def _drop(self, key: tuple[str, int]) -> None:
        for listening in self._held.pop(key):
            listening.close()
        path = Bind(key[0]).unix_path
        if path in self._own_files:
            self._own_files.discard(path)
            remove_socket_file(path)
