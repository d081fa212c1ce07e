# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""Where each mail goes: by its kind, by who sent it, and by what it follows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from mailgate.judge.placement import BY_KIND
from mailgate.model import (
    ChallengeState,
    Disposition,
    Filing,
    HeldState,
    Kind,
    Level,
    Purpose,
    Standing,
    State,
    TicketState,
    TokenKind,
)
from tests.fakes.judging import GATEWAY, Judging, Letter

JOE = "joe@x.test"
HUMAN = HeldState.HUMAN
AUTO = {"Auto-Submitted": "auto-replied"}
BULK = {"Precedence": "bulk", "List-Unsubscribe": "<https://shop.test/u>"}


def dsn(action: str = "failed", enclosed: str = "") -> dict[str, object]:
    """The shape of a delivery report (RFC 3464)."""
    body = [
        *("--b", "Content-Type: text/plain", "", "It could not be delivered."),
        *("--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.x.test", ""),
        *("Final-Recipient: rfc822; joe@x.test", f"Action: {action}", "Status: 5.1.1"),
        *("--b", "Content-Type: message/rfc822", "", f"Message-ID: {enclosed or '<other@x.test>'}", "", "text"),
        *("--b--", ""),
    ]
    return {
        "author": "mailer-daemon@x.test",
        "mail_from": "",
        "headers": {"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"},
        "body": "\r\n".join(body),
    }


@pytest.fixture
def desk() -> Judging:
    return Judging()


@pytest.fixture
def ticketed(desk: Judging) -> Filing:
    """A known person has a ticket, and was told so."""
    desk.trust(JOE)
    filing = desk.receive(Letter())
    assert filing.state is State.TICKETED
    desk.advance(minutes=5)
    return filing


def to_ticket(desk: Judging, **changes: object) -> Filing:
    """A mail to the signed reply address of our acknowledgement."""
    letter = Letter(to=desk.address(TokenKind.REPLY, desk.sent[0]), subject="Re: My printer burns [#1]")
    return desk.receive(replace(letter, **changes))  # type: ignore[arg-type]


def ticket_of(desk: Judging, filing: Filing) -> TicketState:
    assert filing.ticket_id is not None
    return desk.store.tickets[filing.ticket_id].state


def test_every_kind_has_its_place() -> None:
    assert set(BY_KIND) == set(Kind)


# ── New conversations ─────────────────────────────────────────────────────────────────────────────────────────────────

MODES = [
    pytest.param("support@g.test", Level.A2, State.HELD, [Purpose.CHALLENGE], id="guarded, proven"),
    pytest.param("support@g.test", Level.A0, State.HELD, [], id="guarded, not proven"),
    pytest.param("open@g.test", Level.A2, State.TICKETED, [Purpose.ACKNOWLEDGE], id="open, proven"),
    pytest.param("open@g.test", Level.A1, State.TICKETED, [Purpose.ACKNOWLEDGE], id="open, proven by SPF"),
    pytest.param("open@g.test", Level.A0, State.HELD, [], id="open, not proven"),
    pytest.param("off@g.test", Level.A2, State.TICKETED, [Purpose.ACKNOWLEDGE], id="off, proven"),
    pytest.param("off@g.test", Level.A0, State.TICKETED, [], id="off, not proven"),
    pytest.param("postmaster@g.test", Level.A0, State.TICKETED, [], id="postmaster"),
]


@pytest.mark.parametrize(("to", "level", "state", "sent"), MODES)
def test_a_stranger_is_received_as_the_mailbox_receives(
    desk: Judging, to: str, level: Level, state: State, sent: list[Purpose]
) -> None:
    assert desk.receive(Letter(to=to, level=level)).state is state
    assert [one.purpose for one in desk.sent] == sent


def test_a_strangers_subject_is_not_sent_back_and_a_known_persons_is(desk: Judging) -> None:
    desk.receive(Letter(to="off@g.test"))
    desk.trust("ann@x.test")
    desk.receive(Letter(author="ann@x.test", to="off@g.test"))

    assert [one.subject for one in desk.sent] == ["", "My printer burns"]


KNOWN = [
    pytest.param({}, True, id="a plain mail"),
    pytest.param({"X-Auto-Response-Suppress": "All"}, False, id="T06 wants no automatic answer"),
    pytest.param({"X-Auto-Response-Suppress": "DR, RN"}, True, id="T07 wants no reports"),
    pytest.param({"Cc": ", ".join(f"a{number}@y.test" for number in range(20))}, False, id="T24 to 21 people"),
]


