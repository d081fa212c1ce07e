"""Behind a real Postfix, which hands mail on by LMTP and must only bounce what nobody here wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.scenarios.daemon import Daemon
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix, missing
from tests.scenarios.sender import Client, letter, wire

DELIVERY_S = 30.0


@pytest.fixture
def postfix(daemon: Daemon, sink: Sink) -> Iterator[Postfix]:
    """Our mail goes to the daemon, all other mail, bounces above all, to the sink."""
    if missing():
        pytest.skip(missing())
    main = {
        "relay_domains": "g.test",
        "relay_transport": f"lmtp:inet:[127.0.0.1]:{daemon.lmtp_port}",
        "default_transport": f"lmtp:inet:[127.0.0.1]:{sink.port}",
    }
    with Postfix(port=free_port(), main=main) as running:
        yield running


async def _given_to(postfix: Postfix, number: int, *recipients: str) -> None:
    mail = letter(number, recipients[0])
    async with Client(postfix.port) as client:
        await client.envelope(mail.mail_from, *recipients)
        client.write(wire(mail.raw))
        assert (await client.reply()).code == 250
    await wait_until(lambda: set(recipients) <= set(postfix.deliveries()), deadline_s=DELIVERY_S)


async def test_each_recipient_has_an_answer_of_his_own(daemon: Daemon, postfix: Postfix, sink: Sink) -> None:
    await _given_to(postfix, 1, "support@g.test", "nobody@g.test", "sales@g.test")

    found = postfix.deliveries()
    assert {address: found[address] for address in ("support@g.test", "nobody@g.test", "sales@g.test")} == {
        "support@g.test": "sent",
        "nobody@g.test": "bounced",
        "sales@g.test": "sent",
    }
    await daemon.settled()
    # One mail to two of our mailboxes is one matter: the second row points to the first.
    assert daemon.rows("SELECT rcpt_to, state FROM journal ORDER BY id") == [
        ("sales@g.test", "ticketed"),
        ("support@g.test", "duplicate"),
    ]


async def test_only_the_recipient_that_nobody_knows_is_bounced(daemon: Daemon, postfix: Postfix, sink: Sink) -> None:
    await _given_to(postfix, 1, "sales@g.test", "nobody@g.test")

    await wait_until(lambda: "" in [mail.mail_from for mail in sink.mails], deadline_s=DELIVERY_S)
    [bounce] = [mail for mail in sink.mails if mail.mail_from == ""]
    assert bounce.rcpt_to == ("person@p1.test",)
    [report] = [part for part in bounce.fields.walk() if part.get_content_type() == "message/delivery-status"]
    assert "nobody@g.test" in report.as_string()
    assert "sales@g.test" not in report.as_string()


async def test_a_daemon_that_is_down_costs_no_mail(daemon: Daemon, postfix: Postfix) -> None:
    await daemon.kill()
    await _given_to(postfix, 1, "sales@g.test")
    assert postfix.deliveries() == {"sales@g.test": "deferred"}

    await daemon.start()
    postfix.flush()
    await wait_until(lambda: postfix.deliveries()["sales@g.test"] == "sent", deadline_s=DELIVERY_S)
    await daemon.settled()
    assert daemon.rows("SELECT rcpt_to, state FROM journal") == [("sales@g.test", "ticketed")]
