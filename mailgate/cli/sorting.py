"""Faces: the commands of `mailgate tickets` that sort: how much one presses, what it is about, where it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.cli.office import agent_option, at_desk
from mailgate.cli.spans import Moment
from mailgate.config.shapes import zone_of
from mailgate.judge.routing import queues_named
from mailgate.model import Priority, TicketState
from mailgate.tables import nearest

number_argument = click.argument("number", type=int)


@click.command("priority", cls=Command)
@number_argument
@click.argument("priority", type=click.Choice([one.value for one in Priority]))
@agent_option
@click.pass_obj
def priority(frame: Frame, number: int, priority: str, agent: str) -> None:
    """Say how much the ticket presses."""
    at_desk(frame, lambda desk: desk.prioritise(number, Priority(priority), agent))
    frame.tell({"number": number, "priority": priority}, f"#{number} is of {priority} priority.")


@click.command("tag", cls=Command)
@number_argument
@click.argument("words", metavar="TAG...", nargs=-1, required=True)
@agent_option
@click.pass_obj
def tag(frame: Frame, number: int, words: tuple[str, ...], agent: str) -> None:
    """Let the ticket bear tags."""
    _tell_tags(frame, number, at_desk(frame, lambda desk: desk.tag(number, words, agent)))


@click.command("untag", cls=Command)
@number_argument
@click.argument("words", metavar="TAG...", nargs=-1, required=True)
@agent_option
@click.pass_obj
def untag(frame: Frame, number: int, words: tuple[str, ...], agent: str) -> None:
    """Take tags from the ticket."""
    _tell_tags(frame, number, at_desk(frame, lambda desk: desk.untag(number, words, agent)))


def _tell_tags(frame: Frame, number: int, tags: tuple[str, ...]) -> None:
    frame.tell({"number": number, "tags": list(tags)}, f"#{number} bears {', '.join(tags) or 'no tag'}.")


@click.command("pending", cls=Command)
@number_argument
@click.argument("until", metavar="WHEN", type=Moment())
@agent_option
@click.pass_obj
def pending(frame: Frame, number: int, until: timedelta | datetime, agent: str) -> None:
    """Let the ticket rest until WHEN, such as 3d or 2026-12-24, or until its customer writes.

    A day or time without a zone is one of the zone of the first mailbox. Who waits for an answer goes on waiting.
    """
    zone = zone_of(settings_of(frame).mailbox[0].timezone)
    moment = wiring.clock() + until if isinstance(until, timedelta) else until
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    at_desk(frame, lambda desk: desk.put_off(number, moment, agent))
    facts = {"number": number, "state": TicketState.PENDING, "pending_until": moment}
    frame.tell(facts, f"#{number} rests until {moment.astimezone(zone):%Y-%m-%d %H:%M} or its customer's next mail.")


@click.command("move", cls=Command)
@number_argument
@click.argument("queue")
@agent_option
@click.pass_obj
def move(frame: Frame, number: int, queue: str, agent: str) -> None:
    """Put the ticket into another queue."""
    at_desk(frame, lambda desk: desk.move_to(number, queue, agent))
    settings = settings_of(frame)
    own, by_rule = queues_named(wiring.rulebook_of(settings).signals.routes, wiring.gateway_of(settings))
    known = queue.strip() in own or queue.strip() in by_rule
    words = f"#{number} stands in {queue}."
    if not known:
        like = nearest(queue, [*own, *by_rule])
        words += f" No mailbox and no rule names this queue{f'; did you mean {like}?' if like else '.'}"
    frame.tell({"number": number, "queue": queue, "known": known}, words)


COMMANDS = (priority, tag, untag, pending, move)