@pytest.mark.parametrize(("headers", "acknowledged"), KNOWN)
def test_a_known_persons_mail_is_a_ticket(desk: Judging, headers: dict[str, str], acknowledged: bool) -> None:
    desk.trust(JOE)

    filing = desk.receive(Letter(headers=headers))

    assert (filing.verdict.kind, filing.state) == (Kind.HUMAN, State.TICKETED)
    assert bool(desk.sent) is acknowledged


def test_a_known_address_without_proof_is_a_ticket_of_its_own_and_gets_no_answer(
    desk: Judging, ticketed: Filing
) -> None:
    """T75"""
    filing = desk.receive(Letter(level=Level.A0, subject="Another matter"))

    assert filing.state is State.TICKETED
    assert filing.ticket_id != ticketed.ticket_id
    assert "not proven" in filing.verdict.reason
    assert len(desk.sent) == 1


def test_a_known_address_without_proof_joins_nothing_by_subject(desk: Judging, ticketed: Filing) -> None:
    """T75 and what threading makes of it: whether it is his is for a person to say."""
    filing = desk.receive(Letter(level=Level.A0, subject="Re: My printer burns [#1]"))

    assert (filing.state, filing.held) == (State.HELD, HUMAN)
    assert filing.suggests == ticketed.ticket_id
    assert len(desk.sent) == 1


def test_a_strangers_guess_of_a_number_opens_nothing(desk: Judging, ticketed: Filing) -> None:
    """T81"""
    filing = desk.receive(Letter(author="eve@y.test", subject="[#1]", answers=["<1@x.test>"]))

    assert filing.state is State.HELD
    assert desk.sent[-1].ticket_id is None
    assert desk.sent[-1].subject == ""


@pytest.mark.parametrize("letter", [Letter(), Letter(level=Level.A0)], ids=["proven", "not proven"])
def test_a_blocked_senders_mail_is_kept_as_spam(desk: Judging, ticketed: Filing, letter: Letter) -> None:
    known = desk.store.acquaintances[JOE]
    desk.store.acquaintances[JOE] = replace(known, standing=Standing.BLOCKED, trust=None, bound=None, until=None)

    assert desk.receive(letter).held is HeldState.SPAM
    assert to_ticket(desk, level=letter.level).held is HeldState.SPAM, "his answers too"
    assert len(desk.sent) == 1


def test_a_mail_without_a_single_author_is_remembered_under_no_name(desk: Judging) -> None:
    for to in ("support@g.test", "off@g.test"):
        desk.receive(Letter(author="a@x.test, b@x.test", mail_from="a@x.test", to=to))

    assert desk.store.acquaintances == {}
    assert desk.sent == []
    assert [ticket.participants for ticket in desk.store.tickets.values()] == [()]


def test_a_proven_mail_ends_undeliverable(desk: Judging, ticketed: Filing) -> None:
    desk.receive(Letter(to=desk.address(TokenKind.BOUNCE, desk.sent[0]), **dsn()))  # type: ignore[arg-type]
    assert desk.standing(JOE) is Standing.UNDELIVERABLE

    desk.receive(Letter(level=Level.A0))
    assert desk.standing(JOE) is Standing.UNDELIVERABLE

    desk.receive(Letter(subject="other"))
    assert desk.standing(JOE) in (Standing.UNKNOWN, Standing.CHALLENGED)


# ── Follow-ups ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_participants_answer_joins_its_ticket(desk: Judging, ticketed: Filing) -> None:
    """T80"""
    filing = to_ticket(desk)

    assert (filing.state, filing.verdict.disposition) == (State.APPENDED, Disposition.APPEND)
    assert filing.ticket_id == ticketed.ticket_id
    assert len(desk.sent) == 1, "whatever follows our mail is never answered by machine"


WHO = [
    pytest.param({"level": Level.A0}, State.APPENDED, False, id="T85 his address, not proven"),
    pytest.param({"author": "ann@x.test"}, State.APPENDED, True, id="a colleague"),
    pytest.param({"author": "eve@y.test"}, State.APPENDED, True, id="T84 somebody it was forwarded to"),
    pytest.param({"author": "eve@y.test", "level": Level.A0}, State.APPENDED, True, id="nobody we know"),
]


