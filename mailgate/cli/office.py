"""Faces: how a command reaches the store beside a running daemon, and tells it of new work."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import click
from sqlalchemy import Connection

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame
from mailgate.config import Settings
from mailgate.daemon.neighbours import JOURNAL, OUTBOX, tell
from mailgate.desk import Desk
from mailgate.log import open_log
from mailgate.store.database import Database

T = TypeVar("T")

MOST_ROWS = 10_000  # of any list that is shown
PAGE_ROWS = 1000


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have a number and no name.
        return f"uid-{os.getuid()}"


agent_option = click.option(
    "--agent", default=_login_name, show_default="your login name", help="Who does this, for the history."
)
limit_option = click.option(
    "--limit", type=click.IntRange(1), default=MOST_ROWS, show_default=True, help="Show at most so many."
)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The store, shared with the daemon. Raises ConfigError where there is none, TryAgain where it is in trouble."""
    database = await wiring.open_database(settings, daemon=False)
    try:
        yield database
    finally:
        await database.close()


def reading(frame: Frame, work: Callable[[Connection], T]) -> T:
    """Read from the store. Raises what `opened` raises, and what `work` raises."""

    async def read() -> T:
        async with opened(settings_of(frame)) as database:
            return await database.read(work)

    return asyncio.run(read())


def pages(page: Callable[[T | None, int], list[T]], limit: int) -> list[T]:
    """All rows up to `limit`: `page` gives at most so many after the last one, or the first ones."""
    rows: list[T] = []
    while len(rows) < limit:
        wanted = min(PAGE_ROWS, limit - len(rows))
        found = page(rows[-1] if rows else None, wanted)
        rows += found
        if len(found) < wanted:
            break
    return rows


def at_desk(frame: Frame, deed: Callable[[Desk], Awaitable[T]]) -> T:
    """Do what a person may do, then wake the daemon if it has work now. Raises also NotFound and NotAllowed."""
    settings = settings_of(frame)
    gateway, book = wiring.gateway_of(settings), wiring.rulebook_of(settings)
    words: set[str] = set()

    async def act() -> T:
        async with opened(settings) as database:
            context = wiring.context_of(database, gateway, lambda: book, open_log(sys.stderr, logging.WARNING))
            desk = Desk(
                context,
                on_outgoing=lambda: words.add(OUTBOX),
                on_accepted=lambda: words.add(JOURNAL),
            )
            result = await deed(desk)
            await tell(database, wiring.database_file(settings), words)
            return result

    return asyncio.run(act())
