"""The verdict as a whole: every step is told, a batch is worth its mails, and no mail ever earns a right to send."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.judge import answer, verdict
from mailgate.judge.ask import ask
from mailgate.judge.docket import Planned
from mailgate.judge.history import History
from mailgate.model import (
    Authentication,
    Case,
    Facts,
    Filing,
    HeldState,
    Level,
    Participant,
    Peer,
    Purpose,
    State,
    TicketChange,
    TicketState,
    TokenKind,
)
from mailgate.model import Joined as JoinedEffect
from tests.fakes.judging import GATEWAY, CountingMint, Judging, Letter, rulebook
from tests.fakes.memory import MemoryStore

JOE = "joe@x.test"


@pytest.fixture
def desk() -> Judging:
    return Judging()


# ── What a verdict tells ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_trail_tells_every_step_in_words(desk: Judging) -> None:
    filing = desk.receive(Letter())

    assert [step.check for step in filing.verdict.trail] == ["kind", "sender", "sender", "gate", "spam", "place"]
    assert filing.verdict.reason == filing.verdict.trail[-1].result == "unknown sender: a challenge was sent"
    assert filing.verdict.trail[0].result == "human: nothing says otherwise"


def test_the_deciding_signal_names_its_rule(desk: Judging) -> None:
    filing = desk.receive(Letter(headers={"Auto-Submitted": "auto-replied"}))

    assert filing.verdict.trail[0].result.startswith("auto_reply: B1 (20-signals-headers.toml:")


def test_a_refusal_of_the_gate_names_its_limit(desk: Judging) -> None:
    for number in range(4):
        desk.receive(Letter(author=f"a{number}@y.test", ip=f"192.0.{number}.1", text=f"{'x' * number} text"))

    refused = desk.store.filings[max(desk.store.filings)].verdict
    assert "3 of 3 unproven mails per domain in 1 h" in refused.suppressed
    assert any("refused by limits.toml:" in step.result for step in refused.trail)


def test_a_mail_that_breaks_trust_proves_nothing(desk: Judging) -> None:
    desk.trust(JOE)

    filing = desk.receive(Letter(author="joe@x.test, joe@x.test", mail_from=JOE))

    assert filing.sender == ""
    assert desk.sent == []
    assert filing.verdict.trail[1].result.startswith("not proven: ")


@pytest.mark.parametrize(
    ("peer", "mail_from", "expected"),
    [
        (Peer(ip="192.0.2.77"), JOE, "192.0.2.0/24"),
        (Peer(ip="2001:db8:1:2ff::1"), JOE, "2001:db8:1:200::/56"),
        (Peer(ip="192.0.2.77", known=False), JOE, "proven.test"),
        (Peer(ip="not an address"), JOE, "not an address"),
        (Peer(), JOE, "proven.test"),
    ],
)
def test_the_origin_is_the_clients_network_where_it_is_known(peer: Peer, mail_from: str, expected: str) -> None:
    assert answer.origin(peer, Authentication(Level.A2, domain="proven.test"), mail_from) == expected
    if expected == "proven.test":
        assert answer.origin(peer, Authentication(), mail_from) == "x.test"


def test_windows_are_read_from_the_oldest_mail_that_may_still_be_answered(desk: Judging) -> None:
    young = desk.case(Letter())
    old = replace(young, accepted=replace(young.accepted, at=desk.now - timedelta(minutes=9)))
    ancient = replace(young, accepted=replace(young.accepted, at=desk.now - timedelta(days=99)))

    limits = rulebook().limits
    assert ask([old, young], GATEWAY, limits).now == old.accepted.at
    assert ask([ancient, young], GATEWAY, limits).now == young.accepted.at
    assert ask([ancient], GATEWAY, limits).now == ancient.accepted.at
    assert ask([old, young], GATEWAY, limits).until == young.accepted.at


def test_a_clock_set_back_between_two_mails_of_a_batch_frees_no_limit(desk: Judging) -> None:
    for number in range(30):
        domain = chr(ord("a") + number % 26) * (1 + number // 26)
        letter = Letter(f"a@{domain}.test", "open@g.test", text=f"I am {domain}", ip=f"10.{number}.0.1")
        desk.receive(letter)
    begun, sent = desk.now, len(desk.sent)
    assert sent == 30, "as many as may go to newcomers in an hour"

    desk.now = begun + timedelta(hours=5)
    later = desk.case(Letter("a@later.test", "open@g.test", text="Later", ip="10.99.0.1"))
    desk.now = begun + timedelta(minutes=1)
    again = desk.case(Letter("a@again.test", "open@g.test", text="Once more", ip="10.98.0.1"))
    desk.judge([later, again])

    assert [one.to for one in desk.sent[sent:]] == ["a@later.test"]


def test_a_mail_put_back_after_it_was_shunted_is_judged_at_its_own_time_and_not_answered(desk: Judging) -> None:
    desk.trust(JOE)
    case = desk.case(replace(Letter(), late=timedelta(days=3)))
    desk.advance(days=3)
    desk.receive(Letter(subject="a later mail"))

    filing = desk.judge([case])[0]

    assert filing.state is State.TICKETED
    assert [change.at for change in desk.store.events[filing.ticket_id or 0]] == [case.accepted.at]
    assert "too long after" in filing.verdict.suppressed
    assert len(desk.sent) == 1


def test_the_same_case_gets_the_same_verdict(desk: Judging) -> None:
    case = desk.case(Letter())

    outcomes = [
        verdict.judge(case, rulebook().signals, History(Facts(), rulebook().limits, GATEWAY, CountingMint()))
        for _ in range(2)
    ]

    assert outcomes[0] == outcomes[1]


def test_history_learns_who_joined_and_minds_no_ticket_that_nobody_asked_for() -> None:
    desk = Judging()
    filing = desk.receive(Letter(to="off@g.test"))
    assert filing.ticket_id is not None
    ticket = desk.store.tickets[filing.ticket_id]
    history = History(Facts(tickets={ticket.id: ticket}), rulebook().limits, GATEWAY, CountingMint())

    history.learn([JoinedEffect(ticket.id, Participant("ann@x.test", Level.A2))])
    history.learn([TicketChange(1, 999, desk.now, "closed", "agent:anne", "", TicketState.CLOSED)])

    assert [one.address for one in history.facts.tickets[ticket.id].participants] == [JOE, "ann@x.test"]


# ── A batch is worth its mails ────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = [JOE, "ann@x.test", "Bob+tag@y.test", "eve@gmail.com", "a@x.test, b@x.test"]
HEADERS: list[dict[str, str]] = [
    {},
    {},
    {},
    {"Auto-Submitted": "auto-replied"},
    {"Precedence": "bulk"},
    {"X-Auto-Response-Suppress": "All"},
    {"Content-Type": "text/calendar; method=REPLY"},
]
# Where a mail is sent: to a mailbox, or to a signed address of something that left in an earlier round.
TO = st.one_of(
    st.sampled_from(["support@g.test", "support@g.test", "open@g.test", "off@g.test"]),
    st.tuples(st.sampled_from([TokenKind.REPLY, TokenKind.CHALLENGE, TokenKind.BOUNCE]), st.integers(0, 9)),
)
MAILS = st.fixed_dictionaries(
    {
        "author": st.sampled_from(PEOPLE),
        "to": TO,
        "level": st.sampled_from([Level.A2, Level.A2, Level.A1, Level.A0]),
        "mail_from": st.sampled_from([None, None, None, ""]),
        "headers": st.sampled_from(HEADERS),
        "text": st.sampled_from(["one", "two", "> quoted"]),
        "message_id": st.sampled_from([None, None, "<same@x.test>"]),
        "answers": st.one_of(st.none(), st.none(), st.integers(0, 9)),
        "minutes": st.sampled_from([0, 0, 1, 30]),  # that pass before it comes
    }
)
ACTS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["trust", "write_to"]), st.sampled_from(PEOPLE[:4])),
    st.tuples(st.sampled_from(["close", "click"]), st.integers(0, 9)),
)
ROUNDS = st.lists(st.tuples(st.lists(MAILS, min_size=1, max_size=7), ACTS, st.sampled_from([0.01, 1, 40])), max_size=5)
Round = tuple[list[dict[str, object]], tuple[str, str | int] | None, float]


def letter_of(mail: dict[str, object], desk: Judging) -> Letter:
    """The letter, its addresses and references filled in from what was sent so far."""
    fields = {key: value for key, value in mail.items() if key != "minutes"}
    sent = desk.sent
    to, answers = fields["to"], fields.pop("answers")
    if isinstance(to, tuple):
        fields["to"] = desk.address(to[0], sent[to[1] % len(sent)]) if sent else "support@g.test"
    if isinstance(answers, int) and sent:
        fields["answers"] = [desk.message_id(sent[answers % len(sent)])]
    if fields["author"] == PEOPLE[-1] and fields["mail_from"] is None:
        fields["mail_from"] = "a@x.test"
    return Letter(**fields)  # type: ignore[arg-type]


def cases_of(mails: Sequence[dict[str, object]], desk: Judging) -> list[Case]:
    cases = []
    for mail in mails:
        desk.advance(minutes=float(str(mail["minutes"])))
        cases.append(desk.case(letter_of(mail, desk)))
    return cases


def act(desk: Judging, what: tuple[str, str | int] | None) -> None:
    match what:
        case ("trust" | "write_to" as name, address):
            getattr(desk, name)(address)
        case ("close", int(number)) if desk.store.tickets:
            desk.close(sorted(desk.store.tickets)[number % len(desk.store.tickets)])
        case ("click", int(number)) if desk.store.challenges:
            asked = desk.store.challenges[sorted(desk.store.challenges)[number % len(desk.store.challenges)]]
            desk.look(asked.address)
            desk.advance(seconds=10)
            desk.click(asked.address)


def view(desk: Judging) -> dict[str, object]:
    """All that a store holds, ids by the order of the mail they came with: two ways to count give two sets of ids."""
    store = desk.store
    order = {number: place for place, number in enumerate(sorted(store.filings))}
    mail = {filing.message_id: order[number] for number, filing in store.filings.items()}
    tickets = {number: place for place, number in enumerate(store.tickets)}
    return {
        "acquaintances": {key: replace(one, contact_id=0) for key, one in store.acquaintances.items()},
        "domains": store.domains,
        "grants": [
            (one.at, one.purpose, one.address, tickets.get(one.ticket_id or 0), one.unproven) for one in store.grants
        ],
        "tickets": [replace(one, id=0) for one in store.tickets.values()],
        "events": [
            [(one.at, one.event, one.actor, one.state) for one in store.events[number]] for number in store.tickets
        ],
        "challenges": [replace(one, id=0, token_id=0) for one in store.challenges.values()],
        "held": sorted((mail[number], one.state) for number, one in store.held.items()),
        "states": [store.states[number] for number in sorted(store.states)],
        "verdicts": [
            (filing.verdict.reason, filing.verdict.suppressed, tickets.get(filing.ticket_id or 0), filing.identity)
            for _, filing in sorted(store.filings.items())
        ],
        "duplicates": [mail.get(one.duplicate_of or 0) for _, one in sorted(store.filings.items())],
        "sent": [(one.purpose, one.to, one.at, one.subject) for one in desk.sent],
    }


@settings(max_examples=150, deadline=None)
@given(ROUNDS)
def test_a_batch_ends_as_its_mails_one_by_one(rounds: list[Round]) -> None:
    together, alone = Judging(), Judging()
    # What somebody does who has a mail of ours in hand already is another story.
    together.next_hop_waits = alone.next_hop_waits = True
    for mails, what, days in rounds:
        cases = cases_of(mails, together)
        # Both see the very same mail; only what is sent in answer to it differs by its ids.
        assert view(together) == view(alone)
        for case in cases_of(mails, alone):
            alone.judge([case])
        together.judge(cases)
        assert view(together) == view(alone)
        for desk in (together, alone):
            desk.store.take()
            act(desk, what)
            desk.advance(days=days)


def test_a_duplicate_of_a_mail_let_in_by_the_same_batch_knows_its_ticket() -> None:
    desk = Judging()
    first = Letter(message_id="<1@x.test>")
    desk.receive(first)
    desk.advance(minutes=5)
    confirming = Letter(to=desk.address(TokenKind.CHALLENGE, desk.sent[0]), text="Yes.")

    filings = desk.receive_all([confirming, replace(first, rcpt_to="open@g.test")])

    assert [one.state for one in filings] == [State.APPENDED, State.DUPLICATE]
    assert filings[1].ticket_id == filings[0].ticket_id is not None


# ── What holds whatever comes ─────────────────────────────────────────────────────────────────────────────────────────


def credit_at(store: MemoryStore, desk: Judging, key: str) -> int:
    """The balance as it would be read now; a newcomer's where nobody is known."""
    known = desk.history(key).acquaintance(key, desk.now)
    return known.credit


