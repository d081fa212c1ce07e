"""What must hold before an agent's answer leaves, each by itself; which of our own people hears of what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mailgate import rulebook
from mailgate.judge import brief, verdict
from mailgate.judge.docket import Outcome
from mailgate.judge.history import History
from mailgate.model import (
    Accepted,
    Agent,
    Authentication,
    Case,
    Facts,
    Gateway,
    Happening,
    Keys,
    KnownMessage,
    KnownTicket,
    Level,
    Mail,
    Mailaddr,
    Mailbox,
    Order,
    Orders,
    Participant,
    Peer,
    Purpose,
    Right,
    Said,
    State,
    TicketChange,
    TicketState,
    Token,
    TokenKind,
)

BOOK = rulebook.load(rulebook.shipped_folder())
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BOX = Mailbox("support@g.test", "support")
GATEWAY = Gateway("mx.g.test", (BOX,), Keys("i", "1", {"1": b"x" * 32}))
ANNE = Agent("anne@office.test", "anne", tuple(Right), (), NOW - HOUR)
BOB = Agent("bob@office.test", "bob", tuple(Right), ("support",), NOW - HOUR)
TICKET = KnownTicket(
    7, 1, TicketState.OPEN, "support", BOX.address, "x", (Participant("c@x.test", Level.A2),), "c@x.test"
)
TOLD = KnownMessage(
    3, "<told@g.test>", NOW - MINUTE, 7, BOX.address, "", purpose=Purpose.NOTICE, token_id=9, recipient=ANNE.address
)


class Counting:
    """Ids one after another."""

    def __init__(self) -> None:
        self.last = 100

    def new_id(self) -> int:
        self.last += 1
        return self.last

    def nonce(self) -> int:
        return self.new_id()


def judged(
    text: str = "Take the plug out.", *, orders: Orders | None = None, author: str = ANNE.address, **known: Any
) -> Outcome:
    """An answer to what we told anne, a minute after it."""
    said = {"mail": {}, "case": {}, "level": Level.A2} | known.pop("but", {})
    mail = Mail(
        **{
            "headers": {},
            "message_id": "<answer@office.test>",
            "authors": (Mailaddr(author),),
            "to": (Mailaddr(BOX.address),),
            "subject": "Re: [#1] x",
            "date": NOW,
            **said["mail"],
        }
    )
    case = Case(
        **{
            "accepted": Accepted(1, "Q", NOW, author, "support+g@g.test", Peer("192.0.2.1"), b""),
            "mail": mail,
            "authentication": Authentication(said["level"], domain="office.test"),
            "mailbox": BOX,
            "judged_at": NOW,
            "recipient": Token(TokenKind.AGENT, "1", 9),
            "text": text,
            "words": "w",
            "orders": orders or Orders(text=text),
            **said["case"],
        }
    )
    facts = Facts(
        **{
            "agents": {ANNE.address: ANNE, BOB.address: BOB},
            "tokens": {9: TOLD},
            "tickets": {7: TICKET},
            **known,
        }
    )
    return verdict.judge(case, BOOK.signals, History(facts, BOOK.limits, GATEWAY, Counting()))


def objection(outcome: Outcome) -> str:
    """Why it was kept; "" where it was not."""
    found = [one.detail for one in outcome.effects if isinstance(one, TicketChange) and one.event == "not-sent"]
    assert bool(found) != bool(outcome.relays)
    return next(iter(found), "")


def test_what_holds_all_leaves() -> None:
    outcome = judged()
    assert [(one.number, one.agent, one.text) for one in outcome.relays] == [(1, "anne", "Take the plug out.")]
    assert (outcome.filing.state, outcome.filing.agent, outcome.filing.ticket_id) == (State.APPENDED, "anne", 7)


EARLIER = NOW - HOUR


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"tokens": {9: replace(TOLD, recipient=BOB.address)}}, "given to somebody else"),
        ({"tokens": {9: replace(TOLD, purpose=Purpose.ACKNOWLEDGE)}}, "given to somebody else"),
        ({"tokens": {9: replace(TOLD, at=NOW - timedelta(seconds=29))}}, "within 30 s"),
        ({"machine_words": {ANNE.address: {"w"}}}, "a machine of yours"),
        ({"said": {ANNE.address: [Said(EARLIER, 7, "w", sent=False)]}}, "a machine of yours"),
        ({"relayed": {7: [NOW - MINUTE] * 10}}, "10 answers by mail went out"),
        ({"relayed": {7: [NOW - 2 * HOUR] * 40}}, "40 answers by mail went out"),
        ({"tickets": {7: replace(TICKET, requester="")}}, "nobody to answer"),
        ({"agents": {ANNE.address: replace(ANNE, rights=(Right.COMMAND,))}}, "may not answer by mail"),
        ({"but": {"case": {"quotes_us": True}}}, "no sign says that it is quoted"),
        ({"text": ""}, "nothing of its own"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_stands_against_it(known: dict[str, Any], why: str) -> None:
    assert why in objection(judged(**known))


def test_any_hint_of_a_machine_is_enough() -> None:
    outcome = judged(but={"mail": {"headers": {"x-auto-response-suppress": ("OOF",)}}})
    hints = [one.id for one in outcome.filing.verdict.findings if one.strength in ("strong", "hint", "distrust")]
    assert hints
    assert "looks like a machine's" in objection(outcome)


LONG = "I am out of the office until Monday; in urgent cases please call the desk."


@pytest.mark.parametrize(
    ("text", "ticket", "told_at", "leaves"),
    [
        pytest.param(LONG, 8, NOW - MINUTE, False, id="another ticket, at once"),
        pytest.param(LONG, 8, NOW - HOUR, True, id="another ticket, with time to think"),
        pytest.param(LONG, 7, NOW - MINUTE, True, id="the same ticket"),
        pytest.param("Yes.", 8, NOW - MINUTE, True, id="what anybody says"),
    ],
)
def test_the_same_words_to_two_tickets(text: str, ticket: int, told_at: datetime, *, leaves: bool) -> None:
    before = {ANNE.address: [Said(NOW - 2 * MINUTE, ticket, "w", sent=True)]}
    outcome = judged(text, said=before, tokens={9: replace(TOLD, at=told_at)})
    assert bool(outcome.relays) is leaves


def test_faults_keep_all_of_it_back() -> None:
    outcome = judged(orders=Orders((Order("close"),), "Hello.", faults=("#x: no such order",)))
    assert outcome.relays == ()
    changes = [one for one in outcome.effects if isinstance(one, TicketChange)]
    assert [(one.event, one.detail, one.state) for one in changes] == [("refused", "#x: no such order", None)]


def test_without_the_right_no_order_is_done() -> None:
    outcome = judged(orders=Orders((Order("close"),)), agents={ANNE.address: replace(ANNE, rights=(Right.REPLY,))})
    assert [one.detail for one in outcome.effects if isinstance(one, TicketChange)] == [
        "you may not give orders by mail"
    ]


def test_an_address_whose_mail_is_forgotten() -> None:
    assert judged(tokens={}).filing.state is State.HELD
    assert judged(tokens={9: replace(TOLD, ticket_id=None)}).filing.state is State.HELD


# ── Who hears of what ─────────────────────────────────────────────────────────────────────────────────────────────────

NEWS = Happening(5, NOW, "opened", "mail", "", 7, 1, "x", "support", BOX.address, "", "c@x.test", sender="c@x.test")
CRIS = Agent("cris@office.test", "cris", tuple(Right), ("billing",), NOW - HOUR)


@pytest.mark.parametrize(
    ("news", "names"),
    [
        (NEWS, ["anne", "bob"]),
        (replace(NEWS, queue="billing"), ["anne", "cris"]),
        (replace(NEWS, assignee="cris"), ["cris"]),
        (replace(NEWS, assignee="somebody"), ["anne", "bob"]),
        (replace(NEWS, actor="agent:bob"), ["anne"]),
        (replace(NEWS, sender=ANNE.address), ["bob"]),
        (replace(NEWS, assignee="anne", actor="agent:anne"), []),
        (replace(NEWS, event="not-sent", actor="agent:anne"), ["anne"]),
        (replace(NEWS, event="refused", actor="agent:nobody"), []),
        (replace(NEWS, at=NOW - 2 * HOUR), []),
    ],
)
def test_whom_it_concerns(news: Happening, names: list[str]) -> None:
    gone = replace(BOB, name="zoe", address="zoe@office.test", left_at=NOW)
    assert [one.name for one in brief.readers(news, [ANNE, BOB, CRIS, gone])] == names


def test_each_mail_has_a_number_of_its_own_below_zero() -> None:
    numbers = {brief.cause(news, reader) for news in (NEWS, replace(NEWS, id=6)) for reader in (ANNE, BOB)}
    assert len(numbers) == 4
    assert max(numbers) < 0
    kept = replace(NEWS, event="not-sent")
    assert brief.cause(kept, ANNE) == brief.cause(replace(kept, id=6, at=NOW + HOUR), ANNE)
    assert brief.cause(kept, ANNE) != brief.cause(replace(kept, at=NOW + 24 * HOUR), ANNE)
