"""The one resolver: questions to DNS, answered with values and never with errors. Knows nothing of mail.

Whoever asks gets a tuple of answers, `Missing` (the name, or data of that type, does not exist: a fact that may be
relied on) or `Trouble` (nobody could tell: ask again later). The three must never be confused, for a mail system that
takes silence for "no" refuses good mail. Names are unfolded text with or without a final dot, A-labels or U-labels.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.resolver

from mailgate.domains import organizational
from mailgate.net.turns import Turns

DEADLINE_S: Final = 5.0  # for one question, all servers and repetitions together
PER_TRY_S: Final = 2.0  # before the next server is asked
CACHED_ANSWERS: Final = 10_000  # least recently used leave first
IN_FLIGHT: Final = 400  # questions on the wire at once, a socket each; the others wait their turn
RESERVED: Final = 100  # of these, for organizations about which nothing else is on the wire
PER_ORGANIZATION: Final = 20  # on the wire at once, so that whose servers are slow waits for himself
PER_MAIL: Final = 8  # asked at once, however many signatures and records a mail brings
EDNS_PAYLOAD: Final = 1232  # bytes that no path fragments; longer answers come by TCP
DNS_PORT: Final = 53


@dataclass(frozen=True, slots=True)
class Missing:
    """The name does not exist, or holds no data of the wanted type; a difference that hardly anybody asks for."""

    name_exists: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer that can be relied on: time ran out, or every server failed."""

    why: str


class Exchange(NamedTuple):
    """One MX record. The null MX of RFC 7505 has the host ""."""

    preference: int
    host: str


T = TypeVar("T")
Lookup: TypeAlias = tuple[T, ...] | Missing | Trouble


class Names(ABC):
    """Whoever can answer questions of DNS. A subclass needs only `ask`."""

    @abstractmethod
    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        """Answers to one question; `kind` is one of `A AAAA MX PTR TXT`. Never raises.

        A, AAAA and PTR give text, TXT gives bytes (the strings of one record joined), MX gives `Exchange`.
        """

    async def txt(self, name: str) -> Lookup[bytes]:
        """The TXT records of a name."""
        return await self.ask(name, "TXT")

    async def mx(self, name: str) -> Lookup[Exchange]:
        """The mail exchanges of a domain, most preferred first."""
        found = await self.ask(name, "MX")
        return tuple(sorted(found)) if isinstance(found, tuple) else found

    async def addresses(self, name: str) -> Lookup[str]:
        """IPv6 and IPv4 addresses of a host. Trouble with one family hides nothing of the other."""
        both: tuple[Lookup[str], Lookup[str]] = await asyncio.gather(self.ask(name, "AAAA"), self.ask(name, "A"))
        found = tuple(address for one in both if isinstance(one, tuple) for address in one)
        return found or next((one for one in both if isinstance(one, Trouble)), Missing())


class Share(Names):
    """What one mail may ask of `names`: so many questions at once, the others when those are answered."""

    def __init__(self, names: Names, *, most: int = PER_MAIL) -> None:
        self._names = names
        self._slots = asyncio.Semaphore(most)

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        """See `Names.ask`."""
        async with self._slots:
            return await self._names.ask(name, kind)


@dataclass(slots=True)
class _Asked:
    """A question on its way, and how many still want to know."""

    task: asyncio.Task[Lookup[Any]]
    wanted: int = 0


class Resolver(Names):
    """Asks the given servers (`127.0.0.1:5353`, `[::1]:53`, `192.0.2.1`), or those of the system where none are given.

    The same question is on the wire once, however many ask it; answers and certain absences are kept for their TTL.
    """

    def __init__(self, servers: Sequence[str] = (), *, deadline_s: float = DEADLINE_S) -> None:
        self._resolver = _configured(servers)
        self._resolver.lifetime = deadline_s
        self._turns = Turns(IN_FLIGHT, each=PER_ORGANIZATION, reserved=RESERVED)
        self._asked: dict[tuple[str, str], _Asked] = {}

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        """See `Names.ask`."""
        key = (name.lower().rstrip("."), kind)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = _Asked(asyncio.create_task(self._ask(*key)))
            asked.task.add_done_callback(partial(self._answered, key))
        asked.wanted += 1
        try:
            # One who no longer wants to know must not take the answer from the others.
            return await asyncio.shield(asked.task)
        finally:
            asked.wanted -= 1
            if not asked.wanted and not asked.task.done():
                # The next to ask begins anew, and does not wait for what is being broken off.
                self._asked.pop(key, None)
                asked.task.cancel()

    def _answered(self, key: tuple[str, str], task: asyncio.Task[Lookup[Any]]) -> None:
        asked = self._asked.get(key)
        if asked and asked.task is task:
            del self._asked[key]

    async def _ask(self, name: str, kind: str) -> Lookup[Any]:
        wanted = _name(name)
        if wanted is None:
            return Missing()
        async with self._turns.turn(organizational(name)):
            try:
                answer = await self._resolver.resolve(wanted, kind, search=False)
            except dns.resolver.NXDOMAIN:
                return Missing()
            except dns.resolver.NoAnswer:
                return Missing(name_exists=True)
            except (dns.exception.DNSException, OSError) as error:
                return Trouble(f"{kind} {name}: {type(error).__name__}")
        return tuple(_READ[kind](record) for record in answer)


def _configured(servers: Sequence[str]) -> dns.asyncresolver.Resolver:
    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        # resolv.conf(5): without the file, the name server of this machine is asked.
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
    if servers:
        resolver.nameservers = [_server(text) for text in servers]
    resolver.timeout = PER_TRY_S
    resolver.cache = dns.resolver.LRUCache(CACHED_ANSWERS)
    resolver.use_edns(0, 0, EDNS_PAYLOAD)
    return resolver


def _server(text: str) -> dns.nameserver.Nameserver:
    host, bracket, port = text.rpartition("]:")
    if bracket:
        return dns.nameserver.Do53Nameserver(host.removeprefix("["), int(port))
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return dns.nameserver.Do53Nameserver(host, int(port))
    return dns.nameserver.Do53Nameserver(text.strip("[]"), DNS_PORT)


def _name(text: str) -> dns.name.Name | None:
    """The absolute name, or None where no such name can exist. Backslashes are data, for macros bring strange names."""
    try:
        if not text.isascii():
            return dns.name.from_unicode(text)
        return dns.name.Name([label.encode("ascii") for label in text.split(".")] + [b""])
    except (dns.exception.DNSException, UnicodeError):
        return None


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True) if name != dns.name.root else ""


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "A": lambda record: record.address,
    "AAAA": lambda record: record.address,
    "MX": lambda record: Exchange(record.preference, _host(record.exchange).lower()),
    "PTR": lambda record: _host(record.target),
    "TXT": lambda record: b"".join(record.strings),
}
