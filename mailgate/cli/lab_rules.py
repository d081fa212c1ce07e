"""Faces: `mailgate lab rules`: a week of made-up mail, and what one edited rule file would have done with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from mailgate import rulebook
from mailgate.cli import replay_words
from mailgate.cli.frame import Command, Frame
from mailgate.cli.progress import Bar
from mailgate.lab.play import DESK
from mailgate.lab.week import EDITED, EDITED_FILE, play_week
from mailgate.replaying import Replaying
from mailgate.rulebook import Rulebook
from mailgate.testing import Lab

MOST_DAYS = 366
MOST_MAILS = 100_000


@click.command("rules", cls=Command)
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=7, show_default=True, help="Simulated days.")
@click.option("--mails", type=click.IntRange(1, MOST_MAILS), default=200, show_default=True, help="Mails that come.")
@click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Rule files of yours to try on it, laid over those that are shipped.",
)
@click.pass_obj
def rules(frame: Frame, /, *, days: int, mails: int, folder: Path | None) -> None:
    """Judge a week of mail, then judge it again by one edited rule file, and show the difference.

    The week is made up and the same every time. Each line names the rule that says so by its file and line.
    """
    with TemporaryDirectory(prefix="mailgate-lab-") as place:
        book = _edited(Path(place), folder)
        if folder is None and not frame.json:
            click.echo(f"The edited file, {EDITED_FILE}:\n\n{EDITED}")
        asyncio.run(_play(frame, book, days=days, mails=mails))


def _edited(place: Path, folder: Path | None) -> Rulebook:
    """The shipped rules with those of `folder` over them, else with the edited file. Raises ConfigError."""
    own = folder
    if own is None:
        own = place / "local"
        own.mkdir()
        (own / EDITED_FILE).write_text(EDITED)
    return rulebook.load(rulebook.shipped_folder(), own)


async def _play(frame: Frame, book: Rulebook, *, days: int, mails: int) -> None:
    sums = replay_words.Sums()
    async with Lab(overrides=DESK) as lab:
        with Bar("mails", hidden=frame.json) as bar:
            bar.expect(2 * mails)
            await play_week(lab, days=days, mails=mails, tell=bar.advance)
            road = Replaying(lab.database, lab.context.gateway, book)
            found = [one async for one in road.run(lab.now - timedelta(days=3 * days), lab.now + timedelta(days=1))]
            bar.advance(len(found))
    for one in found:
        sums.add(one)
        if one.changes:
            click.echo(replay_words.shown(one, in_json=frame.json), nl=False)
    frame.tell(sums.facts(road.gaps, book.version), "\n".join(sums.words(road.gaps)))
