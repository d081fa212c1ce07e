"""Those who want us to write to somebody else, and those who bring other people's mail in heaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

from mailgate.lab.letters import Post, letter, words
from mailgate.lab.peer import Peer
from mailgate.model import Key

AT_ONCE = 200


class Forger(Peer):
    """Writes in the name of somebody else each time, whom no proof supports: the victims would get our answers."""

    name = "forger"
    does = "writes in the name of another victim each time, proven by nothing"
    key = None

    def begins(self) -> Iterator[Post]:
        """Two hundred victims at a time, every two minutes."""
        for number in count():
            victim = f"victim{number}@v{number % 997}.test"
            after = timedelta(minutes=2) * (number // AT_ONCE)
            yield replace(self.fresh(victim), auth="A0", after=after, peer=f"198.51.{number % 251}.{number % 241}")


class ThrowAway(Peer):
    """A spammer who buys domains: each mail is proven to be from a domain that never was before."""

    name = "throw-away domains"
    does = "writes from a new domain of its own each time, all proven"
    key = Key.TOTAL

    def __init__(self, pace: timedelta = timedelta(seconds=20)) -> None:
        super().__init__()
        self._pace = pace

    def begins(self) -> Iterator[Post]:
        """One domain after the other, from all networks of the world."""
        for number in count():
            post = self.fresh(f"hello@fresh{number}.test")
            yield replace(post, after=number * self._pace, peer=f"203.{number // 250 % 250}.{number % 250}.9")


class Mover(Peer):
    """A customer who forwards his whole mailbox to us: other people's mail, still proven to be theirs."""

    name = "mover"
    does = "forwards his whole mailbox to us"
    key = Key.DOMAIN

    def __init__(
        self,
        *,
        to: str = "joe@r.test",
        forwarded_by: str = "joe@r.test",
        mails: int = 60,
        pace: timedelta = timedelta(minutes=1),
    ) -> None:
        """With `forwarded_by` "" the forwarder leaves the reverse-path as it was."""
        super().__init__()
        self._to, self._by, self._mails, self._pace = to, forwarded_by, mails, pace

    def begins(self) -> Iterator[Post]:
        """One mail after the other, each of another author."""
        for number in range(self._mails):
            author = f"author{number}@firm.test"
            text = words(number + 1)
            raw = letter(author, self._to, identity=f"{number}.moved@firm.test", subject=text[:40], text=text)
            yield Post(raw, self._by or author, after=number * self._pace)


class Archive(Peer):
    """Our own archive, poured in once more: each mail comes again as it was, at once and after weeks."""

    name = "archive"
    does = "brings every mail once more as it was, days and weeks later"

    def __init__(self, mails: int = 20) -> None:
        super().__init__()
        self._mails = mails

    def begins(self) -> Iterator[Post]:
        """Twenty mails of one customer, and the same twice more."""
        first = [self._dated(number) for number in range(self._mails)]
        for again in (timedelta(0), timedelta(days=3), timedelta(days=40)):
            for number, post in enumerate(first):
                yield replace(post, after=again + timedelta(minutes=number))

    def _dated(self, number: int) -> Post:
        text = words(number + 1)
        raw = letter(
            self.address,
            identity=f"{number}.archived@r.test",
            subject=text[:40],
            text=text,
            Date="Mon, 05 Jan 2026 09:00:00 +0000",
        )
        return Post(raw, self.address)


class ReplyAll(Peer):
    """One mail to several addresses of ours and to fifty people, who all answer all."""

    name = "reply to all"
    does = "writes to six addresses of ours and fifty people, who all answer all"
    key = Key.TOTAL

    def __init__(self, mailboxes: Iterable[str], people: int = 50, pace: timedelta = timedelta(minutes=1)) -> None:
        super().__init__()
        self._mailboxes, self._people, self._pace = tuple(mailboxes), people, pace

    def begins(self) -> Iterator[Post]:
        """One transaction per address of ours, as a sender does who looks up each; then every answer to each."""
        people = [f"colleague{number}@firm.test" for number in range(self._people)]
        yield from self._to_all(self.address, people, 0)
        for number, person in enumerate(people):
            yield from self._to_all(person, people, number + 1)

    def _to_all(self, author: str, people: list[str], number: int) -> Iterator[Post]:
        fields = {"In_Reply_To": "<0.all@r.test>", "References": "<0.all@r.test>"} if number else {}
        raw = letter(
            author,
            ", ".join(self._mailboxes),
            identity=f"{number}.all@r.test",
            subject=f"{'Re: ' if number else ''}The summer party",
            text=f"I will come, and {words(number)}.",
            Cc=", ".join(people),
            **fields,
        )
        for mailbox in self._mailboxes:
            yield Post(raw, author, mailbox, after=number * self._pace)
