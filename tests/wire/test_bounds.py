"""Every bound of the wire holds, and says so in its own words."""

import asyncio
from dataclasses import replace

import pytest

from mailgate.net.bounds import Bounds
from tests.fakes.waiting import wait_until
from tests.wire.wire import BEHIND, LOOPBACK, listening


async def test_the_101st_recipient_is_put_off_and_the_first_hundred_get_the_mail() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.hello()
        await client.ask("MAIL FROM:<a@x.test>")
        replies = [await client.ask(f"RCPT TO:<box{number}@g.test>") for number in range(150)]
        assert {reply[:9] for reply in replies[:100]} == {"250 2.1.5"}
        assert {reply[:9] for reply in replies[100:]} == {"452 4.5.3"}
        assert (await client.ask("DATA")).startswith("354 ")
        assert (await client.finish(b"")).startswith("250 ")
        assert len(wire.door.arrivals[0].recipients) == 100


async def test_errors_are_forgiven_up_to_their_limit() -> None:
    async with listening(bounds=Bounds(errors=3)) as wire, wire.connected() as client:
        await client.hello()
        assert [(await client.ask("FROB"))[:9] for _ in range(4)] == ["500 5.5.2"] * 3 + ["421 4.7.0"]
        assert await client.hung_up()


async def test_an_accepted_mail_forgives_errors() -> None:
    async with listening(bounds=Bounds(errors=3)) as wire, wire.connected() as client:
        await client.hello()
        for _ in range(3):
            for _ in range(3):
                assert (await client.ask("FROB")).startswith("500 ")
            for command in ("MAIL FROM:<a@x.test>", "RCPT TO:<support@g.test>", "DATA"):
                await client.ask(command)
            assert (await client.finish(b"")).startswith("250 ")


async def test_commands_that_bring_no_mail_are_counted() -> None:
    async with listening(bounds=Bounds(junk_commands=4)) as wire, wire.connected() as client:
        await client.hello()
        assert [(await client.ask("NOOP"))[:9] for _ in range(5)] == ["250 2.0.0"] * 4 + ["421 4.7.0"]
        assert await client.hung_up()


async def test_the_tenth_unknown_recipient_on_the_edge_ends_the_session() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.hello()
        await client.ask("MAIL FROM:<a@x.test>")
        replies = [(await client.ask(f"RCPT TO:<guess{number}@g.test>"))[:9] for number in range(10)]
        assert replies == ["550 5.1.1"] * 9 + ["421 4.7.0"]
        assert await client.hung_up()


async def test_our_own_mta_may_ask_for_any_number_of_unknown_recipients() -> None:
    async with listening(BEHIND) as wire, wire.connected() as client:
        await client.hello()
        await client.ask("MAIL FROM:<a@x.test>")
        assert {(await client.ask(f"RCPT TO:<guess{number}@g.test>"))[:9] for number in range(40)} == {"550 5.1.1"}


@pytest.mark.parametrize(
    ("bounds", "refusal"),
    [
        (Bounds(connections=2), "421 4.3.2 "),
        (Bounds(per_trusted_network=2), "421 4.7.0 "),
    ],
    ids=["in-all", "from-one-network"],
)
async def test_one_connection_too_many_is_told_so_and_there_is_room_again_later(bounds: Bounds, refusal: str) -> None:
    async with listening(bounds=bounds) as wire:
        async with wire.connected() as first, wire.connected() as second:
            await first.hello()
            await second.hello()
            async with wire.connected() as third:
                assert (await third.reply()).startswith(refusal)
                assert await third.hung_up()
        await wait_until(lambda: wire.listener.connected == 0)
        async with wire.connected() as fourth:
            assert (await fourth.reply()).startswith("220 ")


