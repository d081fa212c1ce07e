"""Hands one mail to an SMTP server on this machine, once, and says what it answered: how a demo's customer writes."""

from __future__ import annotations

from typing import Final

import aiosmtplib

from mailgate.model import Reply

TIMEOUT_S: Final = 15.0

UNREACHABLE: Final = Reply(421, "4.4.1 The server does not answer")


async def hand_over(server: str, mail_from: str, rcpt_to: str, raw: bytes) -> Reply:
    """Send `raw` (CRLF lines) to `server` ("127.0.0.1:2525") in clear; its last reply, or 421 where it is silent.

    `mail_from` "" is the null reverse-path. Never raises for what a server does.
    """
    host, _, port = server.rpartition(":")
    client = aiosmtplib.SMTP(
        hostname=host.strip("[]"), port=int(port), use_tls=False, start_tls=False, timeout=TIMEOUT_S
    )
    try:
        async with client:
            await client.mail(mail_from)
            await client.rcpt(rcpt_to)
            answer = await client.data(raw)
    except aiosmtplib.SMTPResponseException as error:
        return Reply(error.code, error.message)
    except (aiosmtplib.SMTPException, OSError):
        return UNREACHABLE
    return Reply(answer.code, answer.message)
