"""Ground: a value as one line of JSON in pure ASCII, which every database, terminal and log reader takes as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

Encode = Callable[[Any], str]


def encoder(otherwise: Callable[[Any], Any] | None = None) -> Encode:
    """What writes values; `otherwise` makes something that JSON has words for from what it has none for."""
    fast = msgspec.json.Encoder(enc_hook=otherwise).encode
    careful = json.JSONEncoder(separators=(",", ":"), default=otherwise).encode

    def encode(value: Any) -> str:
        try:
            text = fast(value)
        except UnicodeEncodeError:  # a lone surrogate, which mail can bring
            return careful(value)
        # The fast one writes UTF-8, and knows no other way.
        return text.decode() if text.isascii() else careful(value)

    return encode
