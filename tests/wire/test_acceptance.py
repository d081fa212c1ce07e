"""A mail that was handed over is kept whatever the client does; nothing of our troubles reaches the wire."""

import asyncio

from mailgate.net.bounds import Bounds
from tests.fakes.door import SECRET
from tests.fakes.waiting import wait_until
from tests.wire.wire import BEHIND, LMTP, NOW, listening


async def test_a_client_that_hangs_up_during_the_commit_does_not_stop_it() -> None:
    async with listening() as wire:
        wire.door.open.clear()
        async with wire.connected() as client:
            await client.begin()
            await client.send(b"hello\r\n.\r\n")
            await wait_until(lambda: wire.door.began == 1)
        assert wire.door.arrivals == []
        wire.door.open.set()
        await wait_until(lambda: len(wire.door.arrivals) == 1)


async def test_a_client_that_resets_during_the_commit_does_not_stop_it() -> None:
    async with listening() as wire, wire.connected() as client:
        wire.door.open.clear()
        await client.begin()
        await client.send(b"hello\r\n.\r\n")
        await wait_until(lambda: wire.door.began == 1)
        client.reset()
        await wait_until(lambda: wire.listener.connected == 0)
        wire.door.open.set()
        await wait_until(lambda: len(wire.door.arrivals) == 1)


async def test_an_answer_that_does_not_come_is_a_421_and_the_mail_still_comes_in() -> None:
    async with listening(bounds=Bounds(answer_wait_s=0.05)) as wire, wire.connected() as client:
        wire.door.open.clear()
        await client.begin()
        assert await client.finish(b"hello\r\n") == "421 4.3.0 Try again later"
        assert await client.hung_up()
        wire.door.open.set()
        await wait_until(lambda: len(wire.door.arrivals) == 1)


async def test_the_text_of_an_exception_is_in_the_log_and_never_on_the_wire() -> None:
    async with listening(LMTP) as wire, wire.connected() as client:
        await client.hello("LHLO")
        said = [await client.ask("MAIL FROM:<crash@x.test>"), await client.ask("MAIL FROM:<a@x.test>")]
        said += [await client.ask("RCPT TO:<broken@g.test>"), await client.ask("RCPT TO:<support@g.test>")]
        said += [await client.ask("DATA"), await client.finish(b"hello\r\n"), await client.reply()]
        assert [reply[:9] for reply in said] == [
            *("451 4.3.0", "250 2.1.0", "250 2.1.5", "250 2.1.5", "354 End d", "451 4.3.0", "451 4.3.0")
        ]
        assert "secret" not in "".join(said)
        assert wire.log.count(SECRET) == 2
        assert '"command-failed"' in wire.log
        assert '"acceptance-failed"' in wire.log
        assert wire.listener.refused[451] == 3


async def test_what_the_door_decides_at_the_dot_is_passed_on() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.begin()
        assert await client.finish(b"Received: x\r\n" * 101) == "554 5.4.6 Too many hops"
        assert wire.door.arrivals == []


async def test_in_smtp_the_first_recipient_speaks_for_all() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.begin("full@g.test", "support@g.test")
        assert await client.finish(b"hello\r\n") == "452 4.2.2 Over quota"
        assert await client.ask("NOOP") == "250 2.0.0 Ok"
        assert wire.door.arrivals[0].recipients == ("full@g.test", "support@g.test")


async def test_the_door_is_told_all_that_was_said() -> None:
    async with listening() as wire, wire.connected() as client:
        await client.hello()
        await client.ask("MAIL FROM:<a@x.test> SIZE=77 SMTPUTF8")
        await client.ask("RCPT TO:<support@g.test>")
        await client.ask("DATA")
        await client.finish(b"hello\r\n")
        arrival = wire.door.arrivals[0]
        assert wire.door.senders == [("a@x.test", 77, arrival.peer)]
        assert (arrival.at, arrival.raw, arrival.notes) == (NOW, b"hello\r\n", ())
        peer = arrival.peer
        assert (peer.ip, peer.helo, peer.tls, peer.known, peer.utf8) == ("127.0.0.1", "client.test", False, True, True)


async def test_our_own_mta_is_never_taken_for_the_client() -> None:
    async with listening(BEHIND) as wire, wire.connected() as client:
        await client.begin()
        await client.finish(b"hello\r\n")
        assert not wire.door.arrivals[0].peer.known


async def test_draining_says_goodbye_to_the_idle_and_lets_a_message_come_in() -> None:
    async with listening() as wire, wire.connected() as idle, wire.connected() as busy:
        await idle.hello()
        await busy.begin()
        await busy.send(b"hel")
        drained = asyncio.create_task(wire.listener.drain(10))
        assert await idle.reply() == "421 4.3.2 Shutting down, try again later"
        assert await idle.hung_up()
        assert (await busy.finish(b"lo\r\n")).startswith("250 ")
        assert (await busy.reply()).startswith("421 4.3.2 ")
        assert await busy.hung_up()
        await drained
        assert wire.door.arrivals[0].raw == b"hello\r\n"


async def test_a_drained_listener_takes_no_more_connections() -> None:
    async with listening() as wire:
        await wire.listener.drain(1)
        host, _, port = wire.listener.address.rpartition(":")
        try:
            await asyncio.open_connection(host, int(port))
        except OSError:
            return
        raise AssertionError("it still listens")


async def test_what_has_not_ended_by_the_deadline_is_cut_off() -> None:
    async with listening() as wire, wire.connected() as client:
        wire.door.open.clear()
        await client.begin()
        await client.send(b"hello\r\n.\r\n")
        await wait_until(lambda: wire.door.began == 1)
        await wire.listener.drain(0.05)
        assert await client.hung_up()
        assert wire.door.arrivals == []


async def test_draining_waits_for_a_commit_whose_client_has_gone() -> None:
    async with listening() as wire:
        wire.door.open.clear()
        async with wire.connected() as client:
            await client.begin()
            await client.send(b"hello\r\n.\r\n")
            await wait_until(lambda: wire.door.began == 1)
            client.reset()
        await wait_until(lambda: wire.listener.connected == 0)
        drained = asyncio.create_task(wire.listener.drain(10))
        wire.door.open.set()
        await drained
        assert len(wire.door.arrivals) == 1
