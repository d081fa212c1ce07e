"""A load of equal mails, and smtp-source of Postfix, which puts it on a server and costs little itself."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass

SENDER = "person@customer.test"
RECIPIENT = "support@g.test"
DEADLINE_S = 900.0


@dataclass(frozen=True, slots=True)
class Load:
    """So many mails of so many bytes over so many sessions at once; each session for one mail, or for many."""

    mails: int
    size_bytes: int
    sessions: int
    new_connections: bool = False

    @property
    def words(self) -> str:
        """The load in words."""
        size = f"{self.size_bytes // 1_000_000} MB" if self.size_bytes >= 1_000_000 else f"{self.size_bytes // 1024} KB"
        kept = "a new connection each" if self.new_connections else "connections kept open"
        return f"{self.mails:,} mails of {size}, {self.sessions} sessions at once, {kept}"


class LoadError(Exception):
    """The load could not be put; the text is what the generator said."""


class MissingError(Exception):
    """Something that a bench needs is not to be had on this machine; the text says what."""


async def put(load: Load, port: int) -> float:
    """Deliver the load to a loopback port; the seconds until the last mail was accepted.

    Raises:
        LoadError: not all of it was accepted.
        MissingError: there is no smtp-source.
    """
    if not shutil.which("smtp-source"):
        raise MissingError("needs Debian's package postfix for its smtp-source")
    options = [] if load.new_connections else ["-d"]
    options += ["-s", str(load.sessions), "-m", str(load.mails), "-l", str(load.size_bytes)]
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *("smtp-source", *options, "-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{port}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or said:
        raise LoadError(f"{load.words}: {process.returncode}: {said.decode(errors='replace')}")
    return time.perf_counter() - begun
