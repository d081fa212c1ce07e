"""Faces: a whole installation moved, put aside and brought back: the database together with the keys that belong to it.

The house rules of this file:
* A backup is taken while the daemon works, and is not called one before it was opened again and compared.
* Whatever is brought back or moved is whole or was never begun; what it takes the place of stays until then.
* A database that was brought back does not know what was sent since, so nothing automatic leaves for a day.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mailgate import keys, rulefiles, wiring
from mailgate.backup import archive, highwater
from mailgate.backup.archive import Manifest
from mailgate.config import Settings, StoreTable
from mailgate.errors import ConfigError, Damaged, NotAllowed
from mailgate.store import inventory, marks, restored
from mailgate.store.copying import copy
from mailgate.store.database import Database
from mailgate.store.inventory import Inventory, Progress
from mailgate.store.ledger import ledger

PACKED = "packed"  # the name of a backup that is not finished

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made and compared."""

    file: Path
    held: Inventory


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, and until when nothing automatic leaves."""

    held: Inventory
    made_at: str
    silent_until: datetime
    keys: str  # what became of the key file, in words


async def move(settings: Settings, to: StoreTable, progress: Progress) -> Inventory:
    """Copy the store as configured into the empty one that `to` names. No daemon may serve either.

    Raises:
        ConfigError: a database is missing, or of another version.
        NotAllowed: both are the same, the target holds something, or the source does not account for all its mail.
        Damaged: what arrived is not what left.
        TryAgain: a daemon serves one of them, or one is in trouble.
    """
    if to.url == settings.store.url:
        raise NotAllowed("that is the database itself")
    async with _opened(settings.store, sole=True) as source, _opened(to, sole=True, create=True) as target:
        return await copy(source, target, progress=progress, finish=_account_for_all)


async def back_up(settings: Settings, config: Path, to: Path, now: datetime, progress: Progress) -> Made:
    """Put everything aside: into the file `to` where it ends in .tar, else into the folder `to`, named by its age.

    Raises:
        ConfigError: the database or the key file is missing or unfit.
        NotAllowed: there is such a file already, or the place cannot be written.
        Damaged: what was written is not what was read; nothing is left of it.
        TryAgain: the database is in trouble.
    """
    keys.load(settings.gateway.key_file)
    file = to if to.suffix == ".tar" else to / archive.name_at(now)
    if file.exists():
        raise NotAllowed(f"{file} exists already and is never written over")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place: there is room for it, and a finished file only needs its name.
        with TemporaryDirectory(prefix=".mailgate-backup-", dir=file.parent) as work:
            held = await _back_up(settings, config, Path(work), now, progress)
            archive.publish(Path(work) / PACKED, file)
    except OSError as error:
        raise NotAllowed(f"{file} cannot be written: {error.strerror or error}") from error
    return Made(file, held)


async def restore(settings: Settings, file: Path, *, force: bool, now: datetime, progress: Progress) -> Restored:
    """Bring a backup back into the store as configured, and the keys where there are none. No daemon may serve it.

    With `force` it takes the place of what the store holds, and its keys that of other keys, which are kept beside.

    Raises:
        ConfigError: the backup is of a newer mailgate, or the store cannot be reached as configured.
        NotAllowed: the store holds something, or the keys are others; not with `force`.
        Damaged: the file is no backup, or not whole; nothing was changed.
        TryAgain: a daemon serves the store, or it is in trouble.
    """
    database, memory = wiring.database_file(settings), wiring.high_water_file(settings)
    if database:
        database.parent.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with TemporaryDirectory(prefix=".mailgate-restore-", dir=database.parent if database else None) as folder:
        content = Path(folder)
        manifest = await asyncio.to_thread(archive.unpack, file, content)
        seen = highwater.read(memory) if memory else None

        def finish(conn: Connection) -> None:
            restored.distrust(conn, now, seen)
            said.append(_place_keys(content / archive.KEYS, settings.gateway.key_file, now, force=force))

        backed_up, configured = _file(content / archive.DATABASE), settings.store
        async with _opened(backed_up, create=True) as source, _opened(configured, create=True, sole=True) as target:
            if not force and not await target.read(inventory.is_empty):
                raise NotAllowed(f"{configured.url} holds something already; --force puts the backup in its place")
            held = await copy(source, target, instead=force, progress=progress, finish=finish)
            until = await target.read(restored.silent_until)
            reached = await target.read(marks.mark)
    if memory:
        with suppress(OSError):
            highwater.write(memory, reached)
    return Restored(held, manifest.made_at, until or now, said[0])


# ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _opened(
    store: StoreTable, *, create: bool = False, sole: bool = False, durable: bool = True
) -> AsyncIterator[Database]:
    password = wiring.secret(store.password_file, "store.password_file")
    database = await Database.open(
        store.url, daemon=False, create=create, sole=sole, durable=durable, password=password
    )
    try:
        yield database
    finally:
        await database.close()


def _file(path: Path) -> StoreTable:
    return StoreTable.model_validate({"url": f"sqlite:///{path}"})


def _account_for_all(conn: Connection) -> None:
    if not ledger(conn).balanced:
        raise NotAllowed("the ledger of the source is not balanced: see `mailgate ledger`; nothing was written")


async def _back_up(settings: Settings, config: Path, work: Path, now: datetime, progress: Progress) -> Inventory:
    content, packed = work / "content", work / PACKED
    content.mkdir()
    # Flushed to disk as a whole when it is packed.
    beside = _opened(_file(content / archive.DATABASE), create=True, durable=False)
    async with _opened(settings.store) as source, beside as target:
        held = await copy(source, target, progress=progress)
    shutil.copyfile(settings.gateway.key_file, content / archive.KEYS)
    shutil.copyfile(config, content / archive.CONFIG)
    _add_rules(settings, content / archive.RULES)
    await asyncio.to_thread(archive.pack, content, _manifest(content, held, now), packed)
    shutil.rmtree(content)
    await _open_again(packed, content, held, progress)
    return held


def _add_rules(settings: Settings, target: Path) -> None:
    """The rule files that are the operator's: a whole folder of his, and his own layer in `local`, wherever it lies."""
    folders = wiring.rules_folders(settings)
    if settings.rules.folder:
        shutil.copytree(settings.rules.folder, target)
        shutil.rmtree(target / rulefiles.LOCAL, ignore_errors=True)
    if folders.local and rulefiles.read(folders, []).local:
        shutil.copytree(folders.local, target / rulefiles.LOCAL)


