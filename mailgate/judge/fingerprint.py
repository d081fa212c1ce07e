"""What stays of a mail when numbers, addresses, links and quotes are taken away: the same for a robot's every turn."""

from __future__ import annotations

import hmac
import unicodedata
from itertools import takewhile

import re2

MOST_CHARS = 20_000  # of the text; enough to tell letters apart
MOST_SUBJECT_CHARS = 1000
LONGEST_TAG = 60  # characters, brackets included
TELLING_CHARS = 120  # a text of so many says enough to be known without its subject
MARKER_HYPHENS = 2  # mg-xxxxxxxxx-yyyyyyyy

_NUMBERED_GROUP = re2.compile(r"[\[(][^\[\]()]*\d[^\[\]()]*[\])]")
_SIGNS = ("://", "@", "mg-")  # without any of these, every word is plain
_DIGITS = str.maketrans("0123456789", "##########")


def fingerprint(subject: str, own_words: str, prefixes: tuple[str, ...], secret: bytes) -> str:
    """A keyed hash of the normalised subject and body, of a long body alone; two mails that share it say the same.

    `own_words` is the text without what it quotes; a robot that quotes us would say something new at every turn.
    """
    text = _unsigned(_folded(own_words[:MOST_CHARS]))
    words = text.split()
    if any(sign in text for sign in _SIGNS):
        words = [plain for word in words if (plain := _plain(word))]
    body = _without_numbers(" ".join(words))
    whole = body if len(body) >= TELLING_CHARS else f"{normal_subject(subject, prefixes)}\n{body}"
    return keyed(whole, secret)


def keyed(text: str, secret: bytes) -> str:
    """A hash of `text` that nobody makes without the secret."""
    return hmac.digest(secret, text.encode("utf-8", "replace"), "sha256").hex()[:32]


def normal_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without stacked reply prefixes, ticket numbers and digits."""
    rest = _folded(subject[:MOST_SUBJECT_CHARS])
    if "[" in rest or "(" in rest:
        rest = str(_NUMBERED_GROUP.sub(" ", rest))
    return _without_numbers(" ".join(base_subject(rest, prefixes).split()))


def base_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without stacked reply prefixes, otherwise as written."""
    rest = subject[:MOST_SUBJECT_CHARS].strip()
    while True:
        # A full-width colon is one character as well, so the places stay the same.
        head, colon, _ = rest.replace("：", ":").partition(":")
        if not colon or head.strip().lower() not in prefixes:
            return rest
        rest = rest[len(head) + 1 :].strip()


def bare_subject(subject: str, prefixes: tuple[str, ...]) -> str:
    """The subject without reply prefixes and without what stands in brackets between or behind them, such as a list."""
    rest = base_subject(subject, prefixes)
    while rest.startswith("[") and (end := rest.find("]", 0, LONGEST_TAG)) > 0:
        rest = base_subject(rest[end + 1 :], prefixes)
    return rest


def _unsigned(text: str) -> str:
    """`text` down to the line that parts a signature from it."""
    if "--" not in text:
        return text
    return "\n".join(takewhile(lambda line: line.rstrip() != "--", text.split("\n")))


def _plain(word: str) -> str:
    """A word as it counts: every link, address and marker of ours is the same as any other."""
    if "://" in word:
        return "u"
    if "@" in word:
        return "e"
    return "" if word.startswith("mg-") and word.count("-") == MARKER_HYPHENS else word


def _without_numbers(text: str) -> str:
    text = text.translate(_DIGITS)
    while "##" in text:
        text = text.replace("##", "#")
    return text


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    # A lone surrogate, which no encoding can write, must not stop a mail.
    whole = text.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", whole).casefold()
