"""Ground: who we are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, time, tzinfo
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network

from mailgate.domains import a_label
from mailgate.model.terms import Mode, Preset


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address customers write to."""

    address: str
    queue: str
    mode: Mode = Mode.GUARDED


@dataclass(frozen=True, slots=True)
class Keys:
    """The signing keys by key id (one character); `current` signs, all verify. `instance` names this installation."""

    instance: str
    current: str
    secrets: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Forwarder:
    """A service that forwards mail to us: what it does to mail, for which addresses, and from where."""

    preset: Preset
    delivers: frozenset[str]  # the addresses whose mail it brings, canonical
    networks: tuple[IPv4Network | IPv6Network, ...] = ()  # () : from anywhere


@dataclass(frozen=True, slots=True)
class Notify:
    """Who of our own people learns of what needs a person, and when he is told what waits."""

    address: str = ""  # "": nobody
    digest_at: tuple[time, ...] = (time(9), time(15))  # in `zone`
    zone: tzinfo = UTC
    language: str = "en"


# Without slots, because what many ask for every mail is found once.
@dataclass(frozen=True)
class Gateway:
    """Who we are: the few settings that judging and composing need."""

    name: str  # host name: greeting, Received, HELO
    mailboxes: tuple[Mailbox, ...]
    keys: Keys
    web_url: str = ""  # "" : the challenge offers only the reply
    bounce_domain: str = ""  # "" : bounces come to the mailbox's own sub-address
    dry_run: bool = False
    ack_delay_s: int = 0
    challenge_delay_s: int = 0
    confirm_min_s: int = 10
    new_contacts_per_day: int = 50
    forwarders: tuple[Forwarder, ...] = ()
    notify: Notify = Notify()

    @cached_property
    def domains(self) -> frozenset[str]:
        """The domains that we receive mail for, as A-labels."""
        own = {a_label(box.address.rpartition("@")[2]) for box in self.mailboxes}
        return frozenset(own | ({a_label(self.bounce_domain)} if self.bounce_domain else set()))

    def mailbox(self, address: str) -> Mailbox | None:
        """The mailbox of exactly this address, case aside."""
        wanted = address.lower()
        return next((box for box in self.mailboxes if box.address.lower() == wanted), None)
