"""Routing: what the `[[route]]` tables of the rule files say of a mail that opens a ticket. Knows no ticket.

Rules are asked in the order of their files. Of queue, priority and assignee the first rule that names one has the word;
tags of all rules that hold are added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailgate.errors import ConfigError
from mailgate.judge import tags
from mailgate.judge.routes import Route
from mailgate.judge.rules import CONDITION, Document, Reader
from mailgate.judge.signals import MailFields
from mailgate.judge.wordlists import Words
from mailgate.model import Case, Gateway, Kind, Priority, Routed

MOST_ROUTES = 1000
LONGEST_NAME = 100  # characters of a queue and of an assignee, as in the configuration

_KEYS = CONDITION | {"id", "also", "unless", "kind", "queue", "priority", "tags", "assignee", "note"}
_SAYS = ("queue", "priority", "tags", "assignee")


def routed(case: Case, kind: Kind, gateway: Gateway, routes: Sequence[Route]) -> tuple[Routed, str]:
    """What the rules say of a mail of this kind, and in words which of them do; "" where none does."""
    if not routes:
        return Routed(), ""
    mail = MailFields(case, gateway)
    found = [route for route in routes if (not route.kinds or kind in route.kinds) and _holds(route, mail)]
    said = Routed(
        queue=next((route.queue for route in found if route.queue), ""),
        priority=next((route.priority for route in found if route.priority), Priority.NORMAL),
        tags=tuple(dict.fromkeys(tag for route in found for tag in route.tags))[: tags.MOST],
        assignee=next((route.assignee for route in found if route.assignee), ""),
    )
    return said, "; ".join(f"{route.id} ({route.rule}): {_words(route)}" for route in found)


def compile_routes(documents: Sequence[Document], words: Words) -> tuple[Route, ...]:
    """Check the `[[route]]` tables of parsed rule files, in this order; `words` are the lists that they may name.

    Raises:
        ConfigError: with every fault of every file.
    """
    reader = _RouteReader(words)
    for document in documents:
        reader.document(*document)
    if reader.faults:
        raise ConfigError(reader.faults)
    return tuple(reader.routes)


def queues_named(routes: Sequence[Route], gateway: Gateway) -> tuple[frozenset[str], dict[str, str]]:
    """The queues of the mailboxes, and those that rules alone name, each with the first rule that does."""
    own = frozenset(box.queue for box in gateway.mailboxes)
    by_rule = {route.queue: route.rule for route in reversed(routes) if route.queue and route.queue not in own}
    return own, by_rule


def _holds(route: Route, mail: MailFields) -> bool:
    return mail.holds(route.condition) and all(map(mail.holds, route.also)) and not any(map(mail.holds, route.unless))


def _words(route: Route) -> str:
    said = {"queue": route.queue, "priority": route.priority, "assignee": route.assignee, "tags": ", ".join(route.tags)}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value)


class _RouteReader(Reader):
    """Reads `[[route]]` tables."""

    name = "route"
    most = MOST_ROUTES

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self.routes: list[Route] = []

    def table(self, table: Mapping[str, Any]) -> None:
        before = len(self.faults)
        self.unknown(table, _KEYS)
        name, condition = self.text(table, "id"), self.condition(table, "")
        also, unless = self.conditions(table, "also"), self.conditions(table, "unless")
        kinds, priority = self.kinds(table), self.one_of(table, "priority", Priority)
        queue, assignee = self.short(table, "queue"), self.short(table, "assignee")
        words, rule = self.tags(table), self.named(name)
        if not any(key in table for key in _SAYS):
            self.fault("", None, f"one or more of {', '.join(_SAYS)}")
        if len(self.faults) == before and condition:
            self.routes.append(
                Route(name, condition, also, unless, kinds, queue, priority, words, assignee, rule),
            )

    def short(self, table: Mapping[str, Any], key: str) -> str:
        value = self.text(table, key).strip() if key in table else ""
        if len(value) > LONGEST_NAME or not value.isprintable():
            self.fault(key, value, f"a text of at most {LONGEST_NAME} characters")
        return value

    def kinds(self, table: Mapping[str, Any]) -> frozenset[Kind]:
        found = self.texts(table, "kind")
        for one in found:
            self.one_of({"kind": one}, "kind", Kind)
        return frozenset(Kind(one) for one in found if one in list(Kind))

    def tags(self, table: Mapping[str, Any]) -> tuple[str, ...]:
        written = self.texts(table, "tags", tags.MOST)
        for one in written:
            if not tags.tag_of(one):
                self.fault("tags", one, tags.ALLOWED)
        return tuple(tags.tag_of(one) for one in written)
