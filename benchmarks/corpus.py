"""Mail that people once sorted into wanted and unwanted: the public corpus of SpamAssassin, which stands elsewhere.

MAILGATE_CORPORA names the folder that holds it. Weights were chosen on one half of it; the other half judges them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from benchmarks.load import MissingError
from mailgate.mail.parse import parse
from mailgate.model import Mail
from tests.corpora import CORPORA, absent

SOURCE = "sa-public-corpus"
INDEX = "index.jsonl"
DOMAIN = "spamassassin.taint.org"
OWNERS = (f"zzzz@{DOMAIN}", f"yyyy@{DOMAIN}")  # to whom the corpus was written, as it names them
BEFORE = datetime(2002, 1, 1, tzinfo=UTC)  # whatever says to have come earlier, or after the end, says nothing
AFTER = datetime(2004, 1, 1, tzinfo=UTC)


class Half(StrEnum):
    """A part of the corpus, by the SHA-256 of the file's name."""

    TUNED = "tuned"  # on which weights were chosen
    KEPT = "kept"  # and on which they never were


@dataclass(frozen=True, slots=True)
class Sorted:
    """One mail, and what people said of it."""

    name: str
    raw: bytes
    mail: Mail
    mail_from: str
    rcpt_to: str
    at: datetime  # when it came
    spam: bool


def sorted_mail(*halves: Half) -> list[Sorted]:
    """The mails of these halves in the order in which they came. Raises MissingError."""
    if lack := absent(INDEX):
        raise MissingError(lack)
    lines = (json.loads(line) for line in (CORPORA / INDEX).read_text().splitlines())
    names = [(one["path"], one["label"] == "spam") for one in lines if one["source"] == SOURCE]
    found = [_sorted(name, spam=spam) for name, spam in names if half_of(name) in halves]
    return sorted(found, key=lambda one: (one.at, one.name))


def half_of(name: str) -> Half:
    """The half that a file belongs to."""
    return Half.TUNED if hashlib.sha256(name.encode()).digest()[0] < 0x80 else Half.KEPT


def _sorted(name: str, *, spam: bool) -> Sorted:
    raw = (CORPORA / name).read_bytes()
    # The line that a mailbox file puts between mails is no part of any.
    raw = raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw
    mail = parse(raw)
    path = mail.headers.get("return-path", ("",))[0].strip(" <>")
    to = OWNERS[any("yyyy" in value for value in mail.headers.get("delivered-to", ()))]
    return Sorted(name, raw, mail, path, to, next(_came(mail), BEFORE), spam)


def _came(mail: Mail) -> Iterator[datetime]:
    """When it came, by the newest line of its way that says so."""
    for value in mail.headers.get("received", ()):
        try:
            at = parsedate_to_datetime(value.rpartition(";")[2].strip())
        except ValueError:
            continue
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        if BEFORE <= at < AFTER:
            yield at
