"""Other people's programs that answer by design: help desks, mailing lists, challengers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from mailgate.lab.letters import Post, body, letter, quoted, read, where_to, written_by
from mailgate.lab.peer import Peer
from mailgate.testing import Sent

PACE = timedelta(seconds=20)

_LIST_MARKS = {"List-Id": "<list.l.test>", "List-Post": "<mailto:list@l.test>", "Precedence": "list"}


class HelpDesk(Peer):
    """Opens a case for every mail and says so in a new mail, with its number in the subject."""

    name = "help desk"
    does = "opens a new case for every mail of ours and says so"

    def __init__(self, address: str = "desk@d.test") -> None:
        super().__init__(address)

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Another case."""
        number = 40_000 + next(self.numbers)
        subject = f"Case {number} opened: {read(sent.raw)['Subject']}"
        text = f"We opened case {number} for you.\n\nYou wrote:\n{quoted(sent.raw)}"
        yield replace(self.anew(sent, subject, text), after=PACE)


class Challenger(Peer):
    """Asks everybody whom it does not know to confirm, and us too when we ask it (a challenge to our challenge)."""

    name = "challenger"
    does = "answers our challenge with a challenge of its own"
    asks = ("Please confirm your message", "Your message is being held because your address is unknown to me.")

    def __init__(
        self, address: str = "joe@r.test", *, to_reply_address: bool = False, asks: tuple[str, str] | None = None
    ) -> None:
        """It asks the reverse-path, as it should (RFC 3834 section 4), or the address that answers go to."""
        super().__init__(address)
        self._to_reply_address, self._asks = to_reply_address, asks or self.asks

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Are you a person?"""
        post = self.answer(sent, *self._asks)
        to = post.rcpt_to if self._to_reply_address else sent.mail_from
        yield replace(post, rcpt_to=to, after=PACE)


class ListRobot(Peer):
    """A list manager that believes we asked to join: who answers its mail joins the list."""

    name = "list robot"
    does = "asks us to confirm that we join a list, each time"

    def __init__(self, address: str = "news-confirm+0a1b2c3d@l.test") -> None:
        super().__init__(address)

    def fresh(self, author: str = "") -> Post:
        """Do you want to join?"""
        number = next(self.numbers)
        raw = letter(
            self.address,
            identity=f"{number}.join@l.test",
            subject=f"confirm {number:x}a1b2c3d4e5f",
            text="We have received a request to join the list. To confirm it, answer this mail.",
        )
        return Post(raw, self.address)

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Your answer was not understood."""
        yield replace(self.fresh(), after=PACE)


class MailingList(Peer):
    """A list that we are a member of: what its address gets it sends to all members, us too, in its own name."""

    name = "mailing list"
    does = "sends what it gets to its members, us too, in its own name"

    def __init__(self, address: str = "list@l.test", marks: dict[str, str] | None = None) -> None:
        super().__init__(address)
        self._marks = _LIST_MARKS if marks is None else marks

    def fresh(self, author: str = "") -> Post:
        """A member's mail to all."""
        return self._distribute(f"Mail {next(self.numbers)}", "To all: who comes to the meeting?")

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Ours to all."""
        yield replace(self._distribute(f"[list] {read(sent.raw)['Subject']}", body(sent.raw)), after=PACE)

    def _distribute(self, subject: str, text: str) -> Post:
        author = f'"Anne via list" <{self.address}>'
        identity = f"{next(self.numbers)}.{self.address}"
        marks = {name.replace("-", "_"): value for name, value in self._marks.items()}
        return Post(letter(author, self.address, identity=identity, subject=subject, text=text, **marks), self.address)


class Rewriter(Peer):
    """A customer whose relay gives our mail another Message-ID, and whose program drops older references."""

    name = "rewriting relay"
    does = "answers us under an id that its relay gave to our mail"

    def receives(self, sent: Sent) -> Iterable[Post]:
        """An answer to an id that we never made."""
        other = f"<{next(self.numbers)}@region.relay.test>"
        subject, to = f"Re: {read(sent.raw)['Subject']}", where_to(sent.raw)
        text = f"And one thing more.\n\n{quoted(sent.raw)}"
        yield replace(self.anew(sent, subject, text, rcpt_to=to, In_Reply_To=other), after=PACE)


class Returner(Peer):
    """A forwarder that brings our own mail back to us, unchanged but for a trace of its way."""

    name = "returning forwarder"
    does = "brings each mail of ours back to us"

    def receives(self, sent: Sent) -> Iterable[Post]:
        """Our own mail."""
        trace = f"Received: from mx.g.test by mx.f.test id {next(self.numbers)}; Mon, 5 Jan 2026 09:00:00 +0000\r\n"
        yield Post(trace.encode() + sent.raw, sent.mail_from, written_by(sent.raw), after=PACE)
