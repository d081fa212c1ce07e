"""Faces: a mail in a file or on standard input, as the bytes that were on the wire."""

from __future__ import annotations

import sys
from pathlib import Path


def read(file: Path, most_bytes: int) -> bytes:
    """The mail in `file`, - being standard input, with CRLF line ends; b"" where it is empty or blank.

    Raises:
        OSError: it cannot be read.
        ValueError: it has more than `most_bytes`.
    """
    if str(file) == "-":
        raw = sys.stdin.buffer.read(most_bytes + 1)
    else:
        with file.open("rb") as stream:
            raw = stream.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise ValueError(f"more than {most_bytes} bytes")
    return _on_the_wire(raw) if raw.strip() else b""


def _on_the_wire(raw: bytes) -> bytes:
    """Files and pipes have lines as some system writes them; on the wire they ended in CRLF, and were signed so."""
    if b"\r\n" in raw:
        return raw
    # Without any LF the lines are those of an old Mac.
    return raw.replace(b"\n" if b"\n" in raw else b"\r", b"\r\n")
