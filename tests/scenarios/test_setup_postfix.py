"""The lines that `mailgate setup postfix` prints, put verbatim into Debian's Postfix, with mail from and to outside."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

import pytest

from tests.fakes.dns import NameServer
from tests.fakes.sink import Sink, Taken
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import PROGRAM, Daemon
from tests.scenarios.debian_postfix import OUTSIDE, DebianPostfix, missing
from tests.scenarios.ports import free_port

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
    pytest.mark.skipif(not shutil.which("swaks"), reason="needs the package swaks"),
]

CUSTOMER = "anna@customer.test"
DESK = "support@g.test"
DELIVERY_S = 60.0
SIZE_BYTES = 65_536

_CONFIG = """\
[gateway]
name = "mx.g.test"
key_file = "mailgate.keys"
[[mailbox]]
address = "{desk}"
mode = "off"
[store]
url = "sqlite:///mailgate.db"
reserve_bytes = 0
[dns]
resolvers = ["{dns}"]
[wire]
size_bytes = {size}
"""


@dataclass(frozen=True)
class Layout:
    """A way for Postfix and us to stand beside one another; `listener` is what an operator has before he asks."""

    listener: str
    shared: bool = False
    main: tuple[tuple[str, str], ...] = ()


LMTP = '[[listener]]\nbind = "127.0.0.1:{port}"\nprotocol = "lmtp"\n'
LAYOUTS = {
    "own domain, LMTP over TCP": Layout(LMTP),
    "own domain, LMTP over a unix socket": Layout('[[listener]]\nbind = "unix:{folder}/lmtp"\nprotocol = "lmtp"\n'),
    "own domain, SMTP": Layout('[[listener]]\nbind = "127.0.0.1:{port}"\n'),
    "one address among people's mailboxes": Layout(LMTP, shared=True, main=(("mydestination", "g.test localhost"),)),
    "one address among virtual mailboxes": Layout(
        LMTP,
        shared=True,
        main=(
            ("mydestination", "localhost"),
            ("virtual_mailbox_domains", "g.test"),
            ("virtual_mailbox_maps", "inline:{ games@g.test=games }"),
            ("virtual_transport", "discard"),
        ),
    ),
    "one address among aliases": Layout(
        LMTP,
        shared=True,
        main=(
            ("mydestination", "localhost"),
            ("relay_domains", "g.test"),
            ("virtual_alias_maps", "inline:{ games@g.test=games@localhost }"),
            ("relay_recipient_maps", "$virtual_alias_maps"),
        ),
    ),
}


@dataclass
class Beside:
    """Postfix, the daemon behind it, and the world outside."""

    postfix: DebianPostfix
    daemon: Daemon
    world: Sink

    async def says(
        self, to: str, *, mail_from: str = CUSTOMER, fields: tuple[str, ...] = (), body: str = "Help!"
    ) -> str:
        """A mail from outside by swaks; the conversation as it shows it."""
        headers = [word for field in (f"From: {mail_from or CUSTOMER}", *fields) for word in ("--header", field)]
        route = ["--server", "127.0.0.1", "--port", str(self.postfix.port), "--local-interface", OUTSIDE]
        letter = ["--from", mail_from or "<>", "--to", to, "--helo", "client.customer.test", *headers, "--body", body]
        process = await asyncio.create_subprocess_exec(
            "swaks", *route, *letter, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        shown, _ = await process.communicate()
        return shown.decode()

    async def arrived(self, rows: int) -> list[tuple[str, str]]:
        """Wait until so many mails are judged; each with its recipient and its place."""
        query = "SELECT rcpt_to, state FROM journal ORDER BY id"
        await wait_until(lambda: len(self.daemon.rows(query)) >= rows, deadline_s=DELIVERY_S)
        await self.daemon.settled()
        return [(to, state) for to, state in self.daemon.rows(query)]

    async def got(self, number: int = 1) -> Taken:
        """The mail of this number that left for the world."""
        await wait_until(lambda: len(self.world.mails) >= number, deadline_s=DELIVERY_S)
        return self.world.mails[number - 1]


def _setup(config: Path, *words: str) -> str:
    command = [str(PROGRAM), "--config", str(config), "setup", "postfix", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _told(printed: str) -> str:
    """The tables that the printed lines want in config.toml, without the comment signs."""
    return "".join(f"{line}\n" for line in re.findall(r"^#     (.*)$", printed, re.MULTILINE))


@contextlib.asynccontextmanager
async def _beside(layout: Layout, folder: Path, world: Sink) -> AsyncIterator[Beside]:
    """As an operator does it: ask, change the configuration as told, start, ask again, and run what is printed."""
    zone = NameServer({})
    config = _CONFIG.format(desk=DESK, dns=await zone.start(), size=SIZE_BYTES)
    port, postfix_port = free_port(), free_port()
    listener = layout.listener.format(port=port, folder=folder)
    bind = tomllib.loads(listener)["listener"][0]["bind"]
    words = ("--listener", bind, *(("--shared", "g.test") if layout.shared else ()))
    outbound = f'[outbound]\nrelay = "127.0.0.1:{postfix_port}"\ntls = "none"\n'

    draft = folder / "draft.toml"
    draft.write_text(config + listener + outbound)
    told = _told(_setup(draft, *words))
    _open_to_postfix(folder)
    whole = config + (told or listener) + outbound
    try:
        async with Daemon(folder, relay="", whole=whole) as daemon:
            script = _setup(daemon.config, *words)
            assert "WARNING" not in script
            with DebianPostfix(port=postfix_port, smarthost=world.port, main=dict(layout.main)) as postfix:
                postfix.administer(script)
                yield Beside(postfix, daemon, world)
    finally:
        zone.transport.close()


def _open_to_postfix(folder: Path) -> None:
    """Postfix may open what belongs to its group; an administrator makes it a member of ours instead."""
    shutil.chown(folder, group="postfix")
    folder.chmod(0o2750)


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS.keys())
async def beside(request: pytest.FixtureRequest, folder: Path, sink: Sink) -> AsyncIterator[Beside]:
    async with _beside(request.param, folder, sink) as both:
        yield both


@pytest.fixture
async def own_domain(folder: Path, sink: Sink) -> AsyncIterator[Beside]:
    async with _beside(LAYOUTS["own domain, LMTP over TCP"], folder, sink) as both:
        yield both


async def test_a_mail_becomes_a_ticket_and_its_answer_comes_back_into_it(beside: Beside) -> None:
    shown = await beside.says(DESK)
    assert " 250 2.0.0" in shown, shown
    assert await beside.arrived(1) == [(DESK, "ticketed")], beside.postfix.log()
    # SPF needs to know whom Postfix took the mail from.
    assert beside.daemon.rows("SELECT json_extract(peer, '$.ip') FROM journal") == [(OUTSIDE,)]

    letter = await _answered(beside)
    assert letter.rcpt_to == (CUSTOMER,)
    reply_to = _reply_address(letter)
    shown = await beside.says(reply_to, fields=(f"In-Reply-To: {letter.fields['Message-ID']}",))
    assert " 250 2.0.0" in shown, shown
    assert await beside.arrived(2) == [(DESK, "ticketed"), (reply_to, "appended")], beside.postfix.log()


async def test_what_nobody_has_is_refused_while_its_sender_is_there(own_domain: Beside) -> None:
    forged = f"support+r1{'0' * 40}@g.test"
    refusals = {
        "nobody@g.test": "550 5.1.1",
        forged: "550 5.1.1",
        f"b1{'0' * 40}@g.test": "550 5.1.1",
        "person@elsewhere.test": "454 4.7.1",  # Debian's own smtpd_relay_restrictions put it off
    }
    for address, refusal in refusals.items():
        shown = await own_domain.says(address)
        assert f"<** {refusal}" in shown, shown
    for address in ("postmaster@g.test", "abuse@g.test", "SUPPORT+anything@G.test"):
        shown = await own_domain.says(address)
        assert " 250 2.0.0" in shown, shown

    assert len(await own_domain.arrived(3)) == 3
    assert "status=bounced" not in own_domain.postfix.log()
    assert own_domain.world.mails == []


async def test_what_is_too_large_is_refused_while_its_sender_is_there(own_domain: Beside) -> None:
    room = SIZE_BYTES - 4000  # for what every mail system adds
    # Short lines weigh the most on the wire, where each ends in two octets and not in one.
    shown = await own_domain.says(DESK, body="x\n" * (room // 3))
    assert " 250 2.0.0" in shown, shown[-1000:]
    shown = await own_domain.says(DESK, body="x\n" * (SIZE_BYTES // 2))
    assert "<** 552 5.3.4" in shown, shown[-1000:]

    assert await own_domain.arrived(1) == [(DESK, "ticketed")]
    assert "status=bounced" not in own_domain.postfix.log()


async def test_a_bounce_of_our_mail_is_consumed(own_domain: Beside) -> None:
    await own_domain.says(DESK)
    await own_domain.arrived(1)
    letter = await _answered(own_domain)
    assert re.fullmatch(r"support\+b1[0-9a-z]{40}@g\.test", letter.mail_from)

    shown = await _bounce(own_domain, letter)
    assert " 250 2.0.0" in shown, shown
    assert await own_domain.arrived(2) == [(DESK, "ticketed"), (letter.mail_from, "consumed")]
    assert len(own_domain.world.mails) == 1


async def test_while_we_are_down_mail_waits_in_postfix_or_with_its_sender(own_domain: Beside) -> None:
    await own_domain.says(DESK)
    await own_domain.arrived(1)
    letter = await _answered(own_domain)

    await own_domain.daemon.kill()
    shown = await own_domain.says(DESK)
    assert " 250 2.0.0" in shown, shown
    # Whether this address is real only we can say.
    shown = await own_domain.says(_reply_address(letter))
    assert "<** 450 4.1.1" in shown, shown
    await wait_until(lambda: "status=deferred" in own_domain.postfix.log(), deadline_s=DELIVERY_S)

    await own_domain.daemon.start()
    own_domain.postfix.flush()
    assert await own_domain.arrived(2) == [(DESK, "ticketed"), (DESK, "ticketed")]
    assert "status=bounced" not in own_domain.postfix.log()


async def test_a_test_comes_back_and_ends_there(own_domain: Beside) -> None:
    code, printed = await _check(own_domain, "--send-test", DESK)
    assert code == 0, printed
    assert printed.endswith(": our own test came back\n"), printed
    code, printed = await _check(own_domain, "--send-test", CUSTOMER)
    assert code == 0, printed
    assert f"{CUSTOMER} is not ours" in printed

    assert await own_domain.arrived(1) == [(DESK, "consumed")]
    assert (await own_domain.got()).rcpt_to == (CUSTOMER,)
    assert len(own_domain.world.mails) == 1
    assert (await own_domain.daemon.ledger())["balanced"]


async def test_a_test_that_cannot_come_back_says_why(own_domain: Beside) -> None:
    code, printed = await _check(own_domain, "--send-test", "nobody@g.test")
    assert (code, "refused it: 550 5.1.1" in printed) == (78, True), printed

    await own_domain.daemon.kill()
    code, printed = await _check(own_domain, "--send-test", DESK, "--wait", "1")
    assert (code, "is `mailgate serve` running" in printed) == (75, True), printed
    # It does not leave later, when nobody looks for it any more.
    assert own_domain.daemon.rows("SELECT state FROM outbox ORDER BY id") == [("failed",), ("cancelled",)]


async def test_other_peoples_mail_goes_where_it_went(folder: Path, sink: Sink) -> None:
    people = Layout(
        LMTP,
        shared=True,
        main=(("mydestination", "g.test localhost"), ("transport_maps", "inline:{ list@g.test=discard: }")),
    )
    async with _beside(people, folder, sink) as both:
        assert " 250 2.0.0" in await both.says("games@g.test")
        assert "<** 550 5.1.1" in await both.says("nobody-of-this-name@g.test")
        assert both.postfix.setting("transport_maps").endswith(" inline:{ list@g.test=discard: }")

        await wait_until(lambda: "games@g.test" in both.postfix.deliveries(), deadline_s=DELIVERY_S)
        assert both.postfix.deliveries() == {"games@g.test": "sent"}
        assert "Help!" in (both.postfix.folder / "mail" / "games").read_text()


# ── The script itself ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_done_twice_it_changes_nothing_more(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(_CONFIG.format(desk=DESK, dns="127.0.0.1:1", size=60_000_000) + LMTP.format(port=2524))
    script = _setup(config)
    with DebianPostfix(port=free_port(), smarthost=9, main={"mailbox_size_limit": "51200000"}) as postfix:
        postfix.administer(script)
        files = _files(postfix)
        postfix.administer(script)
        assert _files(postfix) == files
        # Postfix would deliver to no mailbox whose limit is below that of a message.
        assert postfix.setting("mailbox_size_limit") == postfix.setting("virtual_mailbox_limit") == "60000000"


@pytest.mark.parametrize(
    ("shared", "main", "said"),
    [
        ((), {"mydestination": "localhost, g.test"}, "--shared g.test"),
        ((), {"virtual_mailbox_domains": "inline:{g.test=x}"}, "--shared g.test"),
        (("--shared", "g.test"), {"virtual_alias_domains": "g.test"}, "relay_domains"),
    ],
    ids=["people live in the domain", "they stand in a table", "a domain of aliases"],
)
def test_what_would_not_work_is_said_before_anything_is_changed(
    folder: Path, shared: tuple[str, ...], main: dict[str, str], said: str
) -> None:
    config = folder / "config.toml"
    config.write_text(_CONFIG.format(desk=DESK, dns="127.0.0.1:1", size=SIZE_BYTES) + LMTP.format(port=2524))
    with DebianPostfix(port=free_port(), smarthost=9, main={"mydestination": "localhost", **main}) as postfix:
        files = _files(postfix)
        with pytest.raises(RuntimeError, match=said):
            postfix.administer(_setup(config, *shared))
        assert _files(postfix) == files


def _files(postfix: DebianPostfix) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted((postfix.folder / "etc").iterdir())}


async def _check(beside: Beside, *words: str) -> tuple[int, str]:
    """`mailgate check`: its exit code, and what it printed."""
    command = (PROGRAM, "--config", beside.daemon.config, "check", "--no-dns", *words)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def _answered(beside: Beside) -> Taken:
    """An agent answers the first ticket; the mail as the world got it."""
    answer = beside.daemon.folder / "answer.txt"
    answer.write_text("Have you tried turning it off and on?\n")
    await beside.daemon.command("tickets", "reply", "1", str(answer))
    return await beside.got()


def _reply_address(letter: Taken) -> str:
    _, address = parseaddr(letter.fields["Reply-To"])
    assert re.fullmatch(r"support\+r1[0-9a-z]{40}@g\.test", address)
    return address


async def _bounce(beside: Beside, letter: Taken) -> str:
    """What the customer's mail server says when it cannot deliver, as RFC 3464 has it."""
    report = (
        "A report.\n--b\n\nNo such person.\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.customer.test\n\nFinal-Recipient: rfc822; {CUSTOMER}\n"
        "Action: failed\nStatus: 5.1.1\n\n--b\nContent-Type: text/rfc822-headers\n\n"
        f"Message-ID: {letter.fields['Message-ID']}\n\n--b--\n"
    )
    fields = ('Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "MIME-Version: 1.0")
    return await beside.says(letter.mail_from, mail_from="", fields=fields, body=report)
