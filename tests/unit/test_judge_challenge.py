# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""One question to a stranger: who is asked, what counts as an answer, and what never does."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from mailgate.model import (
    ChallengeState,
    Filing,
    HeldState,
    Level,
    PageState,
    Purpose,
    Standing,
    State,
    TokenKind,
)
from tests.fakes.judging import GATEWAY, Judging, Letter

JOE = "joe@x.test"
PLAIN = Letter()
YES = Letter(text="Yes, I am here.")
WAIT, HUMAN, SPAM = HeldState.WAIT, HeldState.HUMAN, HeldState.SPAM


@pytest.fixture
def desk() -> Judging:
    return Judging()


def asked(desk: Judging, letter: Letter = PLAIN) -> Filing:
    """A stranger writes and is asked."""
    filing = desk.receive(letter)
    assert [one.purpose for one in desk.sent] == [Purpose.CHALLENGE]
    desk.advance(minutes=5)
    return filing


def answer(desk: Judging, letter: Letter = YES) -> Filing:
    """The same address answers our question, by its signed address."""
    asking = desk.sent[0]
    return desk.receive(
        replace(
            letter,
            to=desk.address(TokenKind.CHALLENGE, asking),
            subject="Re: Please confirm your message to support@g.test",
        )
    )


def purposes(desk: Judging) -> list[Purpose]:
    return [one.purpose for one in desk.sent]


# ── Who is asked ──────────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = [
    pytest.param(Letter(headers={"Auto-Submitted": "no"}), id="T03 says it is no machine"),
    pytest.param(Letter(level=Level.A1), id="T61 proven by SPF only"),
    pytest.param(Letter(subject="your automatic reply is broken"), id="T12 speaks of automatic replies"),
    pytest.param(Letter(mail_from="prvs=1234=joe@x.test"), id="T25 BATV in the reverse-path"),
    pytest.param(Letter(author="jörg@x.test"), id="an address beyond ASCII"),
    pytest.param(Letter(to="support+shop@g.test"), id="our sub-address"),
]


@pytest.mark.parametrize("letter", ASKED)
def test_a_proven_stranger_is_asked_once(desk: Judging, letter: Letter) -> None:
    filing = desk.receive(letter)

    assert (filing.state, filing.held) == (State.HELD, WAIT)
    assert purposes(desk) == [Purpose.CHALLENGE]
    assert desk.sent[0].to == letter.author
    assert desk.sent[0].subject == ""
    assert desk.standing(letter.author) is Standing.CHALLENGED
    assert desk.credit(letter.author) == 2


NOT_ASKED = [
    pytest.param(Letter(level=Level.A0), "not proven", id="T60 forged, or T62 DKIM that signs not all"),
    pytest.param(Letter(mail_from="bounce@esp.test"), "another organization", id="T26 a mass mailer's reverse-path"),
    pytest.param(Letter(to="list@l.test", rcpt_to="support@g.test"), "mailbox", id="T20 not addressed to us"),
    pytest.param(Letter(author="noreply@shop.test"), "", id="T19 wants no answer"),
    pytest.param(Letter(headers={"X-Auto-Response-Suppress": "All"}), "", id="X-Auto-Response-Suppress"),
    pytest.param(Letter(author="a@x.test, b@x.test"), "single author", id="T21 two authors"),
    pytest.param(Letter(author="...@gmail.com"), "no address", id="an address of dots alone"),
]


@pytest.mark.parametrize(("letter", "reason"), NOT_ASKED)
def test_whoever_might_be_harmed_is_not_asked_and_waits_for_a_person(
    desk: Judging, letter: Letter, reason: str
) -> None:
    filing = desk.receive(letter)

    assert (filing.state, filing.held) == (State.HELD, HUMAN)
    assert reason in filing.verdict.reason
    assert desk.sent == []
    assert filing.verdict.suppressed == "", "the send gate was not asked"


def test_five_mails_are_one_question_and_one_answer_lets_all_in_by_arrival(desk: Judging) -> None:
    """T63"""
    subjects = [f"mail {number}" for number in range(5)]
    for subject in subjects:
        desk.receive(Letter(subject=subject))
        desk.advance(minutes=2)
    assert purposes(desk) == [Purpose.CHALLENGE]
    assert desk.held(WAIT) == subjects

    answer(desk)

    assert [ticket.subject for ticket in desk.store.tickets.values()] == subjects
    assert desk.held(WAIT) == desk.held(HUMAN) == []
    assert purposes(desk) == [Purpose.CHALLENGE, Purpose.ACKNOWLEDGE], "one acknowledgement, however many mails"


