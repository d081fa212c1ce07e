"""Faces: what any mail server beside us must know of this gateway, and what in our configuration would not work there.

Made from the settings alone; knows the language of no mail server.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from mailgate import model
from mailgate.config import ListenerTable, OutboundTable, Settings
from mailgate.config.shapes import is_loopback, split_endpoint
from mailgate.judge.token import LONGEST_BASE, SHORT_BASE, SHORTEST_CUT, VERSION

LMTP_PORT = 2524  # what we propose where no listener is fit
SMTP_PORT = 25
_UNIX = "unix:"


def _signed(*kinds: model.TokenKind) -> str:
    """The shape of a signed address, whole or cut, as an extended regular expression; only we can say if it is real."""
    return f"[{''.join(kinds)}]{VERSION}[0-9a-z]{{{SHORTEST_CUT - 2},}}"


SIGNED = _signed(model.TokenKind.REPLY, model.TokenKind.CHALLENGE, model.TokenKind.BOUNCE)
BOUNCE = _signed(model.TokenKind.BOUNCE)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that mail to us is addressed to. With `whole` everything in it is ours, else only these local parts."""

    name: str
    whole: bool
    locals: tuple[str, ...] = ()  # of our mailboxes; none in the domain of bounces
    short: bool = False  # one of them is too long for a signed address, which then begins with `r`

    @property
    def bases(self) -> tuple[str, ...]:
        """What may stand before the + of a signed address."""
        return (*self.locals, *([SHORT_BASE] if self.short else []))


@dataclass(frozen=True, slots=True)
class Hop:
    """Where the mail server hands mail to us: a unix socket, or host and port."""

    lmtp: bool
    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def bracketed(self) -> str:
        """`[127.0.0.1]:2524`, which nobody looks up in DNS."""
        return f"[{'ipv6:' if ':' in self.host else ''}{self.host}]:{self.port}"

    @property
    def local(self) -> bool:
        """Is it on this machine?"""
        return bool(self.path) or ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True)
