"""Faces: `mailgate report tickets`: what was opened, answered and closed, when, in which queue and by whom."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import accounts, wiring
from mailgate.accounts import Account, Period, TicketReport
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame, as_json, table
from mailgate.cli.office import reading
from mailgate.cli.spans import Span
from mailgate.config.shapes import zone_of
from mailgate.model import Gateway
from mailgate.store import ticket_report

DAY = timedelta(days=1)
DATE = click.DateTime(["%Y-%m-%d"])
# What each column is called on a terminal, and where it stands in a row.
COUNTED = {"opened": "opened", "closed": "closed", "reopened": "reopened", "merged": "merged", "backlog": "open at end"}
WORK = {
    "answers": "answers",
    "answered": "tickets",
    "first_answers": "first answers",
    "first_median_h": "first h",
    "first_open_median_h": "open h",
    "solved_median_h": "solved h",
    "kept_percent": "in time %",
}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "day": COUNTED | {"answers": "answers", "first_median_h": "first h", "kept_percent": "in time %"},
    "queue": COUNTED | WORK,
    "agent": {"closed": "closed", "spam": "as spam"} | WORK,
}


@click.command("tickets", cls=Command)
@click.option("--since", "span", type=Span(), metavar="SPAN", help="The last 7d, 4w or 12h; 30d unless --from.")
@click.option("--from", "first", type=DATE, help="From this day on.")
@click.option("--to", "last", type=DATE, help="To the end of this day; today where it is not said.")
@click.option("--by", type=click.Choice(list(COLUMNS)), help="One line for each.")
@click.option("--zone", "zone_name", metavar="ZONE", help="Whose days, such as Europe/Berlin; the first mailbox's.")
@click.option("--csv", "as_csv", is_flag=True, help="One line for each day, queue or person, with all numbers.")
@click.pass_obj
def tickets(
    frame: Frame,
    /,
    *,
    span: timedelta | None,
    first: datetime | None,
    last: datetime | None,
    by: str | None,
    zone_name: str | None,
    as_csv: bool,
) -> None:
    """Say what was opened, answered and closed, how long that took, and by whom.

    Times are hours from the mail that began a ticket: `h` by the clock, `open h` within the opening hours of its
    mailbox.
    """
    if span and first:
        raise click.UsageError("--since or --from, not both")
    zone = _zone(frame, zone_name)
    found = read(frame, _period(zone, span or 30 * DAY, first, last))
    if as_csv:
        click.echo(_csv(_rows(found, by or "day")), nl=False)
    elif by:
        _show(frame, found, by)
    elif frame.json:
        click.echo(as_json(facts(found)))
    else:
        click.echo("\n".join(words(found)))


def read(frame: Frame, period: Period) -> TicketReport:
    """The report of a period. Raises NotAllowed where there is more in it than a report can hold."""
    gateway = wiring.gateway_of(settings_of(frame))
    return reading(frame, lambda conn: _read(conn, period, gateway))


def recent(zone: tzinfo, span: timedelta, now: datetime) -> Period:
    """The last days of the calendar, today being one of them; a span of less than a day as it is."""
    if span < DAY:
        return Period(now - span, now, zone)
    begins = now.astimezone(zone).date() - timedelta(days=span.days - 1)
    return Period(accounts.midnight(begins, zone), now, zone)


def zone_of_first(frame: Frame) -> tzinfo:
    """That of the first mailbox."""
    return zone_of(settings_of(frame).mailbox[0].timezone)


def _read(conn: Connection, period: Period, gateway: Gateway) -> TicketReport:
    lines = ticket_report.histories(conn, period.start)
    before = ticket_report.closed_before(conn, accounts.unclear(lines), period.start)
    mails = ticket_report.mails(conn, period.start, period.end)
    return accounts.made(lines, before, ticket_report.open_now(conn), mails, period=period, gateway=gateway)


def _zone(frame: Frame, name: str | None) -> tzinfo:
    try:
        return zone_of(name) if name else zone_of_first(frame)
    except (ValueError, KeyError, OSError) as error:
        raise click.UsageError(f"no time zone {name!r}: a name such as Europe/Berlin") from error


def _period(zone: tzinfo, span: timedelta, first: datetime | None, last: datetime | None) -> Period:
    now = wiring.clock()
    end = min(accounts.midnight(last.date() + DAY, zone), now) if last else now
    period = Period(accounts.midnight(first.date(), zone), end, zone) if first else recent(zone, span, end)
    if not period.start < period.end or period.end - period.start > accounts.MOST_DAYS * DAY:
        raise click.UsageError(f"a report is of 1 to {accounts.MOST_DAYS} days that have begun")
    return period


# ── How it is shown ───────────────────────────────────────────────────────────────────────────────────────────────────


def facts(found: TicketReport) -> dict[str, Any]:
    """All of it as one object."""
    return {
        "from": found.period.start,
        "to": found.period.end,
        "zone": str(found.period.zone),
        **found.total.row(),
        "mails": found.mails._asdict()
        | {"let_in_by_confirmation": found.let_in_by_confirmation, "let_in_by_people": found.let_in_by_people},
        "senders": [one._asdict() for one in found.senders],
        **{f"by_{by}": _rows(found, by) for by in COLUMNS},
    }


def words(found: TicketReport) -> Iterator[str]:
    """All of it on a page."""
    zone, total, mails = found.period.zone, found.total, found.mails
    start, last = (at.astimezone(zone).date() for at in (found.period.start, found.period.end - timedelta.resolution))
    yield f"Tickets from {_day(start)} to {_day(last)} ({zone})"
    yield ""
    row = total.row()
    yield f"  opened {total.opened}, reopened {total.reopened}, closed {total.closed} ({total.spam} as spam)" + (
        f", merged {total.merged}" if total.merged else ""
    )
    yield f"  not closed at the end: {total.backlog}"
    yield f"  first answer  {_took(row, 'first', len(total.first_h))}"
    yield f"  solved        {_took(row, 'solved', len(total.solved_h))}"
    if total.promised:
        yield f"  {row['kept_percent']} % of {total.promised} first answers came within the promised time"
    machine = mails.accepted - mails.persons
    share = accounts.percent(machine, mails.accepted) or 0
    yield ""
    yield f"mail: {mails.accepted} accepted, {machine} of them automatic ({share} %)"
    if mails.held:
        yield (
            f"  held {mails.held}: {mails.let_in} let in, {mails.spam} spam, {mails.waiting} wait;"
            f" tickets let in by confirmation: {found.let_in_by_confirmation}, by a person: {found.let_in_by_people}"
        )
    yield from (f"  {one.mails:>5}  {one.address}" for one in found.senders)
    for by in ("queue", "agent"):
        if rows := _rows(found, by):
            yield ""
            yield from _table(rows, by)


def _took(row: Mapping[str, Any], of: str, number: int) -> str:
    if not number:
        return "-"
    half, most = row[f"{of}_median_h"], row[f"{of}_p90_h"]
    opened = f"{row[f'{of}_open_median_h']} h and {row[f'{of}_open_p90_h']} h"
    return f"half within {half} h, nine of ten within {most} h (opening hours: {opened}); {number}"


def _day(day: date) -> str:
    return day.isoformat()


def _rows(found: TicketReport, by: str) -> list[dict[str, Any]]:
    rows: Mapping[str, Mapping[str, Account]] = {"day": found.days, "queue": found.queues, "agent": found.agents}
    return [{by: name} | account.row(by_person=by == "agent") for name, account in rows[by].items()]


def _show(frame: Frame, found: TicketReport, by: str) -> None:
    rows = _rows(found, by)
    if frame.json:
        frame.show(rows, (), "")
        return
    for line in _table(rows, by) if rows else ["Nothing lines."]:
        click.echo(line)


def _table(rows: Sequence[Mapping[str, Any]], by: str) -> Iterator[str]:
    columns = {by: by, **COLUMNS[by]}
    if not any(row.get("merged") for row in rows):
        columns.pop("merged", None)
    named = [{label: _cell_of(row[name], label) for name, label in columns.items()} for row in rows]
    yield from table(named, list(columns.values()))


def _cell_of(value: object, label: str) -> object:
    """Numbers stand at the right of their column."""
    return value if isinstance(value, str) else ("-" if value is None else str(value)).rjust(len(label))


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """A name that a spreadsheet would read as a formula is none."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@") else value
