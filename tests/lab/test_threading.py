# Long because it is one table of scenarios, each a story of its own.
"""Which ticket a mail comes to, and what it may do there: told as whole stories, on both kinds of database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailgate.errors import NotAllowed, NotFound
from mailgate.model import TicketChange, TicketState
from mailgate.pruning import Rules, prune
from mailgate.store import record, tables
from mailgate.testing import Lab
from tests.fakes.letters import body, letter, read
from tests.fakes.stores import Laboratory
from tests.lab.threads import ANNE, COLLEAGUE, EVE, begun, events, follow, guid_of, index, reason, texts, write

DAYS = timedelta(days=1)
FIRST = "<first@x.test>"
SAME = "The printer is on fire"


def state(lab: Lab, number: int) -> TicketState:
    (found,) = [one.state for one in lab.tickets() if one.number == number]
    return TicketState(found)


def numbers(lab: Lab) -> list[int]:
    return [one.number for one in lab.tickets()]


# ── Who follows, and by what ──────────────────────────────────────────────────────────────────────────────────────────


async def test_t80_a_participant_with_his_token_joins(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await follow(lab, await begun(lab))

        assert numbers(lab) == [1]
        assert texts(lab, 1) == [(ANNE, ""), (ANNE, "")]
        assert len(lab.sent) == 1, "a follow-up is not acknowledged"


async def test_t81_a_proven_stranger_with_a_number_begins_anew_and_learns_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab)
        before = events(lab, 1)
        handed = await write(lab, EVE, subject="About [#1]")

        assert [one.kind for one in lab.sent] == ["acknowledge", "challenge"]
        assert b"#1" not in lab.sent[1].raw
        assert SAME.encode() not in lab.sent[1].raw
        assert events(lab, 1) == before
        assert "ticket #1; the sender is somebody else" in reason(lab, handed)


async def test_t81_the_same_at_a_mailbox_that_asks_nobody(laboratory: Laboratory) -> None:
    async with laboratory(overrides={"mailbox": [{"address": "support@g.test", "mode": "off"}]}) as lab:
        await begun(lab)
        before = events(lab, 1)
        await write(lab, EVE, subject="About [#1]")

        assert (lab.sent[1].kind, lab.sent[1].rcpt_to) == ("acknowledge", EVE)
        assert "#1" not in body(lab.sent[1].raw)
        assert "[#1]" not in str(read(lab.sent[1].raw)["Subject"])
        assert numbers(lab) == [1, 2]
        assert events(lab, 1) == before


async def test_t82_a_stranger_who_guesses_a_message_id_is_not_appended(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST)
        before = events(lab, 1)
        await write(lab, EVE, References=FIRST, In_Reply_To=FIRST)
        await write(lab, EVE, References=FIRST, In_Reply_To=FIRST, auth="A0", subject="Once more")

        assert events(lab, 1) == before
        assert [(one.from_, one.may_belong_to) for one in lab.held()] == [(EVE, 1), (EVE, 1)]


async def test_t83_a_colleague_who_was_copied_is_heard_and_takes_no_part(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST, Cc=COLLEAGUE)
        await write(lab, COLLEAGUE, In_Reply_To=FIRST, References=FIRST, subject=f"Re: {SAME}", Cc=ANNE)

        (ticket,) = lab.tickets()
        assert texts(lab, 1) == [(ANNE, ""), (COLLEAGUE, "pending")]
        assert (ticket.participants, ticket.named) == ((ANNE,), (COLLEAGUE,))
        assert len(lab.sent) == 1

        pending = ticket.messages[-1].id
        await lab.desk.let_in(pending, "bob")
        await write(lab, COLLEAGUE, In_Reply_To=FIRST, References=FIRST, subject="More")

        (ticket,) = lab.tickets()
        assert texts(lab, 1) == [(ANNE, ""), (COLLEAGUE, ""), (COLLEAGUE, "")]
        assert ticket.participants == (ANNE, COLLEAGUE)


async def test_t83_the_same_where_the_first_mail_had_to_wait(laboratory: Laboratory) -> None:
    """Whom a mail names is remembered until it is let in."""
    async with laboratory() as lab:
        await write(lab, ANNE, message_id=FIRST, Cc=COLLEAGUE)
        await lab.desk.accept(lab.held()[0].id, "bob")
        await write(lab, COLLEAGUE, In_Reply_To=FIRST, References=FIRST, subject="Me too")

        assert texts(lab, 1) == [(ANNE, ""), (COLLEAGUE, "pending")]


async def test_t84_whoever_got_the_token_is_heard_and_learns_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await follow(lab, ours, EVE)
        await follow(lab, ours, EVE, auth="A0")
        await lab.desk.reply(1, "Only for Anne.", "bob")
        await lab.settle()

        assert texts(lab, 1) == [(ANNE, ""), (EVE, "pending"), (EVE, "pending")]
        assert [one.rcpt_to for one in lab.sent] == [ANNE, ANNE]
        (ticket,) = lab.tickets()
        assert [one.marks for one in ticket.messages if one.verdict] == [(), (), ("quarantined",)]
        assert ticket.participants == (ANNE,)


async def test_t85_a_forged_answer_is_shown_as_one_and_the_answer_goes_home(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await follow(lab, ours, "Anne <Anne+evil@x.test>", auth="A0", Reply_To=EVE, Cc=EVE)
        await lab.desk.reply(1, "Here you are.", "bob")
        await lab.settle()

        (ticket,) = lab.tickets()
        assert ticket.messages[2].marks == ("unverified", "answers-wanted-elsewhere")
        assert lab.sent[-1].rcpt_to == ANNE
        assert ticket.named == (), "what nothing vouches for names nobody"


async def test_t86_a_reply_to_of_another_company_is_told_and_not_used(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.trust(ANNE, "bob")
        handed = await write(lab, Reply_To="Accounts <pay@elsewhere.test>")
        same = await write(lab, Reply_To="desk@mail.x.test", subject="Other")
        await lab.desk.reply(1, "Yes.", "bob")
        await lab.settle()

        assert "wants answers at another company, pay@elsewhere.test: not used" in reason(lab, handed)
        assert "another company" not in reason(lab, same)
        assert {one.rcpt_to for one in lab.sent} == {ANNE}


async def test_t94_outlook_after_a_relay_lost_all_names_still_joins(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await write(lab, ANNE, subject="FW", Thread_Index=index(guid_of(ours.raw)))
        await write(lab, EVE, subject="FW", Thread_Index=index(guid_of(ours.raw)))

        assert texts(lab, 1) == [(ANNE, ""), (ANNE, "")]
        assert [(one.from_, one.may_belong_to) for one in lab.held()] == [(EVE, 1)]
        assert len(lab.sent) == 1, "who knows our conversation has had our mail in hand"


async def test_the_conversation_of_the_customers_own_outlook_joins(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, Thread_Index=index())
        await write(lab, subject="More", Thread_Index=index())

        assert texts(lab, 1) == [(ANNE, ""), (ANNE, "")]


async def test_the_name_that_a_relay_gave_our_mail_is_ours(laboratory: Laboratory) -> None:
    """A relay such as Amazon SES renames what it takes; its answer tells the name, bare."""
    async with laboratory() as lab:
        await begun(lab)
        bare, whole = "0102018abc-000000", "<other@relay.test>"
        message = tables.message
        change = message.update().where(message.c.direction == "out")
        await lab.database.write(lambda conn: conn.execute(change.values(alias=bare)))
        await write(lab, subject="A", In_Reply_To=f"<{bare}@eu-west-1.amazonses.com>")
        await write(lab, subject="B", In_Reply_To=f"<{bare}@evil.test>")
        await lab.database.write(lambda conn: conn.execute(change.values(alias=whole)))
        await write(lab, subject="C", In_Reply_To=whole)

        assert [one.subject for one in lab.tickets()] == [SAME, "B"]
        assert [one.subject for one in lab.tickets()[0].messages if one.verdict] == [SAME, "A", "C"]


# ── One mail twice, two mails under one name ──────────────────────────────────────────────────────────────────────────

BOXES = {"mailbox": [{"address": "support@g.test"}, {"address": "sales@g.test", "queue": "sales"}]}


async def test_one_mail_to_two_mailboxes_is_one_ticket_that_says_so(laboratory: Laboratory) -> None:
    async with laboratory(overrides=BOXES) as lab:
        await lab.desk.trust(ANNE, "bob")
        await write(lab, to=["support@g.test", "sales@g.test"])

        assert numbers(lab) == [1]
        assert "also-received sales@g.test" in events(lab, 1)


async def test_t87_another_mail_under_the_same_name_is_kept_and_marked(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST, Cc=EVE)
        await write(lab, message_id=FIRST, subject="Another matter", text="Something else.")

        first, second = lab.tickets()
        assert second.messages[0].marks == ("same-message-id",)
        assert first.messages[0].message_id == FIRST != second.messages[0].message_id


async def test_t87_such_a_name_leads_strangers_nowhere(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST, Cc=EVE)
        await write(lab, message_id=FIRST, subject="Another matter", text="Something else.")
        await write(lab, EVE, In_Reply_To=FIRST, subject="Me")
        await write(lab, In_Reply_To=FIRST, subject="More")

        assert texts(lab, 1) == [(ANNE, ""), (ANNE, "")]
        assert [(one.from_, one.may_belong_to) for one in lab.held()] == [(EVE, None)]


async def test_t88_a_mail_without_a_name_that_comes_twice_is_one_ticket(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.trust(ANNE, "bob")
        raw = letter(ANNE, date=lab.now).replace(b"Message-ID:", b"X-Was:")
        await write(lab, raw=raw)
        await write(lab, raw=b"Received: by mx.x.test\r\n" + raw)

        assert numbers(lab) == [1]
        assert lab.ledger().duplicate == 1


LIST = {"List_Id": "<users.x.test>", "Precedence": "list", "subject": f"[users] {SAME}"}


@pytest.mark.parametrize("order", [["direct", "list"], ["list", "direct"]], ids=" then ".join)
async def test_t89_a_mail_and_its_copy_by_a_list_are_one_ticket(laboratory: Laboratory, order: list[str]) -> None:
    async with laboratory() as lab:
        await lab.desk.trust(ANNE, "bob")
        text = "It burns. Please help."
        ways: dict[str, dict[str, Any]] = {
            "direct": {"message_id": FIRST, "text": text},
            "list": {"message_id": FIRST, "text": f"{text}\n____\nusers mailing list", **LIST},
        }
        for way in order:
            await write(lab, **ways[way])

        assert numbers(lab) == [1]
        assert [mark for _, mark in texts(lab, 1)] == ["", "variant"]


# ── How a ticket lives ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_follow_up_within_thirty_days_opens_it_again(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await lab.desk.close(1, "bob")
        lab.advance(30 * DAYS)
        await follow(lab, ours)

        assert (numbers(lab), state(lab, 1)) == ([1], TicketState.OPEN)
        assert events(lab, 1)[-2].startswith("reopened")


async def test_t90_a_follow_up_after_that_is_a_ticket_that_says_what_it_follows(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await lab.desk.close(1, "bob")
        lab.advance(31 * DAYS)
        await follow(lab, ours)

        old, new = lab.tickets()
        assert (old.state, new.state) == (TicketState.CLOSED, TicketState.OPEN)
        assert new.follow_up_of == 1


async def test_more_reopenings_than_enough_only_ask_for_a_look(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        for _ in range(2):
            await lab.desk.close(1, "bob")
            await follow(lab, ours)

        told = [line.split()[0] for line in events(lab, 1)]
        assert (told.count("reopened"), told.count("needs-a-look")) == (1, 1)
        assert state(lab, 1) is TicketState.OPEN


async def test_an_unproven_answer_by_reference_wakes_nothing_by_itself(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await lab.desk.close(1, "bob")
        await write(lab, auth="A0", In_Reply_To=str(read(ours.raw)["Message-ID"]))

        assert events(lab, 1)[-2].startswith("needs-a-look")


async def test_t91_an_automatic_reply_leaves_a_closed_ticket_closed(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await lab.desk.close(1, "bob")
        await follow(lab, ours, Auto_Submitted="auto-replied", text="I am away.")
        await write(lab, subject="Automatic reply [#1]", Auto_Submitted="auto-replied", text="I am away.")

        assert state(lab, 1) is TicketState.CLOSED
        assert numbers(lab) == [1]


async def test_a_ticket_that_rests_is_woken_by_its_customer(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        (ticket_id,) = lab.database.look(lambda conn: [row.id for row in conn.execute(tables.ticket.select())])
        rests = TicketChange(1, ticket_id, lab.now, "put-off", "agent:bob", "", TicketState.PENDING)
        await lab.database.write(lambda conn: record.apply(conn, [rests], lab.now))
        await follow(lab, ours, EVE)
        assert state(lab, 1) is TicketState.PENDING, "who takes no part wakes nobody"

        await follow(lab, ours)

        assert state(lab, 1) is TicketState.OPEN


async def test_a_token_outlives_its_ticket_for_who_is_known_alone(laboratory: Laboratory) -> None:
    async with laboratory(overrides={"mailbox": [{"address": "support@g.test", "mode": "off"}]}) as lab:
        ours = await begun(lab)
        await lab.desk.close(1, "bob")
        lab.advance(3 * DAYS)
        await prune(lab.database, Rules(1, 0, 0, 0, 0, 0), lab.now)
        assert numbers(lab) == []

        await follow(lab, ours)
        await follow(lab, ours, EVE)
        await follow(lab, ours, auth="A0")

        assert [one.contact for one in lab.tickets()] == [ANNE]
        assert [one.from_ for one in lab.held()] == [EVE, ANNE]
        assert len(lab.sent) == 1


# ── What people join and part ─────────────────────────────────────────────────────────────────────────────────────────


async def test_t92_what_answers_a_merged_ticket_goes_where_it_went(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        first, second = await begun(lab, message_id=FIRST), await begun(lab, EVE, subject="Smoke here as well")
        await lab.desk.merge(1, 2, "bob")
        await follow(lab, first)
        await write(lab, In_Reply_To=FIRST, subject="By reference")
        await write(lab, subject="By number [#1]")
        await follow(lab, second, EVE)

        old, whole = lab.tickets()
        assert (old.state, old.merged_into, old.messages) == (TicketState.CLOSED, 2, ())
        assert texts(lab, 2) == [(ANNE, ""), (EVE, ""), (ANNE, ""), (ANNE, ""), (ANNE, ""), (EVE, "")]
        assert (whole.merged, whole.participants, whole.with_them) == ((1,), (EVE,), (ANNE,))
        assert events(lab, 1)[-1] == "merged into #2"


async def test_merges_go_on_and_never_in_a_circle(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        for author in (EVE, COLLEAGUE):
            await begun(lab, author, subject=f"Of {author}")
        await lab.desk.merge(1, 2, "bob")
        await lab.desk.merge(2, 3, "bob")
        await follow(lab, ours)

        assert texts(lab, 3)[-1] == (ANNE, "")
        for pair, words in (((3, 1), "is part of #3"), ((1, 2), "is part of #3 already"), ((3, 3), "is part of")):
            with pytest.raises(NotAllowed, match=words):
                await lab.desk.merge(*pair, "bob")
        with pytest.raises(NotFound, match="no ticket #9"):
            await lab.desk.merge(3, 9, "bob")


async def test_nothing_reopens_a_merged_ticket_and_acts_on_it_reach_the_whole(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab)
        await begun(lab, EVE, subject="Smoke here as well")
        await lab.desk.merge(1, 2, "bob")
        await lab.desk.close(1, "bob")
        assert [one.state for one in lab.tickets()] == [TicketState.CLOSED] * 2
        await lab.desk.reopen(1, "bob")
        await lab.desk.reply(1, "For Anne.", "bob")
        await lab.desk.reply(2, "For Eve.", "bob")
        await lab.settle()

        assert [one.state for one in lab.tickets()] == [TicketState.CLOSED, TicketState.OPEN]
        assert [(one.rcpt_to, body(one.raw).splitlines()[0]) for one in lab.sent[-2:]] == [
            (ANNE, "For Anne."),
            (EVE, "For Eve."),
        ]
        await follow(lab, lab.sent[-2])
        assert texts(lab, 2)[-1] == (ANNE, "")


async def test_a_merged_ticket_stays_as_long_as_the_one_that_it_is_part_of(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await begun(lab, EVE, subject="Smoke here as well")
        await lab.desk.merge(1, 2, "bob")
        lab.advance(10 * DAYS)
        await prune(lab.database, Rules(1, 0, 0, 0, 0, 0), lab.now)
        await follow(lab, ours)

        assert texts(lab, 2)[-1] == (ANNE, "")


async def test_an_agent_joins_the_people_of_a_merge(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab)
        await begun(lab, EVE, subject="Smoke here as well", Cc=COLLEAGUE)
        await lab.desk.merge(1, 2, "bob")
        await lab.desk.join(1, "Anne@X.test", "bob")
        await lab.desk.join(2, COLLEAGUE, "bob")

        assert lab.tickets()[1].participants == (ANNE, COLLEAGUE, EVE)
        assert events(lab, 2)[-2:] == [f"joined {ANNE}", f"joined {COLLEAGUE}"]
        with pytest.raises(NotAllowed, match="takes part"):
            await lab.desk.join(2, ANNE, "bob")


async def test_mails_that_are_split_take_their_names_along_and_tokens_stay(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await follow(lab, ours, text="The lamp!", message_id="<lamp@x.test>")
        await follow(lab, ours, EVE, text="And me!", message_id="<eve@y.test>")
        ids = [one.id for one in lab.tickets()[0].messages if one.verdict]
        assert await lab.desk.split(1, "bob", ids[1:]) == [2]

        await write(lab, In_Reply_To="<lamp@x.test>", subject="Lamp, more")
        await write(lab, EVE, In_Reply_To="<eve@y.test>", subject="Me, more")
        await follow(lab, ours, text="The printer!")

        first, second = lab.tickets()
        assert [body(one.raw).split("!")[0] for one in first.messages if one.verdict][1:] == ["The printer"]
        assert [one.message_id for one in second.messages][:2] == ["<lamp@x.test>", "<eve@y.test>"]
        assert [one.subject for one in second.messages][2:] == ["Lamp, more", "Me, more"]
        assert second.participants == (ANNE, EVE)
        assert events(lab, 1)[-2] == "split 2 mails: #2"
        assert lab.ledger().balanced


async def test_a_split_leaves_something_and_takes_only_what_came_in(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab)
        whole = lab.tickets()[0].messages
        with pytest.raises(NotAllowed, match="has to stay"):
            await lab.desk.split(1, "bob", [whole[0].id])
        with pytest.raises(NotFound, match="came into #1"):
            await lab.desk.split(1, "bob", [whole[1].id])
        with pytest.raises(NotAllowed, match="only a flood"):
            await lab.desk.split(1, "bob")


async def test_what_is_discarded_is_kept_and_can_come_back(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        ours = await begun(lab)
        await follow(lab, ours, EVE, auth="A0")
        await lab.desk.close(1, "bob")
        pending = lab.tickets()[0].messages[-1].id
        await lab.desk.discard(pending, "bob")
        assert lab.tickets()[0].messages[-1].discarded
        with pytest.raises(NotAllowed, match="out of view already"):
            await lab.desk.discard(pending, "bob")

        await lab.desk.let_in(pending, "bob")

        (ticket,) = lab.tickets()
        assert (ticket.state, ticket.messages[-1].discarded) == (TicketState.OPEN, False)
        assert ticket.participants == (ANNE,), "nothing proved who he is"
        with pytest.raises(NotAllowed, match="in its ticket already"):
            await lab.desk.let_in(pending, "bob")


# ── Threads as mail programs build them ───────────────────────────────────────────────────────────────────────────────


async def test_an_answer_to_a_mail_that_never_came_joins_by_what_came_before(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST)
        await write(lab, In_Reply_To="<lost@x.test>", References=f"{FIRST} <lost@x.test>", subject="Re: other words")

        assert len(texts(lab, 1)) == 2


async def test_the_newest_reference_counts_in_whatever_order_they_came(laboratory: Laboratory) -> None:
    """The root of the thread stands in one ticket, what is answered in another."""
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST)
        await begun(lab, message_id="<second@x.test>", subject="The lamp")
        await write(lab, References=f"{FIRST} <second@x.test> <second@x.test>", subject="Lamp, more")
        await write(lab, References=f"<second@x.test> {FIRST} <unknown@x.test>", subject="Printer, more")

        assert [one.subject for one in lab.tickets()[0].messages if one.verdict] == [SAME, "Printer, more"]
        assert [one.subject for one in lab.tickets()[1].messages if one.verdict] == ["The lamp", "Lamp, more"]


async def test_a_mail_that_names_itself_is_one_ticket(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab, message_id=FIRST, In_Reply_To=FIRST, References=f"{FIRST} {FIRST}")
        await write(lab, message_id="<a@x.test>", In_Reply_To="<b@x.test>", subject="Loop A")
        await write(lab, message_id="<b@x.test>", In_Reply_To="<a@x.test>", subject="Loop B")

        assert [len(texts(lab, number)) for number in numbers(lab)] == [1, 2]


async def test_an_answer_without_references_joins_by_its_subject(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await begun(lab)
        await write(lab, subject=f"Re: AW: {SAME.upper()}")
        await write(lab, subject=SAME)

        assert [one.subject for one in lab.tickets()] == [SAME, SAME], "who begins anew means something new"
        assert len(texts(lab, 1)) == 2


async def test_a_discussion_on_a_list_stands_together_and_wakes_nobody(laboratory: Laboratory) -> None:
    """Its members are strangers to us and to each other; the desk only reads along."""
    async with laboratory() as lab:
        members = ["ada@a.test", "ben@b.test", "cem@c.test"]
        named: list[str] = []
        for turn, author in enumerate([*members, *members]):
            name = f"<{turn}@list.test>"
            posted = {**LIST, "subject": f"[users] {'Re: ' if turn else ''}Ink", "References": " ".join(named)}
            await write(lab, author, message_id=name, **posted)
            named.append(name)

        assert lab.sent == []
        assert numbers(lab) == []
        assert lab.ledger().parked == len(named)


async def test_many_at_once_find_each_other(laboratory: Laboratory) -> None:
    """A whole exchange that comes out of a backlog in one batch."""
    async with laboratory() as lab:
        await lab.desk.trust(ANNE, "bob")
        names = [f"<{turn}@x.test>" for turn in range(6)]
        mails = [
            {
                "raw": letter(ANNE, message_id=name, subject=f"Turn {turn}", References=" ".join(names[:turn])),
                "mail_from": ANNE,
            }
            for turn, name in enumerate(names)
        ]
        await lab.receive_many(mails)
        await lab.settle()

        assert numbers(lab) == [1]
        assert [one.subject for one in lab.tickets()[0].messages if one.verdict] == [
            f"Turn {turn}" for turn in range(6)
        ]
        assert lab.ledger().balanced
