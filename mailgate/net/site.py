"""What the sessions of one listener share: its settings, who is connected, and the mail that is being accepted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from mailgate.errors import TryAgain
from mailgate.log import Event, Log
from mailgate.model import Arrival, Reply, Role
from mailgate.net import replies
from mailgate.net.bind import Bind, Networks, listed
from mailgate.net.bounds import Bounds, Crowd, plain
from mailgate.net.door import Door
from mailgate.net.tls import ServerContext

Acceptance: TypeAlias = asyncio.Task[Sequence[Reply]]

LANDING_BYTES = 256 * 1024  # read at once; one place for all sessions, since each takes its bytes away before the next


class Guest(Protocol):
    """A session as its listener sees it."""

    gone: asyncio.Future[None]  # done once its connection has ended

    def drain(self) -> None:
        """Let mail that is on its way come in, then say goodbye."""

    def abort(self) -> None:
        """Cut the connection."""


@dataclass(slots=True)
class Site:
    """What the sessions of one listener share."""

    bind: Bind
    bounds: Bounds
    door: Door
    name: str
    clock: Callable[[], datetime]
    log: Log
    tls_context: ServerContext | None
    proxies: Networks
    xclient: Networks
    crowd: Crowd
    sessions: set[Guest] = field(default_factory=set)
    acceptances: set[Acceptance] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)  # replies from 400 on, by code
    landing: memoryview = field(default_factory=lambda: memoryview(bytearray(LANDING_BYTES)))  # where bytes arrive

    def trusts(self, ip: str) -> bool:
        """Is the word of this peer on the client taken?"""
        return listed(ip, self.xclient)

    def admit(self, ip: str) -> Reply | None:
        """Count a connection in, or say why there is no room. The network behind a proxy is known only later."""
        return self.crowd.enter(None if self.proxies else ip, self._room_for(ip))

    def settle(self, ip: str) -> Reply | None:
        """Count a connection that is in to the network of its client, or say why that has no more room."""
        return self.crowd.settle(ip, self._room_for(ip))

    def _room_for(self, ip: str) -> int:
        # Our own MTA is one peer, however much it brings.
        if self.bind.role is Role.BEHIND or not ip:
            return self.bounds.connections
        if plain(ip).is_loopback or self.trusts(ip):
            return self.bounds.per_trusted_network
        return self.bounds.per_network

    def start(self, arrival: Arrival, heard: Callable[[Acceptance], None]) -> None:
        """Hand a mail to the door, in a task that no session owns: it ends by itself; `heard` gives it to `finish`."""
        task = asyncio.get_running_loop().create_task(self.door.accept(arrival))
        self.acceptances.add(task)
        task.add_done_callback(heard)

    def finish(self, task: Acceptance, count: int) -> Sequence[Reply]:
        """What the door has said. Its errors are logged; the client hears only that it may try again."""
        self.acceptances.discard(task)
        if task.cancelled():
            return [replies.SHUTTING_DOWN] * count
        match task.exception():
            case None:
                return task.result()
            case TryAgain() as trouble:
                self.log.warning(Event.ACCEPTANCE_DEFERRED, reason=str(trouble))
                return [Reply(trouble.code, trouble.public)] * count
            case error:
                self.log.error(Event.ACCEPTANCE_FAILED, exc_info=error)
                return [replies.TRY_AGAIN] * count