@pytest.mark.parametrize(("changes", "state", "proposed"), WHO)
def test_whoever_holds_the_reply_address_reaches_the_ticket(
    desk: Judging, ticketed: Filing, changes: dict[str, object], state: State, proposed: bool
) -> None:
    filing = to_ticket(desk, **changes)

    assert (filing.state, filing.verdict.proposed) == (state, proposed)
    assert filing.ticket_id == ticketed.ticket_id
    assert len(desk.sent) == 1


REFERRING = [
    pytest.param({}, State.APPENDED, id="participant"),
    pytest.param({"level": Level.A0}, State.APPENDED, id="his address, not proven"),
    pytest.param({"author": "ann@x.test"}, State.APPENDED, id="a colleague"),
    pytest.param({"author": "eve@y.test"}, State.HELD, id="somebody else"),
    pytest.param({"author": "eve@y.test", "level": Level.A0}, State.HELD, id="nobody we know"),
]


@pytest.mark.parametrize(("changes", "state"), REFERRING)
def test_whoever_names_our_mail_must_be_somebody(
    desk: Judging, ticketed: Filing, changes: dict[str, object], state: State
) -> None:
    ours = desk.message_id(desk.sent[0])

    assert desk.receive(replace(Letter(answers=[ours]), **changes)).state is state  # type: ignore[arg-type]
    assert len(desk.sent) == 1


def test_the_address_outweighs_the_references(desk: Judging, ticketed: Filing) -> None:
    desk.receive(Letter(subject="another matter"))
    other = desk.sent[1]
    assert other.ticket_id != ticketed.ticket_id

    assert to_ticket(desk, answers=[desk.message_id(other)]).ticket_id == ticketed.ticket_id


def test_a_foreign_challenge_to_an_agents_mail_stands_in_the_ticket(desk: Judging, ticketed: Filing) -> None:
    """T71"""
    written = desk.write_to(JOE, ticketed.ticket_id)

    filing = desk.receive(
        Letter(to=desk.address(TokenKind.REPLY, written), subject="Please confirm that you are human", headers=AUTO)
    )

    assert (filing.state, filing.ticket_id) == (State.QUIET, ticketed.ticket_id)
    assert len(desk.sent) == 1


@pytest.mark.parametrize(("days", "appended"), [(30, True), (30.1, False)])
def test_a_follow_up_reopens_for_thirty_days(desk: Judging, ticketed: Filing, days: float, appended: bool) -> None:
    """T90"""
    assert ticketed.ticket_id is not None
    desk.close(ticketed.ticket_id)
    desk.advance(days=days)

    filing = to_ticket(desk)

    assert (filing.ticket_id == ticketed.ticket_id) is appended
    assert ticket_of(desk, filing) is TicketState.OPEN
    assert ("reopened" in desk.events(ticketed.ticket_id)) is appended
    assert len(desk.sent) == 1


def test_reopening_has_limits_but_no_mail_hides_in_a_closed_ticket(desk: Judging, ticketed: Filing) -> None:
    number = ticketed.ticket_id
    assert number is not None
    reopened = []
    for minutes in (0, 59, 1, 60, 60, 60 * 24, 60 * 24, 60 * 24):
        desk.advance(minutes=minutes)
        desk.close(number)
        filing = to_ticket(desk, text=f"after {desk.now}")
        assert ticket_of(desk, filing) is TicketState.OPEN
        reopened.append(desk.events(number)[-2] == "reopened")

    assert reopened == [True, False, True, True, False, True, True, False]


def test_whoever_only_claims_to_be_the_participant_wakes_nobody(desk: Judging, ticketed: Filing) -> None:
    number = ticketed.ticket_id
    assert number is not None
    desk.close(number)

    desk.receive(Letter(level=Level.A0, answers=[desk.message_id(desk.sent[0])]))

    assert desk.events(number)[-2:] == ["needs-a-look", "appended"]


def test_only_proven_mail_keeps_trust_alive(desk: Judging) -> None:
    desk.receive(Letter())
    desk.advance(minutes=5)
    desk.receive(Letter(to=desk.address(TokenKind.CHALLENGE, desk.sent[0]), text="Yes."))
    until = desk.store.acquaintances[JOE].until
    desk.advance(days=10)

    desk.receive(Letter(to=desk.address(TokenKind.REPLY, desk.sent[1]), level=Level.A0))
    assert desk.store.acquaintances[JOE].until == until
    desk.receive(Letter(to=desk.address(TokenKind.REPLY, desk.sent[1])))
    assert desk.store.acquaintances[JOE].until == desk.now.replace(year=desk.now.year + 1)


