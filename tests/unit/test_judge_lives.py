# Long because it holds the three tables of a challenge row by row, each row a case.
"""What becomes of a sender, of his challenge and of his held mail: every row of the tables, and nothing beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.judge import challenge, confirm, trust
from mailgate.judge.lives import CHALLENGE, HELD, SENDER, Turn
from mailgate.model import (
    Acquaintance,
    ChallengeState,
    HeldState,
    Level,
    PageState,
    Purpose,
    Released,
    Standing,
    TokenKind,
)
from tests.fakes.judging import Judging, Letter, rulebook

JOE = "joe@x.test"
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMING = rulebook().limits.timing
UNKNOWN, ASKED, TRUSTED, EXPIRED = Standing.UNKNOWN, Standing.CHALLENGED, Standing.TRUSTED, Standing.EXPIRED
ROBOT, GONE, BLOCKED = Standing.ROBOT, Standing.UNDELIVERABLE, Standing.BLOCKED
WAIT, HUMAN, SPAM, ARCHIVED = HeldState.WAIT, HeldState.HUMAN, HeldState.SPAM, HeldState.ARCHIVED
ASK, ACK = Purpose.CHALLENGE, Purpose.ACKNOWLEDGE

# ── The tables themselves ─────────────────────────────────────────────────────────────────────────────────────────────

TABLES: Mapping[str, Mapping[Turn, Mapping[Any, Any]]] = {"sender": SENDER, "challenge": CHALLENGE, "held": HELD}
CELLS = [
    pytest.param(table, turn, state, id=f"{name}: {state}, {turn}")
    for name, table in TABLES.items()
    for turn, moves in table.items()
    for state in moves
]


@pytest.mark.parametrize(("table", "turn", "state"), CELLS)
def test_what_happens_twice_changes_nothing_the_second_time(
    table: Mapping[Turn, Mapping[Any, Any]], turn: Turn, state: Any
) -> None:
    then = table[turn][state]

    assert table[turn].get(then, then) == then


@pytest.mark.parametrize("turn", CHALLENGE)
@pytest.mark.parametrize("state", [one for one in ChallengeState if not one.running])
def test_a_challenge_that_is_over_stays_so(turn: Turn, state: ChallengeState) -> None:
    assert state not in CHALLENGE[turn]


def test_no_timer_takes_a_persons_mail_away() -> None:
    by_time = (Turn.RAN_OUT, Turn.UNTOUCHED)

    assert [(turn, state) for turn in by_time for state in HELD[turn] if HELD[turn][state] is None] == []
    assert HELD[Turn.UNTOUCHED] == {SPAM: ARCHIVED}


CHANGES: Mapping[str, Callable[[Acquaintance, datetime], Acquaintance]] = {
    "asked": lambda known, at: trust.asked(known, at, at + timedelta(days=14)),
    "unsent": trust.unsent,
    "confirmed": lambda known, at: trust.confirmed(known, Level.A2, at, TIMING),
    "confirmed by SPF": lambda known, at: trust.confirmed(known, Level.A1, at, TIMING),
    "vouched": trust.vouched,
    "written to": lambda known, at: trust.written_to(known, at, TIMING),
    "imported": lambda known, at: trust.imported(known, at, TIMING),
    "renewed": lambda known, at: trust.renewed(known, at, TIMING),
    "revived": trust.revived,
    "convicted": lambda known, at: trust.convicted(known, at, TIMING),
    "undeliverable": lambda known, at: trust.undeliverable(known, at, TIMING),
    "asks back": lambda known, _: trust.asks_back(known),
    "blocked": trust.blocked,
    "cleared": trust.cleared,
}


@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=8), st.sampled_from(sorted(CHANGES)))
@settings(max_examples=300)
def test_a_change_that_is_told_twice_is_made_once(before: list[str], change: str) -> None:
    known = Acquaintance(JOE, 1, UNKNOWN, AT, 3, AT)
    for step, name in enumerate(before):
        known = CHANGES[name](known, AT + timedelta(hours=step))
    now = AT + timedelta(days=1)

    once = CHANGES[change](known, now)

    assert CHANGES[change](once, now) == once
    assert (once.credit, once.credit_at) == (known.credit, known.credit_at)
    assert (once.trust is None) == (once.bound is None)
    assert once.standing is not TRUSTED or once.trust is not None


# ── Each row, by mail and by people ───────────────────────────────────────────────────────────────────────────────────

Step = Callable[[Judging], Any]


def mail(**how: Any) -> Step:
    return lambda desk: desk.receive(Letter(**how))


def reply(to: int = 0, kind: TokenKind = TokenKind.CHALLENGE, **how: Any) -> Step:
    """He answers the mail of ours of this number, at its signed address."""

    def step(desk: Judging) -> None:
        words = {"subject": "Re: Please confirm", "text": "Yes, I am here.", **how}
        desk.receive(Letter(to=desk.address(kind, desk.sent[to]), **words))

    return step


def automatic(to: int = 0, **how: Any) -> Step:
    return reply(to, **{"headers": {"Auto-Submitted": "auto-replied"}, "text": f"I am away. {to}", **how})


def bounce(to: int = 0) -> Step:
    """A report that the mail of ours of this number failed."""
    body = "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.x.test\r\n\r\n"
    body += f"Final-Recipient: rfc822; {JOE}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--"
    headers = {"Content-Type": 'multipart/report; report-type=delivery-status; boundary="b"', "MIME-Version": "1.0"}

    def step(desk: Judging) -> None:
        where = desk.address(TokenKind.BOUNCE, desk.sent[to])
        desk.receive(Letter("daemon@x.test", where, mail_from="", headers=headers, body=body, level=Level.A0))

    return step


def later(**span: float) -> Step:
    return lambda desk: desk.advance(**span)


def press(desk: Judging) -> None:
    desk.look(JOE)
    desk.advance(seconds=10)
    desk.click(JOE)


def do(name: str) -> Step:
    return lambda desk: getattr(desk, name)(JOE)


BLOCK, CLEAR, TRUST, WRITE, SPAMMED = map(do, ("block", "clear", "trust", "write_to", "judge_spam"))
UNDER_WAY = (mail(), later(minutes=5))
CONFIRMED = (*UNDER_WAY, press)
AWAY = tuple(mail(headers={"Auto-Submitted": "auto-replied"}, text=f"Away {number}") for number in range(3))
MACHINE = {"headers": {"Precedence": "bulk"}}


@dataclass(frozen=True)
class Row:
    """A state by the way there, what happens, and all that must be afterwards."""

    before: tuple[Step, ...]
    event: tuple[Step, ...]
    then: Standing | None
    held: tuple[HeldState, ...] = ()
    sent: tuple[Purpose, ...] = ()
    tickets: int = 0
    credit: int | None = None
    asked: ChallengeState | None = None


S = ChallengeState
ROWS = {
    "none: first mail": Row((), (mail(level=Level.A0),), UNKNOWN, (HUMAN,), (), 0, 3),
    "unknown: may be asked": Row((), (mail(),), ASKED, (WAIT,), (ASK,), 0, 2, S.SENT),
    "unknown: may not be asked": Row((), (mail(headers={"X-Auto-Response-Suppress": "All"}),), UNKNOWN, (HUMAN,)),
    "unknown: mass mail is parked": Row((), (mail(**MACHINE),), None),
    "unknown: trusted by a person": Row((mail(level=Level.A0),), (TRUST,), TRUSTED, (), (), 1, 5),
    "unknown: written to": Row((mail(level=Level.A0),), (WRITE,), TRUSTED, (), (), 1, 5),
    "asked: trusted by a person": Row(UNDER_WAY, (TRUST,), TRUSTED, (), (ASK,), 1, 4, S.SUPERSEDED),
    "asked: written to": Row(UNDER_WAY, (WRITE,), TRUSTED, (), (ASK,), 1, 4, S.SUPERSEDED),
    "expired: trusted by a person": Row((*UNDER_WAY, later(days=15)), (TRUST,), TRUSTED, (), (ASK,), 1, 4),
    "asked: another mail": Row(UNDER_WAY, (mail(),), ASKED, (WAIT, WAIT), (ASK,), 0, 2, S.SENT),
    "asked: confirms by the page": Row(UNDER_WAY, (press,), TRUSTED, (), (ASK, ACK), 1, 1, S.CONFIRMED),
    "asked: confirms by a reply": Row(UNDER_WAY, (reply(),), TRUSTED, (), (ASK, ACK), 1, 1, S.CONFIRMED),
    "asked: the question fails": Row(UNDER_WAY, (bounce(),), GONE, (HUMAN,), (ASK,), 0, 2, S.BOUNCED),
    "asked: a machine answers": Row(UNDER_WAY, (automatic(),), ROBOT, (HUMAN,), (ASK,), 0, 2, S.ANSWERED_AUTO),
    "asked: a machine answers the envelope": Row(
        UNDER_WAY, (reply(kind=TokenKind.BOUNCE),), ROBOT, (HUMAN,), (ASK,), 0, 2, S.ANSWERED_AUTO
    ),
    "asked: mass mail answers": Row(
        UNDER_WAY,
        (reply(headers={"Precedence": "list", "List-Id": "<l.x.test>"}),),
        ASKED,
        (HUMAN,),
        (ASK,),
        0,
        2,
        S.DOUBTFUL,
    ),
    "asked: a doubtful answer": Row(
        UNDER_WAY, (reply(text="> quoted"),), ASKED, (HUMAN, HUMAN), (ASK,), 0, 2, S.DOUBTFUL
    ),
    "asked: three automatic replies to nothing": Row((*UNDER_WAY,), AWAY, ROBOT, (HUMAN,), (ASK,), 0, 2, S.SENT),
    "asked, and a machine's: confirms": Row((*UNDER_WAY, *AWAY), (press,), ROBOT, (), (ASK,), 1, 2, S.CONFIRMED),
    "doubtful: confirms after all": Row(
        (*UNDER_WAY, reply(text="> quoted")), (press,), TRUSTED, (), (ASK, ACK), 2, 1, S.CONFIRMED
    ),
    "asked: two weeks pass": Row(UNDER_WAY, (later(days=14),), EXPIRED, (WAIT,), (ASK,)),
    "expired: another mail too soon": Row((*UNDER_WAY, later(days=15)), (mail(),), EXPIRED, (WAIT, HUMAN), (ASK,)),
    "expired: another mail a month later": Row(
        (*UNDER_WAY, later(days=31)), (mail(),), ASKED, (WAIT, WAIT), (ASK, ASK), 0, None, S.SENT
    ),
    "expired: the old button": Row((*UNDER_WAY, later(days=15)), (press,), EXPIRED, (WAIT,), (ASK,)),
    "expired: a late reply": Row((*UNDER_WAY, later(days=15)), (reply(),), EXPIRED, (HUMAN, HUMAN), (ASK,)),
    "trusted: proven mail": Row(CONFIRMED, (later(days=1), mail()), TRUSTED, (), (ASK, ACK, ACK), 2, 0),
    "trusted: mail proven less well": Row(CONFIRMED, (later(days=1), mail(level=Level.A1)), TRUSTED, (), (ASK, ACK), 2),
    "trusted: mail that nothing proves": Row(
        CONFIRMED, (later(days=1), mail(level=Level.A0)), TRUSTED, (), (ASK, ACK), 2
    ),
    "trusted: its time is over": Row(CONFIRMED, (later(days=366),), UNKNOWN, (), (ASK, ACK), 1),
    "trusted: three automatic mails": Row(
        CONFIRMED,
        tuple(mail(headers={"Auto-Submitted": "auto-replied"}, text=f"Away {n}") for n in range(3)),
        ROBOT,
        (),
        (ASK, ACK),
        1,
    ),
    "trusted robot: its mail is received": Row(
        (*CONFIRMED, *(mail(headers={"Auto-Submitted": "auto-replied"}, text=f"Away {n}") for n in range(3))),
        (later(days=1), mail()),
        ROBOT,
        (),
        (ASK, ACK),
        2,
    ),
    "unknown: blocked": Row((mail(level=Level.A0),), (BLOCK,), BLOCKED, (SPAM,)),
    "asked: blocked": Row(UNDER_WAY, (BLOCK,), BLOCKED, (SPAM,), (ASK,), 0, 2, S.CANCELLED),
    "trusted: blocked": Row(CONFIRMED, (BLOCK,), BLOCKED, (), (ASK, ACK), 1),
    "blocked: another mail": Row((BLOCK,), (mail(),), BLOCKED, (SPAM,)),
    "blocked: cleared": Row((mail(level=Level.A0), BLOCK), (CLEAR,), UNKNOWN, (SPAM,)),
    "robot: another mail": Row((*UNDER_WAY, automatic()), (mail(),), ROBOT, (HUMAN, HUMAN), (ASK,)),
    "robot: silent for a year": Row((*UNDER_WAY, automatic()), (later(days=365),), UNKNOWN, (HUMAN,), (ASK,)),
    "undeliverable: two months pass": Row((*UNDER_WAY, bounce()), (later(days=60),), UNKNOWN, (HUMAN,), (ASK,)),
    "undeliverable: a proven mail": Row((*UNDER_WAY, bounce()), (mail(),), UNKNOWN, (HUMAN, HUMAN), (ASK,)),
    "undeliverable: a mail that nothing proves": Row(
        (*UNDER_WAY, bounce()), (mail(level=Level.A0),), GONE, (HUMAN, HUMAN), (ASK,)
    ),
    "held: judged spam": Row((mail(level=Level.A0),), (SPAMMED,), UNKNOWN, (SPAM,)),
    "held: judged spam, then he confirms": Row(
        (*UNDER_WAY, SPAMMED), (press,), TRUSTED, (SPAM,), (ASK,), 0, 2, S.CONFIRMED
    ),
    "held: judged spam, then he is written to": Row((*UNDER_WAY, SPAMMED), (WRITE,), TRUSTED, (SPAM,), (ASK,), 0, 4),
    "held: judged spam, then he is trusted": Row((*UNDER_WAY, SPAMMED), (TRUST,), TRUSTED, (), (ASK,), 1, 4),
}
rows = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())


def led(row: Row) -> Judging:
    desk = Judging()
    for step in (*row.before, *row.event):
        step(desk)
    return desk


@rows
def test_a_row_ends_as_its_table_says(row: Row) -> None:
    desk = led(row)

    assert desk.stands(JOE) is row.then
    assert tuple(one.state for one in desk.store.held.values()) == row.held
    assert tuple(one.purpose for one in desk.sent) == row.sent
    assert len(desk.store.tickets) == row.tickets
    assert row.credit is None or desk.credit(JOE) == row.credit
    found = desk.store.challenge_of(JOE)
    assert row.asked is None or (found is not None and found.state is row.asked)


@rows
def test_a_mail_that_comes_twice_changes_nothing_the_second_time(row: Row) -> None:
    """The newest mail again, byte for byte, as a queue that lost our answer would send it."""
    desk = led(row)
    if not desk.store.filings:
        return
    last = max(desk.store.filings)
    case = desk.store.filings[last].case
    before = _all(desk)
    accepted = replace(case.accepted, journal_id=last + 1)
    filing = desk.judge([replace(case, accepted=accepted)])[0]

    assert filing.duplicate_of is not None
    assert _all(desk) == before


def _all(desk: Judging) -> tuple[Any, ...]:
    store = desk.store
    return (
        dict(store.acquaintances),
        dict(store.challenges),
        dict(store.held),
        dict(store.tickets),
        dict(store.domains),
        list(store.grants),
    )


# ── Held mail that is archived, and the challenge that never left ─────────────────────────────────────────────────────


@pytest.mark.parametrize(("act", "let_in"), [("press", False), ("write_to", False), ("trust", True), ("block", False)])
def test_archived_spam_comes_in_by_a_persons_word_alone(act: str, let_in: bool) -> None:
    desk = Judging()
    for step in UNDER_WAY:
        step(desk)
    for number, held in desk.store.held.items():
        desk.store.held[number] = replace(held, state=ARCHIVED)

    press(desk) if act == "press" else getattr(desk, act)(JOE)

    assert [held.state for held in desk.store.held.values()] == ([] if let_in else [ARCHIVED])
    assert len(desk.store.tickets) == int(let_in)


@pytest.mark.parametrize("turn", [Turn.UNSENT, Turn.MACHINE])
def test_a_challenge_that_waits_is_cancelled_by_whatever_speaks_against_it(turn: Turn) -> None:
    desk = Judging()
    desk.receive(Letter())
    asked = desk.store.challenge_of(JOE)
    assert asked is not None
    desk.store.challenges[asked.id] = replace(asked, state=ChallengeState.QUEUED)

    desk.store.apply(confirm.ended(JOE, desk.history(JOE), desk.now, turn, "why"))

    found = desk.store.challenge_of(JOE)
    assert found is not None
    assert found.state is ChallengeState.CANCELLED
    assert desk.held(HUMAN) == ["My printer burns"]
    assert challenge.page(found, desk.now) is PageState.EXPIRED


def test_a_challenge_that_waits_does_not_leave_to_whom_behaves_like_a_machine() -> None:
    """Our thanks for another mail have just arrived, and at once there is a new one."""
    desk = Judging()
    desk.receive(Letter())
    asked = desk.store.challenge_of(JOE)
    assert asked is not None
    desk.store.challenges[asked.id] = replace(asked, state=ChallengeState.QUEUED, sent_at=None)
    desk.advance(minutes=30)
    desk.receive(Letter(to="off@g.test", subject="Something else"))
    desk.advance(seconds=10)
    desk.receive(Letter(subject="And more", text="At once."))

    found = desk.store.challenge_of(JOE)
    assert found is not None
    assert found.state is ChallengeState.CANCELLED
    assert (desk.stands(JOE), desk.held(WAIT)) == (UNKNOWN, [])


# ── One question to one person, whatever he sends ─────────────────────────────────────────────────────────────────────

NAMES = ("jo.e@gmail.com", "joe@gmail.com", "J.O.E+shop@googlemail.com", "JOE+a@Gmail.com")
TO = ("support@g.test", "support+x@g.test", "Support@G.test")


@st.composite
def letters(draw: st.DrawFn) -> tuple[float, Letter]:
    author, to = draw(st.sampled_from(NAMES)), draw(st.sampled_from(TO))
    headers = draw(st.sampled_from([{}, {"Cc": "sales@g.test"}, {"Precedence": "bulk"}, {"Auto-Submitted": "no"}]))
    text = draw(st.sampled_from(["It burns.", "Is anybody there?", "Hello?"]))
    level = draw(st.sampled_from([Level.A2, Level.A2, Level.A1, Level.A0]))
    days = draw(st.sampled_from([0.0, 0.01, 1.0, 8.0, 20.0, 31.0, 90.0]))
    return days, Letter(author, to, text=text, level=level, headers=headers)


@given(st.lists(letters(), min_size=1, max_size=12))
@settings(max_examples=120)
def test_a_stranger_is_asked_once_a_month_and_thrice_a_year_whatever_he_sends(sent: list[tuple[float, Letter]]) -> None:
    desk = Judging()
    asked: list[datetime] = []
    for days, one in sent:
        desk.advance(days=days)
        before = len(desk.sent)
        desk.receive(one)
        asked += [desk.now] * (len(desk.sent) - before)

    assert {one.purpose for one in desk.sent} <= {ASK}
    assert all(later - sooner >= timedelta(days=30) for sooner, later in pairwise(asked))
    assert all(later - sooner >= timedelta(days=365) for sooner, later in zip(asked, asked[3:], strict=False))
    held = sorted((mail.at, mail.journal_id) for mail in desk.store.held.values())
    done = confirm.vouched("joe@gmail.com", desk.history("joe@gmail.com"), desk.now, "agent:anne")
    released = [effect.journal_id for effect in done.effects if isinstance(effect, Released)]
    assert released == [journal_id for _, journal_id in held], "all that he wrote comes in together, in order"
