"""Which Authentication-Results are our upstream's own (RFC 8601 section 4.1 and 5)? Knows no DNS and judges no result.

Anybody can write such a field into his mail. One counts where all of this holds: who speaks to us is listed, the field
bears a listed authserv-id, and it stands above the upstream's own Received field, which is the topmost one, for we add
none to a mail. What stands there was added after the mail had come to the upstream. OpenDKIM and OpenDMARC before
2026 put their field one line too low; it does not count, for at that place a sender could have put it. Microsoft 365
writes no authserv-id at all; its word is taken by the seals it puts on what it forwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Self

from mailgate.domains import a_label
from mailgate.model import Peer
from mailgate.net import results
from mailgate.net.bind import Networks, listed, networks
from mailgate.net.dkim_guard import Field
from mailgate.net.results import Statement

UNIX: Final = "unix"  # among the networks: whoever speaks over a unix socket
STATEMENTS_MAX: Final = 20

_FIELD: Final = b"authentication-results"


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Whose word on the sender is taken: peers by network, and the names they give themselves."""

    among: Networks = ()
    unix: bool = False
    authserv_ids: frozenset[str] = frozenset()

    @classmethod
    def named(cls, peers: Sequence[str], authserv_ids: Sequence[str]) -> Self:
        """From the texts of the configuration. Raises ValueError where one is neither a network nor `unix`."""
        return cls(
            networks(tuple(peer for peer in peers if peer != UNIX)),
            UNIX in peers,
            frozenset(map(a_label, authserv_ids)),
        )

    def include(self, peer: Peer) -> bool:
        """Is the word of who speaks here taken? Loopback and unix sockets are listed like any other peer."""
        if not self.authserv_ids:
            return False
        try:
            return listed(peer.speaker, self.among) if peer.speaker else self.unix
        except ValueError:
            return False  # what is no address stands in no network


def statements(header: Sequence[Field], authserv_ids: frozenset[str]) -> tuple[Statement, ...]:
    """What the upstream says, its topmost field first. `header` are the fields as received, topmost first."""
    above = takewhile(lambda field: field[0].lower() != b"received", header)
    values = [value for name, value in above if name.lower() == _FIELD]
    if len(values) > STATEMENTS_MAX or not any(name.lower() == b"received" for name, _ in header):
        return ()
    said = (results.read(value) for value in values)
    return tuple(one for one in said if one and a_label(one.authserv_id) in authserv_ids)
