"""What every road is given: the store, who we are, the rules as they stand now, the clock, the log and the meter."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailgate.log import Log
from mailgate.meter import UNHEARD, Meter
from mailgate.model import Gateway
from mailgate.rulebook import Rulebook
from mailgate.store.database import Database

NONCE_BITS = 63  # a signed 64-bit column holds it


@dataclass(frozen=True, slots=True)
class Mint:
    """Where ids and unguessable numbers come from."""

    new_id: Callable[[], int]

    def nonce(self) -> int:
        """A random number that nobody guesses."""
        return secrets.randbits(NONCE_BITS)


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that the roads share. `book` is called anew each time, so that reloaded rules hold at once."""

    database: Database
    gateway: Gateway
    book: Callable[[], Rulebook]
    mint: Mint
    clock: Callable[[], datetime]
    log: Log
    meter: Meter = UNHEARD
