"""A next hop that takes everything and sends nothing on: where a demo's mail ends. Listens on loopback only."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

CAUGHT_MAX: Final = 200  # mails kept; the oldest leaves first
SIZE_BYTES_MAX: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail as it was handed over."""

    mail_from: str  # "" is the null reverse-path
    rcpt_to: tuple[str, ...]
    raw: bytes
    at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Catcher:
    """`mails` holds what was caught last, oldest first."""

    def __init__(self, *, clock: Callable[[], datetime] = _utc_now, keep: int = CAUGHT_MAX) -> None:
        self.mails: deque[Caught] = deque(maxlen=keep)
        self._clock = clock
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 and say where, as `[outbound] relay` wants it; port 0 takes any that is free.

        Raises OSError where the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", port)
        host, taken = self._server.sockets[0].getsockname()
        return f"{host}:{taken}"

    async def close(self) -> None:
        """Stop listening. Sessions that are open end with their clients."""
        if self._server:
            self._server.close()
            self._server = None

    def _session(self) -> SMTP:
        return SMTP(
            self,
            hostname="catcher.localhost",
            ident="mailgate catcher",
            enable_SMTPUTF8=True,
            data_size_limit=SIZE_BYTES_MAX,
        )

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Called by aiosmtpd at the end of a mail."""
        sender = envelope.mail_from or ""
        # aiosmtpd writes the null reverse-path as "<>".
        mail_from = "" if sender == "<>" else sender
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(Caught(mail_from, tuple(envelope.rcpt_tos), content, self._clock()))
        return "250 2.0.0 caught"