# ── Duplicates and collisions ─────────────────────────────────────────────────────────────────────────────────────────


def test_one_mail_to_three_mailboxes_is_one_ticket(desk: Judging) -> None:
    """T44"""
    desk.trust(JOE)
    to = "support@g.test, open@g.test, off@g.test"
    letters = [Letter(to=to, rcpt_to=box.address, message_id="<1@x.test>") for box in GATEWAY.mailboxes]

    filings = desk.receive_all(letters)

    assert [one.state for one in filings] == [State.TICKETED, State.DUPLICATE, State.DUPLICATE]
    assert {one.duplicate_of for one in filings[1:]} == {filings[0].message_id}
    assert len(desk.sent) == 1
    assert desk.events(filings[0].ticket_id or 0) == ["opened", "also-received", "also-received"]


@pytest.mark.parametrize(("days", "state"), [(7, State.DUPLICATE), (7.1, State.TICKETED)])
def test_a_mail_is_the_same_for_a_week(desk: Judging, days: float, state: State) -> None:
    letter = Letter(to="off@g.test", message_id="<1@x.test>")
    desk.receive(letter)
    desk.advance(days=days)

    assert desk.receive(letter).state is state


def test_two_mails_under_one_name_are_both_kept(desk: Judging) -> None:
    """T87"""
    letters = [Letter(to="off@g.test", text=text, message_id="<1@x.test>") for text in ("one", "two", "two", "one")]

    filings = [desk.receive(letter) for letter in letters]

    assert [one.state for one in filings] == [State.TICKETED, State.TICKETED, State.DUPLICATE, State.DUPLICATE]
    assert filings[0].identity == "<1@x.test>" != filings[1].identity
    assert [one.duplicate_of for one in filings[2:]] == [filings[1].message_id, filings[0].message_id]
    assert any("same Message-ID" in step.result for step in filings[1].verdict.trail)


def test_nobody_takes_another_persons_message_id(desk: Judging) -> None:
    first = desk.receive(Letter(to="off@g.test", message_id="<1@x.test>"))
    second = desk.receive(Letter(author="eve@y.test", to="off@g.test", message_id="<1@x.test>"))

    assert second.state is State.TICKETED
    assert second.identity != first.identity


def test_a_mail_without_a_name_sent_twice_is_one_ticket(desk: Judging) -> None:
    """T88"""
    letter = Letter(to="off@g.test", message_id="")
    first = desk.case(letter)
    desk.judge([first])
    desk.advance(minutes=30)
    again = desk.case(letter)

    filing = desk.judge([replace(again, mail=first.mail)])[0]

    assert filing.state is State.DUPLICATE
    assert len(desk.store.tickets) == 1


# ── Machines ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_automatic_reply_stands_in_its_ticket_and_wakes_nobody(desk: Judging, ticketed: Filing) -> None:
    """T10, T91"""
    number = ticketed.ticket_id
    assert number is not None
    written = desk.write_to(JOE, number)
    desk.close(number)

    filing = desk.receive(Letter(answers=[desk.message_id(written)], headers=AUTO))

    assert (filing.state, filing.verdict.disposition) == (State.QUIET, Disposition.APPEND)
    assert ticket_of(desk, filing) is TicketState.CLOSED


UNLINKED = [
    pytest.param(AUTO, {}, Kind.AUTO_REPLY, State.PARKED, id="T01 automatic reply"),
    pytest.param(BULK, {}, Kind.LIST, State.PARKED, id="mass mail of a stranger"),
    pytest.param({"Precedence": "bulk"}, {}, Kind.BULK, State.PARKED, id="the same, no list"),
    pytest.param({"Auto-Submitted": "auto-generated"}, {}, Kind.SYSTEM, State.PARKED, id="T02 notice"),
    pytest.param({}, {"mail_from": "", "level": Level.A0}, Kind.UNKNOWN_NULL, State.PARKED, id="no path, no proof"),
    pytest.param({}, {"mail_from": ""}, Kind.UNKNOWN_NULL, State.TICKETED, id="T18 no path, proven"),
    pytest.param(
        {"Content-Type": "text/calendar; method=REPLY"}, {}, Kind.CALENDAR, State.PARKED, id="T23 calendar reply"
    ),
    pytest.param({"Content-Type": "text/calendar; method=REQUEST"}, {}, Kind.CALENDAR, State.HELD, id="invitation"),
]


