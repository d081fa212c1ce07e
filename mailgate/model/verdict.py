"""Ground: what the judge is given, and what it thinks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

from mailgate.model.gateway import Mailbox
from mailgate.model.insider import Forwarded, Orders
from mailgate.model.mail import Accepted, Authentication, Mail, Shape, Token
from mailgate.model.ruling import Hit, Opinion
from mailgate.model.terms import Disposition, Kind, Mark, Strength


class Finding(Struct, frozen=True):
    """One signal that a mail gave: which rule saw it, in what value, and how much it weighs."""

    id: str  # "B1"
    strength: Strength
    value: str  # what was seen, shortened
    rule: str  # "signals.toml:42"
    kind: Kind | None = None
    disposition: Disposition | None = None
    family: str = ""  # hints count once per family
    says: str = ""  # in words for people
    field: str = ""  # where the value stood: "header:precedence", "subject"
    pin: str = ""  # what the operator must do, where the mail asks him for something
    asks_back: bool = False  # a machine asks whoever wrote to prove himself


class Case(Struct, frozen=True):
    """All that is known of one mail before history is asked."""

    accepted: Accepted
    mail: Mail
    authentication: Authentication
    mailbox: Mailbox  # whose address, or whose token, the mail was sent to
    judged_at: datetime
    recipient: Token | None = None  # the token of the recipient address
    ours: Mapping[str, Token] = field(default_factory=dict)  # signed Message-IDs of ours the mail names, by id
    enclosed: Mapping[str, Token] = field(default_factory=dict)  # signed Message-IDs of ours inside an enclosed mail
    passed: tuple[Token, ...] = ()  # what its Mailgate-Trace fields name: the mails of ours that it is
    text: str = ""  # what the person wrote; read only where an answer to a challenge is weighed
    bare_subject: str = ""  # without reply prefixes and the names of lists in brackets
    fingerprint: str = ""
    words: str = ""  # the fingerprint of its own words alone, "" where nobody read any
    markers: tuple[int, ...] = ()  # the numbers of our markers that it quotes, each with the right MAC
    rules: str = ""  # version of the rule files that judge it
    forwarded: tuple[str, ...] = ()  # how a listed forwarder brought it, by the ids of the rule files
    relayed: bool = False  # and its client is that forwarder by its network, so nobody's own
    language: str = ""  # a key of rules/languages.toml; looked for only where an answer may follow
    orders: Orders | None = None  # what its text asks for; read only where it was sent to an agent's reply address
    quotes_us: bool = False  # the marker of a mail of ours stands among its own words, not quoted
    forwards: Forwarded | None = None  # the mail of somebody else inside; looked for only in mail to a mailbox
    opinions: tuple[Opinion, ...] = ()  # of others outside who were asked about it
    shape: Shape | None = None  # how it is made; looked at only where it may be held


class Step(Struct, frozen=True):
    """One line of a verdict's trail: what was asked and what came of it, in words."""

    check: str
    result: str


class Weighed(Struct, frozen=True):
    """One reason for or against spam, and how many points it gave."""

    id: str
    points: float
    says: str
    rule: str  # "70-spam.toml:42"; "" for what the rules together added
    saw: str = ""


class Respond(Struct, frozen=True):
    """Whether an automatic answer is allowed by signals and authentication alone, and why not."""

    acknowledge: bool
    challenge: bool
    reasons: tuple[str, ...] = ()


class Verdict(Struct, frozen=True):
    """What we think of one mail, with the whole way to it."""

    kind: Kind
    disposition: Disposition
    respond: Respond
    findings: tuple[Finding, ...]
    trail: tuple[Step, ...]
    reason: str = ""  # the deciding reason, in words for people
    ticket_id: int | None = None
    proposed: bool = False  # a stranger's contribution, without effect until an agent lets it in
    marks: tuple[Mark, ...] = ()  # what whoever reads it must know
    suppressed: str = ""  # why the automatic answer that the mail could have had was withheld
    withheld_by: str = ""  # the rule of the send gate that says so: "limits.toml:81"
    hits: tuple[Hit, ...] = ()  # the rules that hold for it
    spam: float | None = None  # points; the more, the likelier it is spam. None where nobody counted
    weighed: tuple[Weighed, ...] = ()  # of which they are the sum, heaviest first
