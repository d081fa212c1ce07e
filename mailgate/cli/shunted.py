"""Faces: `mailgate shunted`."""

from __future__ import annotations

import click

from mailgate.cli.frame import Frame, Group
from mailgate.cli.office import at_desk, limit_option, reading
from mailgate.store import queries


@click.group("shunted", cls=Group)
def shunted() -> None:
    """Look after mail that could not be processed."""


@shunted.command("list")
@limit_option
@click.pass_obj
def list_(frame: Frame, limit: int) -> None:
    """List mail that our own fault set aside, oldest first, each with the end of the traceback."""
    found = reading(frame, lambda conn: queries.shunted(conn, limit))
    frame.show(found, ("id", "from", "to", "since", "attempts", "error"), "Nothing is shunted.")


@shunted.command("retry")
@click.argument("journal_id", metavar="ID", type=int)
@click.pass_obj
def retry(frame: Frame, journal_id: int) -> None:
    """Process a mail again, after the fault is mended."""
    at_desk(frame, lambda desk: desk.unshunt(journal_id))
    frame.tell({"id": journal_id, "state": "pending"}, f"{journal_id} is processed again.")
