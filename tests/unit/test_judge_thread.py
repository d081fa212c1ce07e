"""Which ticket a mail belongs to: every cell of the table, and the order of proofs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from mailgate.judge.thread import MOST_REFERENCES, Evidence, Relation, link, named_ids, relation
from mailgate.model import (
    Authentication,
    Case,
    Facts,
    KnownMessage,
    KnownTicket,
    Level,
    Mail,
    Participant,
    Purpose,
    TicketState,
    Token,
    TokenKind,
)
from tests.fakes.judging import Judging, Letter, rulebook

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
FREEMAIL = frozenset({"gmail.com"})
TICKET = KnownTicket(
    1,
    1,
    TicketState.OPEN,
    "support",
    "support@g.test",
    "printer",
    (Participant("joe@x.test", Level.A2), Participant("ann@gmail.com", Level.A1), Participant("bob@y.test", Level.A0)),
)

RELATIONS = [
    pytest.param("joe@x.test", Level.A2, Relation.PARTICIPANT, id="participant"),
    pytest.param("joe@x.test", Level.A1, Relation.UNVERIFIED, id="proven less well than he came"),
    pytest.param("joe@x.test", Level.A0, Relation.UNVERIFIED, id="not proven"),
    pytest.param("ann@gmail.com", Level.A1, Relation.PARTICIPANT, id="as well as he came"),
    pytest.param("ann@gmail.com", Level.A2, Relation.PARTICIPANT, id="better than he came"),
    pytest.param("bob@y.test", Level.A0, Relation.UNVERIFIED, id="never proven is never a participant"),
    pytest.param("bob@y.test", Level.A1, Relation.PARTICIPANT, id="proven at last"),
    pytest.param("eve@mail.x.test", Level.A1, Relation.COLLEAGUE, id="same company"),
    pytest.param("eve@x.test", Level.A0, Relation.NOBODY, id="claims the same company"),
    pytest.param("eve@gmail.com", Level.A2, Relation.OTHER, id="a freemail provider is no company"),
    pytest.param("eve@z.test", Level.A1, Relation.OTHER, id="somebody else"),
    pytest.param("eve@z.test", Level.A0, Relation.NOBODY, id="somebody else, not proven"),
    pytest.param("", Level.A0, Relation.NOBODY, id="no single author"),
]


@pytest.mark.parametrize(("sender", "level", "expected"), RELATIONS)
def test_a_sender_stands_in_relation_to_a_ticket(sender: str, level: Level, expected: Relation) -> None:
    assert relation(sender, Authentication(level), TICKET, FREEMAIL) is expected


def test_nobody_is_no_participant_of_a_ticket_of_nobody() -> None:
    nameless = replace(TICKET, participants=(Participant("", Level.A0),))

    assert relation("", Authentication(Level.A0), nameless, FREEMAIL) is Relation.NOBODY
    assert relation("joe@x.test", Authentication(Level.A2), nameless, FREEMAIL) is Relation.OTHER


# ── Proofs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sent(token_id: int, ticket_id: int | None) -> KnownMessage:
    return KnownMessage(
        token_id,
        f"<{token_id}>",
        AT,
        ticket_id,
        "",
        "",
        purpose=Purpose.AGENT,
        token_id=token_id,
        recipient="joe@x.test",
    )


def facts(*tickets: int) -> Facts:
    """Ticket n got our mail n."""
    return Facts(
        tokens={number: sent(number, number) for number in tickets},
        tickets={number: replace(TICKET, id=number) for number in tickets},
    )


def case(recipient: Token | None = None, answers: tuple[str, ...] = (), references: tuple[str, ...] = ()) -> Case:
    plain = Judging().case(Letter())
    mail = Mail(headers={}, in_reply_to=answers, references=references)
    named = {f"<{number}>": Token(TokenKind.MESSAGE, "1", number) for number in range(1, 500)}
    ours = {name: named[name] for name in (*answers, *references) if name in named}
    return replace(plain, mail=mail, recipient=recipient, ours=ours)


def reply(number: int) -> Token:
    return Token(TokenKind.REPLY, "1", number)


def linked(of: Case, known: Facts) -> tuple[Evidence, int | None] | None:
    found = link(of, known, rulebook().limits)
    return (found.evidence, found.ticket.id if found.ticket else None) if found else None


def test_without_proof_there_is_no_link() -> None:
    assert linked(case(references=("<foreign@x.test>",)), facts(1)) is None


@pytest.mark.parametrize("kind", [TokenKind.REPLY, TokenKind.CHALLENGE])
def test_the_address_is_the_strongest_proof(kind: TokenKind) -> None:
    assert linked(case(Token(kind, "1", 1), ("<2>",)), facts(1, 2)) == (Evidence.ADDRESS, 1)


def test_a_bounce_address_proves_no_ticket() -> None:
    assert linked(case(Token(TokenKind.BOUNCE, "1", 1)), facts(1)) is None


def test_an_address_that_is_forgotten_leaves_the_word_to_what_is_known() -> None:
    assert linked(case(reply(9), ("<2>",)), facts(2)) == (Evidence.MESSAGE_ID, 2)


def test_a_forgotten_proof_is_still_a_link() -> None:
    """Whatever follows a mail of ours is never answered by machine."""
    assert linked(case(reply(9)), facts()) == (Evidence.ADDRESS, None)
    assert linked(case(None, ("<9>",)), facts()) == (Evidence.MESSAGE_ID, None)


def test_the_nearest_reference_decides() -> None:
    assert linked(case(None, ("<3>",), ("<1>", "<2>")), facts(1, 2, 3)) == (Evidence.MESSAGE_ID, 3)
    assert linked(case(None, (), ("<1>", "<2>", "<foreign@x>")), facts(1, 2)) == (Evidence.MESSAGE_ID, 2)
    assert linked(case(None, (), ("<1>", "<2>")), facts(1)) == (Evidence.MESSAGE_ID, 1)


def test_references_are_looked_up_to_a_bound() -> None:
    many = case(None, ("<1>",), tuple(f"<{number}>" for number in range(1, 400)))

    names = named_ids(many)
    assert len(names) == MOST_REFERENCES
    assert names[:3] == ("<1>", "<399>", "<398>")
