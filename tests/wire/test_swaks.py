"""A client that others wrote gets its mail in."""

import asyncio
import shutil

import pytest

from mailgate.net.bind import Bind
from tests.wire.wire import LMTP, LOOPBACK, listening

SWAKS = shutil.which("swaks")


@pytest.mark.skipif(SWAKS is None, reason="needs swaks (Debian package: swaks)")
@pytest.mark.parametrize(("bind", "protocol"), [(LOOPBACK, "ESMTP"), (LOOPBACK, "SMTP"), (LMTP, "LMTP")])
async def test_swaks_is_served(bind: Bind, protocol: str) -> None:
    async with listening(bind) as wire:
        host, _, port = wire.listener.address.rpartition(":")
        swaks = await asyncio.create_subprocess_exec(
            str(SWAKS),
            *("--server", host, "--port", port, "--protocol", protocol, "--helo", "client.test"),
            *("--from", "a@x.test", "--to", "support@g.test,full@g.test", "--body", ".dot\nsecond line"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(swaks.communicate(), 30)
        assert (swaks.returncode, b"queued as 1" in said) == (0, True), said.decode()
        assert wire.door.arrivals[0].recipients == ("support@g.test", "full@g.test")
        assert b"\r\n.dot\r\nsecond line\r\n" in wire.door.arrivals[0].raw
