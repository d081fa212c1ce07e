"""Ground: the frozen values that travel between the rooms.

Knows no room, no library beyond the standard one, and holds no behaviour except what follows from a value alone.
Times are aware UTC datetimes; addresses are text; raw mail is bytes exactly as received.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a mail is: the first that applies, in the order of `KIND_ORDER`."""

    OWN_LOOP = "own_loop"
    BOUNCE = "bounce"
    DELAY = "delay"
    RECEIPT = "receipt"
    MDN = "mdn"
    FEEDBACK = "feedback"
    AUTO_REPLY = "auto_reply"
    CALENDAR = "calendar"
    LIST = "list"
    BULK = "bulk"
    SYSTEM = "system"
    UNKNOWN_NULL = "unknown_null"
    HUMAN = "human"


class Disposition(StrEnum):
    """What becomes of a mail."""

    TICKET = "ticket"
    QUIET = "quiet"
    APPEND = "append"
    PARK = "park"
    CONSUME = "consume"
    DUPLICATE = "duplicate"
    HOLD = "hold"
    REJECT = "reject"


class State(StrEnum):
    """Where a journal row stands; exactly one at any moment (DESIGN law 9)."""

    PENDING = "pending"
    TICKETED = "ticketed"
    APPENDED = "appended"
    QUIET = "quiet"
    HELD = "held"
    PARKED = "parked"
    CONSUMED = "consumed"
    DUPLICATE = "duplicate"
    SHUNTED = "shunted"


class Strength(StrEnum):
    """How much a finding weighs (PROTOCOL 1.2)."""

    DECISIVE = "decisive"  # sets the kind, forbids every automatic answer
    STRONG = "strong"  # forbids every automatic answer, leaves the kind alone
    HINT = "hint"  # one forbids a challenge, two of different families an acknowledgement
    WEAK = "weak"  # half a hint, never alone
    DISTRUST = "distrust"  # the mail counts as unauthenticated
    NOTE = "note"  # recorded, weighs nothing


class Level(StrEnum):
    """How well the author is proven: A2 by aligned DKIM, A1 by aligned SPF, A0 not at all."""

    A2 = "A2"
    A1 = "A1"
    A0 = "A0"

    def reaches(self, other: Level) -> bool:
        """Is this at least as strong a proof as `other`?"""
        return self.value >= other.value


class Role(StrEnum):
    """Who speaks to a listener: the sender's own server (edge), or our own queueing MTA (behind)."""

    EDGE = "edge"
    BEHIND = "behind"


class Protocol(StrEnum):
    """What a listener speaks."""

    SMTP = "smtp"
    LMTP = "lmtp"


class Mode(StrEnum):
    """How a mailbox receives strangers (PROTOCOL 4.2)."""

    OPEN = "open"
    GUARDED = "guarded"
    OFF = "off"


class Standing(StrEnum):
    """What we hold of an address (PROTOCOL 4.8)."""

    UNKNOWN = "unknown"
    CHALLENGED = "challenged"
    TRUSTED = "trusted"
    EXPIRED = "expired"
    ROBOT = "robot"
    UNDELIVERABLE = "undeliverable"
    BLOCKED = "blocked"


class Trust(StrEnum):
    """Where trust came from (PROTOCOL 4.7)."""

    MANUAL = "agent-manual"
    WROTE = "agent-out"
    CONFIRMED = "confirmed"


class Purpose(StrEnum):
    """Why a mail leaves. All but AGENT are automatic and need a permit (DESIGN law 7)."""

    ACKNOWLEDGE = "acknowledge"
    CHALLENGE = "challenge"
    AGENT = "agent"


class TokenKind(StrEnum):
    """What a signed identifier grants (PROTOCOL 2.2)."""

    REPLY = "r"
    CHALLENGE = "c"
    BOUNCE = "b"
    MESSAGE = "m"


class TicketState(StrEnum):
    """Whether a ticket waits for anybody."""

    OPEN = "open"
    CLOSED = "closed"


