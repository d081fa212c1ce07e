"""Faces: `mailgate keys`: what signs our identifiers and our mail, and what others must find of it in DNS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from mailgate import keys as ring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.config import tomlfile
from mailgate.dnsrecords import records
from mailgate.errors import NotFound

F = TypeVar("F", bound=Callable[..., Any])

TAKE_UP = "A running daemon takes it up at SIGHUP (systemctl reload mailgate)."
COPY = "Keep a copy with the backup of the database."


def _file(command: F) -> F:
    words = "The key file, where it is not the one of the configuration."
    return click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help=words)(command)


def _selector(command: F) -> F:
    words = "The name in DNS, where it is not [outbound] dkim_selector."
    return click.option("--selector", metavar="NAME", default="", callback=_checked, help=words)(command)


def _checked(_ctx: click.Context, _: click.Parameter, value: str) -> str:
    if value and not ring.is_selector(value):
        raise click.BadParameter(ring.SELECTOR_WORDS)
    return value


@click.group("keys", cls=Group)
def keys() -> None:
    """Make, change and publish the signing keys."""


@keys.command("init")
@_file
@_selector
@click.pass_obj
def init(frame: Frame, file: Path | None, selector: str) -> None:
    """Make the key file, once: a key for identifiers, and a pair for DKIM."""
    path, name = _path(frame, file), selector or _configured_selector(frame, file)
    ring.make(path, datetime.now(UTC), selector=name)
    then = f"Made {path}. {COPY}\nFor DKIM, publish what `mailgate keys dns` prints."
    frame.tell({"key_file": str(path), "selector": name}, then)


@keys.command("rotate")
@_file
@click.pass_obj
def rotate(frame: Frame, file: Path | None) -> None:
    """Let a new key sign identifiers; every 90 days.

    Older ones verify for 400 days after they signed last; those that have done so go.
    """
    path = _path(frame, file)
    before = {key.kid for key in ring.read(path).keys}
    now = ring.rotate(path, datetime.now(UTC))
    gone = sorted(before - {key.kid for key in now.keys})
    words = f"Key {now.current.kid} signs from now on. {TAKE_UP} {COPY}"
    dropped = f"\nDropped, because they have verified for long enough: {', '.join(gone)}" if gone else ""
    frame.tell({"key_file": str(path), "signs": now.current.kid, "dropped": gone}, words + dropped)


@keys.command("revoke")
@click.argument("kid")
@_file
@click.pass_obj
def revoke(frame: Frame, kid: str, file: Path | None) -> None:
    """Let the key KID verify nothing any more: somebody else may have it.

    Signed addresses and links of that key are refused from then on; answers to mail that it signed are threaded as if
    it were not ours. The key that signs cannot be revoked: rotate first.
    """
    path = _path(frame, file)
    ring.revoke(path, kid, datetime.now(UTC))
    words = f"Key {kid} verifies nothing any more. {TAKE_UP} A backup made before still has it."
    frame.tell({"key_file": str(path), "revoked": kid}, words)


@keys.command("list")
@_file
@click.pass_obj
def list_(frame: Frame, file: Path | None) -> None:
    """List the keys, without their secrets."""
    content = ring.read(_path(frame, file))
    rows = [
        {"key": key.kid, "algorithm": "hmac-sha256", "created": key.created, "state": _state(key, content)}
        for key in sorted(content.keys, key=lambda key: key.created, reverse=True)
    ]
    signing = {key.selector for key in ring.dkim_of(content, _configured_selector(frame, file))}
    rows += [
        {
            "key": key.selector,
            "algorithm": key.algorithm,
            "created": key.created,
            "state": "signs mail" if key.selector in signing else "waits for its name in dkim_selector",
        }
        for key in content.dkim
    ]
    frame.show(rows, ("key", "algorithm", "created", "state"), "No keys.")


@keys.command("dkim")
@_file
@_selector
@click.pass_obj
def dkim(frame: Frame, file: Path | None, selector: str) -> None:
    """Make a pair of keys for DKIM: RSA and Ed25519.

    Without --selector for the one of the configuration, where the key file has none yet. To change keys, make a pair
    under a new name, publish it, wait until DNS has it, and only then write the name into [outbound] dkim_selector.
    """
    path, configured = _path(frame, file), _configured_selector(frame, file)
    name = selector or configured
    ring.add_dkim(path, name, datetime.now(UTC), keep=configured)
    more = "" if name == configured else f", then set dkim_selector = {name!r} and restart".replace("'", '"')
    words = f"Made the keys of {name}. Publish what `mailgate keys dns --selector {name}` prints{more}. {COPY}"
    frame.tell({"key_file": str(path), "selector": name}, words + ("" if more else f"\nThen: {TAKE_UP}"))


@keys.command("dns")
@_selector
@click.pass_obj
def dns(frame: Frame, selector: str) -> None:
    """Print the records that others look for, as lines of a zone file.

    DKIM as it must be; the others are a proposal. Whatever takes the mail from us (a relay) belongs into SPF, too.
    """
    settings = settings_of(frame)
    name = selector or settings.outbound.dkim_selector
    pair = ring.dkim_of(ring.read(settings.gateway.key_file), name)
    if selector and not pair:
        raise NotFound(f"{name} has no keys: mailgate keys dkim --selector {name}")
    for one in records(settings, pair):
        facts = {"name": one.name, "type": one.kind, "value": one.value, "strings": one.strings, "for": one.purpose}
        frame.tell(facts, f"; {one.purpose}\n{one.line}")


def _path(frame: Frame, file: Path | None) -> Path:
    return file or settings_of(frame).gateway.key_file


def _configured_selector(frame: Frame, file: Path | None) -> str:
    """That of the configuration.

    Beside a file that was named there need not be one, and credentials that it names are lent to the service alone.
    """
    config = frame.config_file()
    if not file:
        return settings_of(frame).outbound.dkim_selector
    outbound = tomlfile.read(config).document.get("outbound") if config.exists() else None
    written = outbound.get("dkim_selector") if isinstance(outbound, dict) else None
    return str(written or ring.DEFAULT_SELECTOR)


def _state(key: ring.IdentifierKey, content: ring.KeyFile) -> str:
    if key.revoked:
        return f"revoked {key.revoked:%Y-%m-%d}"
    until = ring.verifies_until(key, content)
    return f"verifies until {until:%Y-%m-%d}" if until else "signs identifiers"
