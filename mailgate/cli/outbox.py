"""Faces: `mailgate outbox`."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from mailgate.cli.frame import Frame, Group
from mailgate.cli.office import at_desk, limit_option, pages, reading
from mailgate.model import OutboxState
from mailgate.store import queries
from mailgate.store.views import OutboxLine


@click.group("outbox", cls=Group)
def outbox() -> None:
    """Look after mail that leaves."""


@outbox.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in OutboxState]),
    help="Only of this state.",
)
@limit_option
@click.pass_obj
def list_(frame: Frame, *, states: tuple[str, ...], limit: int) -> None:
    """List mail that leaves or has left, newest first."""
    wanted = [OutboxState(state) for state in states] or list(OutboxState)

    def read(conn: Connection) -> list[OutboxLine]:
        return pages(
            lambda last, most: queries.outgoing(conn, most, states=wanted, before=last.id if last else None), limit
        )

    columns = ("id", "kind", "to", "state", "attempts", "next_at", "last_reply")
    frame.show(reading(frame, read), columns, "Nothing has left." if not states else "None of this state.")


@outbox.command("retry")
@click.argument("outbox_id", metavar="ID", type=int)
@click.pass_obj
def retry(frame: Frame, outbox_id: int) -> None:
    """Try a waiting mail now, or a failed one of a person again."""
    at_desk(frame, lambda desk: desk.retry_outbox(outbox_id))
    frame.tell({"id": outbox_id, "state": OutboxState.READY}, f"{outbox_id} is tried now.")


@outbox.command("cancel")
@click.argument("outbox_id", metavar="ID", type=int)
@click.pass_obj
def cancel(frame: Frame, outbox_id: int) -> None:
    """Send a waiting mail no more."""
    at_desk(frame, lambda desk: desk.cancel_outbox(outbox_id))
    frame.tell({"id": outbox_id, "state": OutboxState.CANCELLED}, f"{outbox_id} is not sent.")
