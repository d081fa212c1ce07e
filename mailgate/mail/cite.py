"""The words of the mail that is answered, marked as old: one quote, below the answer, and nothing older in it."""

from __future__ import annotations

from datetime import datetime

from mailgate.mail import words
from mailgate.mail.phrases import Citing, cited_by
from mailgate.mail.quotes import Quotes
from mailgate.mail.reply import reply_of

MARK = ">"  # RFC 3676 section 4.5
LONGEST_LINE = 2000  # characters; some programs write a paragraph as one line
OMITTED = "[…]"  # stands for the lines that are left out


def quote(text: str, quotes: Quotes, marker: str, most_lines: int) -> str:
    """What somebody wrote himself in `text` (`\\n` lines), each line behind a mark; "" where he only quotes.

    His signature and older mail in it are left out, and what is longer than `most_lines` ends there. `marker` is how a
    line begins that only our own mail carries.
    """
    read = reply_of(text, quotes, marker)
    if not read.own.strip():
        return ""
    lines = [words.without_controls(line[:LONGEST_LINE]).rstrip() for line in read.text.split("\n")]
    if len(lines) > most_lines:
        lines = [*lines[:most_lines], OMITTED]
    return "\n".join(_marked(line) for line in lines)


def under(answer: str, quoted: str, citing: Citing | None, name: str, at: datetime) -> str:
    """An answer with the mail that it answers below: who wrote it and when, in his language, then his words.

    `at` is in the zone of whoever reads the mailbox; `name` is the stranger's own word for himself.
    """
    if not quoted:
        return answer
    said = cited_by(citing, words.without_links(name, words.LONGEST_TOLD_WORD), at) if citing else ""
    return f"{answer.rstrip()}\n\n{said}\n{quoted}\n" if said else f"{answer.rstrip()}\n\n{quoted}\n"


def _marked(line: str) -> str:
    if not line:
        return MARK
    return f"{MARK}{line}" if line.startswith(MARK) else f"{MARK} {line}"
