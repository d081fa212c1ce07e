"""What holds for every mail: it is judged, however it is written, and no machine's field makes us talkative."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.cases import judge_alone
from mailgate.judge.rules import HEADER, Signal
from mailgate.mail.parse import DEFECTS
from mailgate.model import Accepted, Authentication, Filing, Level, Peer, Strength
from tests.fakes.judging import GATEWAY, PROOFS, START, CountingMint, rulebook
from tests.fakes.mails import HUMAN, MAILS, Mail, folded

LEVELS = st.sampled_from(Level)
SENDERS = st.sampled_from(["joe@x.test", "", "bounce+1=support=g.test@x.test", "mailer-daemon@x.test"])
RECIPIENTS = st.sampled_from(["support@g.test", "open@g.test", "off@g.test", "support+x@g.test", "abuse@g.test"])
SILENCING = frozenset({Strength.DECISIVE, Strength.STRONG})
WEIGHING = frozenset(Strength) - {Strength.NOTE}


def judged(raw: bytes, mail_from: str = "joe@x.test", rcpt_to: str = "open@g.test", level: Level = Level.A2) -> Filing:
    accepted = Accepted(1, "q", START, mail_from, rcpt_to, Peer("192.0.2.1"), raw)
    proof = Authentication(level, domain="x.test", why=PROOFS[level])
    return judge_alone(accepted, proof, gateway=GATEWAY, book=rulebook(), mint=CountingMint(), now=START)


def decided(filing: Filing) -> tuple[object, ...]:
    """What a mail is, what may follow, and where it goes."""
    verdict = filing.verdict
    return verdict.kind, verdict.respond.acknowledge, verdict.respond.challenge, verdict.disposition


# ── Every mail is judged ──────────────────────────────────────────────────────────────────────────────────────────────


@given(mail=MAILS, mail_from=SENDERS, rcpt_to=RECIPIENTS, level=LEVELS)
def test_every_mail_is_judged(mail: Mail, mail_from: str, rcpt_to: str, level: Level) -> None:
    filing = judged(mail.raw(), mail_from, rcpt_to, level)

    respond = filing.verdict.respond
    assert filing.verdict.reason
    # A challenge asks more of people than an acknowledgement does.
    assert respond.acknowledge or not respond.challenge
    assert bool(respond.reasons) is not (respond.acknowledge and respond.challenge)
    assert DEFECTS.issuperset(filing.case.mail.defects)


@given(raw=st.binary(max_size=300), mail_from=SENDERS, level=LEVELS)
def test_any_bytes_are_judged(raw: bytes, mail_from: str, level: Level) -> None:
    assert judged(raw, mail_from, level=level).verdict.reason


@given(mail=MAILS, mail_from=SENDERS)
def test_a_mail_nobody_proved_is_never_answered(mail: Mail, mail_from: str) -> None:
    respond = judged(mail.raw(), mail_from, level=Level.A0).verdict.respond

    assert not respond.acknowledge
    assert not respond.challenge


@given(mail=MAILS)
def test_the_null_reverse_path_is_never_answered(mail: Mail) -> None:
    respond = judged(mail.raw(), "").verdict.respond

    assert not respond.acknowledge
    assert not respond.challenge


# ── However it is written ─────────────────────────────────────────────────────────────────────────────────────────────


@given(mail=MAILS, mail_from=SENDERS, order=st.lists(st.integers(0, 99), min_size=1, max_size=20))
def test_the_order_of_fields_changes_nothing(mail: Mail, mail_from: str, order: list[int]) -> None:
    assert decided(judged(mail.reordered(order).raw(), mail_from)) == decided(judged(mail.raw(), mail_from))


@given(mail=MAILS, mail_from=SENDERS)
def test_the_case_of_names_changes_nothing(mail: Mail, mail_from: str) -> None:
    plain = decided(judged(mail.raw(), mail_from))

    assert decided(judged(mail.raw(lambda field: f"{field[0].upper()}: {field[1]}"), mail_from)) == plain
    assert decided(judged(mail.raw(lambda field: f"{field[0].lower()}:{field[1]}"), mail_from)) == plain


@given(mail=MAILS, mail_from=SENDERS)
def test_folding_changes_nothing(mail: Mail, mail_from: str) -> None:
    assert decided(judged(mail.raw(folded), mail_from)) == decided(judged(mail.raw(), mail_from))


COMMENTS = st.sampled_from(["a", "", "by hand", "a (b) c", "no; x=y", "<a@b>", "a, b", "auto-replied"])


@given(mail=MAILS, mail_from=SENDERS, comment=COMMENTS, before=st.booleans())
def test_comments_change_nothing(mail: Mail, mail_from: str, comment: str, before: bool) -> None:
    commented = mail.commented(comment, before=before)

    assert decided(judged(commented.raw(), mail_from)) == decided(judged(mail.raw(), mail_from))


@given(mail=MAILS, mail_from=SENDERS)
def test_bare_line_ends_change_nothing(mail: Mail, mail_from: str) -> None:
    raw = mail.raw()

    assert decided(judged(raw.replace(b"\r\n", b"\n"), mail_from)) == decided(judged(raw, mail_from))


# ── No machine's field makes us talkative ─────────────────────────────────────────────────────────────────────────────

Marked = tuple[Signal, tuple[str, str]]


def _marks() -> list[Marked]:
    """Every signal that weighs anything and looks at header fields, with each field and value that gives it."""
    return [
        (signal, (field.removeprefix(HEADER).replace("*", "any"), value))
        for signal in rulebook().signals.all
        if signal.kind or signal.strength in WEIGHING
        for field in signal.condition.fields
        if field.startswith(HEADER)
        for value in signal.hits
    ]


MARKS = _marks()


def is_by_itself(signal: Signal) -> bool:
    return not signal.also and not signal.unless


def test_there_are_marks_to_try() -> None:
    assert len(MARKS) > 100
    assert sum(is_by_itself(signal) for signal, _ in MARKS) > 80


@settings(max_examples=400)
@given(mail=HUMAN | MAILS, mark=st.sampled_from(MARKS), mail_from=SENDERS, at=st.integers(0, 12), level=LEVELS)
def test_a_mark_never_makes_us_more_talkative(mail: Mail, mark: Marked, mail_from: str, at: int, level: Level) -> None:
    signal, field = mark
    before = judged(mail.raw(), mail_from, level=level).verdict.respond
    after = judged(mail.plus(field, at).raw(), mail_from, level=level).verdict.respond

    assert before.acknowledge or not after.acknowledge
    assert before.challenge or not after.challenge
    if is_by_itself(signal) and signal.strength in SILENCING:
        assert not after.acknowledge
        assert not after.challenge


@pytest.mark.parametrize(
    "mark",
    [mark for mark in MARKS if is_by_itself(mark[0])],
    ids=lambda mark: f"{mark[0].id} {': '.join(mark[1])[:50]}",
)
def test_a_mark_on_a_persons_mail_weighs_what_it_says(mark: Marked) -> None:
    signal, field = mark
    mail = Mail((("From", "Joe <joe@x.test>"), ("To", "open@g.test"), ("Subject", "My printer burns")))
    assert judged(mail.raw()).verdict.respond.acknowledge

    respond = judged(mail.plus(field).raw()).verdict.respond

    heavy = signal.strength in SILENCING or signal.strength is Strength.DISTRUST
    assert not (heavy and respond.acknowledge)
    assert not (respond.challenge and signal.strength is not Strength.WEAK)