@settings(max_examples=100, deadline=None)
@given(ROUNDS)
def test_no_mail_adds_credit_and_every_mail_is_in_one_place(rounds: list[Round]) -> None:
    desk = Judging()
    for mails, what, days in rounds:
        for mail in mails:
            desk.advance(minutes=float(str(mail["minutes"])))
            case = desk.case(letter_of(mail, desk))
            before = {key: credit_at(desk.store, desk, key) for key in desk.store.acquaintances}
            domains = {key: desk.history(f"x@{key}").domain(key, desk.now).credit for key in desk.store.domains}
            sent = len(desk.sent)

            filing = desk.judge([case])[0]

            for key, known in desk.store.acquaintances.items():
                assert known.credit <= before.get(key, 3)
            for key, domain in desk.store.domains.items():
                assert domain.credit <= domains.get(key, 20)
            assert_sound(filing, desk, desk.sent[sent:])
        act(desk, what)
        desk.advance(days=days)


def assert_sound(filing: Filing, desk: Judging, sent: list[Planned]) -> None:
    case = filing.case
    assert len(sent) <= 1, "one mail, one automatic mail at most"
    for one in sent:
        assert case.authentication.level is not Level.A0, "without proof nothing is sent"
        assert case.accepted.mail_from, "and nothing to the null reverse-path"
        assert one.permit.grant.at == desk.now
        assert one.to == filing.case.mail.authors[0].address
        if one.purpose is Purpose.CHALLENGE:
            assert filing.held is HeldState.WAIT
            assert not case.ours
            assert case.recipient is None
    in_ticket = (State.TICKETED, State.APPENDED, State.QUIET)
    assert (filing.ticket_id is not None) or filing.state not in in_ticket
    assert filing.verdict.trail[-1].check == "place"
    assert filing.sender in desk.store.acquaintances or filing.sender == "" or filing.verdict.kind != "human"


