"""Where a listener listens, what it speaks there, and whose word it takes. Opens the listening sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from mailgate.model import Protocol, Role
from mailgate.net.bounds import plain

BACKLOG: Final = 128
_UNIX: Final = "unix:"
_UNIX_MODE: Final = 0o660


@dataclass(frozen=True, slots=True)
class Bind:
    """`address` is "127.0.0.1:2525", "[::1]:25" or "unix:/path"; port 0 takes any free one.

    `proxies` are the networks that must begin with a PROXY header, and nobody else may connect then; `xclient` those
    whose XFORWARD and XCLIENT are believed. Who may open a unix socket is decided by its mode: its peers are believed.
    """

    address: str
    protocol: Protocol = Protocol.SMTP
    role: Role = Role.EDGE
    proxies: tuple[str, ...] = ()
    xclient: tuple[str, ...] = ()

    @property
    def unix_path(self) -> str:
        """The path of a unix socket, "" where this is a TCP address."""
        return self.address.removeprefix(_UNIX) if self.address.startswith(_UNIX) else ""

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Host without brackets, and port. Raises ValueError where the address has none."""
        host, _, port = self.address.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)


Networks = tuple[IPv4Network | IPv6Network, ...]


def networks(texts: tuple[str, ...]) -> Networks:
    """The networks that these texts name; a single address is a network of one. Raises ValueError."""
    return tuple(ip_network(text, strict=False) for text in texts)


def listed(ip: str, among: Networks) -> bool:
    """Is the peer one of these networks' own? A peer on a unix socket, `ip` being "", is."""
    return not ip or (bool(among) and any(plain(ip) in network for network in among))


async def open_server(bind: Bind, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
    """Listen. Raises OSError where the address is not to be had; a socket file that nobody serves is replaced."""
    loop = asyncio.get_running_loop()
    if bind.unix_path:
        return await loop.create_unix_server(factory, sock=_unix_socket(bind.unix_path), backlog=BACKLOG)
    host, port = bind.host_and_port
    # With `host`, asyncio names the protocol when it makes the socket, and only then it sets TCP_NODELAY on every
    # connection. Without that a dialogue waits 40 ms for each acknowledgement.
    return await loop.create_server(factory, host, port, backlog=BACKLOG, reuse_address=True)


def address_of(server: asyncio.Server, bind: Bind) -> str:
    """The address that is really listened on, in the form of `Bind.address`."""
    if bind.unix_path:
        return bind.address
    host, port = server.sockets[0].getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def remove_socket_file(path: str) -> None:
    """Remove the file of a unix socket that was ours."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _unix_socket(path: str) -> socket.socket:
    if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode) and not _is_served(path):
        os.unlink(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        # Nobody can connect before `listen`, so nobody slips in under a wider mode.
        os.chmod(path, _UNIX_MODE)
    except OSError:
        listening.close()
        raise
    return listening


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        return True
