"""Faces: `mailgate rules list` and `rules fields`: the rules in their order, and what they may look at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from mailgate.cli.explain import settings_or_lab
from mailgate.cli.frame import Command, Frame
from mailgate.cli.rules_folder import OWN, named
from mailgate.judge.fields import FIELDS
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import ALL_FIELDS, OF_HISTORY, RULE_FIELDS
from mailgate.judge.ruling.rule import Rule

_MORE = """
Beside these there is every header: "header:x-form", or "header:x-*". docs/rule-fields.md has an example of each."""
_COLUMNS = ("rule", "place", "says", "examples", "marked")


@click.command("list", cls=Command)
@click.option("--rules", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.pass_obj
def list_(frame: Frame, folder: Path | None) -> None:
    """List all rules in the order in which they are asked; those that are switched off last."""
    rules = named(settings_or_lab(frame), folder)
    shipped = {name for file in rules.tables if not file.name.startswith(OWN) for name in _names(file.document)}
    frame.show(_rows(rules.book.signals.rules, shipped), _COLUMNS, "There are no rules.")


def _names(document: Mapping[str, Any]) -> Iterator[str]:
    return (rule.get("name", "") for rule in document.get("rule", ()))


def _rows(rules: Rules, shipped: Collection[str]) -> Iterator[dict[str, object]]:
    for rule in (*rules.all, *rules.off):
        yield {
            "rule": rule.name,
            "place": rule.place,
            "says": rule.says,
            "examples": len(rule.examples),
            "marked": _marked(rule, shipped, is_off=rule in rules.off),
            "description": rule.description,
        }


def _marked(rule: Rule, shipped: Collection[str], *, is_off: bool) -> list[str]:
    is_local = rule.place.startswith(OWN)
    marks = {
        "off": is_off,
        "shadow": rule.shadow,
        "stop": rule.stop,
        "local": is_local,
        "in place of a shipped one": is_local and rule.name in shipped,
    }
    return [mark for mark, is_there in marks.items() if is_there]


@click.command("fields", cls=Command)
@click.argument("words", nargs=-1)
@click.pass_obj
def fields(frame: Frame, words: tuple[str, ...]) -> None:
    """List what rules may look at; with WORDS only the fields in whose name or meaning all of them stand.

    Beside these there is every header, as "header:name" or "header:x-*".
    """
    rows = [row for row in map(_field, ALL_FIELDS) if all(word.lower() in str(row).lower() for word in words)]
    if frame.json:
        frame.show(rows, (), "")
        return
    width = max((len(str(row["field"])) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['field']:<{width}}  {row['meaning']}")
    click.echo(_MORE if rows else "No field is like that.")


def _field(name: str) -> dict[str, object]:
    return {
        "field": name,
        "meaning": meaning(name),
        "of_signals": name in FIELDS,
        "of_history": name in OF_HISTORY,
    }


def meaning(name: str) -> str:
    """What a field is, in one line."""
    function = RULE_FIELDS.get(name) or FIELDS[name]
    return " ".join((function.__doc__ or "").split())
