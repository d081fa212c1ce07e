"""What comes between DATA and the dot: kept to the octet, ended by nothing but its end."""

import pytest

from mailgate.net.bounds import Bounds
from tests.wire.wire import LMTP, listening

COMMANDS = b"MAIL FROM:<admin@g.test>\r\nRCPT TO:<support@g.test>\r\nDATA\r\nsecond\r\n"


@pytest.mark.parametrize(
    "shape",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\rx", b"\r.\n", b"\n.\rx"],
    ids=["lf.lf", "lf.crlf", "crlf.lf", "cr.cr", "crlf.cr", "cr.lf", "lf.cr"],
)
@pytest.mark.parametrize("before", [b"first\r\n\r\nmail", b"mail", b""], ids=["in-body", "in-first-line", "at-once"])
async def test_a_smuggling_shape_is_refused_and_no_second_mail_comes_out_of_it(shape: bytes, before: bytes) -> None:
    async with listening() as wire, wire.connected() as client:
        await client.begin()
        assert (await client.finish(before + shape + COMMANDS)).startswith("550 5.5.2 ")
        assert await client.hung_up()
        assert wire.door.arrivals == []


async def test_smuggling_over_lmtp_is_refused_for_each_recipient() -> None:
    async with listening(LMTP) as wire, wire.connected() as client:
        await client.begin("support@g.test", "box@g.test", verb="LHLO")
        assert (await client.finish(b"x\n.\n\r\n")).startswith("550 5.5.2 ")
        assert (await client.reply()).startswith("550 5.5.2 ")
        assert await client.hung_up()


async def test_a_line_of_ten_megabytes_is_taken() -> None:
    line = b"x" * 10_000_000
    async with listening() as wire, wire.connected() as client:
        await client.begin()
        assert (await client.finish(line + b"\r\n")).startswith("250 ")
        assert wire.door.arrivals[0].raw == line + b"\r\n"
        assert wire.door.arrivals[0].notes == ("long-line",)


async def test_ten_megabytes_over_the_limit_are_read_to_their_end_and_refused_once() -> None:
    async with listening(bounds=Bounds(size_bytes=1000)) as wire, wire.connected() as client:
        await client.begin()
        assert (await client.finish(b"x\r\n" * 3_000_000)).startswith("552 5.3.4 ")
        assert (await client.ask("NOOP")).startswith("250 ")
        assert wire.door.arrivals == []


async def test_every_octet_is_kept() -> None:
    content = bytes(octet for octet in range(256) if octet not in b"\r\n") + b"\r\n"
    async with listening() as wire, wire.connected() as client:
        await client.begin()
        assert (await client.finish(content)).startswith("250 ")
        assert wire.door.arrivals[0].raw == content