class ChallengeState(StrEnum):
    """Where a challenge stands (PROTOCOL 4.8)."""

    QUEUED = "queued"
    SENT = "sent"
    CONFIRMED = "confirmed"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"
    ANSWERED_AUTO = "answered-auto"
    DOUBTFUL = "doubtful"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"

    @property
    def running(self) -> bool:
        """Can it still be confirmed?"""
        return self in (ChallengeState.QUEUED, ChallengeState.SENT, ChallengeState.DOUBTFUL)


class HeldState(StrEnum):
    """Whom a held mail waits for."""

    WAIT = "wait"  # for the sender, who has a challenge
    HUMAN = "human"  # for a person of ours
    SPAM = "spam"  # judged so by a person; kept and reversible


class OutboxState(StrEnum):
    """Where an outgoing mail stands; each ends in sent, failed or cancelled."""

    READY = "ready"
    LEASED = "leased"
    HANDED = "handed"  # its DATA may have been written: an automatic mail is not tried again
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


# ── The wire ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: `Reply(250, "2.0.0 Ok")`. `close` asks the listener to hang up after it."""

    code: int
    text: str
    close: bool = False

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@dataclass(frozen=True, slots=True)
class Peer:
    """The client of a session. `ip` is empty on a unix socket; `known` is false where the peer is only our own MTA."""

    ip: str = ""
    helo: str = ""
    tls: bool = False
    known: bool = True
    protocol: Protocol = Protocol.SMTP
    role: Role = Role.EDGE
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """One finished transaction: `raw` as received after dot-unstuffing; `notes` are the wire's own observations."""

    mail_from: str  # "" is the null reverse-path
    recipients: tuple[str, ...]  # as accepted at RCPT, in order
    raw: bytes
    peer: Peer
    at: datetime
    notes: tuple[str, ...] = ()  # "bare-line-end", "long-line", "bad-reverse-path"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One recipient's place in the journal. `fresh` is false where the very same mail had been accepted before."""

    queue_id: str
    journal_id: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """A journal row claimed for processing: one mail for one recipient."""

    journal_id: int
    queue_id: str
    at: datetime
    mail_from: str
    rcpt_to: str
    peer: Peer
    raw: bytes
    notes: tuple[str, ...] = ()
    attempts: int = 1  # this one included; committed before it begins
    last_error: str = ""  # "" with attempts > 1: an earlier attempt died without a word
    replayed: bool = False  # put back by a person after it was shunted


# ── The mail ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Mailaddr:
    """One address of a header: `address` is addr-spec with the domain in lower case, `name` the decoded display name."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """What one message says of itself. Header values are unfolded, undecoded text, in order of appearance."""

    headers: Mapping[str, tuple[str, ...]]  # by lower-case name
    message_id: str = ""  # with angle brackets; "" where there is none
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # oldest first, as written
    authors: tuple[Mailaddr, ...] = ()  # every mailbox of every From field
    to: tuple[Mailaddr, ...] = ()  # To and Resent-To
    cc: tuple[Mailaddr, ...] = ()  # Cc and Resent-Cc
    subject: str = ""  # decoded, one line, no control characters
    date: datetime | None = None
    content_type: str = "text/plain"
    report_type: str = ""  # of multipart/report
    parts: tuple[str, ...] = ()  # every MIME type inside, lower case; () for a mail of one part
    calendar_method: str = ""
    enclosed_ids: tuple[str, ...] = ()  # Message-ID values found inside enclosed messages or returned headers
    enclosed_traces: tuple[str, ...] = ()  # Mailgate-Trace values found there
    report_actions: tuple[str, ...] = ()  # Action fields of a delivery report, lower case
    hops: int = 0  # Received fields
    body_hash: str = ""  # SHA-256 of the body's bytes, hexadecimal
    size_bytes: int = 0
    defects: tuple[str, ...] = ()
    passed_through: tuple[str, ...] = ()  # Delivered-To and X-Original-To values below a Received field

    @property
    def author(self) -> Mailaddr | None:
        """The one author, or None where there is none or more than one."""
        return self.authors[0] if len(self.authors) == 1 else None


@dataclass(frozen=True, slots=True)
class Authentication:
    """Who the mail comes from, as proven. Results are the words of RFC 8601; `domain` is the one that aligned."""

    level: Level = Level.A0
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    arc: str = "none"
    domain: str = ""
    why: str = ""  # words for a person: "proven by DKIM of example.com"


@dataclass(frozen=True, slots=True)
class Token:
    """A signed identifier whose MAC was right. What it is bound to stands in the store under `id`."""

    kind: TokenKind
    kid: str
    id: int  # 64 bits


# ── The gateway ───────────────────────────────────────────────────────────────────────────────────────────────────────


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

    def mailbox(self, address: str) -> Mailbox | None:
        """The mailbox of exactly this address, case aside."""
        wanted = address.lower()
        return next((box for box in self.mailboxes if box.address.lower() == wanted), None)


# ── What the judge finds ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal that a mail gave: which rule saw it, in what value, and how much it weighs."""

    id: str  # "B1"
    strength: Strength
    value: str  # what was seen, shortened
    rule: str  # "signals.toml:42"
    kind: Kind | None = None
    disposition: Disposition | None = None
    family: str = ""  # hints count once per family
    says: str = ""  # in words for people


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one mail before history is asked."""

    accepted: Accepted
    mail: Mail
    authentication: Authentication
    mailbox: Mailbox  # whose address, or whose token, the mail was sent to
    judged_at: datetime
    recipient: Token | None = None  # the token of the recipient address
    ours: Mapping[str, Token] = field(default_factory=dict)  # signed Message-IDs of ours the mail names, by id
    enclosed: Mapping[str, Token] = field(default_factory=dict)  # signed Message-IDs of ours inside an enclosed mail
    text: str = ""  # what the person wrote; read only where an answer to a challenge is weighed
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a verdict's trail: what was asked and what came of it, in words."""

    check: str
    result: str


