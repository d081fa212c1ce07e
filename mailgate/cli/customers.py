"""Faces: `mailgate senders import`, `link` and `unlink`: who our customers are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click

from mailgate.cli import rosterfile
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import EXIT_BAD_INPUT, Command, Frame, record
from mailgate.cli.office import agent_option, at_desk
from mailgate.cli.progress import Bar
from mailgate.cli.rosterfile import LATIN, Form
from mailgate.desk import Desk
from mailgate.desk.customers import MOST, Imported
from mailgate.errors import Damaged, Fault
from mailgate.judge.canonical import canonical
from mailgate.judge.customers import Kept
from mailgate.model import Contact, Customer

FAULTS_MOST = 100  # of a table that are told one by one
LEFT_OUT_MOST = 20  # addresses that are told one by one

WORDS = {
    Kept.NEW: "new",
    Kept.CHANGED: "known, and changed",
    Kept.UNCHANGED: "known, and as before",
    Kept.SILENT: "blocked, robot or undeliverable: they stay so",
    Kept.OURS: "left out: our own mailboxes",
    Kept.STAFF: "left out: our own people",
    Kept.MACHINE: "left out: addresses of machines",
}


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--as", "form", type=click.Choice([one.value for one in Form]), help="What FILE is; by its looks.")
@click.option(
    "--from", "ours", multiple=True, metavar="ADDRESS", help="Who of us wrote the mails, beside the mailboxes."
)
@click.option("--trust/--no-trust", "trusted", default=True, show_default=True, help="Ask none of them who he is.")
@click.option("--dry-run", is_flag=True, help="Only say what would be.")
@agent_option
@click.pass_obj
# Long because of its many options.
def import_(
    frame: Frame, *, file: Path, form: str | None, ours: tuple[str, ...], trusted: bool, dry_run: bool, agent: str
) -> int:
    """Make customers known: from a table (CSV: address, name, company), or from a mailbox of mails that we sent.

    A table with a fault is not imported at all, and all of its faults are listed. Nothing is sent to anybody.
    """
    kind = Form(form) if form else rosterfile.form_of(file)
    encoding = rosterfile.encoding_of(file) if kind is Form.CSV else ""
    if kind is Form.CSV:
        rows, faults, more = _checked(rosterfile.table(file, encoding))
        if faults:
            return _refused(frame, faults, more)
        people: Iterable[Customer] = _customers(file, encoding)
    else:
        mailboxes = [box.address for box in settings_of(frame).mailbox]
        listed = rosterfile.written_to(file, kind, {canonical(one) for one in (*mailboxes, *ours)})
        rows, people = len(listed), listed

    async def bring_in(desk: Desk) -> Imported:
        total = Imported()
        with Bar("Importing", hidden=frame.json) as bar:
            bar.expect(rows)
            for some in _pieces(people):
                done = await desk.bring_in(some, agent, trusted=trusted, source=file.name, dry_run=dry_run)
                total.kept.update(done.kept)
                total.left_out += done.left_out
                bar.advance(len(some))
        return total

    _tell(frame, at_desk(frame, bring_in), rows, encoding, dry_run=dry_run)
    return 0


def _checked(found: Iterable[Customer | Fault]) -> tuple[int, list[Fault], int]:
    """How many rows there are, the first faults, and how many more."""
    rows, faults, more = 0, list[Fault](), 0
    for one in found:
        if not isinstance(one, Fault):
            rows += 1
        elif len(faults) < FAULTS_MOST:
            faults.append(one)
        else:
            more += 1
    return rows, faults, more


def _customers(file: Path, encoding: str) -> Iterator[Customer]:
    for one in rosterfile.table(file, encoding):
        if isinstance(one, Fault):
            raise Damaged(f"{file} was changed while it was read", [str(one)])
        yield one


def _pieces(people: Iterable[Customer]) -> Iterator[list[Customer]]:
    rest = iter(people)
    while some := list(islice(rest, MOST)):
        yield some


def _refused(frame: Frame, faults: list[Fault], more: int) -> int:
    for fault in faults:
        click.echo(f"mailgate: {fault}", err=True)
    if more:
        click.echo(f"mailgate: and {more} faults more", err=True)
    number = len(faults) + more
    facts = {"imported": 0, "faults": number, "first": [record(one) for one in faults]}
    frame.tell(facts, f"Nothing was imported: {number} {'fault' if number == 1 else 'faults'}.")
    return EXIT_BAD_INPUT


def _tell(frame: Frame, done: Imported, rows: int, encoding: str, *, dry_run: bool) -> None:
    left_out = [{"address": address, "why": why} for address, why in done.left_out]
    facts = {"dry_run": dry_run, "rows": rows, "encoding": encoding, "left_out": left_out}
    facts |= {one.name.lower(): done.kept[one] for one in Kept}
    words = [f"{rows} customers were {'read; nothing was written, this would be' if dry_run else 'imported'}:"]
    words += [f"{done.kept[one]:>8} {WORDS[one]}" for one in Kept if done.kept[one]]
    words += [f"  left out: {address} ({why})" for address, why in done.left_out[:LEFT_OUT_MOST]]
    if len(done.left_out) > LEFT_OUT_MOST:
        words.append(f"  and {len(done.left_out) - LEFT_OUT_MOST} more")
    if encoding == LATIN:
        words.append("The file is not UTF-8; it was read as Latin-1. Look whether the names are right.")
    frame.tell(facts, "\n".join(words))


# ── Several addresses of one person ───────────────────────────────────────────────────────────────────────────────────


@click.command("link", cls=Command)
@click.argument("address")
@click.argument("other")
@agent_option
@click.pass_obj
def link(frame: Frame, address: str, other: str, agent: str) -> None:
    """Say that two addresses are one person's, with all that each is linked to already. `unlink` takes it back."""
    _told(frame, at_desk(frame, lambda desk: desk.link(address, other, agent)))


@click.command("unlink", cls=Command)
@click.argument("address")
@agent_option
@click.pass_obj
def unlink(frame: Frame, address: str, agent: str) -> None:
    """Say that an address is another person's than those it is linked to."""
    _told(frame, at_desk(frame, lambda desk: desk.unlink(address, agent)))


def _told(frame: Frame, contact: Contact) -> None:
    addresses = [one.address for one in contact.addresses]
    words = f"One person: {', '.join(addresses)}." if len(addresses) > 1 else f"{addresses[0]} stands alone."
    frame.tell({"name": contact.name, "company": contact.company, "addresses": addresses}, words)


ALL = (import_, link, unlink)
