"""Faces: the rules of a daemon, read again when somebody saves a file of theirs."""

from __future__ import annotations

import asyncio

from watchfiles import Change, awatch

from mailgate import wiring
from mailgate.config import Settings
from mailgate.errors import ConfigError
from mailgate.log import Event, Log

SETTLE_MS = 300  # editors save in several steps; rules are read when they are quiet for this long


class Rules:
    """`book` is the rule book that holds. Raises ConfigError where the first one is broken."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.book = wiring.rulebook_of(settings)

    async def watch(self) -> None:
        """Read them again whenever a file changes, until cancelled."""
        folder = wiring.rules_folder(self.settings)
        try:
            async for _ in awatch(folder, watch_filter=_is_rule_file, debounce=SETTLE_MS):
                await self.reload()
        except (OSError, RuntimeError) as error:
            # The kernel gives only so many watches. SIGHUP still works.
            self.log.warning(Event.RULES_UNWATCHED, error=str(error))

    async def reload(self) -> None:
        """All new rules, or the ones we have: a broken file never replaces a good one."""
        try:
            book = await asyncio.to_thread(wiring.rulebook_of, self.settings)
        except ConfigError as error:
            self.log.error(Event.RULES_REJECTED, faults=[str(fault) for fault in error.faults], kept=self.book.version)
            return
        self.log.info(Event.RULES_RELOADED, rules=book.version, before=self.book.version)
        self.book = book


def _is_rule_file(_change: Change, path: str) -> bool:
    """Editors and rsync write other names first."""
    return path.endswith((".toml", ".txt"))