@dataclass(frozen=True, slots=True)
class Respond:
    """Whether an automatic answer is allowed by signals and authentication alone, and why not."""

    acknowledge: bool
    challenge: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we think of one mail, with the whole way to it."""

    kind: Kind
    disposition: Disposition
    respond: Respond
    findings: tuple[Finding, ...]
    trail: tuple[Step, ...]
    reason: str = ""  # the deciding reason, in words for people
    ticket_id: int | None = None
    proposed: bool = False  # a stranger's contribution, without effect until an agent lets it in
    suppressed: str = ""  # why the automatic answer that the mail could have had was withheld


# ── What the store knows ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Acquaintance:
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


@dataclass(frozen=True, slots=True)
class DomainCredit:
    """The credit balance of one organizational domain."""

    domain: str
    credit: int
    credit_at: datetime


@dataclass(frozen=True, slots=True)
class KnownMessage:
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


@dataclass(frozen=True, slots=True)
class Participant:
    """Who takes part in a ticket, and how well he was proven when he came."""

    address: str  # canonical
    bound: Level


@dataclass(frozen=True, slots=True)
class KnownTicket:
    """What threading asks of a ticket."""

    id: int
    number: int
    state: TicketState
    queue: str
    mailbox: str
    subject: str
    participants: tuple[Participant, ...]
    closed_at: datetime | None = None
    reopened_at: tuple[datetime, ...] = ()  # reopenings by mail of the last 7 days, oldest first


@dataclass(frozen=True, slots=True)
class HeldMail:
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


@dataclass(frozen=True, slots=True)
class Challenge:
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


@dataclass(frozen=True, slots=True)
class Grant:
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
    cause: int  # journal id, or challenge id for a confirmation


@dataclass(frozen=True, slots=True)
class Ask:
    """What a batch wants to know; `store.facts` answers in a fixed number of statements."""

    now: datetime
    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    message_ids: frozenset[str] = frozenset()
    token_ids: frozenset[int] = frozenset()
    ticket_ids: frozenset[int] = frozenset()
    origins: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    held_of: frozenset[str] = frozenset()  # addresses whose held mail is wanted


@dataclass(slots=True)
class Facts:
    """The answer to an `Ask`. Filled by the store, then kept up to date by the judge while it walks the batch."""

    acquaintances: dict[str, Acquaintance] = field(default_factory=dict)
    domains: dict[str, DomainCredit] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    messages: dict[str, list[KnownMessage]] = field(default_factory=dict)  # by Message-ID, oldest first
    tokens: dict[int, KnownMessage] = field(default_factory=dict)  # our outgoing mail by token id
    tickets: dict[int, KnownTicket] = field(default_factory=dict)
    challenges: dict[str, Challenge] = field(default_factory=dict)  # the newest of each address
    held: dict[str, list[HeldMail]] = field(default_factory=dict)  # by address, oldest first


# ── What the judge decides, for the store to write ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Filing:
    """The mail takes its place: one row of `message`, one step of the journal."""

    message_id: int
    case: Case
    verdict: Verdict
    state: State
    sender: str  # canonical author, "" where there is none
    identity: str  # Message-ID, or the one made up for a mail without
    ticket_id: int | None = None
    held: HeldState | None = None
    duplicate_of: int | None = None


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket is opened. Its number is given by the store."""

    id: int
    subject: str
    queue: str
    mailbox: str
    participant: Participant
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TicketChange:
    """One line of a ticket's history; `state` is set where it changes."""

    id: int
    ticket_id: int
    at: datetime
    event: str  # "opened", "appended", "closed", "reopened", "replied", "noted", "assigned", …
    actor: str  # "mail", "agent:anne", "clock"
    detail: str = ""
    state: TicketState | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """An address becomes a participant of a ticket."""

    ticket_id: int
    participant: Participant


