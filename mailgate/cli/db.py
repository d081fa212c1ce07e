"""Faces: `mailgate db`."""

from __future__ import annotations

import asyncio

import click

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.config import Settings


@click.group("db", cls=Group)
def db() -> None:
    """Make or upgrade the database."""


@db.command("upgrade")
@click.pass_obj
def upgrade(frame: Frame) -> None:
    """Make the database, or bring it up to this version. `serve` does the same when it starts."""
    settings = settings_of(frame)
    path = wiring.database_file(settings)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_upgrade(settings))
    name = str(path or settings.store.url)
    frame.tell({"database": name}, f"{name} is up to date.")


async def _upgrade(settings: Settings) -> None:
    await (await wiring.open_database(settings, daemon=True, create=True)).close()
