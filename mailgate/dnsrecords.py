"""Faces: the records that receivers of our mail, and senders of mail to us, look for in DNS. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailgate.config import Settings
from mailgate.domains import a_label
from mailgate.model import DkimKey
from mailgate.net.dkim_key import record

STRING_BYTES = 255  # RFC 1035 section 3.3
MX_PREFERENCE = 10


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `purpose` says in a few words who looks for it."""

    name: str
    kind: str  # TXT, MX
    value: str
    purpose: str

    @property
    def strings(self) -> list[str]:
        """The value of a TXT record in pieces that it can hold; receivers join them (RFC 7208 section 3.3)."""
        if self.kind != "TXT":
            return [self.value]
        return [self.value[place : place + STRING_BYTES] for place in range(0, len(self.value), STRING_BYTES)]

    @property
    def line(self) -> str:
        """As it stands in a zone file (RFC 1035 section 5.1)."""
        if self.kind != "TXT":
            return f"{self.name}. IN {self.kind} {self.value}"
        pieces = " ".join(f'"{piece}"' for piece in self.strings)
        return f"{self.name}. IN TXT {pieces if len(self.strings) == 1 else f'( {pieces} )'}"


def records(settings: Settings, dkim: Sequence[DkimKey]) -> list[Record]:
    """Everything to publish, for each domain that we write from."""
    domains = domains_of(settings)
    found = list(dkim_records(domains, dkim))
    bounces, host = a_label(settings.outbound.bounce_domain), a_label(settings.gateway.name)
    # The sub-domain of bounces is what SPF is asked of, and the host where a relay leaves out the sender.
    senders = [*domains, *([bounces] if bounces and bounces not in domains else [])]
    found += [Record(name, "TXT", f"v=spf1 mx a:{host} ~all", f"SPF: who may send for {name}") for name in senders]
    if host not in senders:
        found.append(Record(host, "TXT", "v=spf1 a -all", "SPF of the name that we say after HELO"))
    found += [
        Record(f"_dmarc.{name}", "TXT", "v=DMARC1; p=none", f"DMARC: what becomes of others' mail as {name}")
        for name in domains
    ]
    if bounces:
        found.append(Record(bounces, "MX", f"{MX_PREFERENCE} {host}.", "bounces of our mail come here"))
    return found


def dkim_records(domains: Sequence[str], dkim: Sequence[DkimKey]) -> Iterator[Record]:
    """The public halves of these keys, under each domain."""
    for name in domains:
        for key in dkim:
            where = f"{key.selector}._domainkey.{name}"
            yield Record(where, "TXT", record(key), f"DKIM: the {key.algorithm} key of {name}")


def domains_of(settings: Settings) -> list[str]:
    """The domains that we write from, as A-labels."""
    return sorted({a_label(box.address.rpartition("@")[2]) for box in settings.mailbox})
