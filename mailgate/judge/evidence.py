"""What a mail shows of the conversation that it follows: every trace of one, strongest first.

A trace of our own mail is signed, and whoever bears it has had that mail in hand. All others are only hints, for
strangers can write them too. What follows from either is said in `judge.thread`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache

import re2
from msgspec import Struct

from mailgate.judge.canonical import canonical
from mailgate.judge.fingerprint import base_subject
from mailgate.judge.limits import Limits
from mailgate.model import Case, Facts, KnownMessage, KnownTicket, Token, TokenKind

MOST_REFERENCES = 100  # looked up per mail, newest first
MOST_NUMBERS = 5  # of tickets in one subject
MOST_COMPANY = 20  # people of one mail whose tickets are compared by subject
LONGEST_TOPIC = 200  # characters

Lookup = Callable[[str], list[KnownMessage]]

_NUMBER = re2.compile(r"\[#([1-9][0-9]{0,8})\]")


class Evidence(StrEnum):
    """What a mail shows, strongest first."""

    ADDRESS = "sent to a signed reply address"
    MESSAGE_ID = "answers a mail of ours"
    CONVERSATION = "bears the thread index of a mail of ours"
    FOREIGN_ID = "names a mail that stands in a ticket"
    FOREIGN_CONVERSATION = "bears the thread index of a mail in a ticket"
    MARKER = "quotes the mark of a mail of ours"
    NUMBER = "bears a ticket's number in its subject"
    SUBJECT = "has the subject of a ticket"


class Link(Struct, frozen=True):
    """A mail is linked to a message, or to a ticket. `message` is None where no message is what links them, or where
    the store has forgotten what the token meant.
    """

    evidence: Evidence
    message: KnownMessage | None
    ticket: KnownTicket | None
    others: tuple[KnownTicket, ...] = ()  # to which evidence of the same strength points as well
    collided: bool = False  # the Message-ID it goes by is borne by two different mails

    @property
    def tickets(self) -> tuple[KnownTicket, ...]:
        """All that it points to."""
        return (self.ticket, *self.others) if self.ticket else ()


def link(case: Case, facts: Facts, limits: Limits) -> Link | None:
    """The strongest evidence that `case` follows something, or None. What the store still knows goes first."""
    found = list(links(case, facts, limits))
    return next((one for one in found if one.message or one.ticket), found[0] if found else None)


def links(case: Case, facts: Facts, limits: Limits) -> Iterator[Link]:
    """All evidence that `case` follows something, strongest first, each sort of it once."""
    for evidence, messages, known in (
        (Evidence.ADDRESS, _by_address(case, facts), _is_reply(case.recipient)),
        (Evidence.MESSAGE_ID, _by_our_id(case, facts, limits), bool(case.ours)),
        (Evidence.CONVERSATION, _by_thread_index(case, facts, ours=True), False),
        (Evidence.FOREIGN_ID, _by_foreign_id(case, facts), False),
        (Evidence.FOREIGN_CONVERSATION, _by_thread_index(case, facts, ours=False), False),
        (Evidence.MARKER, [one for number in case.markers for one in _placed(facts.markers.get(number, ()))], False),
    ):
        if messages:
            yield _linked(evidence, messages, facts)
        elif known:
            yield Link(evidence, None, None)
    for evidence, tickets in (
        (Evidence.NUMBER, _by_number(case, facts)),
        (Evidence.SUBJECT, _by_subject(case, facts, limits)),
    ):
        if tickets:
            yield Link(evidence, None, tickets[0], tuple(tickets[1:]))


def has_seen_us(case: Case, facts: Facts, limits: Limits) -> bool:
    """Does any trace show that the author has had a mail of ours in hand? Then no machine of ours ever answers him."""
    signed = _is_reply(case.recipient) or bool(case.ours) or bool(case.markers)
    same = facts.conversations.get(case.mail.thread_guid, ()) if case.mail.thread_guid else ()
    return signed or any(one.purpose for one in (*same, *_renamed(other_names(case, limits), facts)))


# ── What a mail names ─────────────────────────────────────────────────────────────────────────────────────────────────


def named_ids(case: Case) -> tuple[str, ...]:
    """The Message-IDs that a mail names, nearest first, each once: In-Reply-To, then References from the right.

    Its own is none of them, though some programs write it there.
    """
    mail = case.mail
    every = dict.fromkeys((*mail.in_reply_to, *reversed(mail.references)))
    return tuple(name for name in every if name != mail.message_id)[:MOST_REFERENCES]


def numbers_in(subject: str) -> tuple[int, ...]:
    """The numbers of tickets that stand in a subject, as we write them: `[#12]`."""
    if "[#" not in subject:
        return ()
    return tuple(dict.fromkeys(int(number) for number in _NUMBER.findall(subject)))[:MOST_NUMBERS]


@lru_cache(1024)  # asked some times while one mail is judged
def topic_of(subject: str, prefixes: tuple[str, ...]) -> str:
    """A subject as two are compared: without reply prefixes, names of lists and numbers of tickets, in lower case."""
    rest = _NUMBER.sub(" ", subject) if "[#" in subject else subject
    bare = base_subject(str(rest), prefixes)
    while bare.startswith("[") and "]" in bare:
        bare = base_subject(bare.partition("]")[2], prefixes)
    return " ".join(bare.casefold().split())[:LONGEST_TOPIC]


def topics(case: Case, limits: Limits) -> tuple[tuple[str, str], ...]:
    """Under which people and subject the ticket of an answer may be found; none where the mail answers nothing.

    Whoever begins anew with a subject that he used before has something new to say.
    """
    mail, prefixes = case.mail, limits.reply_prefixes
    answers = mail.in_reply_to or mail.references or base_subject(mail.subject, prefixes) != mail.subject.strip()
    topic = topic_of(mail.subject, prefixes) if answers else ""
    if not topic:
        return ()
    people = (canonical(one.address) for one in (*mail.authors, *mail.to, *mail.cc)[:MOST_COMPANY])
    return tuple(dict.fromkeys((who, topic) for who in people if who))


def other_names(case: Case, limits: Limits) -> tuple[str, ...]:
    """Under which names the mails that `case` names may be known beside their Message-IDs.

    A relay tells the name that it gave to our mail bare, without the domain that it writes behind it.
    """
    names = [name for name in named_ids(case) if name not in case.ours]
    bare = [left for name in names if (left := _left(name, limits))]
    return (*names, *bare)


def handles(case: Case, limits: Limits) -> tuple[set[object], set[object]]:
    """By what later mails could be joined to `case`, and by what it could be joined to earlier ones."""
    guid = {("guid", case.mail.thread_guid)} if case.mail.thread_guid else set()
    topic = topic_of(case.mail.subject, limits.reply_prefixes)
    begun = {("topic", canonical(one.address), topic) for one in case.mail.authors[:1]}
    named = {("id", name) for name in named_ids(case)}
    asked = {("topic", *one) for one in topics(case, limits)}
    return {("id", case.mail.message_id), *begun, *guid}, {*named, *asked, *guid}


# ── What the store knows of it ────────────────────────────────────────────────────────────────────────────────────────


def _is_reply(token: Token | None) -> bool:
    return token is not None and token.kind in (TokenKind.REPLY, TokenKind.CHALLENGE)


def _by_address(case: Case, facts: Facts) -> list[KnownMessage]:
    token = case.recipient
    message = facts.tokens.get(token.id) if token and _is_reply(token) else None
    return [message] if message else []


def _by_our_id(case: Case, facts: Facts, limits: Limits) -> list[KnownMessage]:
    def known(name: str) -> list[KnownMessage]:
        token = case.ours.get(name)
        if token:
            return [facts.tokens[token.id]] if token.id in facts.tokens else []
        return [one for one in _renamed((name, _left(name, limits)), facts) if one.purpose]

    return _nearest(case, known)


def _by_foreign_id(case: Case, facts: Facts) -> list[KnownMessage]:
    return _nearest(case, lambda name: [one for one in _placed(facts.messages.get(name, ())) if not one.purpose])


def _by_thread_index(case: Case, facts: Facts, *, ours: bool) -> list[KnownMessage]:
    same = facts.conversations.get(case.mail.thread_guid, ()) if case.mail.thread_guid else ()
    return [one for one in _placed(same) if bool(one.purpose) is ours]


def _by_number(case: Case, facts: Facts) -> list[KnownTicket]:
    ids = (facts.numbers.get(number) for number in numbers_in(case.mail.subject))
    return _apart(ticket for one in ids if (ticket := standing(one, facts)))


def _by_subject(case: Case, facts: Facts, limits: Limits) -> list[KnownTicket]:
    since = case.accepted.at - timedelta(days=limits.threads.same_subject_days)
    ids = [number for one in topics(case, limits) for number in facts.topics.get(one, ())]
    found = [ticket for one in ids if (ticket := standing(one, facts))]
    return _apart(one for one in found if one.updated_at is None or one.updated_at >= since)


def _nearest(case: Case, known: Lookup) -> list[KnownMessage]:
    """What In-Reply-To names, and the newest of References that is known: where these differ, the mail is at odds."""
    mail = case.mail
    if not (mail.in_reply_to or mail.references):
        return []
    named = set(named_ids(case))
    answered = [one for name in mail.in_reply_to if name in named for one in known(name)]
    before = (known(name) for name in reversed(mail.references) if name in named)
    return [*answered, *next((found for found in before if found), [])]


def _renamed(names: Iterable[str], facts: Facts) -> list[KnownMessage]:
    """Mails that are known under one of `names` though it is not their Message-ID."""
    return [one for name in names for one in facts.aliases.get(name, ())] if facts.aliases else []


def _left(name: str, limits: Limits) -> str:
    left, _, domain = name.strip("<>").rpartition("@")
    return left if left and limits.threads.may_rename(domain.lower()) else ""


def _placed(messages: Iterable[KnownMessage]) -> list[KnownMessage]:
    return [one for one in messages if one.ticket_id is not None]


def _linked(evidence: Evidence, messages: list[KnownMessage], facts: Facts) -> Link:
    """The first of `messages` counts, and each other ticket that one of them stands in."""
    first = messages[0]
    own = standing(first.ticket_id, facts)
    tickets = _apart(ticket for one in messages if (ticket := standing(one.ticket_id, facts)))
    others = tuple(one for one in tickets if own and one.id != own.id)
    names = (first.message_id,) if evidence is Evidence.FOREIGN_ID else ()
    return Link(evidence, first, own, others, any(not one.purpose for one in _renamed(names, facts)))


def standing(ticket_id: int | None, facts: Facts) -> KnownTicket | None:
    """The ticket of this id, or the one that it is part of by now."""
    found = facts.tickets.get(ticket_id) if ticket_id else None
    return facts.tickets.get(found.merged_into, found) if found and found.merged_into else found


def _apart(tickets: Iterable[KnownTicket]) -> list[KnownTicket]:
    return list({one.id: one for one in tickets}.values())
