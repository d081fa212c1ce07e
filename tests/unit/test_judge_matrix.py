"""Who brings which evidence, and where his mail goes then: every cell of the table, led through the whole judgement."""

from __future__ import annotations

import base64

import pytest
from msgspec.structs import replace

from mailgate.judge.thread import TABLE, Evidence, Relation
from mailgate.model import Filing, HeldState, Level, Mark, State, TokenKind
from tests.fakes.judging import Judging, Letter

JOE, COLLEAGUE, STRANGER = "joe@x.test", "ann@x.test", "eve@y.test"
FIRST = "<first@x.test>"
OUTLOOK = bytes(range(16))


def index(guid: bytes) -> dict[str, str]:
    """A Thread-Index as Outlook writes it in an answer."""
    return {"Thread-Index": base64.b64encode(b"\1\2\3\4\5\6" + guid + b"later").decode()}


class Desk(Judging):
    """A gateway where Joe has ticket #1, and was told so."""

    def __init__(self, **headers: str) -> None:
        super().__init__()
        self.trust(JOE)
        self.first = self.receive(Letter(message_id=FIRST, headers={**index(OUTLOOK), **headers}))
        self.advance(minutes=5)
        self.told = list(self.store.events[self.ticket_id])

    @property
    def ticket_id(self) -> int:
        assert self.first.ticket_id is not None
        return self.first.ticket_id

    def bearing(self, evidence: Evidence) -> Letter:
        """A letter that shows this, and nothing else."""
        ours = self.sent[0]
        new = Letter(subject="And one thing more")
        return {
            Evidence.ADDRESS: replace(new, to=self.address(TokenKind.REPLY, ours)),
            Evidence.MESSAGE_ID: replace(new, answers=[self.message_id(ours)]),
            Evidence.CONVERSATION: replace(new, headers=index(self.guid(ours))),
            Evidence.FOREIGN_ID: replace(new, answers=[FIRST]),
            Evidence.FOREIGN_CONVERSATION: replace(new, headers=index(OUTLOOK)),
            Evidence.MARKER: replace(new, text=f"You wrote:\n> Ref: {self.marker(ours)}"),
            Evidence.NUMBER: replace(new, subject="And one thing more [#1]"),
            Evidence.SUBJECT: replace(new, subject="Re: My printer burns", headers={"Cc": JOE}),
        }[evidence]


WHO = {
    Relation.PARTICIPANT: {"author": JOE},
    Relation.UNVERIFIED: {"author": JOE, "level": Level.A0},
    Relation.COLLEAGUE: {"author": COLLEAGUE},
    Relation.OTHER: {"author": STRANGER},
    Relation.NOBODY: {"author": STRANGER, "level": Level.A0},
}

# What a mail shows, and where it goes by who sent it: a participant, his unproven address, a colleague, somebody else,
# nobody we know. "Linked" is new with the ticket named to people of ours; whoever is not known is asked, as any
# newcomer is, unless the mail shows that he has had a mail of ours in hand.
GRID = """
ADDRESS              append  unverified  pending  pending  quarantine
MESSAGE_ID           append  unverified  pending  linked   hold
CONVERSATION         append  unverified  pending  linked   hold
FOREIGN_ID           append  unverified  linked   linked   hold
FOREIGN_CONVERSATION append  unverified  linked   linked   hold
MARKER               append  hold        linked   new      hold
NUMBER               append  hold        linked   new      hold
SUBJECT              append  hold        new      new      hold
"""
CELLS = {
    (who, Evidence[name]): place
    for name, *places in map(str.split, GRID.strip().splitlines())
    for who, place in zip(Relation, places, strict=True)
}
OF_OURS = (Evidence.ADDRESS, Evidence.MESSAGE_ID, Evidence.CONVERSATION, Evidence.MARKER)


def place_of(filing: Filing, desk: Desk) -> str:
    """Where a mail went, in the words of the grid."""
    if filing.ticket_id == desk.ticket_id:
        if Mark.QUARANTINED in filing.verdict.marks:
            return "quarantine"
        if filing.verdict.proposed:
            return "pending"
        return "unverified" if Mark.UNVERIFIED in filing.verdict.marks else "append"
    assert filing.suggests in (None, desk.ticket_id)
    if filing.held is HeldState.HUMAN and filing.suggests and "but the sender is not proven" in filing.verdict.reason:
        return "hold"
    return "linked" if filing.suggests else "new"


