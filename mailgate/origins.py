"""Mail in: the networks that mail comes from: which are nobody's own, and whose mail has to come again later.

One memory for all listeners of a process; it is not written down. Who was put off is asked about in the database a
little later: where the sender of the envelope is somebody we trust, his next try comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from mailgate.judge import token
from mailgate.judge.tide import Tide
from mailgate.model import Peer, Role
from mailgate.net.bind import Networks, listed
from mailgate.net.bounds import network_of, plain

MOST_ASKED = 1024  # of whom we do not know yet whether we trust them

Caller = tuple[int, str]  # the network, and the sender of the envelope in lower case


class Origins:
    """Knows what each network brought, and where somebody wrote from whom we trust."""

    def __init__(self, tide: Tide, ours: Networks = (), now_s: Callable[[], float] = monotonic) -> None:
        """In `ours` only machines of our own speak, or forwarders: what they bring is not theirs."""
        self._tide = tide
        self._ours = ours
        self._now_s = now_s
        self._put_off: dict[Caller, None] = {}

    @property
    def welcomed(self) -> list[int]:
        """The networks that somebody we trust wrote from."""
        return self._tide.welcomed

    def puts_off(self, address: str, mail_from: str, peer: Peer) -> bool:
        """Must a mail for `address`, which is one of ours, come again later?"""
        origin = self._origin(peer)
        # Who writes to a signed address, and its signature is right, has had a mail of ours.
        if origin is None or token.looks_signed(address):
            return False
        caller, now_s = (origin, mail_from.lower()), self._now_s()
        if self._tide.is_welcome(caller, now_s):
            return False
        if not self._tide.puts_off(origin, hash((caller, address.lower())), now_s):
            return False
        if mail_from and len(self._put_off) < MOST_ASKED:
            self._put_off[caller] = None
        return True

    def take_put_off(self) -> list[Caller]:
        """Who was put off since this was asked the last time."""
        taken, self._put_off = list(self._put_off), {}
        return taken

    def vouch(self, callers: Iterable[Caller]) -> None:
        """These are somebody we trust, or say so: their next try comes in."""
        for caller in callers:
            self._tide.welcome(caller, self._now_s())

    def took(self, peer: Peer, size_bytes: int) -> None:
        """A mail came in."""
        origin = self._origin(peer)
        if origin is not None:
            self._tide.took(origin, size_bytes, self._now_s())

    def trusted(self, peer: Peer) -> int | None:
        """Somebody we trust wrote from there, so his network is put off no more; its number, where that is news."""
        origin = self._origin(peer)
        return origin if origin is not None and self._tide.welcome(origin, self._now_s()) else None

    def welcome(self, origins: Iterable[int]) -> None:
        """Another process says that somebody we trust wrote from these networks."""
        for origin in origins:
            self._tide.welcome(origin, self._now_s())

    def is_ours(self, peer: Peer) -> bool:
        """Does a machine of our own speak, or a forwarder, with what others accepted before?"""
        return bool(peer.ip) and listed(peer.ip, self._ours)

    def _origin(self, peer: Peer) -> int | None:
        """The network that a mail comes from; None where that is one of our own, or a queue that said yes already."""
        is_own = not peer.ip or not peer.known or plain(peer.ip).is_loopback or listed(peer.ip, self._ours)
        return None if is_own or peer.role is Role.BEHIND else network_of(peer.ip)
