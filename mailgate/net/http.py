"""Calls out by HTTP: one POST, one answer, one deadline. Knows nothing of what is said.

House rules: no redirect is followed, no proxy of the environment is asked, no cookie is kept, and nothing is unpacked:
what an address of the configuration answers is all that is ever fetched. Its certificate must be good.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpcore2
from msgspec import Struct

from mailgate.net.judges import Unheard

CONNECTIONS: Final = 40  # at once, to all hosts together; who comes later waits, as long as his deadline lets him
KEPT: Final = 10  # that stay open for the next call
KEPT_S: Final = 15.0  # rspamd and most web servers end an idle connection no sooner
MOST_BYTES: Final = 256 * 1024  # of an answer's body; its head is bounded by the library, at 100 KiB
DEADLINE_S: Final = 15.0  # for all of it, where the caller sets none
LONGEST_WHY: Final = 200  # characters


class Answered(Struct, frozen=True):
    """What was answered."""

    status: int
    body: bytes

    @property
    def good(self) -> bool:
        """Did whoever was called take it? (RFC 9110 section 15.3)"""
        return 200 <= self.status < 300


class Unanswered(Unheard):
    """Nobody answered, or nothing that can be used; why is in its words. Try again later."""


class Http:
    """Calls out, over connections that are kept for a while. `tls` trusts other authorities than the system's."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def post(
        self, url: str, body: bytes, fields: Sequence[tuple[str, str]], *, deadline_s: float = DEADLINE_S
    ) -> Answered:
        """The answer to a POST of `body` to an http or https address, with at most `MOST_BYTES` of body.

        `fields` go into the head of the request; a value that breaks its line is never sent.

        Raises:
            Unanswered: no connection, a certificate that is not good, no end of the answer in time, or too much of it.
        """
        try:
            async with asyncio.timeout(deadline_s):
                return await self._post(url, body, fields)
        except TimeoutError:
            raise Unanswered(f"no answer within {deadline_s:g} s") from None
        # OSError as well, for the library lets some of them through.
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}"[:LONGEST_WHY].rstrip(": ")) from error

    async def close(self) -> None:
        """End all connections."""
        if self._pool:
            await self._pool.aclose()
            self._pool = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _post(self, url: str, body: bytes, fields: Sequence[tuple[str, str]]) -> Answered:
        ours = [("Host", urlsplit(url).netloc), ("User-Agent", "mailgate"), ("Content-Length", str(len(body)))]
        head = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in (*ours, *fields)]
        async with self._connections().stream("POST", url, headers=head, content=body) as answer:
            found = bytearray()
            async for piece in answer.aiter_stream():
                found += piece
                if len(found) > MOST_BYTES:
                    raise Unanswered(f"more than {MOST_BYTES} bytes were answered")
            return Answered(answer.status, bytes(found))

    def _connections(self) -> httpcore2.AsyncConnectionPool:
        # Made at the first call, for reading all authorities takes some 20 ms.
        if self._pool is None:
            self._pool = httpcore2.AsyncConnectionPool(
                self._tls,
                max_connections=CONNECTIONS,
                max_keepalive_connections=KEPT,
                keepalive_expiry=KEPT_S,
                retries=0,
            )
        return self._pool
