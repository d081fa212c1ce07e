"""Where a listener listens, what it speaks there, and whose word it takes. Opens the listening sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import sys
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


async def open_server(
    bind: Bind, factory: Callable[[], asyncio.BaseProtocol], given: socket.socket | None = None
) -> asyncio.Server:
    """Serve at `given`, else at a socket of our own.

    Raises OSError where the address is not to be had; a socket file that nobody serves is replaced.
    """
    loop = asyncio.get_running_loop()
    listening = given or listen(bind.address)
    if listening.family == socket.AF_UNIX:
        if sys.version_info >= (3, 13):
            # Who made the file removes it.
            return await loop.create_unix_server(factory, sock=listening, backlog=BACKLOG, cleanup_socket=False)
        return await loop.create_unix_server(factory, sock=listening, backlog=BACKLOG)
    return await loop.create_server(factory, sock=listening, backlog=BACKLOG)


def listen(address: str) -> socket.socket:
    """A socket that takes connections at `address`. Raises OSError where that is not to be had."""
    listening = _unix_socket(path) if (path := Bind(address).unix_path) else _tcp_socket(*Bind(address).host_and_port)
    listening.listen(BACKLOG)
    return listening


def listen_shared(address: str, shares: int) -> list[socket.socket]:
    """The same for several processes, among which the kernel shares out the connections; they share a unix socket.

    Raises OSError also where somebody listens there who would share: two gateways must not halve each other's mail.
    """
    if Bind(address).unix_path:
        return [listen(address)] * shares
    host, port = Bind(address).host_and_port
    with _tcp_socket(host, port) as probe:
        probe.listen()
    sockets: list[socket.socket] = []
    try:
        for _ in range(shares):
            sockets.append(_tcp_socket(host, port, shared=True))
            port = sockets[0].getsockname()[1]
        for listening in sockets:
            listening.listen(BACKLOG)
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    return sockets


def address_of(listening: socket.socket) -> str:
    """The address that is really listened on, in the form of `Bind.address`."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"{_UNIX}{os.fsdecode(name)}".replace("\0", "@")
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def remove_socket_file(path: str) -> None:
    """Remove the file of a unix socket that was ours."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _tcp_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without, each reply waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


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
