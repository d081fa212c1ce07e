"""One gateway's judgement without its roads: letters go in, verdicts come out, and a store in memory remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from msgspec import Struct, field
from msgspec.structs import replace

from mailgate.judge import admission, challenge, confirm, forward, token, trust, verdict
from mailgate.judge.ask import about, ask
from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Planned
from mailgate.judge.fingerprint import bare_subject, fingerprint
from mailgate.judge.history import History
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.parse import parse
from mailgate.mail.reply import reply_of
from mailgate.mail.text import text_of
from mailgate.model import (
    Accepted,
    Asked,
    Authentication,
    Case,
    ChallengeState,
    Filing,
    Gateway,
    HeldState,
    Keys,
    KnownMessage,
    Level,
    Mailbox,
    Met,
    Mode,
    PageState,
    Peer,
    Purpose,
    Standing,
    TicketChange,
    TicketState,
    TokenKind,
)
from mailgate.rulebook import Rulebook, load, shipped_folder
from tests.fakes.memory import MemoryStore

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
JOURNAL = 10**9  # journal ids begin here, so that they are the same whatever else was numbered in between
KEYS = Keys("laborat1", "1", {"1": b"1" * 32, "0": b"0" * 32})
GATEWAY = Gateway(
    "mx.g.test",
    (
        Mailbox("support@g.test", "support"),
        Mailbox("open@g.test", "open", Mode.OPEN),
        Mailbox("off@g.test", "off", Mode.OFF),
    ),
    KEYS,
)

PROOFS = {Level.A2: "proven by DKIM", Level.A1: "proven by SPF", Level.A0: "not proven"}


@cache
def rulebook() -> Rulebook:
    """The shipped rules, read once."""
    return load(shipped_folder())


@dataclass
class CountingMint:
    """Ids in order and numbers nobody could mistake for them."""

    last: int = 0

    def new_id(self) -> int:
        self.last += 1
        return self.last

    def nonce(self) -> int:
        return (1 << 62) + self.new_id()


class Letter(Struct, frozen=True):
    """A mail by what is unusual about it."""

    author: str = "joe@x.test"
    to: str = "support@g.test"
    subject: str = "My printer burns"
    text: str = "It really does."
    level: Level = Level.A2
    mail_from: str | None = None  # None: the author
    rcpt_to: str | None = None  # None: the one in To
    message_id: str | None = None  # None: a fresh one; "" : the mail has none
    answers: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""  # instead of the text
    ip: str = "192.0.2.1"
    late: timedelta = timedelta(seconds=1)  # from acceptance to judgement

    def raw(self, number: int, at: datetime) -> bytes:
        message_id = f"<{number}@x.test>" if self.message_id is None else self.message_id
        fields = {
            "From": self.author,
            "To": self.to,
            "Subject": self.subject,
            "Date": at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
            "Message-ID": message_id,
            "In-Reply-To": self.answers[-1] if self.answers else "",
            "References": " ".join(self.answers),
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return f"{head}\r\n{self.body or self.text}\r\n".encode()


class Judging:
    """A gateway that judges and remembers, and sends what it planned at once."""

    def __init__(self, gateway: Gateway = GATEWAY, *, now: datetime = START) -> None:
        self.gateway = gateway
        self.store = MemoryStore()
        self.mint = CountingMint()
        self.received = CountingMint(JOURNAL)
        self.now = now
        self.sent: list[Planned] = []
        self.next_hop_waits = False

    # ── Mail ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, letter: Letter) -> Filing:
        """Judge one mail by itself."""
        return self.receive_all([letter])[0]

    def receive_all(self, letters: Iterable[Letter]) -> list[Filing]:
        """Judge many in one batch."""
        return self.judge([self.case(letter) for letter in letters])

    def judge(self, cases: Sequence[Case]) -> list[Filing]:
        limits = rulebook().limits
        history = History(self.store.gather(ask(cases, self.gateway, limits)), limits, self.gateway, self.mint)
        outcomes = [verdict.judge(case, rulebook().signals, history) for case in cases]
        for outcome in outcomes:
            self.store.apply(outcome.effects)
        for outcome in outcomes:
            self.send(outcome.planned)
        return [self.store.filings[case.accepted.journal_id] for case in cases]

    def case(self, letter: Letter) -> Case:
        number = self.received.new_id()
        raw = letter.raw(number, self.now)
        mail = parse(raw)
        quotes = rulebook().quotes
        own = reply_of(text_of(raw, quotes=quotes), quotes, MARKER_LINE).own
        mail_from = letter.author.rpartition("<")[2].strip("<> ") if letter.mail_from is None else letter.mail_from
        rcpt_to = letter.rcpt_to or letter.to
        accepted = Accepted(number, f"q{number}", self.now, mail_from, rcpt_to, Peer(ip=letter.ip), raw)
        domain = mail_from.rpartition("@")[2]
        assert admission.recipient(rcpt_to, self.gateway) is None, "refused at the door"
        case = Case(
            accepted=accepted,
            mail=mail,
            authentication=Authentication(letter.level, domain=domain, why=PROOFS[letter.level]),
            mailbox=admission.mailbox_of(rcpt_to, self.gateway) or self.gateway.mailboxes[0],
            judged_at=self.now + letter.late,
            recipient=admission.recipient_token(rcpt_to, self.gateway),
            ours=self._signed((*mail.in_reply_to, *mail.references)),
            enclosed=self._signed(mail.enclosed_ids),
            text=own,
            words=fingerprint("", own, (), b"k" * 32) if own.strip() else "",
            fingerprint=fingerprint(mail.subject, own, (), b"k" * 32),
            bare_subject=bare_subject(mail.subject, rulebook().limits.reply_prefixes),
            markers=token.markers(f"{mail.subject}\n{text_of(raw, quotes=quotes)}", self.gateway.keys),
        )
        return forward.followed(case, rulebook().signals, self.gateway)

    def send(self, planned: Iterable[Planned]) -> None:
        """What was planned leaves at once, and the next hop takes it, unless that waits until `store.take`."""
        for one in planned:
            self.store.apply((), [one])
            self.store.guids[one.message_id] = self.guid(one).hex()
            self.sent.append(one)
        if not self.next_hop_waits:
            self.store.take()

    def address(self, kind: TokenKind, planned: Planned) -> str:
        """The signed address that `planned` carried."""
        return token.address(kind, planned.token_id, planned.mailbox, self.gateway.keys)

    def message_id(self, planned: Planned) -> str:
        return token.message_id(planned.token_id, "g.test", self.gateway.keys)

    def guid(self, planned: Planned) -> bytes:
        """The GUID in the Thread-Index of `planned`."""
        return token.thread_guid(planned.ticket_id or planned.token_id, self.gateway.keys)

    def marker(self, planned: Planned) -> str:
        return token.marker(planned.token_id, self.gateway.keys)

    def _signed(self, names: Iterable[str]) -> dict[str, token.Token]:
        read = ((name, token.read_message_id(name, self.gateway.keys)) for name in names)
        return {name: found for name, found in read if found}

    # ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def history(self, address: str) -> History:
        key = canonical(address)
        limits = rulebook().limits
        return History(self.store.gather(about(key, self.gateway, limits, self.now)), limits, self.gateway, self.mint)

    def trust(self, address: str) -> None:
        """A person of ours trusts an address."""
        done = confirm.vouched(canonical(address), self.history(address), self.now, "agent:anne")
        self.store.apply(done.effects)
        self.send(done.planned)

    def block(self, address: str) -> None:
        """A person of ours blocks an address."""
        self.store.apply(confirm.blocked(canonical(address), self.history(address), self.now, "anne"))

    def clear(self, address: str) -> None:
        """A person of ours lifts the block."""
        known = self.history(address).acquaintance(canonical(address), self.now)
        self.store.apply([Met(trust.cleared(known, self.now))])

    def judge_spam(self, address: str) -> None:
        """A person of ours judges all held mail of an address spam."""
        for mail in self.history(address).held(canonical(address)):
            self.store.apply(confirm.judged_spam(mail, self.history(address), self.now, "anne"))

    def write_to(self, address: str, ticket_id: int | None = None) -> Planned:
        """A person of ours writes to an address; the mail as if it had been planned."""
        done = confirm.written_to(canonical(address), self.history(address), self.now, "agent:anne")
        self.store.apply(done.effects)
        written = KnownMessage(
            id=self.mint.new_id(),
            message_id="<agent@g.test>",
            at=self.now,
            ticket_id=ticket_id,
            sender="support@g.test",
            body_hash="",
            purpose=Purpose.AGENT,
            token_id=self.mint.nonce(),
            recipient=canonical(address),
            mailbox="support@g.test",
        )
        self.store.messages[written.id] = written
        assert written.token_id is not None
        return _as_planned(written)

    def look(self, address: str) -> PageState:
        asked = self.store.challenge_of(address)
        state = challenge.page(asked, self.now)
        if asked and asked.seen_at is None:
            self.store.apply([Asked(replace(asked, seen_at=self.now))])
        return state

    def click(self, address: str) -> PageState:
        asked = self.store.challenge_of(address)
        state = challenge.pressed(asked, self.now, rulebook().limits.timing)
        if asked and state is PageState.DONE and asked.state is not ChallengeState.CONFIRMED:
            done = confirm.confirmed(asked, self.history(address), self.now, "page")
            self.store.apply(done.effects)
            self.send(done.planned)
        return state

    def close(self, ticket_id: int) -> None:
        change = TicketChange(self.mint.new_id(), ticket_id, self.now, "closed", "agent:anne", "", TicketState.CLOSED)
        self.store.apply([change])

    # ── What is there ─────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)

    def standing(self, address: str) -> Standing | None:
        known = self.store.acquaintances.get(canonical(address))
        return known.standing if known else None

    def stands(self, address: str) -> Standing | None:
        """How an address stands now, with what has lapsed by time alone."""
        known = self.store.acquaintances.get(canonical(address))
        return trust.current(known, self.now).standing if known else None

    def credit(self, address: str) -> int:
        return self.store.acquaintances[canonical(address)].credit

    def held(self, state: HeldState) -> list[str]:
        return [mail.subject for mail in self.store.waiting(state)]

    def events(self, ticket_id: int) -> list[str]:
        return [change.event for change in self.store.events[ticket_id]]


def _as_planned(written: KnownMessage) -> Planned:
    """Enough of a planned mail to answer it; no permit, for a person wrote it."""
    return Planned(
        purpose=Purpose.AGENT,
        permit=None,  # type: ignore[arg-type]  # a person needs none
        outbox_id=0,
        message_id=written.id,
        token_id=written.token_id or 0,
        mailbox=written.mailbox,
        to=written.recipient,
        answers="",
        references=(),
        at=written.at,
        not_before=written.at,
        give_up_at=written.at,
        ticket_id=written.ticket_id,
    )
