"""Somebody else's mail inside a forwarded one: who wrote it and what, from the forms in which programs forward.

There are two: the whole mail as an attachment, and a block of header fields with the text below it. Which words begin
such a block and name its fields stands in rules/quotes.toml. A block that an answer quotes looks the same, so it counts
only where the mail says that it forwards: by its subject, or by the line above the block. Never raises.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

from mailgate.mail import address, parse
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply.lines import EDGES, RULE_SIGNS, field_of
from mailgate.mail.structure import Structure
from mailgate.mail.text import text_of
from mailgate.mail.words import clean
from mailgate.model import Forwarded, Mail, Mailaddr

MOST_LINES = 2000  # among which a block is looked for
MOST_FIELDS = 20  # lines of a block
MOST_BYTES = 256 * 1024  # of an enclosed mail: its words stand before its files, and anybody may enclose one
LEAST_FIELDS = 3
MOST_BLANK = 2  # lines between the line that introduces a block and the block
LONGEST_LINE = 1000
_AROUND: Final = f"{RULE_SIGNS}{EDGES}:<>"
_ENCLOSED: Final = ("message/rfc822", "message/global")


class _Block(Struct, frozen=True):
    """A block of header fields in a text: its lines are `lines[start:end]`, without the signs of a quote."""

    start: int  # of the line that introduces it, where there is one
    end: int
    fields: dict[str, str]  # by role: "from", "subject", …
    introduced: bool  # by a line that says that a mail is forwarded


def forwarded(
    raw: bytes, mail: Mail, parts: Structure, text: str, *, quotes: Quotes, prefixes: Collection[str]
) -> Forwarded | None:
    """The mail inside, or None where this is none that forwards.

    `text` is that of `raw`; `prefixes` are those of subjects that are forwarded, lower case.
    """
    return _enclosed(raw, parts, text, quotes, prefixes) or _inline(mail, text, quotes, prefixes)


def plain_subject(subject: str, prefixes: Collection[str]) -> str:
    """The subject without any prefix of `prefixes` before it, however many there are."""
    rest = subject.strip()
    while True:
        head, colon, tail = rest.replace("：", ":", 1).partition(":")
        if not colon or head.strip(" [").lower() not in prefixes:
            # Outlook on some phones sets brackets around: [Fwd: x]
            return rest[:-1].rstrip() if subject.strip().startswith("[") and rest.endswith("]") else rest
        rest = tail.strip()


# ── The whole mail as an attachment ───────────────────────────────────────────────────────────────────────────────────


def _enclosed(raw: bytes, parts: Structure, text: str, quotes: Quotes, prefixes: Collection[str]) -> Forwarded | None:
    part = next((one for one in parts.parts if one.content_type in _ENCLOSED), None)
    if part is None:
        return None
    inner = part.body(raw, MOST_BYTES)
    mail, inside = parse.read(inner)
    if mail.author is None:
        return None
    words = text_of(inner, inside, quotes)
    # A mail that is nothing but an enclosed one has its text for its own.
    above = "" if text.strip() == words.strip() else text
    return Forwarded(
        mail.author, plain_subject(mail.subject, prefixes), words, above.strip(), mail.message_id, mail.date
    )


# ── A block of fields in the text ─────────────────────────────────────────────────────────────────────────────────────


def _inline(mail: Mail, text: str, quotes: Quotes, prefixes: Collection[str]) -> Forwarded | None:
    if "@" not in text:
        return None
    lines = text.split("\n", MOST_LINES)
    block = _block(lines, quotes)
    if block is None or not (block.introduced or _forwards(mail.subject, prefixes)):
        return None
    author = _author(block.fields["from"])
    if author is None:
        return None
    subject = plain_subject(clean(block.fields.get("subject", "")) or mail.subject, prefixes)
    quoted = lines[block.end - 1].lstrip(EDGES).startswith(">")
    below = [_unquoted(line) for line in lines[block.end :]] if quoted else lines[block.end :]
    above = "\n".join(lines[: block.start]).strip()
    return Forwarded(author, subject, "\n".join(below).strip(), above, at=parse.date(block.fields.get("date", "")))


def _forwards(subject: str, prefixes: Collection[str]) -> bool:
    return subject.replace("：", ":").partition(":")[0].strip(" [").lower() in prefixes


def _block(lines: Sequence[str], quotes: Quotes) -> _Block | None:
    """The first header block that names its author by his address."""
    for at, line in enumerate(lines):
        if "@" in line and len(line) <= LONGEST_LINE and field_of(_bare(line), quotes) == "from":
            found = _around(lines, at, quotes)
            if found:
                return found
    return None


def _around(lines: Sequence[str], at: int, quotes: Quotes) -> _Block | None:
    """The block that the author's line `at` stands in, if it is one."""
    start, end = at, at + 1
    while start > max(at - MOST_FIELDS, 0) and field_of(_bare(lines[start - 1]), quotes):
        start -= 1
    while end < min(len(lines), at + MOST_FIELDS) and (skip := _goes_on(lines, end, quotes)):
        end += skip
    fields: dict[str, str] = {}
    role = ""
    for line in lines[start:end]:
        bare = _bare(line)
        named = field_of(bare, quotes)
        role = named or role
        value = bare.replace("：", ":", 1).partition(":")[2].strip(f"{EDGES}*") if named else bare
        fields[role] = f"{fields[role]} {value}".strip() if role in fields and not named else fields.get(role, value)
    if sum(bool(field_of(_bare(line), quotes)) for line in lines[start:end]) < LEAST_FIELDS:
        return None
    above = next((place for place in range(start - 1, max(start - 2 - MOST_BLANK, -1), -1) if _bare(lines[place])), -1)
    introduced = above >= 0 and _bare(lines[above]).strip(_AROUND).casefold() in quotes.forwards
    ruled = above >= 0 and (introduced or _is_rule(_bare(lines[above]), quotes))
    return _Block(above if ruled else start, end, fields, introduced)


def _goes_on(lines: Sequence[str], end: int, quotes: Quotes) -> int:
    """How many lines further the block goes: a field, one after an empty line, or what was folded; 0 for no more."""
    if field_of(_bare(lines[end]), quotes):
        return 1
    after = _bare(lines[end + 1]) if end + 1 < len(lines) else ""
    if field_of(after, quotes) and len(lines[end]) <= LONGEST_LINE:
        return 2
    return 0


def _is_rule(bare: str, quotes: Quotes) -> bool:
    """A line of signs, or one of the words that stand above any old mail."""
    words = bare.strip(_AROUND)
    return not words or words.casefold() in quotes.originals


def _bare(line: str) -> str:
    return line.lstrip(f"{EDGES}>").rstrip(EDGES)


def _unquoted(line: str) -> str:
    rest = line.lstrip(EDGES)
    return rest[1:].removeprefix(" ") if rest.startswith(">") else line


def _author(value: str) -> Mailaddr | None:
    """The one address of a field as programs show it: `Anne <anne@x.test>`, `anne@x.test [mailto:anne@x.test]`."""
    # HTML made into text, and Outlook, write the address twice.
    value = value.replace("[mailto:", "<").replace("<mailto:", "<").replace("]", ">").strip("*")
    found = {one.address.lower(): one for one in address.parse((value,))}
    if len(found) == 1:
        return next(iter(found.values()))
    inside = value.rpartition("<")[2].partition(">")[0]
    return Mailaddr(inside.strip(), clean(value.partition("<")[0]).strip(' "')) if address.addr_spec(inside) else None
