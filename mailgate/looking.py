"""Roads that look at fixed times for what is due, and how they bear with trouble of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mailgate.errors import TryAgain
from mailgate.log import Event, Log


async def now_and_then(look: Callable[[], Awaitable[object]], every_s: float, log: Log) -> None:
    """`look`, and again `every_s` after it has ended, until cancelled; trouble of the database is waited out."""
    while True:
        try:
            await look()
        except TryAgain as trouble:
            log.warning(Event.STORE_TROUBLE, error=str(trouble))
        await asyncio.sleep(every_s)
