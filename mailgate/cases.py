"""Mail in: one mail with everything that can be said of it before its sender's history is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mailgate import canned
from mailgate.judge import admission, forward, token, verdict
from mailgate.judge.fingerprint import bare_subject, fingerprint
from mailgate.judge.history import History, Mint
from mailgate.mail import commands, language
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.forged import without_forged_results
from mailgate.mail.forwarded import forwarded
from mailgate.mail.parse import read
from mailgate.mail.reply import reply_of
from mailgate.mail.report import with_report
from mailgate.mail.shape import shape_of
from mailgate.mail.text import text_of
from mailgate.model import Accepted, Authentication, Case, Facts, Filing, Gateway, Level, Mail, Token, TokenKind

if TYPE_CHECKING:
    from mailgate.mail.structure import Structure
    from mailgate.rulebook import Rulebook


def case_of(
    accepted: Accepted,
    mail: Mail,
    parts: Structure,
    proof: Authentication,
    *,
    gateway: Gateway,
    book: Rulebook,
    now: datetime,
    text: str | None = None,
) -> Case:
    """Everything about one mail that needs no history. The text is read only where an answer could follow, where it
    answers a mail of ours, for another system's question looks like a report, but for its words, and where a rule asks.

    `text` is the text of the mail where somebody has read it already.
    """
    mail = with_report(accepted.raw, mail, parts, book.reports, accepted.mail_from)
    recipient = admission.recipient_token(accepted.rcpt_to, gateway)
    answerable, asked = proof.level is not Level.A0, book.signals.rules.of_text
    may_quote = answerable or recipient or _may_quote_us(accepted.raw, mail)
    whole = _told(accepted, parts, text, book) if may_quote or asked else ""
    own = reply_of(whole, book.quotes, MARKER_LINE).own if answerable or recipient or asked else ""
    case = Case(
        *(accepted, without_forged_results(mail, gateway.name), proof),
        *(admission.mailbox_of(accepted.rcpt_to, gateway) or gateway.mailboxes[0], now, recipient),
        ours=_signed((*mail.in_reply_to, *mail.references), gateway),
        enclosed=_signed(mail.enclosed_ids, gateway) | _traced(mail.enclosed_traces, gateway),
        passed=tuple(_traced(mail.headers.get("mailgate-trace", ()), gateway).values()),
        text=own,
        bare_subject=bare_subject(mail.subject, book.limits.reply_prefixes),
        markers=token.markers(f"{mail.subject}\n{whole if may_quote else ''}", gateway.keys),
        rules=book.version,
    )
    case = _spoken(case, gateway, book) if answerable or asked else case
    case = _of_insider(_shaped(case, parts, whole or text, book), parts, whole, gateway, book)
    return forward.followed(case, book.signals, gateway)


def _may_quote_us(raw: bytes, mail: Mail) -> bool:
    """May it bear a mark of ours? It shows in the bytes of most mail; what is encoded is read where it answers."""
    return b"mg-" in raw or bool(mail.in_reply_to or mail.references)


def _told(accepted: Accepted, parts: Structure, text: str | None, book: Rulebook) -> str:
    return text_of(accepted.raw, parts, book.quotes) if text is None else text


def _shaped(case: Case, parts: Structure, text: str | None, book: Rulebook) -> Case:
    """With how it is made, where it may be held: what was sent to an address of its own or reports something is not."""
    if case.recipient or case.mail.report_type:
        return case
    return replace(case, shape=shape_of(case.accepted.raw, parts, _told(case.accepted, parts, text or None, book)))


def _of_insider(case: Case, parts: Structure, whole: str, gateway: Gateway, book: Rulebook) -> Case:
    """With what only a mail of our own people may say; whether it is one of theirs, who knows them will ask."""
    to = case.recipient
    if to is not None and to.kind is TokenKind.AGENT:
        told = commands.read(case.text, canned.names(book))
        return replace(case, orders=told, quotes_us=bool(token.markers(case.text, gateway.keys)))
    reports = case.mail.report_type or not case.accepted.mail_from
    if to is None and not reports and case.authentication.level is not Level.A0:
        prefixes = book.limits.forward_prefixes
        inside = forwarded(case.accepted.raw, case.mail, parts, whole, quotes=book.quotes, prefixes=prefixes)
        return replace(case, forwards=inside) if inside else case
    return case


def _spoken(case: Case, gateway: Gateway, book: Rulebook) -> Case:
    """With the language of its words; where it may be answered, what is the same where a machine says them again."""
    mail, own, secret = case.mail, case.text, gateway.keys.steady
    case = replace(case, language=language.guess(mail, own, book.tongues))
    if case.authentication.level is Level.A0:
        return case
    return replace(
        case,
        words=fingerprint("", own, (), secret),
        fingerprint=fingerprint(mail.subject, own, book.limits.reply_prefixes, secret),
    )


def judge_alone(
    accepted: Accepted, proof: Authentication, *, gateway: Gateway, book: Rulebook, mint: Mint, now: datetime
) -> Filing:
    """The verdict on one mail of which nothing else is known: no store, nothing written."""
    case = case_of(accepted, *read(accepted.raw), proof, gateway=gateway, book=book, now=now)
    outcome = verdict.judge(case, book.signals, History(Facts(), book.limits, gateway, mint))
    return outcome.filing


def _signed(names: Sequence[str], gateway: Gateway) -> dict[str, Token]:
    read = ((name, token.read_message_id(name, gateway.keys)) for name in names)
    return {name: found for name, found in read if found}


def _traced(values: Sequence[str], gateway: Gateway) -> dict[str, Token]:
    read = ((value, token.read_trace(value, gateway.keys)) for value in values)
    return {value: found for value, found in read if found}
