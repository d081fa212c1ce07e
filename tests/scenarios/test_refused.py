"""A mail that a rule refuses, brought by a real Postfix as its sender's own server: that server tells its user, and
nothing of ours is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.ruled import rule_folder
from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import Daemon
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix, missing
from tests.scenarios.sender import deliver, letter

AUTHOR = "joe@sender.test"
WHY = "We take no mail about lotteries here"
RULE = f'name = "no lotteries"\nwhen.from_address = "{AUTHOR}"\nthen.reject = "{WHY}"\n'
SMTP = "smtp      unix  - - n - -     smtp\n"
DELIVERY_S = 30.0


@pytest.fixture(scope="module")
def rules() -> Iterator[Path]:
    with rule_folder(RULE) as place:
        yield place


async def test_whoever_wrote_hears_of_it_from_his_own_server_alone(folder: Path, sink: Sink, rules: Path) -> None:
    """RFC 5321 section 6.1: a refusal within the session leaves the report to the server that has the mail."""
    if missing():
        pytest.skip(missing())
    async with Daemon(folder, relay=sink.address, extra=f'[rules]\nfolder = "{rules}"') as daemon:
        main = {
            "relay_domains": "g.test",
            "relay_transport": f"smtp:[127.0.0.1]:{daemon.smtp_port}",
            "default_transport": f"lmtp:inet:[127.0.0.1]:{sink.port}",
        }
        with Postfix(port=free_port(), main=main, master=SMTP) as postfix:
            assert (await deliver(postfix.port, letter(1, "support@g.test", author=AUTHOR))).code == 250
            await wait_until(lambda: bool(sink.mails) and postfix.queued() == 0, deadline_s=DELIVERY_S)

        (report,) = sink.mails
        assert (report.mail_from, report.rcpt_to) == ("", (AUTHOR,))
        assert f"550 5.7.1 {WHY}".encode() in report.raw.replace(b"\r\n    ", b" ")
        assert b"mailgate" not in report.raw.lower()
        assert (await daemon.ledger())["accepted"] == 0
        (refused,) = daemon.events("mail-refused")
        assert refused["rule"] == "no lotteries"
        assert "@" not in str(refused)
