"""Faces: `mailgate agents`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click

from mailgate.cli.frame import Frame, Group, record
from mailgate.cli.office import at_desk, reading
from mailgate.model import Agent, Right
from mailgate.store import agents as stored

COLUMNS = ("name", "address", "rights", "queues", "added_at", "left_at")
EVERY = tuple(one.value for one in Right)

address_argument = click.argument("address")
right_option = click.option(
    "--right", "rights", type=click.Choice(EVERY), multiple=True, help="What he may do by mail; repeat it."
)
queue_option = click.option("--queue", "queues", multiple=True, help="Tell him of its tickets; repeat it.")


@click.group("agents", cls=Group)
def agents() -> None:
    """See who answers tickets by mail, add people, say what they may do."""


@agents.command("list")
@click.option("--all", "everybody", is_flag=True, help="Those who left too.")
@click.pass_obj
def list_(frame: Frame, *, everybody: bool) -> None:
    """List our own people by name."""
    found = reading(frame, stored.everybody if everybody else stored.current)
    frame.show(found, COLUMNS, "Nobody answers by mail yet: mailgate agents add ADDRESS.")


@agents.command("add")
@address_argument
@click.option("--name", required=True, help="A word by which history and reports know him.")
@right_option
@queue_option
@click.pass_obj
def add(frame: Frame, *, address: str, name: str, rights: tuple[str, ...], queues: tuple[str, ...]) -> None:
    """Add one of our own people. Without --right he may do all, without --queue he is told of every ticket."""
    given = _rights(rights or EVERY)
    agent = at_desk(frame, lambda desk: desk.enrol(address, name, rights=given, queues=queues))
    frame.tell(record(agent), f"{agent.name} is told of new tickets at {agent.address}; he may {_may(agent)} by mail.")


@agents.command("rights")
@address_argument
@right_option
@queue_option
@click.option("--none", is_flag=True, help="He is told of tickets, and may do nothing by mail.")
@click.option("--every-queue", is_flag=True, help="He is told of the tickets of all queues.")
@click.pass_obj
def rights(frame: Frame, /, *, address: str, **options: Any) -> None:
    """Say what he may do by mail, and of whose tickets he is told; what is not named stays."""
    may = () if options["none"] else _rights(options["rights"]) or None
    queues = () if options["every_queue"] else options["queues"] or None
    agent = at_desk(frame, lambda desk: desk.entitle(address, rights=may, queues=queues))
    told = f"is told of {', '.join(agent.queues) or 'every queue'}"
    frame.tell(record(agent), f"{agent.name} {told}; he may {_may(agent)} by mail.")


@agents.command("remove")
@address_argument
@click.pass_obj
def remove(frame: Frame, address: str) -> None:
    """Tell him nothing more; what he writes counts as anybody's from now on. History keeps his name."""
    agent = at_desk(frame, lambda desk: desk.dismiss(address))
    frame.tell(record(agent), f"{agent.name} is told nothing more.")


def _rights(names: Collection[str]) -> tuple[Right, ...]:
    return tuple(map(Right, names))


def _may(agent: Agent) -> str:
    return ", ".join(agent.rights) or "do nothing"
