"""Faces: makes from the settings the parts that every face with a store needs. Decides nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mailgate import keys, rulebook
from mailgate.clock import wall as clock
from mailgate.config import Settings
from mailgate.context import Context, Mint
from mailgate.errors import ConfigError, Fault
from mailgate.identity import database_file, gateway_of, origins_of, secret, tls_of
from mailgate.judge import relays
from mailgate.log import Log
from mailgate.mail.quotes import Quotes
from mailgate.meter import UNHEARD, Meter
from mailgate.model import Gateway
from mailgate.net.dkim_sign import Signer
from mailgate.rulebook import Rulebook
from mailgate.rulefiles import Folders
from mailgate.store.database import Database
from mailgate.tables import nearest

__all__ = [
    "alias_of",
    "clock",
    "context_of",
    "database_file",
    "gateway_of",
    "high_water_file",
    "open_database",
    "origins_of",
    "password_of",
    "rulebook_of",
    "rules_folder",
    "rules_folders",
    "secret",
    "signer_of",
    "tls_of",
]

HIGH_WATER = ".high-water"  # after the name of the file that it stands beside


def rulebook_of(settings: Settings) -> Rulebook:
    """The rules as configured, else those that come with mailgate, for a desk of this size.

    Raises ConfigError with all their faults.
    """
    return rulebook_in(rules_folder(settings), settings.rules.local, settings)


def rulebook_in(folder: Path, local: Path | None, settings: Settings) -> Rulebook:
    """The same with the rules of other folders. Raises ConfigError with all their faults."""
    book = rulebook.load(folder, local)
    if unlisted := list(_unlisted(book, settings)):
        raise ConfigError(rulebook.shown(unlisted, book.contents, Folders.of(folder, local)))
    return replace(book, limits=book.limits.for_desk(settings.replies.new_contacts_per_day))


def _unlisted(book: Rulebook, settings: Settings) -> Iterator[Fault]:
    """The rules that send mail on, or hand it, to somebody whom the configuration does not name."""
    addresses = [address.lower() for address in settings.rules.redirect_to]
    webhooks = [one.name for one in settings.webhook]
    for rule in book.signals.rules.all:
        file, _, line = rule.place.rpartition(":")
        for act, found, listed, what in (
            ("redirect", rule.acts.redirect.lower(), addresses, "an address of [rules] redirect_to"),
            ("webhook", rule.acts.webhook, webhooks, "the name of a [[webhook]]"),
        ):
            if found and found not in listed:
                allowed = f"{what} in the configuration: {', '.join(listed) or 'none yet'}"
                yield Fault(file, int(line), f"rule.then.{act}", repr(found), allowed, nearest(found, listed))


def quotes_of(settings: Settings) -> Quotes:
    """How old words are marked, of those same rules. Raises ConfigError with all their faults."""
    return rulebook.quotes_in(rules_folder(settings), settings.rules.local)


def rules_folder(settings: Settings) -> Path:
    """Where the rule files lie."""
    return settings.rules.folder or rulebook.shipped_folder()


def rules_folders(settings: Settings) -> Folders:
    """The same with the operator's own over it, where there is one."""
    return Folders.of(rules_folder(settings), settings.rules.local)


def high_water_file(settings: Settings) -> Path | None:
    """Where it is written down how far the database had come: beside the keys.

    Beside the database where the service manager lends the keys, for nobody may write there; None where that is a
    server's.
    """
    lent = os.environ.get("CREDENTIALS_DIRECTORY")
    if lent and settings.gateway.key_file.parent == Path(lent):
        beside = database_file(settings)
    else:
        beside = settings.gateway.key_file
    return beside.with_name(beside.name + HIGH_WATER) if beside else None


async def open_database(settings: Settings, *, daemon: bool, create: bool = False, owner: str = "") -> Database:
    """The store as configured. Raises what `Database.open` raises."""
    password = secret(settings.store.password_file, "store.password_file")
    return await Database.open(settings.store.url, daemon=daemon, create=create, owner=owner, password=password)


def context_of(
    database: Database,
    gateway: Gateway,
    book: Callable[[], Rulebook],
    log: Log,
    *,
    meter: Meter = UNHEARD,
    clock: Callable[[], datetime] = clock,
) -> Context:
    """What every road is given, with this machine's clock and chance."""
    return Context(database, gateway, book, Mint(database.new_id), clock, log, meter)


def alias_of(settings: Settings, book: Callable[[], Rulebook]) -> Callable[[str], str]:
    """What reads from the relay's last answer how it named a mail anew."""
    host, domain = settings.outbound.relay_host, settings.outbound.id_domain
    return lambda said: relays.learner(book().relays, host, domain).alias(said)


def signer_of(settings: Settings) -> Signer:
    """Who signs what leaves; nobody where the selector has no keys. Raises ConfigError where they are damaged."""
    path = settings.gateway.key_file
    try:
        return Signer(keys.dkim_of(keys.read(path), settings.outbound.dkim_selector))
    except ValueError as error:
        raise ConfigError([Fault(str(path), 0, "dkim", str(error), "keys made by `mailgate keys dkim`")]) from error


def password_of(settings: Settings) -> str:
    """The password for the relay, "" where there is none. Raises ConfigError where its file cannot be read."""
    return secret(settings.outbound.password_file, "outbound.password_file")
