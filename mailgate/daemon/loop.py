"""Faces: the event loop that a daemon runs in: uvloop where it is installed (`pip install mailgate[speed]`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

try:
    from uvloop import new_event_loop
except ImportError:
    # Not on every platform, and not needed: mailgate does the same without it, only slower.
    new_event_loop = None  # type: ignore[assignment]  # so that its absence is a value

T = TypeVar("T")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

FASTEST: LoopFactory | None = new_event_loop  # None is asyncio's own


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in the fastest loop there is; what it returns."""
    with asyncio.Runner(loop_factory=FASTEST) as runner:
        return runner.run(work)


def name_of(loop: asyncio.AbstractEventLoop) -> str:
    """The library that a loop comes from."""
    return type(loop).__module__.partition(".")[0]