@pytest.mark.parametrize(("headers", "changes", "kind", "state"), UNLINKED)
def test_a_machines_mail_is_kept_by_its_kind_and_never_answered(
    desk: Judging, headers: dict[str, str], changes: dict[str, object], kind: Kind, state: State
) -> None:
    filing = desk.receive(replace(Letter(headers=headers), **changes))  # type: ignore[arg-type]

    assert (filing.verdict.kind, filing.state) == (kind, state)
    assert desk.sent == []


@pytest.mark.parametrize("to", ["support@g.test", "open@g.test", "off@g.test"])
def test_kind_comes_before_mode(desk: Judging, to: str) -> None:
    assert desk.receive(Letter(to=to, headers=BULK)).state is State.PARKED


def test_a_known_suppliers_invoice_is_a_quiet_ticket(desk: Judging) -> None:
    """T08"""
    desk.trust(JOE)

    filing = desk.receive(Letter(headers=BULK))

    assert (filing.state, filing.verdict.disposition) == (State.QUIET, Disposition.QUIET)
    assert desk.sent == []
    assert desk.receive(Letter(headers=BULK, level=Level.A0)).state is State.PARKED


def test_a_proven_answer_without_a_path_joins_its_ticket(desk: Judging, ticketed: Filing) -> None:
    assert to_ticket(desk, mail_from="").state is State.APPENDED
    assert to_ticket(desk, mail_from="", level=Level.A0, text="other").state is State.QUIET


MACHINES = [
    pytest.param({"headers": AUTO}, ChallengeState.ANSWERED_AUTO, Standing.ROBOT, id="an automatic reply"),
    pytest.param(
        {"headers": {"Auto-Submitted": "auto-generated"}},
        ChallengeState.ANSWERED_AUTO,
        Standing.ROBOT,
        id="T46 another challenge",
    ),
    pytest.param({"headers": BULK}, ChallengeState.DOUBTFUL, Standing.CHALLENGED, id="through a list"),
    pytest.param(
        {"mail_from": "", "level": Level.A0}, ChallengeState.DOUBTFUL, Standing.CHALLENGED, id="without a path"
    ),
]


@pytest.mark.parametrize(("changes", "state", "standing"), MACHINES)
@pytest.mark.parametrize("by", ["address", "reference"])
def test_a_machine_that_answers_our_challenge_confirms_nobody(
    desk: Judging, changes: dict[str, object], state: ChallengeState, standing: Standing, by: str
) -> None:
    desk.receive(Letter())
    asking = desk.sent[0]
    desk.advance(minutes=5)
    letter = (
        Letter(to=desk.address(TokenKind.CHALLENGE, asking))
        if by == "address"
        else Letter(answers=[desk.message_id(asking)])
    )

    filing = desk.receive(replace(letter, **changes))  # type: ignore[arg-type]

    assert filing.state is State.PARKED
    assert desk.standing(JOE) is standing
    challenge = desk.store.challenge_of(JOE)
    assert challenge is not None
    assert challenge.state is state
    assert desk.held(HUMAN) == ["My printer burns"], "a person looks at once"
    assert len(desk.sent) == 1


def test_a_machine_is_silent_for_a_year_after_its_last_sign(desk: Judging) -> None:
    desk.receive(Letter())
    desk.receive(Letter(to=desk.address(TokenKind.CHALLENGE, desk.sent[0]), headers=AUTO))
    desk.advance(days=100)

    desk.receive(Letter(headers=AUTO))
    assert desk.store.acquaintances[JOE].until == desk.now.replace(year=desk.now.year + 1)
    filing = desk.receive(Letter(text="I am a person after all."))

    assert filing.held is HUMAN
    assert "machine" in filing.verdict.suppressed
    desk.advance(days=366)
    assert desk.receive(Letter(text="And now?")).held is HeldState.WAIT


# ── The bounce address ────────────────────────────────────────────────────────────────────────────────────────────────

ANSWERS = [
    pytest.param({}, id="without any mark"),
    pytest.param({"headers": AUTO}, id="marked"),
    pytest.param({"headers": AUTO, "mail_from": ""}, id="marked, without a path"),
    pytest.param({"headers": BULK}, id="mass mail"),
]


