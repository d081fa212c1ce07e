"""Which signals a mail gives. Knows neither what they weigh together nor what becomes of the mail."""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.judge.conditions import Condition, shown
from mailgate.judge.fields import FIELDS
from mailgate.judge.pardons import Way
from mailgate.judge.rules import HEADER, Signal, Signals, Watched
from mailgate.model import Case, Finding, Gateway


def findings(case: Case, signals: Signals, gateway: Gateway) -> tuple[Finding, ...]:
    """All signals of the mail, each once, in the order of the rule files."""
    mail = MailFields(case, gateway)
    found: dict[int, Finding] = {}
    for field, values, watched in _met(mail, signals):
        for signal, seen in watched.given(values):
            if signal.place not in found and mail.allows(signal):
                found[signal.place] = _finding(signal, field, seen)
    return tuple(found[place] for place in sorted(found))


class MailFields:
    """The fields of one mail, each computed once, where it is asked for."""

    __slots__ = ("_computed", "case", "gateway", "headers")

    def __init__(self, case: Case, gateway: Gateway) -> None:
        self.case = case
        self.gateway = gateway
        self.headers = case.mail.headers
        self._computed: dict[str, tuple[str, ...]] = {}

    def computed(self, field: str) -> tuple[str, ...]:
        """The values of a computed field."""
        if field not in self._computed:
            self._computed[field] = FIELDS[field](self.case, self.gateway)
        return self._computed[field]

    def values(self, field: str) -> tuple[str, ...]:
        """The values of any field that a rule may name."""
        if field.startswith(HEADER):
            name = field.removeprefix(HEADER)
            if name.endswith("*"):
                return tuple(
                    value for each in self.headers if each.startswith(name[:-1]) for value in self.headers[each]
                )
            return self.headers.get(name, ())
        return self.computed(field)

    def allows(self, rule: Signal | Way) -> bool:
        """Do its further conditions let a rule count, whose own condition is met?"""
        return all(map(self.holds, rule.also)) and not any(map(self.holds, rule.unless))

    def holds(self, condition: Condition) -> bool:
        """Does any field of the condition have a value that is accepted?"""
        return self.seen(condition) is not None

    def seen(self, condition: Condition) -> str | None:
        """What is accepted in the first value that is; None where none is."""
        accepted = (condition.accepted(value) for field in condition.fields for value in self.values(field))
        return next((what for what in accepted if what is not None), None)


def _met(mail: MailFields, signals: Signals) -> Iterator[tuple[str, tuple[str, ...], Watched]]:
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
        if values := mail.computed(field):
            yield field, values, watched


def _finding(signal: Signal, field: str, seen: str) -> Finding:
    return Finding(
        id=signal.id,
        strength=signal.strength,
        value=shown(seen),
        rule=signal.rule,
        kind=signal.kind,
        disposition=signal.disposition,
        family=signal.family,
        says=signal.says,
        pin=signal.pin,
        asks_back=signal.asks_back,
        field=field,
    )
