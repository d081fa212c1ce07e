"""Old mailboxes as they lie on a disk: Maildir, mbox, single mails; found, put in order and read one by one.

Of each mail only its place and its time are in memory. An mbox is read as its writers meant it: a line `From ` after a
blank one begins a mail, and a `>` before a quoted one goes (RFC 4155, and mboxrd for more than one).
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from mailgate.errors import TryAgain
from mailgate.mail.parse import parse

MAILS_MOST = 5_000_000  # of one import; each takes some 200 bytes of memory
LARGEST_BYTES = 100 << 20  # of one mail
_HEAD_BYTES = 64 * 1024  # in which its Date is looked for
_LINE_BYTES = 64 * 1024  # read at once, though lines may be longer
_BEGIN, _OLDEST = b"From ", datetime(1980, 1, 1, tzinfo=UTC)
_BLANK = (b"\n", b"\r\n")
_SINGLE = (".eml", ".msg", ".txt")
_MANY = (".mbox", ".mbx")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail lies, and when it came: by its Date, or by that of its file."""

    file: Path
    start: int
    end: int
    at: datetime
    in_mbox: bool

    @property
    def size_bytes(self) -> int:
        """Of the mail as it lies there."""
        return self.end - self.start


def find(paths: Sequence[Path], now: datetime, unpacked: Path, seen: Callable[[], None] = lambda: None) -> list[Place]:
    """Every mail below `paths`, the oldest first. What is packed is unpacked into the folder `unpacked`, and `seen` is
    called for each mail.

    No mail is from later than `now`. Raises:
        OSError: a file cannot be read.
        TryAgain: there are more than MAILS_MOST.
    """
    found: list[Place] = []
    for file in (file for path in paths for file in _files(path)):
        for place in _places(_plain(file, unpacked), now):
            if len(found) == MAILS_MOST:
                raise TryAgain(f"more than {MAILS_MOST} mails; bring in a part of them")
            found.append(place)
            seen()
    return sorted(found, key=lambda place: place.at)


def raw_of(place: Place) -> bytes:
    """The mail as it was on the wire: lines end in CRLF."""
    with place.file.open("rb") as stream:
        stream.seek(place.start)
        raw = stream.read(min(place.size_bytes, LARGEST_BYTES))
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    if place.in_mbox:
        lines = [line[1:] if line.startswith(b">") and line.lstrip(b">").startswith(_BEGIN) else line for line in lines]
    return b"\r\n".join(lines)


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _files(path: Path) -> Iterator[Path]:
    """The files with mail at `path`: in a Maildir those of its folders, elsewhere those with such a name."""
    if not path.is_dir():
        yield path
        return
    if (path / "cur").is_dir():
        for folder in (path / "cur", path / "new"):
            inside = sorted(folder.iterdir()) if folder.is_dir() else []
            yield from (file for file in inside if file.is_file() and not file.name.startswith("."))
    for below in sorted(path.iterdir()):
        if below.is_dir() and not below.is_symlink() and below.name not in ("cur", "new", "tmp"):
            yield from _files(below)
        elif below.is_file() and below.name.removesuffix(".gz").endswith((*_SINGLE, *_MANY)):
            yield below


def _plain(file: Path, unpacked: Path) -> Path:
    if file.suffix != ".gz":
        return file
    target = unpacked / f"{len(list(unpacked.iterdir()))}-{file.stem}"
    with gzip.open(file, "rb") as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return target


def _places(file: Path, now: datetime) -> Iterator[Place]:
    stat = file.stat()
    before = datetime.fromtimestamp(stat.st_mtime, UTC)
    with file.open("rb") as stream:
        if stream.read(len(_BEGIN)) != _BEGIN:
            stream.seek(0)
            head = stream.read(_HEAD_BYTES)
            if head.strip():
                yield Place(file, 0, stat.st_size, _time(head, before, now), in_mbox=False)
            return
        stream.seek(0)
        for start, end, head in _cut(stream):
            before = _time(head, before, now)
            yield Place(file, start, end, before, in_mbox=True)


def _cut(stream: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Where each mail of an mbox begins and ends, without the blank line behind it; and its first bytes."""
    start, at, head = 0, 0, bytearray()
    blank, whole = b"\n", True  # the line before, where it was blank, and whether it ended
    while line := stream.readline(_LINE_BYTES):
        if whole and blank and line.startswith(_BEGIN):
            if start:
                yield start, at - len(blank), bytes(head)
            start, head = at + len(line), bytearray()
        elif len(head) < _HEAD_BYTES:
            head += line
        blank = line if whole and line in _BLANK else b""
        whole = line.endswith(b"\n")
        at += len(line)
    if start:
        yield start, at - len(blank), bytes(head)


def _time(head: bytes, before: datetime, now: datetime) -> datetime:
    """When a mail came that begins so: by its Date, or else with the one `before` it."""
    date = parse(head).date
    return min(date, now) if date and date >= _OLDEST else min(before, now)
