"""Attacks and mishaps that other systems suffered in threading: each fails here, and does harm once its guard is gone.

Every story is told twice: against the gateway as it is, and with the one thing taken away that stands in its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Select, select

from mailgate.judge import company, evidence, person, thread, token, verdict
from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Docket, Placement
from mailgate.judge.thread import Evidence, Place, Relation
from mailgate.mail import parse
from mailgate.model import Authentication, Case, Facts, Keys, KnownTicket, Level, TicketState, TokenKind
from mailgate.store import conversation, merging, tables
from mailgate.testing import KEYS, Lab
from tests.fakes.letters import letter, read
from tests.lab.threads import ANNE, COLLEAGUE, DESK, EVE, begun, follow, reason, texts, write

FIRST, MALLORY = "<first@x.test>", "mallory@z.test"
OTHER_INSTANCE = Keys("anotherone", KEYS.current, KEYS.secrets)
OTHER_KEY = Keys(KEYS.instance, KEYS.current, {KEYS.current: b"a key that nobody gave to us, ever"[:32]})

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Attack:
    """`play` says whether it did harm; `unguarded` takes away what stands in its way."""

    play: Callable[[Lab], Awaitable[bool]]
    unguarded: Callable[[Patch], None]


def cell(who: Relation, what: Evidence) -> Callable[[Patch], None]:
    """Without one cell of the table: whoever brings this joins."""
    return lambda patch: patch.setitem(thread.TABLE, (who, what), Place.APPEND)


def any_mac(patch: Patch) -> None:
    """Whatever has the form of a signed name is one."""
    patch.setattr(token, "_same", lambda _given, _expected: True)


def speaks(lab: Lab, author: str, number: int = 1) -> bool:
    """Does somebody's mail stand in a ticket as one like any other?"""
    return (author, "") in [(who, mark) for who, mark in texts(lab, number) if mark != "pending"]


def text_of(lab: Lab) -> int:
    return len(texts(lab, 1))


# ── 28: the number of a ticket ────────────────────────────────────────────────────────────────────────────────────────


async def a_number_in_the_subject(lab: Lab) -> bool:
    await begun(lab)
    await write(lab, EVE, subject="I may read along [#1]")
    return speaks(lab, EVE)


# ── 29: names that nobody signed, and authors that nobody proved ──────────────────────────────────────────────────────


async def a_forged_agent_address(lab: Lab) -> bool:
    """To write to the customer as one of us, one needs an address that we gave out."""
    await begun(lab)
    good = token.address(TokenKind.AGENT, 7, DESK, KEYS)
    forged = good.replace(good.partition("@")[0][-4:], "0000")
    handed = await lab.receive(letter("bob@g.test", forged), mail_from="bob@g.test", rcpt_to=[forged], auth="A0")
    return handed.reply[0] == 250


async def a_forged_message_id(lab: Lab) -> bool:
    """The right number under a wrong signature, by somebody who may be heard if he has read our mail."""
    ours = await begun(lab, Cc=EVE)
    name = str(read(ours.raw)["Message-ID"])
    left, at, domain = name.partition("@")
    await write(lab, EVE, subject="As you wrote", In_Reply_To=f"{left[:-4]}0000{at}{domain}")
    return text_of(lab) == 2


async def a_forged_mark(lab: Lab) -> bool:
    """A mark is short enough to be guessed, so it is signed as well."""
    ours = await begun(lab)
    mark = ours.raw.decode().rpartition("Ref: ")[2].strip()
    await write(lab, subject="Anew", text=f"Ref: {mark[:-4]}0000")
    return text_of(lab) == 2


async def a_spoofed_author(lab: Lab) -> bool:
    """Whoever has the address of the answer still is not who he says he is."""
    await follow(lab, await begun(lab), ANNE, auth="A0")
    return texts(lab, 1)[-1] == (ANNE, "")


def names_are_proof(patch: Patch) -> None:
    def believed(sender: str, _proof: Authentication, ticket: KnownTicket, _shared: frozenset[str]) -> Relation:
        return Relation.PARTICIPANT if sender in {one.address for one in ticket.participants} else Relation.NOBODY

    patch.setattr(thread, "relation", believed)


# ── 30: somebody else's answer, and who is the customer ───────────────────────────────────────────────────────────────


async def a_blind_copys_answer(lab: Lab) -> bool:
    """Whoever answers last is not whom we answer."""
    await follow(lab, await begun(lab), EVE)
    await lab.desk.reply(1, "Our offer, in confidence.", "bob")
    await lab.settle()
    return lab.sent[-1].rcpt_to != ANNE


