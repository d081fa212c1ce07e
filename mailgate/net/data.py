"""The bytes between 354 and the final dot. Pure: the caller brings what came and learns whether the end was in it.

One rule keeps smuggling out: a message ends at CR LF . CR LF and at nothing else. A dot alone between any other line
ends is something a careless server might take for the end, so a message that holds one is refused altogether.

The text is held as it came, behind a CR LF of our own that stands for the end of the DATA command. So the first line
needs no case of its own: not in an empty message, not for a stuffed dot, not for a shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec import Struct

END: Final = b"\r\n.\r\n"
BARE_LINE_END: Final = "bare-line-end"
LONG_LINE: Final = "long-line"

MAX_LINE_OCTETS: Final = 1000  # RFC 5321 section 4.5.3.1.6, line end included

COUNTED_AT_ONCE: Final = 64 * 1024

_SHAPES: Final = (b"\n.\n", b"\n.\r", b"\r.\r", b"\r.\n")


class Message(Struct, frozen=True):
    """What was received: `raw` after dot-unstuffing, else untouched; empty where it was too big to be kept."""

    raw: bytes
    too_big: bool
    smuggled: bool
    notes: tuple[str, ...]


@dataclass(slots=True)
class LineEnds:
    """The line ends of a text, counted in stretches: a regular expression takes a hundred times longer."""

    counted: int = 0
    pairs: int = 0
    singles: int = 0

    def count(self, text: bytearray, end: int) -> None:
        """Count on from where the last count ended to `end`."""
        start, self.counted = self.counted, end
        stretch = text[start:end]
        self.singles += _count(stretch, b"\n") + _count(stretch, b"\r")
        # A pair may lie across the border, half of it counted.
        self.pairs += text.count(b"\r\n", max(0, start - 1), end)

    @property
    def bare(self) -> bool:
        """Was there a CR without LF, or an LF without CR?"""
        return self.singles != 2 * self.pairs


def _count(text: bytearray, octet: bytes) -> int:
    """How often `octet` stands in `text`: `count` looks at every octet, `replace` leaps from one to the next."""
    return len(text) - len(text.replace(octet, b""))


class Incoming:
    """One message on its way in; holds no more than a third over the limit, whatever is sent."""

    def __init__(self, size_limit_bytes: int) -> None:
        self.received_bytes = 0
        self._limit = size_limit_bytes
        # A stuffed line has four octets for three, so no message within the limit is longer than this on the wire.
        self._wire_limit = size_limit_bytes + size_limit_bytes // 3 + len(END)
        self._too_big = False
        self._text = bytearray(END[:2])
        self._line_ends = LineEnds()

    def take(self, block: bytes | memoryview) -> bytes | None:
        """Keep what belongs to the message. What followed its end, or None while that has not come."""
        text = self._text
        self.received_bytes += len(block)
        searched = max(0, len(text) - len(END) + 1)
        text += block
        # Large mail is base64, which has no dot: looking for one character first is many times cheaper.
        end = text.find(END, searched) if text.find(b".", searched) >= 0 else -1
        behind = bytes(text[end + len(END) :]) if end >= 0 else None
        if end >= 0:
            del text[end + 2 :]
        if len(text) > self._wire_limit:
            # It is read to its end all the same: a client refused midway would take it for a lost connection.
            self._too_big = True
            del text[: 1 - len(END)]
        # Little by little, so that nobody waits for the end of a large mail; not what may still be the end.
        if len(text) - self._line_ends.counted > COUNTED_AT_ONCE:
            self._line_ends.count(text, len(text) - len(END))
        return behind

    def message(self) -> Message:
        """The message, once its end has been taken."""
        if self._too_big:
            return Message(b"", True, False, ())
        text, self._text = self._text, bytearray()
        self._line_ends.count(text, len(text))
        bare = self._line_ends.bare
        smuggled = bare and any(shape in text for shape in _SHAPES)
        raw = unstuffed(text)
        notes = (BARE_LINE_END,) * bare + (LONG_LINE,) * has_long_line(raw)
        return Message(raw, len(raw) > self._limit, smuggled, notes)


def unstuffed(text: bytearray) -> bytes:
    """The message without the CR LF before it and without the dots that the client had to add (RFC 5321 4.5.2)."""
    last_dot = text.rfind(b".")
    stuffed = text.find(b"\r\n.", 0, last_dot + 1) >= 0
    # Through a view, since a slice of a large mail would be one copy more.
    return bytes(memoryview(text.replace(b"\r\n.", b"\r\n") if stuffed else text)[2:])


def has_long_line(raw: bytes) -> bool:
    """Is any line longer than 1000 octets?

    Goes from one line start to the last one within reach, so it takes at most two steps for every 1000 octets.
    """
    start, end = 0, len(raw)
    while end - start > MAX_LINE_OCTETS:
        line_feed = raw.rfind(b"\n", start, start + MAX_LINE_OCTETS)
        if line_feed < 0:
            return True
        start = line_feed + 1
    return False
