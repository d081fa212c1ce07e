"""The laboratory: the whole gateway in one process, with the clock, the DNS and the next hop in the caller's hands.

    async with Lab() as lab:
        receipt = await lab.receive(raw, mail_from="a@x.test", rcpt_to=["support@g.test"], auth="A2")
        await lab.settle()
        lab.sent, lab.tickets(), lab.held(), lab.verdict(receipt), lab.ledger()

Everything is the daemon's own, the database file included; only its durability is switched off, and no socket is
opened: mail comes in at the listener's door, leaves through `next_hop`, and pages are called as the server would.
What leaves is signed, and `dns` has the key; whoever verifies it with `auth="verify"` needs a lab that starts today,
for signatures are held against the machine's clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from mailgate import config, wiring
from mailgate.alarm import Alarm
from mailgate.briefing import Briefing
from mailgate.bystanders import Others
from mailgate.config import tomlfile
from mailgate.confirming import Confirming
from mailgate.context import Context, Mint
from mailgate.desk import Desk
from mailgate.errands import Errands
from mailgate.errors import TryAgain
from mailgate.heldlinks import HeldLinks
from mailgate.indexing import Indexing
from mailgate.intake import Door, Intake
from mailgate.judge.canonical import canonical
from mailgate.log import open_log
from mailgate.model import (
    Acquaintance,
    Answer,
    Arrival,
    Authentication,
    DkimAlgorithm,
    DkimKey,
    Due,
    Keys,
    Level,
    Peer,
    Protocol,
    Reply,
    Role,
)
from mailgate.net.deliver import BeforeData
from mailgate.net.dkim_key import record
from mailgate.net.dkim_sign import Signer
from mailgate.net.resolver import Lookup, Missing, Names, Trouble
from mailgate.outbound import Outbound
from mailgate.proving import witnesses_of
from mailgate.recheck import Recheck
from mailgate.staff import Staff
from mailgate.store import queries
from mailgate.store.database import Database
from mailgate.upkeep import Upkeep
from mailgate.web.app import make_app
from mailgate.web.call import Response, call

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CONFIG: dict[str, Any] = {
    "gateway": {"name": "mx.g.test"},
    "mailbox": [{"address": "support@g.test", "queue": "support", "mode": "guarded"}],
    "listener": [{"bind": "127.0.0.1:2525"}],
    "web": {"bind": "127.0.0.1:8025", "url": "https://desk.g.test"},
}
KEYS = Keys("laborat1", "1", {"1": b"the laboratory's own key, secret to nobody"[:32]})
# RFC 8410 section 7: the head of an Ed25519 key, and its 32 bytes.
DKIM = DkimKey(
    "mg1e",
    DkimAlgorithm.ED25519,
    bytes.fromhex("302e020100300506032b657004220420") + b"what it signs is signed by nobody"[:32],
)

NextHop = Callable[["Sent"], tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that was handed to the next hop; `cause` is the journal id of the mail that it answers."""

    raw: bytes
    mail_from: str
    rcpt_to: str
    at: datetime
    kind: str
    cause: int | None


@dataclass(frozen=True, slots=True)
class Handed:
    """What the sender of a mail was told: one reply per recipient, `reply` being the first."""

    replies: tuple[tuple[int, str], ...]
    protocol: Protocol = Protocol.SMTP

    @property
    def reply(self) -> tuple[int, str] | tuple[tuple[int, str], ...]:
        """Over SMTP the one reply, that of the first recipient; over LMTP one for each."""
        return self.replies if self.protocol is Protocol.LMTP else self.replies[0]

    @property
    def queue_id(self) -> str:
        """What the mail was queued as, "" where it was refused."""
        return next((text.rpartition(" ")[2] for code, text in self.replies if code == 250), "")