def the_last_word_is_the_customers(patch: Patch) -> None:
    def newest(conn: Connection, _his: Select[Any], _bound: Level) -> str:
        m = tables.message.c
        return str(conn.execute(select(m.author).where(m.direction == "in").order_by(m.id.desc()).limit(1)).scalar())

    patch.setattr(conversation, "_written", newest)


# ── 31: two installations, one form of names ──────────────────────────────────────────────────────────────────────────


async def anothers_name_for_another_mail(lab: Lab, keys: Keys) -> bool:
    ours = await begun(lab)
    known = token.read_message_id(str(read(ours.raw)["Message-ID"]), KEYS)
    assert known is not None
    await write(lab, subject="To another desk", In_Reply_To=token.message_id(known.id, "desk.test", keys))
    return text_of(lab) == 2


# ── 32: nothing is nobody's name ──────────────────────────────────────────────────────────────────────────────────────


async def an_empty_in_reply_to(lab: Lab) -> bool:
    await begun(lab, message_id="<>")
    await write(lab, subject="Anew", In_Reply_To="<>", References="<>")
    return text_of(lab) == 2


# ── 33, 34: a copy that was passed on, and references that were made up ───────────────────────────────────────────────


async def a_forwarded_copy(lab: Lab) -> bool:
    await follow(lab, await begun(lab), COLLEAGUE)
    return speaks(lab, COLLEAGUE)


async def forged_references_wake_a_ticket(lab: Lab) -> bool:
    await begun(lab, message_id=FIRST)
    await lab.desk.close(1, "bob")
    await write(lab, EVE, References=FIRST, In_Reply_To=FIRST, Cc=MALLORY)
    return lab.tickets()[0].state is TicketState.OPEN


async def a_stranger_brings_his_friends(lab: Lab) -> bool:
    """What waits for an agent has no effect, so whom it names may not be heard for it."""
    await follow(lab, await begun(lab), EVE, Cc=MALLORY)
    return MALLORY in lab.tickets()[0].named


def whoever_is_named_is_remembered(patch: Patch) -> None:
    remember = company.remember

    def all_of_them(docket: Docket, placed: Placement) -> None:
        remember(docket, replace(placed, proposed=False, marks=()))

    patch.setattr(company, "remember", all_of_them)


# ── 35: who is who ────────────────────────────────────────────────────────────────────────────────────────────────────


async def a_reply_to_speaks_for_its_author(lab: Lab) -> bool:
    """Proven to be Eve, and Anne only where answers shall go."""
    await begun(lab, message_id=FIRST)
    await write(lab, EVE, In_Reply_To=FIRST, Reply_To=ANNE)
    return text_of(lab) == 2


def reply_to_is_the_author(patch: Patch) -> None:
    def first(case: Case) -> str:
        return canonical((case.mail.reply_to or case.mail.authors)[0].address)

    patch.setattr(verdict, "sender_of", first)


async def an_unproven_author_says_where_to_answer(lab: Lab) -> bool:
    """An address that counts as Anne's may yet be another mailbox."""
    await follow(lab, await begun(lab), "anne+elsewhere@x.test", auth="A0")
    await lab.desk.reply(1, "Our offer, in confidence.", "bob")
    await lab.settle()
    return lab.sent[-1].rcpt_to != ANNE


# ── 36, 37: answers that open a second ticket ─────────────────────────────────────────────────────────────────────────


async def an_answer_to_the_customers_own_mail(lab: Lab) -> bool:
    """From another program, which knows none of our names."""
    await begun(lab, message_id=FIRST)
    await write(lab, subject="One thing more", In_Reply_To=FIRST)
    return len(lab.tickets()) > 1


async def an_old_mail_with_a_new_matter(lab: Lab) -> bool:
    """Who answers a mail of last year means something else; what was settled then stays so."""
    ours = await begun(lab)
    await lab.desk.close(1, "bob")
    lab.advance(timedelta(days=40))
    await follow(lab, ours, text="Now it is the lamp.")
    return lab.tickets()[0].state is TicketState.OPEN


def tickets_open_again_for_ever(patch: Patch) -> None:
    patch.setattr(person, "timedelta", lambda days: timedelta(days=1000 * days))


async def a_relay_renamed_our_mail(lab: Lab) -> bool:
    """And the customer's program keeps the nearest name alone."""
    await begun(lab)
    message = tables.message
    named = message.update().where(message.c.direction == "out").values(alias="0102018abc-000000")
    await lab.database.write(lambda conn: conn.execute(named))
    await write(lab, subject="Sent from my telephone", In_Reply_To="<0102018abc-000000@email.amazonses.com>")
    return len(lab.tickets()) > 1


