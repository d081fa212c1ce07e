"""Ground: the SHA-256 of a mail, without a wait for the interpreter.

From 2048 bytes on `hashlib` lets go of the interpreter while it works. Where another thread is busy, to get it back
takes ten times as long as the digest of a usual mail.
"""

from __future__ import annotations

import hashlib
from typing import Final

PIECE_BYTES: Final = 2047
LARGE_BYTES: Final = 64 * 1024  # from here on the work is worth the wait, and others go on meanwhile


def sha256_of(data: bytes | memoryview) -> bytes:
    """The digest of `data`: 32 bytes."""
    if not PIECE_BYTES < len(data) < LARGE_BYTES:
        return hashlib.sha256(data).digest()
    view, digest = memoryview(data), hashlib.sha256()
    for start in range(0, len(view), PIECE_BYTES):
        digest.update(view[start : start + PIECE_BYTES])
    return digest.digest()
