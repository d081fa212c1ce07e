"""What the status code of a mail that did not arrive says: is nobody there, was it of the moment, or was it of us?

RFC 3463 section 3, with what was registered since (RFC 7372, RFC 7505) and what large hosts mean by it. A code that
says nothing counts as nobody there: what comes back for ever is worse than a warning too many.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import re2

LONGEST_WHY = 300  # characters of what is told of a failure

_CODE: Final = re2.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")


class Meaning(StrEnum):
    """What follows for the next mail to the same address."""

    NOBODY = "nobody is there"
    LATER = "it may arrive another time"
    REFUSED = "this mail was refused, perhaps not another"


# By subject and detail of a permanent failure; what a subject means without a detail that stands here is its first.
_PERMANENT: Final[dict[int, tuple[Meaning, dict[int, Meaning]]]] = {
    0: (Meaning.NOBODY, {}),
    # 5.1.7 and 5.1.8 are of our own address, 5.1.9 of the way there.
    1: (Meaning.NOBODY, {5: Meaning.REFUSED, 7: Meaning.REFUSED, 8: Meaning.REFUSED, 9: Meaning.REFUSED}),
    2: (Meaning.NOBODY, {2: Meaning.LATER, 3: Meaning.REFUSED}),
    3: (Meaning.REFUSED, {1: Meaning.LATER}),
    # Exchange Online says 5.4.1 for an address that does not exist.
    4: (Meaning.LATER, {1: Meaning.NOBODY, 3: Meaning.NOBODY, 4: Meaning.NOBODY}),
    5: (Meaning.REFUSED, {}),
    6: (Meaning.REFUSED, {}),
    7: (Meaning.REFUSED, {}),
}


def meaning(status: str) -> Meaning:
    """What `status` ("5.1.1", "" where none was given) means where the mail is given up."""
    code = _CODE.fullmatch(status)
    if not code:
        return Meaning.NOBODY
    if code[1] != "5":
        return Meaning.LATER
    usual, special = _PERMANENT.get(int(code[2]), (Meaning.NOBODY, {}))
    return special.get(int(code[3]), usual)


def why(address: str, status: str, reason: str) -> str:
    """One line for the history of a ticket: who was not reached, the code, and what the other host said of it."""
    said = " ".join(part for part in (status if status not in reason else "", reason) if part)
    return f"{address}: {said or 'no reason was given'}"[:LONGEST_WHY]
