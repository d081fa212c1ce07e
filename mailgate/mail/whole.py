"""A message read to its end at once: what is asked for where somebody else does the reading. Never raises."""

from __future__ import annotations

from mailgate.mail.parse import read
from mailgate.mail.quotes import Quotes
from mailgate.mail.structure import Structure
from mailgate.mail.text import text_of
from mailgate.model import Mail


def whole(raw: bytes, quotes: Quotes) -> tuple[Mail, Structure, str]:
    """What the message says, its structure, and its text as by `text_of`."""
    mail, parts = read(raw)
    return mail, parts, text_of(raw, parts, quotes)