@pytest.mark.parametrize("changes", ANSWERS)
@pytest.mark.parametrize("purpose", [Purpose.CHALLENGE, Purpose.ACKNOWLEDGE])
def test_whatever_answers_the_envelope_of_our_automatic_mail_is_a_machine(
    desk: Judging, changes: dict[str, object], purpose: Purpose
) -> None:
    """RFC 3834 section 4: what answers there did so by itself, and all our marks did not stop it."""
    first = desk.receive(Letter(to="support@g.test" if purpose is Purpose.CHALLENGE else "off@g.test"))
    letter = Letter(author="other@y.test", to=desk.address(TokenKind.BOUNCE, desk.sent[0]))

    filing = desk.receive(replace(letter, **changes))  # type: ignore[arg-type]

    assert desk.standing(JOE) is Standing.ROBOT
    assert desk.standing("other@y.test") is None
    if purpose is Purpose.CHALLENGE:
        assert filing.state is State.PARKED
        assert desk.held(HUMAN) == ["My printer burns"]
    else:
        assert (filing.state, filing.ticket_id) == (State.QUIET, first.ticket_id)
    assert len(desk.sent) == 1


@pytest.mark.parametrize("subject", ["Away from my mail", "My printer burns"])
@pytest.mark.parametrize("purpose", [Purpose.CHALLENGE, Purpose.AGENT])
def test_a_vacation_program_without_path_or_mark_is_no_bounce(desk: Judging, subject: str, purpose: Purpose) -> None:
    """As vacation(1) answers with -z: who answers is there, so his address is not undeliverable."""
    if purpose is Purpose.CHALLENGE:
        desk.receive(Letter())
        ours = desk.sent[0]
    else:
        desk.trust(JOE)
        ours = desk.write_to(JOE, desk.receive(Letter()).ticket_id)

    filing = desk.receive(Letter(subject=subject, mail_from="", to=desk.address(TokenKind.BOUNCE, ours)))

    assert filing.verdict.kind is Kind.AUTO_REPLY
    assert filing.state is (State.PARKED if purpose is Purpose.CHALLENGE else State.QUIET)
    assert desk.standing(JOE) is (Standing.ROBOT if purpose is Purpose.CHALLENGE else Standing.TRUSTED)


def test_a_mail_system_that_reports_without_any_form_is_believed(desk: Judging) -> None:
    desk.receive(Letter())

    to = desk.address(TokenKind.BOUNCE, desk.sent[0])
    filing = desk.receive(Letter(author="system@x.test", subject="No mailbox here", mail_from="", to=to))

    assert (filing.verdict.kind, filing.state) == (Kind.BOUNCE, State.CONSUMED)
    assert desk.standing(JOE) is Standing.UNDELIVERABLE


@pytest.mark.parametrize("changes", ANSWERS)
def test_to_answer_the_envelope_of_a_persons_mail_is_good_manners(
    desk: Judging, ticketed: Filing, changes: dict[str, object]
) -> None:
    written = desk.write_to(JOE, ticketed.ticket_id)

    letter = Letter(to=desk.address(TokenKind.BOUNCE, written))
    filing = desk.receive(replace(letter, **changes))  # type: ignore[arg-type]

    assert (filing.state, filing.ticket_id) == (State.QUIET, ticketed.ticket_id)
    assert desk.standing(JOE) is Standing.TRUSTED


def test_a_bounce_address_convicts_nobody_after_thirty_days(desk: Judging) -> None:
    desk.receive(Letter())
    to = desk.address(TokenKind.BOUNCE, desk.sent[0])
    desk.advance(days=30, seconds=1)

    assert desk.receive(Letter(to=to)).state is State.PARKED
    assert desk.receive(Letter(to=to, **dsn())).state is State.PARKED  # type: ignore[arg-type]
    assert desk.standing(JOE) is Standing.CHALLENGED


def test_a_conviction_gives_no_credit_back(desk: Judging) -> None:
    desk.receive(Letter())
    before = desk.credit(JOE)

    desk.receive(Letter(author="other@y.test", to=desk.address(TokenKind.BOUNCE, desk.sent[0])))

    assert desk.credit(JOE) == before == 2


