"""Faces: the file that a backup is: a plain tar that any machine can open, with a list of what must be in it.

    manifest.json     what it is, when it was made, how many rows each table has, and the SHA-256 of each other member
    database.db       everything, as a SQLite file, whatever kind of database it came from
    mailgate.keys     the signing keys
    config.toml       the configuration, as it was
    rules/            the rule files, where they are the operator's own: a whole folder of his, his layer in local/

A file that is not whole, or not ours, is never taken for one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from mailgate.errors import Damaged

FORMAT = 1  # raised when an older mailgate could no longer read it
MANIFEST, DATABASE, KEYS, CONFIG, RULES = "manifest.json", "database.db", "mailgate.keys", "config.toml", "rules"
NAME = re.compile(r"mailgate-\d{4}-\d\d-\d\dT\d{6}Z\.tar", re.ASCII)

_CHUNK_BYTES = 1 << 20
_MANIFEST_BYTES = 1 << 20  # more than any list of ours has


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself."""

    made_at: str  # ISO 8601
    version: str  # of the mailgate that made it
    tables: dict[str, dict[str, Any]]  # by name: rows and the sum of their digests
    ledger: dict[str, Any]
    members: dict[str, str]  # SHA-256 by name
    format: int = FORMAT


def name_at(now: datetime) -> str:
    """The name of a backup made at `now`: it sorts by age."""
    return f"mailgate-{now:%Y-%m-%dT%H%M%SZ}.tar"


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in `folder`, by its name in an archive."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _sha256_of(path) for path in files}


def pack(folder: Path, manifest: Manifest, archive: Path) -> None:
    """Make an archive of all files in `folder`, readable by its owner alone, flushed to disk."""
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n")
    with os.fdopen(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in (MANIFEST, *manifest.members):
                tar.add(folder / name, name, filter=_anonymous)
        file.flush()
        os.fsync(file.fileno())


def unpack(archive: Path, folder: Path) -> Manifest:
    """Take everything out of `archive` into `folder`, which is empty or made, each file compared with the list.

    Raises:
        Damaged: it is no archive of ours, or of a newer mailgate, or something in it is missing, more or different.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            return _unpack(tar, folder, archive.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Damaged(f"{archive} cannot be read as a backup: {error}") from error


def publish(archive: Path, to: Path) -> None:
    """Give a finished archive its name, where nothing has it yet; durable. Raises FileExistsError."""
    os.link(archive, to)
    archive.unlink()
    folder = os.open(to.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def keep(folder: Path, number: int) -> list[Path]:
    """Remove all archives in `folder` but the newest `number`; those that were removed. Other files stay."""
    made = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    old = made[:-number]
    for path in old:
        path.unlink()
    return old


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _unpack(tar: tarfile.TarFile, folder: Path, name: str) -> Manifest:
    members = _members(tar, name)
    manifest = _manifest(next(members, None), name)
    found = set()
    for member, content in members:
        if manifest.members.get(member) != _write(content, folder / member):
            raise Damaged(f"{name}: {member} is not what was packed")
        found.add(member)
    if missing := set(manifest.members) - found:
        raise Damaged(f"{name}: {', '.join(sorted(missing))} is missing")
    return manifest


def _members(tar: tarfile.TarFile, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        content = tar.extractfile(member) if member.isreg() else None
        path = Path(member.name)
        if content is None or path.is_absolute() or ".." in path.parts:
            raise Damaged(f"{name}: {member.name!r} has no place in a backup")
        yield member.name, content


def _manifest(first: tuple[str, IO[bytes]] | None, name: str) -> Manifest:
    if first is None or first[0] != MANIFEST:
        raise Damaged(f"{name} is no backup of mailgate")
    try:
        manifest = Manifest(**json.loads(first[1].read(_MANIFEST_BYTES)))
    except (ValueError, TypeError) as error:
        raise Damaged(f"{name}: its {MANIFEST} cannot be understood") from error
    if manifest.format != FORMAT:
        raise Damaged(f"{name} was made by another version of mailgate ({manifest.version})")
    if DATABASE not in manifest.members or KEYS not in manifest.members:
        raise Damaged(f"{name}: {DATABASE} and {KEYS} belong into a backup")
    return manifest


def _write(content: IO[bytes], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
    return _sha256_of(path)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
