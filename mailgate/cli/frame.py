"""Faces: what every command shares: where the configuration is, how results are shown, and what exit codes mean."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

# sysexits.h, as mail systems read them.
EXIT_USAGE = 64
EXIT_BAD_INPUT = 65
EXIT_NO_SUCH = 67
EXIT_NOT_ALLOWED = 69
EXIT_TRY_AGAIN = 75
EXIT_CONFIG = 78

MAX_CELL_CHARS = 60

_PLACES = (Path("config.toml"), Path("/etc/mailgate/config.toml"))


@dataclass(slots=True)
class Frame:
    """What the shared options said, wherever on the line they stood."""

    config: Path | None = None
    json: bool = False

    def config_file(self) -> Path:
        """The configuration that was named, else the first there is; a name for the fault where there is none."""
        return self.config or next((place for place in _PLACES if place.exists()), _PLACES[0])

    def show(self, rows: Iterable[object], columns: Sequence[str], empty: str) -> None:
        """Show a list: one JSON object a line, or an aligned table of `columns`; `empty` says that there is nothing."""
        records = [record(row) for row in rows]
        if self.json:
            for one in records:
                click.echo(as_json(one))
        elif records:
            for line in table(records, columns):
                click.echo(line)
        else:
            click.echo(empty)

    def tell(self, facts: Mapping[str, object], words: str) -> None:
        """Show one result: as a JSON object, or in words."""
        click.echo(as_json(facts) if self.json else printable(words))


def record(row: object) -> dict[str, Any]:
    """A row of any shape by its names, as people know them: `from_` is from, and raw bytes are left out."""
    if isinstance(row, Mapping):
        return dict(row)
    names = _names(row)
    assert names, row
    pairs = ((name.rstrip("_"), getattr(row, name)) for name in names)
    return {name: value for name, value in pairs if not isinstance(value, bytes)}


def as_json(value: object) -> str:
    """One line of pure ASCII, whatever is inside: no terminal and no locale can stumble over it."""
    return json.dumps(value, default=_plain)


def table(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Iterable[str]:
    """A heading and one line a record, columns aligned."""
    cells = [[heading.replace("_", " ") for heading in columns]]
    cells += [[_cell(one.get(column)) for column in columns] for one in records]
    widths = [max(width_of(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        yield "  ".join(
            cell + " " * (width - width_of(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()


def printable(text: str) -> str:
    """Text as it may go to a terminal: mail can carry escape sequences, and a terminal would obey them."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _cell(value: object) -> str:
    text = printable(_word(value)).replace("\n", " ")
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"


def _word(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return record(value) if _names(value) else str(value)


def _names(value: object) -> tuple[str, ...]:
    """The fields of one of our values, of either make; nothing where it is none."""
    return getattr(type(value), "__match_args__", ())


# ── The shared options ────────────────────────────────────────────────────────────────────────────────────────────────


def _remember_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Frame).config = value


def _remember_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Frame).json = True


def _shared(*, environment: bool) -> list[click.Parameter]:
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="MAILGATE_CONFIG" if environment else None,
            show_envvar=environment,
            expose_value=False,
            callback=_remember_config,
            help="The configuration file.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_remember_json,
            help="One JSON object a line.",
        ),
    ]


class Command(click.Command):
    """A command that takes the shared options after its own name too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared(environment=False)


class Group(click.Group):
    """A group whose commands all take the shared options; the outermost one asks the environment."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared(environment=True)