class Site:
    """All that the texts speak of."""

    gateway: str
    domains: tuple[Domain, ...]
    size_bytes: int
    relay: str  # "HOST:PORT", "" where we deliver by MX ourselves
    hop: Hop | None = None  # None where mail is brought to our name, by MX
    changes: str = ""  # tables for our own configuration, as TOML; "" where it is as it must be
    warnings: tuple[str, ...] = field(default=())

    @property
    def whole(self) -> tuple[Domain, ...]:
        """The domains that are ours alone."""
        return tuple(domain for domain in self.domains if domain.whole)

    @property
    def shared(self) -> tuple[Domain, ...]:
        """The domains in which others have mailboxes too."""
        return tuple(domain for domain in self.domains if not domain.whole)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that customers write to."""
        return tuple(f"{local}@{domain.name}" for domain in self.domains for local in domain.locals)


def behind(settings: Settings, shared: Collection[str], *, wanted: str = "", unix: bool = True) -> Site:
    """What our own mail server must know, which hands mail to the listener bound to `wanted`, or to the first fit one.

    `unix` says whether it can open a unix socket for that.

    Raises:
        LookupError: `shared` names a domain without a mailbox of ours, or there is no such listener at `wanted`.
    """
    listener = _chosen(settings, wanted, unix=unix)
    fit, changes = _made_fit(listener, settings)
    outbound = _unlooped(settings)
    if outbound is not settings.outbound:
        changes.append(f'[outbound]\nrelay = "{outbound.relay}"\ntls = "{outbound.tls}"\n')
    return Site(
        gateway=settings.gateway.name,
        domains=domains(settings, shared),
        hop=_hop(fit),
        size_bytes=settings.wire.size_bytes,
        relay=outbound.relay,
        changes="\n".join(changes),
        warnings=tuple(_troubles(settings, listener)),
    )


def hosted(settings: Settings, shared: Collection[str]) -> Site:
    """What a mail service on the Internet must know, which hands mail to us by SMTP. Raises LookupError as `behind`."""
    return Site(
        gateway=settings.gateway.name,
        domains=domains(settings, shared),
        size_bytes=settings.wire.size_bytes,
        relay=settings.outbound.relay,
        warnings=tuple(_troubles_in_public(settings)),
    )


def domains(settings: Settings, shared: Collection[str]) -> tuple[Domain, ...]:
    """Every domain of ours, that of bounces last. Raises LookupError as `behind`."""
    boxes = [box.address.lower().rpartition("@") for box in settings.mailbox]
    names = list(dict.fromkeys(name for _, _, name in boxes))
    if strangers := sorted(set(shared) - set(names)):
        raise LookupError(f"no mailbox is in {', '.join(strangers)}; the domains of mailboxes are {', '.join(names)}")
    found = []
    for name in names:
        locals_ = tuple(local for local, _, domain in boxes if domain == name)
        short = any(len(local.encode()) > LONGEST_BASE for local in locals_)
        found.append(Domain(name, name not in shared, locals_, short))
    bounces = settings.outbound.bounce_domain
    return tuple(found) if not bounces or bounces in names else (*found, Domain(bounces, whole=True))


# ── Our listener ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _chosen(settings: Settings, wanted: str, *, unix: bool) -> ListenerTable | None:
    """The listener that takes mail from our own server: LMTP before SMTP; None where there is none."""
    reached = [table for table in settings.listener if unix or not table.bind.startswith(_UNIX)]
    if wanted:
        binds = {table.bind: table for table in reached}
        if wanted not in binds:
            raise LookupError(f"it reaches no listener at {wanted}, only {', '.join(binds) or 'none'}")
        return binds[wanted]
    fit = [table for table in reached if table.peer_role is model.Role.BEHIND and not table.proxies]
    return next(iter(sorted(fit, key=lambda table: table.protocol is not model.Protocol.LMTP)), None)


def _made_fit(listener: ListenerTable | None, settings: Settings) -> tuple[ListenerTable, list[str]]:
    """A listener as it must be, and the table to write down where it is not so yet."""
    if listener is None:
        taken = {table.bind.rpartition(":")[2] for table in settings.listener}
        port = next(port for port in range(LMTP_PORT, 0, -1) if str(port) not in taken)
        written = {"bind": f"127.0.0.1:{port}", "protocol": model.Protocol.LMTP, "xclient": ("127.0.0.0/8",)}
        listener = ListenerTable.model_validate(written)
        return listener, [_toml(listener)]
    fit = listener.model_copy(
        update={
            "role": model.Role.BEHIND,
            "proxies": (),
            "xclient": listener.xclient or _own_networks(listener.bind),
        }
    )
    same = (listener.peer_role, listener.proxies, listener.xclient) == (fit.role, fit.proxies, fit.xclient)
    return fit, [] if same else [_toml(fit)]


def _own_networks(bind: str) -> tuple[str, ...]:
    """Who connects to a listener on this machine alone. The peers of a unix socket are believed in any case."""
    if bind.startswith(_UNIX) or not is_loopback(bind):
        return ()
    return ("::1/128",) if bind.startswith("[") else ("127.0.0.0/8",)


def _toml(listener: ListenerTable) -> str:
    lines = ["[[listener]]", f'bind = "{listener.bind}"', f'protocol = "{listener.protocol}"']
    if listener.protocol is model.Protocol.SMTP:
        lines.append('role = "behind"')
    if listener.xclient:
        lines.append(f"xclient = {json.dumps(listener.xclient)}")
    return "\n".join(lines) + "\n"


def _hop(listener: ListenerTable) -> Hop:
    lmtp = listener.protocol is model.Protocol.LMTP
    if listener.bind.startswith(_UNIX):
        return Hop(lmtp, path=listener.bind.removeprefix(_UNIX))
    host, port = split_endpoint(listener.bind)
    everywhere = ip_address(host).is_unspecified
    return Hop(lmtp, host=("::1" if ":" in host else "127.0.0.1") if everywhere else host, port=port)


# ── Our way out ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _unlooped(settings: Settings) -> OutboundTable:
    """How mail leaves; by the server beside us where it would only come back to ourselves."""
    if not _relays_to_ourselves(settings):
        return settings.outbound
    return settings.outbound.model_copy(update={"relay": f"127.0.0.1:{SMTP_PORT}", "tls": "none"})


def _relays_to_ourselves(settings: Settings) -> bool:
    relay = settings.outbound.relay
    if not relay or not is_loopback(relay):
        return False
    ports = {split_endpoint(table.bind)[1] for table in settings.listener if not table.bind.startswith(_UNIX)}
    return split_endpoint(relay)[1] in ports


# ── What would not work ───────────────────────────────────────────────────────────────────────────────────────────────


def _troubles(settings: Settings, listener: ListenerTable | None) -> Iterator[str]:
    """Why this configuration would lose, loop or misjudge mail behind our own server."""
    if listener is None:
        yield 'No [[listener]] is fit: none has role "behind" without proxies. The one below is; add it.'
    elif listener.peer_role is model.Role.EDGE:
        yield (
            f"The listener {listener.bind} has the role of an edge: it would refuse mail that your server has already "
            "taken, and that mail would be bounced to people who never sent it."
        )
    if listener and listener.proxies:
        yield f"The listener {listener.bind} waits for a PROXY header, which no mail server sends when it delivers."
    if listener and listener.bind.endswith(":0"):
        yield f"The listener {listener.bind} is at another port after each start; give it a fixed one."
    if listener and not is_loopback(listener.bind) and not listener.xclient:
        yield (
            f"The listener {listener.bind} believes nobody's word on the client, so SPF proves no sender: "
            "put the address of your mail server into xclient."
        )
    for table in settings.listener:
        if table is not listener and table.bind.endswith(f":{SMTP_PORT}"):
            yield f"The listener {table.bind} and your mail server both want port {SMTP_PORT}."
        elif table is not listener and table.peer_role is model.Role.EDGE and not is_loopback(table.bind):
            yield f"The listener {table.bind} is open to the world: mail can go around your server."
    yield from _troubles_of_outbound(settings)
    if settings.authentication.assume:
        yield 'authentication.assume = "pass" takes every sender for proven. It is for trying things out; take it away.'


def _troubles_of_outbound(settings: Settings) -> Iterator[str]:
    outbound = settings.outbound
    if _relays_to_ourselves(settings):
        yield f"outbound.relay = {outbound.relay} is our own listener: what we send would come back to us."
    elif not outbound.relay:
        yield (
            "outbound.relay is not set: mail leaves by MX from this machine, past your server, its queue and its "
            f'signatures. To let it pass there: relay = "127.0.0.1:{SMTP_PORT}", tls = "none".'
        )
    elif is_loopback(outbound.relay) and outbound.tls == "required":
        yield f'outbound.tls = "required" asks {outbound.relay} for a certificate of that name; "none" does there.'


def _troubles_in_public(settings: Settings) -> Iterator[str]:
    """Why a service on the Internet would not reach us, or be misjudged."""
    public = [table for table in settings.listener if not is_loopback(table.bind)]
    if not any(table.bind.endswith(f":{SMTP_PORT}") for table in public):
        yield (
            f"No listener is at port {SMTP_PORT} of a public address, where services deliver. Have one there, or a "
            "mail server of your own (`mailgate setup postfix`)."
        )
    if public and not any(table.tls_cert for table in public):
        yield "No public listener has a certificate (tls_cert, tls_key): mail comes in the clear, or not at all."
    if settings.authentication.assume:
        yield 'authentication.assume = "pass" takes every sender for proven. It is for trying things out; take it away.'
