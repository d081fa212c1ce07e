"""How much one listener bears: every bound of the wire with its unit, and the count of who is connected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import inf

from mailgate.model import Reply
from mailgate.net import replies


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a listener. Numbers without a source of their own are those Postfix has shipped for years."""

    connections: int = 200
    per_network: int = 20  # of one /24 or /56
    per_trusted_network: int = 100  # loopback, and the peers whose word on the client is taken
    recipients: int = 100  # RFC 5321 section 4.5.3.1.8: at least
    errors: int = 20
    junk_commands: int = 100
    unknown_recipients: int = 10  # of one session on an edge listener: whoever asks for more is guessing addresses
    size_bytes: int = 52_428_800
    command_wait_s: float = 300  # RFC 5321 section 4.5.3.2.7
    data_block_wait_s: float = 180  # RFC 5321 section 4.5.3.2.5
    data_grace_s: float = 30
    data_rate_bytes_per_s: int = 500  # on the average, once the grace is over; 0 asks for none
    transaction_s: float = 1800
    answer_wait_s: float = 300  # half of what a client waits for the answer to its dot (RFC 5321 section 4.5.3.2.6)
    handshake_wait_s: float = 60
    proxy_wait_s: float = 5
    linger_s: float = 10  # for the last word to be read
    farewell_s: float = 1  # for the next command while we leave; who is at work is quicker than that
    greeting_pause_s: float = 0.001  # a robot that does not wait for the greeting has spoken by then

    def data_allowance_s(self, received_bytes: int) -> float:
        """How long after its beginning a message of which so much has come may still be coming."""
        if not self.data_rate_bytes_per_s:
            return inf
        return self.data_grace_s + received_bytes / self.data_rate_bytes_per_s


class Crowd:
    """Who is connected to one listener: counts in all and by network, so that no network can crowd out the rest."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._total = 0
        self._by_network: Counter[int] = Counter()

    def enter(self, ip: str | None, limit: int) -> Reply | None:
        """Count a connection in, and to its network where that is known; or say why there is no room."""
        if self._total >= self._bounds.connections:
            return replies.CROWDED
        refusal = None if ip is None else self.settle(ip, limit)
        if refusal is None:
            self._total += 1
        return refusal

    def settle(self, ip: str, limit: int) -> Reply | None:
        """Count a connection that is in to the network of `ip`, or say why that has no more room for one."""
        network = network_of(ip)
        if self._by_network[network] >= limit:
            return replies.CROWDED_NETWORK
        self._by_network[network] += 1
        return None

    def leave(self, ip: str | None) -> None:
        """Count a connection out; `ip` is the one it had settled with, None where it had not."""
        self._total -= 1
        if ip is None:
            return
        network = network_of(ip)
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]


@lru_cache(maxsize=4096)
def plain(ip: str) -> IPv4Address | IPv6Address:
    """The address without its scope, and as IPv4 where it is only mapped into IPv6."""
    address = ip_address(ip.partition("%")[0])
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def network_of(ip: str) -> int:
    """A number for the network that one customer usually holds: /24, or /56 in IPv6; -1 on a unix socket."""
    if not ip:
        return -1
    address = plain(ip)
    # The two ranges cannot meet: what is left of an IPv6 address is moved beyond the 24 bits of an IPv4 network.
    return int(address) >> 8 if address.version == 4 else ((int(address) >> 72) + 1) << 24
