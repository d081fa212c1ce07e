"""Faces: makes from the settings what every process needs, with a store or without one. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic

from mailgate import keys
from mailgate.config import ListenerTable, Settings
from mailgate.errors import ConfigError, Fault
from mailgate.judge.tide import Tide
from mailgate.model import Gateway
from mailgate.net.bind import networks
from mailgate.net.tls import ServerContext, server_context
from mailgate.origins import Origins


def gateway_of(settings: Settings) -> Gateway:
    """Who we are, keys included. Raises ConfigError where the key file is missing or unfit."""
    return settings.gateway_for(keys.load(settings.gateway.key_file))


def database_file(settings: Settings) -> Path | None:
    """The SQLite file of the store, or None where a server keeps it."""
    prefix = "sqlite:///"
    return Path(settings.store.url.removeprefix(prefix)) if settings.store.url.startswith(prefix) else None


def secret(path: Path | None, key: str) -> str:
    """The first line of the file that `key` names, "" where none is named. Raises ConfigError."""
    if path is None:
        return ""
    try:
        return path.read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault(str(path), 0, key, str(error), "a readable file")]) from error


def origins_of(settings: Settings, now_s: Callable[[], float] = monotonic) -> Origins:
    """The memory of how much each network brought, for the door of one process."""
    tide = Tide(settings.wire.origin_mails_per_h, settings.wire.origin_bytes_per_h)
    listed = [network for table in settings.listener for network in (*table.proxies, *table.xclient)]
    listed += [network for table in settings.forwarder for network in table.networks]
    listed += [peer for peer in settings.authentication.trusted_upstreams if peer != "unix"]
    return Origins(tide, networks(tuple(listed)), now_s)


def tls_of(listener: ListenerTable) -> ServerContext | None:
    """The certificate of a listener, or None where it has none. Raises ConfigError where it does not load."""
    if not listener.tls_cert or not listener.tls_key:
        return None
    try:
        return server_context(listener.tls_cert, listener.tls_key)
    except OSError as error:
        allowed = "a certificate and the key that belongs to it, in PEM"
        raise ConfigError([Fault(str(listener.tls_cert), 0, "listener.tls_cert", str(error), allowed)]) from error