def test_a_held_follow_up_joins_the_mail_it_answers(desk: Judging) -> None:
    first = asked(desk)
    desk.receive(Letter(subject="Re: My printer burns", answers=[first.identity]))

    answer(desk)

    assert len(desk.store.tickets) == 1
    assert list(desk.store.states.values())[:2] == [State.TICKETED, State.APPENDED]


def test_nobody_is_asked_twice_in_thirty_days(desk: Judging) -> None:
    asked(desk)
    desk.advance(days=15)
    assert desk.receive(Letter()).held is HUMAN
    assert purposes(desk) == [Purpose.CHALLENGE]

    desk.advance(days=15)
    assert desk.receive(Letter()).held is WAIT
    assert purposes(desk) == [Purpose.CHALLENGE] * 2


def test_a_dry_run_asks_nobody_and_says_so() -> None:
    desk = Judging(dataclasses.replace(GATEWAY, dry_run=True))

    filing = desk.receive(Letter())

    assert filing.held is HUMAN
    assert "dry run" in filing.verdict.suppressed
    assert desk.sent == []


def test_a_backlog_asks_nobody(desk: Judging) -> None:
    filing = desk.receive(replace(Letter(), late=Letter().late * 601))

    assert filing.held is HUMAN
    assert "too long after" in filing.verdict.suppressed


# ── The answer by mail ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_persons_answer_confirms_him(desk: Judging) -> None:
    """T66"""
    asked(desk)

    filing = answer(desk)

    assert filing.state is State.APPENDED
    assert filing.ticket_id in desk.store.tickets
    assert desk.standing(JOE) is Standing.TRUSTED
    assert purposes(desk) == [Purpose.CHALLENGE, Purpose.ACKNOWLEDGE]
    assert desk.sent[1].subject == "My printer burns", "he is trusted now"


def test_an_answer_to_our_message_id_alone_confirms_too(desk: Judging) -> None:
    asked(desk)

    filing = desk.receive(Letter(answers=[desk.message_id(desk.sent[0])], text="Yes."))

    assert filing.state is State.APPENDED
    assert desk.standing(JOE) is Standing.TRUSTED


def test_a_confirmation_adds_no_credit(desk: Judging) -> None:
    asked(desk)

    answer(desk)

    assert desk.credit(JOE) == 1, "three at first, a challenge, an acknowledgement"


def test_trust_by_the_weaker_proof_is_bound_to_it(desk: Judging) -> None:
    """T61"""
    asked(desk, Letter(level=Level.A1))

    answer(desk, Letter(level=Level.A1))

    assert desk.store.acquaintances[JOE].bound is Level.A1


def test_what_is_acknowledged_goes_to_the_address_as_written(desk: Judging) -> None:
    """A sub-address is dropped for remembering, never for sending."""
    asked(desk, Letter(author="Joe+Shop@x.test"))

    answer(desk, Letter(author="Joe+Shop@x.test"))

    assert [one.to for one in desk.sent] == ["Joe+Shop@x.test"] * 2


DOUBTS = [
    pytest.param(Letter(author="eve@y.test"), {}, "another address", id="T67 somebody else"),
    pytest.param(Letter(level=Level.A1), {}, "proven less well", id="proven less well"),
    pytest.param(Letter(level=Level.A0), {}, "proven less well", id="not proven"),
    pytest.param(Letter(text="> Please confirm"), {}, "nothing of its own", id="only a quote"),
    pytest.param(Letter(), {"seconds": -295}, "within 10 s", id="T65 five seconds later"),
    pytest.param(Letter(headers={"X-Auto-Response-Suppress": "All"}), {}, "", id="a sign of a machine"),
]


@pytest.mark.parametrize(("letter", "back", "words"), DOUBTS)
def test_a_doubtful_answer_confirms_nothing_and_a_person_looks_at_once(
    desk: Judging, letter: Letter, back: dict[str, float], words: str
) -> None:
    asked(desk)
    desk.advance(**back)

    filing = answer(desk, letter)

    assert (filing.state, filing.held) == (State.HELD, HUMAN)
    assert words in filing.verdict.reason
    assert desk.standing(JOE) is Standing.CHALLENGED
    assert desk.held(WAIT) == []
    assert purposes(desk) == [Purpose.CHALLENGE]
    challenge = desk.store.challenge_of(JOE)
    assert challenge is not None
    assert challenge.state is ChallengeState.DOUBTFUL


