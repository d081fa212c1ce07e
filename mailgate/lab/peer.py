"""What every evil peer is: it begins of itself, and it answers what it gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

from mailgate.lab.letters import Post, in_thread, letter, plain, stripped, where_to, written_by
from mailgate.model import Key
from mailgate.testing import Sent


class Peer:
    """A correspondent who never tires. `does` says in words what it does; `key` per what the rules bound it."""

    name = ""
    does = ""
    key: Key | None = Key.ADDRESS

    def __init__(self, address: str = "joe@r.test") -> None:
        self.address = address
        self.numbers = count(1)

    def begins(self) -> Iterator[Post]:
        """What it sends of itself, in the order of `after`, which counts from the start. Here: one letter."""
        yield self.fresh()

    def receives(self, sent: Sent) -> Iterable[Post]:
        """What it sends because of this mail of ours; `after` counts from its arrival. Here: nothing."""
        return ()

    def fresh(self, author: str = "") -> Post:
        """A letter out of any thread, as a person would write it; each says something else."""
        author = author or self.address
        return Post(plain(author, next(self.numbers)), author)

    def answer(self, sent: Sent, subject: str, text: str, **fields: str) -> Post:
        """An answer in the thread of `sent`, to the address that it asks for."""
        return self.anew(sent, subject, text, rcpt_to=where_to(sent.raw), **in_thread(sent.raw), **fields)

    def anew(self, sent: Sent, subject: str, text: str, *, rcpt_to: str = "", **fields: str) -> Post:
        """A mail of its own because of `sent`, out of its thread, to the address that wrote it."""
        to = rcpt_to or written_by(sent.raw)
        identity = f"{next(self.numbers)}.{self.address}"
        raw = letter(self.address, to, identity=identity, subject=subject, text=text, **fields)
        return Post(raw, self.address, to)


class Stripped(Peer):
    """A peer behind a relay that leaves nothing of its mail by which we could know it, and takes its time over each."""

    def __init__(self, peer: Peer, holds: timedelta = timedelta(minutes=30)) -> None:
        super().__init__(peer.address)
        self._peer, self._holds = peer, holds
        self.name, self.does, self.key = f"{peer.name}, stripped", f"{peer.does}; nothing shows it", peer.key

    def begins(self) -> Iterator[Post]:
        """What the peer sends of itself, with nothing left of it."""
        return map(self._strip, self._peer.begins())

    def receives(self, sent: Sent) -> Iterable[Post]:
        """What the peer answers, with nothing left of it."""
        answers = map(self._strip, self._peer.receives(sent))
        return (replace(post, after=post.after + self._holds) for post in answers)

    def _strip(self, post: Post) -> Post:
        return stripped(post.mail_from or self.address, next(self.numbers), post)
