"""aiosmtpd as it comes, throwing away what it takes: `python -m benchmarks.peers.discard PORT`."""

from __future__ import annotations

import asyncio
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

BACKLOG = 200


class Discard:
    """Takes every mail and keeps none."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Answer as a server that keeps mail would."""
        return "250 2.0.0 Ok"


async def serve(port: int) -> None:
    """Serve until the process is ended. The host name is given, since stock aiosmtpd would look it up for each peer."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Discard(), hostname="mx.g.test", loop=loop), "127.0.0.1", port, backlog=BACKLOG
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
