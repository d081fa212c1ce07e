"""Paragraphs that no person wrote for this mail: warnings on top, legal notices below, and our own earlier words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailgate.mail.quotes import Quotes
from mailgate.mail.reply.lines import Kind

_OLD: Final = (Kind.INTRODUCING, Kind.FIELD, Kind.QUOTED)
MOST_NOTICES = 5  # legal paragraphs in a row at the end
LEAST_NOTICE_CHARS = 80
MOST_NOTICE_CHARS = 20_000
LEAST_NOTICE_SIGNS = 3  # different phrases of the law in one paragraph
LEAST_SENT_CHARS = 20  # of a line that we know to have sent; shorter ones anybody writes


def mark_notices(lines: Sequence[str], kinds: list[Kind], quotes: Quotes) -> None:
    """Mark the warning at the top and the legal notices at the end of the new text as lines that sign."""
    if quotes.banners:
        _mark_banner(lines, kinds, quotes.banners)
    if quotes.legal is not None:
        _mark_legal(lines, kinds, quotes)


def mark_sent(lines: Sequence[str], kinds: list[Kind], sent: str) -> None:
    """Mark the lines that stand in `sent` as quoted: long ones, and short ones beside them."""
    known = {" ".join(line.split()) for line in sent.split("\n")} - {""}
    plain = [" ".join(line.split()) for line in lines]
    ours = [line in known for line in plain]
    for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
        beside = False
        for index in order:
            if kinds[index] is Kind.EMPTY:
                continue
            beside = ours[index] and (beside or len(plain[index]) >= LEAST_SENT_CHARS)
            if beside:
                kinds[index] = Kind.QUOTED


def _mark_banner(lines: Sequence[str], kinds: list[Kind], banners: tuple[str, ...]) -> None:
    start = next((index for index, kind in enumerate(kinds) if kind is not Kind.EMPTY), len(kinds))
    if start == len(kinds) or not lines[start].strip(" *_[(").casefold().startswith(banners):
        return
    end = next((index for index in range(start, len(kinds)) if kinds[index] is Kind.EMPTY), len(kinds))
    kinds[start:end] = [Kind.SIGNING] * (end - start)


def _mark_legal(lines: Sequence[str], kinds: list[Kind], quotes: Quotes) -> None:
    """From the end, or from the first old line, upwards: as long as paragraphs are notices."""
    word = "".join(kinds)
    old = min((at for kind in _OLD if (at := word.find(kind)) >= 0), default=len(kinds))
    for end in {len(kinds), old}:
        for number, (start, stop) in enumerate(_paragraphs_upwards(kinds, end)):
            text = "\n".join(lines[start:stop])
            alone = Kind.TEXT not in kinds[:start]  # then it is what the mail says
            if number == MOST_NOTICES or alone or not _is_legal(text, quotes):
                break
            kinds[start:stop] = [Kind.SIGNING] * (stop - start)


def _paragraphs_upwards(kinds: Sequence[Kind], end: int) -> Iterator[tuple[int, int]]:
    """Runs of lines of text above `end`, the lowest first, up to what is neither text nor empty."""
    while True:
        while end > 0 and kinds[end - 1] in (Kind.EMPTY, Kind.SIGNING):
            end -= 1
        start = end
        while start > 0 and kinds[start - 1] is Kind.TEXT:
            start -= 1
        if start == end:
            return
        yield start, end
        end = start


def _is_legal(text: str, quotes: Quotes) -> bool:
    if not LEAST_NOTICE_CHARS <= len(text) <= MOST_NOTICE_CHARS:
        return False
    return len({found.lower() for found in quotes.legal.findall(text)}) >= LEAST_NOTICE_SIGNS
