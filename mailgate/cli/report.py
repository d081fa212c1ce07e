"""Faces: `mailgate report`: what left by itself, what was withheld, how people were answered; and who loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import bulletin, wiring
from mailgate.cli import report_tickets
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.cli.office import reading
from mailgate.cli.spans import Span
from mailgate.judge import notice
from mailgate.judge.canonical import canonical
from mailgate.model import Loop
from mailgate.store import news
from mailgate.store import report as reports
from mailgate.store.report import DryRun, Report


@click.group("report", cls=Group, invoke_without_command=True)
@click.option("--since", "span", type=Span(), default="7d", show_default=True, metavar="SPAN", help="12h, 7d, 4w.")
@click.pass_context
def report(ctx: click.Context, span: timedelta) -> None:
    """Say what left by itself, what was withheld and why, and how people were answered."""
    if ctx.invoked_subcommand:
        return
    frame, now = ctx.ensure_object(Frame), wiring.clock()
    found = reading(frame, lambda conn: reports.report(conn, now - span))
    people = report_tickets.read(frame, report_tickets.recent(report_tickets.zone_of_first(frame), span, now))
    facts = asdict(found) | {"dry_run_now": settings_of(frame).replies.dry_run}
    lines = [*_words(found), "", *report_tickets.words(people)]
    frame.tell(facts | {"tickets": report_tickets.facts(people)}, "\n".join(lines))


report.add_command(report_tickets.tickets)


@report.command("loops")
@click.pass_obj
def loops(frame: Frame) -> None:
    """List who answers us like a machine, or was kept from more automatic mail by limits, within the last day."""
    settings = settings_of(frame)
    numbers = wiring.rulebook_of(settings).limits.report

    def read(conn: Connection) -> list[Loop]:
        now = wiring.clock()
        found, _ = news.gather(conn, now, numbers.withheld_per_day)
        worth = notice.worth(found, now, numbers, canonical(settings.notify.address))
        return [one.about for one in worth if isinstance(one.about, Loop)]

    rows = [_loop(one) for one in reading(frame, read)]
    frame.show(rows, ("address", "what", "count", "at", "mails", "rule", "free", "stop"), "Nobody loops.")


def _loop(loop: Loop) -> dict[str, Any]:
    return {
        "address": loop.address,
        "what": "answers like a machine" if loop.convicted else "withheld by limits",
        "count": loop.count,
        "at": loop.at,
        "mails": list(loop.mails),
        "rule": loop.rule,
        "free": bulletin.freed_by(loop),
        "stop": bulletin.stopped_by(loop),
    }


def _words(found: Report) -> Iterator[str]:
    yield f"Since {found.since:%Y-%m-%d %H:%M} UTC"
    yield ""
    yield "left by itself"
    for kind in found.left:
        fate = f"{kind.sent} sent, {kind.waiting} waiting, {kind.failed} failed, {kind.cancelled} cancelled"
        yield f"  {kind.kind:<12}{kind.granted:>7}   {fate}"
    promise = ": this must be 0" if found.backscatter else ""
    yield f"  {found.backscatter} of these answered a sender who was not proven{promise}"
    yield ""
    yield "withheld"
    yield from (f"  {one.mails:>7}   {one.reason}" for one in found.withheld)
    if not found.withheld:
        yield "  nothing"
    if found.dry_run.mails:
        yield ""
        yield from _dry(found.dry_run)


def _dry(found: DryRun) -> Iterator[str]:
    yield f"would have left but for the dry run: {found.mails} mails to {found.addresses} addresses"
    yield from (f"  {kind:<12}{number:>7}" for kind, number in sorted(found.kinds.items()))
    yield from (f"  {day.day:<12}{day.mails:>7}   to {day.addresses} addresses" for day in found.days)
    yield "  most to"
    yield from (f"    {number:>7}   {address}" for address, number in found.top)
