"""What speaks for spam and what against it, and what follows for who waits and who stands apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from mailgate.errors import ConfigError
from mailgate.judge import spam
from mailgate.judge.acquainted import Acquainted
from mailgate.judge.trust import Welcome
from mailgate.judge.weighing import compile_weighs
from mailgate.judge.weighs import Weighs
from mailgate.model import (
    Acquaintance,
    Authentication,
    Finding,
    HeldState,
    Kind,
    Level,
    Mode,
    Opinion,
    Shape,
    Sign,
    Standing,
    State,
    Strength,
)
from tests.fakes.judging import GATEWAY, START, Judging, Letter, rulebook

JOE = "joe@x.test"
LIKELY, HUMAN, WAIT = HeldState.LIKELY_SPAM, HeldState.HUMAN, HeldState.WAIT
SPAM = Letter(
    author="joe123456@x.test",
    subject="ADV: MAKE $$$ FAST AND EASY",
    level=Level.A0,
    message_id="<no domain>",
    headers={"X-MSMail-Priority": "High", "X-Priority": "1", "To": "a@y.test"},
    rcpt_to="support@g.test",
)


@pytest.fixture
def desk() -> Judging:
    return Judging()


def compiled(*tables: dict[str, Any]) -> Weighs:
    usual = {"says": "is odd", "source": "none"}
    return compile_weighs(
        [("own.toml", {"weigh": [usual | table for table in tables]}, range(1, 99))], {"few": ["one"]}
    )


def reason(name: str, points: float, **more: Any) -> dict[str, Any]:
    return {"id": name, "points": points, **more}


def counted(
    weighs: Weighs,
    letter: Letter = Letter(),  # noqa: B008
    *,
    shape: Shape | None = None,
    findings: Sequence[str] = (),
    opinions: Sequence[Opinion] = (),
    welcome: Welcome = Welcome.STRANGER,
) -> spam.Points:
    desk = Judging()
    case = replace(desk.case(letter), shape=shape)
    known = Acquaintance(JOE, 1, Standing.UNKNOWN, START, 0, START)
    beyond = Acquainted(
        kind=Kind.HUMAN,
        authentication=Authentication(letter.level),
        known=known,
        welcome=welcome,
        at=START,
        domain="x.test",
        shared=frozenset({"gmail.com"}),
        reply_domains=tuple(one.address.rpartition("@")[2] for one in case.mail.reply_to),
    )
    found = [Finding(name, Strength.HINT, "seen", "own.toml:1") for name in findings]
    return spam.points(spam.SpamFields(case, desk.gateway, beyond), found, opinions, weighs)


# ── Counting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_reasons_add_up_and_the_heaviest_stands_first() -> None:
    weighs = compiled(
        reason("a", 1, field="subject", contains=["printer"]),
        reason("b", 2.5, field="from_domain", **{"is": ["x.test"]}),
        reason("c", -1, field="header:in-reply-to", present=True),
    )
    found = counted(weighs, Letter(answers=["<1@x.test>"]))

    assert found.total == 2.5
    assert [(one.id, one.points, one.rule) for one in found.reasons] == [
        ("b", 2.5, "own.toml:2"),
        ("a", 1.0, "own.toml:1"),
        ("c", -1.0, "own.toml:3"),
    ]


def test_there_are_never_less_than_no_points() -> None:
    assert counted(compiled(reason("a", -3, field="subject", present=True))).total == 0


def test_of_one_family_the_heaviest_counts() -> None:
    three = {"some": 1, "much": 2, "less": 1.5}
    weighs = compiled(
        *(reason(name, points, field="subject", present=True, family="f") for name, points in three.items())
    )

    assert [(one.id, one.points) for one in counted(weighs).reasons] == [("much", 2.0)]


def test_a_finding_counts_once_whatever_its_reason_lists() -> None:
    weighs = compiled(reason("a", 1.5, finding=["A10", "A11"]))

    assert counted(weighs, findings=["A10", "A11", "B1"]).total == 1.5
    assert counted(weighs, findings=["B1"]).total == 0


@pytest.mark.parametrize(
    ("opinion", "points"),
    [
        pytest.param(Opinion("rspamd", 6.0, ("SYMBOL",)), 3.0, id="half of what he says"),
        pytest.param(Opinion("rspamd", 100.0), 4.0, id="at most so much"),
        pytest.param(Opinion("rspamd", -100.0), 0.0, id="and as much less, though never below nothing"),
        pytest.param(Opinion("rspamd", 6.0, unknown="took too long"), 0.0, id="he was not heard"),
        pytest.param(Opinion("other", 6.0), 0.0, id="nobody weighs him"),
    ],
)
def test_what_others_think_counts_as_their_reason_says(opinion: Opinion, points: float) -> None:
    weighs = compiled(reason("a", 0.5, opinion=["rspam*"], most=4))

    assert counted(weighs, opinions=[opinion]).total == points


def test_conditions_may_ask_what_is_known_of_the_sender() -> None:
    weighs = compiled(
        reason("a", 2, field="subject", present=True, unless={"field": "sender", "is": ["trusted"]}),
        reason("b", 1, field="proven", **{"is": ["a2"]}),
    )

    assert counted(weighs).total == 3
    assert counted(weighs, welcome=Welcome.TRUSTED).total == 1


def test_rules_add_and_take() -> None:
    found = counted(compiled(reason("a", 2, field="subject", present=True)))

    assert spam.with_extra(found, 1.5).total == 3.5
    assert spam.with_extra(found, -5).total == 0
    assert spam.with_extra(found, -5).reasons[0].says == "rules take from it"
    assert spam.with_extra(found, 0) is found


def test_only_reasons_for_spam_are_told() -> None:
    weighs = compiled(
        reason("a", -5, field="subject", present=True, says="is dear"),
        *(reason(f"b{points}", points, field="subject", present=True, says=f"weighs {points}") for points in (1, 3, 2)),
    )
    assert spam.told(counted(weighs).reasons) == "weighs 3, weighs 2"


def test_of_a_long_text_the_part_that_counts_is_shown() -> None:
    text = Shape(words=f"{'Nothing of interest. ' * 20}Click HERE, and at once.")
    weighs = compiled(reason("a", 1, field="body_text", contains=["buy now", "click here"]))

    assert [one.saw for one in counted(weighs, shape=text).reasons] == ["click here"]


# ── Faults of rule files ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "key"),
    [
        pytest.param({"points": 1, "field": "subject", "present": True}, "weigh.id", id="no name"),
        pytest.param(reason("a", 1), "weigh.field", id="about nothing"),
        pytest.param(
            reason("a", 1, field="subject", present=True, finding=["A1"]), "weigh.field", id="about two things"
        ),
        pytest.param(reason("a", 1, field="subjekt", present=True), "weigh.field", id="an unknown field"),
        pytest.param(reason("a", 1, field="subject", contains="many"), "weigh.contains", id="an unknown list"),
        pytest.param(reason("a", "1", field="subject", present=True), "weigh.points", id="points that are no number"),
        pytest.param(reason("a", 101, field="subject", present=True), "weigh.points", id="too many points"),
        pytest.param(reason("a", 1, opinion="rspamd"), "weigh.opinion", id="a judge that is no list"),
        pytest.param(reason("a", 1, finding="A1"), "weigh.finding", id="a finding that is no list"),
        pytest.param(reason("a", 1, finding=["A1"], colour="red"), "weigh.colour", id="an unknown key"),
    ],
)
def test_a_fault_names_its_key(table: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        compiled(table)

    assert key in [fault.key for fault in error.value.faults]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        compiled(
            reason("a", 1, finding=["A1"]),
            reason("a", 1, finding=["A1"]),
            reason("b", None, field="subject", present=True),
        )

    assert [(fault.key, fault.line) for fault in error.value.faults] == [
        ("weigh.finding", 2),
        ("weigh.id", 2),
        ("weigh.points", 3),
    ]


# ── The shipped reasons ───────────────────────────────────────────────────────────────────────────────────────────────


def shipped(letter: Letter = Letter(), **more: Any) -> set[str]:  # noqa: B008
    return {one.id for one in counted(rulebook().signals.weighs, letter, **more).reasons}


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        pytest.param(Letter(subject="CHEAP LOANS FOR YOU"), "capitals", id="capitals"),
        pytest.param(Letter(subject="v i a g r a here"), "spaced", id="a spaced subject"),
        pytest.param(Letter(subject="Hello there          x7k2q"), "trailing-code", id="a code behind blanks"),
        pytest.param(Letter(subject="ADV: buy"), "labelled", id="a label"),
        pytest.param(Letter(author='"boss@bank.test" <joe@x.test>'), "another-in-name", id="another address as name"),
        pytest.param(Letter(headers={"Reply-To": "joe@gmail.com"}), "answers-at-provider", id="answers elsewhere"),
        pytest.param(Letter(message_id="<1@joe>"), "bare-message-id", id="a bare Message-ID"),
        pytest.param(
            Letter(
                message_id="<20260105.AB12@relay.test>", headers={"Received": "from x by relay.test with SMTP id AB12"}
            ),
            "given-message-id",
            id="a Message-ID of a relay",
        ),
        pytest.param(Letter(message_id=""), "no-message-id", id="no Message-ID"),
        pytest.param(Letter(headers={"Date": "Mon, 12 Jan 2026 09:00:00 +0000"}), "date-ahead", id="a date to come"),
        pytest.param(
            Letter(headers={"Cc": ", ".join(f"joe@y{n}.test" for n in range(4))}), "harvested", id="one name everywhere"
        ),
        pytest.param(Letter(level=Level.A0), "unproven", id="nobody vouches"),
    ],
)
def test_what_the_header_shows(letter: Letter, name: str) -> None:
    assert name in shipped(letter)
    assert name not in shipped()


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        pytest.param(Shape(html_only=True, text_chars=900), "html-only", id="HTML alone"),
        pytest.param(Shape(html_only=True, text_chars=9, pictures=1), "picture-alone", id="a picture alone"),
        pytest.param(Shape(links=1, text_chars=9, hosts=("y.test",)), "link-alone", id="a link alone"),
        pytest.param(Shape(signs=(Sign.NUMERIC_LINK,)), "numeric-link", id="a number as link"),
        pytest.param(Shape(archived=("a.pdf.exe",)), "program", id="a program in an archive"),
        pytest.param(Shape(words="The deceased\nleft\nno Next of  Kin"), "inheritance", id="a fortune"),
        pytest.param(Shape(words="Jetzt bestellen!"), "selling", id="a German seller"),
    ],
)
def test_what_the_body_shows(shape: Shape, name: str) -> None:
    assert name in shipped(shape=shape)
    assert name not in shipped(shape=Shape(text_chars=900, words="My printer burns."))


def test_proof_outranks_shape() -> None:
    """A help desk or a newsletter that is proven may answer elsewhere and count the clicks on its links."""
    shape = Shape(disguised=("x.test > click.test",), text_chars=900)
    letter = Letter(headers={"Reply-To": "joe@y.test"})

    assert {"disguised-link", "answers-elsewhere"} & shipped(letter, shape=shape) == set()
    assert {"disguised-link", "answers-elsewhere"} <= shipped(replace(letter, level=Level.A0), shape=shape)


def test_an_ordinary_mail_has_no_points() -> None:
    assert counted(rulebook().signals.weighs, Letter(author="Joe <joe@x.test>")).total == 0


# ── What follows ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("to", ["support@g.test", "open@g.test"])
@pytest.mark.parametrize("level", list(Level))
def test_a_strangers_likely_spam_stands_apart_and_asks_nobody(desk: Judging, to: str, level: Level) -> None:
    filing = desk.receive(replace(SPAM, rcpt_to=to, level=level))

    assert (filing.state, filing.held) == (State.HELD, LIKELY)
    assert filing.verdict.spam is not None
    assert filing.verdict.spam >= 5
    assert filing.verdict.reason.startswith(f"{filing.verdict.spam:g} points of spam: ")
    assert desk.sent == []


def test_where_nobody_is_held_it_becomes_a_ticket(desk: Judging) -> None:
    assert desk.receive(replace(SPAM, rcpt_to="off@g.test")).state is State.TICKETED


def test_a_known_and_proven_sender_is_never_hidden_by_points(desk: Judging) -> None:
    desk.trust(SPAM.author)
    proven = desk.receive(replace(SPAM, level=Level.A2))
    posed = desk.receive(replace(SPAM, message_id="<another>"))

    assert proven.state is State.TICKETED
    assert posed.held is LIKELY, "anybody can write his address"


def test_the_mailbox_says_from_how_many_points_on() -> None:
    boxes = tuple(dataclasses.replace(box, spam_from=1000.0) for box in GATEWAY.mailboxes)
    patient = Judging(dataclasses.replace(GATEWAY, mailboxes=boxes))

    assert patient.receive(SPAM).held is HUMAN


def test_whoever_turns_out_to_be_a_person_gets_it_out(desk: Judging) -> None:
    """His spam alone asked for nothing; once he is known, nothing that only points hid stays hidden."""
    desk.receive(replace(SPAM, level=Level.A2))
    assert desk.held(LIKELY) == [SPAM.subject]

    desk.write_to(SPAM.author)

    assert desk.held(LIKELY) == []


def test_a_person_may_still_judge_it(desk: Judging) -> None:
    desk.receive(replace(SPAM, level=Level.A2))
    desk.judge_spam(SPAM.author)

    assert desk.held(HeldState.SPAM) == [SPAM.subject]


def test_points_and_reasons_stand_in_the_verdict_and_its_trail(desk: Judging) -> None:
    filing = desk.receive(SPAM)
    step = next(step for step in filing.verdict.trail if step.check == "spam")

    assert filing.verdict.spam == round(sum(one.points for one in filing.verdict.weighed), 1)
    assert step.result.startswith(f"{filing.verdict.spam:g} points: ")
    assert all(one.id in step.result for one in filing.verdict.weighed)


def test_spam_in_open_mode_is_held_and_not_ticketed(desk: Judging) -> None:
    assert desk.gateway.mailboxes[1].mode is Mode.OPEN
    assert desk.receive(replace(SPAM, rcpt_to="open@g.test", level=Level.A2)).ticket_id is None


def test_what_joins_a_conversation_is_not_held_for_its_points(desk: Judging) -> None:
    desk.trust(JOE)
    first = desk.receive(Letter())
    answer = Letter(answers=["<1000000001@x.test>"], subject="Re: MAKE $$$ FAST AND EASY")

    assert first.ticket_id is not None
    assert desk.receive(answer).state in (State.APPENDED, State.TICKETED)
