"""The file of one case while it is decided: what was found, what follows from it, and the trail of every step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mailgate.judge import spam, trust
from mailgate.judge.acquainted import Acquainted
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.evidence import Link
from mailgate.judge.history import History, Mint
from mailgate.judge.limits import Limits
from mailgate.judge.ruling import acting
from mailgate.judge.ruling.asking import NO_RULES, Rules
from mailgate.judge.ruling.fields import About
from mailgate.judge.weighs import NO_WEIGHS, Weighs
from mailgate.model import (
    Acquaintance,
    Agent,
    Authentication,
    Broken,
    Case,
    Challenge,
    Counted,
    Disposition,
    Effect,
    Filing,
    Finding,
    Gateway,
    HeldState,
    Hit,
    Key,
    Kind,
    Mark,
    Met,
    Permit,
    Purpose,
    Rejudged,
    Relay,
    Respond,
    Routed,
    Ruling,
    State,
    Step,
    Suffered,
)

AN_HOUR = timedelta(hours=1)


class Planned(Struct, frozen=True):
    """An automatic mail that has its permit and still needs its text."""

    purpose: Purpose
    permit: Permit
    outbox_id: int
    message_id: int  # row of `message`
    token_id: int
    mailbox: str
    to: str  # as the author wrote it
    answers: str  # Message-ID of the mail that caused it
    references: tuple[str, ...]
    at: datetime
    not_before: datetime
    give_up_at: datetime
    ticket_id: int | None = None
    subject: str = ""  # of the mail answered; only where its author is trusted
    challenge: Challenge | None = None
    cause: int | None = None
    language: str = ""
    template: str = ""  # the text that a rule chose for an acknowledgement


class Placement(Struct, frozen=True):
    """Where a mail goes, and why, in words for people."""

    state: State
    disposition: Disposition
    reason: str
    ticket_id: int | None = None
    held: HeldState | None = None
    proposed: bool = False
    duplicate_of: int | None = None
    suggests: int | None = None  # the ticket that it may belong to, for a person to say
    marks: tuple[Mark, ...] = ()


class Outcome(Struct, frozen=True):
    """All that follows from one mail: rows to write, and automatic mail to compose."""

    effects: tuple[Effect, ...]  # its filing stands last
    planned: tuple[Planned, ...]
    trusted: bool = False  # its author is, and the mail is proven to be his
    relays: tuple[Relay, ...] = ()  # answers of our own people to compose

    @property
    def moves_the_gate(self) -> bool:
        """Does it change what the send gate will say to the next mail?"""
        return bool(self.planned) or any(isinstance(effect, (Broken, Suffered)) for effect in self.effects)

    @property
    def filing(self) -> Filing:
        """The place that the mail takes."""
        last = self.effects[-1]
        if isinstance(last, Rejudged):
            return last.filing
        assert isinstance(last, Filing)
        return last


@dataclass(slots=True)
class Docket:
    """One case with everything that was worked out about it so far."""

    case: Case
    history: History
    findings: tuple[Finding, ...]
    kind: Kind
    respond: Respond
    sender: str  # canonical author, "" where there is none or more than one
    authentication: Authentication
    known: Acquaintance
    identity: str
    message_id: int
    link: Link | None
    seen_us: bool  # it shows so, see `has_seen_us`
    alias: str = ""  # the Message-ID that it bears, where that is another mail's
    marks: tuple[Mark, ...] = ()
    rules: Rules = NO_RULES
    weighs: Weighs = NO_WEIGHS
    effects: list[Effect] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    trail: list[Step] = field(default_factory=list)
    suppressed: str = ""
    withheld_by: str = ""  # the rule of the gate
    relays: list[Relay] = field(default_factory=list)
    by: str = ""  # the name of the agent who proved to have written it
    _ruling: Ruling | None = None
    _counted: spam.Points | None = None

    @property
    def agent(self) -> Agent | None:
        """Whose of our own people's address stands in From, proven or not."""
        return self.history.agent(self.sender)

    @property
    def gateway(self) -> Gateway:
        """Who we are."""
        return self.history.gateway

    @property
    def limits(self) -> Limits:
        """The numbers that hold."""
        return self.history.limits

    @property
    def mint(self) -> Mint:
        """Where new ids come from."""
        return self.history.mint

    @property
    def has_seen_us(self) -> bool:
        """Its author has had a mail of ours in hand: then no machine of ours ever answers."""
        return self.seen_us

    @property
    def at(self) -> datetime:
        """A mail is judged at the time of its acceptance, whenever that is."""
        return self.case.accepted.at

    @property
    def ruling(self) -> Ruling:
        """What the rules of the admin say of it; they are asked once, by what is known before it has a place."""
        if self._ruling is None:
            about = About(
                *(self.case, self.gateway, self.kind, self.findings, self.authentication, self.known),
                in_thread=self.link is not None,
                begun=sum(one.at > self.at - AN_HOUR for one in self.history.facts.begun.get(self.sender, ())),
                spam=self.counted.total,
            )
            self._ruling = acting.ruling(self.rules, about)
            for hit in self._ruling.hits:
                words = f"{hit.rule} ({hit.place}): {hit.says}; {'; '.join(hit.saw) or 'nothing stands against it'}"
                self.note("shadow rule" if hit.shadow else "rule", words)
        return self._ruling

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The rules that hold, where they were asked."""
        return self._ruling.hits if self._ruling else ()

    @property
    def routed(self) -> Routed:
        """What they say of the ticket that it opens, now or later."""
        return self.ruling.routed

    @property
    def points(self) -> spam.Points:
        """How likely it is spam, rules included."""
        return spam.with_extra(self.counted, self._ruling.score if self._ruling else 0.0)

    @property
    def counted(self) -> spam.Points:
        """The same before rules are asked, counted once, by what was known when somebody first asked."""
        if self._counted is None:
            fields = spam.SpamFields(self.case, self.gateway, self._acquainted())
            self._counted = spam.points(fields, self.findings, self.case.opinions, self.weighs)
        return self._counted

    def _acquainted(self) -> Acquainted:
        words = Key.FINGERPRINT, Counted.ANY, self.case.fingerprint
        return Acquainted(
            kind=self.kind,
            authentication=self.authentication,
            known=self.known,
            welcome=trust.welcome(self.known, self.authentication),
            at=self.at,
            in_thread=self.link is not None,
            domain=self.domain,
            reply_domains=tuple(domain_of(canonical(one.address)) for one in self.case.mail.reply_to),
            shared=self.limits.shared,
            same_words=self.history.counters.count(words, spam.SAME_WORDS_PER, self.at) if words[-1] else 0,
        )

    @property
    def domain(self) -> str:
        """The author's organizational domain."""
        return domain_of(self.sender)

    def object(self, finding: Finding) -> None:
        """What history shows forbids every automatic answer, and the verdict names it among its findings."""
        self.findings = (*self.findings, finding)
        reasons = (*self.respond.reasons, finding.says)
        self.respond = Respond(acknowledge=False, challenge=False, reasons=reasons)
        self.note("behaviour", f"{finding.id}: {finding.says} ({finding.value})")

    def note(self, check: str, result: str) -> None:
        """Add a line to the trail."""
        self.trail.append(Step(check, result))

    @property
    def met(self) -> bool:
        """Is it already said how the author stands? Always where he has no address to remember him by."""
        addresses = (effect.acquaintance.address for effect in self.effects if isinstance(effect, Met))
        return not self.sender or self.sender in addresses

    def meet(self, known: Acquaintance) -> None:
        """The author stands anew. Nobody remembers an author who has no address."""
        author = self.case.mail.author
        named = replace(known, name=known.name or (author.name if author else ""))
        if self.sender and named != self.known:
            self.effects.append(Met(named))
        self.known = named

    def learn(self, effects: Iterable[Effect]) -> None:
        """Take effects that were worked out elsewhere; what they say of the author holds from here on."""
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Met) and effect.acquaintance.address == self.sender:
                self.known = effect.acquaintance
