"""Faces: `mailgate rules history`: which rules judged when, and how to get them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import click

from mailgate import rulefiles, wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.cli.office import reading
from mailgate.errors import Damaged, NotAllowed
from mailgate.store import rulesets
from mailgate.store.rulesets import RuleSet

MOST_SHOWN = 3  # names of files in a line
_COLUMNS = ("version", "since", "files", "changed")


@click.command("history", cls=Command)
@click.argument("version", required=False)
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="FOLDER", help="Write its files there.")
@click.pass_obj
def history(frame: Frame, version: str | None, target: Path | None) -> None:
    """List the rules that judged, the newest first; or say how VERSION differs from the files as they are now.

    VERSION may be cut short. With --to its files are written to a new folder: the shipped ones as they were, and your
    own in `local` inside it. Copy what you want back, or try it first with `mailgate rules replay --rules`.
    """
    if version is None:
        if target is not None:
            raise click.UsageError("--to needs a VERSION.")
        known = reading(frame, rulesets.known)
        frame.show(list(_rows(known)), _COLUMNS, "No rules have judged yet.")
        return
    contents = reading(frame, lambda conn: rulesets.contents(conn, version))
    if target is not None:
        _write(contents, target)
        frame.tell({"folder": str(target), "files": len(contents)}, f"{len(contents)} files written to {target}.")
        return
    now = rulefiles.read(wiring.rules_folders(settings_of(frame)), [])
    rows = [{"file": name, "since_then": what} for name, what in _differences(contents, now.all)]
    frame.show(rows, ("file", "since_then"), "The files are what they were.")


def _rows(known: Sequence[RuleSet]) -> Iterator[dict[str, Any]]:
    """Each version with the files that are others than in the one before it."""
    for one, before in pairwise([*known, None]):
        assert one is not None
        changed = [name for name, _ in _differences(before.files, one.files)] if before else []
        named = ", ".join(changed[:MOST_SHOWN])
        more = f" and {len(changed) - MOST_SHOWN} more" if len(changed) > MOST_SHOWN else ""
        kept = "" if one.whole else " (only its name is kept)"
        yield {
            "version": one.version,
            "since": one.loaded_at,
            "files": len(one.files),
            "changed": f"{named}{more}{kept}",
        }


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield name, "removed"
        elif name not in before:
            yield name, "added"
        elif before[name] != after[name]:
            yield name, "changed"


def _write(contents: Mapping[str, bytes], target: Path) -> None:
    """Every file below `target`, which must not have any yet."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise NotAllowed(f"{target} is there already, and not empty; name a new folder")
    for name, raw in contents.items():
        steps = PurePosixPath(name)
        if steps.is_absolute() or ".." in steps.parts:
            raise Damaged(f"a file called {name!r} is none of a rule folder")
        path = target / steps
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
