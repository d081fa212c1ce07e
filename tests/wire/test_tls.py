"""STARTTLS: what was said in clear counts for nothing afterwards."""

import ssl
from pathlib import Path

import pytest
import trustme

from mailgate.net.tls import ServerContext, server_context
from tests.fakes.waiting import wait_until
from tests.wire.wire import Client, listening


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> ServerContext:
    folder: Path = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("g.test")
    issued.private_key_pem.write_to_path(str(folder / "key"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "chain"))
    return server_context(folder / "chain", folder / "key")


def _trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def _secured(client: Client, authority: trustme.CA) -> None:
    assert await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS"
    await client.writer.start_tls(_trusting(authority), server_hostname="g.test")


async def test_a_mail_comes_in_under_tls(certificate: ServerContext, authority: trustme.CA) -> None:
    async with listening(tls_context=certificate) as wire, wire.connected() as client:
        assert (await client.hello()).endswith("\n250 STARTTLS")
        await _secured(client, authority)
        assert (await client.ask("MAIL FROM:<a@x.test>")).startswith("503 ")
        assert "STARTTLS" not in await client.ask("EHLO client.test")
        assert (await client.ask("STARTTLS")).startswith("503 ")
        for command in ("MAIL FROM:<a@x.test>", "RCPT TO:<support@g.test>", "DATA"):
            await client.ask(command)
        assert (await client.finish(b"x\r\n" * 1_000_000)).startswith("250 ")
        assert wire.door.arrivals[0].peer.tls
        assert (await client.ask("QUIT")).startswith("221 ")
        assert await client.hung_up()


async def test_a_transaction_begun_in_clear_is_forgotten(certificate: ServerContext, authority: trustme.CA) -> None:
    async with listening(tls_context=certificate) as wire, wire.connected() as client:
        await client.hello()
        await client.ask("MAIL FROM:<a@x.test>")
        await _secured(client, authority)
        await client.ask("EHLO client.test")
        assert (await client.ask("RCPT TO:<support@g.test>")).startswith("503 ")


async def test_a_command_pipelined_in_clear_is_never_executed(certificate: ServerContext) -> None:
    async with listening(tls_context=certificate) as wire, wire.connected() as client:
        await client.hello()
        await client.send(b"STARTTLS\r\nMAIL FROM:<a@x.test>\r\n")
        assert await client.reply() == "554 5.5.0 SMTP protocol synchronization"
        assert await client.hung_up()
        assert wire.door.senders == []


async def test_clear_text_instead_of_a_handshake_ends_the_session(certificate: ServerContext) -> None:
    async with listening(tls_context=certificate) as wire, wire.connected() as client:
        await client.hello()
        assert (await client.ask("STARTTLS")).startswith("220 ")
        await client.send(b"MAIL FROM:<a@x.test>\r\n")
        await wait_until(lambda: wire.listener.connected == 0)
        assert wire.door.senders == []
        assert "session-failed" not in wire.log


async def test_a_client_that_leaves_during_the_handshake_is_forgotten(certificate: ServerContext) -> None:
    async with listening(tls_context=certificate) as wire:
        async with wire.connected() as client:
            await client.hello()
            await client.ask("STARTTLS")
        await wait_until(lambda: wire.listener.connected == 0)
        assert "session-failed" not in wire.log


async def test_a_renewed_certificate_is_used_from_the_next_connection_on(certificate: ServerContext) -> None:
    async with listening() as wire:
        async with wire.connected() as client:
            assert "STARTTLS" not in await client.hello()
        wire.listener.renew(certificate)
        async with wire.connected() as client:
            assert "STARTTLS" in await client.hello()
