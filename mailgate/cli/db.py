"""Faces: `mailgate db`."""

from __future__ import annotations

import asyncio

import click

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.store.database import Database


@click.group("db", cls=Group)
def db() -> None:
    """Make or upgrade the database."""


@db.command("upgrade")
@click.pass_obj
def upgrade(frame: Frame) -> None:
    """Make the database, or bring it up to this version. `serve` does the same when it starts."""
    settings = settings_of(frame)
    path = wiring.database_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_upgrade(settings.store.url))
    frame.tell({"database": str(path)}, f"{path} is up to date.")


async def _upgrade(url: str) -> None:
    await (await Database.open(url, create=True)).close()
