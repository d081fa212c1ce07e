"""Faces: `mailgate ledger`."""

from __future__ import annotations

from dataclasses import asdict

import click

from mailgate.cli.frame import Command, Frame
from mailgate.cli.office import reading
from mailgate.store import queries
from mailgate.store.queries import Ledger


@click.command("ledger", cls=Command)
@click.pass_obj
def ledger(frame: Frame) -> None:
    """Account for every mail that was ever accepted, once per recipient, by where it is now.

    The numbers add up, or the last line says so.
    """
    found = reading(frame, queries.ledger)
    frame.tell(asdict(found), _words(found))


def _words(found: Ledger) -> str:
    counts = asdict(found)
    automatic = counts.pop("automatic")
    balanced = counts.pop("balanced")
    lines = [f"{name:<12}{number:>8}" for name, number in counts.items()]
    lines += ["", "sent by itself"] + [f"  {name:<14}{number:>4}" for name, number in automatic.items()]
    lines += ["", "balanced" if balanced else "NOT BALANCED: a mail is missing, or stands where it should not"]
    return "\n".join(lines)
