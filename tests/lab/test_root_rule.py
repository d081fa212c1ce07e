"""Whatever has seen a mail of ours is never answered by machine again: most loops die here without any limit."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.letters import answer, body, letter
from tests.fakes.stores import Laboratory

OPEN = {"mailbox": [{"address": "support@g.test", "queue": "support", "mode": "open"}]}


async def test_a_robot_that_answers_in_the_thread_gets_one_mail(laboratory: Laboratory) -> None:
    """T30: an autoresponder without any mark, one address, that keeps the thread."""
    async with laboratory(overrides=OPEN) as lab:
        await lab.receive(letter("joe@r.test"), mail_from="joe@r.test")
        await lab.settle()
        for turn in range(20):
            lab.advance(timedelta(hours=1))
            raw, to = answer(lab.sent[-1].raw, "joe@r.test", text=f"Turn {turn}: your mail is important to us.")
            await lab.receive(raw, mail_from="joe@r.test", rcpt_to=[to])
            await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["acknowledge"]
        assert len(lab.tickets()) == 1


async def test_a_help_desk_that_opens_a_case_for_each_mail_but_quotes_us_gets_one_mail(
    laboratory: Laboratory,
) -> None:
    """T32: another help desk, a new subject and a new thread each time, our text quoted in its mail."""
    async with laboratory(overrides=OPEN) as lab:
        await lab.receive(letter("desk@d.test"), mail_from="desk@d.test")
        await lab.settle()
        for number in range(5):
            lab.advance(timedelta(hours=6))
            text = f"A new case was opened.\n\n{body(lab.sent[-1].raw)}"
            raw = letter("desk@d.test", subject=f"Case {number} received", text=text)
            await lab.receive(raw, mail_from="desk@d.test")
            await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["acknowledge"]
        assert lab.ledger().balanced


async def test_a_stranger_who_quotes_us_is_held_without_a_word(laboratory: Laboratory) -> None:
    """T41: a vacation program that quotes our challenge under a subject of its own."""
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        lab.advance(timedelta(hours=1))
        quoted = "\n".join(f"> {line}" for line in body(lab.sent[0].raw).splitlines())
        await lab.receive(
            letter("other@y.test", subject="Away", text=f"Gone fishing.\n\n{quoted}"), mail_from="other@y.test"
        )
        await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["challenge"]
        assert lab.held()[-1].reason == "quotes a mail of ours, so nothing is sent"
