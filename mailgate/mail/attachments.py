"""The files that a message carries, by names that are safe to show and to save. Opens none of them. Never raises.

A name is the sender's word: nothing of it may reach another folder, hide its ending or mean a device.
"""

from __future__ import annotations

import unicodedata

from msgspec import Struct

from mailgate.mail import headers, words
from mailgate.mail.structure import Part, Structure, structure_of

LONGEST_NAME_BYTES = 200  # in UTF-8; file systems take 255, and whoever saves it may need a few for himself
LONGEST_ENDING = 20  # characters of a file's ending that outlive a cut
LONGEST_ID = 998  # RFC 5322 section 2.1.1
LONGEST_TYPE = 127  # RFC 6838 section 4.2, with its slash and without

_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*/\\', "_"))  # by one file system or another
_JOINERS = frozenset("\u200c\u200d")  # invisible, and part of how some scripts are written
# Windows takes these for devices whatever ending follows; the raised digits are no slip.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³")}
)
_FILES = ("application/", "audio/", "font/", "image/", "model/", "video/", "message/rfc822", "message/global")
_REPORTS = frozenset({"message/global-delivery-status", "message/global-disposition-notification"})
_OUTLOOK = frozenset({"winmail.dat", "win.dat"})


class Attachment(Struct, frozen=True):
    """A file in a message; `part` is its place in `Structure.parts`."""

    part: int
    name: str  # never empty, no folder, no control characters
    content_type: str  # as declared
    size_bytes: int  # of the file; reckoned from the letters, where they are base64
    disposition: str  # "attachment", "inline", "" where it does not say
    content_id: str  # with angle brackets, "" where there is none

    def __str__(self) -> str:
        return f"{self.name} ({self.content_type}, {size_words(self.size_bytes)})"


def attachments_of(raw: bytes, read: Structure | None = None) -> tuple[Attachment, ...]:
    """Every file in the message, in order. `read` is its structure where somebody has found it already."""
    parts = (read or structure_of(raw)).parts
    return tuple(_attachment(raw, at, part) for at, part in enumerate(parts) if _is_file(part))


def safe_name(name: str) -> str:
    """`name` as it can be shown and saved anywhere, or "" where nothing of it is left."""
    shown = words.decode(name)
    shown = "".join(char for char in shown if char in _JOINERS or unicodedata.category(char) not in ("Cf", "Co", "Cs"))
    # Only what stands behind the last separator is a name, whichever system it was written on.
    shown = shown.replace("\\", "/").rstrip("/ .").rpartition("/")[2]
    shown = " ".join(shown.translate(_FORBIDDEN).split()).lstrip(". -")
    if shown.partition(".")[0].rstrip().lower() in _DEVICES:
        shown = f"_{shown}"
    return _shortened(shown)


def size_words(size_bytes: int) -> str:
    """A size as people read it: "812 bytes", "3 KB", "1.4 MB"."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1000:.0f} KB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def _is_file(part: Part) -> bool:
    """Whatever is called an attachment, has a name, or is of a type that is not text."""
    if part.content_type.startswith("multipart/"):
        return False
    if part.attached or part.file_name:
        return True
    return part.content_type.startswith(_FILES) and part.content_type not in _REPORTS


def _attachment(raw: bytes, at: int, part: Part) -> Attachment:
    name = safe_name(part.file_name) or f"part-{at}"
    unnamed_outlook = part.content_type == "application/octet-stream" and name.lower() in _OUTLOOK
    return Attachment(
        part=at,
        name=name,
        content_type="application/ms-tnef" if unnamed_outlook else words.clean(part.content_type)[:LONGEST_TYPE],
        size_bytes=_size_bytes(raw, part),
        disposition=_disposition(part),
        content_id=words.clean(part.content_id)[:LONGEST_ID],
    )


def _disposition(part: Part) -> str:
    """RFC 2183 section 2.8: an unknown word means attachment."""
    word = headers.parameters(part.disposition)[0]
    return word if word in ("", "inline") else "attachment"


def _size_bytes(raw: bytes, part: Part) -> int:
    written = part.end - part.start
    match part.encoding:
        case "base64":
            other = sum(raw.count(char, part.start, part.end) for char in (b"\n", b"\r", b" ", b"="))
            return (written - other) * 3 // 4
        case "quoted-printable":
            return len(part.body(raw, written))
        case _:
            return written


def _shortened(name: str) -> str:
    """`name` cut in front of its ending, so that the ending still tells what it is."""
    if len(name.encode()) <= LONGEST_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if dot and len(ending) <= LONGEST_ENDING else ""
    stem = stem if ending else name
    return stem.encode()[: LONGEST_NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore").rstrip(" .") + ending
