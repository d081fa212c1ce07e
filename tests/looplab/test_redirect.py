"""Two gateways whose admins send everything on to each other."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from mailgate.lab.account import visible_and_judged
from mailgate.lab.letters import plain, read
from mailgate.model import Keys
from mailgate.testing import KEYS, Lab
from tests.fakes.ruled import rule_folder

HOSTS = ("g.test", "h.test")
OTHER_KEYS = Keys("otherlab", "1", {"1": b"the other laboratory's key, of a gateway of its own"[:32]})
STRIPPED = ("Mailgate-Trace", "Delivered-To", "Received")


@pytest.mark.parametrize(("strips", "turns"), [(False, 1), (True, 10)], ids=["as it is", "through a relay that strips"])
async def test_two_that_send_on_to_each_other_end(strips: bool, turns: int) -> None:
    """As it is, the second knows the mark of the first. Where a relay takes every mark and gives new names, it ends at
    the share of one and the same body, on either side; and whatever is left waits for people."""
    with ExitStack() as stack:
        labs = []
        for here, there in (HOSTS, HOSTS[::-1]):
            rule = f'name = "all"\nwhen.kind = "human"\nthen.redirect = "support@{there}"\n'
            folder = stack.enter_context(rule_folder(rule))
            labs.append(
                Lab(
                    overrides={
                        "gateway": {"name": f"mx.{here}"},
                        "mailbox": [{"address": f"support@{here}", "mode": "open"}],
                        "rules": {"folder": str(folder), "redirect_to": [f"support@{there}"]},
                    },
                    keys=KEYS if here == HOSTS[0] else OTHER_KEYS,
                )
            )
        async with labs[0], labs[1]:
            raw, mail_from, side, sent_on = plain("joe@c.test", 1), "joe@c.test", 0, 0
            while sent_on <= 50:
                lab = labs[side]
                await lab.receive(raw, mail_from=mail_from, rcpt_to=[f"support@{HOSTS[side]}"], auth="A0")
                await lab.settle()
                if len(lab.sent) <= sent_on // 2:
                    break
                sent_on += 1
                raw, mail_from, side = lab.sent[-1].raw, lab.sent[-1].mail_from, 1 - side
                if strips:
                    raw, mail_from = _stripped(raw, sent_on), "joe@c.test"

            assert sent_on == turns
            assert all(visible_and_judged(lab) for lab in labs)
            assert {sent.rcpt_to for lab in labs for sent in lab.sent} <= {f"support@{host}" for host in HOSTS}


def _stripped(raw: bytes, number: int) -> bytes:
    mail = read(raw)
    for name in STRIPPED:
        del mail[name]
    mail.replace_header("Message-ID", f"<{number}@strip.test>")
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
