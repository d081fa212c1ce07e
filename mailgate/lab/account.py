"""What came of it: what a peer sent, what it got, what stood against more, and where its mail is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from mailgate.judge import breaker
from mailgate.model import Scope, State
from mailgate.store import conduct, queries
from mailgate.store.queries import Ledger
from mailgate.store.views import JudgedLine
from mailgate.testing import Lab, Sent

PAGE_ROWS = 1000
QUOTES = "it quotes a mail of ours"
MOST_READ = 500  # mails whose bytes are read back, the newest


@dataclass(frozen=True, slots=True)
class Account:
    """One peer's stay in the laboratory. `stopped` counts, by reason, the mails that got no automatic answer."""

    peer: str
    does: str
    days: float
    mails: int
    sent: tuple[Sent, ...]
    promised: int
    stopped: dict[str, int]
    ledger: Ledger
    breaker: str
    took_s: float

    @property
    def automatic(self) -> int:
        """How many automatic mails left."""
        return len(self.sent)

    @property
    def kinds(self) -> dict[str, int]:
        """The same, by kind."""
        return dict(Counter(sent.kind for sent in self.sent))

    @property
    def kept(self) -> bool:
        """Did the rules keep their promise, and is every mail accounted for?"""
        return self.automatic <= self.promised and self.ledger.balanced and not self.ledger.shunted


def account_of(lab: Lab, answered: set[int]) -> tuple[dict[str, int], str]:
    """Why the mails that are not among the `answered` journal ids got no automatic answer; how the breaker stands."""
    reasons = Counter(_why(line) for line in judged(lab) if line.id not in answered)
    stands = lab.database.look(lambda conn: conduct.breakers(conn, [""])).get((Scope.ALL, ""))
    return dict(reasons.most_common()), breaker.state(stands, lab.now).value


def judged(lab: Lab) -> Iterator[JudgedLine]:
    """Every mail that came in, newest first."""
    before: int | None = None
    while page := lab.database.look(partial(queries.judged, limit=PAGE_ROWS, before=before)):
        yield from page
        before = page[-1].id


def visible_and_judged(lab: Lab) -> bool:
    """Is every mail stored, in a place where people find it, with a record of why it is there?"""
    lines = list(judged(lab))
    read = [lab.database.look(partial(queries.raw_of_journal, journal_id=line.id)) for line in lines[:MOST_READ]]
    return (
        len(lines) == lab.ledger().accepted
        and all(read)
        and all(line.verdict and line.verdict["trail"] for line in lines)
        and not any(line.state in (State.PENDING, State.SHUNTED) for line in lines)
        and bool(lab.ledger().balanced)
    )


def _why(line: JudgedLine) -> str:
    found: dict[str, Any] = line.verdict or {}
    trail = [(step["check"], step["result"]) for step in found.get("trail", [])]
    linked = [result for check, result in trail if check == "thread"]
    if linked:
        return f"it belongs to a mail of ours: {linked[0]}"
    objections: list[str] = found.get("respond", {}).get("reasons", [])
    said = found.get("suppressed") or next(iter(objections), "")
    # A new ticket that nothing objects to is acknowledged, unless its sender shows that he had a mail of ours before.
    quotes = line.state is State.TICKETED and not any(check in ("gate", "flood") for check, _ in trail)
    return said or (QUOTES if quotes else line.reason)
