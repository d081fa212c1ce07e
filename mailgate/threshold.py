"""Mail in: what is said to a sender and a recipient before there is a mail. Needs no database."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.judge import admission
from mailgate.model import Gateway, Peer, Reply

MOST_RECIPIENTS_REMEMBERED = 4096


class Threshold:
    """The first half of a door; who inherits from it takes the mail."""

    def __init__(self, gateway: Gateway, *, ready: Callable[[], Reply | None] = lambda: None) -> None:
        self.gateway = gateway
        self.ready = ready
        self._recipients: dict[str, Reply | None] = {}

    def renew(self, gateway: Gateway) -> None:
        """Other keys verify from now on, so what was said of a recipient holds no longer."""
        self.gateway = gateway
        self._recipients.clear()

    def sender(self, mail_from: str, size_bytes: int, peer: Peer) -> Reply | None:
        """None where a mail may begin; a reply where the disk has no room."""
        return self.ready()

    def recipient(self, address: str, mail_from: str, peer: Peer) -> Reply | None:
        """None where `address` is ours or carries a valid token, else the refusal."""
        if address not in self._recipients:
            if len(self._recipients) >= MOST_RECIPIENTS_REMEMBERED:
                self._recipients.clear()
            self._recipients[address] = admission.recipient(address, self.gateway)
        return self._recipients[address]
