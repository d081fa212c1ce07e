"""New keys count from SIGHUP on: for what is signed, and for what is believed."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

from mailgate import keys, wiring
from mailgate.mail.address import parse
from mailgate.model import Level, Peer
from mailgate.net.authenticate import Authenticator
from mailgate.net.dkim_key import record
from tests.fakes.dns import Zone
from tests.fakes.letters import letter
from tests.fakes.sink import Sink, Taken
from tests.serve.running import Running


async def taken(running: Running, sink: Sink, number: int) -> Taken:
    """The acknowledgement of the mail of this number. Each has an author and words of its own: it is no machine's."""
    await asyncio.to_thread(deliver, running.port, number)
    await running.logged("delivery-attempted", number)
    return sink.mails[number - 1]


def deliver(port: int, number: int) -> None:
    author = f"anne@x{number}.test"
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test") as client:
        raw = letter(author, subject=f"Question {number}", text=f"Where is parcel number {number}?")
        client.sendmail(author, "support@g.test", raw)


async def reloaded(running: Running, event: str = "keys-reloaded") -> None:
    before = len(running.events(event))
    running.daemon.reload()
    await running.logged(event, before + 1)


def signed_by(mail: Taken) -> str:
    return mail.fields["Message-ID"].split(".")[1][0]


def asked(port: int, address: str) -> int:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test") as client:
        client.ehlo()
        client.mail("anne@x.test")
        return client.rcpt(address)[0]


async def test_new_keys_sign_and_revoked_ones_are_believed_no_more(running: Running, sink: Sink, folder: Path) -> None:
    file = folder / "mailgate.keys"
    first = await taken(running, sink, 1)
    (old_address,) = parse([first.fields["Reply-To"]])

    keys.rotate(file, wiring.clock())
    await reloaded(running)
    second = await taken(running, sink, 2)
    assert (signed_by(first), signed_by(second)) == ("1", "2")
    assert await asyncio.to_thread(asked, running.port, old_address.address) == 250

    keys.revoke(file, "1", wiring.clock())
    await reloaded(running)
    assert await asyncio.to_thread(asked, running.port, old_address.address) == 550
    (new_address,) = parse([second.fields["Reply-To"]])
    assert await asyncio.to_thread(asked, running.port, new_address.address) == 250


async def test_what_leaves_is_signed_as_soon_as_there_is_a_pair(running: Running, sink: Sink, folder: Path) -> None:
    file = folder / "mailgate.keys"
    assert (await taken(running, sink, 1)).fields["DKIM-Signature"] is None

    content = keys.add_dkim(file, "mg1", wiring.clock(), keep="mg1")
    await reloaded(running)
    mail = await taken(running, sink, 2)

    assert len(mail.fields.get_all("DKIM-Signature", [])) == 2
    pair = keys.dkim_of(content, "mg1")
    zone = Zone({(f"{key.selector}._domainkey.g.test", "TXT"): (record(key).encode(),) for key in pair})
    proof = await Authenticator(zone).authenticate(mail.raw, "", Peer(known=False), "g.test")
    assert (proof.level, proof.domain) == (Level.A2, "g.test")


async def test_a_damaged_file_never_replaces_a_good_one(running: Running, sink: Sink, folder: Path) -> None:
    file = folder / "mailgate.keys"
    good = file.read_text()
    for broken in (good.replace('kid = "1"', 'kid = "u"'), f'{good}\n[[dkim]]\nselector = "mg1"\n'):
        file.write_text(broken)
        await reloaded(running, "keys-rejected")
    assert signed_by(await taken(running, sink, 1)) == "1"
