"""Faces: the shapes of single values in the configuration: addresses, host names, sockets, networks, files.

Each is a type for pydantic. A value that does not fit raises ValueError; the words for people stand with the fields.
"""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import UTC, time, tzinfo
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from mailgate.judge import hours

_T = TypeVar("_T")

MAX_TEXT_CHARS = 100
MAX_ADDRESS_CHARS = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
MAX_LOCAL_CHARS = 64  # RFC 5321 section 4.5.3.1.1
MAX_HOST_CHARS = 253  # RFC 1035 section 2.3.4, written with dots
CREDENTIAL = "credential:"
NO_CREDENTIALS = "no_credentials"  # the type of the error where a credential is named and the environment has none
MAX_URL_CHARS = 2000
MAX_CODES = 256  # of one list
MAX_TIMES = 24  # of a day
MAX_SOCKET_PATH_BYTES = 107  # sun_path of Linux, less the final NUL

_MINUTE = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*", re.IGNORECASE)


def split_endpoint(text: str, default_port: int | None = None) -> tuple[str, int]:
    """`"127.0.0.1:25"`, `"[::1]:25"` or `"mx.example.com:25"` as host and port. Raises ValueError."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?", text, re.ASCII)
    plain = re.fullmatch(r"([^:\[\]]+)(?::(\d{1,5}))?", text, re.ASCII)
    if not (match := bracketed or plain):
        raise ValueError("not HOST:PORT")
    if bracketed:
        ipaddress.IPv6Address(match[1])
    if match[2] is None and default_port is None:
        raise ValueError("no port")
    port = int(match[2]) if match[2] else default_port or 0
    if port > 65535:
        raise ValueError("no such port")
    return match[1], port


def is_loopback(endpoint: str) -> bool:
    """Can only this very machine be at the other end? True for unix sockets; false for what is no endpoint."""
    if endpoint.startswith("unix:"):
        return True
    try:
        host, _ = split_endpoint(endpoint)
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(value: str) -> str:
    if len(value) > MAX_TEXT_CHARS or not value.isprintable():
        raise ValueError("not one short line")
    return value


def _host_name(value: str) -> str:
    if len(value) > MAX_HOST_CHARS or not _HOST.fullmatch(value):
        raise ValueError("no host name")
    return value.lower()


def _mail_address(value: str) -> str:
    """Dot-atom and domain only: quoted local parts and address literals are no addresses to publish."""
    local, _, domain = value.rpartition("@")
    if len(value) > MAX_ADDRESS_CHARS or len(local.encode()) > MAX_LOCAL_CHARS:
        raise ValueError("too long")
    if not _LOCAL.fullmatch(local) or not local.isprintable() or " " in local:
        raise ValueError("no mail address")
    return f"{local}@{_host_name(domain)}"


def _ip_and_port(value: str) -> str:
    host, _ = split_endpoint(value)
    ipaddress.ip_address(host)
    return value


def _relay(value: str) -> str:
    host, port = split_endpoint(value)
    if port == 0:
        raise ValueError("no such port")
    if ":" not in host:
        _host_name(host)
    return value


def _resolver(value: str) -> str:
    """`"192.0.2.1"`, `"192.0.2.1:5353"`, `"::1"` or `"[::1]:5353"`."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        _ip_and_port(value)
    return value


def _bind(value: str, info: ValidationInfo) -> str:
    if not value.startswith("unix:"):
        return _ip_and_port(value)
    path = _within(value.removeprefix("unix:"), info)
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise ValueError("too long a path for a socket")
    return f"unix:{path}"


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value))


def _upstream(value: str) -> str:
    """A network, or "unix" for whoever speaks over a unix socket."""
    return value if value == "unix" else _network(value)


def _store_url(value: str, info: ValidationInfo) -> str:
    if not value.isprintable():
        raise ValueError("control characters")
    if value.startswith("sqlite:///"):
        return f"sqlite:///{_within(value.removeprefix('sqlite:///'), info)}"
    parts = urlsplit(value)
    if parts.scheme != "postgresql" or not parts.path.strip("/") or parts.fragment:
        raise ValueError("no database we know")
    if parts.password:
        raise ValueError("a password, which belongs into store.password_file")
    return value


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("not the root of a site")
    if parts.username is not None or not value.isascii():
        raise ValueError("more than a host")
    _relay(f"{parts.netloc}:443" if parts.port is None else parts.netloc)
    return value.rstrip("/")


