"""Faces: `mailgate serve`."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial

import click

from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.log import bridge, open_log
from mailgate.net.systemd import notify
from mailgate.serve import Daemon, Supervisor


@click.command("serve", cls=Command)
@click.pass_obj
def serve(frame: Frame) -> int:
    """Run the daemon in the foreground; log lines go to standard output.

    SIGHUP reads rules and certificates again, SIGTERM finishes what was accepted and ends.
    """
    settings = settings_of(frame)
    log = open_log(sys.stdout)
    bridge(log)
    return asyncio.run(Daemon(settings, log, supervisor=supervisor()).run())


def supervisor() -> Supervisor:
    """systemd, where it started us (sd_notify(3), sd_watchdog_enabled(3)); it hears from us twice in its time."""
    watchdog_us = os.environ.get("WATCHDOG_USEC", "")
    return Supervisor(
        partial(notify, os.environ.get("NOTIFY_SOCKET", "")),
        int(watchdog_us) / 2e6 if watchdog_us.isdecimal() else None,
    )
