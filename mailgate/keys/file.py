"""Faces: the key file as it lies on disk: read whole, written whole, for our eyes alone. Decides nothing.

The file is TOML: the name of this installation, one [[key]] for each key that signs our identifiers, and one [[dkim]]
for each key that signs our mail. Whoever writes it holds a lock on its folder, and a reader finds the old file or the
new one, never half of either.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from mailgate.config import tomlfile
from mailgate.config.tomlfile import TomlFile
from mailgate.errors import ConfigError, Fault, NotAllowed
from mailgate.model import DkimAlgorithm

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: survives mail systems that fold case
INSTANCE_CHARS = 8
SECRET_BYTES = 32  # as wide as the SHA-256 it keys (RFC 2104 section 3)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?"
SELECTOR = re.compile(rf"(?!.{{64}}){_LABEL}(?:\.{_LABEL})*")  # RFC 1035 section 2.3.4: a label has 63 characters

_TIME = "a time with its zone, such as 2026-11-22T10:00:00Z"
_SHAPES = {
    "instance": f"{INSTANCE_CHARS} characters of {ALPHABET}",
    "lasting": f"base64 of {SECRET_BYTES} random bytes, or none",
    "kid": f"one character of {ALPHABET}, each key its own",
    "secret": f"base64 of {SECRET_BYTES} random bytes, or none with `revoked`",
    "created": _TIME,
    "revoked": _TIME,
    "selector": "the name that the public key has in DNS, each only once",
    "algorithm": " or ".join(f'"{one}"' for one in DkimAlgorithm),
    "private": "base64 of a private key, as `mailgate keys dkim` makes it",
}
_HEAD = """\
# The signing keys of this mailgate. Keep them secret, and keep a copy with the backup of the database:
# without them no answer to mail already sent finds its ticket. `mailgate keys` writes this file anew.
instance = "{}"
"""


@dataclass(frozen=True, slots=True)
class IdentifierKey:
    """A key that signs identifiers. One that was revoked has no `secret` any more, and keeps its name."""

    kid: str
    created: datetime
    secret: bytes | None = field(repr=False)
    revoked: datetime | None = None


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs mail; `private` is PKCS #8 in DER, `selector` names the public half in DNS."""

    selector: str
    algorithm: DkimAlgorithm
    created: datetime
    private: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """All that stands in the file."""

    instance: str
    keys: tuple[IdentifierKey, ...]
    dkim: tuple[PrivateKey, ...] = ()
    lasting: bytes = field(default=b"", repr=False)  # b"" until the first key was replaced

    @property
    def current(self) -> IdentifierKey:
        """The newest key that was not revoked: it signs."""
        return max((key for key in self.keys if key.secret), key=lambda key: key.created)


def read(path: Path) -> KeyFile:
    """Read the key file. Raises ConfigError where it is missing, damaged, or readable by others than its owner."""
    if not path.exists():
        raise ConfigError([Fault(str(path), 0, "key_file", "no such file", "a file made by `mailgate keys init`")])
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (0o037 if _is_credential(path) else 0o077):
        raise ConfigError([Fault(str(path), 0, "key_file", f"mode {mode:04o}", f"mode 0600: chmod 600 {path}")])
    file = tomlfile.read(path, private=True)
    faults = list(_faults(file))
    if faults:
        raise ConfigError(faults)
    return KeyFile(
        instance=file.document["instance"],
        keys=tuple(map(_identifier_key, file.document["key"])),
        dkim=tuple(map(_private_key, file.document.get("dkim", []))),
        lasting=base64.b64decode(file.document.get("lasting", "")),
    )


