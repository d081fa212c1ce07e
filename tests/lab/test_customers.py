"""Customers of the list, and people with several addresses: what each may do, and what nobody gets for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from mailgate.model import Ask, Customer, Level, Participant, Trust
from mailgate.store import facts, tables
from mailgate.testing import Lab
from tests.fakes.letters import answer, letter
from tests.fakes.stores import SQLITE, Laboratory, only

ANNE, PRIVATE = "anne@x.test", "anne@private.test"


async def bring_in(lab: Lab, *addresses: str) -> None:
    await lab.desk.bring_in([Customer(one, "Anne") for one in addresses], "cris", trusted=True, source="list.csv")


async def test_a_customer_of_the_list_is_never_asked_who_he_is(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await bring_in(lab, ANNE)
        await lab.receive(letter(ANNE), mail_from=ANNE)
        await lab.receive(letter("dora@d.test"), mail_from="dora@d.test")
        await lab.settle()

        assert [(one.kind, one.rcpt_to) for one in lab.sent] == [("acknowledge", ANNE), ("challenge", "dora@d.test")]
        assert [one.contact for one in lab.tickets()] == [ANNE]


@pytest.mark.parametrize("proof", ["A1", "A0"])
async def test_a_list_proves_nobodys_mail(laboratory: Laboratory, proof: str) -> None:
    async with laboratory() as lab:
        await bring_in(lab, ANNE)
        await lab.receive(letter(ANNE), mail_from=ANNE, auth=proof)
        await lab.settle()

        assert lab.sent == []
        known = lab.contact(ANNE)
        assert known is not None
        assert (known.trust, known.bound) == (Trust.IMPORT, Level.A2)


async def test_trust_by_the_list_lasts_a_year_from_the_newest_proven_mail(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await bring_in(lab, ANNE)
        for days, kinds in ((300, 1), (300, 2), (366, 3)):
            lab.advance(timedelta(days=days))
            await lab.receive(letter(ANNE, subject=f"After {days} d, {kinds}"), mail_from=ANNE)
            await lab.settle()
            assert len(lab.sent) == kinds

        assert [one.kind for one in lab.sent] == ["acknowledge", "acknowledge", "challenge"]


async def test_an_import_gives_nobody_more_mail_than_he_had_a_right_to(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter("dora@d.test"), mail_from="dora@d.test")
        await lab.settle()
        before = lab.contact("dora@d.test")
        await bring_in(lab, "dora@d.test")
        after = lab.contact("dora@d.test")

        assert before is not None
        assert after is not None
        assert (after.credit, after.proven) == (before.credit, False)


@only(SQLITE)
async def test_twenty_thousand_customers_are_brought_in_and_nobody_hears_of_it(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(ANNE), mail_from=ANNE, auth="A0")
        await lab.settle()
        everybody = [ANNE, *(f"c{number}@firm{number % 500}.test" for number in range(20_000))]
        for start in range(0, len(everybody), 1000):
            await bring_in(lab, *everybody[start : start + 1000])
        lab.advance(timedelta(days=2))
        await lab.settle()

        assert lab.sent == []
        assert [one.from_ for one in lab.held()] == [ANNE], "what is held stays so until a person looks"
        assert lab.ledger().balanced


async def test_a_question_that_runs_is_still_a_way_in(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.receive(letter(ANNE), mail_from=ANNE)
        await lab.settle()
        await bring_in(lab, ANNE)
        await lab.receive(letter(ANNE, subject="And another thing"), mail_from=ANNE)
        await lab.settle()

        assert [one.subject for one in lab.tickets()] == ["And another thing"]
        assert len(lab.held()) == 1


# ── Several addresses of one person ───────────────────────────────────────────────────────────────────────────────────


async def answered_from(lab: Lab, address: str, proof: str) -> str:
    """What the history of Anne's ticket says when our answer to her is answered from `address`."""
    await lab.desk.trust(ANNE, "cris")
    await lab.receive(letter(ANNE), mail_from=ANNE)
    await lab.settle()
    await lab.desk.reply(1, "Have you tried water?", "cris")
    await lab.settle()
    mail, to = answer(lab.sent[-1].raw, address, text="Yes, it helped.")
    await lab.receive(mail, mail_from=address, rcpt_to=[to], auth=proof)
    await lab.settle()
    return lab.tickets()[0].history[-1].event


@pytest.mark.parametrize(("linked", "event"), [(True, "appended"), (False, "proposed")])
async def test_a_linked_address_takes_part_in_the_tickets_of_its_person(
    laboratory: Laboratory, linked: bool, event: str
) -> None:
    async with laboratory() as lab:
        if linked:
            await lab.desk.link(ANNE, PRIVATE, "cris")

        assert await answered_from(lab, PRIVATE, "A2") == event


@pytest.mark.parametrize(("trusted", "bound"), [(True, Level.A1), (False, Level.A2)])
async def test_a_linked_address_needs_a_proof_of_its_own(laboratory: Laboratory, trusted: bool, bound: Level) -> None:
    async with laboratory() as lab:
        await lab.desk.link(ANNE, PRIVATE, "cris")
        if trusted:
            await lab.desk.trust(PRIVATE, "cris")
        await answered_from(lab, "dora@d.test", "A2")

        assert participants(lab) == [Participant(PRIVATE, bound), Participant(ANNE, Level.A2)]


async def test_an_address_that_was_parted_takes_part_no_more(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.link(ANNE, PRIVATE, "cris")
        await lab.desk.unlink(PRIVATE, "cris")

        assert await answered_from(lab, PRIVATE, "A2") == "proposed"


async def test_a_blocked_address_takes_part_through_nobody(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.link(ANNE, PRIVATE, "cris")
        await lab.desk.block(PRIVATE, "cris")
        await answered_from(lab, PRIVATE, "A2")

        assert participants(lab) == [Participant(ANNE, Level.A2)]


def participants(lab: Lab) -> list[Participant]:
    """Who takes part in the one ticket, as a mail that is judged is told."""

    def read(conn: Connection) -> list[Participant]:
        ticket_ids = frozenset(conn.execute(select(tables.ticket.c.id)).scalars())
        (ticket,) = facts.gather(conn, Ask(lab.now, ticket_ids=ticket_ids)).tickets.values()
        return list(ticket.participants)

    return lab.database.look(read)
