"""Work for a database that shows what became of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, text

from mailgate.store.database import Database
from mailgate.store.tables import counter

T = TypeVar("T")


def put(name: str, value: int = 0) -> Callable[[Connection], None]:
    """Write one row; its name begins with an x."""
    return lambda conn: conn.execute(counter.insert().values(name=name, value=value)) and None


def names(conn: Connection) -> list[str]:
    """The names of all rows that were put."""
    return list(conn.execute(text("SELECT name FROM counter WHERE name LIKE 'x%' ORDER BY name")).scalars())


class Puts:
    """Grouped work that remembers who was written together."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, conn: Connection, items: list[str]) -> list[str]:
        self.batches.append(items)
        for item in items:
            if item == "x-bug":
                raise ValueError(item)
            conn.execute(counter.insert().values(name=item, value=1))
        return [item.upper() for item in items]


class Hold:
    """Keeps a writer busy until it is let go, so that others queue behind it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, _conn: Connection, items: list[None] | None = None) -> list[None]:
        self.begun.set()
        assert self.let_go.wait(30)
        return items or []


async def holding(db: Database, *, grouped: bool = False) -> tuple[Hold, asyncio.Task[object]]:
    """A hold that has begun: of single jobs, or of `grouped` ones, which a server does beside the others."""
    hold = Hold()
    work = db.together(hold, None) if grouped else db.write(hold)
    task: asyncio.Task[object] = asyncio.create_task(work)
    await asyncio.to_thread(hold.begun.wait, 30)
    return hold, task


class Faults:
    """Raises `error` at `point` for as long as it is set."""

    def __init__(self) -> None:
        self.point = ""
        self.error: Exception = OSError()

    def __call__(self, point: str) -> None:
        if point == self.point:
            raise self.error


class _UndoError(Exception):
    """Ends a transaction that is not to be kept."""


async def rolled_back(db: Database, work: Callable[[Connection], T]) -> T:
    """What `work` comes to, in a transaction that is given up."""
    found: list[T] = []

    def undone(conn: Connection) -> None:
        found.append(work(conn))
        raise _UndoError

    with suppress(_UndoError):
        await db.write(undone)
    return found[0]
