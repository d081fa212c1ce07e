"""Faces: `mailgate keys`."""

from __future__ import annotations

import click

from mailgate import keys as key_file
from mailgate import wiring
from mailgate.cli.frame import Frame, Group
from mailgate.cli.office import settings_of


@click.group("keys", cls=Group)
def keys() -> None:
    """Make the signing keys."""


@keys.command("init")
@click.pass_obj
def init(frame: Frame) -> None:
    """Make the key file, once."""
    path = settings_of(frame).gateway.key_file
    key_file.make(path, wiring.clock())
    frame.tell({"key_file": str(path)}, f"Made {path}. Keep a copy of it with the backup of the database.")
