"""What stays of a mail when numbers, addresses, links and quotes are taken away: the same for a robot's every turn."""

from __future__ import annotations

import hmac
import unicodedata

import re2

MOST_CHARS = 20_000  # of the text; enough to tell letters apart
MOST_SUBJECT_CHARS = 1000

_NUMBERED_GROUP = re2.compile(r"[\[(][^\[\]()]*\d[^\[\]()]*[\])]")
_SIGNATURE = re2.compile(r"(?ms)^-- ?\r?$.*")
_MARKER = re2.compile(r"\bmg-[0-9a-z]{9}-[0-9a-z]{8}\b")
_DIGITS = re2.compile(r"\d+")
_LINK = re2.compile(r"\bhttps?://\S+")
_ADDRESS = re2.compile(r"\S+@\S+")
_BLANKS = re2.compile(r"\s+")


def fingerprint(subject: str, own_words: str, prefixes: tuple[str, ...], secret: bytes) -> str:
    """A keyed hash of the normalised subject and body; two mails that share it say the same.

    `own_words` is the text without what it quotes; a robot that quotes us would say something new at every turn.
    """
    body = _MARKER.sub("", _SIGNATURE.sub("", _folded(own_words[:MOST_CHARS])))
    body = _DIGITS.sub("#", _ADDRESS.sub("e", _LINK.sub("u", body)))
    plain = f"{normal_subject(subject, prefixes)}\n{_one_line(body)}"
    return hmac.digest(secret, plain.encode(), "sha256").hex()[:32]


def normal_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without stacked reply prefixes, ticket numbers and digits."""
    rest = _NUMBERED_GROUP.sub(" ", _folded(subject[:MOST_SUBJECT_CHARS]))
    return _one_line(_DIGITS.sub("#", base_subject(rest, prefixes)))


def base_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without stacked reply prefixes, otherwise as written."""
    rest = subject[:MOST_SUBJECT_CHARS].strip()
    while True:
        # A full-width colon is one character as well, so the places stay the same.
        head, colon, _ = rest.replace("：", ":").partition(":")
        if not colon or head.strip().lower() not in prefixes:
            return rest
        rest = rest[len(head) + 1 :].strip()


def _one_line(text: str) -> str:
    return str(_BLANKS.sub(" ", text)).strip()


def _folded(text: str) -> str:
    # A lone surrogate, which no encoding can write, must not stop a mail.
    whole = text.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", whole).casefold()
