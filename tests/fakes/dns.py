"""A name server in a few lines: answers over UDP from a table, counts what it is asked, and can fail on purpose."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from mailgate.net.resolver import Lookup, Missing, Names


class Zone(Names):
    """Answers from a table without any socket: `Zone({("example.com", "TXT"): (b"v=spf1 -all",)})`."""

    def __init__(self, table: dict[tuple[str, str], Lookup[Any]] | None = None) -> None:
        self.table = table or {}
        self.asked: list[tuple[str, str]] = []
        self._existing: tuple[int, frozenset[str]] = (-1, frozenset())  # how many records there were then

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        key = (name.lower().rstrip("."), kind)
        self.asked.append(key)
        found = self.table.get(key)
        return Missing(name_exists=key[0] in self._names()) if found is None else found

    def _names(self) -> frozenset[str]:
        """All names that exist: those that hold anything, and those above them (RFC 8020)."""
        if self._existing[0] != len(self.table):
            self._existing = len(self.table), frozenset(above for name, _ in self.table for above in _and_above(name))
        return self._existing[1]


def _and_above(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]


class NameServer(asyncio.DatagramProtocol):
    """`records[name, type]` is a list of rdata texts, or an rcode.

    `silent` names, and those one label below, are never answered.
    """

    def __init__(
        self, records: dict[tuple[str, str], list[str] | dns.rcode.Rcode], *, ttl: int = 300, absent_ttl: int = 300
    ) -> None:
        self.records = records
        self.ttl = ttl
        self.absent_ttl = absent_ttl
        self.unanswered = 0
        self.silent: set[str] = set()
        self.asked: Counter[tuple[str, str]] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"
        return self.address

    def datagram_received(self, data: bytes, addr: Any) -> None:
        task = asyncio.create_task(self._answer(dns.message.from_wire(data), addr))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, query: dns.message.Message, addr: Any) -> None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        await self.gate.wait()
        if name in self.silent or name.partition(".")[2] in self.silent:
            self.unanswered += 1
        else:
            self.transport.sendto(self._reply(query, name, kind).to_wire(), addr)

    def _reply(self, query: dns.message.Message, name: str, kind: str) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        found = self.records.get((name, kind))
        if isinstance(found, dns.rcode.Rcode):
            reply.set_rcode(found)
        elif found:
            reply.answer.append(dns.rrset.from_text_list(query.question[0].name, self.ttl, "IN", kind, found))
        else:
            known = any(known == name for known, _ in self.records)
            reply.set_rcode(dns.rcode.NOERROR if known else dns.rcode.NXDOMAIN)
            soa = f"ns.{name}. admin.{name}. 1 1 1 1 {self.absent_ttl}"
            reply.authority.append(dns.rrset.from_text(query.question[0].name, self.absent_ttl, "IN", "SOA", soa))
        return reply
