"""What a newcomer sees in the first minute, and what must hold from then on."""

from __future__ import annotations

from datetime import timedelta

from mailgate.testing import Lab
from tests.fakes.letters import answer, letter, link, read
from tests.fakes.stores import Laboratory


async def confirmed_by_page(lab: Lab, raw: bytes) -> None:
    await lab.receive(raw, mail_from="anne@x.test")
    await lab.settle()
    page = link(lab.sent[0].raw)
    lab.advance(timedelta(minutes=5))
    await lab.click(page)
    lab.advance(timedelta(seconds=10))
    await lab.click(page, method="POST")
    await lab.settle()


async def test_a_strangers_mail_is_held_and_gets_one_challenge(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()

        assert receipt.reply[0] == 250
        assert receipt.reply[1].startswith("2.0.0 Ok: queued as ")
        assert [sent.kind for sent in lab.sent] == ["challenge"]
        assert lab.sent[0].rcpt_to == "anne@x.test"
        assert len(lab.held()) == 1
        assert lab.tickets() == []
        assert lab.ledger().balanced


async def test_five_mails_of_one_stranger_get_one_challenge_and_one_button_lets_all_in(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        for number in range(5):
            await lab.receive(letter(subject=f"Mail {number}"), mail_from="anne@x.test")
            lab.advance(timedelta(minutes=2))
        await lab.settle()
        assert [sent.kind for sent in lab.sent] == ["challenge"]
        assert len(lab.held()) == 5

        page = link(lab.sent[0].raw)
        await lab.click(page)
        lab.advance(timedelta(seconds=10))
        done = await lab.click(page, method="POST")
        await lab.settle()

        assert done.status == 200
        assert lab.held() == []
        assert [ticket.subject for ticket in lab.tickets()] == [f"Mail {number}" for number in range(5)]
        assert [sent.kind for sent in lab.sent] == ["challenge", "acknowledge"]


async def test_an_answer_to_the_acknowledgement_lands_in_the_same_ticket(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await confirmed_by_page(lab, letter())
        acknowledgement = lab.sent[-1].raw
        raw, to = answer(acknowledgement, "anne@x.test", text="It has gone out by itself.")

        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        (ticket,) = lab.tickets()
        assert [message.direction for message in ticket.messages] == ["in", "out", "in"]
        assert [sent.kind for sent in lab.sent] == ["challenge", "acknowledge"]
        assert lab.ledger().appended == 1


async def test_an_answer_to_the_challenge_confirms_and_joins_the_ticket(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        lab.advance(timedelta(minutes=5))
        raw, to = answer(lab.sent[0].raw, "anne@x.test")

        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        assert len(lab.tickets()) == 1
        assert lab.held() == []
        assert [sent.kind for sent in lab.sent] == ["challenge", "acknowledge"]
        contact = lab.contact("anne@x.test")
        assert contact is not None
        assert contact.standing == "trusted"


async def test_a_machine_that_answers_the_challenge_at_once_confirms_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        lab.advance(timedelta(seconds=3))
        raw, to = answer(lab.sent[0].raw, "anne@x.test")

        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        assert lab.tickets() == []
        assert len(lab.held()) == 2
        assert [sent.kind for sent in lab.sent] == ["challenge"]


async def test_an_unproven_author_gets_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test", auth="A0")
        await lab.settle()

        assert lab.sent == []
        assert len(lab.held()) == 1


async def test_the_retry_after_a_lost_250_gets_the_same_id_and_makes_no_second_mail(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        raw = letter()
        first = await lab.receive(raw, mail_from="anne@x.test")
        again = await lab.receive(raw, mail_from="anne@x.test")
        await lab.settle()

        assert again.reply == first.reply
        assert lab.ledger().accepted == 1


async def test_an_agents_answer_threads_in_the_customers_program(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await confirmed_by_page(lab, letter(message_id="<fire@x.test>"))
        number = lab.tickets()[0].number

        await lab.desk.reply(number, "Use the extinguisher.", "bob")
        await lab.settle()

        sent = lab.sent[-1]
        head = read(sent.raw)
        assert sent.kind == "agent"
        assert head["In-Reply-To"] == "<fire@x.test>"
        assert "<fire@x.test>" in head["References"]
        assert head["Subject"] == f"Re: The printer is on fire [#{number}]"
        assert head["Auto-Submitted"] is None


async def test_one_mail_to_two_mailboxes_is_one_ticket(laboratory: Laboratory) -> None:
    boxes = [
        {"address": "support@g.test", "queue": "support", "mode": "off"},
        {"address": "billing@g.test", "queue": "billing", "mode": "off"},
    ]
    async with laboratory(overrides={"mailbox": boxes}) as lab:
        both = "support@g.test, billing@g.test"
        await lab.receive(letter(to=both), mail_from="anne@x.test", rcpt_to=["support@g.test", "billing@g.test"])
        await lab.settle()

        assert len(lab.tickets()) == 1
        assert lab.ledger().duplicate == 1
        assert len(lab.sent) == 1


async def test_a_mailbox_that_asks_nobody_is_served_before_one_that_asks(laboratory: Laboratory) -> None:
    boxes = [
        {"address": "support@g.test", "queue": "support", "mode": "guarded"},
        {"address": "billing@g.test", "queue": "billing", "mode": "off"},
    ]
    async with laboratory(
        overrides={"mailbox": boxes, "listener": [{"bind": "127.0.0.1:2524", "protocol": "lmtp"}]}
    ) as lab:
        to = ["support@g.test", "nobody@g.test", "billing@g.test"]
        receipt = await lab.receive(letter(to=", ".join(to)), mail_from="anne@x.test", rcpt_to=to)
        await lab.settle()

        assert [code for code, _ in receipt.replies] == [250, 550, 250]
        assert receipt.reply == receipt.replies
        assert [ticket.queue for ticket in lab.tickets()] == ["billing"]
        assert lab.held() == []
        assert [sent.kind for sent in lab.sent] == ["acknowledge"]


async def test_a_crash_and_a_restart_repeat_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.crash()
        lab.restart()
        await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["challenge"]
        assert len(lab.held()) == 1
        assert lab.ledger().balanced
