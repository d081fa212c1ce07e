"""Faces: `mailgate held`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.explain_words import evidence, weighed
from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import agent_option, at_desk, limit_option, pages, reading
from mailgate.desk import Desk
from mailgate.errors import NotFound
from mailgate.judge.canonical import canonical
from mailgate.mail.attachments import attachments_of
from mailgate.mail.text import text_of
from mailgate.store import held as contacts
from mailgate.store import queries
from mailgate.store.views import HeldLine, HeldView

ids_argument = click.argument("held_ids", metavar="[ID]...", type=int, nargs=-1)
from_option = click.option("--from", "sender", default="", metavar="ADDRESS", help="All that is held of this sender.")


@click.group("held", cls=Group)
def held() -> None:
    """Decide on mail that waits for a person."""


@held.command("list")
@click.option("--parked", is_flag=True, help="Parked mail too: what nobody has to decide on.")
@click.option("--archived", is_flag=True, help="Archived spam too: what nobody touched for long.")
@click.option("--search", metavar="TEXT", default="", help="Only what has TEXT in author or subject, archived or not.")
@click.option("--by", type=click.Choice(["sender"]), help="One line for each sender, with a count.")
@limit_option
@click.pass_obj
def list_(frame: Frame, /, *, by: str | None, limit: int, **which: Any) -> None:
    """List held mail: what waits for its sender or a person, then what is likely spam, then what was judged so.

    Within each, the mail with the fewest points of spam stands first, then the oldest.
    """
    if by:
        found = reading(frame, lambda conn: contacts.by_sender(conn, limit))
        frame.show(found, ("id", "mails", "state", "points", "from", "subject", "reason", "since"), "Nothing is held.")
        return

    def read(conn: Connection) -> list[HeldLine]:
        return pages(lambda last, most: queries.held(conn, most, after=last.id if last else None, **which), limit)

    frame.show(
        reading(frame, read),
        ("id", "state", "points", "from", "subject", "reason", "since", "because"),
        "Nothing is held.",
    )


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
@ids_argument
@from_option
@agent_option
@click.pass_obj
def accept(frame: Frame, held_ids: tuple[int, ...], sender: str, agent: str) -> None:
    """Let mails in, each with all others of its sender, and trust them."""
    ids = _chosen(frame, held_ids, sender)
    for held_id, number in at_desk(frame, lambda desk: _accepted(desk, ids, agent)):
        frame.tell({"id": held_id, "number": number}, f"Let in as ticket #{number}.")


@held.command("spam")
@ids_argument
@from_option
@agent_option
@click.pass_obj
def spam(frame: Frame, held_ids: tuple[int, ...], sender: str, agent: str) -> None:
    """Judge mails spam; they are kept, and can be accepted later."""
    ids = _chosen(frame, held_ids, sender)

    async def judge(desk: Desk) -> None:
        for held_id in ids:
            await desk.spam(held_id, agent)

    at_desk(frame, judge)
    for held_id in ids:
        frame.tell({"id": held_id, "state": "spam"}, f"{held_id} is kept as spam.")


def _chosen(frame: Frame, held_ids: tuple[int, ...], sender: str) -> tuple[int, ...]:
    """The mails that are named, one by one or by their sender; all of them are held, or none is touched."""
    if bool(held_ids) == bool(sender):
        raise click.UsageError("say which: one or more IDs, or --from ADDRESS")

    def read(conn: Connection) -> tuple[int, ...]:
        if sender:
            found = tuple(contacts.of_sender(conn, canonical(sender)))
            if not found:
                raise NotFound(f"nothing is held of {sender}")
            return found
        missing = [one for one in held_ids if queries.held_one(conn, one) is None]
        if missing:
            raise NotFound(f"no held mail {', '.join(map(str, missing))}")
        return tuple(dict.fromkeys(held_ids))

    return reading(frame, read)


async def _accepted(desk: Desk, ids: tuple[int, ...], agent: str) -> list[tuple[int, int]]:
    """The ticket of each; whoever came in together with one before him is in already."""
    done: list[tuple[int, int]] = []
    for held_id in ids:
        try:
            done.append((held_id, await desk.accept(held_id, agent)))
        except NotFound:
            if not done:
                raise
    return done


def _words(found: HeldView, text: str) -> Iterator[str]:
    line = found.line
    yield f"{line.subject or '(no subject)'}"
    yield f"from {line.from_} to {line.to}, {line.since:%Y-%m-%d %H:%M}, {line.proof}"
    yield f"{line.state}: {line.reason}"
    if line.may_belong_to:
        yield f"may belong to #{line.may_belong_to}"
    yield ""
    yield text
    yield from (f"attached: {each}" for each in attachments_of(found.raw))
    yield ""
    yield from (f"{step['check']}: {step['result']}" for step in found.verdict["trail"])
    yield from map(evidence, found.verdict["findings"])
    yield from weighed(found.verdict)
