"""Faces: makes from the settings the parts that every face needs. Decides nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mailgate import keys, rulebook
from mailgate.config import ListenerTable, Settings
from mailgate.context import Context, Mint
from mailgate.errors import ConfigError, Fault
from mailgate.highwater import SUFFIX
from mailgate.log import Log
from mailgate.meter import UNHEARD, Meter
from mailgate.model import Gateway
from mailgate.net.tls import ServerContext, server_context
from mailgate.rulebook import Rulebook
from mailgate.store.database import Database


def clock() -> datetime:
    """The time of this machine, aware, UTC."""
    return datetime.now(UTC)


def gateway_of(settings: Settings) -> Gateway:
    """Who we are, keys included. Raises ConfigError where the key file is missing or unfit."""
    return settings.gateway_for(keys.load(settings.gateway.key_file))


def rulebook_of(settings: Settings) -> Rulebook:
    """The rules as configured, else those that come with mailgate, for a desk of this size.

    Raises ConfigError with all their faults.
    """
    book = rulebook.load(rules_folder(settings))
    return replace(book, limits=book.limits.for_desk(settings.replies.new_contacts_per_day))


def rules_folder(settings: Settings) -> Path:
    """Where the rule files lie."""
    return settings.rules.folder or rulebook.shipped_folder()


def database_file(settings: Settings) -> Path | None:
    """The SQLite file of the store, or None where a server keeps it."""
    prefix = "sqlite:///"
    return Path(settings.store.url.removeprefix(prefix)) if settings.store.url.startswith(prefix) else None


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
    return beside.with_name(beside.name + SUFFIX) if beside else None


async def open_database(settings: Settings, *, daemon: bool, create: bool = False, owner: str = "") -> Database:
    """The store as configured. Raises what `Database.open` raises."""
    password = secret(settings.store.password_file, "store.password_file")
    return await Database.open(settings.store.url, daemon=daemon, create=create, owner=owner, password=password)


def context_of(
    database: Database, gateway: Gateway, book: Callable[[], Rulebook], log: Log, meter: Meter = UNHEARD
) -> Context:
    """What every road is given, with this machine's clock and chance."""
    return Context(database, gateway, book, Mint(database.new_id), clock, log, meter)


def password_of(settings: Settings) -> str:
    """The password for the relay, "" where there is none. Raises ConfigError where its file cannot be read."""
    return secret(settings.outbound.password_file, "outbound.password_file")


def secret(path: Path | None, key: str) -> str:
    """The first line of the file that `key` names, "" where none is named. Raises ConfigError."""
    if path is None:
        return ""
    try:
        return path.read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault(str(path), 0, key, str(error), "a readable file")]) from error


def tls_of(listener: ListenerTable) -> ServerContext | None:
    """The certificate of a listener, or None where it has none. Raises ConfigError where it does not load."""
    if not listener.tls_cert or not listener.tls_key:
        return None
    try:
        return server_context(listener.tls_cert, listener.tls_key)
    except OSError as error:
        allowed = "a certificate and the key that belongs to it, in PEM"
        raise ConfigError([Fault(str(listener.tls_cert), 0, "listener.tls_cert", str(error), allowed)]) from error
