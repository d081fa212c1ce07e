"""People: one person's data is taken away because he asks for it, step by step while the daemon works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mailgate.desk.acts import Acts, key_of
from mailgate.errors import NotAllowed, NotFound, TryAgain
from mailgate.judge.canonical import canonical, untagged
from mailgate.mail.text import text_of
from mailgate.store import customers, forgetting, judgements, locks, queries

if TYPE_CHECKING:
    from sqlalchemy import Connection

STEP = 100  # mails or rows in one transaction


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is, or was, taken away of one person."""

    addresses: tuple[str, ...]
    mails: int
    tickets: int
    mentions: int = 0  # rows of others that named him
    permits: int = 0  # that keep an address until no limit looks at them any more
    standing: tuple[str, ...] = ()  # addresses that stay without a name, because nothing may be sent to them


class Forgetting(Acts):
    """Erase what we hold of one person."""

    async def to_forget(self, address: str) -> Erasure:
        """What `forget` would take away. Raises as that."""
        people, traces = await self.traces(address)
        return Erasure(people, len(traces.messages) + len(traces.shunted), len(traces.tickets))

    async def forget(
        self, address: str, agent: str, *, removed: Callable[[int], None] = lambda _number: None
    ) -> Erasure:
        """Erase a person with all his linked addresses; `removed` hears of each step, in mails.

        Raises:
            NotFound: nothing is held of him.
            NotAllowed: the address is ours, or that of one of our own people.
            TryAgain: a mail of his is being judged just now, or the database is in trouble; what went is gone.
        """
        people, traces = await self.traces(address)
        needles = sorted({*people, *traces.written, *(one.lower() for one in traces.written)})
        mails = 0
        for remove, ids in (
            (forgetting.remove_messages, traces.messages),
            (forgetting.remove_shunted, traces.shunted),
        ):
            for some in _pieces(ids):
                mails += await self.database.write(partial(remove, ids=some))
                removed(len(some))
        await self._forget_notices(needles)
        await self._forget_judgements(needles)
        silenced = await self._silence(needles)
        tickets = await self.database.write(lambda conn: self._finish(conn, people, f"agent:{agent}"))
        permits, standing = await self.database.read(lambda conn: forgetting.remains(conn, people))
        return Erasure(people, mails, tickets, silenced, permits, tuple(standing))

    async def traces(self, address: str) -> tuple[tuple[str, ...], forgetting.Traces]:
        """Who is meant, by canonical addresses, and where his mail is. Raises as `forget`."""
        key = key_of(address)

        def work(conn: Connection) -> tuple[tuple[str, ...], forgetting.Traces]:
            ours = {canonical(box.address) for box in self.gateway.mailboxes} | customers.staff(conn)
            contact = customers.contact(conn, key)
            people = tuple(one.address for one in contact.addresses) if contact else (key,)
            if kept := ours.intersection(people):
                raise NotAllowed(f"{min(kept)} is ours, or of one of our own people")
            traces = forgetting.traces(conn, people, lambda path: canonical(untagged(path)) in people)
            if traces.pending:
                raise TryAgain(f"{traces.pending} mails of {key} are being judged; try again in a minute")
            if contact is None and not (traces.messages or traces.shunted or traces.tickets):
                raise NotFound(f"nothing is held of {key}")
            return people, traces

        return await self.database.read(work)

    async def _forget_notices(self, needles: Sequence[str]) -> None:
        """What our own people were told of him goes, with the whole notice or digest."""
        for some in _pieces(await self.database.read(forgetting.notices)):
            naming = await self.database.read(partial(_naming, ids=some, needles=needles))
            if naming:
                await self.database.write(partial(forgetting.remove_messages, ids=naming))

    async def _forget_judgements(self, needles: Sequence[str]) -> None:
        """What mail was judged by goes with each batch that names him, and with it what `rules replay` could say."""
        wanted, after = [needle.encode() for needle in needles], 0
        while True:
            work = partial(judgements.naming, needles=wanted, after=after, limit=STEP)
            naming, following = await self.database.read(work)
            if naming:
                await self.database.write(partial(judgements.forget, ids=naming))
            if following is None:
                return
            after = following

    async def _silence(self, needles: Sequence[str]) -> int:
        mentioned = await self.database.read(partial(forgetting.mentions, needles=needles))
        silenced = 0
        for table, keys in mentioned.items():
            for some in _pieces(keys):
                step = {table: list(some)}
                silenced += await self.database.write(partial(forgetting.silence, mentioned=step, needles=needles))
        return silenced

    def _finish(self, conn: Connection, people: Sequence[str], actor: str) -> int:
        locks.together(conn, people)
        return forgetting.finish(conn, people, self.clock(), actor, self.mint.new_id)


def _naming(conn: Connection, ids: Sequence[int], needles: Sequence[str]) -> list[int]:
    texts = ((number, text_of(queries.raw_of_message(conn, number) or b"").lower()) for number in ids)
    return [number for number, text in texts if any(needle in text for needle in needles)]


def _pieces(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + STEP] for start in range(0, len(ids), STEP)]
