"""Faces: `mailgate serve`."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.log import bridge, open_log
from mailgate.parent import parent_of
from mailgate.serve import Daemon


@click.command("serve", cls=Command)
@click.pass_obj
def serve(frame: Frame) -> int:
    """Run the daemon in the foreground; log lines go to standard output.

    SIGHUP reads rules and certificates again, SIGTERM finishes what was accepted and ends.
    """
    settings = settings_of(frame)
    log = open_log(sys.stdout)
    bridge(log)
    return asyncio.run(Daemon(settings, log, parent=parent_of(os.environ, os.getpid())).run())
