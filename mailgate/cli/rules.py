"""Faces: `mailgate rules`."""

from __future__ import annotations

import click

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.cli.queues import doubtful
from mailgate.cli.rules_history import history


@click.group("rules", cls=Group)
def rules() -> None:
    """Check the rule files, and see which of them judged."""


rules.add_command(history)


@rules.command("check")
@click.pass_obj
def check(frame: Frame) -> None:
    """Read all rule files and name every fault. A running daemon is not touched."""
    settings = settings_of(frame)
    folder, book = wiring.rules_folder(settings), wiring.rulebook_of(settings)
    notes = [*map(str, book.notes), *doubtful(book.signals.rules.all, settings)]
    words = [f"{folder} is in order (version {book.version}).", *(f"Note: {note}" for note in notes)]
    frame.tell({"folder": str(folder), "version": book.version, "notes": notes}, "\n".join(words))
