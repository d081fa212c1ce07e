"""Net: hands one mail to a listener as a mail program does. For demos, where the customer lives beside the gateway."""

from __future__ import annotations

from typing import Final

import aiosmtplib

from mailgate.model import Reply

PATIENCE_S: Final = 10.0


async def post(address: str, mail_from: str, rcpt_to: str, raw: bytes) -> Reply:
    """Hand `raw` (CRLF lines) to the listener at `address`, "127.0.0.1:2525"; what it finally said. Never raises."""
    host, _, port = address.rpartition(":")
    client = aiosmtplib.SMTP(
        hostname=host.strip("[]"), port=int(port), use_tls=False, start_tls=False, timeout=PATIENCE_S
    )
    try:
        async with client:
            await client.mail(mail_from)
            await client.rcpt(rcpt_to)
            said = await client.data(raw)
    except aiosmtplib.SMTPResponseException as error:
        return Reply(error.code, error.message)
    except (aiosmtplib.SMTPException, OSError) as error:
        return Reply(451, f"4.4.1 {error}")
    return Reply(said.code, said.message)
