"""How a relay named our mail anew, learnt from its last answer by the tables of rules/relays.toml.

What is learnt is a hint by which an answer finds its thread; it proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import re2
from msgspec import Struct

from mailgate.errors import ConfigError
from mailgate.tables import Document, Tables

MOST_RELAYS = 100
LONGEST_PATTERN = 1000  # characters
LONGEST_ALIAS = 320  # what an address may have (RFC 5321 section 4.5.3.1), and no Message-ID is longer in practice
_KEYS: Final = ("name", "host", "answer", "domain")


class Renaming(Struct, frozen=True):
    """One table: which relay, what of its answer is the id, and the domain of its ids."""

    host: Any  # a pattern of re2, which has no types; None for any relay
    answer: Any
    domain: str


class Learner(Struct, frozen=True):
    """What is known of the relay that takes our mail. Without an `answer` it keeps the names that we give."""

    answer: Any = None
    domain: str = ""

    def alias(self, said: str) -> str:
        """The Message-ID that a mail has from now on, small letters and no brackets; "" where it has our own.

        `said` is what the relay answered when it took the mail.
        """
        found = self.answer.search(said) if self.answer else None
        if not found:
            return ""
        left, _, domain = found[1].strip("<>").lower().partition("@")
        alias = f"{left}@{domain or self.domain}"
        return alias if left and alias.isascii() and len(alias) <= LONGEST_ALIAS else ""


KEEPS_OURS: Final = Learner()


def compile_relays(documents: Sequence[Document]) -> tuple[Renaming, ...]:
    """Check the `[[relay]]` tables of parsed files.

    Raises:
        ConfigError: with every fault of every file.
    """
    reader = _Reader()
    found = reader.relays(documents)
    if reader.faults:
        raise ConfigError(reader.faults)
    return found


def learner(relays: Sequence[Renaming], host: str, id_domain: str) -> Learner:
    """How the relay `host` ("" where mail goes by MX) names mail; the first table that fits it counts.

    `id_domain` is the domain of its ids as the operator knows it, "" where he says nothing.
    """
    if not host:
        return KEEPS_OURS
    for one in relays:
        fits = one.host.fullmatch(host.lower()) if one.host else None
        if fits:
            first = fits[1] if fits.re.groups else ""
            return Learner(one.answer, id_domain.lower() or one.domain.replace("\\1", first or ""))
        if one.host is None and id_domain:
            return Learner(one.answer, id_domain.lower())
    return KEEPS_OURS


class _Reader(Tables):
    name = "relay"

    def relays(self, documents: Sequence[Document]) -> tuple[Renaming, ...]:
        for file, table, _ in documents:
            self.file, self.name = file, ""
            self.unknown(table, ("relay",))
        self.name = "relay"
        found = tuple(map(self.relay, self.of_all(documents)))
        if len(found) > MOST_RELAYS:
            self.fault("", f"{len(found)} tables", f"at most {MOST_RELAYS}")
        return found

    def relay(self, table: Mapping[str, Any]) -> Renaming:
        self.unknown(table, _KEYS)
        host, domain = (table.get(key, "") for key in ("host", "domain"))
        for key, value in (("host", host), ("domain", domain)):
            if not isinstance(value, str) or len(value) > LONGEST_PATTERN:
                self.fault(key, value, f"a text of at most {LONGEST_PATTERN} characters")
        if bool(host) != bool(domain):
            self.fault("domain", domain, "a domain where there is a host, and none where it is any")
        return Renaming(self.pattern(host, "host", 0) if host else None, self.answer(table), str(domain))

    def answer(self, table: Mapping[str, Any]) -> Any:
        return self.pattern(self.text(table, "answer"), "answer", 1)

    def pattern(self, text: Any, key: str, groups: int) -> Any:
        """A pattern of RE2 with at least so many groups; None where it is none."""
        try:
            made = re2.compile(text) if isinstance(text, str) and 0 < len(text) <= LONGEST_PATTERN else None
        except re2.error:
            made = None
        if made is None or made.groups < groups:
            self.fault(key, text, f"a pattern of RE2{' with a group' if groups else ''}")
            return None
        return made