ROBOTS: list[object] = [
    pytest.param(lambda turn: timedelta(seconds=5), 24 * 720, id="T31 every 5 s for a day"),
    pytest.param(lambda turn: timedelta(hours=1), 24 * 28, id="T34 every hour for 28 days"),
]


@pytest.mark.parametrize(("wait", "turns"), ROBOTS)
def test_a_robot_without_any_mark_gets_three_mails(wait: Callable[[int], timedelta], turns: int) -> None:
    desk = Judging()
    step = max(1, turns // 300)
    for turn in range(0, turns, step):
        text = "".join(chr(97 + int(digit)) for digit in str(turn))
        desk.receive(Letter(to="open@g.test", subject=f"Reply {text}", text=f"word {text}"))
        desk.now += wait(turn) * step

    assert len(desk.sent) == 3


def test_robots_of_one_domain_get_ten_mails_a_day_and_twenty_in_a_month() -> None:
    """T37"""
    desk = Judging()
    for number in range(500):
        name = "".join(chr(97 + int(digit)) for digit in str(number))
        desk.receive(Letter(author=f"{name}@y.test", text=f"word {name}", ip=f"192.0.{number % 250}.1"))
        desk.advance(minutes=2.88)
    assert len(desk.sent) == 10

    for number in range(500):
        name = "".join(chr(97 + int(digit)) for digit in str(number))
        desk.receive(Letter(author=f"x{name}@y.test", text=f"sentence {name}", ip=f"192.0.{number % 250}.1"))
        desk.advance(hours=1.3)
    assert len(desk.sent) <= 20


def test_judging_leaves_what_it_was_given_alone(desk: Judging) -> None:
    case = desk.case(Letter())
    before = copy.deepcopy(case)

    desk.judge([case])

    assert case == before
