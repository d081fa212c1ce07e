"""The texts that tell our own people of tickets: a template above, the words of the customer, a template below.

The first line is one that every reader of quotes knows: whatever a program copies below it without a sign is old.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from mailgate import answering, canned
from mailgate.bulletin import DATE_FORMAT, PROOF
from mailgate.judge.brief import LOST
from mailgate.judge.orders import CANNED
from mailgate.mail.attachments import attachments_of
from mailgate.mail.commands import NOTE, SIGN, WORDS
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.forwarded import forwarded
from mailgate.mail.language import FIRST
from mailgate.mail.parse import read
from mailgate.mail.reply import reply_of
from mailgate.mail.template import Template, fill
from mailgate.mail.text import text_of
from mailgate.mail.words import clean
from mailgate.model import Agent, Gateway, Happening, Right

if TYPE_CHECKING:
    from mailgate.rulebook import Rulebook

MOST_FILES = 20
CUT = "[…]"
LONGEST_SUBJECT = 200  # characters
LONGEST_WHO = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # of a mail without a date, where no date is shown

Text = tuple[str, str]  # subject and body


class Words(Struct, frozen=True):
    """What a mail says, for whoever is told of it."""

    said: str
    fitting: tuple[str, ...] = ()  # names of canned answers, best first


class Writer:
    """Makes texts for readers in one language."""

    def __init__(self, gateway: Gateway, book: Rulebook) -> None:
        self.gateway = gateway
        self.book = book

    def news(self, news: Happening, words: Words, reader: Agent) -> Text:
        """Something came; `words` is what `words_of` made of the mail."""
        subject, head = fill(self._template("agent-news"), self._values(news) | {"proof": PROOF[news.level]})
        return subject, "\n".join([head.rstrip(), "", words.said, "", self._help(news, reader, words.fitting)])

    def of_his_own(self, news: Happening, reader: Agent) -> Text:
        """His own mail went nowhere."""
        name = "agent-undelivered" if news.event == LOST else "agent-not-sent"
        subject, body = fill(self._template(name), self._values(news) | {"reason": clean(news.detail)})
        return subject, "\n".join([body, self._help(news, reader)])

    def digest(self, all_news: Sequence[Happening]) -> Text:
        """All that could not be told by a mail of its own."""
        head = {"desk": self.gateway.mailboxes[0].address, "count": str(len(all_news))}
        subject, body = fill(self._template("agent-digest"), head)
        line, most = self._template("agent-digest-line"), self.book.limits.agents.digest_lines
        lines = [fill(line, self._values(one) | {"at": self._time(one.at)})[0] for one in all_news[:most]]
        return subject, "\n".join([body, *lines, *(["…"] if len(all_news) > most else [])])

    def unreachable(self, reader: Agent, since: datetime) -> Text:
        """For whoever looks after the gateway: mail to one of our own people comes back."""
        values = {
            "desk": self.gateway.mailboxes[0].address,
            "name": reader.name,
            "address": reader.address,
            "since": self._time(since),
            "free": f"mailgate senders clear {reader.address}",
        }
        return fill(self._template("agent-unreachable"), values)

    def words_of(self, raw: bytes) -> Words:
        """What a mail says, without what it quotes, and the names of its files; trimmed. And which answers may fit."""
        book = self.book
        mail, parts = read(raw)
        whole = text_of(raw, parts, book.quotes)
        inside = forwarded(raw, mail, parts, whole, quotes=book.quotes, prefixes=book.limits.forward_prefixes)
        words = inside.text if inside else reply_of(whole, book.quotes, MARKER_LINE).text
        words, most = words.strip(), book.limits.agents.words_chars
        lines = [words if len(words) <= most else f"{words[:most]}\n{CUT}"]
        files = attachments_of(raw, parts)
        lines += ["", *(f"+ {clean(str(file))}" for file in files[:MOST_FILES])] if files else []
        found = answering.read(raw, mail.message_id, mail.date or EPOCH, book)
        fitting = tuple(one.name for one in answering.suggestions(found, book))
        return Words("\n".join(lines), fitting)

    def _values(self, news: Happening) -> dict[str, str]:
        name, address = clean(news.author_name), clean(news.author or news.requester)
        return {
            "ticket": f"#{news.number}",
            "subject": clean(news.subject)[:LONGEST_SUBJECT],
            "who": (f"{name} <{address}>" if name else address)[:LONGEST_WHO] or "<>",
        }

    def _help(self, news: Happening, reader: Agent, fitting: Sequence[str] = ()) -> str:
        """How to answer, and whom; only what he may do is named. Which canned answers may fit stands last."""
        may_order = Right.COMMAND in reader.rights
        names = sorted(canned.names(self.book)) if may_order else []
        words = (word for word in WORDS if word != CANNED or names)
        orders = (NOTE, *words) if may_order else (NOTE,)
        values = {"orders": " ".join(f"{SIGN}{word}" for word in orders)}
        if Right.REPLY not in reader.rights:
            return fill(self._template("agent-help-notes"), values)[1]
        values |= {"desk": news.mailbox, "to": clean(news.requester) or "<>"}
        values |= {"canned": f"{SIGN}{CANNED}: {', '.join(names)}" if names else ""}
        text = fill(self._template("agent-help"), values)[1]
        if not may_order or not fitting:
            return text
        fits = {"names": ", ".join(f"{SIGN}{CANNED} {name}" for name in fitting)}
        return f"{text.rstrip()}\n{fill(self._template('agent-fits'), fits)[1]}"

    def _time(self, at: datetime) -> str:
        return at.astimezone(self.gateway.notify.zone).strftime(DATE_FORMAT)

    def _template(self, name: str) -> Template:
        texts = self.book.notices
        return texts.get(self.gateway.notify.language, {}).get(name) or texts[FIRST][name]
