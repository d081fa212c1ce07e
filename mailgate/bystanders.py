"""Everybody outside of a laboratory: who has opinions of mail, and who is handed it. No socket is opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mailgate.model import Opinion
from mailgate.net.http import Answered, Unanswered
from mailgate.net.judges import Shown

Answer = Callable[[str], int | str]  # to a target: an HTTP status, or why nobody was there

SPAM, HAM = "learn-spam", "learn-ham"  # the targets of the learner


class Others:
    """They think what `opinions` says of whatever they are shown, and answer as `answer` does."""

    def __init__(self) -> None:
        self.opinions: tuple[Opinion, ...] = ()
        self.answer: Answer = lambda target: 200
        self.shown: list[Shown] = []
        self.handed: list[tuple[str, bytes]] = []  # to which webhook or learner, and what

    async def opine(self, mail: Shown) -> tuple[Opinion, ...]:
        """The opinions of a mail."""
        self.shown.append(mail)
        return self.opinions

    async def post(self, target: str, document: bytes, key: str, at: datetime) -> Answered:
        """The answer of a webhook."""
        self.handed.append((target, document))
        said = self.answer(target)
        if isinstance(said, str):
            raise Unanswered(said)
        return Answered(said, b"")

    async def learn(self, raw: bytes, spam: bool) -> str:
        """Why a mail was not learned, "" where it was."""
        answered = await self.post(SPAM if spam else HAM, raw, "", datetime.min)
        return "" if answered.good else f"it answered {answered.status}"
