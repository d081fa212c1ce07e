"""Others outside who have an opinion of a mail: all are asked at once, and nobody waits longer than for one deadline.

Knows nothing of what an opinion is good for. Whoever cannot be heard has an opinion that is unknown and says why; a
mail never fails, and never waits longer, because of him. Who fails several times in a row is left alone for a while,
so that he costs nothing while he is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, Protocol

from msgspec import Struct

from mailgate.log import Event, Log
from mailgate.model import Opinion

FAILURES: Final = 3  # in a row, before one is left alone
REST_S: Final = 30.0  # then one question tries whether he is back
LARGE_BYTES: Final = 256 * 1024  # a larger mail may be slow by itself: whoever sends such mail blinds nobody


class Unheard(Exception):
    """He does not talk to us, whatever the mail; why is in its words."""


class Shown(Struct, frozen=True):
    """A mail as others outside are asked about it."""

    raw: bytes
    mail_from: str
    rcpt_to: Sequence[str]
    ip: str  # of the client, "" where it says nothing of the sender
    helo: str
    author_domain: str  # "" where there is none or more than one
    queue_id: str = ""


class Judge(Protocol):
    """Somebody outside who can be asked."""

    @property
    def name(self) -> str:
        """As it stands in his opinions."""

    async def opinion(self, mail: Shown) -> Opinion | None:
        """What he thinks; None where he does not look at such a mail. May take for ever.

        Raises:
            Unheard, or anything else: he fails, and not because of this mail.
        """


class Judges:
    """Asks all of them. The log hears who is left alone, and who is back."""

    def __init__(
        self, judges: Sequence[Judge], deadline_s: float, log: Log, *, now_s: Callable[[], float] = monotonic
    ) -> None:
        self._asked = [_Asked(judge, deadline_s, log, now_s) for judge in judges]

    async def __call__(self, mail: Shown) -> tuple[Opinion, ...]:
        """The opinions of all who are asked about such a mail. Never raises, and takes no longer than the deadline."""
        found = await asyncio.gather(*(one.opinion(mail) for one in self._asked))
        return tuple(opinion for opinion in found if opinion is not None)


class _Asked:
    """One judge, and how often he failed in a row."""

    def __init__(self, judge: Judge, deadline_s: float, log: Log, now_s: Callable[[], float]) -> None:
        self._judge = judge
        self._deadline_s = deadline_s
        self._log = log
        self._now_s = now_s
        self._answers = 0
        self._failures = 0
        self._until_s = 0.0

    async def opinion(self, mail: Shown) -> Opinion | None:
        if self._rests():
            return self._unknown(f"not asked, for it failed {self._failures} times in a row")
        answers = self._answers
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await self._judge.opinion(mail)
        except TimeoutError:
            why = f"no answer within {self._deadline_s * 1000:.0f} ms"
            # Who answered others meanwhile is not down, but busy with them.
            slow = len(mail.raw) > LARGE_BYTES or self._answers > answers
            return self._unknown(why) if slow else self._failed(why)
        except Unheard as trouble:
            return self._failed(str(trouble))
        # Broad, because what others answer to strangers' mail must cost us their opinion, never the mail.
        except Exception as error:
            return self._failed(f"{type(error).__name__}: {error}".rstrip(": "))
        self._heard()
        return found

    def _unknown(self, why: str) -> Opinion:
        return Opinion(self._judge.name, 0.0, unknown=why)

    def _rests(self) -> bool:
        if self._failures < FAILURES:
            return False
        now_s = self._now_s()
        if now_s < self._until_s:
            return True
        # While this one asks, the others do not wait with him.
        self._until_s = now_s + REST_S
        return False

    def _failed(self, why: str) -> Opinion:
        self._failures += 1
        self._until_s = self._now_s() + REST_S
        if self._failures == FAILURES:
            self._log.warning(Event.JUDGE_UNHEARD, judge=self._judge.name, why=why)
        return self._unknown(why)

    def _heard(self) -> None:
        self._answers += 1
        if self._failures >= FAILURES:
            self._log.info(Event.JUDGE_HEARD_AGAIN, judge=self._judge.name)
        self._failures = 0
