"""What DNS lists say of a client or of an author's domain (RFC 5782), by codes that the configuration names.

Three answers are told apart: the list names it, by a code that we know what it weighs; the list does not name it; and
the list does not talk to us. The last looks like a listing to whoever does not read the code: 127.255.255.x is how a
list says that it was asked through a public resolver or too often, and a list that is gone may answer with any address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, ip_network
from typing import Final

from mailgate.domains import a_label, organizational
from mailgate.model import Opinion
from mailgate.net.bounds import plain
from mailgate.net.judges import Shown, Unheard
from mailgate.net.resolver import Lookup, Missing, Names, Trouble

CODES: Final = ip_network("127.0.0.0/16")  # among which a listing stands
_ARPA: Final = (".in-addr.arpa", ".ip6.arpa")


class Of(StrEnum):
    """What a list is asked about."""

    IP = "ip"  # the client
    DOMAIN = "domain"  # the organizational domain of the author


@dataclass(frozen=True, slots=True)
class DnsList:
    """A list, and the points that each of its codes weighs."""

    zone: str
    of: Of
    codes: Mapping[str, float]


class ListAsked:
    """One list that is asked of each mail."""

    def __init__(self, names: Names, asked: DnsList) -> None:
        self._names = names
        self._list = asked

    @property
    def name(self) -> str:
        """The zone."""
        return self._list.zone

    async def opinion(self, mail: Shown) -> Opinion | None:
        """What it says; None where the mail has nothing that it could be asked about. Raises Unheard."""
        subject = reversed_ip(mail.ip) if self._list.of is Of.IP else domain(mail.author_domain)
        if not subject:
            return None
        return read(self._list, await self._names.ask(f"{subject}.{self._list.zone}", "A"))


def reversed_ip(ip: str) -> str:
    """The name of an address in lists (RFC 5782 sections 2.1 and 2.4), "" for one that is nobody's in the open net."""
    try:
        address = plain(ip)
    except ValueError:
        return ""
    if not address.is_global:
        return ""
    return address.reverse_pointer.removesuffix(_ARPA[0]).removesuffix(_ARPA[1])


def domain(author_domain: str) -> str:
    """The name under which an author's domain stands in lists, "" where it has no form that could."""
    name = a_label(author_domain)
    return organizational(name) if name.isascii() and "." in name else ""


def read(asked: DnsList, found: Lookup[str]) -> Opinion:
    """The opinion in the answer of a list. Raises Unheard where it does not talk to us."""
    if isinstance(found, Missing):
        return Opinion(asked.zone, 0.0)
    if isinstance(found, Trouble):
        raise Unheard(found.why)
    strange = next((code for code in found if IPv4Address(code) not in CODES), "")
    if strange:
        raise Unheard(f"{strange} is no listing: the list does not talk to us")
    counted = {code: asked.codes[code] for code in sorted(found) if code in asked.codes}
    return Opinion(asked.zone, max(counted.values(), default=0.0), tuple(counted))
