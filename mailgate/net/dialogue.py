"""What is said in a session: one line in, one reply out (RFC 5321, RFC 2033). No socket, no clock, no message data.

A `Dialogue` is the memory of one session: who the client is, the transaction under way, and how much nonsense it has
said. A command is a method that returns its reply; three of them (DATA, STARTTLS, QUIT) are carried on by the caller,
who knows them by the reply. Protocol errors count against the client; what the door refuses does not, except
recipients nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mailgate.model import Peer, Protocol, Reply, Role
from mailgate.net import paths, proxy, replies
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds, plain
from mailgate.net.door import Door
from mailgate.net.inbox import MAX_LINE_OCTETS

BAD_REVERSE_PATH: Final = "bad-reverse-path"

_PLAIN_LINE_OCTETS: Final = 512  # RFC 5321 section 4.5.3.1.4, for a client that has asked for no extension
_MAX_SIZE_DIGITS: Final = 20  # RFC 1870 section 3
_MAX_HELLO: Final = 255
_UNSAFE_HELLO: Final = frozenset('()<>\\";, ')


class Transaction(Struct):
    """One mail on its way from MAIL to the final dot."""

    mail_from: str
    peer: Peer
    began_s: float
    notes: tuple[str, ...] = ()
    recipients: list[str] = []


class Dialogue:
    """One session with one client."""

    def __init__(
        self, bind: Bind, bounds: Bounds, door: Door, name: str, peer: Peer, *, trusted: bool, tls_offered: bool
    ) -> None:
        self.transaction: Transaction | None = None
        self.is_lmtp = bind.protocol is Protocol.LMTP  # each recipient gets a reply of its own after the dot
        self._is_edge = bind.role is Role.EDGE
        self._bounds = bounds
        self._door = door
        self._name = name
        self._peer = peer
        self._trusted = trusted
        self._tls_offered = tls_offered
        self._greeted = False
        self._extended = False
        self._forwarded: Peer | None = None
        self._now_s = 0.0
        self._errors = 0
        self._junk = 0
        self._unknown = 0

    @property
    def greeting(self) -> Reply:
        """The first words, without a version."""
        return Reply(220, f"{self._name} {'LMTP' if self.is_lmtp else 'ESMTP'} mailgate")

    def answer(self, line: bytes, *, followed: bool, now_s: float) -> Reply:
        """The reply to one line, given with its line feed; `followed`: the client has already said more behind it."""
        self._now_s = now_s
        reply = self._answer(line, followed)
        if reply.code >= 500 and reply in replies.MISTAKES:
            self._errors += 1
            if self._errors > self._bounds.errors:
                return replies.TOO_MANY_ERRORS
        return reply

    def finish(self) -> Transaction:
        """End the transaction whose dot has come, and hand it over."""
        transaction = self.transaction
        if transaction is None:
            raise RuntimeError("no transaction is under way")
        self._reset()
        return transaction

    def delivered(self) -> None:
        """A mail was accepted: whatever nonsense the client had said is forgiven."""
        self._errors = self._junk = 0

    def secured(self) -> None:
        """TLS has begun: nothing said before it counts (RFC 3207 section 4.2)."""
        self._restart(replace(self._peer, helo="", tls=True))
        self._tls_offered = False

    # ── Reading a line ────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, line: bytes, followed: bool) -> Reply:
        if len(line) > (MAX_LINE_OCTETS if self._extended else _PLAIN_LINE_OCTETS):
            return replies.LINE_TOO_LONG
        if not line.endswith(b"\r\n") and self._is_strict:
            return replies.BARE_LINE_FEED
        word, _, rest = line.removesuffix(b"\n").removesuffix(b"\r").partition(b" ")
        verb = word.upper()
        if followed and verb in _LAST_OF_GROUP:
            return replies.OUT_OF_STEP
        if verb in _JUNK or (verb in _HELLO and self._greeted):
            self._junk += 1
            if self._junk > self._bounds.junk_commands:
                return replies.TOO_MUCH_JUNK
        command = _COMMANDS.get(verb)
        if command is None:
            return replies.NOT_IMPLEMENTED if verb in _NOT_IMPLEMENTED else replies.UNKNOWN_COMMAND
        return command(self, rest.decode("utf-8", "surrogateescape").strip(" \t"))

    @property
    def _is_strict(self) -> bool:
        """Must command lines end as the standard says? A person at a terminal on this machine may be lazy."""
        return self._is_edge and bool(self._peer.ip) and not plain(self._peer.ip).is_loopback

    # ── Hello ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ehlo(self, argument: str) -> Reply:
        return replies.OTHER_HELLO if self.is_lmtp else self._hello(argument, extended=True)

    def _helo(self, argument: str) -> Reply:
        return replies.OTHER_HELLO if self.is_lmtp else self._hello(argument, extended=False)

    def _lhlo(self, argument: str) -> Reply:
        return self._hello(argument, extended=True) if self.is_lmtp else replies.OTHER_HELLO

    def _hello(self, argument: str, *, extended: bool) -> Reply:
        if not _is_safe_name(argument):
            return replies.BAD_ARGUMENT
        self._reset()
        self._peer = replace(self._peer, helo=argument)
        self._greeted = True
        self._extended = extended
        return Reply(250, "\n".join((self._name, *self._extensions())) if extended else self._name)

    def _extensions(self) -> list[str]:
        """What is offered. Never DSN, which would oblige us to send reports to anybody who asks for them."""
        recipients = self._bounds.recipients
        return [
            "PIPELINING",
            f"SIZE {self._bounds.size_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            f"LIMITS MAILMAX=100 RCPTMAX={recipients}",
            *(["XFORWARD NAME ADDR PORT PROTO HELO SOURCE", "XCLIENT NAME ADDR PORT PROTO HELO"] * self._trusted),
            *(["STARTTLS"] * self._tls_offered),
        ]

    def _restart(self, peer: Peer) -> None:
        self._reset()
        self._peer = peer
        self._greeted = self._extended = False

    def _reset(self) -> None:
        self.transaction = None
        # What was forwarded belongs to one mail: the next one may come from somebody else.
        self._forwarded = None

    # ── A transaction ─────────────────────────────────────────────────────────────────────────────────────────────

    def _mail(self, argument: str) -> Reply:
        if not self._greeted:
            return replies.HELLO_FIRST
        if self.transaction is not None:
            return replies.NESTED
        if argument[:5].upper() != "FROM:":
            return replies.BAD_ARGUMENT
        path, rest = paths.cut(argument[5:].lstrip(" ")) or (None, "")
        wishes = _wishes(rest)
        if isinstance(wishes, Reply):
            return wishes
        if wishes.size_bytes > self._bounds.size_bytes:
            return replies.TOO_BIG
        notes: tuple[str, ...] = ()
        sender = _reverse_path(path, wishes.utf8)
        if isinstance(sender, Reply):
            if self._is_edge:
                return sender
            # The queue before us has said yes to this mail: a refusal would become a bounce to somebody, so it comes
            # in as mail from nobody, and nothing automatic is ever sent for it.
            sender, notes = "", (BAD_REVERSE_PATH,)
        peer = self._forwarded or self._peer
        if wishes.utf8:
            peer = replace(peer, utf8=True)
        refusal = self._door.sender(sender, wishes.size_bytes, peer)
        if refusal is not None:
            return refusal
        self.transaction = Transaction(sender, peer, self._now_s, notes)
        return replies.SENDER_OK

    def _rcpt(self, argument: str) -> Reply:
        transaction = self.transaction
        if transaction is None:
            return replies.MAIL_FIRST
        if argument[:3].upper() != "TO:":
            return replies.BAD_ARGUMENT
        path, rest = paths.cut(argument[3:].lstrip(" ")) or (None, "")
        address = _forward_path(path, transaction.peer.utf8)
        if isinstance(address, Reply):
            return address
        if rest.strip():
            return replies.BAD_ARGUMENT if paths.parameters(rest) is None else replies.UNSUPPORTED
        if len(transaction.recipients) >= self._bounds.recipients:
            return replies.TOO_MANY_RECIPIENTS
        if self._is_edge and not transaction.mail_from and transaction.recipients:
            return replies.ONE_BOUNCE_ONE_RECIPIENT
        refusal = self._door.recipient(address, transaction.mail_from, transaction.peer)
        if refusal is not None:
            return self._unwelcome(refusal)
        transaction.recipients.append(address)
        return replies.RECIPIENT_OK

    def _unwelcome(self, refusal: Reply) -> Reply:
        """A recipient was refused: on the edge, for good means that one more address was guessed."""
        if self._is_edge and refusal.code >= 500:
            self._unknown += 1
            if self._unknown >= self._bounds.unknown_recipients:
                return replies.TOO_MANY_UNKNOWN
        return refusal

    def _data(self, argument: str) -> Reply:
        if self.transaction is None:
            return replies.MAIL_FIRST
        if argument:
            return replies.BAD_ARGUMENT
        if not self.transaction.recipients:
            # RFC 2033 section 4.2 wants 503 where RFC 5321 section 3.3 prefers 554.
            return replies.RECIPIENT_FIRST if self.is_lmtp else replies.NO_RECIPIENTS
        return replies.GO_AHEAD

    def _rset(self, argument: str) -> Reply:
        if argument:
            return replies.BAD_ARGUMENT
        self._reset()
        return replies.OK

    # ── The rest ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _noop(self, argument: str) -> Reply:
        return replies.OK

    def _help(self, argument: str) -> Reply:
        return replies.HELP

    def _vrfy(self, argument: str) -> Reply:
        return replies.NOT_VERIFIED if argument else replies.BAD_ARGUMENT

    def _quit(self, argument: str) -> Reply:
        return replies.BAD_ARGUMENT if argument else replies.BYE

    def _starttls(self, argument: str) -> Reply:
        if self._peer.tls:
            return replies.TLS_ALREADY
        if argument:
            return replies.BAD_ARGUMENT
        return replies.READY_FOR_TLS if self._tls_offered else replies.NO_TLS

    def _xforward(self, argument: str) -> Reply:
        vouched = self._vouched(self._forwarded or self._peer, argument)
        if isinstance(vouched, Reply):
            return vouched
        # The client did not write what stands above the mail; whoever speaks for him did.
        self._forwarded = replace(vouched, via=self._peer.ip)
        return replies.OK

    def _xclient(self, argument: str) -> Reply:
        vouched = self._vouched(self._peer, argument)
        if isinstance(vouched, Reply):
            return vouched
        self._restart(vouched)
        return self.greeting

    def _vouched(self, peer: Peer, argument: str) -> Peer | Reply:
        """The client that a listed peer speaks for."""
        if not self._trusted:
            return replies.NOT_YOUR_WORD
        if self.transaction is not None:
            return replies.NESTED
        said = proxy.attributes(argument)
        ip = said and proxy.attribute_ip(said.get("ADDR", peer.ip))
        if said is None or ip is None:
            return replies.BAD_ARGUMENT
        known = (bool(ip) if "ADDR" in said else peer.known) and said.get("SOURCE", "").upper() != "LOCAL"
        helo = said.get("HELO", "")
        return replace(peer, ip=ip or peer.ip, known=known, helo=helo if _is_safe_name(helo) else peer.helo)


class _Wishes(Struct, frozen=True):
    """What the parameters of MAIL ask for."""

    size_bytes: int = 0
    utf8: bool = False


_NO_WISHES: Final = _Wishes()


def _wishes(rest: str) -> _Wishes | Reply:
    if not rest:
        return _NO_WISHES
    found = paths.parameters(rest)
    if found is None:
        return replies.BAD_ARGUMENT
    if not _MAIL_PARAMETERS.issuperset(found) or found.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
        return replies.UNSUPPORTED
    size = found.get("SIZE", "0")
    if not (size.isascii() and size.isdigit() and len(size) <= _MAX_SIZE_DIGITS) or found.get("SMTPUTF8"):
        return replies.BAD_ARGUMENT
    return _Wishes(int(size), "SMTPUTF8" in found)


def _reverse_path(path: str | None, utf8: bool) -> str | Reply:
    if path == "":
        return ""
    address = path and paths.mailbox(path)
    if not address:
        return replies.BAD_SENDER
    return address if utf8 or address.isascii() else replies.NEEDS_UTF8


def _forward_path(path: str | None, utf8: bool) -> str | Reply:
    # RFC 5321 section 4.1.1.3: this one name is a recipient without a domain.
    if path and path.lower() == "postmaster":
        return path
    address = path and paths.mailbox(path)
    if not address:
        return replies.BAD_RECIPIENT
    return address if utf8 or address.isascii() else replies.NEEDS_UTF8


def _is_safe_name(text: str) -> bool:
    """May a client call itself so? Nearly anything goes (RFC 5321 section 4.1.4), but not what would break a trace."""
    return 0 < len(text) <= _MAX_HELLO and text.isascii() and text.isprintable() and _UNSAFE_HELLO.isdisjoint(text)


_MAIL_PARAMETERS: Final = frozenset(("SIZE", "BODY", "SMTPUTF8"))

_COMMANDS: Final[dict[bytes, Callable[[Dialogue, str], Reply]]] = {
    b"EHLO": Dialogue._ehlo,
    b"HELO": Dialogue._helo,
    b"LHLO": Dialogue._lhlo,
    b"MAIL": Dialogue._mail,
    b"RCPT": Dialogue._rcpt,
    b"DATA": Dialogue._data,
    b"RSET": Dialogue._rset,
    b"NOOP": Dialogue._noop,
    b"HELP": Dialogue._help,
    b"VRFY": Dialogue._vrfy,
    b"QUIT": Dialogue._quit,
    b"STARTTLS": Dialogue._starttls,
    b"XFORWARD": Dialogue._xforward,
    b"XCLIENT": Dialogue._xclient,
}
_NOT_IMPLEMENTED: Final = frozenset((b"AUTH", b"BDAT", b"ETRN", b"EXPN", b"SAML", b"SEND", b"SOML", b"TURN"))

# Each costs us something and brings no mail nearer; so does saying hello again.
_JUNK: Final = frozenset((b"RSET", b"NOOP", b"HELP", b"VRFY", b"XCLIENT", b"XFORWARD"))
_HELLO: Final = frozenset((b"EHLO", b"HELO", b"LHLO"))

# RFC 2920 section 3.1: what follows means something else once these have been answered, so nothing may follow yet.
_LAST_OF_GROUP: Final = _HELLO | {b"DATA", b"STARTTLS", b"XCLIENT"}