def test_whoever_says_what_his_machine_said_before_is_not_confirmed_by_it(desk: Judging) -> None:
    away = "Thank you for your mail. I am in the mountains and read it when I am back."
    asked(desk)
    desk.receive(Letter(subject="Re: Your invoice 77", text=away, headers={"Auto-Submitted": "auto-replied"}))

    filing = answer(desk, Letter(text=away))

    assert filing.held is HUMAN
    assert "an automatic reply of this address said the same before" in filing.verdict.reason
    assert desk.standing(JOE) is Standing.CHALLENGED
    assert answer(desk, Letter(text="Now it is me.")).state is State.APPENDED


def test_after_a_doubtful_answer_a_good_one_still_confirms(desk: Judging) -> None:
    asked(desk)
    answer(desk, Letter(text="> quoted"))

    assert answer(desk).state is State.APPENDED
    assert desk.standing(JOE) is Standing.TRUSTED


def test_the_second_answer_is_a_known_persons_mail(desk: Judging) -> None:
    """T69"""
    asked(desk)
    answer(desk)
    before = desk.store.challenge_of(JOE), purposes(desk)

    filing = answer(desk, Letter(text="One more thing."))

    assert filing.state is State.TICKETED
    assert (desk.store.challenge_of(JOE), purposes(desk)) == before, "and as it is linked, nothing is sent"


def test_an_answer_when_nothing_is_held_any_more_is_a_ticket(desk: Judging) -> None:
    asked(desk)
    for number in list(desk.store.held):
        desk.store.held[number] = replace(desk.store.held[number], state=SPAM)

    filing = answer(desk)

    assert filing.state is State.TICKETED
    assert desk.standing(JOE) is Standing.TRUSTED
    assert desk.held(SPAM) == ["My printer burns"], "what a person judged spam stays so"


def test_a_trusted_persons_mail_to_the_challenge_address_is_his_mail(desk: Judging) -> None:
    """A person of ours was faster."""
    asked(desk)
    desk.trust(JOE)

    filing = answer(desk)

    assert filing.state is State.TICKETED
    assert answer(desk, Letter(level=Level.A0, text="other")).verdict.reason.startswith("known address, but")


def test_an_answer_out_of_a_backlog_confirms_but_is_not_acknowledged(desk: Judging) -> None:
    asked(desk)

    answer(desk, replace(Letter(), late=Letter().late * 601))

    assert desk.standing(JOE) is Standing.TRUSTED
    assert purposes(desk) == [Purpose.CHALLENGE]


def test_the_answer_to_an_older_question_is_held(desk: Judging) -> None:
    asked(desk)
    desk.advance(days=31)
    desk.receive(Letter())
    desk.advance(minutes=5)

    filing = answer(desk)

    assert filing.held is HUMAN
    assert "long past" in filing.verdict.reason


def test_after_fourteen_days_the_question_is_over_and_the_mail_is_still_there(desk: Judging) -> None:
    """T70"""
    asked(desk)
    desk.advance(days=14)

    assert desk.click(JOE) is PageState.EXPIRED
    assert "expired" in answer(desk).verdict.reason
    assert purposes(desk) == [Purpose.CHALLENGE]
    assert desk.held(HUMAN) == ["My printer burns", "Re: Please confirm your message to support@g.test"]


# ── The page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_scanner_that_looks_and_clicks_at_once_confirms_nothing(desk: Judging) -> None:
    """T64"""
    asked(desk)
    assert desk.click(JOE) is PageState.TOO_SOON, "nobody looked at the page before"
    assert [desk.look(JOE) for _ in range(50)] == [PageState.ASK] * 50
    desk.advance(seconds=1)
    assert desk.click(JOE) is PageState.TOO_SOON
    assert desk.standing(JOE) is Standing.CHALLENGED

    desk.advance(seconds=2)

    assert desk.click(JOE) is PageState.DONE
    assert desk.standing(JOE) is Standing.TRUSTED
    assert purposes(desk) == [Purpose.CHALLENGE, Purpose.ACKNOWLEDGE]


