"""Ground: the words of the trade that have a fixed list, and the text under which users and rows know each."""

from __future__ import annotations

from enum import StrEnum

OPERATOR_QUEUE = "operator"  # of tickets that ask whoever runs the gateway for something; they stand first


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
    """Where a journal row stands; exactly one at any moment."""

    PENDING = "pending"
    TICKETED = "ticketed"
    APPENDED = "appended"
    QUIET = "quiet"
    HELD = "held"
    PARKED = "parked"
    CONSUMED = "consumed"
    DUPLICATE = "duplicate"
    SHUNTED = "shunted"


class Mark(StrEnum):
    """What whoever reads a mail in its ticket must know of it."""

    UNVERIFIED = "unverified"  # it names a participant as its author, and nothing proves him
    QUARANTINED = "quarantined"  # it names somebody else, and nothing proves him either
    VARIANT = "variant"  # the same mail by another way, such as a list
    SAME_NAME = "same-message-id"  # another mail bears its Message-ID
    OTHER_REPLY_TO = "answers-wanted-elsewhere"  # its Reply-To is of another company than its author


class Strength(StrEnum):
    """How much a finding weighs."""

    DECISIVE = "decisive"  # sets the kind, forbids every automatic answer
    STRONG = "strong"  # forbids every automatic answer, leaves the kind alone
    HINT = "hint"  # one forbids a challenge, two of different families an acknowledgement
    WEAK = "weak"  # half a hint, never alone
    DISTRUST = "distrust"  # the mail counts as unauthenticated
    NOTE = "note"  # recorded, weighs nothing


class Sign(StrEnum):
    """What is odd in how a mail is made."""

    FORM = "form"  # HTML that asks for an answer on the spot
    SCRIPT = "script"  # or brings a program
    HIDDEN_WORDS = "hidden-words"
    BROKEN_WORDS = "broken-words"  # comments inside words, so that no filter reads them
    ARMOURED = "armoured"  # plain letters in base64
    SHOUTING = "shouting"  # much of it in capitals
    CRYING = "crying"  # many exclamation marks
    MALFORMED_LINK = "malformed-link"
    NUMERIC_LINK = "numeric-link"  # to an address of the net, not to a name
    USER_IN_LINK = "user-in-link"  # https://bank.example@other.test/
    ENCODED_LINK = "encoded-link"  # a host with %-signs
    INTERNATIONAL_LINK = "international-link"
    PORT_IN_LINK = "port-in-link"


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
    """How a mailbox receives strangers."""

    OPEN = "open"
    GUARDED = "guarded"
    OFF = "off"


class DkimAlgorithm(StrEnum):
    """How a mail is signed (RFC 8301 section 3.1, RFC 8463)."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class Preset(StrEnum):
    """Whose habits a forwarder has; rules/35-forwarders.toml tells them."""

    MICROSOFT365 = "microsoft365"
    GOOGLE = "google"
    ALIAS = "alias"


class Standing(StrEnum):
    """What we hold of an address."""

    UNKNOWN = "unknown"
    CHALLENGED = "challenged"
    TRUSTED = "trusted"
    EXPIRED = "expired"
    ROBOT = "robot"
    UNDELIVERABLE = "undeliverable"
    BLOCKED = "blocked"


class Trust(StrEnum):
    """Where trust came from."""

    MANUAL = "agent-manual"
    WROTE = "agent-out"
    CONFIRMED = "confirmed"
    IMPORT = "import"


class Purpose(StrEnum):
    """Why a mail leaves. All but AGENT are automatic and need a permit."""

    ACKNOWLEDGE = "acknowledge"
    CHALLENGE = "challenge"
    NOTICE = "notice"  # to our own people: something needs them now
    DIGEST = "digest"  # to our own people: what waits for them
    AGENT = "agent"
    REDIRECT = "redirect"  # somebody's mail, as it came, to an address that an admin listed

    @property
    def outside(self) -> bool:
        """Does a machine write it to the world outside?"""
        return self in (Purpose.ACKNOWLEDGE, Purpose.CHALLENGE)

    @property
    def to_staff(self) -> bool:
        """Does it go to our own people?"""
        return self in (Purpose.NOTICE, Purpose.DIGEST)


class ErrandKind(StrEnum):
    """What is carried outside by HTTP."""

    WEBHOOK = "webhook"  # a mail, to whoever a rule named
    LEARN_SPAM = "learn-spam"  # to the spam filter: a person judged it so
    LEARN_HAM = "learn-ham"


class ErrandState(StrEnum):
    """How far an errand is."""

    DUE = "due"
    DONE = "done"
    FAILED = "failed"  # given up, and told to people


class TokenKind(StrEnum):
    """What a signed identifier grants."""

    REPLY = "r"
    CHALLENGE = "c"
    BOUNCE = "b"
    AGENT = "g"  # an agent's answer to a notification
    MESSAGE = "m"


class TicketState(StrEnum):
    """Whether a ticket waits for anybody."""

    OPEN = "open"
    PENDING = "pending"  # for the customer, or for a day to come
    CLOSED = "closed"


class Priority(StrEnum):
    """How much a ticket presses."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Right(StrEnum):
    """What an agent may do by mail. In the console and on the command line everybody may do everything."""

    REPLY = "reply"  # his answers go to the customer
    COMMAND = "command"  # what he writes in the first lines is done
    FORWARD = "forward"  # a mail that he forwards makes a ticket of who wrote it