def create(path: Path, content: KeyFile) -> None:
    """Write a new file, mode 0600, flushed to disk.

    Raises:
        NotAllowed: there is one already.
        ConfigError: its place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if path.exists():
            raise NotAllowed(f"{path} exists already and is never written over: its keys may be in use") from error
        raise _unwritable(path, error) from error
    _fill(handle, content)
    _flush(path.parent)


def change(path: Path, how: Callable[[KeyFile], KeyFile]) -> KeyFile:
    """Put what `how` makes of the file in its place, durably and at once; what stands there now.

    It keeps its owner, so that root may do this for the user of the daemon. One change at a time.

    Raises:
        ConfigError: the file cannot be read, or its place cannot be written.
        Anything that `how` raises; then nothing was written.
    """
    path = path.resolve()
    with _locked(path):
        changed = how(read(path))
        beside = path.with_name(f".{path.name}.{token_hex(8)}")
        try:
            _fill(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), changed, path.stat())
            beside.replace(path)
            _flush(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        finally:
            with suppress(OSError):
                beside.unlink()
    return changed


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _fill(handle: int, content: KeyFile, owner: os.stat_result | None = None) -> None:
    with os.fdopen(handle, "w") as file:
        if owner:
            os.fchown(handle, owner.st_uid, owner.st_gid)
        lasting = f'lasting = "{_base64(content.lasting)}"\n' if content.lasting else ""
        file.write("\n".join([_HEAD.format(content.instance) + lasting, *_tables(content)]))
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tables(content: KeyFile) -> Iterator[str]:
    for key in content.keys:
        rest = f'secret = "{_base64(key.secret)}"' if key.secret else f"revoked = {_time(key.revoked or key.created)}"
        yield f'[[key]]\nkid = "{key.kid}"\ncreated = {_time(key.created)}\n{rest}\n'
    for pair in content.dkim:
        yield (
            f'[[dkim]]\nselector = "{pair.selector}"\nalgorithm = "{pair.algorithm}"\n'
            f'created = {_time(pair.created)}\nprivate = "{_base64(pair.private)}"\n'
        )


def _base64(some: bytes) -> str:
    return base64.b64encode(some).decode()


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError([Fault(str(path), 0, "key_file", error.strerror or "", "a place we may write to")])


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _identifier_key(table: dict[str, Any]) -> IdentifierKey:
    revoked = table.get("revoked")
    return IdentifierKey(
        table["kid"], table["created"], None if revoked else base64.b64decode(table["secret"]), revoked
    )


def _private_key(table: dict[str, Any]) -> PrivateKey:
    private = base64.b64decode(table["private"])
    return PrivateKey(table["selector"], DkimAlgorithm(table["algorithm"]), table["created"], private)


def _is_credential(path: Path) -> bool:
    """Did the service manager put it there? It lets our user alone read it, by an ACL that looks like a group's right.

    systemd.exec(5), CREDENTIALS_DIRECTORY: nobody else can enter the folder.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(folder or "") and path.stat().st_uid in (0, os.geteuid())


def _faults(file: TomlFile) -> Iterator[Fault]:
    if not _is_word(file.document.get("instance"), INSTANCE_CHARS):
        yield Fault(file.name, file.line(("instance",)), "instance", "something else", _SHAPES["instance"])
    if _bytes_of(file.document.get("lasting")) != SECRET_BYTES and "lasting" in file.document:
        yield Fault(file.name, file.line(("lasting",)), "lasting", "something else", _SHAPES["lasting"])
    keys = file.document.get("key")
    if not _are_tables(keys) or not keys:
        yield Fault(file.name, 0, "key", "no such table", "one or more tables [[key]]")
    else:
        yield from _each(file, "key", keys, "kid", _wrong_in_key)
        if all(table.get("revoked") for table in keys):
            yield Fault(file.name, 0, "key", "only revoked keys", "one that signs")
    dkim = file.document.get("dkim", [])
    if not _are_tables(dkim):
        yield Fault(file.name, 0, "dkim", "something else", "tables [[dkim]]")
    else:
        yield from _each(file, "dkim", dkim, "selector", _wrong_in_dkim)


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(table, dict) for table in value)


def _each(
    file: TomlFile,
    name: str,
    tables: list[dict[str, Any]],
    unique: str,
    wrong: Callable[[dict[str, Any]], Iterator[str]],
) -> Iterator[Fault]:
    for index, table in enumerate(tables):
        keys = list(wrong(table))
        if unique not in keys and any(other.get(unique) == table[unique] for other in tables[:index]):
            keys.insert(0, unique)
        for key in keys:
            # What was found stays out of the message: it may be the secret.
            line = file.line((name, index, key))
            yield Fault(file.name, line, f"{name}[{index + 1}].{key}", "something else", _SHAPES[key])


def _wrong_in_key(table: dict[str, Any]) -> Iterator[str]:
    if not _is_word(table.get("kid"), 1):
        yield "kid"
    if "revoked" in table and not _is_time(table["revoked"]):
        yield "revoked"
    if _bytes_of(table.get("secret")) != SECRET_BYTES if "revoked" not in table else "secret" in table:
        yield "secret"
    if not _is_time(table.get("created")):
        yield "created"


def _wrong_in_dkim(table: dict[str, Any]) -> Iterator[str]:
    selector = table.get("selector")
    if not isinstance(selector, str) or not SELECTOR.fullmatch(selector):
        yield "selector"
    if table.get("algorithm") not in list(DkimAlgorithm):
        yield "algorithm"
    if not _bytes_of(table.get("private")):
        yield "private"
    if not _is_time(table.get("created")):
        yield "created"


def _is_word(value: object, length: int) -> bool:
    return isinstance(value, str) and re.fullmatch(f"[{ALPHABET}]{{{length}}}", value) is not None


def _is_time(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _bytes_of(value: object) -> int:
    """How many bytes are written there in base64; 0 where it is none."""
    try:
        return len(base64.b64decode(value, validate=True)) if isinstance(value, str) else 0
    except (binascii.Error, ValueError):
        return 0
