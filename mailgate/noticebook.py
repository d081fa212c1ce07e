"""Faces: reads what mailgate says to our own people, `notices/<language>/<name>.txt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mailgate.config import tomlfile
from mailgate.errors import ConfigError, Fault
from mailgate.mail import template
from mailgate.mail.template import Template, TemplateError
from mailgate.tables import nearest

NOTICES: Final = "notices"
# The subject of a contact, or of who waits, is the line that begins his paragraph.
NOTICE_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "breaker": frozenset({"desk", "name", "why", "free"}),
    "loop-convicted": frozenset({"desk", "address", "mails", "rule", "free", "stop"}),
    "loop-withheld": frozenset({"desk", "address", "count", "mails", "rule", "free", "stop"}),
    "shunted": frozenset({"desk", "count", "mails"}),
    "undelivered": frozenset({"desk", "ticket", "number", "address", "why", "agent", "subject"}),
    "digest": frozenset({"desk", "count"}),
    "digest-contact": frozenset(
        {"who", "proof", "kind", "reason", "count", "since", "subject", "accept", "spam", "points"}
    ),
    "digest-more": frozenset({"count"}),
    "late": frozenset({"desk", "late", "soon", "overdue"}),
    "late-line": frozenset({"who", "since", "due", "queue", "assignee", "subject", "show"}),
    "late-more": frozenset({"count"}),
    # To one of our own people: above the words of a customer, below them, and what became of his own mail.
    "agent-news": frozenset({"ticket", "subject", "who", "proof"}),
    "agent-help": frozenset({"desk", "to", "orders", "canned"}),
    "agent-help-notes": frozenset({"orders"}),
    "agent-fits": frozenset({"names"}),
    "agent-not-sent": frozenset({"ticket", "subject", "reason"}),
    "agent-undelivered": frozenset({"ticket", "subject", "reason"}),
    "agent-digest": frozenset({"desk", "count"}),
    "agent-digest-line": frozenset({"ticket", "subject", "who", "at"}),
    "agent-unreachable": frozenset({"desk", "name", "address", "since", "free"}),
}


def notices_of(files: Mapping[str, bytes]) -> Mapping[str, Mapping[str, Template]]:
    """The texts by language, then by name, from the content of `files` by their path. A language may lack some.

    Raises:
        ConfigError: with every fault of every file.
    """
    faults: list[Fault] = []
    languages: dict[str, dict[str, Template]] = {}
    for path, raw in files.items():
        _, language, name = path.removesuffix(".txt").split("/")
        try:
            languages.setdefault(language, {})[name] = _notice(path, raw, name)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return languages


def _notice(path: str, raw: bytes, name: str) -> Template:
    if name not in NOTICE_VALUES:
        allowed = f"one of {', '.join(NOTICE_VALUES)}"
        raise ConfigError([Fault(path, 0, "file", name, allowed, nearest(name, NOTICE_VALUES))])
    try:
        return template.read(tomlfile.text_of(raw, path), NOTICE_VALUES[name])
    except TemplateError as error:
        raise ConfigError([Fault(path, error.line, "text", error.found, error.allowed)]) from error
