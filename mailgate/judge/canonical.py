"""The key under which an address is remembered: coarser than the address itself, so that limits only get quieter."""

from __future__ import annotations

import re2

from mailgate.domains import organizational

DOTLESS = frozenset({"gmail.com", "googlemail.com"})  # dots in the local part mean nothing there

# Signed or rewritten envelope senders: BATV (prvs=tag=joe), SRS (SRS0=hash=tt=host=joe, SRS1=hash=host==hash=tt=host=joe).
_BATV = re2.compile(r"(?i)^prvs=[0-9a-z]{6,}=(.+)$|^(?:btv1|prvs)==[0-9a-z]+==(.+)$")
_BATV_SHORT = re2.compile(r"(?i)^prvs=[0-9a-z]{1,12}=(.+)$")
_SRS = re2.compile(r"(?i)^srs0[-+=][^=]*=[^=]*=([^=]+)=(.+)$|^srs1[-+=][^=]*=[^=]*==?[^=]*=[^=]*=([^=]+)=(.+)$")


def untagged(address: str) -> str:
    """`address` as it was before BATV or SRS dressed it; unchanged where neither did."""
    local, at, domain = address.rpartition("@")
    for pattern in (_BATV, _BATV_SHORT):
        if found := pattern.match(local):
            return next(group for group in found.groups() if group) + at + domain
    if found := _SRS.match(local):
        host, user = (group for group in found.groups() if group)
        return f"{user}@{host}"
    return address


def base_local(local: str) -> str:
    """The local part without its sub-address: `joe` of `joe+shop`."""
    return local.partition("+")[0] or local


def canonical(address: str) -> str:
    """The key of `address`: lower case, no sub-address, no tags, A-label domain; "" where there is no address."""
    local, at, domain = untagged(address.strip()).rpartition("@")
    if not at or not local:
        return ""
    local, domain = base_local(local.lower()), a_label(domain)
    if domain in DOTLESS:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def a_label(domain: str) -> str:
    """`domain` in lower-case ASCII (RFC 5890); where it cannot be, as it is in lower case."""
    name = domain.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def domain_of(address: str) -> str:
    """The organizational domain of an address: the key of everything counted by domain."""
    return organizational(a_label(address.rpartition("@")[2]))
