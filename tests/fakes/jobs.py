"""Jobs for a worker process: well-behaved ones, and such as no process survives. Imports little, as a worker should."""

import os
import signal
import sys
import time
from pathlib import Path

from mailgate.mail.quotes import Quotes
from mailgate.mail.whole import whole


def whose(raw: bytes) -> int:
    """The process that does this."""
    return os.getpid()


def imported(raw: bytes) -> list[str]:
    return sorted(sys.modules)


def shout(raw: bytes) -> str:
    print("noise on standard output", flush=True)
    return "quiet"


def refuse(raw: bytes) -> None:
    raise LookupError("not found here")


def grow(raw: bytes) -> int:
    return len(b"x" * (1 << 40))


def hang(raw: bytes) -> None:
    signal.pause()


def die(raw: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(raw: bytes, quotes: Quotes, marker: Path) -> object:
    """Die at the first call, and do intake's own work at the second."""
    if marker.exists():
        return whole(raw, quotes)
    marker.touch()
    return die(raw)


def wait_for(raw: bytes, marker: Path) -> str:
    """Say that it has begun, and end when the marker is taken away."""
    marker.touch()
    while marker.exists():
        time.sleep(0.005)
    return "done"
