"""Where a mail for a domain is taken to: the hosts of its MX records, in order. Knows DNS, but no connection."""

from __future__ import annotations

import asyncio
import ipaddress
import random
from dataclasses import dataclass
from typing import Final

from mailgate.model import Answer
from mailgate.net.resolver import Exchange, Lookup, Missing, Names, Trouble

SMTP_PORT: Final = 25
HOPS_MAX: Final = 5  # addresses tried in one attempt; RFC 5321 section 5.1 wants at least two


@dataclass(frozen=True, slots=True)
class Hop:
    """One address to connect to. `host` is the name its certificate must show."""

    host: str
    address: str  # an IP address; for a relay also a name, which the system resolves (it may stand in /etc/hosts)
    port: int = SMTP_PORT


async def route(names: Names, domain: str, port: int = SMTP_PORT) -> tuple[Hop, ...] | Answer:
    """The hops for `domain`, best first and at most `HOPS_MAX`; or why there is none.

    RFC 5321 section 5.1, RFC 7505. The answer is permanent only where DNS said for certain that there is no way.
    """
    if domain.startswith("["):
        return _literal(domain, port)
    found = await names.mx(domain)
    if isinstance(found, Trouble):
        return Answer(0, f"4.4.3 {found.why}")
    if isinstance(found, tuple) and not any(exchange.host for exchange in found):
        return Answer(556, f"5.1.10 {domain} takes no mail (null MX)")
    return await _hops(names, domain, found, port)


def _literal(domain: str, port: int) -> tuple[Hop, ...] | Answer:
    """RFC 5321 section 4.1.3. Anything but an address in brackets would be looked up as a name of this machine's."""
    address = domain.strip("[]").removeprefix("IPv6:")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return Answer(550, f"5.1.2 {domain} is no address")
    return (Hop(address, address, port),)


async def _hops(names: Names, domain: str, found: Lookup[Exchange], port: int) -> tuple[Hop, ...] | Answer:
    # Without MX the domain is its own exchange; with MX it never is.
    hosts = _in_order(found) if isinstance(found, tuple) else [domain]
    lookups = await asyncio.gather(*(names.addresses(host) for host in hosts))
    hops = tuple(
        Hop(host, address, port)
        for host, addresses in zip(hosts, lookups, strict=True)
        if isinstance(addresses, tuple)
        for address in addresses
    )
    if hops:
        return hops[:HOPS_MAX]
    trouble = next((lookup for lookup in lookups if isinstance(lookup, Trouble)), None)
    if trouble:
        return Answer(0, f"4.4.3 {trouble.why}")
    if isinstance(found, Missing):
        return Answer(550, f"5.1.2 {domain} does not exist or takes no mail")
    return Answer(0, f"4.4.4 no mail host of {domain} has an address")


def _in_order(exchanges: tuple[Exchange, ...]) -> list[str]:
    # Hosts of equal preference share the load by lot, RFC 5321 section 5.1. The sort keeps the shuffled order.
    usable = [exchange for exchange in exchanges if exchange.host]
    random.shuffle(usable)
    usable.sort(key=lambda exchange: exchange.preference)
    return [exchange.host for exchange in usable[:HOPS_MAX]]
