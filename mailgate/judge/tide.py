"""How much mail one network may bring in an hour while nobody vouches for it, and when its mail is put off.

The house rules of this file:
* To put off is never to lose. A mail that was put off three times comes in at its next try, and once a network has been
  put off for two hours all its mail comes in, for a day: longer than any queue waits between two tries.
* What is not remembered is not held against anybody, so every forgetting here lets mail in.
* A network is a number that the caller makes; time is the caller's too, in seconds that only grow.

What has come is counted by the minute, so an hour of one network takes the same room however much it may bring.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

HOUR_S: Final = 3600
MINUTE_S: Final = 60
MOST_TIMES: Final = 3  # that one mail is put off
LONGEST_S: Final = 2 * HOUR_S  # that a network is put off in all
REMEMBERED_S: Final = 24 * HOUR_S  # that a network was put off; usual queues try again within 8 h
WELCOME_S: Final = 30 * 24 * HOUR_S  # a network, after the last mail of somebody we trust
VOUCHED_S: Final = 24 * HOUR_S  # a sender there; anybody can bear his name, so only until he can have tried again

MOST_ORIGINS: Final = 4096  # networks of which we know what they brought; of all others, nothing is known
MOST_ENVELOPES: Final = 64  # of one network, of which we know how often they were put off
MOST_WELCOME: Final = 4096  # networks, and senders in networks, that somebody vouches for


Guest = int | tuple[int, str]  # a network, or one sender there


@dataclass(slots=True)
class _Minute:
    number: int
    mails: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class _Origin:
    """What one network brought within the hour, and how often it was put off."""

    minutes: deque[_Minute] = field(default_factory=deque)  # oldest first
    mails: int = 0
    size_bytes: int = 0
    put_off_since_s: float | None = None
    times: dict[int, int] = field(default_factory=dict)  # by envelope

    def add(self, size_bytes: int, now_s: float) -> None:
        number = int(now_s // MINUTE_S)
        if not self.minutes or self.minutes[-1].number != number:
            self.minutes.append(_Minute(number))
        self.minutes[-1].mails += 1
        self.minutes[-1].size_bytes += size_bytes
        self.mails += 1
        self.size_bytes += size_bytes

    def forget(self, now_s: float) -> None:
        """A minute counts until its last moment is an hour old."""
        first = now_s // MINUTE_S - HOUR_S // MINUTE_S
        while self.minutes and self.minutes[0].number < first:
            gone = self.minutes.popleft()
            self.mails -= gone.mails
            self.size_bytes -= gone.size_bytes
        if self.put_off_since_s is not None and now_s - self.put_off_since_s >= REMEMBERED_S:
            self.put_off_since_s = None
            self.times.clear()

    def puts_off(self, envelope: int, now_s: float) -> bool:
        """Once more, or was it often enough? Counts it."""
        if self.put_off_since_s is None:
            self.put_off_since_s = now_s
        times = self.times.get(envelope, 0)
        if now_s - self.put_off_since_s >= LONGEST_S:
            return False
        if times >= MOST_TIMES:
            # Another mail of the same envelope may be on its way, and is no retry of this one.
            del self.times[envelope]
            return False
        if times or len(self.times) < MOST_ENVELOPES:
            self.times[envelope] = times + 1
        return True


class Tide:
    """The memory of what every network brought. A number of 0 asks for no bound."""

    def __init__(self, mails_per_h: int, bytes_per_h: int) -> None:
        self._mails_per_h = mails_per_h
        self._bytes_per_h = bytes_per_h
        self._origins: OrderedDict[int, _Origin] = OrderedDict()  # longest unheard of first
        self._welcome: OrderedDict[Guest, float] = OrderedDict()  # since when, oldest first

    def puts_off(self, origin: int, envelope: int, now_s: float) -> bool:
        """Must this mail come again later? `envelope` is a number for its sender and recipient."""
        known = self._origins.get(origin)
        if known is None or self.is_welcome(origin, now_s):
            return False
        self._origins.move_to_end(origin)
        known.forget(now_s)
        return self._is_over(known) and known.puts_off(envelope, now_s)

    def took(self, origin: int, size_bytes: int, now_s: float) -> None:
        """A mail of this network came in."""
        known = self._origins.get(origin)
        if known is None:
            if len(self._origins) >= MOST_ORIGINS:
                self._origins.popitem(last=False)
            known = self._origins[origin] = _Origin()
        self._origins.move_to_end(origin)
        known.forget(now_s)
        known.add(size_bytes, now_s)

    def welcome(self, guest: Guest, now_s: float) -> bool:
        """Somebody we trust writes from there, so such mail is not put off; true where that was not known."""
        news = not self.is_welcome(guest, now_s)
        if news and len(self._welcome) >= MOST_WELCOME:
            self._welcome.popitem(last=False)
        self._welcome[guest] = now_s
        self._welcome.move_to_end(guest)
        return news

    def is_welcome(self, guest: Guest, now_s: float) -> bool:
        """Did somebody we trust write from there lately?"""
        since_s = self._welcome.get(guest)
        return since_s is not None and now_s - since_s < (WELCOME_S if isinstance(guest, int) else VOUCHED_S)

    @property
    def welcomed(self) -> list[int]:
        """The networks that somebody we trust wrote from."""
        return [guest for guest in self._welcome if isinstance(guest, int)]

    def _is_over(self, known: _Origin) -> bool:
        return (0 < self._mails_per_h <= known.mails) or (0 < self._bytes_per_h <= known.size_bytes)
