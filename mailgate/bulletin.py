"""The texts of notices and digests: what a template says, with the values of what it is about.

Nothing here is a stranger's own but his address and the first words of a subject, and of these no link is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from mailgate.judge import breaker, heldlink
from mailgate.judge.notice import Notice, Shunted
from mailgate.mail.language import FIRST
from mailgate.mail.template import Template, fill
from mailgate.mail.words import clean, without_links
from mailgate.model import Breaker, Gateway, Level, Loop, Notify, Undelivered
from mailgate.rulebook import Rulebook
from mailgate.store.views import HeldContact, WaitingLine

SUBJECT_WORDS = 8
REASON_WORDS = 20
DATE_FORMAT = "%Y-%m-%d %H:%M"
PROOF = {Level.A2: "proven by DKIM", Level.A1: "proven by SPF", Level.A0: "not proven"}


def notice(told: Notice, now: datetime, gateway: Gateway, book: Rulebook) -> tuple[str, str]:
    """Subject and body of a notice."""
    desk = {"desk": gateway.mailboxes[0].address}
    most = book.limits.report.mails_named
    match told.about:
        case Breaker() as stands:
            why = breaker.words(stands, breaker.state(stands, now))
            words = {
                "name": breaker.name(stands),
                "why": f"{why[:1].upper()}{why[1:]}",
                "free": f"mailgate breaker reset --{stands.scope} {stands.key}".rstrip(),
            }
            return fill(_template(book, gateway.notify, "breaker"), desk | words)
        case Undelivered() as lost:
            return fill(_template(book, gateway.notify, "undelivered"), desk | _of_lost(lost))
        case Shunted(mails):
            words = {"count": str(len(mails)), "mails": _ids(mails, most)}
            return fill(_template(book, gateway.notify, "shunted"), desk | words)
        case Loop() as loop:
            name = "loop-convicted" if loop.convicted else "loop-withheld"
            return fill(_template(book, gateway.notify, name), desk | _of_loop(loop, most))


def digest(
    contacts: Sequence[HeldContact], waiting: tuple[int, int], now: datetime, gateway: Gateway, book: Rulebook
) -> tuple[str, str]:
    """Subject and body of a digest; `waiting` are how many senders and how many mails wait in all."""
    senders, mails = waiting
    notify, until = gateway.notify, now + timedelta(days=book.limits.report.link_days)
    head = {"desk": gateway.mailboxes[0].address, "count": str(mails)}
    subject, body = fill(_template(book, notify, "digest"), head)
    line = _template(book, notify, "digest-contact")
    pieces = [fill(line, _of_contact(one, until, gateway)) for one in contacts]
    if senders > len(contacts):
        pieces.append(fill(_template(book, notify, "digest-more"), {"count": str(senders - len(contacts))}))
    return subject, "\n".join([body, *(f"{heading}\n{rest}" for heading, rest in pieces)])


def late(
    lines: Sequence[WaitingLine], overdue: int, now: datetime, gateway: Gateway, book: Rulebook
) -> tuple[str, str]:
    """Subject and body of a warning of who waits, longest first; `overdue` are all whose time is over."""
    notify, most = gateway.notify, book.limits.waiting.listed
    over = sum(one.due_at is not None and one.due_at <= now for one in lines)
    head = {"desk": gateway.mailboxes[0].address, "late": str(over), "soon": str(len(lines) - over)}
    subject, body = fill(_template(book, notify, "late"), head | {"overdue": str(overdue)})
    line = _template(book, notify, "late-line")
    pieces = [fill(line, _of_waiting(one, notify)) for one in lines[:most]]
    if len(lines) > most:
        pieces.append(fill(_template(book, notify, "late-more"), {"count": str(len(lines) - most)}))
    return subject, "\n".join([body, *(f"{heading}\n{rest}" for heading, rest in pieces)])


def _of_waiting(one: WaitingLine, notify: Notify) -> Mapping[str, str]:
    since, due = (at.astimezone(notify.zone).strftime(DATE_FORMAT) if at else "" for at in (one.since, one.due_at))
    return {
        "who": clean(one.contact) or "<>",
        "since": since,
        "due": due,
        "queue": one.queue,
        "assignee": one.assignee or "-",
        "subject": without_links(one.subject, SUBJECT_WORDS),
        "show": f"mailgate held show {one.held}" if one.number is None else f"mailgate tickets show {one.number}",
    }


def link(message_id: int, until: datetime, gateway: Gateway) -> str:
    """The page on which a held mail is decided, or "" where there are no pages."""
    if not gateway.web_url:
        return ""
    return f"{gateway.web_url.rstrip('/')}/h/{heldlink.written(message_id, until, gateway.keys)}"


def freed_by(loop: Loop) -> str:
    """The command that gives an address automatic mail again."""
    return f"mailgate senders {'clear' if loop.convicted else 'trust'} {loop.address}"


def stopped_by(loop: Loop) -> str:
    """The command that keeps automatic mail from an address until somebody says otherwise."""
    return f"mailgate breaker stop --address {loop.address}"


def _of_loop(loop: Loop, most: int) -> dict[str, str]:
    return {
        "address": loop.address,
        "count": str(loop.count),
        "mails": _ids(loop.mails, most),
        "rule": without_links(loop.rule, REASON_WORDS) if loop.convicted else loop.rule,
        "free": freed_by(loop),
        "stop": stopped_by(loop),
    }


def _of_lost(lost: Undelivered) -> dict[str, str]:
    _, _, why = lost.why.partition(": ")
    return {
        "ticket": f"#{lost.number}",
        "number": str(lost.number),
        "address": lost.address,
        "why": without_links(why, REASON_WORDS),
        "agent": lost.agent,
        "subject": without_links(lost.subject, SUBJECT_WORDS),
    }


def _of_contact(one: HeldContact, until: datetime, gateway: Gateway) -> Mapping[str, str]:
    page = link(one.id, until, gateway)
    return {
        "who": clean(one.from_) or "<>",
        "proof": PROOF[one.level],
        "kind": one.kind,
        "reason": without_links(one.reason, REASON_WORDS),
        "count": str(one.mails),
        "since": one.since.astimezone(gateway.notify.zone).strftime(DATE_FORMAT),
        "subject": without_links(one.subject, SUBJECT_WORDS),
        "points": _points(one),
        "accept": f"{page}?decision=accept" if page else f"mailgate held accept {one.id}",
        "spam": f"{page}?decision=spam" if page else f"mailgate held spam {one.id}",
    }


def _points(one: HeldContact) -> str:
    """Its points of spam, and the strongest reasons for them: "2.5 (has HTML alone, its subject cries)"."""
    because = f" ({', '.join(one.because)})" if one.because else ""
    return f"{one.points or 0:g}{because}"


def _template(book: Rulebook, notify: Notify, name: str) -> Template:
    return book.notices.get(notify.language, {}).get(name) or book.notices[FIRST][name]


def _ids(mails: Iterable[int], most: int) -> str:
    numbers = [str(one) for one in mails]
    return ", ".join(numbers[:most]) + (", …" if len(numbers) > most else "")
