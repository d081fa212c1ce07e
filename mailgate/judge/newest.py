"""What is remembered by a key, up to a bound: the oldest goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def put(where: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Write `value` down under `key`, as the newest of at most so many."""
    # Not a plain dict: to find its first key takes the longer the more were taken out before it.
    where[key] = value
    where.move_to_end(key)
    if len(where) > most:
        where.popitem(last=False)
