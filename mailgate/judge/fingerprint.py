"""What stays of a mail when numbers, addresses, links and quotes are taken away: the same for a robot's every turn."""

from __future__ import annotations

import hmac
import unicodedata

import re2

MOST_CHARS = 20_000  # of the text; enough to tell letters apart

_NUMBERED_GROUP = re2.compile(r"[\[(][^\[\]()]*\d[^\[\]()]*[\])]")
_DIGITS = re2.compile(r"\d+")
_LINK = re2.compile(r"(?i)\bhttps?://\S+")
_ADDRESS = re2.compile(r"\S+@\S+")
_BLANKS = re2.compile(r"\s+")


def fingerprint(subject: str, text: str, prefixes: tuple[str, ...], secret: bytes) -> str:
    """A keyed hash of the normalised subject and body; two mails that share it say the same."""
    body = _LINK.sub("U", _folded(text[:MOST_CHARS]))
    body = _BLANKS.sub(" ", _DIGITS.sub("#", _ADDRESS.sub("E", body))).strip()
    plain = f"{normal_subject(subject, prefixes)}\n{body}"
    return hmac.digest(secret, plain.encode("utf-8", "replace"), "sha256").hex()[:32]


def normal_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without stacked reply prefixes, ticket numbers and digits."""
    rest = _NUMBERED_GROUP.sub(" ", _folded(subject)).strip()
    while True:
        head, colon, tail = rest.replace("：", ":").partition(":")
        if not colon or head.strip() not in prefixes:
            break
        rest = tail.strip()
    return str(_BLANKS.sub(" ", _DIGITS.sub("#", rest))).strip()


def base_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without stacked reply prefixes, otherwise as written."""
    rest = subject.strip()
    while True:
        head, colon, tail = rest.partition(":")
        if not colon or head.strip().lower() not in prefixes:
            return rest
        rest = tail.strip()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
