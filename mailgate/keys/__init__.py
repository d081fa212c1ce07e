"""Faces: the keys of this installation: made, rotated, revoked and handed on. No secret is ever shown.

Two kinds stand in one file (see `file`):

* Keys that sign our identifiers. The newest signs, all verify; each for `VERIFY_D` days after another took its place.
  A revoked one verifies nothing: mail that bears its name is treated as if we had never written it.
* Keys that sign our mail (DKIM), a pair for each selector, because old mail programs know RSA alone. Their public
  halves stand in DNS, so a new pair takes a new selector; `[outbound] dkim_selector` says which pair signs.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from mailgate.errors import NotAllowed, NotFound
from mailgate.keys import file as key_file
from mailgate.keys.file import ALPHABET, INSTANCE_CHARS, SECRET_BYTES, IdentifierKey, KeyFile, PrivateKey, read
from mailgate.model import DkimAlgorithm, DkimKey, Keys

__all__ = [
    "ALPHABET",
    "DEFAULT_SELECTOR",
    "INSTANCE_CHARS",
    "ROTATE_D",
    "SECRET_BYTES",
    "SELECTOR_WORDS",
    "VERIFY_D",
    "IdentifierKey",
    "KeyFile",
    "add_dkim",
    "dkim_of",
    "is_selector",
    "keys_of",
    "load",
    "make",
    "read",
    "revoke",
    "rotate",
    "selector_of",
    "verifies_until",
]

ROTATE_D = 90  # days that a key signs: what one stolen key can forge has an end
VERIFY_D = 400  # days that it then still verifies, so that a yearly order can be answered in its thread
DEFAULT_SELECTOR = "mg1"
SELECTOR_WORDS = "small letters, digits, hyphens and dots, at most 62"
RSA_BITS = 2048  # RFC 8301 section 3.2
RSA_EXPONENT = 65537

_SUFFIX = {DkimAlgorithm.RSA: "", DkimAlgorithm.ED25519: "e"}


def make(path: Path, now: datetime, *, selector: str = "") -> None:
    """Write a new key file with one key, and with a pair for DKIM where a selector is given.

    Raises:
        NotAllowed: `path` exists already, or the selector cannot stand in DNS.
        ConfigError: it cannot be written.
    """
    instance = "".join(secrets.choice(ALPHABET) for _ in range(INSTANCE_CHARS))
    first = IdentifierKey(ALPHABET[1], now, secrets.token_bytes(SECRET_BYTES))
    key_file.create(path, KeyFile(instance, (first,), _pair(selector, now) if selector else ()))


def load(path: Path) -> Keys:
    """The keys that sign and verify identifiers. Raises what `read` raises."""
    return keys_of(read(path))


def keys_of(content: KeyFile) -> Keys:
    """What of the file signs and verifies identifiers."""
    verify = {key.kid: key.secret for key in content.keys if key.secret}
    return Keys(content.instance, content.current.kid, verify, _lasting(content))


def dkim_of(content: KeyFile, selector: str) -> tuple[DkimKey, ...]:
    """The keys that sign mail under this selector, RSA first; () where it has none."""
    wanted = [selector_of(selector, algorithm) for algorithm in DkimAlgorithm]
    found = {key.selector: DkimKey(key.selector, key.algorithm, key.private) for key in content.dkim}
    return tuple(found[name] for name in wanted if name in found)


def is_selector(text: str) -> bool:
    """May a pair of keys stand under this name?"""
    return all(key_file.SELECTOR.fullmatch(selector_of(text, algorithm)) for algorithm in DkimAlgorithm)


def selector_of(selector: str, algorithm: DkimAlgorithm) -> str:
    """The name in DNS of one key of a pair: two records cannot share one (RFC 6376 section 3.6.2.2).

    "mg1" stands for RSA under mg1 and Ed25519 under mg1e.
    """
    first, dot, rest = selector.partition(".")
    return f"{first}{_SUFFIX[algorithm]}{dot}{rest}"


def verifies_until(key: IdentifierKey, content: KeyFile) -> datetime | None:
    """Until when a key verifies, counted from the day the next one took its place; None for the one that signs."""
    later = [other.created for other in content.keys if other.created > key.created]
    return min(later) + timedelta(days=VERIFY_D) if later else None


def rotate(path: Path, now: datetime) -> KeyFile:
    """Let a new key sign identifiers, and drop those that have verified for long enough; what the file has now.

    Raises:
        NotAllowed: there are as many keys as there are names for them.
        ConfigError: as `load`, or the file cannot be written.
    """
    return key_file.change(path, lambda content: _rotated(content, secrets.token_bytes(SECRET_BYTES), now))


def revoke(path: Path, kid: str, now: datetime) -> KeyFile:
    """Let a key verify nothing any more; what the file has now.

    Raises:
        NotFound: no such key.
        NotAllowed: it signs, so there has to be a new one first.
        ConfigError: as `load`, or the file cannot be written.
    """
    return key_file.change(path, lambda content: _without(content, kid, now))


def add_dkim(path: Path, selector: str, now: datetime, *, keep: str) -> KeyFile:
    """Make a pair for DKIM under `selector`, and drop all others but the one of `keep`; what the file has now.

    Raises:
        NotAllowed: this selector has its keys, or cannot stand in DNS.
        ConfigError: as `load`, or the file cannot be written.
    """
    pair = _pair(selector, now)

    def added(content: KeyFile) -> KeyFile:
        if dkim_of(content, selector):
            raise NotAllowed(f"{selector} has its keys; new ones take a new name: --selector")
        kept = {key.selector for key in dkim_of(content, keep)}
        return replace(content, dkim=(*(key for key in content.dkim if key.selector in kept), *pair))

    return key_file.change(path, added)


def _rotated(content: KeyFile, secret: bytes, now: datetime) -> KeyFile:
    newest = max(content.keys, key=lambda key: key.created)
    # Whatever the clock says, the new key is the newest.
    created = max(now, newest.created + timedelta(seconds=1))
    added = IdentifierKey(_next_kid(content), created, secret)
    grown = replace(content, keys=(*content.keys, added), lasting=_lasting(content))
    kept = (key for key in grown.keys if (until := verifies_until(key, grown)) is None or until > now)
    return replace(grown, keys=tuple(kept))


def _lasting(content: KeyFile) -> bytes:
    """What does not change with the keys: made of the first one, from which nobody gets back to it."""
    return content.lasting or hmac.digest(content.current.secret or b"", b"mailgate/1\0lasting", "sha256")


def _next_kid(content: KeyFile) -> str:
    """The name after the newest one, so that a name comes again as late as it can."""
    last = ALPHABET.index(max(content.keys, key=lambda key: key.created).kid)
    used = {key.kid for key in content.keys}
    names = (ALPHABET[(last + step) % len(ALPHABET)] for step in range(1, len(ALPHABET)))
    name = next((one for one in names if one not in used), None)
    if name is None:
        raise NotAllowed(f"there are {len(used)} keys already, and no more names for them; the oldest go by themselves")
    return name


def _without(content: KeyFile, kid: str, now: datetime) -> KeyFile:
    key = next((one for one in content.keys if one.kid == kid), None)
    if key is None:
        raise NotFound(f"no key {kid!r}")
    if key is content.current:
        raise NotAllowed(f"key {kid} signs; first let a new one: mailgate keys rotate")
    gone = replace(key, secret=None, revoked=key.revoked or now)
    return replace(content, keys=tuple(gone if one is key else one for one in content.keys))


def _pair(selector: str, now: datetime) -> tuple[PrivateKey, ...]:
    if not is_selector(selector):
        raise NotAllowed(f"{selector!r} cannot stand in DNS for two keys: {SELECTOR_WORDS}")
    # Here, for who only verifies identifiers need not carry it.
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: PLC0415

    made: dict[DkimAlgorithm, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey] = {
        DkimAlgorithm.RSA: rsa.generate_private_key(RSA_EXPONENT, RSA_BITS),
        DkimAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate(),
    }
    shape = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return tuple(
        PrivateKey(selector_of(selector, algorithm), algorithm, now, key.private_bytes(*shape))
        for algorithm, key in made.items()
    )
