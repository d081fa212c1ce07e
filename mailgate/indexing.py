"""The words of mails for whoever looks for them: read some time after a mail has its place, so that nobody waits.

What is due stands in the database, so a crash loses nothing, and what comes by another way, from an older version or a
copy, is due like new mail. The newest comes first. Between two batches it rests several times as long as a batch took,
and while mail comes in a while longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from mailgate.context import Context
from mailgate.errors import TryAgain
from mailgate.log import Event
from mailgate.looking import now_and_then
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.parse import read
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import reply_of
from mailgate.mail.text import text_of
from mailgate.searchwords import words_of
from mailgate.store import search
from mailgate.store.search import Indexed, Unindexed

LOOK_S = 1.0
RESTS = 3  # times as long as a batch took
YIELDS, YIELD_S = 100, 0.1  # how often, and how long, it lets intake go first before each batch
TEXT_CHARS = 50_000  # of a mail that are looked at for what is new in it


Beside = Callable[..., Awaitable[Any]]  # runs a function beside the event loop


class Indexing:
    """Puts the words of mails into the index."""

    def __init__(
        self, context: Context, *, beside: Beside = asyncio.to_thread, busy: Callable[[], bool] = lambda: False
    ) -> None:
        """`beside` reads large mail; `busy` says whether intake has work, which goes first."""
        self.database = context.database
        self.book = context.book
        self.log = context.log
        self.beside = beside
        self.busy = busy

    async def run(self) -> None:
        """Index what is due, now and then, until cancelled; trouble of the database is waited out."""
        await now_and_then(partial(self.settle, rests=RESTS), LOOK_S, self.log)

    async def settle(self, *, rests: float = 0) -> int:
        """Index all that is due now; how many mails that were. Raises TryAgain."""
        done = 0
        while True:
            await self._let_go_first()
            begun = perf_counter()
            batch = await self.database.read(search.due)
            if not batch:
                return done
            words = [await self._words(one) for one in batch]
            done += await self.database.write(partial(search.enter, read=words))
            await asyncio.sleep(rests * (perf_counter() - begun))

    async def _let_go_first(self) -> None:
        for _ in range(YIELDS):
            if not self.busy():
                return
            await asyncio.sleep(YIELD_S)

    async def _words(self, due: Unindexed) -> Indexed:
        if due.raw is None:
            return Indexed(due.message_id, (), ())
        try:
            words = await self.beside(words_in, due.raw, due.heads, self.book().quotes)
        except TryAgain:
            raise
        # Broad, because whatever a mail does to us, the others are found, and it by its subject and its people.
        except Exception:
            self.log.exception(Event.MAIL_FAILED, message_id=due.message_id)
            words = words_of("\n".join(due.heads))
        return Indexed(due.message_id, words, due.seen)


def words_in(raw: bytes, heads: Sequence[str], quotes: Quotes) -> list[str]:
    """The words of a mail: `heads`, its people, the names of its files, and what is new in its text."""
    mail, parts = read(raw)
    people = (f"{one.name} {one.address}" for one in (*mail.authors, *mail.to, *mail.cc))
    text = text_of(raw, parts, quotes)[:TEXT_CHARS]
    own = reply_of(text, quotes, MARKER_LINE).own
    return words_of("\n".join([*heads, *people, *mail.file_names, own or text]))
