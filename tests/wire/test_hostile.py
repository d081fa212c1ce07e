"""Whatever a client sends, it hears well-formed replies or nothing, and the next client is served."""

import asyncio
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.model import Protocol
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from tests.fakes.door import SECRET
from tests.wire.wire import LMTP, LOOPBACK, listening

LINE = rb"[2-5][0-5][0-9]%b[\x20-\x7e]{0,400}\r\n"
REPLIES = re.compile(rb"(?:(?:%b)*%b)*" % (LINE % b"-", LINE % b" "))

# How far a client may have come before it goes mad. The first step is only to hear the greeting.
COURSE = (b"", b"EHLO c.test\r\n", b"MAIL FROM:<a@x.test>\r\n", b"RCPT TO:<support@g.test>\r\n", b"DATA\r\n")

WORDS = st.sampled_from(
    [
        *(b"EHLO c.test\r\n", b"LHLO c.test\r\n", b"HELO c.test\r\n", b"MAIL FROM:<a@x.test>\r\n", b"MAIL FROM:<>\r\n"),
        *(b"RCPT TO:<support@g.test>\r\n", b"RCPT TO:<broken@g.test>\r\n", b"MAIL FROM:<crash@x.test>\r\n"),
        *(b"DATA\r\n", b".\r\n", b"\r\n.\r\n", b"\n.\n", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n", b"STARTTLS\r\n"),
        *(b"MAIL FROM:<", b"RCPT TO:<@a:b@c", b'"', b"\\", b">", b"<", b"[IPv6:", b" SIZE=", b"\r", b"\n", b"\x00"),
        *(b"\xff", "é".encode(), b"XCLIENT ADDR=", b"XFORWARD HELO=+", b"PROXY TCP4 ", b"x" * 3000, b"BDAT 5 LAST\r\n"),
    ]
)
CHUNKS = st.lists(st.one_of(WORDS, st.binary(max_size=40)), max_size=25)
BINDS = [LOOPBACK, LMTP, replace(LMTP, xclient=("127.0.0.1",)), replace(LOOPBACK, proxies=("127.0.0.1",))]


@pytest.mark.parametrize("bind", BINDS, ids=["edge", "lmtp", "believed", "proxied"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chunks=CHUNKS, at_once=st.booleans(), begun=st.integers(0, len(COURSE)))
def test_any_bytes_are_answered_in_order_or_not_at_all(
    bind: Bind, chunks: list[bytes], at_once: bool, begun: int
) -> None:
    asyncio.run(_talk(bind, [b"".join(chunks)] if at_once else chunks, begun))


async def _talk(bind: Bind, chunks: list[bytes], begun: int) -> None:
    hello = b"LHLO" if bind.protocol is Protocol.LMTP else b"EHLO"
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n" if bind.proxies else b""
    async with listening(bind, Bounds(size_bytes=100_000)) as wire:
        async with wire.connected() as client:
            for said in COURSE[:begun]:
                await client.send((said or header).replace(b"EHLO", hello))
                await client.reply()
            try:
                for chunk in chunks:
                    await client.send(chunk)
                client.writer.write_eof()
                heard = await asyncio.wait_for(client.reader.read(-1), 10)
            except OSError:
                heard = b""
        assert REPLIES.fullmatch(heard), heard
        assert b"Traceback" not in heard
        assert SECRET.encode() not in heard
        async with wire.connected() as following:
            await following.send(header)
            assert (await following.reply()).startswith("220 ")
        assert "session-failed" not in wire.log
