"""What rspamd thinks of a mail, and how it is taught, by its HTTP protocol (docs.rspamd.com, "protocol").

Knows nothing of what its points are good for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from mailgate.model import Opinion
from mailgate.net.http import Answered, Http
from mailgate.net.judges import Shown, Unheard

NAME: Final = "rspamd"
MOST_MAIL_BYTES: Final = 4 << 20  # a larger mail is not shown: spam is small, and to send it takes longer than the wait
MOST_REASONS: Final = 12  # symbols that are named: those that weigh most
LONGEST_REASON: Final = 64  # characters
SAID_CHARS: Final = 200  # of why it would not learn
BAD_MAIL: Final = 400  # its answer to what it cannot read
LEARN_S: Final = 15.0  # until it has learned


class _Symbol(Struct, frozen=True):
    score: float = 0.0


class _Found(Struct, frozen=True):
    """What of an answer to /checkv2 is read."""

    score: float
    required_score: float = 15.0
    action: str = "no action"
    is_skipped: bool = False
    symbols: Mapping[str, _Symbol] = {}


class Rspamd:
    """One rspamd at `url`; `password` is that of its controller, "" where it wants none."""

    name = NAME

    def __init__(self, http: Http, url: str, password: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._credentials = [("Password", password)] if password else []

    async def opinion(self, mail: Shown) -> Opinion | None:
        """Its score; None for a mail that is too large to be spam, or that it does not look at. Raises Unheard."""
        if len(mail.raw) > MOST_MAIL_BYTES:
            return None
        asked = [("From", mail.mail_from), ("Ip", mail.ip), ("Helo", mail.helo), ("Queue-Id", mail.queue_id)]
        asked += [("Rcpt", address) for address in mail.rcpt_to]
        fields = [(name, value) for name, value in asked if value] + self._credentials
        return read(await self._http.post(f"{self._url}/checkv2", mail.raw, fields))

    async def learn(self, raw: bytes, *, spam: bool) -> str:
        """Teach it that a mail is spam, or that it is not; "" where it knows now, else why it would not learn.

        Raises:
            Unanswered: nobody was there.
        """
        path = "learnspam" if spam else "learnham"
        return taught(await self._http.post(f"{self._url}/{path}", raw, self._credentials, deadline_s=LEARN_S))


def read(answer: Answered) -> Opinion | None:
    """The opinion in an answer to /checkv2, None where it did not look at the mail. Raises Unheard."""
    if answer.status == BAD_MAIL:
        return Opinion(NAME, 0.0, unknown="it cannot read the mail")
    if not answer.good:
        raise Unheard(f"it answered {answer.status}")
    try:
        found = msgspec.json.decode(answer.body, type=_Found)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unheard("its answer is not rspamd's") from None
    if not math.isfinite(found.score) or not math.isfinite(found.required_score):
        return Opinion(NAME, 0.0, unknown="its score is no number")
    if found.is_skipped and found.action == "no action":
        return None
    # What it refuses outright need not have been counted.
    points = max(found.score, found.required_score) if found.action == "reject" else found.score
    weighty = sorted(found.symbols.items(), key=lambda one: (-abs(one[1].score), one[0]))
    says = [name[:LONGEST_REASON] for name, symbol in weighty if symbol.score or found.is_skipped]
    return Opinion(NAME, points, tuple(says[:MOST_REASONS]))


def taught(answer: Answered) -> str:
    """Why it did not learn, "" where it did, or had done so before: some versions say that by 208, others by 404."""
    if answer.good:
        return ""
    try:
        said: Any = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    error = str(said.get("error", "")) if isinstance(said, dict) else ""
    if "already learned" in error:
        return ""
    # Its words may name the mail by its Message-ID.
    words = " ".join(word for word in error.split() if "@" not in word)
    return f"it answered {answer.status} {words[:SAID_CHARS]}".rstrip()
