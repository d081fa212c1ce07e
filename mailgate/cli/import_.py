"""Faces: `mailgate import`: old mailboxes into tickets, without a word to anybody."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from mailgate import mailboxes, wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import EXIT_BAD_INPUT, Command, Frame
from mailgate.cli.office import opened
from mailgate.cli.progress import Bar
from mailgate.config import Settings
from mailgate.errors import NotFound
from mailgate.importing import Importing, OldMail, Tally, batches
from mailgate.judge import admission
from mailgate.log import open_log
from mailgate.mailboxes import Place

_SPAN = re.compile(r"(\d{1,5})d")


@click.command("import", cls=Command)
@click.argument("paths", metavar="PATH...", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--mailbox", default="", metavar="ADDRESS", help="Ours, that they came to; else the first configured.")
@click.option(
    "--closed-after", metavar="DAYSd", help="Leave tickets open whose last mail is younger, 30d for instance."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only mail from this day on.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.pass_obj
def import_(
    frame: Frame,
    /,
    *,
    paths: tuple[Path, ...],
    mailbox: str,
    closed_after: str | None,
    since: datetime | None,
    dry_run: bool,
) -> int:
    """Bring in old mailboxes, answering nobody.

    They are Maildirs, mbox files (.gz too), folders of .eml files and single mails. Nobody becomes known by it. Mails
    become tickets by whom they answer, and closed ones unless --closed-after says otherwise. What is here is not
    brought in again, so an interrupted import is begun anew.
    """
    settings = settings_of(frame)
    gateway = wiring.gateway_of(settings)
    box = admission.mailbox_of(mailbox, gateway) if mailbox else gateway.mailboxes[0]
    if box is None:
        raise NotFound(f"{mailbox} is no mailbox of ours")
    make = partial(Importing, mailbox=box, closed_after=_span(closed_after), dry_run=dry_run)
    with tempfile.TemporaryDirectory(prefix="mailgate-import-") as folder, Bar("Reading", hidden=frame.json) as bar:
        places = mailboxes.find(paths, wiring.clock(), Path(folder), lambda: bar.advance(1))
        whole = [place for place in places if place.size_bytes <= mailboxes.LARGEST_BYTES]
        wanted = [place for place in whole if since is None or place.at >= since.replace(tzinfo=UTC)]
        tally = asyncio.run(_bring_in(settings, make, wanted, Bar("Bringing in", hidden=frame.json)))
    large = len(places) - len(whole)
    facts = {"new": tally.new, "tickets": tally.tickets, "known": tally.known, "too_large": large, "dry_run": dry_run}
    frame.tell(facts, _words(tally, large, dry_run=dry_run))
    return EXIT_BAD_INPUT if large else 0


async def _bring_in(settings: Settings, make: partial[Importing], places: list[Place], bar: Bar) -> Tally:
    gateway, book = wiring.gateway_of(settings), wiring.rulebook_of(settings)
    tally = Tally()
    async with opened(settings) as database:
        road = make(wiring.context_of(database, gateway, lambda: book, open_log(sys.stderr, logging.WARNING)))
        with bar:
            bar.expect(len(places))
            for some in batches([place.size_bytes for place in places]):
                mails = [OldMail(mailboxes.raw_of(place), place.at) for place in places[some.start : some.stop]]
                tally += await road.take(mails)
                bar.advance(len(mails), sum(len(mail.raw) for mail in mails))
    return tally


def _span(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise click.BadParameter(f"{text!r} is no number of days: 30d for instance", param_hint="--closed-after")
    return timedelta(days=int(found[1]))


def _words(tally: Tally, large: int, *, dry_run: bool) -> str:
    done = f"{tally.new} mails would be new" if dry_run else f"{tally.new} mails are in {tally.tickets} new tickets"
    words = [f"{done}; {tally.known} were here already."]
    words += [f"{large} are larger than {mailboxes.LARGEST_BYTES >> 20} MB, and were left out."] if large else []
    return "\n".join(words)
