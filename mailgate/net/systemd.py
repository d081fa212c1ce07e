"""Net: says how a process fares to whoever supervises it, and hears it from those we supervise (sd_notify(3)).

Knows no reason. Silent where nobody is listening.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final

_MOST_BYTES: Final = 4096
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred of unix(7): process, user, group


def notify(address: str, state: str) -> None:
    """Send `state` ("READY=1") to the socket named in NOTIFY_SOCKET; an empty address or a deaf one is no trouble."""
    if not address:
        return
    # A leading @ stands for the NUL byte of an abstract socket.
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto(state.encode(), target)
        except OSError:
            return


class Ear:
    """The other end of `notify`: `hear(pid, state)` is called for each line, with the process that the kernel names."""

    def __init__(self, hear: Callable[[int, str], None]) -> None:
        """Listen on the running loop."""
        self._hear = hear
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        # An empty name asks the kernel for a free abstract one: there is no file to be left behind.
        self._socket.bind("")
        self.address = "@" + self._socket.getsockname()[1:].decode()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Hear no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data, extras, _, _ = self._socket.recvmsg(_MOST_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
            except OSError:
                return
            for level, kind, credentials in extras:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid, _, _ = _CREDENTIALS.unpack_from(credentials)
                    for state in data.decode(errors="replace").splitlines():
                        self._hear(pid, state)
