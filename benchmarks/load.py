"""The loads, and the generator that puts them on a server: Postfix's smtp-source, or a plain one of our own."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass

SENDER = "person@customer.test"
RECIPIENT = "support@g.test"
DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """So many mails of so many bytes, over so many open connections at once."""

    name: str
    mails: int
    size_bytes: int
    sessions: int

    @property
    def words(self) -> str:
        """The load in words."""
        size = f"{self.size_bytes // 1_000_000} MB" if self.size_bytes >= 1_000_000 else f"{self.size_bytes // 1024} KB"
        return f"{self.mails} mails of {size}, {self.sessions} open connections"


class GeneratorError(Exception):
    """The generator could not deliver all of its mails; the text is what it said."""


def generator() -> str:
    """What makes the load, for the heading."""
    return (
        "smtp-source of Postfix" if shutil.which("smtp-source") else "benchmarks.generator (package postfix is missing)"
    )


async def put(load: Load, port: int) -> float:
    """Deliver the load to a server; the seconds until the last mail was accepted. Raises GeneratorError."""
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *_command(load, port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise GeneratorError(f"{load.words}: not within {DEADLINE_S:g} s") from None
    if process.returncode or said:
        raise GeneratorError(f"{load.words}: {process.returncode}: {said.decode(errors='replace')}")
    return time.perf_counter() - begun


def _command(load: Load, port: int) -> list[str]:
    numbers = [str(number) for number in (load.sessions, load.mails, load.size_bytes)]
    source = shutil.which("smtp-source")
    if source is None:
        return [sys.executable, "-m", "benchmarks.generator", *numbers, SENDER, RECIPIENT, str(port)]
    sessions, mails, size = numbers
    options = ["-d", "-s", sessions, "-m", mails, "-l", size, "-f", SENDER, "-t", RECIPIENT]
    return [source, *options, f"127.0.0.1:{port}"]
