"""Faces: `mailgate senders export` and `forget`: one person's data, handed out or erased because he asks for it."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

import click
from sqlalchemy import Connection

from mailgate import wiring
from mailgate.cli.frame import Command, Frame, as_json, record
from mailgate.cli.office import agent_option, at_desk, reading
from mailgate.cli.progress import Bar, in_words
from mailgate.desk import Desk
from mailgate.desk.forgetting import Erasure
from mailgate.errors import NotAllowed
from mailgate.store import dossier, queries
from mailgate.store.forgetting import Traces

ABOUT = "person.json"
OF_OWNER = 0o600


@click.command("export", cls=Command)
@click.argument("address")
@click.option(
    "--to", type=click.Path(path_type=Path), default=Path(), show_default=True, help="A folder, or a file (.zip)."
)
@click.pass_obj
def export(frame: Frame, address: str, to: Path) -> None:
    """Put all that we hold of one person, linked addresses included, into one file: JSON, and mails as they were."""
    people, traces = at_desk(frame, lambda desk: desk.traces(address))
    file = to if to.suffix == ".zip" else to / f"{_file_name(people[0])}-{wiring.clock():%Y-%m-%d}.zip"
    try:
        stream = os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, OF_OWNER)
    except OSError as error:
        raise NotAllowed(f"{file}: {error.strerror}") from error
    try:
        with os.fdopen(stream, "w+b") as opened, zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
            reading(frame, lambda conn: _put(conn, archive, people, traces, frame))
    except BaseException:
        file.unlink()
        raise
    facts = {"file": str(file), "addresses": people, "mails": len(traces.messages), "tickets": len(traces.tickets)}
    size = in_words(file.stat().st_size)
    words = f"{file}: {len(traces.messages)} mails, {len(traces.tickets)} tickets of {', '.join(people)}; {size}."
    frame.tell(facts, f"{words}\nLook through it before you hand it out: other people may be named in these mails.")


def _put(conn: Connection, archive: zipfile.ZipFile, people: tuple[str, ...], traces: Traces, frame: Frame) -> None:
    rows = dossier.of_person(conn, people, traces.tickets)
    archive.writestr(ABOUT, _pretty({"made_at": wiring.clock(), "addresses_asked_for": people, **rows}))
    with Bar("Exporting", hidden=frame.json) as bar:
        bar.expect(len(traces.messages) + len(traces.shunted))
        for number in traces.messages:
            raw = queries.raw_of_message(conn, number) or b""
            archive.writestr(f"mails/{number}.eml", raw)
            archive.writestr(f"mails/{number}.json", _pretty(dossier.of_message(conn, number)))
            bar.advance(1, len(raw))
        for number in traces.shunted:
            archive.writestr(f"set-aside/{number}.eml", queries.raw_of_journal(conn, number) or b"")
            bar.advance(1)


def _file_name(address: str) -> str:
    """An address may have a slash."""
    return "".join(char if char.isalnum() or char in "@._-" else "_" for char in address).lstrip(".")


def _pretty(value: object) -> str:
    return json.dumps(json.loads(as_json(value)), indent=2, ensure_ascii=False)


@click.command("forget", cls=Command)
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@agent_option
@click.pass_obj
def forget(frame: Frame, address: str, yes: bool, agent: str) -> None:
    """Erase what we hold of one person, linked addresses included. This cannot be taken back.

    Ticket numbers and counts stay, and what others wrote. Backups keep everything until they are removed.
    """
    if not yes:
        _ask(at_desk(frame, lambda desk: desk.to_forget(address)))

    async def erase(desk: Desk) -> Erasure:
        with Bar("Erasing", hidden=frame.json) as bar:
            bar.expect((await desk.to_forget(address)).mails)
            return await desk.forget(address, agent, removed=bar.advance)

    done = at_desk(frame, erase)
    words = [
        f"Erased: {', '.join(done.addresses)}; {done.mails} mails; {done.tickets} tickets are bare numbers now.",
        f"{done.mentions} rows of others named him, and no longer do.",
    ]
    if done.permits:
        words.append(f"{done.permits} permits keep an address, for the limits; `mailgate db prune` takes them in time.")
    words += [f"{one} stays without a name, so that nothing automatic is sent to it." for one in done.standing]
    words.append("Backups made until now still hold everything: remove them, or let them run out.")
    frame.tell(record(done), "\n".join(words))


def _ask(found: Erasure) -> None:
    """Only a person at a terminal can say yes."""
    words = f"Erase {', '.join(found.addresses)}: {found.mails} mails and the content of {found.tickets} tickets"
    if not sys.stdin.isatty():
        raise NotAllowed(f"{words}? Nobody is here to ask; say --yes")
    click.confirm(f"{words}?", abort=True, err=True)


ALL = (export, forget)
