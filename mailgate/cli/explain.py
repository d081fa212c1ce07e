"""Faces: `mailgate explain`: what mailgate thinks of mails in files, and why. Nothing is stored, nothing is sent."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from msgspec import structs, to_builtins
from sqlalchemy import Connection

from mailgate import config, keys, wiring
from mailgate.cases import judge_alone
from mailgate.cli import explain_words, mailfile
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame, as_json, printable
from mailgate.cli.office import reading
from mailgate.config import Settings, tomlfile
from mailgate.context import Mint
from mailgate.errors import NotFound
from mailgate.judge import admission
from mailgate.mail.compose import MARKER_LINE
from mailgate.mail.parse import read
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import reply_of
from mailgate.mail.report import Report, report_of
from mailgate.mail.text import text_of
from mailgate.model import Accepted, Authentication, Gateway, Level, Mail, Peer
from mailgate.net.resolver import Resolver
from mailgate.net.witnesses import Witnesses
from mailgate.proving import witnesses_of
from mailgate.rulebook import Rulebook
from mailgate.store import queries
from mailgate.store.documents import verdict_document
from mailgate.testing import CONFIG, KEYS

MOST_BYTES = 52_428_800  # as much as a listener takes by default
_ANSWERED = (
    *("path", "error", "kind", "disposition", "respond", "authentication", "from", "subject", "text", "reply_text"),
    *("links", "report", "findings", "spam", "weighed"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What the command line says of all mails; None is taken from each mail itself."""

    gateway: Gateway
    book: Rulebook
    witnesses: Witnesses | None  # None: nobody verifies
    assumed: Authentication
    mail_from: str | None
    rcpt_to: str | None
    now: datetime | None


