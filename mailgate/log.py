"""Ground: one structured line per event, as JSON. Knows the names of all events, and nothing of what happens in them.

Lines carry no addresses, subjects or bodies at info. Pure rooms do not log: they return steps.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

import re2
import structlog
from structlog.typing import EventDict
from structlog.typing import FilteringBoundLogger as Log

from mailgate.asciijson import encoder

__all__ = ["Event", "Log", "bridge", "open_log", "without_addresses"]

_encode = encoder(otherwise=repr)  # what JSON has no word for is shown as Python would show it
_ADDRESS = re2.compile(r"\S*@\S*")


LEVELS = {"exception": "error"}  # of methods that are not called like the level they speak at


class Event(StrEnum):
    """The names of events. Users search for them, so they keep their spelling."""

    READY = "ready"
    WORKER_READY = "worker-ready"
    WORKER_DIED = "worker-died"
    WORKER_SILENT = "worker-silent"
    WORKERS_RENEWED = "workers-renewed"
    WORKERS_KEPT = "workers-kept"
    LINK_BROKEN = "link-broken"
    STOPPING = "stopping"
    STOPPED = "stopped"
    KEYS_RELOADED = "keys-reloaded"
    KEYS_REJECTED = "keys-rejected"
    RULES_RELOADED = "rules-reloaded"
    RULES_UNWATCHED = "rules-unwatched"
    RULES_REJECTED = "rules-rejected"
    CERTIFICATES_RELOADED = "certificates-reloaded"
    CERTIFICATES_REJECTED = "certificates-rejected"
    DATABASE_WENT_BACK = "database-went-back"
    CLOCK_JUMPED_AHEAD = "clock-jumped-ahead"
    AUTOMATIC_MAIL_OFF = "automatic-mail-off"
    HIGH_WATER_UNWRITTEN = "high-water-unwritten"
    PEERS_ASSUMED_PROVEN = "peers-assumed-proven"
    LISTENER_REFUSED = "listener-refused"
    SESSION_FAILED = "session-failed"
    SESSION_BROKEN_OFF = "session-broken-off"
    COMMAND_FAILED = "command-failed"
    ACCEPTANCE_DEFERRED = "acceptance-deferred"
    ACCEPTANCE_FAILED = "acceptance-failed"
    SENDERS_PUT_OFF = "senders-put-off"
    MAIL_REFUSED = "mail-refused"
    REFUSAL_NOT_ASKED = "refusal-not-asked"
    MAIL_JUDGED = "mail-judged"
    MAIL_JUDGED_AGAIN = "mail-judged-again"
    MAIL_FAILED = "mail-failed"
    OPERATOR_ASKED = "operator-asked"
    LEASES_FREED = "leases-freed"
    JUDGE_UNHEARD = "judge-unheard"
    JUDGE_HEARD_AGAIN = "judge-heard-again"
    ERRAND_TRIED = "errand-tried"
    ERRAND_CRASHED = "errand-crashed"
    MAIL_SHUNTED = "mail-shunted"
    DELIVERY_ATTEMPTED = "delivery-attempted"
    DELIVERY_CRASHED = "delivery-crashed"
    STAFF_NOT_TOLD = "staff-not-told"
    NOBODY_IS_TOLD = "nobody-is-told"
    BREAKER_OPENED = "breaker-opened"
    BREAKER_LATCHED = "breaker-latched"
    BREAKER_RESET = "breaker-reset"
    LEDGER_UNBALANCED = "ledger-unbalanced"
    LEDGER_UNREADABLE = "ledger-unreadable"
    ROAD_DIED = "road-died"
    STORE_TROUBLE = "store-trouble"
    LIBRARY_SPOKE = "library-spoke"


def open_log(stream: TextIO, level: int = logging.INFO) -> Log:
    """A logger that writes one JSON object a line to `stream`, made to be handed on; nothing global is set."""
    logger: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[_with_traceback, _line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    ).bind()
    return logger


def _with_traceback(logger: object, method: str, event: EventDict) -> EventDict:
    """What structlog makes of an error; most events have none, and then it need not be asked."""
    return structlog.processors.format_exc_info(logger, method, event) if "exc_info" in event else event


def _line(_logger: object, method: str, event: EventDict) -> str:
    """What every line has stands first, for the eye. Of a mail's cost this is a part, hence by hand."""
    at = datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    return _encode({"at": f"{at}Z", "level": LEVELS.get(method, method), "event": event.pop("event"), **event})


def without_addresses(words: str) -> str:
    """`words` as they may stand in a line at info: they can quote what a stranger published, an address included."""
    return _ADDRESS.sub("...", words) if "@" in words else words


def bridge(log: Log) -> None:
    """Lead what libraries say through the standard library's logging, and Python's own warnings, into `log`.

    This is the one place that sets anything for the whole process; only the daemon does it.
    """
    logging.captureWarnings(True)
    logging.basicConfig(handlers=[_Bridge(log)], level=logging.WARNING, force=True)


class _Bridge(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info if record.exc_info and record.exc_info[0] else None
        self._log.log(
            record.levelno, Event.LIBRARY_SPOKE, library=record.name, said=record.getMessage(), exc_info=error
        )
