"""Faces: `mailgate errands`."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from mailgate.cli.frame import Frame, Group
from mailgate.cli.office import at_desk, limit_option, pages, reading
from mailgate.model import ErrandState
from mailgate.store import errands as store
from mailgate.store.errands import ErrandLine


@click.group("errands", cls=Group)
def errands() -> None:
    """Look after mail that is handed to webhooks and to the learner of the spam filter."""


@errands.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in ErrandState]),
    help="Only of this state.",
)
@limit_option
@click.pass_obj
def list_(frame: Frame, *, states: tuple[str, ...], limit: int) -> None:
    """List what is handed on or was, newest first."""
    wanted = [ErrandState(state) for state in states] or list(ErrandState)

    def read(conn: Connection) -> list[ErrandLine]:
        return pages(
            lambda last, most: store.listed(conn, most, states=wanted, before=last.id if last else None), limit
        )

    columns = ("id", "kind", "target", "state", "attempts", "due_at", "last_error")
    frame.show(reading(frame, read), columns, "Nothing is handed on." if not states else "None of this state.")


@errands.command("retry")
@click.argument("errand_id", metavar="ID", type=int)
@click.pass_obj
def retry(frame: Frame, errand_id: int) -> None:
    """Hand on now what waits or was given up, and for its whole time again."""
    at_desk(frame, lambda desk: desk.retry_errand(errand_id))
    frame.tell({"id": errand_id, "state": ErrandState.DUE}, f"{errand_id} is tried now.")
