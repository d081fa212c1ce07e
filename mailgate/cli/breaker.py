"""Faces: `mailgate breaker`: what holds automatic mail back, and the hand on the switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group, printable
from mailgate.cli.office import agent_option, at_desk, limit_option, reading
from mailgate.desk import Desk
from mailgate.errors import NotAllowed, NotFound
from mailgate.judge import breaker as breakers
from mailgate.model import Breaker, BreakerState, Scope
from mailgate.store import conduct, restored

SCOPES = (
    click.option("--address", default="", metavar="A", help="Mail to this address."),
    click.option("--domain", default="", metavar="D", help="Mail to every address of this domain."),
    click.option("--mailbox", default="", metavar="M", help="Mail that leaves from this mailbox of ours."),
    click.option("--all", "everything", is_flag=True, help="All automatic mail to the world outside."),
)
WORDS = {
    BreakerState.OPEN: "stopped for a while",
    BreakerState.HALF: "on trial: a little passes",
    BreakerState.LATCHED: "stopped until a person resets it",
}


@click.group("breaker", cls=Group)
def breaker() -> None:
    """See what holds automatic mail back, stop it, let it pass again.

    Receiving, tickets and people's answers go on whatever stands here.
    """


def _scoped(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(SCOPES):
        command = option(command)
    return command


@breaker.command("show")
@limit_option
@click.pass_obj
def show(frame: Frame, limit: int) -> None:
    """Show what holds automatic mail back now, each with the command that frees it."""
    at = wiring.clock()
    rows = [facts(one, at) for one in holding(frame, at, limit)]
    if frame.json:
        frame.show(rows, (), "")
        return
    lines = [*_lines(rows), *_no_breaker(frame, at)]
    click.echo("\n".join(map(printable, lines)) or "Automatic mail passes: nothing holds it back.")


@breaker.command("stop")
@_scoped
@agent_option
@click.pass_obj
def stop(frame: Frame, /, *, address: str, domain: str, mailbox: str, everything: bool, agent: str) -> None:
    """Stop automatic mail at once, until somebody resets it. What waits in the outbox is cancelled."""
    scope, key = _named(address, domain, mailbox, everything=everything)
    stands = at_desk(frame, lambda desk: desk.stop(scope, _known(desk, scope, key), agent))
    words = f"Automatic mail is stopped ({breakers.name(stands)}). To let it pass again: {freed_by(stands)}"
    frame.tell(facts(stands, stands.since), words)


@breaker.command("reset")
@_scoped
@agent_option
@click.pass_obj
def reset(frame: Frame, /, *, address: str, domain: str, mailbox: str, everything: bool, agent: str) -> None:
    """Let automatic mail pass again."""
    scope, key = _named(address, domain, mailbox, everything=everything)
    stands = at_desk(frame, lambda desk: desk.reset(scope, _known(desk, scope, key), agent))
    told = {"scope": stands.scope, "key": stands.key, "state": stands.state, "since": stands.since}
    frame.tell(told, f"Automatic mail passes again ({breakers.name(stands)}).")


def holding(frame: Frame, at: datetime, limit: int) -> list[Breaker]:
    """The breakers that are not closed at `at`."""

    def read(conn: Connection) -> list[Breaker]:
        return [one for one in conduct.standing(conn, limit) if breakers.state(one, at) is not BreakerState.CLOSED]

    return reading(frame, read)


def facts(stands: Breaker, at: datetime) -> dict[str, Any]:
    """A breaker as people and programs are shown it."""
    state = breakers.state(stands, at)
    until = stands.trial_until if state is BreakerState.HALF else stands.until
    return {
        "scope": stands.scope,
        "key": stands.key,
        "state": state,
        "since": stands.since,
        "until": until,
        "reason": stands.reason,
        "actor": stands.actor,
        "reset": freed_by(stands),
    }


def freed_by(stands: Breaker) -> str:
    """The one command that lets mail pass again."""
    return f"mailgate breaker reset --{stands.scope} {stands.key}".rstrip()


def _no_breaker(frame: Frame, at: datetime) -> Iterator[str]:
    """What else keeps all automatic mail from leaving."""
    until = reading(frame, restored.silent_until)
    if until and until > at:
        yield f"all\n    stopped until {until:%Y-%m-%d %H:%M} UTC"
        yield "    why:     the database was restored\n    free it: mailgate db resume"
    if settings_of(frame).replies.dry_run:
        yield "all\n    stopped by [replies] dry_run in the configuration"


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for one in rows:
        until = f", until {one['until']:%Y-%m-%d %H:%M} UTC" if one["until"] else ""
        yield f"{one['scope']} {one['key']}".rstrip()
        yield f"    {WORDS[one['state']]}, since {one['since']:%Y-%m-%d %H:%M} UTC{until}"
        yield f"    why:     {one['reason']}"
        yield f"    free it: {one['reset']}"


def _named(address: str, domain: str, mailbox: str, *, everything: bool) -> tuple[Scope, str]:
    """Exactly one of the four: a word too few must not stop, or free, everything."""
    given = [(Scope.ADDRESS, address), (Scope.DOMAIN, domain), (Scope.MAILBOX, mailbox)]
    chosen = [(scope, key) for scope, key in given if key] + ([(Scope.ALL, "")] if everything else [])
    if len(chosen) != 1:
        raise click.UsageError("say which: one of --address A, --domain D, --mailbox M, --all")
    return chosen[0]


def _known(desk: Desk, scope: Scope, key: str) -> str:
    if scope is Scope.DOMAIN and "@" in key:
        raise NotAllowed(f"{key!r} is no domain")
    if scope is not Scope.MAILBOX:
        return key
    box = desk.gateway.mailbox(key)
    if box is None:
        ours = ", ".join(one.address for one in desk.gateway.mailboxes)
        raise NotFound(f"no mailbox {key}; there are {ours}")
    return box.address
