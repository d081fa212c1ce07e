"""What follows from the next hop's answer, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.judge.retry import NOT_SENT_TWICE, fate, is_permanent, too_late
from mailgate.model import Answer, Due, OutboxState, Purpose

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
AGENT = Due(1, Purpose.AGENT, "b@g.test", "anne@x.test", b"raw", 1, NOW, NOW + timedelta(days=5), utf8=False)
ACK = replace(AGENT, purpose=Purpose.ACKNOWLEDGE, give_up_at=NOW + timedelta(hours=4))
ASK = replace(ACK, purpose=Purpose.CHALLENGE)

SENT, READY, FAILED, CANCELLED = OutboxState.SENT, OutboxState.READY, OutboxState.FAILED, OutboxState.CANCELLED

ANSWERS = [
    pytest.param(AGENT, Answer(250, "2.0.0 Ok", handed=True), SENT, id="accepted"),
    pytest.param(ACK, Answer(250, "", handed=True), SENT, id="accepted without a word"),
    pytest.param(AGENT, Answer(550, "5.1.1 No such user"), FAILED, id="no such user"),
    pytest.param(ACK, Answer(550, "No such user"), FAILED, id="refused without enhanced code"),
    pytest.param(AGENT, Answer(554, "5.7.1 Spam", handed=True), FAILED, id="refused at the dot"),
    pytest.param(AGENT, Answer(552, "5.2.2 Mailbox full"), FAILED, id="full for good"),
    pytest.param(AGENT, Answer(552, "4.2.2 Mailbox full"), READY, id="5xx that says 4.x.x is temporary"),
    pytest.param(AGENT, Answer(452, "4.2.2 Mailbox full"), READY, id="full for now"),
    pytest.param(AGENT, Answer(450, "5.7.1 Greylisted"), READY, id="4xx that says 5.x.x is temporary"),
    pytest.param(AGENT, Answer(421, "4.3.2 Shutting down"), READY, id="shutting down"),
    pytest.param(AGENT, Answer(0, "connection refused"), READY, id="nobody there"),
    pytest.param(ACK, Answer(0, "connection refused"), READY, id="nobody there for an acknowledgement"),
    pytest.param(ASK, Answer(451, "4.7.1 Greylisted"), READY, id="greylisted challenge"),
    pytest.param(ACK, Answer(451, "4.7.1 Later", handed=True), READY, id="greylisted at the dot: it was not taken"),
    pytest.param(AGENT, Answer(0, "hung up", handed=True), READY, id="a person's mail goes again"),
    pytest.param(ACK, Answer(0, "hung up", handed=True), FAILED, id="an acknowledgement does not"),
    pytest.param(ASK, Answer(0, "hung up", handed=True), FAILED, id="nor does a challenge"),
    pytest.param(AGENT, Answer(354, "go on"), READY, id="an answer that makes no sense"),
    pytest.param(AGENT, Answer(-1, "??"), READY, id="no SMTP at all"),
    pytest.param(ACK, Answer(-1, "??", handed=True), FAILED, id="no SMTP at all after the text"),
]


@pytest.mark.parametrize(("due", "answer", "expected"), ANSWERS)
def test_an_answer_decides(due: Due, answer: Answer, expected: OutboxState) -> None:
    settlement = fate(due, answer, NOW)

    assert expected == settlement.state
    assert (settlement.next_at is not None) == (expected is READY)
    assert (settlement.outbox_id, settlement.at, settlement.answer.code) == (due.outbox_id, NOW, answer.code)


def test_the_reason_says_that_it_may_have_arrived() -> None:
    assert fate(ACK, Answer(0, "hung up", handed=True), NOW).answer.text == f"hung up; {NOT_SENT_TWICE}"


@pytest.mark.parametrize(
    ("due", "minutes"),
    [
        pytest.param(AGENT, [1, 5, 15, 30, 60, 120, 240, 240, 240], id="a person's mail"),
        pytest.param(ACK, [1, 5, 15, 30, 60, 60, 60], id="automatic mail"),
    ],
)
def test_waits_grow_with_the_attempts(due: Due, minutes: list[int]) -> None:
    waits = [fate(replace(due, attempts=n), Answer(450, ""), NOW).next_at for n in range(1, len(minutes) + 1)]

    assert waits == [NOW + timedelta(minutes=m) for m in minutes]


@pytest.mark.parametrize(
    ("due", "end"), [pytest.param(AGENT, FAILED, id="person"), pytest.param(ACK, CANCELLED, id="automatic")]
)
def test_what_cannot_be_tried_in_time_ends(due: Due, end: OutboxState) -> None:
    late = due.give_up_at - timedelta(seconds=30)

    assert fate(due, Answer(450, ""), late).state is end


@pytest.mark.parametrize(("due", "tries"), [pytest.param(AGENT, 36, id="person"), pytest.param(ACK, 8, id="automatic")])
def test_tries_end_before_the_time_is_over(due: Due, tries: int) -> None:
    now, count = NOW, 1
    while (settlement := fate(replace(due, attempts=count), Answer(450, ""), now)).next_at:
        now, count = settlement.next_at, count + 1

    assert tries == count
    assert now < due.give_up_at


def test_automatic_mail_found_after_its_time_is_cancelled_untried() -> None:
    settlement = too_late(ACK, ACK.give_up_at)

    assert settlement is not None
    assert settlement.state is CANCELLED


@pytest.mark.parametrize(
    ("due", "at"),
    [
        pytest.param(ACK, ACK.give_up_at - timedelta(seconds=1), id="automatic mail in time"),
        pytest.param(AGENT, AGENT.give_up_at + timedelta(days=9), id="a person's mail at any time"),
    ],
)
def test_what_is_in_time_or_written_by_a_person_is_tried(due: Due, at: datetime) -> None:
    assert too_late(due, at) is None


@given(
    code=st.integers(-1, 999),
    text=st.text(max_size=40),
    handed=st.booleans(),
    attempts=st.integers(0, 10_000),
    purpose=st.sampled_from(Purpose),
    late_s=st.integers(-(10**6), 10**6),
)
def test_every_answer_ends_somewhere(
    *, code: int, text: str, handed: bool, attempts: int, purpose: Purpose, late_s: int
) -> None:
    due = replace(AGENT, attempts=attempts, purpose=purpose, give_up_at=NOW + timedelta(seconds=late_s))
    answer = Answer(code, text, handed=handed)

    settlement = fate(due, answer, NOW)

    assert settlement.state in {SENT, READY, FAILED, CANCELLED}
    assert (settlement.next_at is not None) == (settlement.state is READY)
    # The promise behind at most once: silence after the text was written never sends an automatic mail again.
    assert not (settlement.state is READY and purpose is not Purpose.AGENT and handed and not 400 <= code < 600)
    assert not (settlement.state is READY and is_permanent(answer))


@pytest.mark.parametrize(
    ("answer", "nobody"),
    [
        (Answer(550, "5.1.1 no such user"), True),
        (Answer(550, "5.4.1 Recipient address rejected: Access denied"), True),
        (Answer(556, "5.1.10 x.test takes no mail (null MX)"), True),
        (Answer(550, "5.6.7 mx.x.test does not take internationalized mail (SMTPUTF8)"), False),
        (Answer(550, "5.7.1 we do not like it"), False),
        (Answer(552, "5.2.2 mailbox full"), False),
        (Answer(550, "5.0.0 go away"), False),
        (Answer(550, "go away"), False),
        (Answer(450, "4.1.1 perhaps"), False),
        (Answer(250, "2.1.5 ok"), False),
    ],
)
def test_a_refusal_says_that_nobody_is_there_by_its_code(answer: Answer, nobody: bool) -> None:
    assert fate(AGENT, answer, NOW).nobody is nobody
