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

from mailgate.errors import Damaged, NotAllowed, TryAgain
from mailgate.store import dialect, inventory, search
from mailgate.store.database import Database
from mailgate.store.inventory import Batch, Inventory, Progress, Unseen

BATCHES_AHEAD = 3  # that were read and not yet written


async def copy(
    source: Database,
    target: Database,
    *,
    instead: bool = False,
    progress: Progress | None = None,
    finish: Callable[[Connection], object] = lambda _conn: None,
) -> Inventory:
    """Copy everything and compare what arrived with what left. `finish` is the last work of the target's transaction.

    What the target holds is replaced only with `instead`. `progress` hears of each row twice: when it is written, and
    when it is compared.

    Raises:
        NotAllowed: the target holds something already; nothing was written.
        Damaged: what arrived is not what left; nothing was written.
        TryAgain: one of the databases is in trouble; nothing was written.
    """
    belt, left, seen = _Belt(), Inventory(), progress or Unseen()

    def read(conn: Connection) -> None:
        seen.expect(inventory.count(conn))
        belt.load(inventory.batches(conn, left))

    def fill(conn: Connection) -> Inventory:
        _make_room(conn, instead=instead)
        _write(conn, belt.unload(), seen)
        arrived = _compare(conn, left, seen)
        finish(conn)
        return arrived

    reading = asyncio.create_task(asyncio.to_thread(_look, source, read, belt))
    try:
        return await target.write(fill)
    finally:
        belt.stop()
        await reading


def _look(source: Database, read: Callable[[Connection], None], belt: _Belt) -> None:
    try:
        source.look(read)
    # Broad, because whoever writes must learn of it: half of everything must not look like everything.
    except BaseException as error:
        belt.end(error)
    else:
        belt.end(None)


def _make_room(conn: Connection, *, instead: bool) -> None:
    if not instead and not inventory.is_empty(conn):
        raise NotAllowed("the target holds something already; nothing was written")
    # Migrations leave counters behind, and those that come stand in their place.
    leftover = [table for table in inventory.PLAIN if instead or table.name == "counter"]
    dialect.clear(conn, leftover)
    search.clear(conn)


def _write(conn: Connection, batches: Iterable[Batch], progress: Progress) -> None:
    for batch in batches:
        names = batch.table.columns.keys()
        conn.execute(insert(batch.table), [dict(zip(names, row, strict=True)) for row in batch.rows])
        progress.advance(len(batch.rows), batch.raw_bytes)


def _compare(conn: Connection, left: Inventory, progress: Progress) -> Inventory:
    dialect.set_ticket_number(conn, left.ticket_number)
    arrived = inventory.taken(conn, progress)
    if differences := left.differences(arrived):
        raise Damaged("what arrived is not what left, so nothing was kept:", differences)
    return arrived


class _Belt:
    """Carries batches from the thread that reads to the thread that writes."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(BATCHES_AHEAD)
        self._stopped = False

    def load(self, batches: Iterable[Batch]) -> None:
        """Put all of them on, and none more once it is stopped."""
        for batch in batches:
            if self._stopped:
                return
            self._queue.put(batch)

    def end(self, error: BaseException | None) -> None:
        """That was all; or it was not, because of `error`."""
        if not self._stopped:
            self._queue.put(error)

    def unload(self) -> Iterator[Batch]:
        """What was put on, to the end. Raises the error that ended it."""
        while (found := self._queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found

    def stop(self) -> None:
        """Let both threads find an end, wherever they wait."""
        self._stopped = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put(TryAgain("the copy was given up"))