def _http_url(value: str) -> str:
    """An address to call: a host, with a path where there is one, and no more than that."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or parts.username is not None or parts.fragment:
        raise ValueError("no address to call")
    if not value.isascii() or not value.isprintable() or " " in value or len(value) > MAX_URL_CHARS:
        raise ValueError("not to be written in one line of a request")
    _relay(f"{parts.netloc}:443" if parts.port is None else parts.netloc)
    return value


def _sender(value: str) -> str:
    """A mail address, or "@example.com" for all of a domain."""
    return f"@{_host_name(value[1:])}" if value.startswith("@") else _mail_address(value)


def _codes(value: object) -> dict[str, float]:
    """The points of each answer of a list: RFC 5782 section 2.1 has them all in 127.0.0.0/8."""
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_CODES:
        raise ValueError("no table of codes")
    network = ipaddress.IPv4Network("127.0.0.0/16")
    for code, points in value.items():
        if not isinstance(points, int | float) or isinstance(points, bool) or not -100 <= points <= 100:
            raise ValueError("no points")
        if ipaddress.IPv4Address(str(code)) not in network:
            raise ValueError("no code of a list")
    return {str(code): float(points) for code, points in value.items()}


def minute_of(value: str) -> time:
    """`"09:00"` as a time of day. Raises ValueError."""
    if not _MINUTE.fullmatch(value):
        raise ValueError("no time of day")
    return time.fromisoformat(value)


def zone_of(value: str) -> tzinfo:
    """The time zone of this name, as this machine knows it; UTC needs no machine. Raises ValueError."""
    if value == "UTC":
        return UTC
    try:
        return ZoneInfo(value)
    # Names that are folders, too long or nothing at all each raise something else.
    except (KeyError, OSError) as error:
        raise ValueError("no time zone that this machine knows") from error


def _minute(value: str) -> str:
    minute_of(value)
    return value


def _zone(value: str) -> str:
    zone_of(value)
    return value


def _few(values: tuple[_T, ...]) -> tuple[_T, ...]:
    if len(values) > MAX_TIMES:
        raise ValueError("too many")
    return values


def _within(value: object, info: ValidationInfo) -> Path:
    """A path that counts from the folder of the configuration file, where it is relative."""
    if not isinstance(value, str | Path) or not str(value).isprintable() or value in ("", Path()):
        raise ValueError("no path")
    return Path((info.context or {}).get("folder", "."), value)


def _maybe_within(value: object, info: ValidationInfo) -> Path | None:
    return None if value in ("", None) else _within(value, info)


def _secret(value: object, info: ValidationInfo) -> Path:
    """A path, or "credential:NAME" for what the service manager hands over in a folder of its own (systemd.exec(5))."""
    if not isinstance(value, str) or not value.startswith(CREDENTIAL):
        return _within(value, info)
    name = value.removeprefix(CREDENTIAL)
    if not _CREDENTIAL_NAME.fullmatch(name) or name in (".", ".."):
        raise ValueError("no name of a credential")
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise PydanticCustomError(NO_CREDENTIALS, "no credentials")
    return Path(folder, name)


def _maybe_secret(value: object, info: ValidationInfo) -> Path | None:
    return None if value in ("", None) else _secret(value, info)


def _hours(values: tuple[str, ...]) -> tuple[str, ...]:
    hours.parse(values, UTC, "UTC")
    return values


def _at_least_one(values: tuple[_T, ...]) -> tuple[_T, ...]:
    if not values:
        raise ValueError("none")
    return values


def _or_empty(check: Any) -> AfterValidator:
    """The same shape, or "" for none."""
    return AfterValidator(lambda value: value and check(value))


Minutes = Annotated[tuple[Annotated[str, AfterValidator(_minute)], ...], AfterValidator(_few)]
Zone = Annotated[str, AfterValidator(_zone)]
Text = Annotated[str, AfterValidator(_text)]
Hours = Annotated[tuple[str, ...], AfterValidator(_hours)]
HostName = Annotated[str, AfterValidator(_host_name)]
MaybeHostName = Annotated[str, _or_empty(_host_name)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
MaybeAddress = Annotated[str, _or_empty(_mail_address)]
Bind = Annotated[str, AfterValidator(_bind)]
MaybeWebBind = Annotated[str, _or_empty(_ip_and_port)]
MaybeWebUrl = Annotated[str, _or_empty(_web_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
MaybeHttpUrl = Annotated[str, _or_empty(_http_url)]
Senders = Annotated[str, AfterValidator(_sender)]
Codes = Annotated[dict[str, float], BeforeValidator(_codes)]
MaybeRelay = Annotated[str, _or_empty(_relay)]
Resolver = Annotated[str, AfterValidator(_resolver)]
Network = Annotated[str, AfterValidator(_network)]
Upstream = Annotated[str, AfterValidator(_upstream)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
AtLeastOne = Annotated[tuple[_T, ...], AfterValidator(_at_least_one)]
MaybeFile = Annotated[Path | None, BeforeValidator(_maybe_within)]
SecretFile = Annotated[Path, BeforeValidator(_secret)]
MaybeSecretFile = Annotated[Path | None, BeforeValidator(_maybe_secret)]
