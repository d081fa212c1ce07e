"""Net: listening sockets that this process was given at its start, by systemd or by our own supervisor.

Whoever gave them keeps them open, so that connections wait while we are away, and none is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Final

from mailgate.errors import ConfigError, Fault
from mailgate.net.bind import Bind, address_of
from mailgate.net.bounds import plain

FIRST: Final = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)
# Not the variables of systemd: these name a process id, which nobody knows before he has started the process.
VARIABLE: Final = "MAILGATE_SOCKETS"
WEB: Final = "web"


def listener_name(number: int) -> str:
    """The name of the socket of the listener of this number; people count from one."""
    return f"listener-{number}"


class Given:
    """Listening sockets with the names they were given under; each is taken once."""

    def __init__(self, sockets: Iterable[tuple[str, socket.socket]] = ()) -> None:
        self._sockets = list(sockets)

    def take(self, name: str, address: str) -> socket.socket | None:
        """The socket that is bound to `address`, written like a `Bind`; None where there is none.

        An address with port 0 is any port of that host, so there the name decides.
        """
        for one in self._sockets:
            if _is_bound_to(one[1], address, any_port=one[0] == name):
                self._sockets.remove(one)
                return one[1]
        return None

    def confirm_all_taken(self) -> None:
        """Raise ConfigError where a socket is left: mail would come in at an address that nobody configured."""
        if self._sockets:
            allowed = "only sockets of a [[listener]] bind or of [web] bind, written alike in both places"
            raise ConfigError([_fault(address_of(listening), allowed) for _, listening in self._sockets])


def given(environ: MutableMapping[str, str], pid: int) -> Given:
    """What the environment of process `pid` says it was given; the words are taken out, so that no child repeats them.

    Raises:
        ConfigError: one of them is no listening stream socket.
    """
    ours, count = environ.pop(VARIABLE, ""), environ.pop("LISTEN_FDS", "")
    names, for_whom = environ.pop("LISTEN_FDNAMES", ""), environ.pop("LISTEN_PID", "")
    if ours:
        return Given((name, _socket(int(number))) for name, _, number in (word.partition("=") for word in ours.split()))
    if for_whom != str(pid) or not count.isdecimal():
        return Given()
    numbers = range(FIRST, FIRST + int(count))
    named = dict(zip(numbers, names.split(":"), strict=False))
    return Given((named.get(number, ""), _socket(number)) for number in numbers)


def told(sockets: Mapping[str, socket.socket]) -> str:
    """The value of `VARIABLE` for a child that inherits these sockets under these names."""
    return " ".join(f"{name}={listening.fileno()}" for name, listening in sockets.items())


def _socket(number: int) -> socket.socket:
    try:
        # Made from its number alone, it learns its protocol from the kernel: asyncio sets TCP_NODELAY only for TCP.
        listening = socket.socket(fileno=number)
        listens = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ConfigError([_fault(f"number {number}: {error.strerror}", "an open listening socket")]) from error
    if listening.type != socket.SOCK_STREAM or not listens:
        listening.close()
        raise ConfigError([_fault(f"number {number}: no listening stream socket", "ListenStream= with Accept=no")])
    os.set_inheritable(number, False)
    return listening


def _is_bound_to(listening: socket.socket, address: str, *, any_port: bool) -> bool:
    wanted = Bind(address)
    if listening.family == socket.AF_UNIX or wanted.unix_path:
        bound = Bind(address_of(listening)).unix_path
        # One of the two may go through a link, as /var/run does.
        return bool(bound and wanted.unix_path) and os.path.realpath(bound) == os.path.realpath(wanted.unix_path)
    (host, port), (wanted_host, wanted_port) = listening.getsockname()[:2], wanted.host_and_port
    return plain(host) == plain(wanted_host) and (port == wanted_port or (any_port and not wanted_port))


def _fault(found: str, allowed: str) -> Fault:
    return Fault("the sockets we were given", 0, "socket", found, allowed)