class Lab:
    """One gateway under glass. Use it as an asynchronous context manager; several may be open at once."""

    def __init__(
        self,
        config: Mapping[str, Any] | str | Path | None = None,
        *,
        start: datetime = START,
        store_url: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        keys: Keys = KEYS,
    ) -> None:
        """`config` is a file or its parsed content; `overrides` replaces top-level keys of it.

        Two gateways that know nothing of each other need `keys` of their own.
        """
        self._document = {**_document(config), **(overrides or {})}
        self._folder = tempfile.TemporaryDirectory(prefix="mailgate-lab-")
        self._root = Path(self._folder.name)
        self._url = store_url or f"sqlite:///{self._root / 'lab.db'}"
        # Several may be open on one database.
        self._keys = keys
        self._owner = f"lab-{token_hex(8)}"
        self._proofs: dict[bytes, Level] = {}
        self._alive = self._must_open = True
        self.now = self._kept_up_to = start
        self.sent: list[Sent] = []
        self.dns: dict[tuple[str, str], Any] = {}
        self._signer = Signer([DKIM])
        self.others = Others()  # outside: who has opinions of mail, and who is handed it
        self.next_hop: NextHop = lambda sent: (250, "2.0.0 ok")

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.database.close()
        self._folder.cleanup()

    # ── Mail in ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(
        self,
        raw: bytes,
        *,
        mail_from: str,
        rcpt_to: Sequence[str] = ("support@g.test",),
        auth: str = "A2",
        peer: str = "192.0.2.1",
    ) -> Handed:
        """Hand in one transaction. `auth` is "A2", "A1", "A0", or "verify" for the real verifiers over `dns`."""
        await self._ready()
        client = replace(self._peer, ip=peer, known=bool(peer) and self._peer.role is Role.EDGE)
        refusal = self.door.sender(mail_from, len(raw), client)
        answers = [refusal or self.door.recipient(address, mail_from, client) for address in rcpt_to]
        accepted = tuple(address for address, answer in zip(rcpt_to, answers, strict=True) if answer is None)
        if auth != "verify":
            self._proofs[_fingerprint(raw, mail_from)] = Level(auth)
        replies: Sequence[Reply] = []
        if accepted:
            replies = await self.door.accept(Arrival(mail_from, accepted, raw, client, self.now))
        given = iter(replies)
        final = [answer or next(given) for answer in answers]
        return Handed(tuple((reply.code, reply.text) for reply in final), client.protocol)

    async def receive_many(self, mails: Sequence[Mapping[str, Any]]) -> list[Handed]:
        """Hand in many transactions at once; each is the keyword arguments of `receive`, `raw` included."""
        return list(await asyncio.gather(*(self.receive(**mail) for mail in mails)))

    # ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, span: timedelta) -> None:
        """Let time pass. What falls due happens in `settle`."""
        self.now += span

    async def settle(self) -> None:
        """Process and deliver all that is due now, until nothing moves."""
        await self._ready()
        # Timers move only with the clock, and nothing that is delivered here puts new mail into the journal.
        moved = self._kept_up_to != self.now
        await self.upkeep.vouch()
        while self._kept_up_to != self.now:
            if not await self.upkeep.settle():
                self._kept_up_to = self.now
        await self.intake.settle()
        if moved:
            await self.recheck.settle()
        await self.staff.settle()
        await self.briefing.settle()
        await self.outbound.settle_due()
        await self.errands.settle()
        await self.indexing.settle()

    async def crash(self) -> None:
        """Die as by kill -9 where we stand: what is not committed never will be, and nothing is given back."""
        self._alive = False
        await self.database.close()

    def restart(self) -> Restart:
        """Start anew on the same database, as the daemon does after a crash. To await it is welcome, not needed."""
        self._must_open = True
        return Restart(self)

    # ── Looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def click(self, url: str, method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> Response:
        """Call a page by its whole address."""
        await self._ready()
        return await call(self.pages, method, url, headers)

    def verdict(self, handed: Handed) -> dict[str, Any] | None:
        """The verdict on the first recipient's mail as it was stored, or None while it is pending."""
        return self.database.look(lambda conn: queries.verdict(conn, handed.queue_id))

    def ledger(self) -> Any:
        """Where all accepted mail is."""
        return self.database.look(queries.ledger)

    def tickets(self) -> list[Any]:
        """All tickets, oldest first, each with its messages."""
        return self.database.look(queries.tickets_whole)

    def held(self) -> list[Any]:
        """All mail that waits for its sender or for a person."""
        return self.database.look(queries.held)

    def parked(self) -> list[Any]:
        """All mail that nobody has to decide on and that stands in no ticket."""
        return [
            line for line in self.database.look(lambda conn: queries.held(conn, parked=True)) if line.state == "parked"
        ]

    def contact(self, address: str) -> Acquaintance | None:
        """What is known of an address, as it stands in the store."""
        return self.database.look(lambda conn: queries.acquaintance(conn, canonical(address)))

    # ── How it is put together ────────────────────────────────────────────────────────────────────────────────────────

    def _now_s(self) -> float:
        return self.now.timestamp()

    async def _open(self) -> None:
        settings = config.settings_of(tomlfile.TomlFile("laboratory", self._document), self._root)
        gateway, book = settings.gateway_for(self._keys), wiring.rulebook_of(settings)
        self._alive, self._must_open = True, False
        self.database = await Database.open(
            self._url, durable=False, create=True, owner=self._owner, faults=self._fault
        )
        log = open_log(io.StringIO(), logging.CRITICAL)
        context = self.context = Context(
            self.database, gateway, lambda: book, Mint(self.database.new_id), lambda: self.now, log
        )
        self._real = witnesses_of(settings, _Answers(self.dns))
        for domain in gateway.domains:
            self.dns.setdefault((f"{DKIM.selector}._domainkey.{domain}", "TXT"), [record(DKIM)])
        self._make_roads(context, settings)
        # For who wants to serve them, to a browser for instance.
        held = HeldLinks(context, self.desk) if gateway.notify.address else None
        self.pages = make_app(self.confirming, clock=context.clock, phrases=lambda: book.phrases, held=held)
        self._peer = _peer_of(settings.listener[0])
        await self.outbound.recover()
        await self.intake.recover()

    def _make_roads(self, context: Context, settings: config.Settings) -> None:
        # One sender brings as much as the caller likes, unless he asks for the bound.
        asked = settings.wire.model_fields_set & {"origin_mails_per_h", "origin_bytes_per_h"}
        origins = wiring.origins_of(settings, self._now_s) if asked else None
        self.intake = Intake(
            context,
            self._authenticate,
            owner=self._owner,
            on_trusted=origins.trusted if origins else lambda peer: None,
            opine=self.others.opine,
        )
        self.errands = Errands(context, self.others.post, self.others.learn, owner=self._owner)
        self.door = Door(self.database, context.gateway, intake=self.intake, origins=origins)
        self.outbound = Outbound(
            self.database,
            self._deliver,
            context.clock,
            context.log,
            owner=self._owner,
            sign=self._signer.sign,
            alarm=Alarm(context),
            alias=wiring.alias_of(settings, context.book),
        )
        self.desk = Desk(context)
        self.confirming = Confirming(context)
        self.upkeep = Upkeep(context)
        if origins:
            self.upkeep.put_off, self.upkeep.on_vouched = origins.take_put_off, origins.vouch
        self.recheck = Recheck(context, self.intake.prepare)
        self.staff = Staff(context)
        self.briefing = Briefing(context)
        self.indexing = Indexing(context)

    async def _ready(self) -> None:
        if self._must_open:
            await self._open()

    def _fault(self, point: str) -> None:
        if not self._alive and point == "before-commit":
            raise TryAgain("the laboratory crashed")

    async def _authenticate(self, raw: bytes, mail_from: str, peer: Peer, author_domain: str) -> Authentication:
        level = self._proofs.get(_fingerprint(raw, mail_from))
        if level is None:
            return await self._real.authenticate(raw, mail_from, peer, author_domain)
        return _PROOFS[level](author_domain)

    async def _deliver(self, due: Due, before_data: BeforeData) -> Answer:
        await before_data()
        sent = Sent(due.raw, due.mail_from, due.rcpt_to, self.now, due.purpose, due.cause)
        self.sent.append(sent)
        code, text = self.next_hop(sent)
        return Answer(code, text, handed=True)


