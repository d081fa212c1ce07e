"""Old mail becomes tickets, once, and nobody hears of it, whatever the mail would have moved us to on its way in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from mailgate import importing
from mailgate.errors import TryAgain
from mailgate.importing import Importing, OldMail, Tally, batches
from mailgate.model import TicketState
from mailgate.store import queries
from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

JULY = datetime(2020, 7, 1, 10, tzinfo=UTC)


@pytest.fixture
async def lab(laboratory: Laboratory) -> AsyncIterator[Lab]:
    async with laboratory() as opened:
        yield opened


def road(lab: Lab, **how: object) -> Importing:
    return Importing(lab.context, lab.context.gateway.mailboxes[0], **how)


def old(days: int, author: str = "anne@x.test", to: str = "support@g.test", **what: str) -> OldMail:
    at = JULY + timedelta(days=days)
    return OldMail(letter(author, to, date=at, **what), at)


def thread() -> list[OldMail]:
    """A question, our answer to it, and another word of the customer."""
    return [
        old(0, message_id="<q@x.test>", subject="Kettle"),
        old(1, "support@g.test", "anne@x.test", message_id="<a@g.test>", In_Reply_To="<q@x.test>"),
        old(2, message_id="<t@x.test>", References="<q@x.test> <a@g.test>", subject="Re: Kettle"),
    ]


def rows(lab: Lab, table: str) -> int:
    return lab.database.look(lambda conn: conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


async def test_mails_stand_in_closed_tickets_by_whom_they_answer(lab: Lab) -> None:
    tally = await road(lab).take([*thread(), old(1, "bart@y.test", subject="Lamp")])

    assert tally == Tally(new=4, tickets=2)
    kettle, lamp = lab.tickets()
    assert (kettle.subject, kettle.contact, kettle.state) == ("Kettle", "anne@x.test", TicketState.CLOSED)
    assert [(one.message_id, one.at) for one in kettle.messages] == [
        ("<q@x.test>", JULY),
        ("<a@g.test>", JULY + timedelta(days=1)),
        ("<t@x.test>", JULY + timedelta(days=2)),
    ]
    assert (kettle.created_at, kettle.closed_at) == (JULY, JULY + timedelta(days=2))
    assert [line.event for line in kettle.history] == ["imported", "appended", "appended"]
    assert (lamp.contact, len(lamp.messages)) == ("bart@y.test", 1)
    assert (lab.ledger().accepted, lab.ledger().balanced) == (4, True)


async def test_it_is_found_by_its_words(lab: Lab) -> None:
    await road(lab).take([old(0, text="The contraption is dead.")])
    await lab.settle()

    (line,) = lab.database.look(lambda conn: queries.tickets(conn, state=None, search="contraption"))
    assert line.number == 1


async def test_twice_is_once_in_one_batch_and_years_later(lab: Lab) -> None:
    nameless = OldMail(b"From: a@x.test\r\nSubject: x\r\n\r\nno name\r\n", JULY)
    assert await road(lab).take([*thread(), *thread(), nameless, nameless]) == Tally(4, 2, 4)

    lab.advance(timedelta(days=400))
    await lab.settle()
    assert await road(lab).take([*thread(), nameless]) == Tally(known=4)
    assert lab.ledger().accepted == 4


async def test_two_mails_of_one_name_are_both_kept(lab: Lab) -> None:
    same = [old(0, message_id="<q@x.test>", text="one"), old(1, message_id="<q@x.test>", text="another")]

    assert (await road(lab).take(same)).new == 2


async def test_what_a_dead_import_had_written_is_not_written_again(lab: Lab) -> None:
    await road(lab).take(thread()[:2])
    await lab.crash()
    await lab.restart()
    await lab.settle()

    assert await road(lab).take(thread()) == Tally(new=1, known=2)
    (kettle,) = lab.tickets()
    assert len(kettle.messages) == 3


async def test_a_mail_that_came_by_itself_is_not_brought_in(lab: Lab) -> None:
    (question, *_) = thread()
    await lab.desk.trust("anne@x.test", "bert")
    await lab.receive(question.raw, mail_from="anne@x.test")
    await lab.settle()

    assert await road(lab).take([OldMail(b"Received: elsewhere\r\n" + question.raw, JULY)]) == Tally(known=1)


async def test_nothing_of_it_is_answered_or_known_though_it_would_have_been(lab: Lab) -> None:
    """The same mails on the other way in: the stranger is asked, the customer is answered, the operator is told."""
    now = lab.now - timedelta(minutes=5)
    await lab.desk.trust("cora@z.test", "bert")
    fresh = [
        OldMail(letter(author, date=now, subject=f"Of {author}"), now) for author in ("anne@x.test", "cora@z.test")
    ]
    for one in fresh:
        await lab.receive(one.raw, mail_from="" if one is fresh[0] else "cora@z.test")
    await lab.receive(letter("dora@d.test"), mail_from="dora@d.test")
    await lab.settle()
    answered = {sent.kind for sent in lab.sent}
    assert answered == {"acknowledge", "challenge"}

    before = {name: rows(lab, name) for name in ("permit", "outbox", "challenge", "address", "contact", "domain")}
    others = [old(0, author) for author in ("new@n.test", "cora@z.test", "dora@d.test")]
    young = [OldMail(letter(author, date=now), now) for author in ("new@n.test", "cora@z.test", "dora@d.test")]
    sent = len(lab.sent)
    assert (await road(lab, closed_after=timedelta(days=30)).take([*others, *young])).new == 6
    for _ in range(3):
        lab.advance(timedelta(hours=13))
        await lab.settle()
    assert {name: rows(lab, name) for name in before} == before
    assert len(lab.sent) == sent
    assert lab.ledger().balanced


async def test_a_young_ticket_stays_open_where_that_is_wished(lab: Lab) -> None:
    young = lab.now - timedelta(days=29)
    await road(lab, closed_after=timedelta(days=30)).take(
        [*thread(), OldMail(letter("bart@y.test", date=young, subject="Lamp"), young)]
    )

    assert [(one.subject, one.state) for one in lab.tickets()] == [
        ("Kettle", TicketState.CLOSED),
        ("Lamp", TicketState.OPEN),
    ]


async def test_a_ticket_that_mail_opened_takes_no_old_mail(lab: Lab) -> None:
    """A name is no proof, and whoever wrote this cannot be asked any more."""
    await lab.desk.trust("anne@x.test", "bert")
    await lab.receive(letter(message_id="<q@x.test>"), mail_from="anne@x.test")
    await lab.settle()

    assert (await road(lab).take([old(1, "eve@e.test", In_Reply_To="<q@x.test>")])).tickets == 1


async def test_a_mail_that_cannot_be_read_is_a_ticket_with_all_its_bytes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_raw: bytes) -> None:
        raise ValueError("no")

    monkeypatch.setattr(importing, "read", fails)
    await road(lab).take([OldMail(b"\xff\x00 nothing", JULY)])

    (ticket,) = lab.tickets()
    assert ticket.messages[0].raw == b"\xff\x00 nothing"
    assert lab.ledger().balanced


async def test_to_try_it_writes_nothing(lab: Lab) -> None:
    await road(lab).take(thread()[:1])

    assert await road(lab, dry_run=True).take(thread()) == Tally(new=2, known=1)
    assert lab.ledger().accepted == 1


async def test_trouble_of_the_database_is_waited_out_and_at_last_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "TROUBLE_WAIT_S", 0)
    left = [TryAgain("busy")] * 3

    def fault(conn: Connection, cases: object) -> Tally:
        if left:
            raise left.pop()
        return Tally(new=1)

    one = road(lab)
    monkeypatch.setattr(one, "_bring_in", fault)
    assert (await one.take(thread())).new == 1
    left += [TryAgain("busy")] * importing.MOST_TRIES
    with pytest.raises(TryAgain):
        await one.take(thread())


@pytest.mark.parametrize(
    ("sizes", "cut"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([1] * 250, [100, 100, 50], id="by number"),
        pytest.param([10 << 20, 10 << 20, 1], [1, 2], id="by size"),
        pytest.param([1, 50 << 20, 1], [1, 1, 1], id="a large one alone"),
    ],
)
def test_batches_are_bounded_in_number_and_size(sizes: list[int], cut: list[int]) -> None:
    found = batches(sizes)
    assert [len(one) for one in found] == cut
    assert [place for one in found for place in one] == list(range(len(sizes)))
