"""Faces: a customer base as a file or folder on disk, read piece by piece however large it is."""

from __future__ import annotations

import codecs
import os
from collections.abc import Container, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path

from mailgate.errors import Fault, NotAllowed
from mailgate.judge.canonical import canonical
from mailgate.mail import roster
from mailgate.mail.roster import Addressed
from mailgate.model import Customer

PIECE_BYTES = 1 << 20
LONGEST_LINE = 1 << 20  # what is longer is read as several
MOST_PEOPLE = 1_000_000  # of one mailbox

LATIN = "latin-1"
_BY_MARK = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Form(StrEnum):
    """How a customer base is kept."""

    CSV = "csv"
    MBOX = "mbox"
    MAILDIR = "maildir"


def form_of(path: Path) -> Form:
    """What lies at `path`, by its looks."""
    if path.is_dir():
        return Form.MAILDIR
    with path.open("rb") as file:
        return Form.MBOX if file.read(5) == b"From " else Form.CSV


def encoding_of(path: Path) -> str:
    """How a table is written: as it says in its first bytes, else UTF-8, or Latin-1 where it cannot be that."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        head = file.read(4)
        if marked := next((name for mark, name in _BY_MARK if head.startswith(mark)), ""):
            return marked
        file.seek(0)
        try:
            for piece in iter(partial(file.read, PIECE_BYTES), b""):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return LATIN
    return "utf-8"


def table(path: Path, encoding: str) -> Iterator[Customer | Fault]:
    """The customers and the faults of a table, in order."""
    # Line ends as they are, because a cell in quotes may hold some.
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        yield from roster.table(iter(partial(file.readline, LONGEST_LINE), ""), str(path))


def written_to(path: Path, form: Form, ours: Container[str]) -> list[Customer]:
    """Everybody whom the mails in a mailbox were written to, each by the name in the newest one.

    Raises NotAllowed where these are more than `MOST_PEOPLE`.
    """
    newest: dict[str, Addressed] = {}
    for head in _heads(path, form):
        for one in roster.addressed(head, ours, canonical):
            key = canonical(one.customer.address)
            before = newest.get(key)
            if key and (before is None or one.at >= before.at):
                newest[key] = one if one.customer.name or before is None else Addressed(before.customer, one.at)
        if len(newest) > MOST_PEOPLE:
            raise NotAllowed(f"{path} was written to more than {MOST_PEOPLE} people")
    return [one.customer for one in newest.values()]


def _heads(path: Path, form: Form) -> Iterator[bytes]:
    if form is Form.MBOX:
        with path.open("rb") as file:
            yield from roster.heads(iter(partial(file.readline, LONGEST_LINE), b""))
        return
    folders = [folder for name in ("cur", "new") if (folder := path / name).is_dir()]
    if not folders:
        raise NotAllowed(f"{path} is no Maildir: it has neither cur nor new")
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file():
                    with open(entry.path, "rb") as file:
                        yield _head(file.read(roster.HEAD_MOST_BYTES))


def _head(raw: bytes) -> bytes:
    end = min((at for at in (raw.find(b"\n\n"), raw.find(b"\n\r\n")) if at >= 0), default=len(raw) - 1)
    return raw[: end + 1]
