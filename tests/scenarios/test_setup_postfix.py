"""The lines that `mailgate setup postfix` prints, put verbatim into Debian's Postfix, with mail from and to outside."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios import beside
from tests.scenarios.beside import (
    CUSTOMER,
    DELIVERY_S,
    DESK,
    LMTP,
    LMTP_SOCKET,
    OUTSIDE,
    SIZE_BYTES,
    SMTP,
    Beside,
    configuration,
    printed,
    reply_address,
)
from tests.scenarios.debian_postfix import DebianPostfix, missing
from tests.scenarios.ports import free_port

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
    pytest.mark.skipif(not shutil.which("swaks"), reason="needs the package swaks"),
]


@dataclass(frozen=True)
class Layout:
    """A way for Postfix and us to stand beside one another; `main` is what main.cf says of the domain before."""

    listener: str
    shared: bool = False
    main: tuple[tuple[str, str], ...] = ()


LAYOUTS = {
    "own domain, LMTP over TCP": Layout(LMTP),
    "own domain, LMTP over a unix socket": Layout(LMTP_SOCKET),
    "own domain, SMTP": Layout(SMTP),
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


def _behind_postfix(
    layout: Layout, folder: Path, world: Sink, *, bounce_domain: str = ""
) -> AbstractAsyncContextManager[Beside]:
    # Postfix may open what belongs to its group; an administrator makes it a member of ours instead.
    shutil.chown(folder, group="postfix")
    folder.chmod(0o2750)
    return beside.beside(
        folder,
        world,
        setup="postfix",
        listener=layout.listener,
        shared=layout.shared,
        bounce_domain=bounce_domain,
        server=lambda port: DebianPostfix(port=port, smarthost=world.port, main=dict(layout.main)),
    )


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS.keys())
async def each_layout(request: pytest.FixtureRequest, folder: Path, sink: Sink) -> AsyncIterator[Beside]:
    async with _behind_postfix(request.param, folder, sink) as both:
        yield both


@pytest.fixture
async def own_domain(folder: Path, sink: Sink) -> AsyncIterator[Beside]:
    async with _behind_postfix(Layout(LMTP), folder, sink) as both:
        yield both


async def test_a_mail_becomes_a_ticket_and_its_answer_comes_back_into_it(each_layout: Beside) -> None:
    await each_layout.delivers(DESK)
    assert await each_layout.arrived(1) == [(DESK, "ticketed")]
    # SPF needs to know whom Postfix took the mail from.
    assert each_layout.daemon.rows("SELECT json_extract(peer, '$.ip') FROM journal") == [(OUTSIDE,)]

    letter = await each_layout.answered()
    assert letter.rcpt_to == (CUSTOMER,)
    back_to = reply_address(letter)
    await each_layout.delivers(back_to, fields=(f"In-Reply-To: {letter.fields['Message-ID']}",))
    assert await each_layout.arrived(2) == [(DESK, "ticketed"), (back_to, "appended")]


async def test_what_nobody_has_is_refused_while_its_sender_is_there(own_domain: Beside) -> None:
    refusals = {
        "nobody@g.test": "550 5.1.1",
        f"support+r1{'0' * 40}@g.test": "550 5.1.1",
        f"b1{'0' * 40}@g.test": "550 5.1.1",
        "person@elsewhere.test": "454 4.7.1",  # Debian's own smtpd_relay_restrictions put it off
    }
    for address, refusal in refusals.items():
        shown = await own_domain.says(address)
        assert f"<** {refusal}" in shown, shown
    for address in ("postmaster@g.test", "abuse@g.test", "SUPPORT+anything@G.test"):
        await own_domain.delivers(address)

    assert len(await own_domain.arrived(3)) == 3
    assert "status=bounced" not in own_domain.server.log()
    assert own_domain.world.mails == []


async def test_what_is_too_large_is_refused_while_its_sender_is_there(own_domain: Beside) -> None:
    room = SIZE_BYTES - 4000  # for what every mail system adds
    # Short lines weigh the most on the wire, where each ends in two octets and not in one.
    await own_domain.delivers(DESK, body="x\n" * (room // 3))
    shown = await own_domain.says(DESK, body="x\n" * (SIZE_BYTES // 2))
    assert "<** 552 5.3.4" in shown, shown[-1000:]

    assert await own_domain.arrived(1) == [(DESK, "ticketed")]
    assert "status=bounced" not in own_domain.server.log()


@pytest.mark.parametrize(
    ("bounce_domain", "shape"),
    [("", r"support\+b1[0-9a-z]{40}@g\.test"), ("bounce.g.test", r"b1[0-9a-z]{40}@bounce\.g\.test")],
    ids=["to the mailbox", "to a domain of their own"],
)
async def test_bounces_of_our_mail_are_consumed(folder: Path, sink: Sink, bounce_domain: str, shape: str) -> None:
    async with _behind_postfix(Layout(LMTP), folder, sink, bounce_domain=bounce_domain) as both:
        await both.delivers(DESK)
        await both.arrived(1)
        letter = await both.answered()
        assert re.fullmatch(shape, letter.mail_from)

        shown = await both.bounced(letter)
        assert "<-  250 2.0.0" in shown, shown
        assert await both.arrived(2) == [(DESK, "ticketed"), (letter.mail_from, "consumed")]
        assert len(both.world.mails) == 1


async def test_while_we_are_down_mail_waits_in_postfix_or_with_its_sender(own_domain: Beside) -> None:
    await own_domain.delivers(DESK)
    await own_domain.arrived(1)
    letter = await own_domain.answered()

    await own_domain.daemon.kill()
    await own_domain.delivers(DESK)
    # Whether this address is real only we can say.
    shown = await own_domain.says(reply_address(letter))
    assert "<** 450 4.1.1" in shown, shown
    await wait_until(lambda: "status=deferred" in own_domain.server.log(), deadline_s=DELIVERY_S)

    await own_domain.daemon.start()
    own_domain.server.flush()
    assert await own_domain.arrived(2) == [(DESK, "ticketed"), (DESK, "ticketed")]
    assert "status=bounced" not in own_domain.server.log()


async def test_a_test_comes_back_and_ends_there(own_domain: Beside) -> None:
    code, said = await own_domain.check("--send-test", DESK)
    assert code == 0, said
    assert said.endswith(": our own test came back\n"), said
    code, said = await own_domain.check("--send-test", CUSTOMER)
    assert code == 0, said
    assert f"{CUSTOMER} is not ours" in said

    assert await own_domain.arrived(1) == [(DESK, "consumed")]
    assert (await own_domain.got()).rcpt_to == (CUSTOMER,)
    assert len(own_domain.world.mails) == 1
    assert (await own_domain.daemon.ledger())["balanced"]


async def test_a_test_that_cannot_come_back_says_why(own_domain: Beside) -> None:
    code, said = await own_domain.check("--send-test", "nobody@g.test")
    assert (code, "refused it: 550 5.1.1" in said) == (78, True), said

    await own_domain.daemon.kill()
    code, said = await own_domain.check("--send-test", DESK, "--wait", "1")
    assert (code, "is `mailgate serve` running" in said) == (75, True), said
    # It does not leave later, when nobody looks for it any more.
    assert own_domain.daemon.rows("SELECT state FROM outbox ORDER BY id") == [("failed",), ("cancelled",)]


async def test_other_peoples_mail_goes_where_it_went(folder: Path, sink: Sink) -> None:
    people = Layout(
        LMTP,
        shared=True,
        main=(("mydestination", "g.test localhost"), ("transport_maps", "inline:{ list@g.test=discard: }")),
    )
    async with _behind_postfix(people, folder, sink) as both:
        await both.delivers("games@g.test")
        assert "<** 550 5.1.1" in await both.says("nobody-of-this-name@g.test")
        postfix = both.server
        assert isinstance(postfix, DebianPostfix)
        assert postfix.setting("transport_maps").endswith(" inline:{ list@g.test=discard: }")

        await wait_until(lambda: "games@g.test" in postfix.deliveries(), deadline_s=DELIVERY_S)
        assert postfix.deliveries() == {"games@g.test": "sent"}
        assert "Help!" in (postfix.folder / "mail" / "games").read_text()


# ── The script itself ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_done_twice_it_changes_nothing_more(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(configuration(LMTP.format(port=2524), size_bytes=60_000_000))
    script = printed("postfix", config)
    with _postfix({"mailbox_size_limit": "51200000"}) as postfix:
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
    config.write_text(configuration(LMTP.format(port=2524)))
    with _postfix(main) as postfix:
        files = _files(postfix)
        with pytest.raises(RuntimeError, match=said):
            postfix.administer(printed("postfix", config, *shared))
        assert _files(postfix) == files


def _postfix(main: dict[str, str]) -> contextlib.AbstractContextManager[DebianPostfix]:
    return DebianPostfix(port=free_port(), smarthost=9, main={"mydestination": "localhost", **main})


def _files(postfix: DebianPostfix) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted((postfix.folder / "etc").iterdir())}
