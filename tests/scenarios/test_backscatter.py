"""Mail in the names of people who did not write it, by a real Postfix and with real proofs: none of them ever hears of
us. And mail of the desks of mailing lists, which would take any answer of ours for a confirmation.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import dkim
import nacl.signing
import pytest

from tests.fakes.dns import NameServer
from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.list_desks import DESKS
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix, missing
from tests.scenarios.quiet import automatic
from tests.scenarios.sender import Client, Letter, deliver, letter

MAILBOXES = {"support@g.test": "guarded", "desk@g.test": "open", "sales@g.test": "off"}
VICTIMS = 200
CALLS = 8
DELIVERY_S = 60.0

KEY = nacl.signing.SigningKey(b"a seed of thirty-two octets long")
RECORD = f'"v=DKIM1; k=ed25519; p={base64.b64encode(KEY.verify_key.encode()).decode()}"'
ANNA = "anna@signed.test"

# What a forger may put there: another domain's proof, a broken one, the word of a server that is not ours.
CLAIMS = (
    "",
    f"DKIM-Signature: v=1; a=ed25519-sha256; d=p{{0}}.test; s=s1; h=from; bh={'A' * 43}=; b={'A' * 86}==\r\n",
    "Authentication-Results: mx.g.test; dkim=pass header.d=p{0}.test; spf=pass smtp.mailfrom=p{0}.test\r\n",
    "Received-SPF: pass\r\nARC-Authentication-Results: i=1; mx.g.test; dmarc=pass\r\n",
)


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    """Half of the victims' domains say who may send for them; one domain has a key."""
    records = {(f"p{number}.test", "TXT"): ['"v=spf1 -all"'] for number in range(0, VICTIMS, 2)}
    server = NameServer({**records, ("s1._domainkey.signed.test", "TXT"): [RECORD]})
    await server.start()
    with closing(server.transport):
        yield server


@pytest.fixture
async def proving(folder: Path, sink: Sink, names: NameServer) -> AsyncIterator[Daemon]:
    """A daemon that believes nobody without proof, with a mailbox of each mode."""
    extra = f'[dns]\nresolvers = ["{names.address}"]'
    async with Daemon(folder, relay=sink.address, mailboxes=MAILBOXES, extra=extra) as running:
        yield running


@pytest.fixture
def postfix(proving: Daemon, sink: Sink) -> Iterator[Postfix]:
    """Our mail goes to the daemon, all other mail, bounces above all, to the sink."""
    if missing():
        pytest.skip(missing())
    main = {
        "relay_domains": "g.test",
        "relay_transport": f"lmtp:inet:[127.0.0.1]:{proving.lmtp_port}",
        "default_transport": f"lmtp:inet:[127.0.0.1]:{sink.port}",
    }
    with Postfix(port=free_port(), main=main) as running:
        yield running


@pytest.fixture
async def believing(folder: Path, sink: Sink) -> AsyncIterator[Daemon]:
    """The same, but everything counts as proven: only what a mail is can keep us from answering it."""
    async with Daemon(folder, relay=sink.address, mailboxes=MAILBOXES, extra=ASSUME_PASS) as running:
        yield running


async def test_of_two_hundred_people_whose_names_were_used_none_hears_of_us(
    proving: Daemon, postfix: Postfix, sink: Sink
) -> None:
    boxes = list(MAILBOXES)
    forged = [
        letter(number, boxes[number % len(boxes)], fields=CLAIMS[number % len(CLAIMS)].format(number))
        for number in range(VICTIMS)
    ]
    await asyncio.gather(*(_called(postfix, forged[call::CALLS]) for call in range(CALLS)))
    await _taken(proving, postfix, VICTIMS)

    ledger = await proving.ledger()
    assert ledger["accepted"] == VICTIMS
    assert automatic(ledger) == 0
    assert sink.mails == []

    # It was no deaf daemon: whoever signs what he writes is asked.
    await _called(postfix, [_signed(letter(VICTIMS, "support@g.test", author=ANNA))])
    await _taken(proving, postfix, VICTIMS + 1)
    assert [mail.rcpt_to for mail in sink.mails] == [(ANNA,)]


@pytest.mark.parametrize("bare", [False, True], ids=["as sent", "without their marks"])
async def test_the_desk_of_a_mailing_list_is_never_answered(believing: Daemon, sink: Sink, *, bare: bool) -> None:
    number = 0
    for desk in DESKS.values():
        for box in MAILBOXES:
            number += 1
            mail = (desk.bare if bare else desk).letter(number, box)
            assert (await deliver(believing.smtp_port, mail)).code == 250
    await believing.settled()

    assert _answered(believing) == []
    ledger = await believing.ledger()
    assert ledger["accepted"] == number
    assert automatic(ledger) == 0
    assert sink.mails == []


async def _called(postfix: Postfix, letters: Sequence[Letter]) -> None:
    async with Client(postfix.port) as client:
        for mail in letters:
            assert (await client.send(mail)).code == 250


async def _taken(daemon: Daemon, postfix: Postfix, number: int) -> None:
    """Wait until the daemon has judged so many mails."""
    count = "SELECT count(*) FROM journal"
    try:
        await wait_until(lambda: daemon.rows(count) == [(number,)], deadline_s=DELIVERY_S)
    except TimeoutError as error:
        raise AssertionError(postfix.log()[-4000:]) from error
    await daemon.settled()


def _signed(mail: Letter) -> Letter:
    domain = mail.mail_from.partition("@")[2].encode()
    options = {"signature_algorithm": b"ed25519-sha256", "canonicalize": (b"relaxed", b"relaxed")}
    signature: bytes = dkim.sign(mail.raw, b"s1", domain, base64.b64encode(KEY.encode()), **options)
    return Letter(mail.message_id, mail.mail_from, mail.rcpt_to, signature + mail.raw)


def _answered(daemon: Daemon) -> list[tuple[str, str]]:
    """Whose mail, to which mailbox, was answered."""
    query = "SELECT journal.mail_from, journal.rcpt_to FROM permit JOIN journal ON journal.id = permit.cause"
    return [(mail_from, rcpt_to) for mail_from, rcpt_to in daemon.rows(query)]