class Restart:
    """The laboratory starts again at its next use; to await this starts it at once."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __await__(self) -> Generator[Any, None, None]:
        """Start now."""
        return self._lab._ready().__await__()


class _Answers(Names):
    """DNS as the caller wrote it: `dns["x.test", "TXT"] = ["v=spf1 -all"]`; an exception as a value is trouble."""

    def __init__(self, zone: Mapping[tuple[str, str], Any]) -> None:
        self._zone = zone

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        found = self._zone.get((name.rstrip(".").lower(), kind))
        if found is None:
            return Missing()
        if isinstance(found, BaseException):
            return Trouble(str(found))
        values = found if isinstance(found, (list, tuple)) else [found]
        return tuple(value.encode() if kind == "TXT" and isinstance(value, str) else value for value in values)


_PROOFS: dict[Level, Callable[[str], Authentication]] = {
    Level.A2: lambda domain: Authentication(Level.A2, dkim="pass", domain=domain, why=f"proven by DKIM of {domain}"),
    Level.A1: lambda domain: Authentication(Level.A1, spf="pass", domain=domain, why=f"proven by SPF of {domain}"),
    Level.A0: lambda domain: Authentication(why="not proven"),
}


def _document(given: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    if given is None:
        return CONFIG
    return dict(given) if isinstance(given, Mapping) else tomlfile.read(Path(given)).document


def _fingerprint(raw: bytes, mail_from: str) -> bytes:
    return hashlib.sha256(mail_from.encode("utf-8", "surrogateescape") + b"\0" + raw).digest()


def _peer_of(listener: config.ListenerTable) -> Peer:
    return Peer(helo="client.x.test", protocol=listener.protocol, role=listener.peer_role)
