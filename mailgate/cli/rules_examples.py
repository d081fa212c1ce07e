"""Faces: asks rules about whole mails: those that their examples name, and those of whoever tries them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mailgate.cli.explain import Question, explain_one
from mailgate.cli.rules_folder import Named
from mailgate.errors import Fault
from mailgate.judge.ruling import examples, telling
from mailgate.judge.ruling.asking import Rules, Values
from mailgate.judge.ruling.rule import Example, Rule, holds


class Heard(Rules):
    """Rules that remember what they were asked about; `values` is None where nobody asked."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules.all, rules.leaves, rules.off)
        self.values: Values | None = None

    def holding(self, values: Values) -> Iterator[tuple[Rule, tuple[str, ...]]]:
        self.values = values
        return super().holding(values)


@dataclass(frozen=True, slots=True)
class Answer:
    """A mail as it is explained, and the values that its fields had when the rules were asked; None where not."""

    found: dict[str, Any]
    values: Values | None
    mode: str = ""  # of the mailbox that it came to


class Asker:
    """Asks the rules of a book about mails in files."""

    def __init__(self, named: Named, question: Question) -> None:
        self.rules = Heard(named.book.signals.rules)
        signals = replace(named.book.signals, rules=self.rules)
        self.question = replace(question, book=replace(named.book, signals=signals))

    def about(self, path: Path) -> Answer:
        """What the rules say of one mail; its explanation tells what is wrong with the file."""
        self.rules.values = None
        found = asyncio.run(explain_one(path, self.question))
        gateway, values = self.question.gateway, self.rules.values
        mailbox = gateway.mailbox(*values("mailbox")) if values else None
        return Answer(found, values, (mailbox or gateway.mailboxes[0]).mode)


def count(rules: Sequence[Rule]) -> int:
    """How many examples there are."""
    return sum(len(rule.examples) for rule in rules)


def counted(rules: int, examples: int) -> str:
    """How many there are of both, in words."""
    return f"{rules} rule{'s' * (rules != 1)} with {examples} example{'s' * (examples != 1)}"


def failing(named: Named, asker: Asker) -> list[Fault]:
    """The examples that do not come out as they say, whole mails among them."""
    rules = named.book.signals.rules
    found = list(examples.failing(rules))
    for rule in rules.all:
        for example in rule.examples:
            if example.mail and (wrong := _wrong(example, rule, named, asker)):
                found.append(examples.fault(rule, example, wrong))
    return found


def _wrong(example: Example, rule: Rule, named: Named, asker: Asker) -> str:
    """Why a mail does not come out as the example says; "" where it does."""
    path = named.folders.path(rule.place.rpartition(":")[0]).parent / example.mail
    answer = asker.about(path)
    if answer.found["error"]:
        return f"{example.mail}, which cannot be read: {answer.found['error']}"
    if answer.values is None:
        return f"{example.mail}, of which no rule is asked: it is {answer.found['kind']}" if example.holds else ""
    met = asker.rules.met(answer.values)
    if holds(rule.holds, met) is example.holds:
        return ""
    if example.holds:
        return f"{example.mail}, which it misses: {telling.why_not(rule, asker.rules, answer.values)}"
    return f"{example.mail}, which it hits: {'; '.join(asker.rules.saw(rule, met)) or 'nothing stands against it'}"
