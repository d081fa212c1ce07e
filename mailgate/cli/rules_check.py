"""Faces: `mailgate rules check`: every fault of the rule files, and what in them is hardly meant so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from mailgate.cli.explain import question, settings_or_lab
from mailgate.cli.frame import EXIT_CONFIG, Command, Frame, as_json, printable
from mailgate.cli.queues import doubtful
from mailgate.cli.rules_examples import Asker, count, counted, failing
from mailgate.cli.rules_folder import Named, named
from mailgate.config import Settings
from mailgate.errors import ConfigError
from mailgate.judge.ruling import doubts
from mailgate.judge.ruling.doubts import Doubt

EXIT_DOUBTS = 1


@click.command("check", cls=Command)
@click.option("--rules", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--strict", is_flag=True, help="Warnings count: exit 1. Rules without examples are warned of too.")
@click.pass_obj
def check(frame: Frame, folder: Path | None, strict: bool) -> int:
    """Read all rule files, try their examples, name every fault, and warn of what is hardly meant so.

    Exit 0 where nothing is wrong, 78 with the list of faults. With --rules the rules in DIR are read in place of your
    own. A running daemon is not touched.
    """
    settings = settings_or_lab(frame)
    try:
        rules = named(settings, folder)
        asker = Asker(rules, question(settings, rules.book, "none"))
        if failed := rules.shown(failing(rules, asker)):
            raise ConfigError(failed)
    except ConfigError as error:
        if not frame.json:
            raise
        for fault in error.faults:
            click.echo(as_json(asdict(fault)))
        return EXIT_CONFIG
    warnings = list(_doubts(rules, settings, strict=strict))
    notes = [*map(str, rules.book.notes), *doubtful(rules.book.signals.rules.all, settings)]
    _tell(frame, rules, warnings, notes)
    return EXIT_DOUBTS if strict and (warnings or notes) else 0


def _doubts(rules: Named, settings: Settings, *, strict: bool) -> Iterator[Doubt]:
    asked = rules.book.signals.rules
    mailboxes = {box.address.lower() for box in settings.mailbox}
    yield from doubts.of_rules(asked, {"mailbox": mailboxes})
    yield from doubts.of_maps(rules.book.maps, asked)
    yield from doubts.unused_words((file.name, file.document, file.line) for file in rules.tables)
    if strict:
        yield from doubts.without_examples(asked)


def _tell(frame: Frame, rules: Named, warnings: list[Doubt], notes: list[str]) -> None:
    book, own = rules.book, rules.book.signals.rules.all
    facts = {
        "folder": str(rules.folders.shipped),
        "version": book.version,
        "rules": len(own),
        "examples": count(own),
        "notes": notes,
        "warnings": [_facts(rules, one) for one in warnings],
    }
    words = [f"{rules.words} is in order (version {book.version}): {counted(len(own), count(own))}."]
    words += [f"Warning: {rules.at(one.place)}: {one.text}" for one in warnings]
    words += [f"Note: {note}" for note in notes]
    click.echo(as_json(facts) if frame.json else printable("\n".join(words)))


def _facts(rules: Named, doubt: Doubt) -> dict[str, object]:
    file, _, line = rules.at(doubt.place).rpartition(":")
    return {"kind": doubt.why, "file": file, "line": int(line or 0), "about": doubt.about, "text": doubt.text}
