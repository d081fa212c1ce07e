"""Programs from the package index, each in an environment of its own that is made once and kept in a cache folder."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

from benchmarks.load import MissingError


def folder() -> Path:
    """Where the environments are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailgate-benchmarks"


async def installed(requirement: str) -> Path:
    """The folder of the programs of an environment with `requirement`. Raises MissingError."""
    home = folder() / re.sub(r"\W+", "-", requirement)
    done = home / "installed"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        python = str(home / "bin" / "python")
        for command in ([sys.executable, "-m", "venv", str(home)], [python, "-m", "pip", "install", "-q", requirement]):
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said, _ = await process.communicate()
            if process.returncode:
                raise MissingError(f"{requirement}: {said.decode(errors='replace')[-1000:]}")
        done.touch()
    return home / "bin"


def versions(*names: str) -> dict[str, str]:
    """Which versions of these programs are in the cache."""
    found = {}
    for name in names:
        for path in folder().glob(f"*/lib/*/site-packages/{name.replace('-', '_')}-*.dist-info"):
            found[name] = path.stem.rpartition("-")[2]
    return found
