"""People: answers to customers: to whom, with what, and that they are trusted from then on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import answering, canned, letters
from mailgate.answering import Answered
from mailgate.desk.acts import key_of
from mailgate.desk.tickets import Tickets
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import confirm
from mailgate.judge.canonical import canonical
from mailgate.mail.attachments import size_words
from mailgate.model import Attachment, Sending, Standing, Written
from mailgate.store import answered, locks, record, waiting
from mailgate.store.conversation import Conversation

if TYPE_CHECKING:
    from sqlalchemy import Connection

KB = 1000


class Answers(Tickets):
    """Answer a customer."""

    async def reply(
        self,
        number: int,
        text: str,
        agent: str,
        *,
        cc: Sequence[str] = (),
        attachments: Sequence[Attachment] = (),
        canned: str = "",
        quote: bool = True,
        anyway: bool = False,
    ) -> Sending:
        """Answer the requester of a ticket. He is trusted from then on: whom we write to, we listen to.

        `cc` are participants who get it too, `canned` names an answer whose text stands below `text`. With `quote` the
        mail that is answered stands at the end, for those who have it. `anyway` writes to an address whose mail came
        back, and though somebody else answered just now. What is given back is the mail to the requester.

        Raises:
            NotFound: no such ticket, no such canned answer.
            NotAllowed: there is no text, nobody to write to, too much attached, somebody in `cc` who takes no part, or
                an address whose mail came back; or somebody else answered just now.
        """
        asked = Written(text, agent, tuple(attachments), tuple(cc))
        written, about = await self._whole(number, asked, canned, quote=quote)
        sent = await self.database.write(lambda conn: self._send(conn, number, written, about, anyway=anyway))
        self.on_outgoing()
        return sent[0]

    async def draft(
        self,
        number: int,
        text: str,
        agent: str,
        *,
        cc: Sequence[str] = (),
        attachments: Sequence[Attachment] = (),
        canned: str = "",
        quote: bool = True,
        anyway: bool = False,
    ) -> list[Sending]:
        """What `reply` would send, one mail for each who would get it. Sends nothing; raises the same."""
        asked = Written(text, agent, tuple(attachments), tuple(cc))
        written, about = await self._whole(number, asked, canned, quote=quote)

        def work(conn: Connection) -> list[Sending]:
            found = self._conversation(conn, number)
            return self._letters(conn, found, written, about, anyway=anyway)

        return await self.database.read(work)

    # ── What is written ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _whole(self, number: int, asked: Written, name: str, *, quote: bool) -> tuple[Written, Answered | None]:
        """The answer with its canned text, and the mail to quote. Apart from the writing, for reading takes long."""
        limits, files = self.book().limits.answers, asked.attachments
        if len(files) > limits.attachments:
            raise NotAllowed(f"{len(files)} files are too many: at most {limits.attachments}")
        size_bytes, most_bytes = sum(len(file.content) for file in files), limits.attachments_kb * KB
        if size_bytes > most_bytes:
            raise NotAllowed(f"{size_words(size_bytes)} are too much to attach: at most {size_words(most_bytes)}")
        wanted = quote or name
        newest = await self.database.read(lambda conn: answered.newest(conn, number)) if wanted else None
        about = answering.read(newest.raw, newest.identity, newest.at, self.book()) if newest else None
        if name:
            found = await self.database.read(lambda conn: self._conversation(conn, number))
            parts = (asked.text.strip(), self._canned(name, found, about, asked.agent))
            asked = replace(asked, text="\n\n".join(filter(None, parts)))
        if not asked.text.strip():
            raise NotAllowed("an answer needs text")
        return asked, about if quote and newest is not None and newest.by_person else None

    def _canned(self, name: str, found: Conversation, about: Answered | None, agent: str) -> str:
        text = canned.text(self.book(), name, found, about=about, agent=agent, gateway=self.gateway)
        if text is None:
            known = sorted(canned.names(self.book()))
            raise NotFound(f"no canned answer {name!r}; there are: {', '.join(known) or 'none'}")
        return text

    # ── To whom ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(
        self, conn: Connection, number: int, written: Written, about: Answered | None, *, anyway: bool
    ) -> list[Sending]:
        found, now, actor = self._conversation(conn, number), self.clock(), f"agent:{written.agent}"
        sendings = self._letters(conn, found, written, about, anyway=anyway)
        # By now the customer is ours alone, so whoever answers at the same moment has done so or will find this one.
        if not anyway:
            self._only_one(conn, found, actor, now)
        for key in dict.fromkeys(sending.recipient for sending in sendings):
            record.apply(conn, confirm.written_to(key, self._history(conn, key), now, actor).effects, now)
        effects = answering.follows(found.ticket_id, sendings, written.agent, now, self.mint)
        record.apply(conn, [*effects, *sendings], now)
        return sendings

    def _letters(
        self, conn: Connection, found: Conversation, written: Written, about: Answered | None, *, anyway: bool
    ) -> list[Sending]:
        if not found.requester:
            raise NotAllowed(f"ticket #{found.number} has nobody to answer: its mail names no single author")
        self._see_who_takes_part(conn, found, written.cc)
        now, everybody = self.clock(), (found.requester, *written.cc)
        # All at once, before `_history` takes more: whoever waits for one of them must not hold what we wait for.
        locks.together(conn, set(map(canonical, everybody)))
        for address in () if anyway else everybody:
            self._see_that_it_arrives(conn, address, now)
        # Another mail may have come meanwhile: what is not answered is not quoted.
        quoted = about if about and about.identity == found.newest else None
        return letters.agent_replies(found, written, self.gateway, self.book(), mint=self.mint, now=now, about=quoted)

    def _only_one(self, conn: Connection, found: Conversation, actor: str, now: datetime) -> None:
        """Two who answer at once would say two things to one customer."""
        apart = timedelta(seconds=self.book().limits.waiting.apart_s)
        other = waiting.answered_by_another(conn, found.ticket_id, actor, now - apart)
        if other:
            who, at = other
            told = f"{who.removeprefix('agent:')} answered #{found.number} {(now - at).total_seconds():.0f} s ago"
            raise NotAllowed(f"{told}; --anyway answers as well")

    def _see_that_it_arrives(self, conn: Connection, address: str, now: datetime) -> None:
        known = self._history(conn, canonical(address)).acquaintance(canonical(address), now)
        if known.standing is Standing.UNDELIVERABLE:
            until = f" until {known.until:%Y-%m-%d}" if known.until else ""
            raise NotAllowed(
                f"mail to {address} came back on {known.since:%Y-%m-%d}, so it counts as undeliverable{until};"
                " to write to it all the same, say so (--anyway)"
            )

    def _see_who_takes_part(self, conn: Connection, found: Conversation, copied: Sequence[str]) -> None:
        keys = [key_of(address) for address in copied]
        others = answered.participants(conn, found.ticket_id) - {canonical(found.requester)}
        strangers = [address for address, key in zip(copied, keys, strict=True) if key not in others]
        if strangers:
            there = f"who does: {', '.join(sorted(others))}" if others else "nobody else does"
            raise NotAllowed(f"{', '.join(strangers)} takes no part in ticket #{found.number}; {there}")
        if len(set(keys)) < len(keys):
            raise NotAllowed(f"somebody is named twice: {', '.join(copied)}")
