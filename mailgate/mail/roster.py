"""A customer base as people keep it: a table of addresses, or the mails that we sent.

Reads lines as they come and keeps no more than it must, so that a list may be of any length. What is wrong with a table
is a value, one for each fault; a mail that says nothing of a customer says nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import re2

from mailgate.errors import Fault
from mailgate.mail import address, headers, words
from mailgate.model import Customer

# How the columns are called in the tables that people have; the first name is ours.
COLUMNS = {
    "address": ("address", "email", "e-mail", "mail", "email address", "e-mail address", "e-mail-adresse", "adresse"),
    "name": ("name", "full name", "display name", "contact", "kunde"),
    "company": ("company", "organisation", "organization", "account", "firma"),
}
DELIMITERS = (",", ";", "\t")
LONGEST_TEXT = 200  # characters of a name or company
LONGEST_SHOWN = 60  # characters of what was found, in a fault
HEAD_MOST_BYTES = headers.MOST_BYTES

# What a spreadsheet would take for a formula (OWASP, CSV injection): a name has no reason to begin so.
_FORMULA = "=+-@|%'\t\r\n "
# Between two mails of a mailbox file stands a line of its own: sender, day, month, time, year (RFC 4155).
_SEPARATOR = re2.compile(rb"^From \S.*\d{1,2}:\d\d(:\d\d)? .*\d{4}")
_BY_MACHINE = ("list-id", "list-unsubscribe", "list-post", "feedback-id", "x-autoreply")
_MASS = frozenset({"bulk", "list", "junk", "auto_reply"})


# ── Tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def table(lines: Iterable[str], file: str) -> Iterator[Customer | Fault]:
    """The customers of a table whose first line names its columns, and its faults, in order.

    Without a heading that can be used there is one fault and nothing else.
    """
    rest = iter(lines)
    first = next((line for line in rest if line.strip()), "")
    found = _heading(first.removeprefix("\ufeff"), file)
    if isinstance(found, Fault):
        yield found
        return
    delimiter, columns, width = found
    rows = csv.reader(rest, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            allowed = 'cells without ", or whole in "quotes" and with "" for one'
            yield Fault(file, rows.line_num + 1, "row", str(error), allowed)
        else:
            if any(cell.strip() for cell in row):
                yield _customer(row, columns, width, file, rows.line_num + 1)


def _heading(line: str, file: str) -> tuple[str, dict[str, int], int] | Fault:
    """The delimiter, the place of each column of ours, and how many columns there are."""
    for delimiter in DELIMITERS:
        names = [" ".join(cell.strip().strip('"').lower().split()) for cell in line.split(delimiter)]
        places = {column: [names.index(one) for one in known if one in names] for column, known in COLUMNS.items()}
        if places["address"]:
            return delimiter, {column: found[0] for column, found in places.items() if found}, len(names)
    allowed = "a first line that names the columns: address, name, company, with , or ; between them"
    return Fault(file, 1, "heading", _shown(line.strip()), allowed)


def _customer(row: Sequence[str], columns: dict[str, int], width: int, file: str, line: int) -> Customer | Fault:
    if len(row) != width:
        return Fault(file, line, "row", f"{len(row)} columns", f"{width}, as in the first line")
    written = row[columns["address"]].strip()
    found = address.addr_spec(written)
    if not found or "." not in found.rpartition("@")[2]:
        return Fault(file, line, "address", _shown(written), "one address, such as anne@example.com")
    texts = {column: cleaned(row[place]) for column, place in columns.items() if column != "address"}
    for column, text in texts.items():
        if len(text) > LONGEST_TEXT:
            return Fault(file, line, column, f"{len(text)} characters", f"at most {LONGEST_TEXT}")
    return Customer(found, **texts)


def cleaned(text: str) -> str:
    """A name on one line, without control characters and without what a spreadsheet would run."""
    return " ".join(words.clean(text.replace("\r", " ").replace("\n", " ")).split()).lstrip(_FORMULA).strip()


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…") if text else "nothing"


# ── Mails that we sent ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Addressed:
    """Somebody whom we wrote to, and when."""

    customer: Customer
    at: datetime


def addressed(head: bytes, is_ours: Container[str], key: Callable[[str], str]) -> Iterator[Addressed]:
    """Whom a mail was written to, if its author is one of `is_ours` and no machine wrote it.

    `head` is its header block; `key` makes of an address what `is_ours` holds.
    """
    fields = headers.fields(head)
    authors = address.parse(fields.values.get("from", ()))
    if len(authors) != 1 or key(authors[0].address) not in is_ours or _is_automatic(fields):
        return
    at = _date(fields.first("date"))
    for name in ("to", "cc", "bcc"):
        for one in address.parse(fields.values.get(name, ())):
            yield Addressed(Customer(one.address, cleaned(one.name)[:LONGEST_TEXT]), at)


def _is_automatic(fields: headers.Fields) -> bool:
    # RFC 3834 section 5: "no" says that a person wrote it.
    submitted = fields.first("auto-submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no") or fields.first("precedence").strip().lower() in _MASS:
        return True
    return any(name in fields.values for name in _BY_MACHINE)


def _date(value: str) -> datetime:
    """When a mail was written; long ago where it does not say."""
    try:
        found = parsedate_to_datetime(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def heads(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The header blocks of the mails in a mailbox file (mbox), each cut at `HEAD_MOST_BYTES`; bodies are passed by."""
    head: list[bytes] | None = None
    size, blank = 0, True
    for line in lines:
        bare = line.rstrip(b"\r\n")
        if blank and bare.startswith(b"From ") and _SEPARATOR.match(bare):
            if head:
                yield b"".join(head)
            head, size = [], 0
        elif head is not None and not bare:
            yield b"".join(head)
            head = None
        elif head is not None and size < HEAD_MOST_BYTES:
            head.append(line)
            size += len(line)
        blank = not bare
    if head:
        yield b"".join(head)
