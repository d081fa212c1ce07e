"""Mail on its short way from the door to the judge: accepted and leased by this process, and still in its memory.

So the mail of a quiet day is not read back from the database it was just written to. What does not fit here waits
there, for us or for another process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import takewhile

from mailgate.model import Accepted, Arrival

MAILS_MOST = 16_384  # small ones: a burst of some seconds
MAILS_MOST_SHARED = 256  # where others could judge what we have no time for; what is kept here, they leave to us
BYTES_MOST = 32 << 20


class Backlog:
    """A bounded queue. Room is taken before a mail is written down, and given back when it was not."""

    def __init__(self, mails_most: int = MAILS_MOST, bytes_most: int = BYTES_MOST) -> None:
        self._mails_left = mails_most
        self._bytes_left = bytes_most
        self._waiting: deque[Accepted] = deque()

    def reserve(self, arrival: Arrival) -> bool:
        """Take room for each recipient's mail; false where there is not enough."""
        mails = len(arrival.recipients)
        if mails > self._mails_left or mails * len(arrival.raw) > self._bytes_left:
            return False
        self._free(-mails, -mails * len(arrival.raw))
        return True

    def put(self, arrival: Arrival, taken: Iterable[Accepted]) -> None:
        """Fill what was reserved for `arrival` with what became of it; the rest is free again."""
        self._free(len(arrival.recipients), len(arrival.recipients) * len(arrival.raw))
        for accepted in taken:
            self._free(-1, -len(accepted.raw))
            self._waiting.append(accepted)

    def take(self, most: int) -> list[Accepted]:
        """The oldest mails, up to `most`."""
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._free(len(taken), sum(len(accepted.raw) for accepted in taken))
        return taken

    def __len__(self) -> int:
        return len(self._waiting)

    def accepted_until(self, at: datetime) -> Iterator[Accepted]:
        """Those that have waited since `at` or longer."""
        return takewhile(lambda accepted: accepted.at <= at, self._waiting)

    def __iter__(self) -> Iterator[Accepted]:
        return iter(self._waiting)

    def _free(self, mails: int, bytes_: int) -> None:
        self._mails_left += mails
        self._bytes_left += bytes_
