"""Faces: `mailgate keys`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from mailgate import keys as key_file
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group


@click.group("keys", cls=Group)
def keys() -> None:
    """Make the signing keys."""


@keys.command("init")
@click.pass_obj
def init(frame: Frame) -> None:
    """Make the key file, once."""
    path = settings_of(frame).gateway.key_file
    key_file.make(path, datetime.now(UTC))
    frame.tell({"key_file": str(path)}, f"Made {path}. Keep a copy of it with the backup of the database.")
