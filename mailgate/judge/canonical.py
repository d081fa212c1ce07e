"""The key under which an address is remembered: coarser than the address itself, so that limits only get quieter.

A key never leaves the domain it was written in: whatever proves an author proves his domain and nothing beyond it.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import re2

from mailgate.domains import a_label, organizational

DOTLESS = frozenset({"gmail.com", "googlemail.com"})  # dots in the local part mean nothing there

# BATV signs the local part of a reverse-path: prvs=tag=joe, btv1==tag==joe.
_BATV = re2.compile(r"(?i)^(?:prvs=[0-9a-z]+=|(?:prvs|btv1)==[0-9a-z]+==)(.+)$")
# SRS moves it into the domain of a forwarder: SRS0=hash=day=host=joe, SRS1=hash=forwarder==hash=day=host=joe, and in
# Microsoft 365 desk+SRS=hash=day=host=joe, behind the mailbox that forwards.
_SRS = re2.compile(r"(?i)^(?:srs(?:0[-+=]|1[-+=][^=]*=[^=]*==?)|[^=]+\+srs=)[^=]*=[^=]*=([^=]+)=(.+)$")


def untagged(reverse_path: str) -> str:
    """A reverse-path as it was before BATV or SRS dressed it, however often; unchanged where neither did.

    Never to be asked of an author: in From, SRS would be a disguise as somebody of another domain.
    """
    local, at, domain = reverse_path.rpartition("@")
    while "=" in local:
        if moved := _SRS.match(local):
            domain, local = moved.groups()
        elif signed := _BATV.match(local):
            local = signed[1]
        else:
            break
    return f"{local}{at}{domain}"


def base_local(local: str) -> str:
    """The local part without its sub-address: `joe` of `joe+shop`."""
    return local.partition("+")[0] or local


@lru_cache(maxsize=4096)  # asked about ten times while one mail is judged
def canonical(address: str) -> str:
    """The key of `address`: lower case, no sub-address, no tag, A-label domain; "" where there is no address."""
    written, _, host = address.rpartition("@")
    domain = a_label(host)
    local = _bare(unicodedata.normalize("NFC", written.lower()), dotless=domain in DOTLESS)
    if not local or not domain:
        return ""
    return f"{local}@{'gmail.com' if domain in DOTLESS else domain}"


def _bare(local: str, *, dotless: bool) -> str:
    """Without quotes, tags, sub-address and meaningless dots, in whatever order they are nested."""
    while True:
        signed = _BATV.match(local) if "=" in local else None
        bare = base_local(signed[1] if signed else local).strip().strip('"')
        bare = bare.replace(".", "") if dotless else bare
        if bare == local:
            return bare
        local = bare


def domain_of(address: str) -> str:
    """The organizational domain of an address: the key of everything counted by domain."""
    return organizational(a_label(address.rpartition("@")[2]))
