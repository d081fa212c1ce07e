"""What the wire asks of the house behind it. Knows neither who answers nor how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mailgate.model import Arrival, Peer, Reply


class Door(Protocol):
    """Decides on senders and recipients, and takes finished mail. Every answer may be called off by `TryAgain`."""

    def sender(self, mail_from: str, size_bytes: int, peer: Peer) -> Reply | None:
        """None welcomes the sender, "" being the null reverse-path; `size_bytes` is 0 where none was declared."""
        ...

    def recipient(self, address: str, mail_from: str, peer: Peer) -> Reply | None:
        """None accepts the recipient. `address` is a mailbox, or `postmaster` in any case without a domain."""
        ...

    async def accept(self, arrival: Arrival) -> Sequence[Reply]:
        """One reply for each recipient, in order, given only after the mail is durable.

        It runs to its end even when the client hangs up. Recipients are distinct.
        """
        ...
