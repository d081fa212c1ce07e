"""Faces: what is wrong with keys that do not fit each other, and how a fault names a key and shows a value.

The checks read the document itself and pass over wrong shapes, so that their faults come with all the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mailgate.config.shapes import is_loopback
from mailgate.config.tomlfile import Place, TomlFile
from mailgate.errors import Fault

MAX_SHOWN_CHARS = 80  # of a faulty value

_NEEDS = (
    ("listener", "tls_cert", "tls_key"),
    ("listener", "tls_key", "tls_cert"),
    ("outbound", "user", "password_file"),
    ("outbound", "user", "relay"),
    ("outbound", "password_file", "user"),
    ("outbound", "id_domain", "relay"),
    ("web", "url", "bind"),
    ("spam", "password_file", "rspamd"),
)
_TRUE_NEEDS = (
    ("spam", "learn", "rspamd"),
    ("webhook", "publishes", "senders"),
)


def across_tables(file: TomlFile) -> Iterator[Fault]:
    """The faults of keys that do not fit each other."""
    yield from _repeated(file, "mailbox", "address")
    yield from _repeated(file, "listener", "bind")
    yield from _repeated(file, "dns_list", "zone")
    yield from _repeated(file, "webhook", "name")
    for name, key, needed in _NEEDS:
        for place, table in _each(file, name):
            if _word(table, key) and not _word(table, needed):
                yield _missing(file, (*place, key), _word(table, key), needed)
    yield from _assumption(file)
    yield from _clear_password(file)
    for name, key, needed in _TRUE_NEEDS:
        for place, table in _each(file, name):
            if table.get(key) is True and not table.get(needed):
                yield _missing(file, (*place, key), True, needed)
    yield from _own_targets(file)


def _missing(file: TomlFile, place: Place, found: object, needed: str) -> Fault:
    return Fault(file.name, file.line(place), key_of(place), f"{shown(found)} alone", f"only together with {needed}")


def _repeated(file: TomlFile, name: str, key: str) -> Iterator[Fault]:
    first: dict[str, Place] = {}
    for place, table in _each(file, name):
        word = _word(table, key).lower()
        # Port 0 asks for any free port, a different one each time.
        if not word or word.endswith(":0"):
            continue
        if word in first:
            allowed = f"each only once; it stands in line {file.line((*first[word], key))} already"
            yield Fault(file.name, file.line((*place, key)), key_of((*place, key)), shown(word), allowed)
        first.setdefault(word, place)


def _assumption(file: TomlFile) -> Iterator[Fault]:
    """`assume = "pass"` lets every peer on loopback be whom it says: no other peer may reach us, nor we any other."""
    words = [_word(table, "assume") for _, table in _each(file, "authentication")]
    binds = [_word(table, "bind") for _, table in _each(file, "listener")]
    relays = [_word(table, "relay") for _, table in _each(file, "outbound")] or [""]
    exposed = [word or "delivery by MX" for word in binds + relays if not is_loopback(word)]
    if "pass" in words and exposed:
        place = ("authentication", "assume")
        allowed = '"pass" only where every listener and the relay are on loopback'
        yield Fault(file.name, file.line(place), key_of(place), f"'pass' with {shortened(', '.join(exposed))}", allowed)


def _own_targets(file: TomlFile) -> Iterator[Fault]:
    """What a rule sends on to a mailbox of ours would come in again; a rule names a queue instead."""
    ours = {_word(table, "address").lower() for _, table in _each(file, "mailbox")}
    for _, table in _each(file, "rules"):
        listed = table.get("redirect_to")
        for index, one in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(one, str) and one.lower() in ours:
                place = ("rules", "redirect_to", index)
                allowed = "addresses that are no mailbox of ours; then.queue sorts within the desk"
                yield Fault(file.name, file.line(place), key_of(place), shown(one), allowed)


def _clear_password(file: TomlFile) -> Iterator[Fault]:
    for _, table in _each(file, "outbound"):
        if _word(table, "user") and table.get("tls") != "required" and not is_loopback(_word(table, "relay")):
            place = ("outbound", "tls")
            found = shown(table.get("tls", "opportunistic"))
            allowed = '"required" where a password goes to another machine'
            yield Fault(file.name, file.line(place), key_of(place), found, allowed)


def _each(file: TomlFile, name: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every table of this name with its place, whether it is an array of tables or a single one."""
    found = file.document.get(name)
    if isinstance(found, dict):
        yield (name,), found
    for index, table in enumerate(found if isinstance(found, list) else []):
        if isinstance(table, dict):
            yield (name, index), table


def _word(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


# ── How a fault speaks ────────────────────────────────────────────────────────────────────────────────────────────────


def key_of(place: Place) -> str:
    """`mailbox[2].address`: the address of the second [[mailbox]]; people count from one."""
    steps = (f"[{step + 1}]" if isinstance(step, int) else f".{shortened(step)}" for step in place)
    return "".join(steps).lstrip(".")


def shown(value: object) -> str:
    """What was found, short and without the password that a URL may carry."""
    try:
        return shortened(re.sub(r"(://[^:@/]*):[^@]*@", r"\1:…@", repr(value)))
    except ValueError:
        # Python refuses to write out an integer of more than 4300 digits.
        return "a number too long to show"


def shortened(text: str) -> str:
    """`text` on one line of bounded length."""
    printable = text if text.isprintable() else repr(text)
    return printable if len(printable) <= MAX_SHOWN_CHARS else printable[:MAX_SHOWN_CHARS] + "…"
