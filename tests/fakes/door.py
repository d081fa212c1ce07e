"""A door that takes mail for a few well-known addresses and remembers it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailgate.errors import TryAgain
from mailgate.model import Arrival, Peer, Reply

OURS = frozenset({"support@g.test", "postmaster", "abuse@g.test", "full@g.test", "broken@g.test", "later@g.test"})
SECRET = "secret /etc/mailgate/keys"
UNKNOWN = Reply(550, "5.1.1 No such mailbox")
FOREIGN = Reply(550, "5.7.1 Relaying denied")


@dataclass
class FakeDoor:
    """`open` holds acceptances while it is clear; `began` counts those that were started."""

    arrivals: list[Arrival] = field(default_factory=list)
    senders: list[tuple[str, int, Peer]] = field(default_factory=list)
    began: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def sender(self, mail_from: str, size_bytes: int, peer: Peer) -> Reply | None:
        self.senders.append((mail_from, size_bytes, peer))
        match mail_from:
            case "crash@x.test":
                raise RuntimeError(SECRET)
            case "trouble@x.test":
                raise TryAgain(SECRET, code=452, public="4.3.1 Out of room")
            case "nobody@x.test":
                return Reply(550, "5.7.1 Not welcome")
        return None

    def recipient(self, address: str, mail_from: str, peer: Peer) -> Reply | None:
        if address.lower() in OURS or address.startswith("box"):
            return None
        return UNKNOWN if address.endswith("@g.test") else FOREIGN

    async def accept(self, arrival: Arrival) -> Sequence[Reply]:
        self.began += 1
        await self.open.wait()
        if "broken@g.test" in arrival.recipients:
            raise RuntimeError(SECRET)
        if "later@g.test" in arrival.recipients:
            raise TryAgain(SECRET)
        if arrival.raw.count(b"Received: ") > 100:
            return [Reply(554, "5.4.6 Too many hops")] * len(arrival.recipients)
        self.arrivals.append(arrival)
        queued, over_quota = Reply(250, f"2.0.0 Ok: queued as {len(self.arrivals)}"), Reply(452, "4.2.2 Over quota")
        return [over_quota if recipient == "full@g.test" else queued for recipient in arrival.recipients]