@click.command("explain", cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--from-stdin", is_flag=True, help="Read the paths from standard input, one a line.")
@click.option(
    "--assume-auth",
    type=click.Choice(["pass", "none", "verify"]),
    default="none",
    show_default=True,
    help="Whether the author counts as proven; verify asks DNS for DKIM keys.",
)
@click.option("--mail-from", help="The envelope sender; else the topmost Return-Path, else From.")
@click.option("--rcpt-to", help="The envelope recipient; else the first address in To or Cc. It counts as ours.")
@click.option("--stored", type=int, metavar="ID", help="Explain the stored mail of this journal id, as it was judged.")
@click.option("--now", callback=lambda _ctx, _param, text: moment(text), help="The time it is judged; else its Date.")
@click.pass_obj
def explain(
    frame: Frame, /, *, paths: tuple[Path, ...], from_stdin: bool, assume_auth: str, stored: int | None, **envelope: Any
) -> None:
    """Say what mailgate thinks of mails in files, and why.

    Knows nothing of the senders, as if each wrote for the first time. Prints words to a terminal, else JSON.
    """
    if stored is not None:
        _print(frame, explain_stored(frame, stored))
        return
    if not paths and not from_stdin:
        raise click.UsageError("name at least one file, or --from-stdin")
    everything = (Path(line.rstrip("\n")) for line in sys.stdin) if from_stdin else iter(paths)
    settings = settings_or_lab(frame)
    asked = question(settings, wiring.rulebook_of(settings), assume_auth, **envelope)
    asyncio.run(_explain_all(frame, everything, asked))


def moment(text: str | None) -> datetime | None:
    """A time as it is written on the command line, UTC where it names no zone."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise click.BadParameter("not ISO 8601, such as 2026-11-22T10:00:00Z") from error
    return at and (at if at.tzinfo else at.replace(tzinfo=UTC))


async def _explain_all(frame: Frame, paths: Iterable[Path], question: Question) -> None:
    for path in paths:
        _print(frame, await explain_one(path, question))


def _print(frame: Frame, found: dict[str, Any]) -> None:
    in_words = not frame.json and sys.stdout.isatty()
    click.echo(printable("\n".join(explain_words.lines(found))) if in_words else as_json(found))


async def explain_one(path: Path, question: Question) -> dict[str, Any]:
    """The whole explanation of one mail, or an object with `error` where it cannot be had."""
    empty: dict[str, Any] = dict.fromkeys(_ANSWERED) | {"path": str(path)}
    try:
        raw = mailfile.read(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        return empty | {"error": getattr(error, "strerror", None) or str(error)}
    # Broad, because whoever explains thousands of mails wants to hear of the one that breaks us, and of all others.
    try:
        return empty | await _explain(raw, question)
    except Exception as error:
        return empty | {"error": f"our own fault: {type(error).__name__}: {error}"}


def explain_stored(frame: Frame, journal_id: int) -> dict[str, Any]:
    """The explanation of an accepted mail with the verdict that was reached then. Raises NotFound."""

    def stored(conn: Connection) -> tuple[bytes, str, dict[str, Any]]:
        found = next((line for line in queries.judged(conn, 1, before=journal_id + 1) if line.id == journal_id), None)
        raw = queries.raw_of_journal(conn, journal_id)
        if found is None or found.verdict is None or raw is None:
            raise NotFound(f"no judged mail {journal_id}")
        return raw, found.mail_from, found.verdict

    raw, mail_from, verdict = reading(frame, stored)
    path = {"path": f"stored:{journal_id}"}
    (mail, parts), book = read(raw), wiring.rulebook_of(settings_of(frame))
    report = report_of(raw, mail, book.reports, mail_from)
    shown = _shown(mail, text_of(raw, parts, book.quotes), verdict, report, book.quotes)
    return (
        dict.fromkeys(_ANSWERED) | path | shown | {"trail": verdict["trail"], "opinions": verdict.get("opinions", [])}
    )


async def _explain(raw: bytes, question: Question) -> dict[str, Any]:
    mail, parts = read(raw)
    mail_from = question.mail_from if question.mail_from is not None else _sender(mail)
    rcpt_to = question.rcpt_to or next((one.address for one in (*mail.to, *mail.cc)), "")
    gateway = _receiving(question.gateway, rcpt_to)
    now = question.now or mail.date or wiring.clock()
    accepted = Accepted(1, "explained", now, mail_from, rcpt_to, Peer(known=False), raw)
    proof = await _proof(accepted, mail, question)
    filing = judge_alone(accepted, proof, gateway=gateway, book=question.book, mint=Mint(lambda: 1), now=now)
    ours = sorted({*filing.case.ours, *filing.case.enclosed})
    book, told = question.book, verdict_document(filing)
    report = report_of(raw, mail, book.reports, mail_from)
    shown = _shown(filing.case.mail, text_of(raw, parts, book.quotes), told, report, book.quotes)
    shown["links"]["ours"] = ours
    return shown


def _sender(mail: Mail) -> str:
    paths = mail.headers.get("return-path", ())
    if paths:
        return paths[0].strip().removeprefix("<").partition(">")[0]
    return mail.authors[0].address if mail.authors else ""


def _receiving(gateway: Gateway, rcpt_to: str) -> Gateway:
    """The gateway as it would be if `rcpt_to` were one of its mailboxes, in the mode of the first."""
    if not rcpt_to or admission.recipient(rcpt_to, gateway) is None:
        return gateway
    return replace(gateway, mailboxes=(*gateway.mailboxes, replace(gateway.mailboxes[0], address=rcpt_to)))


async def _proof(accepted: Accepted, mail: Mail, question: Question) -> Authentication:
    domain = mail.author.address.rpartition("@")[2] if mail.author else ""
    if question.witnesses:
        return await question.witnesses.authenticate(accepted.raw, accepted.mail_from, accepted.peer, domain)
    # Nobody can be proven who is not one.
    if not domain:
        return Authentication(why="not proven: no single author")
    return structs.replace(question.assumed, domain=domain)


def _shown(mail: Mail, text: str, verdict: dict[str, Any], report: Report | None, quotes: Quotes) -> dict[str, Any]:
    """The explanation of a mail with the verdict on it, as the store keeps verdicts."""
    return {
        "kind": verdict["kind"],
        "disposition": verdict["disposition"],
        "respond": verdict["respond"],
        "authentication": verdict["authentication"],
        "from": ", ".join(author.address for author in mail.authors),
        "subject": mail.subject,
        "text": text,
        "reply_text": reply_of(text, quotes, MARKER_LINE).text,
        "links": {
            "message_id": mail.message_id,
            "in_reply_to": mail.in_reply_to,
            "references": mail.references,
            "enclosed": mail.enclosed_ids,
        },
        "report": to_builtins(report) if report else None,
        "findings": verdict["findings"],
        "spam": verdict.get("spam"),
        "weighed": verdict.get("weighed", []),
    }


# ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────────


def settings_or_lab(frame: Frame) -> Settings:
    """The configuration; without one we are the laboratory."""
    path = frame.config_file()
    file = tomlfile.read(path) if frame.config or path.exists() else tomlfile.TomlFile("the laboratory", CONFIG)
    return config.settings_of(file, path.absolute().parent)


def question(
    settings: Settings,
    book: Rulebook,
    assume_auth: str,
    *,
    mail_from: str | None = None,
    rcpt_to: str | None = None,
    now: datetime | None = None,
) -> Question:
    """Who we are and what is given."""
    key_file = settings.gateway.key_file
    proven = Authentication(Level.A2, spf="pass", dkim="pass", why="proven, as --assume-auth says")
    unproven = Authentication(why="not proven: nobody verified it")
    return Question(
        gateway=settings.gateway_for(keys.load(key_file) if key_file.exists() else KEYS),
        book=book,
        witnesses=witnesses_of(settings, Resolver(settings.dns.resolvers)) if assume_auth == "verify" else None,
        assumed=proven if assume_auth == "pass" else unproven,
        mail_from=None if mail_from is None else mail_from.strip("<>"),
        rcpt_to=rcpt_to,
        now=now,
    )
