"""What was accepted here is judged from memory, and what found no room there from the journal: neither starves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailgate import intake
from mailgate.backlog import Backlog
from mailgate.model import Accepted, Arrival, Peer
from mailgate.testing import Lab
from tests.fakes.letters import letter

OPEN = {"mailbox": [{"address": "support@g.test", "mode": "off"}]}
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def arrival(raw: bytes = b"x", recipients: int = 1) -> Arrival:
    return Arrival("a@x.test", tuple(f"{number}@g.test" for number in range(recipients)), raw, Peer(), AT)


def accepted(number: int, at: datetime = AT) -> Accepted:
    return Accepted(number, "q", at, "a@x.test", "0@g.test", Peer(), b"x")


async def test_mail_in_memory_and_mail_that_found_no_room_are_judged_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH", 1)
    async with Lab(overrides=OPEN) as lab:
        lab.intake.backlog = Backlog(mails_most=3)
        for number in range(1, 6):
            await lab.receive(
                letter(message_id=f"<{number}@x.test>", subject=str(number)),
                mail_from="joe@x.test",
                rcpt_to=["support@g.test"],
            )
        await lab.settle()

        numbers = {ticket.number: ticket.subject for ticket in lab.tickets()}

    assert [numbers[number] for number in sorted(numbers)] == ["1", "4", "2", "5", "3"]


def test_room_is_bounded_by_mails_and_by_octets() -> None:
    backlog = Backlog(mails_most=3, bytes_most=10)

    assert [backlog.reserve(arrival(recipients=2)), backlog.reserve(arrival(recipients=2))] == [True, False]
    assert [backlog.reserve(arrival(b"x" * 9)), backlog.reserve(arrival(b"x" * 8))] == [False, True]


def test_room_is_free_again_once_a_mail_was_taken_or_not_kept() -> None:
    backlog = Backlog(mails_most=2)
    assert backlog.reserve(arrival(recipients=2))

    backlog.put(arrival(recipients=2), [accepted(1)])

    assert (len(backlog), backlog.reserve(arrival())) == (1, True)
    assert [one.journal_id for one in backlog.take(5)] == [1]
    assert backlog.reserve(arrival())


def test_those_that_waited_for_long_are_the_oldest() -> None:
    backlog = Backlog()
    for number in range(4):
        backlog.put(arrival(), [accepted(number, AT + timedelta(seconds=number))])

    assert [one.journal_id for one in backlog.accepted_until(AT + timedelta(seconds=1))] == [0, 1]
