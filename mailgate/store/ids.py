"""Store: ids that the application makes itself, 63 bits, ordered by time, so that a whole batch of rows can be written
before the database has seen one of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SEQUENCE_BITS = 12
NODE_BITS = 10
TIME_SHIFT = SEQUENCE_BITS + NODE_BITS
EPOCH_MS = 1_735_689_600_000  # 2025-01-01; 41 bits of milliseconds reach to 2094

LARGEST = (1 << 63) - 1
QUEUE_ID_CHARS = 13
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]


class Snowflakes:
    """A source of ids: milliseconds, then a node number, then a sequence. Safe to call from any thread.

    A clock that steps back does not: the source goes on from the largest id it has given or was told of by `floor`.
    """

    def __init__(self, node: int, *, floor: int = 0, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._node = (node % (1 << NODE_BITS)) << SEQUENCE_BITS
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._ms = (floor >> TIME_SHIFT) + 1 if floor else 0
        self._sequence = 0

    def __call__(self) -> int:
        now_ms = self._clock_ns() // 1_000_000 - EPOCH_MS
        with self._lock:
            if now_ms > self._ms:
                self._ms, self._sequence = now_ms, 0
            elif self._sequence >> SEQUENCE_BITS:
                self._ms, self._sequence = self._ms + 1, 0
            made = self._ms << TIME_SHIFT | self._node | self._sequence
            self._sequence += 1
        return made


def node_of(made: int) -> int:
    """The node number in an id."""
    return made >> SEQUENCE_BITS & ((1 << NODE_BITS) - 1)


def queue_id(number: int) -> str:
    """The text by which both sides of a session name an accepted mail: thirteen letters and digits, no vowel traps."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(60, -1, -10)])[-QUEUE_ID_CHARS:]
