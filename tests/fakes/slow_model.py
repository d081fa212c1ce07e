"""What may leave by itself, said a second time and as plainly as it can be: everything that ever happened is a list,
and each question counts the whole of it again. Shares no line with the send gate, and is slow on purpose.

The numbers are read from the rule file as they stand there. Which addresses behave like machines, and what trips a
breaker, is told from outside; how a breaker stands afterwards is worked out here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
SILENT = frozenset({"robot", "undeliverable", "blocked"})


@dataclass(frozen=True)
class Wish:
    """An automatic mail that somebody would like to send."""

    at: datetime
    kind: str  # "acknowledge" or "challenge"
    address: str
    domain: str
    shared: bool
    origin: str
    text: str  # the same for mails that say the same; "" where that is not known
    cause: object
    ticket: object = None
    late_s: float = 0
    standing: str = ""
    mailbox: str = ""


@dataclass(frozen=True)
class Left:
    """One that was allowed."""

    wish: Wish
    to_a_stranger: bool


@dataclass
class SlowModel:
    """All that ever happened, in the order in which it happened."""

    file: Path
    left: list[Left] = field(default_factory=list)
    accounts: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)  # of addresses and domains
    met: set[str] = field(default_factory=set)  # addresses a person of ours did something for
    breakers: dict[tuple[str, str], list[tuple[datetime, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rules: dict[str, Any] = tomllib.loads(self.file.read_text())

    # ── What happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def saw(self, account: str, at: datetime) -> None:
        """An address or a domain was met, or met again."""
        self.accounts.setdefault(account, []).append((at, "seen"))

    def person_acted(self, address: str, domain: str, at: datetime) -> None:
        """A person of ours wrote to the address, accepted its mail or trusts it."""
        if address not in self.met and domain not in self.rules["shared"]["domains"]:
            self.accounts.setdefault(domain, []).append((at, "act"))
        self.met.add(address)
        self.accounts.setdefault(address, []).append((at, "act"))

    def allowed(self, wish: Wish) -> None:
        """It leaves, or would have, had nothing crashed."""
        self.left.append(Left(wish, wish.address not in self.met))
        self.accounts.setdefault(wish.address, []).append((wish.at, "mail"))
        if not wish.shared:
            self.accounts.setdefault(wish.domain, []).append((wish.at, "mail"))

    def breaker(self, scope: str, key: str, at: datetime, what: str) -> None:
        """A breaker "tripped", somebody "complained", or a person "stopped" or "reset" it."""
        self.breakers.setdefault((scope, key), []).append((at, what))

    # ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

    def objections(self, wish: Wish) -> set[str]:
        """Everything that stands against it; nothing does where it may leave."""
        found = {*self._windows(wish)}
        if wish.late_s > self.rules["timing"]["late_s"]:
            found.add("late")
        if wish.standing in SILENT:
            found.add(wish.standing)
        if any(one.wish.cause == wish.cause for one in self.left):
            found.add("answered before")
        if self.credit(wish.address, wish.at, "credit") <= 0:
            found.add("credit")
        if not wish.shared and self.credit(wish.domain, wish.at, "domain_credit") <= 0:
            found.add("domain credit")
        scopes = (("all", ""), ("address", wish.address), ("domain", wish.domain), ("mailbox", wish.mailbox))
        return found | {f"breaker {scope}" for scope, key in scopes if self._is_held_back(scope, key, wish.at)}

    def credit(self, account: str, at: datetime, rules: str) -> int:
        """The balance of an address or a domain, from its first day on."""
        numbers = self.rules[rules]
        history = [*self.accounts.get(account, []), (at, "seen")]
        balance, drop_at = numbers["start"], history[0][0]
        for moment, what in history:
            while drop_at + timedelta(days=numbers["drip_days"]) <= moment:
                drop_at += timedelta(days=numbers["drip_days"])
                if balance < numbers["drip_to"]:
                    balance += 1
            if what == "act":
                balance = min(balance + numbers["per_human_act"], numbers["cap"])
            if what == "mail":
                balance -= 1
        return int(balance)

    def within(self, at: datetime, per: timedelta, **same: object) -> int:
        """How many left in the time `per` before `at`, or in a future that a clock once showed."""
        return sum(
            one.wish.at > at - per and all(getattr(one.wish, name) == value for name, value in same.items())
            for one in self.left
        )

    # ── How it is counted ─────────────────────────────────────────────────────────────────────────────────────────────

    def _windows(self, wish: Wish) -> list[str]:
        over = []
        for limit in self.rules["limit"]:
            mine = self._subject(limit["key"], wish)
            if mine is None or not self._is_counted(limit["mail"], wish, wish.address not in self.met):
                continue
            since = None if limit["per"] == "ever" else wish.at - _span(limit["per"])
            count = sum(
                (since is None or one.wish.at > since)
                and self._subject(limit["key"], one.wish) == mine
                and self._is_counted(limit["mail"], one.wish, one.to_a_stranger)
                for one in self.left
            )
            if count >= limit["most"]:
                over.append(f"{limit['key']} {limit['mail']} {limit['per']}")
        return over

    @staticmethod
    def _subject(key: str, wish: Wish) -> object:
        """Whose mail it is by this key; None where it is nobody's."""
        match key:
            case "ticket" | "address":
                return getattr(wish, key)
            case "domain":
                return None if wish.shared else wish.domain
            case "shared":
                return wish.domain if wish.shared else None
            case "fingerprint":
                return wish.text or None
            case "origin":
                return None if wish.shared else wish.origin or None
            case "total":
                return "everybody"
        return None  # our own people are not written to here

    @staticmethod
    def _is_counted(sort: str, wish: Wish, to_a_stranger: bool) -> bool:
        return sort in ("any", wish.kind) or (sort == "unproven" and to_a_stranger)

    def _is_held_back(self, scope: str, key: str, at: datetime) -> bool:
        numbers, stands, tripped_at, since = self.rules["breaker"], "closed", None, at
        for moment, what in self.breakers.get((scope, key), []):
            since = moment
            if what == "tripped":
                again = tripped_at is not None and moment - tripped_at < timedelta(seconds=numbers["again_s"])
                stands, tripped_at = "latched" if again else "tripped", moment
            else:
                stands, tripped_at = what, None
        if stands == "complained":
            return at < since + timedelta(days=numbers["complaint_days"])
        if stands != "tripped":
            return stands in ("stopped", "latched")
        trial_at = since + timedelta(seconds=numbers["open_s"])
        if at < trial_at:
            return True
        on_trial = at < trial_at + timedelta(seconds=numbers["trial_s"])
        return on_trial and self.within(at, UNITS["h"]) >= numbers["trial_per_hour"]


def _span(text: str) -> timedelta:
    number, unit = text.split()
    return int(number) * UNITS[unit]