# ── 38: what was merged ───────────────────────────────────────────────────────────────────────────────────────────────


async def an_answer_to_a_merged_ticket(lab: Lab) -> bool:
    ours = await begun(lab)
    await begun(lab, EVE, subject="Smoke here as well")
    await lab.desk.merge(1, 2, "bob")
    await follow(lab, ours)
    return lab.tickets()[0].state is TicketState.OPEN


def a_merge_moves_nothing(patch: Patch) -> None:
    def as_it_stands(ticket_id: int | None, facts: Facts) -> KnownTicket | None:
        return facts.tickets.get(ticket_id) if ticket_id else None

    patch.setattr(merging, "merge", lambda _conn, _ticket_id, _into: None)
    patch.setattr(evidence, "standing", as_it_stands)


# ── One name for two mails ────────────────────────────────────────────────────────────────────────────────────────────


async def a_name_that_was_taken(lab: Lab) -> bool:
    """Somebody gives his mail the name of another's, and is heard where that one stands."""
    await begun(lab, message_id=FIRST, Cc=EVE)
    await write(lab, MALLORY, message_id=FIRST, subject="Mine")
    await write(lab, EVE, In_Reply_To=FIRST, subject="Me")
    return text_of(lab) == 2


def a_name_is_a_name(patch: Patch) -> None:
    patch.setattr(thread, "decided", lambda who, found: thread.TABLE[who, found.evidence])


ATTACKS = {
    "28 a number in the subject": Attack(a_number_in_the_subject, cell(Relation.OTHER, Evidence.NUMBER)),
    "29 a forged agent address": Attack(a_forged_agent_address, any_mac),
    "29 a forged Message-ID of ours": Attack(a_forged_message_id, any_mac),
    "29 a forged mark of ours": Attack(a_forged_mark, any_mac),
    "29 a spoofed author": Attack(a_spoofed_author, names_are_proof),
    "30 a blind copy's answer": Attack(a_blind_copys_answer, the_last_word_is_the_customers),
    "31 another installation": Attack(lambda lab: anothers_name_for_another_mail(lab, OTHER_INSTANCE), any_mac),
    "31 another key": Attack(lambda lab: anothers_name_for_another_mail(lab, OTHER_KEY), any_mac),
    "32 an empty In-Reply-To": Attack(an_empty_in_reply_to, lambda patch: patch.setattr(parse, "ids", tuple)),
    "33 a forwarded copy": Attack(a_forwarded_copy, cell(Relation.COLLEAGUE, Evidence.ADDRESS)),
    "34 forged References": Attack(forged_references_wake_a_ticket, cell(Relation.OTHER, Evidence.FOREIGN_ID)),
    "34 a stranger's friends": Attack(a_stranger_brings_his_friends, whoever_is_named_is_remembered),
    "35 Reply-To above From": Attack(a_reply_to_speaks_for_its_author, reply_to_is_the_author),
    "35 an unproven author": Attack(an_unproven_author_says_where_to_answer, the_last_word_is_the_customers),
    "36 an answer from outside": Attack(
        an_answer_to_the_customers_own_mail, lambda patch: patch.setattr(evidence, "_by_foreign_id", lambda *_: [])
    ),
    "36 an old mail with a new matter": Attack(an_old_mail_with_a_new_matter, tickets_open_again_for_ever),
    "37 a relay renames our mail": Attack(
        a_relay_renamed_our_mail, lambda patch: patch.setattr(evidence, "_left", lambda *_: "")
    ),
    "38 a merged ticket": Attack(an_answer_to_a_merged_ticket, a_merge_moves_nothing),
    "one name for two mails": Attack(
        a_name_that_was_taken,
        lambda patch: patch.setattr(thread, "decided", lambda who, found: thread.TABLE[who, found.evidence]),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_it_does_no_harm(attack: Attack) -> None:
    async with Lab() as lab:
        assert not await attack.play(lab)
        assert lab.ledger().balanced


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_without_its_guard_it_does(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Lab() as lab:
        attack.unguarded(monkeypatch)
        assert await attack.play(lab)


async def test_what_was_meant_for_one_of_us_goes_to_no_customer() -> None:
    """A good agent's address in the wrong hands, and a From that nobody proved: nothing leaves."""
    async with Lab() as lab:
        await begun(lab)
        good = token.address(TokenKind.AGENT, 7, DESK, KEYS)
        for author in ("bob@g.test", ANNE):
            handed = await write(lab, author, to=[good], auth="A0", subject="Please pay to this account")
            assert "append" not in reason(lab, handed)

        assert [one.kind for one in lab.sent] == ["acknowledge"]
        assert texts(lab, 1) == [(ANNE, "")]
