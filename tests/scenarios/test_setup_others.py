"""The lines that `mailgate setup exim` and `setup opensmtpd` print, put verbatim into Debian's packages of these."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios import beside
from tests.scenarios.beside import CUSTOMER, DELIVERY_S, DESK, LMTP, SMTP, Beside, configuration, printed, reply_address
from tests.scenarios.debian_others import Exim, OpenSmtpd
from tests.scenarios.overlay import missing
from tests.scenarios.ports import free_port

pytestmark = pytest.mark.skipif(not shutil.which("swaks"), reason="needs the package swaks")

Made = Callable[[Path, Sink], AbstractAsyncContextManager[Beside]]


def _exim(listener: str, *, shared: bool = False) -> Made:
    return lambda folder, world: beside.beside(
        folder,
        world,
        setup="exim",
        listener=listener,
        shared=shared,
        server=lambda port: Exim(port=port, world=world.port, hostnames="g.test" if shared else ""),
    )


def _opensmtpd(listener: str) -> Made:
    return lambda folder, world: beside.beside(
        folder,
        world,
        setup="opensmtpd",
        listener=listener,
        server=lambda port: OpenSmtpd(port=port, world=world.port),
    )


needs_exim = pytest.mark.skipif(bool(missing("exim")), reason=missing("exim") or "-")
needs_opensmtpd = pytest.mark.skipif(bool(missing("opensmtpd")), reason=missing("opensmtpd") or "-")


@pytest.fixture(
    params=[
        pytest.param(_exim(LMTP), id="exim, own domain, LMTP", marks=needs_exim),
        pytest.param(_exim(SMTP), id="exim, own domain, SMTP", marks=needs_exim),
        pytest.param(_exim(LMTP, shared=True), id="exim, one address among mailboxes", marks=needs_exim),
        pytest.param(_opensmtpd(LMTP), id="opensmtpd, LMTP", marks=needs_opensmtpd),
        pytest.param(_opensmtpd(SMTP), id="opensmtpd, SMTP", marks=needs_opensmtpd),
    ]
)
async def each_server(request: pytest.FixtureRequest, folder: Path, sink: Sink) -> AsyncIterator[Beside]:
    async with request.param(folder, sink) as both:
        yield both


@pytest.fixture
async def behind_exim(folder: Path, sink: Sink) -> AsyncIterator[Beside]:
    async with _exim(LMTP)(folder, sink) as both:
        yield both


async def test_a_mail_becomes_a_ticket_and_its_answer_comes_back_into_it(each_server: Beside) -> None:
    await each_server.delivers(DESK)
    assert await each_server.arrived(1) == [(DESK, "ticketed")]

    letter = await each_server.answered()
    assert letter.rcpt_to == (CUSTOMER,)
    back_to = reply_address(letter)
    await each_server.delivers(back_to, fields=(f"In-Reply-To: {letter.fields['Message-ID']}",))
    assert await each_server.arrived(2) == [(DESK, "ticketed"), (back_to, "appended")]

    shown = await each_server.bounced(letter)
    assert "<-  250 " in shown, shown
    assert (await each_server.arrived(3))[2] == (letter.mail_from, "consumed")
    for nobody in ("nobody-of-this-name@g.test", "person@elsewhere.test"):
        shown = await each_server.says(nobody)
        assert "<** 550" in shown, shown
    assert len(each_server.world.mails) == 1


@needs_exim
async def test_exim_asks_whether_a_signed_address_is_real(behind_exim: Beside) -> None:
    for forged in (f"support+r1{'0' * 40}@g.test", f"b1{'0' * 40}@g.test"):
        shown = await behind_exim.says(forged)
        assert "<** 550" in shown, shown
    await behind_exim.delivers("postmaster@g.test")

    assert len(await behind_exim.arrived(1)) == 1
    assert behind_exim.world.mails == []


@needs_exim
async def test_while_we_are_down_mail_waits_in_exim_or_with_its_sender(behind_exim: Beside) -> None:
    await behind_exim.delivers(DESK)
    await behind_exim.arrived(1)
    letter = await behind_exim.answered()

    await behind_exim.daemon.kill()
    await behind_exim.delivers(DESK)
    shown = await behind_exim.says(reply_address(letter))
    assert "<** 451" in shown, shown
    await wait_until(lambda: "Connection refused" in behind_exim.server.log(), deadline_s=DELIVERY_S)

    await behind_exim.daemon.start()
    behind_exim.server.flush()
    assert await behind_exim.arrived(2) == [(DESK, "ticketed"), (DESK, "ticketed")]


@needs_exim
@pytest.mark.parametrize(
    ("hostnames", "split", "said"),
    [("g.test", "true", "--shared g.test"), ("", "false", "dc_use_split_config")],
    ids=["people live in the domain", "conf.d is not read"],
)
def test_exim_is_not_changed_where_that_would_not_work(folder: Path, hostnames: str, split: str, said: str) -> None:
    config = folder / "config.toml"
    config.write_text(configuration(LMTP.format(port=2524)))
    with Exim(port=free_port(), world=9, hostnames=hostnames, split=split) as exim:
        with pytest.raises(RuntimeError, match=said):
            exim.administer(printed("exim", config))
        assert "mailgate" not in exim.machine.run("grep --recursive --files-with-matches mailgate /etc/exim4 || true")