def test_the_table_is_whole() -> None:
    assert set(CELLS) == set(TABLE)
    assert len(TABLE) == len(Relation) * len(Evidence)


@pytest.mark.parametrize(("who", "evidence"), CELLS, ids=lambda one: one.name)
def test_each_cell_is_as_it_is_written(who: Relation, evidence: Evidence) -> None:
    desk = Desk()

    filing = desk.receive(replace(desk.bearing(evidence), **WHO[who]))

    trail = "\n".join(step.result for step in filing.verdict.trail if step.check == "thread")
    assert place_of(filing, desk) == CELLS[who, evidence]
    assert evidence in trail
    assert f"ticket #1; the sender is {who}: " in trail


@pytest.mark.parametrize(("who", "evidence"), CELLS, ids=lambda one: one.name)
def test_whoever_joins_no_ticket_leaves_no_word_in_it(who: Relation, evidence: Evidence) -> None:
    desk = Desk()

    filing = desk.receive(replace(desk.bearing(evidence), **WHO[who]))

    joins = CELLS[who, evidence] in ("append", "unverified", "pending", "quarantine")
    assert (desk.store.events[desk.ticket_id] != desk.told) is joins
    assert (filing.ticket_id == desk.ticket_id) is joins


@pytest.mark.parametrize(("who", "evidence"), CELLS, ids=lambda one: one.name)
def test_only_a_stranger_who_has_had_none_of_our_mail_is_asked(who: Relation, evidence: Evidence) -> None:
    desk = Desk()
    before = len(desk.sent)

    desk.receive(replace(desk.bearing(evidence), **WHO[who]))

    newcomer = who in (Relation.COLLEAGUE, Relation.OTHER) and CELLS[who, evidence] in ("new", "linked")
    asked = newcomer and evidence not in OF_OURS
    assert len(desk.sent) - before == asked
    assert all(one.ticket_id is None and one.subject == "" for one in desk.sent[before:])


@pytest.mark.parametrize(
    ("who", "evidence"),
    [
        *((Relation.OTHER, one) for one in (Evidence.MESSAGE_ID, Evidence.CONVERSATION)),
        *(
            (who, one)
            for who in (Relation.COLLEAGUE, Relation.OTHER)
            for one in (Evidence.FOREIGN_ID, Evidence.FOREIGN_CONVERSATION)
        ),
    ],
    ids=lambda one: one.name,
)
def test_whoever_was_named_in_the_ticket_may_be_heard_in_it(who: Relation, evidence: Evidence) -> None:
    """T83"""
    desk = Desk(Cc=f"{COLLEAGUE}, {STRANGER}, support@g.test")

    filing = desk.receive(replace(desk.bearing(evidence), **WHO[who]))

    assert place_of(filing, desk) == "pending"


def test_who_is_only_named_is_no_participant() -> None:
    desk = Desk(Cc=STRANGER)

    for evidence in (Evidence.MARKER, Evidence.NUMBER, Evidence.SUBJECT):
        filing = desk.receive(replace(desk.bearing(evidence), author=STRANGER))
        assert filing.ticket_id != desk.ticket_id


@pytest.mark.parametrize(
    ("who", "evidence"), [cell for cell, place in CELLS.items() if place in ("linked", "new")], ids=lambda one: one.name
)
def test_a_new_ticket_says_what_it_may_belong_to(who: Relation, evidence: Evidence) -> None:
    """Of somebody who is known, the ticket that opens is the only one that hears of it."""
    desk = Desk()
    desk.trust(str(WHO[who]["author"]))

    filing = desk.receive(replace(desk.bearing(evidence), **WHO[who]))

    assert filing.state is State.TICKETED
    assert filing.ticket_id is not None
    told = [one.detail for one in desk.store.events[filing.ticket_id] if one.event == "linked"]
    assert told == (["may belong to #1"] if CELLS[who, evidence] == "linked" else [])
    assert desk.store.events[desk.ticket_id] == desk.told


