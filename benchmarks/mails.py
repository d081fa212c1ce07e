"""Mails that people could have written: plain text of about 2 KB, no two alike, the same in every run of one day."""

from __future__ import annotations

import base64
import random
import time
from dataclasses import dataclass, replace
from email.utils import formatdate

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from benchmarks.load import RECIPIENT

_SYLLABLES = ("ba", "do", "fe", "gi", "ko", "la", "me", "ni", "po", "ra", "so", "ti", "vu", "we")
_VOCABULARY = 2000
_WORDS_A_LINE = 11
_LINES = 24
DOMAINS = 5000


def _vocabulary() -> tuple[str, ...]:
    chance = random.Random(_VOCABULARY)
    return tuple("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 5))) for _ in range(_VOCABULARY))


_WORDS = _vocabulary()


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail with its sender; `raw` has CRLF lines."""

    mail_from: str
    raw: bytes


def author(number: int) -> str:
    """The address of one of any number of people, who share some thousand domains."""
    return f"person{number}@{domain(number)}"


def domain(number: int) -> str:
    """The domain of that person."""
    return f"customer{number % DOMAINS}.test"


def letter(number: int, person: int | None = None) -> Letter:
    """The mail of this number, from the person of the same number or another."""
    chance = random.Random(number)
    person = number if person is None else person
    fields = (
        f"From: Pat Person <{author(person)}>\r\n"
        f"To: <{RECIPIENT}>\r\n"
        f"Subject: {line(chance, 5)}\r\n"
        f"Message-ID: <{number}.{person}@{domain(person)}>\r\n"
        f"Date: {_today()}\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
    )
    body = "\r\n".join(line(chance, _WORDS_A_LINE) for _ in range(_LINES))
    return Letter(author(person), f"{fields}\r\nHello,\r\n\r\n{body}\r\n\r\nPat\r\n".encode())


def _today() -> str:
    """The beginning of this day: the same letter again is the same bytes, and what is old gets no answer."""
    return formatdate(time.time() // 86_400 * 86_400)


class Seal:
    """Signs letters by DKIM, with one key for all domains."""

    _SELECTOR = "mail"

    def __init__(self) -> None:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._private = base64.b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        self._record = f'"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"'

    def names(self, domain: str) -> dict[tuple[str, str], list[str]]:
        """What the name server has to know of a domain."""
        return {(f"{self._SELECTOR}._domainkey.{domain}", "TXT"): [self._record]}

    def signed(self, letter: Letter) -> Letter:
        """The letter with its signature (RFC 8463)."""
        domain = letter.mail_from.rpartition("@")[2].encode()
        algorithm = b"ed25519-sha256"
        field = dkim.sign(letter.raw, self._SELECTOR.encode(), domain, self._private, signature_algorithm=algorithm)
        return replace(letter, raw=field + letter.raw)


def line(chance: random.Random, words: int) -> str:
    """So many words on a line."""
    return " ".join(chance.choices(_WORDS, k=words))
