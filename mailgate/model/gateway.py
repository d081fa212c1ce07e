"""Ground: who we are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, time, tzinfo
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network

from mailgate.domains import a_label
from mailgate.model.terms import DkimAlgorithm, Mode, PageState, Preset


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A stretch of one day of the week, in minutes since midnight by the clock on the wall; the last is not in it."""

    day: int  # 0 is Monday
    start_min: int
    end_min: int  # up to 1440


@dataclass(frozen=True, slots=True)
class Opening:
    """When people read a mailbox, week after week. Spans are in order and apart from each other."""

    spans: tuple[OpenSpan, ...]  # never empty
    zone: tzinfo
    zone_name: str  # as people read it: "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address customers write to."""

    address: str
    queue: str
    mode: Mode = Mode.GUARDED
    name: str = ""  # of the desk, before the address in From
    opening: Opening | None = None  # None: always
    answer_within_h: int = 0  # hours of `opening` within which a person answers; 0: nothing is promised
    spam_from: float = 5.0  # points from which a stranger's mail stands apart from what waits for people


@dataclass(frozen=True, slots=True)
class PageView:
    """How the challenge of a page stands, and which desk asked; None where the link is not ours."""

    state: PageState
    mailbox: Mailbox | None = None
    addresses: tuple[str, ...] = ()  # that may be one person's
    keep: str = ""  # what the browser shall keep, if it pressed the button


@dataclass(frozen=True, slots=True)
class Keys:
    """The signing keys by key id (one character); `current` signs, all verify. `instance` names this installation."""

    instance: str
    current: str
    secrets: Mapping[str, bytes] = field(repr=False)
    lasting: bytes = field(default=b"", repr=False)

    @property
    def steady(self) -> bytes:
        """The secret for what has to stay the same when another key signs, and proves nothing."""
        return self.lasting or self.secrets[self.current]


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key that signs mail. `private` is PKCS #8 in DER; the public half stands in DNS under `selector`."""

    selector: str
    algorithm: DkimAlgorithm
    private: bytes = field(repr=False)


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


@dataclass(frozen=True, slots=True)
class Webhook:
    """A program outside that rules may hand a mail to. Where it is and its secret are no judge's business."""

    name: str
    publishes: bool = False  # what it is given is shown to the world
    senders: tuple[str, ...] = ()  # who may publish by it: addresses, or "@example.com"


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
    webhooks: tuple[Webhook, ...] = ()
    learns: bool = False  # the spam filter is taught by what our people say of mail
    replay_days: int = 30  # for how long what mail was judged by is kept; 0: not at all
    redirect_to: tuple[str, ...] = ()  # the addresses that rules may send mail on to, in lower case

    @cached_property
    def domains(self) -> frozenset[str]:
        """The domains that we receive mail for, as A-labels."""
        own = {a_label(box.address.rpartition("@")[2]) for box in self.mailboxes}
        return frozenset(own | ({a_label(self.bounce_domain)} if self.bounce_domain else set()))

    def mailbox(self, address: str) -> Mailbox | None:
        """The mailbox of exactly this address, case aside."""
        wanted = address.lower()
        return next((box for box in self.mailboxes if box.address.lower() == wanted), None)
