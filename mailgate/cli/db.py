"""Faces: `mailgate db`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from pydantic import ValidationError

from mailgate import backup, pruning, wiring
from mailgate.backup import archive
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.cli.office import at_desk, opened
from mailgate.cli.progress import Bar, in_words
from mailgate.config import Settings, StoreTable
from mailgate.pruning import Rules
from mailgate.store.retention import Due, Kind

WORDS = {
    Kind.CLOSED_TICKETS: "closed tickets",
    Kind.QUIET_TICKETS: "tickets of machines' mail alone",
    Kind.PARKED: "mails of machines in no ticket",
    Kind.SPAM: "mails judged spam",
    Kind.PERMITS: "permits of automatic mail",
}


@click.group("db", cls=Group)
def db() -> None:
    """Make, upgrade, move, back up, restore and prune the database."""


# ── Upgrade ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@db.command("upgrade")
@click.pass_obj
def upgrade(frame: Frame) -> None:
    """Make the database, or bring it up to this version. `serve` does the same when it starts."""
    settings = settings_of(frame)
    path = wiring.database_file(settings)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_upgrade(settings))
    name = str(path or settings.store.url)
    frame.tell({"database": name}, f"{name} is up to date.")


async def _upgrade(settings: Settings) -> None:
    await (await wiring.open_database(settings, daemon=True, create=True)).close()


# ── Copy ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@db.command("copy")
@click.option("--to", required=True, metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST[:PORT]/DATABASE.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False), help="Its password, in a file.")
@click.pass_obj
def copy(frame: Frame, to: str, password_file: Path | None) -> None:
    """Copy everything into an empty database of either kind, and compare. No daemon may run.

    The configuration stays as it is: the lines to put there are printed at the end.
    """
    settings, target = settings_of(frame), _store(to, password_file)
    with Bar("Copying and comparing", hidden=frame.json) as bar:
        held = asyncio.run(backup.move(settings, target, bar))
    lines = ["[store]", f'url = "{target.url}"']
    lines += [f'password_file = "{target.password_file}"'] if target.password_file else []
    facts = {"to": target.url, "rows": held.rows, "tables": {name: one.rows for name, one in held.tallies.items()}}
    words = f"{held.rows} rows were copied and compared; the ledger is balanced. Write into the configuration:"
    frame.tell(facts, "\n".join([words, "", *lines]))


def _store(url: str, password_file: Path | None) -> StoreTable:
    try:
        # What is relative on a command line counts from where we stand.
        return StoreTable.model_validate({"url": url, "password_file": password_file}, context={"folder": Path.cwd()})
    except ValidationError as error:
        raise click.BadParameter(f"{url!r} is no database: {error.errors()[0]['msg']}", param_hint="--to") from error


# ── Backup and restore ────────────────────────────────────────────────────────────────────────────────────────────────


@db.command("backup")
@click.option("--to", required=True, type=click.Path(path_type=Path), help="A folder, or a file that ends in .tar.")
@click.option("--keep", type=click.IntRange(1), help="In a folder: remove all backups but the newest so many.")
@click.pass_obj
def back_up(frame: Frame, to: Path, keep: int | None) -> None:
    """Put database, keys, configuration and rules into one file, and compare it. The daemon may go on."""
    settings = settings_of(frame)
    if keep and to.suffix == ".tar":
        raise click.UsageError("--keep is for a folder")
    with Bar("Backing up and comparing", hidden=frame.json) as bar:
        made = asyncio.run(backup.back_up(settings, frame.config_file(), to, wiring.clock(), bar))
    removed = archive.keep(to, keep) if keep else []
    size_bytes = made.file.stat().st_size
    facts = {
        "file": str(made.file),
        "bytes": size_bytes,
        "rows": made.held.rows,
        "balanced": made.held.balanced,
        "removed": [str(path) for path in removed],
    }
    words = [f"{made.file}: {made.held.rows} rows, {in_words(size_bytes)}, opened again and compared."]
    words += [] if made.held.balanced else ["The ledger is NOT balanced, as in the database: see `mailgate ledger`."]
    words += [f"Removed {path}." for path in removed]
    frame.tell(facts, "\n".join(words))


@db.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--force", is_flag=True, help="Replace what the database holds, and other keys.")
@click.pass_obj
def restore(frame: Frame, file: Path, force: bool) -> None:
    """Bring a backup back into the database as configured. No daemon may run.

    What was sent since the backup is not known, so nothing automatic leaves for 24 hours. `db resume` ends that.
    """
    settings = settings_of(frame)
    with Bar("Restoring and comparing", hidden=frame.json) as bar:
        done = asyncio.run(backup.restore(settings, file, force=force, now=wiring.clock(), progress=bar))
    facts = {
        "rows": done.held.rows,
        "made_at": done.made_at,
        "balanced": done.held.balanced,
        "automatic_mail_off_until": done.silent_until,
        "keys": done.keys,
    }
    words = [
        f"{done.held.rows} rows of {done.made_at[:16]} were brought back and compared; {done.keys}.",
        f"Nothing automatic leaves until {done.silent_until:%Y-%m-%d %H:%M} UTC, unless you say `mailgate db resume`.",
        "Configuration and rules stay as they are; the backup has those of its time.",
    ]
    frame.tell(facts, "\n".join(words))


@db.command("resume")
@click.pass_obj
def resume(frame: Frame) -> None:
    """Let automatic mail leave again, before the 24 hours after a restore or a jump of the clock are over."""
    at_desk(frame, lambda desk: desk.resume())
    frame.tell({"automatic_mail": "on"}, "Automatic mail leaves again.")


# ── Prune ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@db.command("prune")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.pass_obj
def prune(frame: Frame, dry_run: bool) -> None:
    """Take away what was kept long enough by [retention]. The daemon may go on.

    What waits for a person stays, and so do permits younger than 400 days.
    """
    settings = settings_of(frame)
    found, gone = asyncio.run(_prune(frame, settings, dry_run=dry_run))
    facts = {"dry_run": dry_run} | {one.kind: one.items if dry_run else gone[one.kind] for one in found}
    said = [f"{facts[one.kind]:>8} {WORDS[one.kind]}{_mails(one)}" for one in found]
    frame.tell(facts, "\n".join([f"What {'would go' if dry_run else 'went'}:", *said]))


async def _prune(frame: Frame, settings: Settings, *, dry_run: bool) -> tuple[list[Due], dict[Kind, int]]:
    rules, now = Rules(**settings.retention.model_dump()), wiring.clock()
    async with opened(settings) as database:
        found = await pruning.due(database, rules, now)
        if dry_run:
            return found, {}
        with Bar("Pruning", hidden=frame.json) as bar:
            bar.expect(sum(one.items for one in found))
            gone = await pruning.prune(database, rules, now, removed=lambda _kind, number: bar.advance(number))
    return found, gone


def _mails(one: Due) -> str:
    return f" with {one.mails} mails" if one.kind in (Kind.CLOSED_TICKETS, Kind.QUIET_TICKETS) else ""