class ChallengeState(StrEnum):
    """Where a challenge stands."""

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
    LIKELY_SPAM = "likely-spam"  # by its points alone: stands apart until its sender turns out to be somebody
    SPAM = "spam"  # judged so by a person; kept and reversible
    ARCHIVED = "archived"  # spam that nobody touched for long: out of the lists, found by search


class OutboxState(StrEnum):
    """Where an outgoing mail stands; each ends in sent, failed or cancelled."""

    READY = "ready"
    LEASED = "leased"
    HANDED = "handed"  # its DATA may have been written: an automatic mail is not tried again
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PageState(StrEnum):
    """What the confirmation page has to say."""

    ASK = "ask"
    DONE = "done"
    TOO_SOON = "too-soon"  # a scanner clicks at once; a person may press again
    EXPIRED = "expired"
    ACCEPTED = "accepted"  # a person of ours was faster
    BOTH = "both"  # confirmed, as another address was in the same browser: are both one person's?
    LINKED = "linked"  # they are
    UNKNOWN = "unknown"


class Key(StrEnum):
    """Per what a limit counts."""

    TICKET = "ticket"
    ADDRESS = "address"
    DOMAIN = "domain"
    SHARED = "shared"
    FINGERPRINT = "fingerprint"
    ORIGIN = "origin"
    TOTAL = "total"
    STAFF = "staff"  # an address of our own people
    TARGET = "target"  # an address that mail is sent on to
    SENDER = "sender"  # whose mail is sent on


class Counted(StrEnum):
    """Which automatic mails count."""

    ANY = "any"
    CHALLENGE = "challenge"
    ACKNOWLEDGE = "acknowledge"
    UNPROVEN = "unproven"
    NOTICE = "notice"
    DIGEST = "digest"
    REDIRECT = "redirect"  # counts nowhere else, and nothing else counts there


class Scope(StrEnum):
    """Whose automatic mail a breaker holds back."""

    ALL = "all"
    MAILBOX = "mailbox"  # what would leave from it
    DOMAIN = "domain"  # what would go to any address of it
    ADDRESS = "address"


class BreakerState(StrEnum):
    """Whether automatic mail passes."""

    CLOSED = "closed"  # it passes
    OPEN = "open"  # it does not, for a while
    HALF = "half"  # a little of it passes, on trial
    LATCHED = "latched"  # it does not, until a person says so


class Trouble(StrEnum):
    """What may go wrong with automatic mail."""

    FAILED = "failed"  # it came back for good
    ANSWERED = "answered"  # an unmarked machine answered it
    COMPLAINED = "complained"  # somebody called it spam
    CAME_BACK = "came-back"  # a mail of ours was sent to us
    REPEATED = "repeated"  # it would have answered the same text once more