# ── Reports ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PROOFS: list[object] = [
    pytest.param(lambda desk: {"to": desk.address(TokenKind.BOUNCE, desk.sent[0]), **dsn()}, id="bounce address"),
    pytest.param(lambda desk: dsn(enclosed=desk.message_id(desk.sent[0])), id="our Message-ID inside"),
]


@pytest.mark.parametrize("proof", PROOFS)
def test_a_report_that_proves_itself_is_believed(desk: Judging, proof: Callable[[Judging], dict[str, object]]) -> None:
    """T13, T15"""
    desk.receive(Letter())

    filing = desk.receive(Letter(**proof(desk)))  # type: ignore[arg-type]

    assert (filing.verdict.kind, filing.state) == (Kind.BOUNCE, State.CONSUMED)
    assert desk.standing(JOE) is Standing.UNDELIVERABLE
    challenge = desk.store.challenge_of(JOE)
    assert challenge is not None
    assert challenge.state is ChallengeState.BOUNCED
    assert desk.held(HUMAN) == ["My printer burns"]
    assert desk.receive(Letter(level=Level.A0)).held is HUMAN


def test_a_report_that_proves_nothing_changes_nothing(desk: Judging) -> None:
    """T14"""
    desk.receive(Letter())

    filing = desk.receive(replace(Letter(subject="Undelivered: [#1]"), **dsn()))  # type: ignore[arg-type]

    assert filing.state is State.PARKED
    assert desk.standing(JOE) is Standing.CHALLENGED
    assert desk.held(HeldState.WAIT) == ["My printer burns"]


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_a_report_of_anything_but_failure_is_only_noted(desk: Judging, ticketed: Filing, action: str) -> None:
    filing = desk.receive(Letter(to=desk.address(TokenKind.BOUNCE, desk.sent[0]), **dsn(action)))  # type: ignore[arg-type]

    assert (filing.state, filing.ticket_id) == (State.CONSUMED, ticketed.ticket_id)
    assert desk.standing(JOE) is Standing.TRUSTED
    assert desk.events(ticketed.ticket_id or 0)[-1] == "report"


@pytest.mark.parametrize(
    ("report_type", "part"),
    [
        ("disposition-notification", "message/disposition-notification\r\n\r\nDisposition: manual-action; displayed"),
        ("feedback-report", "message/feedback-report\r\n\r\nFeedback-Type: abuse"),
        ("delivery-status", "message/delivery-status\r\n\r\nA: b\r\n\r\nAction: delayed"),
    ],
)
@pytest.mark.parametrize("to_bounce_address", [True, False])
def test_a_report_that_returns_our_mail_is_not_for_that_a_failure(
    desk: Judging, ticketed: Filing, report_type: str, part: str, to_bounce_address: bool
) -> None:
    to = desk.address(TokenKind.BOUNCE, desk.sent[0]) if to_bounce_address else "support@g.test"
    ours = f"message/rfc822\r\n\r\nMessage-ID: {desk.message_id(desk.sent[0])}\r\n\r\ntext"
    body = f"--b\r\nContent-Type: {part}\r\n--b\r\nContent-Type: {ours}\r\n--b--"
    headers = {"Content-Type": f"multipart/report; report-type={report_type}; boundary=b"}

    desk.receive(Letter(author="post@x.test", mail_from="", to=to, headers=headers, body=body))

    assert desk.standing(JOE) is Standing.TRUSTED
    assert desk.events(ticketed.ticket_id or 0)[-1] in ("report", "appended-quietly")


def test_a_report_frees_no_robot(desk: Judging) -> None:
    desk.receive(Letter())
    to = desk.address(TokenKind.BOUNCE, desk.sent[0])
    desk.receive(Letter(to=to))

    desk.receive(Letter(to=to, **dsn()))  # type: ignore[arg-type]

    assert desk.standing(JOE) is Standing.ROBOT


def test_a_read_receipt_stands_in_its_ticket(desk: Judging, ticketed: Filing) -> None:
    """T16"""
    written = desk.write_to(JOE, ticketed.ticket_id)
    headers = {"Content-Type": "multipart/report; report-type=disposition-notification; boundary=b"}
    body = "--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: manual-action; displayed\r\n--b--"

    filing = desk.receive(Letter(answers=[desk.message_id(written)], headers=headers, body=body, mail_from=""))

    assert (filing.verdict.kind, filing.state) == (Kind.MDN, State.QUIET)
    assert filing.verdict.disposition is Disposition.APPEND
    assert filing.ticket_id == ticketed.ticket_id
