"""Faces: the rules of a daemon, read again when somebody saves a file of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath

from watchfiles import Change, awatch

from mailgate import rulechanges, wiring
from mailgate.config import Settings
from mailgate.errors import ConfigError, TryAgain
from mailgate.log import Event, Log

SETTLE_MS = 300  # editors save in several steps; rules are read when they are quiet for this long
LOOK_MS = 1000  # how often it is looked whether a folder was put in the place of another
MOST_FAULTS = 50  # in one line of the log; `mailgate rules check` tells them all

_KUBERNETES = "..data"  # the link that is moved when a mounted ConfigMap changes


async def _nobody() -> None:
    pass


class Rules:
    """`book` is the rule book that holds; `on_new` is awaited when another one does, before the next can.

    Raises ConfigError where the first one is broken.
    """

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.book = wiring.rulebook_of(settings)
        self.on_new: Callable[[], Awaitable[None]] = _nobody
        self._turn = asyncio.Lock()

    async def watch(self) -> None:
        """Read them again whenever a file of either layer changes, until cancelled."""
        try:
            await self._watch(self._folders())
            while True:
                await self._watch(self._folders(), new=True)
        except (OSError, RuntimeError) as error:
            # The kernel gives only so many watches. SIGHUP still works.
            self.log.warning(Event.RULES_UNWATCHED, error=str(error))

    async def _watch(self, folders: Mapping[Path, tuple[int, int]], *, new: bool = False) -> None:
        """The same until one of the folders is another one, for what is watched is a folder and not its name.

        In a `new` one something may have been saved before anybody looked, so it is read at the first chance.
        """
        looking = awatch(
            *folders, watch_filter=_may_be_ours, debounce=SETTLE_MS, rust_timeout=LOOK_MS, yield_on_timeout=True
        )
        async for saved in looking:
            others = self._folders() != folders
            if saved or others or new:
                await self.reload()
            new = False
            if others:
                return

    def _folders(self) -> dict[Path, tuple[int, int]]:
        """The folders that are there, with device and number: a link that leads elsewhere now is another folder."""
        folders = wiring.rules_folders(self.settings)
        found = (folder.resolve() for folder in (folders.shipped, folders.local) if folder and folder.is_dir())
        return {path: (stat.st_dev, stat.st_ino) for path, stat in ((path, path.stat()) for path in found)}

    async def reload(self) -> None:
        """All new rules, or the ones we have: a broken file never replaces a good one."""
        # One after the other, so that what was read last is what holds.
        async with self._turn:
            try:
                book = await asyncio.to_thread(wiring.rulebook_of, self.settings)
            except ConfigError as error:
                faults = [str(fault) for fault in error.faults[:MOST_FAULTS]]
                self.log.error(Event.RULES_REJECTED, faults=faults, count=len(error.faults), kept=self.book.version)
                return
            changes = rulechanges.changes(self.book.items, book.items)
            self.log.info(Event.RULES_RELOADED, rules=book.version, before=self.book.version, **changes.told())
            self.book = book
            # In trouble the store hears of it later, for mail does not wait.
            with suppress(TryAgain):
                await self.on_new()


def _may_be_ours(_change: Change, path: str) -> bool:
    """A rule file, or a folder that came or went with all that is in it; editors and rsync write other names first."""
    name = PurePath(path).name
    return name.endswith((".toml", ".txt")) or "." not in name or name == _KUBERNETES
