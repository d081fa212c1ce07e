"""Who the client is: said by itself, by a proxy, or by an MTA of ours."""

from dataclasses import replace

import pytest

from mailgate.model import Peer
from mailgate.net.bind import Bind
from tests.wire.wire import LMTP, LOOPBACK, Client, Wire, listening

PROXIED = replace(LOOPBACK, proxies=("127.0.0.1",))
BELIEVED = replace(LMTP, xclient=("127.0.0.0/8",))
VERSION_2 = b"\r\n\r\n\x00\r\nQUIT\n"


async def _mail(wire: Wire, client: Client) -> Peer:
    await client.ask("MAIL FROM:<a@x.test>")
    await client.ask("RCPT TO:<support@g.test>")
    await client.ask("DATA")
    assert (await client.finish(b"hello\r\n")).startswith("250 ")
    return wire.door.arrivals[-1].peer


@pytest.mark.parametrize(
    ("header", "ip", "known"),
    [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n", "192.0.2.7", True),
        (b"PROXY TCP6 2001:DB8::7 2001:db8::1 4711 25\r\n", "2001:db8::7", True),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1", False),
        (VERSION_2 + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1, 18, 52, 0, 25]), "192.0.2.7", True),
        (VERSION_2 + b"\x20\x00\x00\x00", "127.0.0.1", False),
    ],
    ids=["v1-ipv4", "v1-ipv6", "v1-unknown", "v2-ipv4", "v2-local"],
)
async def test_a_listed_proxy_says_who_the_client_is(header: bytes, ip: str, known: bool) -> None:
    async with listening(PROXIED) as wire, wire.connected() as client:
        for octet in header:
            await client.send(bytes([octet]))
        await client.hello()
        peer = await _mail(wire, client)
        assert (peer.ip, peer.known) == (ip, known)


async def test_a_listed_mta_says_who_the_client_of_one_mail_is() -> None:
    async with listening(BELIEVED) as wire, wire.connected() as client:
        assert "\n250-XFORWARD NAME ADDR PORT PROTO HELO SOURCE\n" in await client.hello("LHLO")
        assert (await client.ask("XFORWARD NAME=there.test ADDR=IPV6:2001:db8::7")).startswith("250 ")
        assert (await client.ask("XFORWARD PROTO=ESMTP HELO=there.test SOURCE=REMOTE")).startswith("250 ")
        peer = await _mail(wire, client)
        assert (peer.ip, peer.helo, peer.known) == ("2001:db8::7", "there.test", True)
        assert peer.speaker == "127.0.0.1"
        peer = await _mail(wire, client)
        assert (peer.ip, peer.helo, peer.known) == ("127.0.0.1", "client.test", False)
        assert peer.speaker == "127.0.0.1"


@pytest.mark.parametrize(
    "said", ["ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE]", "ADDR=192.0.2.7 SOURCE=LOCAL"], ids=["unavailable", "local"]
)
async def test_mail_that_the_mta_made_itself_has_no_known_client(said: str) -> None:
    async with listening(BELIEVED) as wire, wire.connected() as client:
        await client.hello("LHLO")
        assert (await client.ask(f"XFORWARD {said}")).startswith("250 ")
        assert not (await _mail(wire, client)).known


async def test_xclient_says_it_for_the_whole_session() -> None:
    bind = replace(LOOPBACK, xclient=("127.0.0.1",))
    async with listening(bind) as wire, wire.connected() as client:
        await client.hello()
        assert (await client.ask("XCLIENT ADDR=192.0.2.7")).startswith("220 ")
        await client.ask("EHLO there.test")
        for _ in range(2):
            peer = await _mail(wire, client)
            assert (peer.ip, peer.helo, peer.known) == ("192.0.2.7", "there.test", True)
            # A proxy writes nothing into the mail, so the client stands for himself.
            assert peer.speaker == "192.0.2.7"


@pytest.mark.parametrize("said", ["", "ADDR", "ADDR=nonsense", "FROB=1", "HELO=a+0Ab", "ADDR=192.0.2.7 HELO=+zz"])
async def test_nonsense_about_a_client_is_refused(said: str) -> None:
    async with listening(BELIEVED) as wire, wire.connected() as client:
        await client.hello("LHLO")
        assert (await client.ask(f"XFORWARD {said}")).startswith("501 5.5.4 ")


async def test_lmtp_goes_over_a_unix_socket_of_its_group(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("u") / "lmtp"
    bind = replace(LMTP, address=f"unix:{path}")
    async with listening(bind) as wire, wire.connected() as client:
        assert path.stat().st_mode & 0o777 == 0o660
        assert wire.listener.address == bind.address
        await client.hello("LHLO")
        assert (await client.ask("XFORWARD ADDR=192.0.2.7")).startswith("250 ")
        assert (await _mail(wire, client)).ip == "192.0.2.7"
        peer = await _mail(wire, client)
        assert (peer.ip, peer.known) == ("", False)
    assert not path.exists()


async def test_a_socket_file_that_nobody_serves_is_replaced(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("u") / "lmtp"
    bind = Bind(f"unix:{path}")
    async with listening(bind) as first:
        path.rename(path.with_name("kept"))
        await first.listener.drain(1)
    path.with_name("kept").rename(path)
    async with listening(bind) as wire, wire.connected() as client:
        assert (await client.reply()).startswith("220 ")


async def test_a_socket_file_that_is_served_is_left_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    bind = Bind(f"unix:{tmp_path_factory.mktemp('u') / 'lmtp'}")
    async with listening(bind) as wire:
        with pytest.raises(OSError, match="in use"):
            async with listening(bind):
                pass
        async with wire.connected() as client:
            assert (await client.reply()).startswith("220 ")


async def test_an_ipv6_address_is_listened_on() -> None:
    try:
        async with listening(Bind("[::1]:0")) as wire, wire.connected() as client:
            await client.hello()
            assert (await _mail(wire, client)).ip == "::1"
    except OSError:
        pytest.skip("this machine has no IPv6")