def test_a_click_is_too_soon_after_the_question_left(desk: Judging) -> None:
    desk.receive(Letter())
    desk.look(JOE)
    desk.advance(seconds=4)
    assert desk.click(JOE) is PageState.TOO_SOON

    desk.advance(seconds=1)
    assert desk.click(JOE) is PageState.DONE


def test_a_click_makes_no_person_of_a_machine(desk: Judging) -> None:
    """Programs follow links too: only a person of ours lifts what a machine's behaviour brought upon its address."""
    asked(desk)
    for number in range(3):
        desk.receive(Letter(subject=f"Away {number}", headers={"Auto-Submitted": "auto-replied"}))
    assert desk.standing(JOE) is Standing.ROBOT

    desk.look(JOE)
    desk.advance(seconds=20)
    assert desk.click(JOE) is PageState.DONE

    assert desk.held(WAIT) == [], "what was held is let in all the same"
    assert desk.standing(JOE) is Standing.ROBOT
    assert purposes(desk) == [Purpose.CHALLENGE]


def test_the_second_click_is_done_and_does_nothing(desk: Judging) -> None:
    """T69"""
    asked(desk)
    desk.look(JOE)
    desk.advance(seconds=10)
    desk.click(JOE)
    tickets, sent = dict(desk.store.tickets), list(desk.sent)

    assert desk.click(JOE) is PageState.DONE
    assert desk.look(JOE) is PageState.DONE
    assert (desk.store.tickets, desk.sent) == (tickets, sent)


@pytest.mark.parametrize(
    ("state", "page"),
    [
        (ChallengeState.QUEUED, PageState.ASK),
        (ChallengeState.SENT, PageState.ASK),
        (ChallengeState.DOUBTFUL, PageState.ASK),
        (ChallengeState.CONFIRMED, PageState.DONE),
        (ChallengeState.SUPERSEDED, PageState.ACCEPTED),
        (ChallengeState.BOUNCED, PageState.EXPIRED),
        (ChallengeState.CANCELLED, PageState.EXPIRED),
        (ChallengeState.ANSWERED_AUTO, PageState.EXPIRED),
        (ChallengeState.EXPIRED, PageState.EXPIRED),
    ],
)
def test_the_page_says_how_it_stands(desk: Judging, state: ChallengeState, page: PageState) -> None:
    asked(desk)
    challenge = desk.store.challenge_of(JOE)
    assert challenge is not None
    desk.store.challenges[challenge.id] = replace(challenge, state=state)

    assert desk.look(JOE) is page
    assert desk.look("nobody@x.test") is PageState.UNKNOWN


# ── People are faster ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (ChallengeState.QUEUED, ChallengeState.CANCELLED),
        (ChallengeState.SENT, ChallengeState.SUPERSEDED),
        (ChallengeState.DOUBTFUL, ChallengeState.SUPERSEDED),
    ],
)
@pytest.mark.parametrize("act", ["trust", "write_to"])
def test_a_persons_act_ends_the_question_and_lets_the_mail_in(
    desk: Judging, act: str, state: ChallengeState, then: ChallengeState
) -> None:
    """T72"""
    asked(desk)
    challenge = desk.store.challenge_of(JOE)
    assert challenge is not None
    desk.store.challenges[challenge.id] = replace(challenge, state=state)

    getattr(desk, act)(JOE)

    assert desk.store.challenges[challenge.id].state is then
    assert desk.standing(JOE) is Standing.TRUSTED
    assert len(desk.store.tickets) == 1
    assert desk.credit(JOE) == 4, "three at first, a challenge, and two for the act"
    assert purposes(desk) == [Purpose.CHALLENGE], "whoever let it in will answer it"


def test_a_persons_act_raises_the_domain_once_for_each_address(desk: Judging) -> None:
    for address in (JOE, JOE, "ann@x.test", "eve@gmail.com"):
        desk.trust(address)

    assert {key: one.credit for key, one in desk.store.domains.items()} == {"x.test": 26}


def test_trust_lets_even_spam_in_and_a_letter_does_not(desk: Judging) -> None:
    asked(desk)
    for number in list(desk.store.held):
        desk.store.held[number] = replace(desk.store.held[number], state=SPAM)

    desk.write_to(JOE)
    assert desk.store.tickets == {}
    desk.trust(JOE)
    assert len(desk.store.tickets) == 1
