"""Net: how a front and the keeper write down what they say to each other: a JSON header and raw bytes. Pure.

Both are processes of ours, and while they are renewed one by one they may be of neighbouring versions: so what is in
a header is looked up by name, and names are only added.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from mailgate.model import Arrival, Peer, Protocol, Reply, Role

MOST_HEADER_BYTES: Final = 8 << 20  # ten thousand recipients, each as long as an address may be
_LENGTHS: Final = struct.Struct(">II")

Header = dict[str, Any]


class FrameError(Exception):
    """The stream is not what the other one would write: hang up."""


def frame(header: Header, body: bytes = b"") -> tuple[bytes, bytes]:
    """One frame, as two pieces to be written one after the other, so that a large body is not copied."""
    # Pure ASCII: an address may hold bytes that are no UTF-8, and comes back as it was.
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(body)) + text, body


class Frames:
    """Cuts what comes in into frames."""

    def __init__(self, most_body_bytes: int) -> None:
        self._most_body_bytes = most_body_bytes
        self._buffer = bytearray()
        self._needed = _LENGTHS.size

    def feed(self, data: bytes) -> Iterator[tuple[Header, bytes]]:
        """The header and body of each frame that `data` completes. Raises FrameError."""
        self._buffer += data
        while len(self._buffer) >= self._needed:
            header_bytes, body_bytes = _LENGTHS.unpack_from(self._buffer)
            if header_bytes > MOST_HEADER_BYTES or body_bytes > self._most_body_bytes:
                raise FrameError(f"a frame of {header_bytes} and {body_bytes} bytes")
            body_at = _LENGTHS.size + header_bytes
            self._needed = body_at + body_bytes
            if len(self._buffer) < self._needed:
                return
            view = memoryview(self._buffer)
            text, body = bytes(view[_LENGTHS.size : body_at]), bytes(view[body_at : self._needed])
            view.release()
            del self._buffer[: self._needed]
            self._needed = _LENGTHS.size
            yield _header(text), body


def _header(text: bytes) -> Header:
    try:
        header = json.loads(text)
    except ValueError as error:
        raise FrameError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise FrameError("a header that is no object")
    return header


def arrival_header(arrival: Arrival) -> Header:
    """All of `arrival` but its raw bytes."""
    peer = arrival.peer
    return {
        "from": arrival.mail_from,
        "to": arrival.recipients,
        "at": arrival.at.isoformat(),
        "notes": arrival.notes,
        "peer": {
            "ip": peer.ip,
            "helo": peer.helo,
            "tls": peer.tls,
            "known": peer.known,
            "protocol": peer.protocol,
            "role": peer.role,
            "utf8": peer.utf8,
            "via": peer.via,
        },
    }


def arrival_of(header: Header, raw: bytes) -> Arrival:
    """The arrival that was written down. Raises FrameError."""
    try:
        peer = dict(header["peer"])
        return Arrival(
            mail_from=header["from"],
            recipients=tuple(header["to"]),
            raw=raw,
            peer=Peer(**{**peer, "protocol": Protocol(peer["protocol"]), "role": Role(peer["role"])}),
            at=datetime.fromisoformat(header["at"]),
            notes=tuple(header["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError(f"no arrival: {error}") from error


def reply_lists(replies: Sequence[Reply]) -> list[tuple[int, str, bool]]:
    """Replies as a header holds them."""
    return [(reply.code, reply.text, reply.close) for reply in replies]


def replies_of(lists: Sequence[Sequence[Any]]) -> list[Reply]:
    """The replies that were written down. Raises FrameError."""
    try:
        return [Reply(int(code), str(text), bool(close)) for code, text, close in lists]
    except (TypeError, ValueError) as error:
        raise FrameError(f"no replies: {error}") from error