async def test_the_network_behind_a_proxy_is_counted_not_the_proxy() -> None:
    bind = replace(LOOPBACK, proxies=("127.0.0.0/8",))
    async with (
        listening(bind, Bounds(per_network=1)) as wire,
        wire.connected() as first,
        wire.connected() as second,
        wire.connected() as third,
    ):
        await first.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n")
        assert (await first.reply()).startswith("220 ")
        await second.send(b"PROXY TCP4 192.0.2.200 127.0.0.1 4711 25\r\n")
        assert (await second.reply()).startswith("421 4.7.0 ")
        assert await second.hung_up()
        await third.send(b"PROXY TCP4 192.0.3.7 127.0.0.1 4711 25\r\n")
        assert (await third.reply()).startswith("220 ")


async def test_a_client_that_says_nothing_is_let_go() -> None:
    async with listening(bounds=Bounds(command_wait_s=0.05)) as wire, wire.connected() as client:
        await client.reply()
        assert await client.reply() == "421 4.4.2 Timed out waiting for a command"
        assert await client.hung_up()


async def test_a_command_moves_the_clock_on_and_it_strikes_all_the_same() -> None:
    loop = asyncio.get_running_loop()
    async with listening(bounds=Bounds(command_wait_s=0.2)) as wire, wire.connected() as client:
        await client.reply()
        await asyncio.sleep(0.1)
        said_s = loop.time()
        assert await client.ask("NOOP") == "250 2.0.0 Ok"
        assert await client.reply() == "421 4.4.2 Timed out waiting for a command"
        assert loop.time() - said_s >= 0.19
        assert await client.hung_up()


async def test_dripping_a_command_does_not_stop_its_clock() -> None:
    async with listening(bounds=Bounds(command_wait_s=0.2)) as wire, wire.connected() as client:
        await client.reply()
        for octet in b"NOOP NOOP NOOP":
            await client.send(bytes([octet]))
        assert (await client.reply()).startswith("421 4.4.2 ")


async def test_a_transaction_has_a_clock_of_its_own() -> None:
    async with listening(bounds=Bounds(transaction_s=0.1)) as wire, wire.connected() as client:
        await client.begin()
        assert await client.reply() == "421 4.4.2 The transaction took too long"


async def test_a_block_of_data_has_a_clock_of_its_own() -> None:
    async with listening(bounds=Bounds(data_block_wait_s=0.05)) as wire, wire.connected() as client:
        await client.begin()
        await client.send(b"hello\r\n")
        assert await client.reply() == "421 4.4.2 Timed out waiting for message data"
        assert wire.door.arrivals == []


async def test_data_must_keep_its_pace_once_the_grace_is_over() -> None:
    bounds = Bounds(data_grace_s=0.05, data_rate_bytes_per_s=1000)
    async with listening(bounds=bounds) as wire, wire.connected() as client:
        await client.begin()
        await client.send(b"0123456789" * 10)
        assert await client.reply() == "421 4.4.2 Message data came too slowly"


async def test_whoever_does_not_read_what_he_is_told_is_hung_up_on() -> None:
    bounds = Bounds(command_wait_s=0.2, linger_s=0.05)
    async with listening(bounds=bounds) as wire, wire.connected() as client:
        await client.begin()
        await client.finish(b"")
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # the one way to be deaf
        client.writer.write(b"MAIL FROM:<a@x.test>\r\n" + b"RCPT TO:<box@g.test>\r\n" * 1_000_000)
        await wait_until(lambda: wire.listener.connected == 0)


async def test_a_command_line_may_be_512_octets_long_and_2048_with_extensions() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.hello("HELO")
        assert (await client.ask("NOOP " + "x" * 505)).startswith("250 ")
        assert (await client.ask("NOOP " + "x" * 506)).startswith("500 5.5.2 ")
        await client.ask("EHLO client.test")
        assert (await client.ask("NOOP " + "x" * 2041)).startswith("250 ")
        assert (await client.ask("NOOP " + "x" * 2042)).startswith("500 5.5.2 ")


async def test_an_endless_command_line_costs_one_error_and_no_memory() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.hello()
        for _ in range(100):
            await client.send(b"x" * 65536)
        assert (await client.ask("")).startswith("500 5.5.2 ")
        assert (await client.ask("NOOP")).startswith("250 ")
