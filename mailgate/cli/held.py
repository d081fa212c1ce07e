"""Faces: `mailgate held`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.explain_words import evidence
from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import agent_option, at_desk, limit_option, pages, reading
from mailgate.errors import NotFound
from mailgate.mail.attachments import attachments_of
from mailgate.mail.text import text_of
from mailgate.store import queries
from mailgate.store.views import HeldLine, HeldView


@click.group("held", cls=Group)
def held() -> None:
    """Decide on mail that waits for a person."""


@held.command("list")
@click.option("--parked", is_flag=True, help="Parked mail too: what nobody has to decide on.")
@click.option("--archived", is_flag=True, help="Archived spam too: what nobody touched for long.")
@click.option("--search", metavar="TEXT", default="", help="Only what has TEXT in author or subject, archived or not.")
@limit_option
@click.pass_obj
def list_(frame: Frame, /, *, limit: int, **which: Any) -> None:
    """List held mail, oldest first: what waits for its sender, for a person, or was judged spam."""

    def read(conn: Connection) -> list[HeldLine]:
        return pages(lambda last, most: queries.held(conn, most, after=last.id if last else None, **which), limit)

    frame.show(reading(frame, read), ("id", "state", "from", "subject", "reason", "since"), "Nothing is held.")


@held.command("show")
@click.argument("held_id", metavar="ID", type=int)
@click.pass_obj
def show(frame: Frame, held_id: int) -> None:
    """Show a held mail, and why it is held."""
    found = reading(frame, lambda conn: queries.held_one(conn, held_id))
    if found is None:
        raise NotFound(f"no held mail {held_id}")
    files = [record(each) for each in attachments_of(found.raw)]
    text = text_of(found.raw, quotes=wiring.quotes_of(settings_of(frame)))
    facts = record(found.line) | {"verdict": found.verdict, "text": text, "attachments": files}
    frame.tell(facts, "\n".join(_words(found, text)))


@held.command("accept")
@click.argument("held_id", metavar="ID", type=int)
@agent_option
@click.pass_obj
def accept(frame: Frame, held_id: int, agent: str) -> None:
    """Let a mail in, with all others of its sender, and trust him."""
    number = at_desk(frame, lambda desk: desk.accept(held_id, agent))
    frame.tell({"id": held_id, "number": number}, f"Let in as ticket #{number}.")


@held.command("spam")
@click.argument("held_id", metavar="ID", type=int)
@agent_option
@click.pass_obj
def spam(frame: Frame, held_id: int, agent: str) -> None:
    """Judge a mail spam; it is kept, and can be accepted later."""
    at_desk(frame, lambda desk: desk.spam(held_id, agent))
    frame.tell({"id": held_id, "state": "spam"}, f"{held_id} is kept as spam.")


def _words(found: HeldView, text: str) -> Iterator[str]:
    line = found.line
    yield f"{line.subject or '(no subject)'}"
    yield f"from {line.from_} to {line.to}, {line.since:%Y-%m-%d %H:%M}, {line.proof}"
    yield f"{line.state}: {line.reason}"
    yield ""
    yield text
    yield from (f"attached: {each}" for each in attachments_of(found.raw))
    yield ""
    yield from (f"{step['check']}: {step['result']}" for step in found.verdict["trail"])
    yield from map(evidence, found.verdict["findings"])
