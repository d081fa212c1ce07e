"""Machines that answer, and machines that never stop writing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

from mailgate.lab.letters import Post, letter, quoted, read
from mailgate.lab.peer import Peer
from mailgate.model import Key
from mailgate.testing import Sent

PACE = timedelta(seconds=5)


class Autoresponder(Peer):
    """Answers every mail in its thread, from one address, and says nowhere that it is a machine."""

    name = "autoresponder"
    does = "answers every mail of ours at once"

    def __init__(self, address: str = "joe@r.test", pace: timedelta = PACE) -> None:
        super().__init__(address)
        self._pace = pace

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Thanks for it."""
        subject = f"Re: {read(sent.raw)['Subject']}"
        text = f"Thank you for your mail.\n\n{quoted(sent.raw)}"
        yield replace(self.answer(sent, subject, text), after=self._pace)


class Writer(Peer):
    """Sends a mail of its own every so often, whatever it gets: a slow loop, or a script that reports."""

    name = "writer"
    does = "writes a new mail every hour, each with another text"

    def __init__(self, address: str = "joe@r.test", pace: timedelta = timedelta(hours=1)) -> None:
        super().__init__(address)
        self._pace = pace

    def begins(self) -> Iterator[Post]:
        """One mail after the other, without end."""
        return (replace(self.fresh(self.author(turn)), after=turn * self._pace) for turn in count())

    def author(self, turn: int) -> str:
        """Who the mail of this turn is from."""
        return self.address


class Rotator(Writer):
    """The same with a new address of one domain for each mail."""

    name = "rotating robot"
    does = "writes from a new address of its domain each time"
    key = Key.DOMAIN

    def __init__(self, domain: str = "r.test", pace: timedelta = timedelta(minutes=2), key: Key = Key.DOMAIN) -> None:
        super().__init__(f"robot@{domain}", pace)
        self._domain, self.key = domain, key

    def author(self, turn: int) -> str:
        """An address that never wrote before."""
        return f"robot{turn}@{self._domain}"


class Vacation(Peer):
    """Says that somebody is away, under a subject of its own and out of the thread, and quotes us."""

    name = "vacation"
    does = "says that it is away and quotes us, without a mark"

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Gone fishing."""
        yield replace(self.anew(sent, "Gone fishing", f"Back in May.\n\n{quoted(sent.raw)}"), after=PACE)


class Substitute(Peer):
    """Answers from another address than the one that we wrote to, another one each time."""

    name = "substitute"
    does = "answers from another address of its domain than we wrote to"
    key = Key.DOMAIN

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Somebody else is in charge."""
        post = self.answer(sent, f"Re: {read(sent.raw)['Subject']}", f"Write to me.\n\n{quoted(sent.raw)}")
        other = f"deputy{next(self.numbers)}@{self.address.partition('@')[2]}"
        raw = post.raw.replace(b"From: " + self.address.encode(), b"From: " + other.encode(), 1)
        yield Post(raw, other, post.rcpt_to, after=PACE)


class Bouncer(Peer):
    """Sends its bounces to the author instead of the reverse-path: text only, in no form that a standard knows."""

    name = "misdirected bounce"
    does = "sends a bounce of mere text to our From address"

    def receives(self, sent: Sent) -> Iterable[Post]:
        """It could not be delivered."""
        text = f"I am sorry to have to inform you.\n\n{quoted(sent.raw)}"
        daemon = f"MAILER-DAEMON@{self.address.partition('@')[2]}"
        to = read(sent.raw)["From"].strip("<>")
        raw = letter(daemon, to, identity=f"{next(self.numbers)}.{daemon}", subject="Failure notice", text=text)
        yield Post(raw, daemon, to, auth="A0", after=PACE)


class QuietBouncer(Peer):
    """Says that mail could not be delivered as a person would, from an address like a person's."""

    name = "hidden bounce"
    does = "says in its own words, from its own address, that it delivers nothing"

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Nobody lives here."""
        text = f"Nobody of this name lives here any more. You wrote:\n\n{quoted(sent.raw)}"
        yield replace(self.anew(sent, "Nobody lives here", text), after=PACE)


class Complainer(Peer):
    """A provider's feedback loop: each mail of ours is called spam (RFC 5965)."""

    name = "complaint robot"
    does = "calls each mail of ours spam, by a report"

    def receives(self, sent: Sent) -> Iterable[Post]:
        """A report to the reverse-path."""
        robot = f"fbl@{self.address.partition('@')[2]}"
        head = (
            f"From: {robot}\r\nTo: {sent.mail_from}\r\nSubject: complaint\r\n"
            f"Message-ID: <{next(self.numbers)}.{robot}>\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        )
        parts = (
            "--b\r\nContent-Type: text/plain\r\n\r\nThis is spam.\r\n"
            "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
            "Feedback-Type: abuse\r\nUser-Agent: fbl/1\r\nVersion: 1\r\n\r\n"
            "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        )
        yield Post(f"{head}{parts}".encode() + sent.raw + b"\r\n--b--\r\n", robot, sent.mail_from, after=PACE)
