"""SPF (RFC 7208): may this client send for this domain? Knows nothing of alignment or of what follows.

The evaluation is pyspf's, which asks DNS in the middle of its work and waits. Here it never waits: it is run on the
answers known so far, stops at the first question without one, and is run again when the answer has come. A mail
needs some three to eight runs of 0.1 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import spf as pyspf
from msgspec import Struct

from mailgate.net.resolver import Lookup, Missing, Names, Trouble

QUESTIONS_MAX: Final = 128  # ten lookups of up to ten hosts each (RFC 7208 section 4.6.4), and the records themselves
RECORD_BYTES_MAX: Final = 4096  # RFC 7208 section 3.4 advises 450
TERM_BYTES_MAX: Final = 256  # the expressions that pyspf puts to a term take the square of its length

Question: TypeAlias = tuple[str, str]


class Spf(Struct, frozen=True):
    """The result in the words of RFC 8601. `permissive`: the record lets anybody pass, or says nothing of others."""

    result: str
    domain: str
    permissive: bool = False
    why: str = ""


async def check(names: Names, *, ip: str, helo: str, mail_from: str) -> Spf:
    """Evaluate MAIL FROM, or postmaster at the HELO name for the null sender (RFC 7208 section 2.4)."""
    local, _, domain = (mail_from or f"postmaster@{helo}").rpartition("@")
    known: dict[Question, Lookup[Any]] = {}
    for _ in range(QUESTIONS_MAX):
        run = _Run(ip, helo, local, domain, known)
        try:
            result, _, _ = run.check()
        except _UnansweredError as question:
            known[question.key] = await names.ask(*question.key)
        else:
            return Spf(result, domain, run.permissive, _printable(getattr(run, "prob", "")))
    return Spf("permerror", domain, why="too many questions")


class _UnansweredError(Exception):
    def __init__(self, key: Question) -> None:
        super().__init__(*key)
        self.key = key


class _Run(pyspf.query):  # type: ignore[misc]  # pyspf has no annotations
    """One evaluation on the answers known so far."""

    def __init__(self, ip: str, helo: str, local: str, domain: str, known: Mapping[Question, Lookup[Any]]) -> None:
        super().__init__(i=ip, s=f"{local}@{domain}", h=helo, strict=True)
        # pyspf cuts an address at its first "@", which in a quoted local part is the wrong one.
        self.l, self.o, self.d = local or "postmaster", domain, domain
        self.known = known
        self.permissive = False

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """In place of pyspf's: answer from what is known, count what is void, or stop."""
        name = name.rstrip(".").lower()
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        found = self.known.get((name, qtype))
        if found is None:
            raise _UnansweredError((name, qtype))
        if isinstance(found, Trouble):
            raise pyspf.TempError(found.why)
        if isinstance(found, Missing) or not found:
            self._count_void(ignore_void=ignore_void)
            return []
        # pyspf wants the strings of a TXT record apart.
        return [(record,) for record in found] if qtype == "TXT" else list(found)

    def check0(self, spf: str | None, recursion: int) -> Any:
        """In place of pyspf's: refuse what is out of all proportion, and remember who lets anybody pass."""
        terms = (spf or "").lower().split(" ")
        if len(spf or "") > RECORD_BYTES_MAX or any(len(term) > TERM_BYTES_MAX for term in terms):
            raise pyspf.PermError("record or term too long")
        # In an included record `?all` means no more than "not by me".
        anybody = {"all", "+all"} if recursion else {"all", "+all", "?all"}
        self.permissive |= not anybody.isdisjoint(terms)
        return super().check0(spf, recursion)

    def get_explanation(self, spec: str) -> None:
        """Never asked for: a stranger's words that nobody will read."""

    def _count_void(self, *, ignore_void: bool) -> None:
        self.void_lookups += not ignore_void
        if self.void_lookups > pyspf.MAX_VOID_LOOKUPS:
            raise pyspf.PermError("too many lookups without an answer")


def _printable(text: str) -> str:
    """A reason may quote names out of a stranger's record."""
    return "".join(character if character.isprintable() else "?" for character in text)[:120]
