"""The digest of a mail is that of the standard, however it is come by."""

from __future__ import annotations

import hashlib

import pytest

from mailgate.digest import LARGE_BYTES, PIECE_BYTES, sha256_of

EDGES = (PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, LARGE_BYTES - 1, LARGE_BYTES)


@pytest.mark.parametrize("size", [0, 1, *EDGES, *(edge + 1 for edge in EDGES)])
def test_it_is_sha_256(size: int) -> None:
    data = bytes(number % 251 for number in range(size))

    assert sha256_of(data) == hashlib.sha256(data).digest()
    assert sha256_of(memoryview(data)[size // 3 :]) == hashlib.sha256(data[size // 3 :]).digest()
