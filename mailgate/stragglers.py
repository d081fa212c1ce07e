"""Mail in: who is slow is overtaken. A batch waits a moment for the senders' name servers, and then goes without them.

A mail that is not ready in time comes back in a later batch, once it is. Until then it stays under way here, as leased
as before; mail of the same envelope sender waits behind it, for a person's second mail must not be judged before his
first. When too many are late, batches wait for theirs again: slow, and bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence

from mailgate.model import Accepted, Case

PATIENCE_S = 0.5  # of a batch; most name servers answer within a tenth of it
MAILS_MOST = 1000
BYTES_MOST = 32 << 20

Prepare = Callable[[Accepted], Awaitable[Case]]


class Stragglers:
    """Prepares mail for the judge, and keeps what is late."""

    def __init__(
        self,
        prepare: Prepare,
        on_ready: Callable[[], None],
        *,
        patience_s: float = PATIENCE_S,
        mails_most: int = MAILS_MOST,
    ) -> None:
        self._prepare = prepare
        self._on_ready = on_ready
        self._patience_s = patience_s
        self._mails_most = mails_most
        self._late: dict[int, Accepted] = {}
        self._under_way: dict[int, asyncio.Future[Case]] = {}  # of the late ones, and of those that were taken

    async def prepared(self, batch: Sequence[Accepted]) -> list[Case]:
        """The cases of those that are ready in time, in order; the others are late from then on.

        Raises what preparing one of them raises; then none is late.
        """
        tasks = {one.journal_id: self._task(one) for one in batch}
        room = len(self._late) + len(batch) <= self._mails_most and self._bytes(batch) <= BYTES_MOST
        ready, _ = await asyncio.wait(tasks.values(), timeout=self._patience_s if room else None)
        broken = next((error for one in ready if (error := one.exception())), None)
        if broken:
            for task in tasks.values():
                task.cancel()
            raise broken
        return list(self._in_time(batch, tasks))

    def take(self, most: int) -> list[Accepted]:
        """Late mail that is ready, up to `most`, oldest first; nobody's second mail before his first."""
        taken: list[Accepted] = []
        behind: set[str] = set()
        for journal_id in sorted(self._late):
            one = self._late[journal_id]
            if not self._under_way[journal_id].done() or (one.mail_from and one.mail_from in behind):
                behind.add(one.mail_from)
            elif len(taken) < most:
                taken.append(one)
        for one in taken:
            del self._late[one.journal_id]
        return taken

    async def wait(self) -> None:
        """Until one of the late is ready."""
        await asyncio.wait([self._under_way[one] for one in self._late], return_when=asyncio.FIRST_COMPLETED)

    def __len__(self) -> int:
        return len(self._late)

    def __contains__(self, journal_id: int) -> bool:
        return journal_id in self._late

    def __iter__(self) -> Iterator[int]:
        return iter(self._late)

    def _task(self, accepted: Accepted) -> asyncio.Future[Case]:
        begun = self._under_way.pop(accepted.journal_id, None)
        return begun or asyncio.ensure_future(self._prepare(accepted))

    def _in_time(self, batch: Sequence[Accepted], tasks: dict[int, asyncio.Future[Case]]) -> Iterator[Case]:
        late = {one.mail_from: journal_id for journal_id, one in sorted(self._late.items(), reverse=True)}
        for accepted in sorted(batch, key=lambda one: one.journal_id):
            task, sender = tasks[accepted.journal_id], accepted.mail_from
            is_behind = sender != "" and late.get(sender, accepted.journal_id) < accepted.journal_id
            if task.done() and not is_behind:
                yield task.result()
                continue
            late.setdefault(sender, accepted.journal_id)
            self._late[accepted.journal_id] = accepted
            self._under_way[accepted.journal_id] = task
            task.add_done_callback(self._ready)

    def _ready(self, task: asyncio.Future[Case]) -> None:
        # Whoever takes it asks what became of it.
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()
        self._on_ready()

    def _bytes(self, batch: Sequence[Accepted]) -> int:
        return sum(len(one.raw) for one in (*self._late.values(), *batch))


async def happens(event: asyncio.Event, within_s: float) -> bool:
    """Is `event` set in time?"""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()
