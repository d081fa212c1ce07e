"""Tags: single words that a ticket bears, as they are written down. Knows no ticket."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 50  # characters
MOST: Final = 20  # of one ticket
ALLOWED: Final = f"single words of at most {LONGEST} characters, without a comma"


def tag_of(text: str) -> str:
    """The tag that somebody means by `text`: in lower case and without the # before it; "" where it is none."""
    tag = unicodedata.normalize("NFC", text).strip().removeprefix("#").casefold()
    plain = tag.isprintable() and not any(char.isspace() or char == "," for char in tag)
    return tag if 0 < len(tag) <= LONGEST and plain else ""
