"""Ground: what the store knows, and what may be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec import Struct

from mailgate.model.terms import (
    BreakerState,
    ChallengeState,
    Counted,
    HeldState,
    Key,
    Kind,
    Level,
    Priority,
    Purpose,
    Right,
    Scope,
    Standing,
    TicketState,
    Trouble,
    Trust,
)


class Acquaintance(Struct, frozen=True):
    """What we hold of one canonical address (a row of `address`)."""

    address: str
    contact_id: int
    standing: Standing
    since: datetime
    credit: int
    credit_at: datetime  # creation or last drip
    until: datetime | None = None  # when the standing lapses
    trust: Trust | None = None
    bound: Level | None = None  # trust holds for mail proven at least this well
    proven: bool = False  # a person of ours once wrote to it or accepted it
    name: str = ""
    turns: int = 0  # automatic mails in a row that each brought a new mail within minutes
    turned_at: datetime | None = None  # when the newest of these was taken by the next hop
    spam_marks: int = 0  # mails of it that people judged spam since it was last trusted
    asks_back: bool = False  # whoever writes to it is asked a question by its machine


class DomainCredit(Struct, frozen=True):
    """The credit balance of one organizational domain."""

    domain: str
    credit: int
    credit_at: datetime


class KnownMessage(Struct, frozen=True):
    """A message already filed. Outgoing ones have `purpose`, `token_id` and `recipient`."""

    id: int
    message_id: str
    at: datetime
    ticket_id: int | None
    sender: str  # canonical
    body_hash: str
    journal_id: int | None = None
    purpose: Purpose | None = None
    token_id: int | None = None
    recipient: str = ""  # canonical
    mailbox: str = ""
    kind: Kind | None = None  # of what came in
    subject: str = ""
    spam: bool = False  # it came in and is held as such


class Participant(Struct, frozen=True):
    """Who takes part in a ticket, and how well he was proven when he came."""

    address: str  # canonical
    bound: Level
    copied: bool = False  # only named in To or Cc of a mail of it: takes no part until an agent lets him


class Contact(Struct, frozen=True):
    """A customer: one person with one or several addresses."""

    id: int
    name: str
    company: str
    addresses: tuple[Acquaintance, ...]  # in alphabetical order


class Customer(Struct, frozen=True):
    """Somebody of our customer base, as a list or a mail of ours names him."""

    address: str  # as it was written there
    name: str = ""
    company: str = ""


class Agent(Struct, frozen=True):
    """One of our own people (a row of `agent`)."""

    address: str  # canonical
    name: str  # by which history and reports know him
    rights: tuple[Right, ...]
    queues: tuple[str, ...]  # of whose tickets he is told; () : of all
    added_at: datetime
    left_at: datetime | None = None


class KnownTicket(Struct, frozen=True):
    """What threading asks of a ticket."""

    id: int
    number: int
    state: TicketState
    queue: str
    mailbox: str
    subject: str
    participants: tuple[Participant, ...]
    requester: str = ""  # canonical
    closed_at: datetime | None = None
    reopened_at: tuple[datetime, ...] = ()  # reopenings by mail of the last 7 days, oldest first
    updated_at: datetime | None = None
    merged_into: int | None = None  # the ticket that it is part of now


class Routed(Struct, frozen=True):
    """What rules say of a mail for the ticket that it opens, now or when it is let in."""

    queue: str = ""  # "": that of its mailbox
    priority: Priority = Priority.NORMAL
    tags: tuple[str, ...] = ()
    assignee: str = ""
    template: str = ""  # the name of the text for its acknowledgement, where one is granted
    webhooks: tuple[str, ...] = ()  # by name, to which it is handed


class HeldMail(Struct, frozen=True):
    """A mail that waits for its sender or for a person of ours."""

    journal_id: int
    message_id: int  # row of `message`
    address: str  # canonical sender
    name: str
    mailbox: str
    queue: str
    subject: str
    identity: str  # its Message-ID
    references: tuple[str, ...]
    at: datetime
    level: Level
    state: HeldState
    acknowledge: bool  # did signals and authentication allow an acknowledgement?
    author: str = ""  # the address as its owner wrote it; "" where only `address` is known
    copied: tuple[str, ...] = ()  # canonical; whom it names in To and Cc, ours left out
    routed: Routed = Routed()


class Horizon(Struct, frozen=True):
    """How the promise of one mailbox stands at a moment, its opening hours counted."""

    mailbox: str
    early: datetime  # who waits since then or longer has waited for most of the promised time,
    breach: datetime  # and who since then for all of it
    due_soon: datetime  # whose answer was promised for then or earlier has waited for most of it


class Recheck(Struct, frozen=True):
    """A mail of which nobody could tell who it is from, and where it stands: in a ticket, or held for a person."""

    message_id: int
    identity: str
    ticket_id: int | None = None


class Challenge(Struct, frozen=True):
    """A question to a stranger: are you there?"""

    id: int
    address: str  # canonical
    token_id: int
    mailbox: str
    state: ChallengeState
    level: Level  # of the mail that caused it
    domain: str  # that it was proven for
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None = None
    seen_at: datetime | None = None  # its page was first looked at


class Grant(Struct, frozen=True):
    """A row of the ledger of permits: one automatic mail that was ever allowed."""

    at: datetime
    purpose: Purpose
    address: str  # canonical
    domain: str  # organizational
    origin: str
    fingerprint: str
    shared: bool  # the domain is a freemail provider's
    unproven: bool  # no person of ours had ever met the address
    ticket_id: int | None
    cause: int  # journal id, challenge id for a confirmation, or a number of its own for a mail to our own people
    mailbox: str = ""  # from which it leaves


Counter = tuple[Key, Counted, str]  # whose automatic mails of which sort


class Reach(Struct, frozen=True):
    """How far back the permits of each subject of `key` are wanted that `mail` counts; None is for ever."""

    key: Key
    mail: Counted
    per: timedelta | None


class Total(Struct, frozen=True):
    """How many permits of one sort lie in the window `per` before every mail that is asked for: `count`, without `at`.

    With `at`, one that lies in it for some of them only.
    """

    per: timedelta
    purpose: Purpose
    unproven: bool
    count: int
    at: datetime | None = None


class Breaker(Struct, frozen=True):
    """What holds automatic mail back, as it was written down; `judge.breaker` says how it stands at a moment."""

    scope: Scope
    key: str  # address, domain or mailbox; "" for all
    state: BreakerState
    since: datetime
    until: datetime | None = None  # when an open one gives way
    trial_until: datetime | None = None  # and how long it is on trial then; None where it closes at once
    tripped_at: datetime | None = None  # when it last opened by itself
    reason: str = ""  # in words
    actor: str = ""  # "mail", or who did it


class Mishap(Struct, frozen=True):
    """One thing that went wrong with automatic mail."""

    id: int
    at: datetime
    trouble: Trouble
    address: str  # canonical; of whom the mail was for, or who sent it
    domain: str  # organizational
    message_id: int | None = None  # row of `message`: the mail of ours, where one is known


class Loop(Struct, frozen=True):
    """An address with whom our automatic mail runs, or would run, in a circle."""

    address: str  # canonical
    convicted: bool  # it answered like a machine; else limits withheld what it would have got
    at: datetime  # when the newest of these mails came
    count: int
    mails: tuple[int, ...]  # their journal ids, newest first
    rule: str  # what tells of the machine, or withheld the newest


class Undelivered(Struct, frozen=True):
    """An answer of a person that did not arrive."""

    message_id: int  # row of `message`
    at: datetime  # when that was known
    number: int  # of its ticket
    subject: str  # of the ticket
    address: str  # canonical; of whom it was for
    why: str
    agent: str  # who wrote it


class News(Struct, frozen=True):
    """What our own people may have to hear of: all of the last day."""

    breakers: tuple[Breaker, ...] = ()  # that opened
    loops: tuple[Loop, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()
    shunted: tuple[tuple[int, datetime, str], ...] = ()  # journal ids, when each was set aside, and its reverse-path


class Taken(Struct, frozen=True):
    """An automatic mail that the next hop took."""

    at: datetime
    fingerprint: str  # of the mail that it answered


class Run(Struct, frozen=True):
    """One of the newest automatic mails to the world outside, and what went wrong with it."""

    message_id: int
    at: datetime
    domain: str
    unproven: bool
    troubles: frozenset[Trouble] = frozenset()


class Begun(Struct, frozen=True):
    """A conversation that somebody began of late."""

    at: datetime
    fingerprint: str


class Ask(Struct, frozen=True):
    """What a batch wants to know; `store.facts` answers in a fixed number of statements."""

    now: datetime
    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    message_ids: frozenset[str] = frozenset()
    token_ids: frozenset[int] = frozenset()
    references: frozenset[str] = frozenset()  # Message-IDs that mails name, and what relays may have called ours
    thread_guids: frozenset[str] = frozenset()
    markers: frozenset[int] = frozenset()
    numbers: frozenset[int] = frozenset()  # of tickets
    topics: frozenset[tuple[str, str]] = frozenset()  # who may have begun a ticket, and under which subject,
    topics_since: datetime | None = None  # touched since then
    ticket_ids: frozenset[int] = frozenset()
    origins: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    held_of: frozenset[str] = frozenset()  # addresses whose held mail is wanted
    causes: frozenset[int] = frozenset()  # of which it is wanted whether they have had their automatic mail
    reach: tuple[Reach, ...] = ()  # how far back permits are counted, and
    windows: tuple[timedelta, ...] = ()  # in which everybody's permits are counted,
    until: datetime | None = None  # for mails of `now` to this moment; None: of `now` alone
    staff: frozenset[str] = frozenset()  # addresses of our own people
    targets: frozenset[str] = frozenset()  # addresses that mail may be sent on to,
    authors: frozenset[str] = frozenset()  # and whose mail that is, as `judge.redirect.author_key` names them
    mailboxes: frozenset[str] = frozenset()  # from which automatic mail may leave
    runs: bool = False  # are the newest automatic mails wanted, with what went wrong?


class Said(Struct, frozen=True):
    """What an agent wrote to a reply address of his."""

    at: datetime
    ticket_id: int | None
    words: str  # as fingerprint
    sent: bool  # it went to the customer, or was done; else it was only kept


@dataclass(slots=True)
class Facts:
    """The answer to an `Ask`. Filled by the store, then kept up to date by the judge while it walks the batch."""

    acquaintances: dict[str, Acquaintance] = field(default_factory=dict)
    domains: dict[str, DomainCredit] = field(default_factory=dict)
    spent: dict[Counter, list[datetime]] = field(default_factory=dict)  # when permits were granted, in no order
    causes: frozenset[int] = frozenset()  # those of the asked that have had their automatic mail
    totals: list[Total] = field(default_factory=list)
    messages: dict[str, list[KnownMessage]] = field(default_factory=dict)  # by Message-ID, oldest first
    tokens: dict[int, KnownMessage] = field(default_factory=dict)  # our outgoing mail by token id
    tickets: dict[int, KnownTicket] = field(default_factory=dict)
    aliases: dict[str, list[KnownMessage]] = field(default_factory=dict)  # by another name, see `message.alias`
    conversations: dict[str, list[KnownMessage]] = field(default_factory=dict)  # by thread GUID, newest first
    markers: dict[int, list[KnownMessage]] = field(default_factory=dict)  # our outgoing mail by the number of its mark
    numbers: dict[int, int] = field(default_factory=dict)  # ids of tickets by number
    topics: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # ids of tickets, newest first
    challenges: dict[str, Challenge] = field(default_factory=dict)  # the newest of each address
    held: dict[str, list[HeldMail]] = field(default_factory=dict)  # by address, oldest first
    silent_until: datetime | None = None  # until then nothing automatic leaves: `spent` may lack some
    breakers: dict[tuple[Scope, str], Breaker] = field(default_factory=dict)
    mishaps: list[Mishap] = field(default_factory=list)  # of all, of late, in no order
    taken: dict[str, list[Taken]] = field(default_factory=dict)  # by address, of late, newest first
    runs: list[Run] = field(default_factory=list)  # newest first
    machine_mails: dict[str, list[datetime]] = field(default_factory=dict)  # automatic replies by address, of late
    machine_words: dict[str, set[str]] = field(default_factory=dict)  # what these said, as fingerprints of words alone
    begun: dict[str, list[Begun]] = field(default_factory=dict)  # conversations by address, of late
    floods: dict[str, int] = field(default_factory=dict)  # by address, the ticket that takes its flood
    agents: dict[str, Agent] = field(default_factory=dict)  # our own people by address, those who left too
    relayed: dict[int, list[datetime]] = field(default_factory=dict)  # by ticket, answers that came by mail, of late
    said: dict[str, list[Said]] = field(default_factory=dict)  # by agent, of late
