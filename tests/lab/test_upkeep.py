"""What time alone changes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from mailgate.upkeep import Upkeep
from tests.fakes.letters import letter, link
from tests.fakes.stores import Laboratory


async def test_a_challenge_expires_after_fourteen_days_and_the_mail_stays_in_view(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        page = link(lab.sent[0].raw)
        lab.advance(timedelta(days=14))
        await lab.settle()

        assert [(mail.state, mail.reason) for mail in lab.held()] == [
            ("human", "our question to the sender was not answered")
        ]
        assert [sent.kind for sent in lab.sent] == ["challenge"]
        contact = lab.contact("anne@x.test")
        assert contact is not None
        assert contact.standing == "expired"
        assert (await lab.click(page, method="POST")).status == 200
        assert lab.tickets() == []


async def test_the_same_bytes_are_a_new_mail_once_no_queue_can_still_retry_them(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        raw = letter()
        first = await lab.receive(raw, mail_from="anne@x.test")
        lab.advance(timedelta(days=8))
        await lab.settle()
        again = await lab.receive(raw, mail_from="anne@x.test")
        await lab.settle()

        assert again.reply != first.reply
        assert lab.ledger().accepted == 2


async def test_refusals_are_written_down_once(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        refused = Counter({550: 2, 451: 1})
        upkeep = Upkeep(lab.context, refused=lambda: refused)
        await upkeep.settle()
        refused[550] += 1
        await upkeep.settle()
        await upkeep.settle()

        assert lab.ledger().refused == 4


async def test_the_rules_that_judged_are_remembered_with_the_mail(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()

        verdict = lab.verdict(receipt)
        assert verdict is not None
        assert verdict["rules"] == lab.context.book().version
