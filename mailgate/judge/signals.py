"""Which signals a mail gives. Knows neither what they weigh together nor what becomes of the mail."""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.judge.conditions import Condition
from mailgate.judge.fields import FIELDS
from mailgate.judge.rules import HEADER, Signal, Signals, Watched
from mailgate.model import Case, Finding, Gateway

LONGEST_SHOWN = 80  # characters of a value that a finding keeps


def findings(case: Case, signals: Signals, gateway: Gateway) -> tuple[Finding, ...]:
    """All signals of the mail, each once, in the order of the rule files."""
    mail = _Mail(case, gateway)
    found: dict[int, Finding] = {}
    for field, values, watched in _met(mail, signals):
        for signal, seen in watched.given(values):
            if signal.place not in found and mail.allows(signal):
                found[signal.place] = _finding(signal, field, seen)
    return tuple(found[place] for place in sorted(found))


class _Mail:
    """The fields of one mail, each computed once."""

    __slots__ = ("computed", "headers")

    def __init__(self, case: Case, gateway: Gateway) -> None:
        self.headers = case.mail.headers
        self.computed = {name: compute(case, gateway) for name, compute in FIELDS.items()}

    def values(self, field: str) -> tuple[str, ...]:
        """The values of any field that a rule may name."""
        if field.startswith(HEADER):
            name = field.removeprefix(HEADER)
            if name.endswith("*"):
                return tuple(
                    value for each in self.headers if each.startswith(name[:-1]) for value in self.headers[each]
                )
            return self.headers.get(name, ())
        return self.computed[field]

    def allows(self, signal: Signal) -> bool:
        """Do its further conditions let a signal count, whose own condition is met?"""
        return all(map(self.holds, signal.also)) and not any(map(self.holds, signal.unless))

    def holds(self, condition: Condition) -> bool:
        """Does any field of the condition have a value that is accepted?"""
        return any(condition.accepted(value) is not None for field in condition.fields for value in self.values(field))


def _met(mail: _Mail, signals: Signals) -> Iterator[tuple[str, tuple[str, ...], Watched]]:
    """Each field that the mail has, its values, and the signals that look at it."""
    by_header, prefixes = signals.by_header, signals.prefixes
    for name, values in mail.headers.items():
        if name in by_header:
            yield HEADER + name, values, by_header[name]
        if name.startswith(prefixes):
            for prefix in prefixes:
                if name.startswith(prefix):
                    yield HEADER + name, values, signals.by_prefix[prefix]
    for field, watched in signals.by_field.items():
        if values := mail.computed[field]:
            yield field, values, watched


def _finding(signal: Signal, field: str, seen: str) -> Finding:
    shown = seen if len(seen) <= LONGEST_SHOWN else f"{seen[:LONGEST_SHOWN]}…"
    return Finding(
        id=signal.id,
        strength=signal.strength,
        value=shown.encode("utf-8", "replace").decode(),
        rule=signal.rule,
        kind=signal.kind,
        disposition=signal.disposition,
        family=signal.family,
        says=signal.says,
        field=field,
    )