def _manifest(content: Path, held: Inventory, now: datetime) -> Manifest:
    assert held.ledger is not None, "it is read last"
    return Manifest(
        made_at=now.isoformat(),
        version=version("mailgate"),
        tables={name: asdict(tally) for name, tally in held.tallies.items()},
        ledger=asdict(held.ledger),
        members=archive.digests(content),
    )


async def _open_again(packed: Path, folder: Path, held: Inventory, progress: Progress) -> None:
    """Bring it back, as `restore` would, and compare it with what was read."""
    await asyncio.to_thread(archive.unpack, packed, folder)
    async with _opened(_file(folder / archive.DATABASE)) as database:
        found = await asyncio.to_thread(database.look, partial(inventory.taken, progress=progress))
    if differences := held.differences(found):
        raise Damaged("what was written is not what was read, so no backup was made:", differences)


def _place_keys(theirs: Path, ours: Path, now: datetime, *, force: bool) -> str:
    """Put the keys of a backup where they belong, unless they are there; what was done, in words."""
    if ours.exists():
        if _includes(ours, theirs):
            return f"{ours} has these keys"
        if not force:
            wrong = (
                "with other keys no answer to mail that was sent finds its ticket; --force takes those of the backup"
            )
            raise NotAllowed(f"{ours} lacks keys of the backup: {wrong}")
        aside = ours.with_name(f"{ours.name}.before-{now:%Y-%m-%dT%H%M%SZ}")
        ours.rename(aside)
    ours.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(ours, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(theirs.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    return f"{ours} was brought back"


def _includes(ours: Path, theirs: Path) -> bool:
    """Can `ours` read everything that `theirs` signed?"""
    try:
        here = keys.read(ours)
    except ConfigError:
        return False
    there = keys.read(theirs)
    # What was revoked since must not come back.
    revoked = {key.kid for key in here.keys if key.revoked}
    wanted = {kid: secret for kid, secret in keys.keys_of(there).secrets.items() if kid not in revoked}
    return here.instance == there.instance and wanted.items() <= keys.keys_of(here).secrets.items()
