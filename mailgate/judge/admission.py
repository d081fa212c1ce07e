"""What the door says to a recipient and to a finished mail, before anything is stored.

Only what can be known without a database is asked here, and only what is honest to refuse: behind our own MTA a
refusal would become a bounce to somebody's forged address, so there policy never refuses.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from mailgate.domains import a_label
from mailgate.judge import token
from mailgate.judge.canonical import base_local
from mailgate.model import Gateway, Mailbox, Mode, Peer, Reply, Role, Token, TokenKind

PARTS_REMEMBERED = 1024  # addresses: our own are asked for with every mail
REMEMBERED_CHARS = 320  # of each: no mailbox is longer, but what a header calls an address may be
MOST_HOPS = 100  # RFC 5321 section 6.3
SERVICE_LOCALS = frozenset({"postmaster", "abuse"})  # RFC 5321 section 4.5.1, RFC 2142 section 2

UNKNOWN_MAILBOX = Reply(550, "5.1.1 No such mailbox here")
NO_RELAY = Reply(550, "5.7.1 Relaying denied")
FORGED_TOKEN = Reply(550, "5.1.1 No such address here")
TOO_MANY_HOPS = Reply(554, "5.4.6 Too many hops")


def recipient(address: str, gateway: Gateway) -> Reply | None:
    """None where `address` may receive mail here, else the refusal."""
    if mailbox_of(address, gateway) is not None:
        return None
    if token.looks_signed(address) is not None:
        return FORGED_TOKEN
    _, domain = _parts(address)
    return UNKNOWN_MAILBOX if not domain or domain in gateway.domains else NO_RELAY


def is_service(address: str) -> bool:
    """Is it an address that every domain has, where each reasonable effort is made to take mail?"""
    return _parts(address)[0] in SERVICE_LOCALS


def mailbox_of(address: str, gateway: Gateway) -> Mailbox | None:
    """The mailbox that receives mail for `address`: itself, its sub-address, a signed address, postmaster or abuse."""
    local, domain = _parts(address)
    if local in SERVICE_LOCALS and (not domain or domain in gateway.domains):
        # Whoever writes to postmaster must reach somebody, whatever mode the desk is in.
        first = gateway.mailboxes[0]
        return _named(local, domain, gateway) or replace(first, mode=Mode.OFF)
    if token.looks_signed(address) is None:
        return _named(local, domain, gateway) or _named(base_local(local), domain, gateway)
    if recipient_token(address, gateway) is None:
        return None
    same_domain = (box for box in gateway.mailboxes if _parts(box.address)[1] == domain)
    return _named(local.rpartition("+")[0], domain, gateway) or next(same_domain, gateway.mailboxes[0])


def recipient_token(address: str, gateway: Gateway) -> Token | None:
    """The valid token in `address`, or None. At the bounce domain nothing but a bounce token is valid."""
    text, (_, domain) = token.looks_signed(address), _parts(address)
    found = token.read_token(text, gateway.keys) if text else None
    if found is None or domain not in gateway.domains:
        return None
    if domain == a_label(gateway.bounce_domain) and found.kind is not TokenKind.BOUNCE:
        return None
    return found


def _named(local: str, domain: str, gateway: Gateway) -> Mailbox | None:
    return next((box for box in gateway.mailboxes if _parts(box.address) == (local, domain)), None)


def _parts(address: str) -> tuple[str, str]:
    """Local part and domain as they are compared: lower case, unquoted, A-label; "" as domain where there is none."""
    return _parts_of_short(address) if len(address) <= REMEMBERED_CHARS else _split(address)


@lru_cache(PARTS_REMEMBERED)
def _parts_of_short(address: str) -> tuple[str, str]:
    return _split(address)


def _split(address: str) -> tuple[str, str]:
    local, at, domain = address.rpartition("@")
    return (local if at else domain).lower().strip('"'), a_label(domain) if at else ""


def finished(hops: int, peer: Peer) -> Reply | None:
    """None where a finished mail is taken, else the refusal: a loop that nobody broke, where we speak to its sender."""
    return TOO_MANY_HOPS if hops > MOST_HOPS and peer.role is Role.EDGE else None
