"""Faces: `mailgate rules replay`: what other rules would have done with the mail of the last days."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from tempfile import SpooledTemporaryFile

import click

from mailgate import wiring
from mailgate.cli import replay_words
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.cli.office import opened
from mailgate.cli.progress import Bar
from mailgate.cli.rules_folder import named
from mailgate.cli.spans import Span
from mailgate.config import Settings
from mailgate.errors import NotFound
from mailgate.judge import admission
from mailgate.model import Mailbox
from mailgate.replaying import Replaying
from mailgate.rulebook import Rulebook

IN_MEMORY_BYTES = 4 << 20  # of lines that wait; more wait in a file


@click.command("replay", cls=Command)
@click.option("--since", "since", type=Span(), default="7d", show_default=True, metavar="SPAN", help="12h, 7d, 4w ago.")
@click.option("--until", "until", type=Span(), metavar="SPAN", help="Only mail judged longer ago than that.")
@click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The rule files to try, laid over those that are shipped; else those that lie there now.",
)
@click.option("--mailbox", default="", metavar="ADDRESS", help="Show only mail to this one.")
@click.option("--all", "everything", is_flag=True, help="Show mail that comes out as before too.")
@click.pass_obj
def replay(
    frame: Frame,
    /,
    *,
    since: timedelta,
    until: timedelta | None,
    folder: Path | None,
    mailbox: str,
    everything: bool,
) -> None:
    """Judge stored mail again by the rule files as they are now, or by others, and show what would be different.

    Each mail is judged by the history of its own moment, and what earlier mail would have changed counts. Nothing is
    written and nothing leaves; a running daemon is not disturbed.
    """
    settings = settings_of(frame)
    book = named(settings, folder).book
    box = admission.mailbox_of(mailbox, wiring.gateway_of(settings))
    if mailbox and box is None:
        raise NotFound(f"{mailbox} is no mailbox of ours")
    asyncio.run(_replay(frame, settings, book, (since, until), box, everything=everything))


async def _replay(
    frame: Frame,
    settings: Settings,
    book: Rulebook,
    span: tuple[timedelta, timedelta | None],
    box: Mailbox | None,
    *,
    everything: bool,
) -> None:
    now, (since, until) = wiring.clock(), span
    times = now - since, now - until if until else now
    sums = replay_words.Sums()
    # Lines wait until the bar is gone, which would be torn apart by them.
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, mode="w+", encoding="utf-8") as shown:
        async with opened(settings) as database:
            road = Replaying(database, wiring.gateway_of(settings), book)
            with Bar("Judging", hidden=frame.json) as bar:
                bar.expect(await road.mails(*times))
                async for one in road.run(*times, tell=bar.advance):
                    if box is None or one.mailbox == box.address:
                        sums.add(one)
                        if one.changes or everything:
                            shown.write(replay_words.shown(one, in_json=frame.json))
        shown.seek(0)
        for line in shown:
            click.echo(line, nl=False)
    facts = sums.facts(road.gaps, book.version)
    frame.tell(facts, "\n".join(sums.words(road.gaps)))
