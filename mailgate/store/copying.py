"""Store: a whole installation from one database into another, of the same kind or not, and the proof that it arrived.

The house rules of this file:
* The source is read in one transaction: what is copied is one moment of it. The target is filled in one transaction:
  it holds everything or nothing.
* One thread reads and another writes, a few batches apart, because each database has a thread of its own; so memory is
  bounded, however much there is.
* Each row is counted on its way, and once more as it stands in the target before that is committed.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterable, Iterator

from sqlalchemy import Connection, insert

from mailgate.errors import Damaged, NotAllowed
from mailgate.store import dialect, inventory
from mailgate.store.database import Database
from mailgate.store.inventory import Batch, Inventory

BATCHES_AHEAD = 3  # that were read and not yet written

Progress = Callable[[int, int], None]  # rows, and bytes of raw mail, since it was called last


async def copy(
    source: Database,
    target: Database,
    *,
    instead: bool = False,
    progress: Progress = lambda _rows, _bytes: None,
    finish: Callable[[Connection], object] = lambda _conn: None,
) -> Inventory:
    """Copy everything and compare what arrived with what left. `finish` is the last work of the target's transaction.

    What the target holds is replaced only with `instead`. `progress` is called in another thread.

    Raises:
        NotAllowed: the target holds something already; nothing was written.
        Damaged: what arrived is not what left; nothing was written.
        TryAgain: one of the databases is in trouble; nothing was written.
    """
    belt, left = _Belt(), Inventory()

    def fill(conn: Connection) -> Inventory:
        if instead:
            dialect.clear(conn, inventory.PLAIN)
        elif not inventory.is_empty(conn):
            raise NotAllowed("the target holds something already; nothing was written")
        _write(conn, belt.unload(), progress)
        dialect.set_ticket_number(conn, left.ticket_number)
        arrived = inventory.taken(conn)
        if differences := left.differences(arrived):
            raise Damaged("what arrived is not what left, so nothing was kept:", differences)
        finish(conn)
        return arrived

    reading = asyncio.create_task(asyncio.to_thread(source.look, lambda conn: belt.load(inventory.batches(conn, left))))
    try:
        return await target.write(fill)
    finally:
        belt.stop()
        await asyncio.gather(reading, return_exceptions=True)


def _write(conn: Connection, batches: Iterable[Batch], progress: Progress) -> None:
    # Migrations leave counters behind, and those that come stand in their place.
    dialect.clear(conn, [table for table in inventory.PLAIN if table.name == "counter"])
    for batch in batches:
        names = batch.table.columns.keys()
        conn.execute(insert(batch.table), [dict(zip(names, row, strict=True)) for row in batch.rows])
        progress(len(batch.rows), batch.raw_bytes)


class _Belt:
    """Carries batches from the thread that reads to the thread that writes."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(BATCHES_AHEAD)
        self._stopped = False

    def load(self, batches: Iterable[Batch]) -> None:
        """Put all of them on, or the error that ends them; none more where nobody unloads."""
        try:
            for batch in batches:
                if self._stopped:
                    return
                self._queue.put(batch)
            self._queue.put(None)
        # Broad, because whoever writes must learn of it: half of everything must not look like everything.
        except BaseException as error:
            self._queue.put(error)

    def unload(self) -> Iterator[Batch]:
        """What was put on, to the end. Raises what ended it."""
        while (found := self._queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found

    def stop(self) -> None:
        """Nobody unloads any more: whoever waits to load need not."""
        self._stopped = True
        while not self._queue.empty():
            self._queue.get_nowait()
