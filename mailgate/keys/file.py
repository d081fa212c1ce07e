"""Faces: the key file, which signs every identifier we send. Makes it once, reads it, and never shows a secret.

The file is TOML, for our eyes alone: the name of this installation and one [[key]] per key. The newest key signs, all
verify.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mailgate.config import tomlfile
from mailgate.config.tomlfile import TomlFile
from mailgate.errors import ConfigError, Fault, NotAllowed
from mailgate.model import Keys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: survives mail systems that fold case
INSTANCE_CHARS = 8
SECRET_BYTES = 32  # as wide as the SHA-256 it keys (RFC 2104 section 3)

_SHAPES = {
    "instance": f"{INSTANCE_CHARS} characters of {ALPHABET}",
    "kid": f"one character of {ALPHABET}, each key its own",
    "secret": f"base64 of {SECRET_BYTES} random bytes",
    "created": "a time with its zone, such as 2026-11-22T10:00:00Z",
}
_FILE = """\
# The signing keys of this mailgate. Keep them secret, and keep a copy with the backup of the database:
# without them no answer to mail already sent finds its ticket.
instance = "{instance}"

[[key]]
kid = "{kid}"
secret = "{secret}"
created = {created}
"""


def make(path: Path, now: datetime) -> None:
    """Write a new key file with one key, mode 0600, flushed to disk. Raises NotAllowed where `path` exists already."""
    text = _FILE.format(
        instance="".join(secrets.choice(ALPHABET) for _ in range(INSTANCE_CHARS)),
        kid="1",
        secret=base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode(),
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if path.exists():
            raise NotAllowed(f"{path} exists already and is never written over: its keys may be in use") from error
        raise ConfigError([Fault(str(path), 0, "key_file", error.strerror or "", "a place we may write to")]) from error
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path) -> Keys:
    """Read the key file. Raises ConfigError where it is missing, damaged, or readable by others than its owner."""
    if not path.exists():
        raise ConfigError([Fault(str(path), 0, "key_file", "no such file", "a file made by `mailgate keys init`")])
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (0o037 if _is_credential(path) else 0o077):
        raise ConfigError([Fault(str(path), 0, "key_file", f"mode {mode:04o}", f"mode 0600: chmod 600 {path}")])
    file = tomlfile.read(path)
    faults = list(_faults(file))
    if faults:
        raise ConfigError(faults)
    newest = max(file.document["key"], key=lambda key: key["created"])
    return Keys(
        instance=file.document["instance"],
        current=newest["kid"],
        secrets={key["kid"]: base64.b64decode(key["secret"]) for key in file.document["key"]},
    )


def _is_credential(path: Path) -> bool:
    """Did the service manager put it there? It lets our user alone read it, by an ACL that looks like a group's right.

    systemd.exec(5), CREDENTIALS_DIRECTORY: nobody else can enter the folder.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(folder or "") and path.stat().st_uid in (0, os.geteuid())


def _faults(file: TomlFile) -> Iterator[Fault]:
    if not _is_word(file.document.get("instance"), INSTANCE_CHARS):
        yield Fault(file.name, file.line(("instance",)), "instance", "something else", _SHAPES["instance"])
    tables = file.document.get("key")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        yield Fault(file.name, 0, "key", "no such table", "one or more tables [[key]]")
        return
    for index, table in enumerate(tables):
        earlier = {other.get("kid") for other in tables[:index]}
        for name in _wrong(table, earlier):
            # What was found stays out of the message: it may be the secret.
            line = file.line(("key", index, name))
            yield Fault(file.name, line, f"key[{index + 1}].{name}", "something else", _SHAPES[name])


def _wrong(table: dict[str, Any], earlier: set[Any]) -> Iterator[str]:
    if not _is_word(table.get("kid"), 1) or table["kid"] in earlier:
        yield "kid"
    if not _is_secret(table.get("secret")):
        yield "secret"
    created = table.get("created")
    if not isinstance(created, datetime) or created.tzinfo is None:
        yield "created"


def _is_word(value: object, length: int) -> bool:
    return isinstance(value, str) and re.fullmatch(f"[{ALPHABET}]{{{length}}}", value) is not None


def _is_secret(value: object) -> bool:
    try:
        return isinstance(value, str) and len(base64.b64decode(value, validate=True)) == SECRET_BYTES
    except (binascii.Error, ValueError):
        return False