# ── What the table leaves open ────────────────────────────────────────────────────────────────────────────────────────


def second(desk: Desk) -> Filing:
    """Joe has another ticket, #2."""
    filing = desk.receive(Letter(subject="The lamp too", message_id="<second@x.test>", headers=index(OUTLOOK[::-1])))
    desk.advance(minutes=5)
    assert filing.state is State.TICKETED
    return filing


def test_the_stronger_evidence_decides() -> None:
    desk = Desk()
    other = second(desk)

    letter = replace(desk.bearing(Evidence.FOREIGN_ID), answers=["<second@x.test>"], subject="Again [#1]")

    assert desk.receive(letter).ticket_id == other.ticket_id


AT_ODDS = [
    pytest.param({"subject": "Again [#1] [#2]"}, id="two numbers"),
    pytest.param({"headers": {"In-Reply-To": f"{FIRST} <second@x.test>"}}, id="In-Reply-To names two"),
    pytest.param({"headers": {"In-Reply-To": FIRST, "References": "<second@x.test>"}}, id="one names this, one that"),
]


@pytest.mark.parametrize("changes", AT_ODDS)
def test_evidence_at_odds_with_itself_is_for_a_person(changes: dict[str, object]) -> None:
    desk = Desk()
    other = second(desk)

    filing = desk.receive(replace(Letter(subject="Again"), **changes))

    assert filing.state is State.TICKETED
    assert filing.ticket_id not in (desk.ticket_id, other.ticket_id)
    assert filing.ticket_id is not None
    (told,) = [one.detail for one in desk.store.events[filing.ticket_id] if one.event == "linked"]
    assert sorted(told.removeprefix("may belong to ").split(", ")) == ["#1", "#2"]


def test_two_marks_at_odds_are_for_a_person() -> None:
    desk = Desk()
    second(desk)

    filing = desk.receive(Letter(subject="Again", text="\n".join(desk.marker(one) for one in desk.sent)))

    assert filing.suggests in desk.store.tickets
    assert len(desk.store.tickets) == 3
    assert len(desk.sent) == 2, "whoever quotes us is not answered"


@pytest.mark.parametrize("closed", [[], [1], [1, 2]], ids=["both open", "one open", "none open"])
def test_by_subject_one_open_ticket_has_to_fit(closed: list[int]) -> None:
    desk = Desk()
    other = desk.receive(Letter())
    assert other.ticket_id is not None
    ids = {1: desk.ticket_id, 2: other.ticket_id}
    for number in closed:
        desk.close(ids[number])

    filing = desk.receive(Letter(subject="AW: My printer burns"))

    if closed == [1]:
        assert filing.ticket_id == other.ticket_id
    else:
        assert filing.ticket_id not in ids.values()
        assert filing.suggests in ids.values()


def test_a_subject_is_no_evidence_after_a_week_nor_where_nothing_is_answered() -> None:
    desk = Desk()

    again = desk.receive(Letter())
    desk.close(again.ticket_id or 0)
    desk.advance(days=7, seconds=1)
    late = desk.receive(Letter(subject="Re: My printer burns"))

    assert desk.ticket_id not in (again.ticket_id, late.ticket_id)
    assert again.suggests is late.suggests is None


def test_an_empty_in_reply_to_matches_nothing() -> None:
    """Also where a mail stands in a ticket that has no name of its own."""
    desk = Desk()
    desk.receive(Letter(message_id=""))
    empty = {"In-Reply-To": "<>", "References": "<> <@> < >", "Thread-Index": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}

    filing = desk.receive(Letter(subject="Anew", headers=empty))

    assert filing.state is State.TICKETED
    assert filing.suggests is None
    assert "thread" not in {step.check for step in filing.verdict.trail}


def test_a_foreign_proof_keeps_its_own_ticket() -> None:
    """Nobody named in a mail becomes its requester, and the requester stays who he was."""
    desk = Desk(Cc=STRANGER)
    desk.receive(replace(desk.bearing(Evidence.MESSAGE_ID), author=STRANGER))

    people = {one.address: one.copied for one in desk.store.tickets[desk.ticket_id].participants}

    assert people == {JOE: False, STRANGER: True}
    assert len(desk.store.tickets) == 1