@dataclass(frozen=True, slots=True)
class Met:
    """An address stands anew."""

    acquaintance: Acquaintance


@dataclass(frozen=True, slots=True)
class Credited:
    """A domain's balance stands anew."""

    domain: DomainCredit


@dataclass(frozen=True, slots=True)
class Asked:
    """A challenge stands anew."""

    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Released:
    """A held or parked mail goes into a ticket."""

    journal_id: int
    message_id: int
    ticket_id: int
    state: State  # ticketed, or appended where it joins one


@dataclass(frozen=True, slots=True)
class Reheld:
    """Held mail now waits for somebody else, or is judged spam."""

    message_ids: tuple[int, ...]
    held: HeldState
    reason: str


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one automatic mail. Only `judge.governor` makes one (a law test says so)."""

    id: int
    grant: Grant


@dataclass(frozen=True, slots=True)
class Sending:
    """A mail for the outbox, ready to leave; its raw bytes are composed before the store sees it."""

    outbox_id: int
    message_id: int  # row of `message`
    purpose: Purpose
    mail_from: str
    rcpt_to: str
    recipient: str  # canonical
    mailbox: str
    identity: str  # our signed Message-ID
    token_id: int
    subject: str
    raw: bytes
    at: datetime
    not_before: datetime
    give_up_at: datetime
    permit: Permit | None = None  # None only for AGENT
    ticket_id: int | None = None
    cause: int | None = None  # journal id
    utf8: bool = False  # needs SMTPUTF8 at the next hop


Effect = (
    Filing
    | NewTicket
    | TicketChange
    | Joined
    | Met
    | Credited
    | Asked
    | Released
    | Reheld
    | Sending
)
Effects = Sequence[Effect]


# ── The outbox ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Due:
    """An outgoing mail claimed for delivery."""

    outbox_id: int
    purpose: Purpose
    mail_from: str
    rcpt_to: str
    raw: bytes
    attempts: int  # this one included
    created_at: datetime
    give_up_at: datetime
    utf8: bool
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the next hop said: `code` 0 where it could not be asked. `text` is one line, at most 500 characters."""

    code: int
    text: str
    handed: bool = False  # DATA had been written when the answer, or the silence, came


@dataclass(frozen=True, slots=True)
class Settlement:
    """What follows from an attempt. `next_at` is set where `state` is ready again."""

    outbox_id: int
    state: OutboxState
    answer: Answer
    at: datetime
    next_at: datetime | None = None


# ── The web ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class PageState(StrEnum):
    """What the confirmation page has to say."""

    ASK = "ask"
    DONE = "done"
    TOO_SOON = "too-soon"  # a scanner clicks at once; a person may press again
    EXPIRED = "expired"
    ACCEPTED = "accepted"  # a person of ours was faster
    UNKNOWN = "unknown"
