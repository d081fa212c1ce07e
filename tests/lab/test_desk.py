"""What people do, and what follows from it."""

from __future__ import annotations

import pytest

from mailgate.errors import NotAllowed, NotFound
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory


async def test_an_accepted_mail_makes_a_ticket_and_its_sender_known(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test", auth="A0")
        await lab.settle()
        number = await lab.desk.accept(lab.held()[0].id, "bob")
        await lab.receive(letter(subject="Another matter"), mail_from="anne@x.test")
        await lab.settle()

        assert number == 1
        assert [ticket.subject for ticket in lab.tickets()] == ["The printer is on fire", "Another matter"]
        assert [sent.kind for sent in lab.sent] == ["acknowledge"]
        assert lab.ledger().balanced


async def test_a_parked_mail_is_one_command_from_a_ticket_and_trusts_nobody(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        receipt = await lab.receive(letter(List_Id="<news.x.test>"), mail_from="anne@x.test")
        await lab.settle()
        assert lab.ledger().parked == 1

        parked = lab.parked()[0]
        assert await lab.desk.accept(parked.id, "bob") == 1

        assert lab.ledger().ticketed == 1
        assert lab.ledger().balanced
        assert lab.contact("anne@x.test") is None
        assert receipt.reply[0] == 250


async def test_spam_is_kept_and_can_be_accepted_later(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(), mail_from="anne@x.test", auth="A0")
        await lab.settle()
        held = lab.held()[0].id
        await lab.desk.spam(held, "bob")
        assert [mail.state for mail in lab.held()] == ["spam"]

        await lab.desk.accept(held, "bob")

        assert lab.held() == []
        assert len(lab.tickets()) == 1


async def test_a_blocked_sender_is_kept_out_of_view_and_gets_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.block("anne@x.test", "bob")
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()

        assert [mail.state for mail in lab.held()] == ["spam"]
        assert lab.sent == []


async def test_a_trusted_sender_is_never_asked(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.trust("Anne+shop@x.test", "bob")
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["acknowledge"]
        assert len(lab.tickets()) == 1


async def test_what_is_not_there_is_said_so(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        with pytest.raises(NotFound, match="no ticket #7"):
            await lab.desk.reply(7, "Hello.", "bob")
        with pytest.raises(NotFound, match="no held mail 7"):
            await lab.desk.accept(7, "bob")
        with pytest.raises(NotFound, match="no shunted mail 7"):
            await lab.desk.unshunt(7)
        with pytest.raises(NotAllowed, match="no address"):
            await lab.desk.trust("nobody", "bob")
        with pytest.raises(NotAllowed, match="needs text"):
            await lab.desk.reply(7, "  ", "bob")
