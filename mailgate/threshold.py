"""Mail in: what is said to a sender and a recipient before there is a mail, and to a mail by its envelope.

Needs no database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from mailgate.judge import admission
from mailgate.mail.hops import count_hops
from mailgate.model import Arrival, Gateway, Peer, Reply
from mailgate.origins import Origins

MOST_RECIPIENTS_REMEMBERED = 4096
PUT_OFF = Reply(451, "4.7.1 Much mail came from your network within the hour; please come again later")


class Threshold(ABC):
    """The first half of a door; who inherits from it takes the mail."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        ready: Callable[[], Reply | None] = lambda: None,
        origins: Origins | None = None,
    ) -> None:
        """Without `origins` every network may bring as much as it likes."""
        self.gateway = gateway
        self.ready = ready
        self.origins = origins
        self.refused: Callable[[Arrival], Awaitable[Reply | None]] = _nobody_refuses
        self._recipients: dict[str, Reply | None] = {}

    def renew(self, gateway: Gateway) -> None:
        """Other keys verify from now on, so what was said of a recipient holds no longer."""
        self.gateway = gateway
        self._recipients.clear()

    def sender(self, mail_from: str, size_bytes: int, peer: Peer) -> Reply | None:
        """None where a mail may begin; a reply where the disk has no room."""
        return self.ready()

    def recipient(self, address: str, mail_from: str, peer: Peer) -> Reply | None:
        """None where `address` is ours or carries a valid token, else the refusal; or the network brought too much."""
        if address not in self._recipients:
            if len(self._recipients) >= MOST_RECIPIENTS_REMEMBERED:
                self._recipients.clear()
            self._recipients[address] = admission.recipient(address, self.gateway)
        refusal = self._recipients[address]
        if refusal is None and self.origins and self.origins.puts_off(address, mail_from, peer):
            return PUT_OFF
        return refusal

    async def accept(self, arrival: Arrival) -> Sequence[Reply]:
        """One reply per recipient, given after the mail is on disk.

        Raises:
            TryAgain: the sender keeps the mail.
        """
        refusal = admission.finished(count_hops(arrival.raw), arrival.peer) or await self.refused(arrival)
        if refusal:
            return [refusal] * len(arrival.recipients)
        replies = await self.take(arrival)
        if self.origins:
            self.origins.took(arrival.peer, len(arrival.raw))
        return replies

    @abstractmethod
    async def take(self, arrival: Arrival) -> Sequence[Reply]:
        """Bring the mail to the disk; as `accept`."""


async def _nobody_refuses(arrival: Arrival) -> Reply | None:
    """No rule is asked here: whoever keeps the mail asks them."""
    return None
