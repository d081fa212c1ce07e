"""Hands documents to programs of the operator's, signed so that they know who speaks. Knows nothing of what they say.

Where a program is, stands in the configuration; nothing that a mail says is ever called.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailgate.net.http import Answered, Http, Unanswered

SIGNATURE = "Mailgate-Signature"


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a program is, and the secret that it shares with us."""

    url: str
    secret: str = field(repr=False)


class Hooks:
    """All programs of the configuration, by name."""

    def __init__(self, http: Http, hooks: Mapping[str, Hook]) -> None:
        self._http = http
        self._hooks = hooks

    async def post(self, name: str, document: bytes, key: str, at: datetime) -> Answered:
        """The answer of program `name` to a JSON document. `key` is the same whenever the same document is handed over.

        Raises:
            Unanswered: nobody was there, or there is no program of this name any more.
        """
        hook = self._hooks.get(name)
        if hook is None:
            raise Unanswered("no [[webhook]] of this name in the configuration")
        fields = [
            ("Content-Type", "application/json"),
            ("Idempotency-Key", f'"{key}"'),
            (SIGNATURE, signature(hook.secret, at, document)),
        ]
        return await self._http.post(hook.url, document, fields)


def signature(secret: str, at: datetime, document: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) over the seconds since 1970, a full stop, and the document."""
    moment = int(at.timestamp())
    signed = hmac.new(secret.encode(), b"%d.%b" % (moment, document), hashlib.sha256)
    return f"t={moment},v1={signed.hexdigest()}"
