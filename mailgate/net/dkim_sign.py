"""DKIM signatures on what leaves (RFC 6376, 8301, 8463): relaxed/relaxed, the whole body, and no field can be added.

dkimpy brings both into canonical form; net/dkim_key.py does the sums. The keys and the time are handed in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from dkim.canonicalization import Relaxed

from mailgate.domains import a_label
from mailgate.model import DkimKey
from mailgate.net import dkim_guard
from mailgate.net.dkim_guard import Field

VALID_S: Final = 7 * 86_400  # a relay may keep a mail for five days; what was signed longer ago is somebody's replay
LINE_CHARS: Final = 76
PIECE_CHARS: Final = 72  # of a signature on one line
# What a reader is shown, what programs act on, and what says that a machine wrote it. Each is named once more than it
# is there (RFC 6376 section 5.4.2), so that nobody adds a second one that is read in the place of ours.
SIGNED: Final = (
    *(b"from", b"reply-to", b"subject", b"to", b"cc", b"date", b"message-id", b"in-reply-to", b"references"),
    *(b"auto-submitted", b"precedence", b"x-auto-response-suppress"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
)

Pen = Callable[[bytes], bytes]  # makes the signature of a SHA-256 hash


class Signer:
    """Signs with every key it is given, or leaves mail as it is where it has none."""

    def __init__(self, keys: Sequence[DkimKey] = ()) -> None:
        """Raises ValueError: a key is damaged, or not of its algorithm."""
        self._keys = [(key, _pen(key)) for key in keys]

    @property
    def selectors(self) -> list[str]:
        """Under which names it signs."""
        return [key.selector for key, _ in self._keys]

    def sign(self, raw: bytes, now: datetime) -> bytes:
        """`raw` (CRLF lines) under one signature for each key, for the domain of its From; the first key's on top.

        What names no single author is left as it is.
        """
        head, body = dkim_guard.split(raw)
        fields = dkim_guard.fields(head) if self._keys else None
        domain = _author_domain(fields or ())
        if not fields or not domain:
            return raw
        covered = _covered(fields)
        present = Counter(name for name, _ in covered)
        names = b":".join(name for name in SIGNED for _ in range(present[name] + 1)).decode()
        header = b"".join(b"%b:%b" % field for field in covered)
        digest = base64.b64encode(hashlib.sha256(_canonical_body(body)).digest()).decode()
        began = int(now.timestamp())
        signatures = []
        for key, pen in self._keys:
            lines = [
                f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain}; s={key.selector};",
                f" t={began}; x={began + VALID_S}; bh={digest};",
                *_folded(f" h={names};"),
                " b=",
            ]
            signatures.append(_signature("\r\n".join(lines), header, pen))
        return b"".join([*signatures, raw])


def _pen(key: DkimKey) -> Pen:
    # Here, for a daemon that signs nothing need not carry the library: some 7 MiB.
    from mailgate.net.dkim_key import signing  # noqa: PLC0415

    return signing(key)


def _author_domain(fields: Iterable[Field]) -> str:
    """The domain of the one From field, as an A-label; "" where there is none, or more than one field."""
    authors = [value for name, value in fields if name.lower() == b"from"]
    if len(authors) != 1:
        return ""
    _, at, domain = authors[0].rpartition(b"@")
    name = a_label(domain.strip().removesuffix(b">").decode("utf-8", "replace"))
    return name if at and dkim_guard.HOST.fullmatch(name.encode()) else ""


def _covered(fields: Sequence[Field]) -> list[Field]:
    """The fields that are signed, canonical, in the order of their names; of one name the last comes first."""
    by_name: dict[bytes, list[Field]] = {name: [] for name in SIGNED}
    for field in reversed(Relaxed.canonicalize_headers(fields)):
        by_name.get(field[0], []).append(field)
    return list(chain.from_iterable(by_name.values()))


def _canonical_body(body: bytes) -> bytes:
    canonical: bytes = Relaxed.canonicalize_body(dkim_guard.canonical_body(body, relaxed=True))
    return canonical


def _signature(unsigned: str, header: bytes, pen: Pen) -> bytes:
    """The whole field with its line end; `unsigned` is its value up to `b=`."""
    ((name, value),) = Relaxed.canonicalize_headers([(b"DKIM-Signature", unsigned.encode())])
    digest = hashlib.sha256(header + b"%b:%b" % (name, value.removesuffix(b"\r\n"))).digest()
    text = base64.b64encode(pen(digest)).decode()
    pieces = "\r\n  ".join(text[place : place + PIECE_CHARS] for place in range(0, len(text), PIECE_CHARS))
    return f"DKIM-Signature: {unsigned}{pieces}\r\n".encode()


def _folded(names: str) -> list[str]:
    """A long h= on several lines, cut behind colons (RFC 6376 section 3.5)."""
    lines = [""]
    for piece in re.findall(r"[^:]*:|[^:]+", names):
        if len(lines[-1]) + len(piece) > LINE_CHARS:
            lines.append("  ")
        lines[-1] += piece
    return lines
