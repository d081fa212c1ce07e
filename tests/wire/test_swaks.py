"""A client that others wrote gets its mail in."""

import asyncio
import shutil
import subprocess
from functools import partial

import pytest

from mailgate.net.bind import Bind
from tests.wire.wire import LMTP, LOOPBACK, listening

SWAKS = shutil.which("swaks")


@pytest.mark.skipif(SWAKS is None, reason="needs swaks (Debian package: swaks)")
@pytest.mark.parametrize(("bind", "protocol"), [(LOOPBACK, "ESMTP"), (LOOPBACK, "SMTP"), (LMTP, "LMTP")])
async def test_swaks_is_served(bind: Bind, protocol: str) -> None:
    async with listening(bind) as wire:
        host, _, port = wire.listener.address.rpartition(":")
        options = ["--server", host, "--port", port, "--protocol", protocol, "--helo", "client.test"]
        letter = ["--from", "a@x.test", "--to", "support@g.test,full@g.test", "--body", ".dot\nsecond line"]
        # Outside the loop: it is the wire that each loop must serve alike, not a program it starts.
        run = partial(subprocess.run, [str(SWAKS), *options, *letter], capture_output=True, check=False, timeout=30)
        swaks = await asyncio.to_thread(run)
        assert b"queued as 1" in swaks.stdout, swaks
        assert wire.door.arrivals[0].recipients == ("support@g.test", "full@g.test")
        assert b"\r\n.dot\r\nsecond line\r\n" in wire.door.arrivals[0].raw
