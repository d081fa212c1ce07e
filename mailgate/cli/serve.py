"""Faces: `mailgate serve`."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.config import Settings
from mailgate.daemon.loop import run
from mailgate.daemon.parent import FRONT, TRIAL, Parent, parent_of
from mailgate.log import Log, bridge, open_log

MOST_WORKERS = 64

# Each kind of process imports only what it needs: a front knows no database, and a supervisor no mail.
# ruff: noqa: PLC0415


@click.command("serve", cls=Command)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=1,
    show_default=True,
    help="How many processes speak with the world.",
)
@click.option("--as", "place", default="", hidden=True)
@click.pass_obj
def serve(frame: Frame, /, *, workers: int, place: str) -> int:
    """Run the daemon in the foreground; log lines go to standard output.

    SIGHUP reads rules, keys and certificates again, SIGTERM finishes what was accepted and ends. With several workers,
    SIGUSR1 renews them one by one: new code and a new configuration, and no connection is refused.
    """
    settings = settings_of(frame)
    if place == TRIAL:
        return _try_out(settings)
    parent = parent_of(os.environ, os.getpid(), place)
    log = open_log(sys.stdout)
    if place:
        log = log.bind(worker=place)
    bridge(log)
    if workers > 1:
        return asyncio.run(_supervise(frame, workers, log, parent))
    return run(_front(settings, log, parent) if place.startswith(FRONT) else _daemon(settings, log, parent))


async def _daemon(settings: Settings, log: Log, parent: Parent) -> int:
    from mailgate.serve import Daemon

    return await Daemon(settings, log, parent=parent).run()


async def _front(settings: Settings, log: Log, parent: Parent) -> int:
    from mailgate.daemon.front import Front

    return await Front(settings, log, parent).run()


async def _supervise(frame: Frame, workers: int, log: Log, parent: Parent) -> int:
    from mailgate.daemon.supervisor import Supervisor

    return await Supervisor(lambda: settings_of(frame), frame.config_file(), workers, log, parent).run()


def _try_out(settings: Settings) -> int:
    """Load all that a start would load. Raises ConfigError, as a start would."""
    from mailgate import serve, wiring

    assert serve
    wiring.gateway_of(settings)
    wiring.signer_of(settings)
    wiring.rulebook_of(settings)
    wiring.password_of(settings)
    for table in settings.listener:
        wiring.tls_of(table)
    return os.EX_OK
