"""What a machine does that bears no mark of one, and what one address sends too much of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from mailgate.judge import breaker, token
from mailgate.model import (
    Acquaintance,
    BreakerState,
    Counted,
    Facts,
    Filing,
    Grant,
    Key,
    Kind,
    Purpose,
    Scope,
    Standing,
    State,
    TokenKind,
    Trouble,
)
from tests.fakes.judging import Judging, Letter, rulebook

LIMITS = rulebook().limits
BEHAVIOUR, FLOOD = LIMITS.behaviour, LIMITS.flood
JOE = "joe@x.test"
OPEN = "open@g.test"


@pytest.fixture
def desk() -> Judging:
    return Judging()


def write(desk: Judging, subject: str = "My printer burns", text: str = "It really does.", to: str = OPEN) -> Filing:
    return desk.receive(Letter(subject=subject, text=text, to=to))


def found(filing: Filing) -> set[str]:
    return {finding.id for finding in filing.verdict.findings}


def joe(desk: Judging) -> Acquaintance:
    return desk.store.acquaintances[JOE]


# ── Echo ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after_s", "answered"), [(0, 1), (BEHAVIOUR.echo_s, 1), (BEHAVIOUR.echo_s + 1, 2)])
def test_who_writes_again_at_once_gets_no_second_answer(desk: Judging, after_s: int, answered: int) -> None:
    write(desk)
    desk.advance(seconds=after_s)

    filing = write(desk, "Another thing", "Quite another.")

    assert ("F1" in found(filing)) == (answered == 1)
    assert len(desk.sent) == answered
    assert filing.state is State.TICKETED, "only the answer is withheld"


def test_an_echo_is_of_the_same_address_and_never_of_its_company(desk: Judging) -> None:
    write(desk)
    filing = desk.receive(Letter(author="ann@x.test", to=OPEN, subject="Hello", text="Something else."))

    assert "F1" not in found(filing)
    assert len(desk.sent) == 2


@pytest.mark.parametrize(("after_s", "seen"), [(BEHAVIOUR.alike_s, True), (BEHAVIOUR.alike_s + 1, False)])
def test_the_same_text_again_soon_after_our_answer_gets_none(desk: Judging, after_s: int, seen: bool) -> None:
    write(desk, "Ticket 4711", "We got your mail 4711.")
    desk.advance(seconds=after_s)

    filing = write(desk, "Ticket 4712", "We got your mail 4712.")

    assert ("F2" in found(filing)) == seen
    assert len(desk.sent) == (1 if seen else 2)


def test_what_is_linked_to_our_mail_is_not_looked_at(desk: Judging) -> None:
    write(desk)
    answer = Letter(to=desk.address(TokenKind.REPLY, desk.sent[0]), text="Thank you, one more thing.")
    filing = desk.receive(answer)

    assert found(filing).isdisjoint({"F1", "F2", "F3"})
    assert filing.state is State.APPENDED


# ── Alternation ───────────────────────────────────────────────────────────────────────────────────────────────────────


def turn(desk: Judging, number: int, text: str = "") -> Filing:
    """Joe writes something new within minutes of our last mail."""
    desk.advance(minutes=5)
    words = f"{chr(65 + number)} " * (number + 1)
    return write(desk, f"Matter {words}", text or f"About {words}.")


def rich(desk: Judging) -> None:
    """Somebody with credit enough to be answered often."""
    for _ in range(3):
        desk.trust(JOE)


def test_turns_count_once_for_each_of_our_mails_and_people_end_them(desk: Judging) -> None:
    rich(desk)
    turn(desk, 0)
    turn(desk, 1)
    turn(desk, 2)
    turn(desk, 3)
    assert len(desk.sent) == joe(desk).turns == 2, "two in an hour are the most, and each was followed once"

    desk.trust(JOE)
    assert joe(desk).turns == 0


def test_a_mail_of_ours_that_he_lets_pass_in_peace_ends_them(desk: Judging) -> None:
    rich(desk)
    turn(desk, 0)
    turn(desk, 1)
    assert joe(desk).turns == 1
    desk.advance(days=2)

    turn(desk, 2)
    assert joe(desk).turns == 0


def loop(desk: Judging, text: str = "") -> Filing:
    """Three of our mails in two hours, each followed within minutes; the mail that follows the third."""
    rich(desk)
    turn(desk, 0, text)
    turn(desk, 1, text)
    turn(desk, 2, text)
    desk.advance(minutes=55)
    turn(desk, 3, text)
    return turn(desk, 4, text)


def test_the_third_turn_in_a_row_gets_no_answer(desk: Judging) -> None:
    filing = loop(desk)

    assert "F3" in found(filing)
    assert len(desk.sent) == BEHAVIOUR.turns
    assert joe(desk).standing is Standing.TRUSTED, "one sign alone convicts nobody"


def test_the_third_turn_with_the_same_text_convicts_it(desk: Judging) -> None:
    rich(desk)
    write(desk)
    desk.store.acquaintances[JOE] = replace(joe(desk), turns=2, turned_at=None)
    desk.advance(minutes=5)
    filing = write(desk)

    assert found(filing) == {"F2", "F3"}
    assert joe(desk).standing is Standing.ROBOT
    assert [one.trouble for one in desk.store.mishaps] == [Trouble.ANSWERED]
    assert filing.state is State.TICKETED


# ── Automatic replies ─────────────────────────────────────────────────────────────────────────────────────────────────

AWAY = {"Auto-Submitted": "auto-replied"}


def test_three_automatic_replies_in_a_week_silence_us_for_a_year(desk: Judging) -> None:
    desk.trust(JOE)
    for _ in range(BEHAVIOUR.machine_mails):
        assert joe(desk).standing is Standing.TRUSTED
        desk.receive(Letter(headers=AWAY))
        desk.advance(days=1)
    assert joe(desk).standing is Standing.ROBOT

    filing = write(desk)
    assert filing.state is State.TICKETED, "tickets go on"
    assert desk.sent == []


def test_three_automatic_replies_over_a_month_are_holidays(desk: Judging) -> None:
    desk.trust(JOE)
    for _ in range(5):
        desk.receive(Letter(headers=AWAY))
        desk.advance(days=4)
    assert joe(desk).standing is Standing.TRUSTED


# ── Complaints, and our own mail coming back ──────────────────────────────────────────────────────────────────────────


def complaint(desk: Judging, number: int) -> Filing:
    """An abuse report (RFC 5965) about a mail of ours."""
    sent = desk.sent[number]
    body = "\r\n".join(
        (
            "--b\r\nContent-Type: text/plain\r\n\r\nThis is spam.\r\n",
            "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n"
            "User-Agent: x/1\r\n",
            f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {desk.message_id(sent)}\r\n\r\nx",
            "--b--",
        )
    )
    kind = 'multipart/report; report-type=feedback-report; boundary="b"'
    letter = Letter(
        author="fbl@mailbox.test", mail_from="", headers={"MIME-Version": "1.0", "Content-Type": kind}, body=body
    )
    return desk.receive(letter)


def test_a_complaint_ends_automatic_mail_to_its_domain_and_the_second_ends_all(desk: Judging) -> None:
    write(desk)
    desk.advance(hours=2)
    assert complaint(desk, 0).verdict.kind is Kind.FEEDBACK

    desk.receive(Letter(author="ann@x.test", to=OPEN, subject="Hello", text="Me too."))
    assert len(desk.sent) == 1, "nothing to that domain"
    desk.receive(Letter(author="bob@y.test", to=OPEN, subject="Hi there", text="And I."))
    assert len(desk.sent) == 2, "others are not concerned"

    complaint(desk, 1)
    assert desk.store.breakers[Scope.ALL, ""].reason.endswith("called spam")
    desk.receive(Letter(author="eve@z.test", to=OPEN, subject="Good day", text="It is I."))
    assert len(desk.sent) == 2


def test_the_domains_of_providers_are_not_silenced_by_one_customer(desk: Judging) -> None:
    desk.receive(Letter(author="joe@gmail.com", to=OPEN))
    complaint(desk, 0)

    desk.receive(Letter(author="ann@gmail.com", to=OPEN, subject="Hello", text="Something else."))
    assert [one.to for one in desk.sent] == ["joe@gmail.com", "ann@gmail.com"]
    desk.advance(days=1)
    desk.receive(Letter(author="joe@gmail.com", to=OPEN, subject="Again", text="I write again."))
    assert len(desk.sent) == 2


def test_a_swarm_that_the_fingerprint_holds_back_opens_the_breaker(desk: Judging) -> None:
    """Ten answers to one text withheld within an hour."""
    text = "Buy honey now. " * 20
    for number in range(20):
        desk.receive(Letter(author=f"bee@b{number}.test", to=OPEN, text=text, subject=f"Honey {chr(65 + number)}"))

    assert len(desk.sent) == 3
    assert "same text" in desk.store.breakers[Scope.ALL, ""].reason
    assert sum(one.trouble is Trouble.REPEATED for one in desk.store.mishaps) == LIMITS.fuse.repeated_per_hour


def test_a_days_share_spent_on_trial_too_latches_the_breaker(desk: Judging) -> None:
    opened_at = desk.now - timedelta(seconds=LIMITS.fuse.open_s + 60)
    first = breaker.tripped(Facts(), opened_at, LIMITS.fuse, ceiling="the day's share is spent")
    assert first
    desk.store.breakers[Scope.ALL, ""] = first
    most = max(one.most for one in LIMITS.windows if one.key is Key.TOTAL and one.mail is Counted.UNPROVEN)
    for number in range(most):
        at = desk.now - timedelta(hours=2, seconds=number)
        who, domain = f"p{number}@d{number}.test", f"d{number}.test"
        desk.store.grants.append(Grant(at, Purpose.CHALLENGE, who, domain, who, who, False, True, None, -number - 1))

    filing = write(desk)

    assert desk.sent == []
    assert "150 of 150 unproven mails" in filing.verdict.suppressed
    assert desk.store.breakers[Scope.ALL, ""].state is BreakerState.LATCHED


def test_what_quotes_our_mail_says_why_it_gets_no_answer(desk: Judging) -> None:
    write(desk)
    desk.advance(hours=2)
    marker = token.marker(desk.sent[0].token_id, desk.gateway.keys)
    case = desk.case(Letter(author="eve@y.test", to=OPEN, subject="Anew", text=f"Ref: {marker}"))

    (filing,) = desk.judge([case])

    assert len(desk.sent) == 1
    assert "in hand" in next(step.result for step in filing.verdict.trail if step.check == "acknowledge")


# ── Floods ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pour(desk: Judging, number: int, text: str | None = None) -> list[Filing]:
    filings = []
    for place in range(number):
        words = "".join(chr(97 + int(digit)) for digit in str(place))
        filings.append(write(desk, f"Alarm {words}", text or f"Something happened: {words}."))
        desk.advance(seconds=30)
    return filings


def test_a_flood_of_one_address_is_one_ticket(desk: Judging) -> None:
    filings = pour(desk, FLOOD.conversations_per_hour + 10)

    tickets = [one.ticket_id for one in filings]
    assert len(set(tickets)) == FLOOD.conversations_per_hour + 1
    assert len(set(tickets[FLOOD.conversations_per_hour :])) == 1
    assert {one.state for one in filings[FLOOD.conversations_per_hour + 1 :]} == {State.APPENDED}
    assert "within an hour" in filings[-1].verdict.reason


def test_a_flood_that_says_the_same_is_one_ticket_sooner(desk: Judging) -> None:
    text = "The temperature of the sensor in the hall is above the threshold of degrees, please look at it soon. " * 2
    filings = pour(desk, FLOOD.alike_per_hour + 5, text)

    assert len({one.ticket_id for one in filings}) == FLOOD.alike_per_hour + 1


def test_different_people_are_never_a_flood(desk: Judging) -> None:
    """T54: in an outage everybody writes the same sentence."""
    filings = [
        desk.receive(Letter(author=f"p{number}@d{number}.test", to=OPEN, text="The website is down!" * 10))
        for number in range(40)
    ]
    assert len({one.ticket_id for one in filings}) == 40


def test_whom_we_know_may_write_as_much_as_he_likes(desk: Judging) -> None:
    desk.trust(JOE)
    assert len({one.ticket_id for one in pour(desk, FLOOD.conversations_per_hour + 10)}) == 30


def test_a_flood_is_over_when_it_is_over(desk: Judging) -> None:
    flood = pour(desk, FLOOD.conversations_per_hour + 2)[-1]
    desk.advance(hours=2)

    filing = write(desk, "A new matter", "Quite new.")
    assert filing.ticket_id != flood.ticket_id
    assert filing.verdict.reason == "the sender is proven"


def test_what_comes_back_of_a_persons_letter_is_his_affair(desk: Judging) -> None:
    desk.trust(JOE)
    written = desk.write_to(JOE)
    desk.sent.append(written)

    complaint(desk, 0)

    assert written.purpose is Purpose.AGENT
    assert desk.store.mishaps == []
    assert desk.store.breakers == {}
