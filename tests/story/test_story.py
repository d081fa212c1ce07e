"""A company's first five weeks with its gateway: forty mails, as people's own programs write them.

The page says for every mail what leaves, to whom, and how the tickets stand then: `open 3+2` are three mails that
came and two that left. What a row does not name is as it was. Each mail comes seven minutes after the one before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory
from tests.story.clients import (
    INVOICE,
    SCREENSHOT,
    apple_mail,
    gmail,
    ios_mail,
    k9,
    k9_below,
    k9_header,
    outlook,
    outlook_mobile,
    outlook_web,
    thunderbird,
)
from tests.story.machines import AWAY, exchange_absence, gmail_vacation, postfix_report
from tests.story.telling import Person, Story, read, readable, rows, telling_lines, words

PAGE = """
 1  | Carla writes, and nobody knows her            | challenge carla                | held 1
 2  | she answers the question                      | acknowledge carla, notice both twice | held 0; #1 open 2+1
 3  | Anne answers from Outlook, signed and quoting | agent carla                    | #1 open 3+2
 4  | Carla answers from her iPhone                 | notice both                    | #1 open 4+2
 5  | Dieter, in Cc of her first mail, answers all  | notice both                    | #1 open 5+2
5a  | Anne lets him in                              |                                |
 6  | Dieter writes once more                       | notice both                    | #1 open 6+2
 7  | Oscar, who was forwarded it, answers Anne     | notice both                    | #1 open 7+2
 8  | he does so again, from nobody knows where     | notice both                    | #1 open 8+2
 9  | Nora knows nothing but a number               | challenge nora                 | held 1
10  | Anne answers again; only Carla is answered    | agent carla                    | #1 open 9+3
11  | Carla's program says that she is away         |                                | #1 open 10+3
12  | Bob's program says so to what we told him     |                                | #1 open 11+3
13  | Anne closes the ticket                        |                                | #1 closed 12+3
14  | Carla's program answers that too              |                                | #1 closed 13+3
15  | Carla is back, and it is broken again         | notice both                    | #1 open 14+3
16  | Bob writes a note                             |                                | #1 open 15+3
17  | Bob takes it, puts it off and tells Carla     | agent carla                    | #1 pending 16+4
18  | Carla cannot wait                             | notice bob                     | #1 open 17+4
19  | Bob mistypes a command                        | notice bob                     | #1 open 18+4
20  | Gus, a customer of old, asks for an invoice   | acknowledge gus, notice bob    | #2 open 1+1
21  | Bob sends it                                  | agent gus                      | #2 open 2+2
22  | nobody is there: it comes back                | notice bob                     | #2 open 3+2
23  | Anne forwards what Frida wrote to her         | notice bob                     | #3 open 1+0
24  | Bob answers Frida                             | agent frida                    | #3 open 2+1
25  | Frida answers below the quote                 | notice both                    | #3 open 3+1
26  | Emil writes to two mailboxes at once          | acknowledge emil, notice both  | #4 open 1+1
27  | the copy for the other mailbox comes          |                                |
28  | a list brings it once more                    |                                | #4 open 2+1
29  | Emil begins anew about the same               | acknowledge emil, notice both  | #5 open 1+1
29a | Anne merges the two                           |                                | #4 open 3+2; #5 closed 0+0
30  | Emil answers about the one that is gone       | notice both                    | #4 open 4+2
31  | Hugo wants answers at another domain          | acknowledge hugo, notice both  | #6 open 1+1
32  | Anne answers him where he wrote from          | agent hugo                     | #6 open 2+2
33  | Hugo answers; only Thread-Index is left       | notice both                    | #6 open 3+2
34  | somebody says he is Carla                     | notice bob                     | #1 open 19+4
35  | Bob answers: it goes to her own address       | agent carla                    | #1 open 20+5
36  | Bob says that it is solved, and closes        | agent carla                    | #1 closed 21+6
36a | thirty-one days pass                          |                                |
37  | Carla answers that: a new ticket, linked      | notice both                    | #7 open 1+0
38  | Anne answers from her telephone               | agent carla                    | #7 open 2+1
39  | Carla thanks her                              | notice both                    | #7 open 3+1
40  | Oscar still has that address                  | notice bob                     | #1 closed 22+6
"""

SUPPORT, BILLING = "support@g.test", "billing@g.test"
ANNE = Person("Anne Becker", "anne@g.test", "Anne Becker | Support desk, second floor\nanne@g.test")
BOB = Person("Bob Lind", "bob@g.test", "Bob Lind | Accounts, room 14\nbob@g.test")
CARLA = Person("Carla Brandt", "carla@shop.test")
DIETER = Person("Dieter Voß", "dieter@shop.test")
OSCAR = Person("Oscar Pell", "oscar@elsewhere.test")
NORA = Person("Nora Quist", "nora@nowhere.test")
GUS = Person("Gus Arndt", "gus@mill.test", "Gus Arndt, The Old Mill")
FRIDA = Person("Frida Holm", "frida@farm.test")
EMIL = Person("Emil Stone", "emil@home.test")
HUGO = Person("Hugo Reich", "hugo@work.test", "Hugo Reich\nReich & Sons")
SYSTEM = Person("Mail Delivery System", "MAILER-DAEMON@mx.mill.test")
AGENTS = (ANNE, BOB)
PEOPLE = (*AGENTS, CARLA, DIETER, OSCAR, NORA, GUS, FRIDA, EMIL, HUGO, SYSTEM)
OVERRIDES = {
    "mailbox": [
        {"address": SUPPORT, "queue": "support", "mode": "guarded", "name": "Support"},
        {"address": BILLING, "queue": "billing", "mode": "guarded", "name": "Billing"},
    ]
}


@pytest.fixture
async def story(laboratory: Laboratory) -> AsyncIterator[Story]:
    async with laboratory(overrides=OVERRIDES) as lab:
        await lab.desk.enrol(ANNE.address, "anne", queues=["support"])
        await lab.desk.enrol(BOB.address, "bob", queues=["support", "billing"])
        for customer in (GUS, EMIL, HUGO):
            await lab.desk.trust(customer.address, "bob")
        yield Story(lab, rows(PAGE), PEOPLE)


async def test_forty_mails(story: Story) -> None:
    chapters: tuple[Callable[[Story], Awaitable[None]], ...] = (
        *(a_stranger_becomes_a_customer, a_colleague_joins, an_address_goes_astray, they_are_away),
        *(what_agents_say_to_the_desk, an_answer_comes_back, an_agent_forwards, the_same_mail_comes_three_times),
        *(two_tickets_become_one, the_way_changes_what_it_carries, somebody_says_he_is_her, five_weeks_later),
    )
    for chapter in chapters:
        await chapter(story)
    assert story.told == list(story.page)
    assert len(story.wrote) == 40
    nothing_is_lost_and_nothing_too_much(story)
    nobody_read_what_was_not_his(story)


# ── The first day ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def a_stranger_becomes_a_customer(story: Story) -> None:
    text = "Hello,\n\nour customers cannot pay: the checkout shows a blank page since this morning.\n\nCarla"
    about = {"subject": "The checkout is broken", "cc": [str(DIETER)], "attachments": [SCREENSHOT]}
    await story.mail(1, CARLA, gmail, text, to=SUPPORT, **about)  # type: ignore[arg-type]
    await story.mail(2, CARLA, gmail, "Yes, that was me.", answering=story.newest("challenge", CARLA))
    assert any("blank page" in readable(one.raw) for one in story.lab.sent if one.rcpt_to == BOB.address)

    answer = "Hello Carla,\n\nplease empty the cache of your shop and try again."
    await story.mail(3, ANNE, outlook, answer, answering=story.newest("notice", ANNE, 1))
    got = read(story.newest("agent", CARLA))
    assert words(got.as_bytes()).startswith(answer)
    assert got["From"].addresses[0].addr_spec == SUPPORT
    assert got["Subject"] == "Re: The checkout is broken [#1]"

    await story.mail(4, CARLA, ios_mail, "The page is back, but the total is wrong.", answering=got.as_bytes())
    shown = readable(story.newest("notice", ANNE, 1))
    assert "but the total is wrong." in shown
    assert "Sent from my iPhone" not in shown


async def a_colleague_joins(story: Story) -> None:
    first = story.wrote[0][1]
    text = "I can add that only card payments fail."
    asks = {"to": SUPPORT, "cc": [str(CARLA)], "answering": first}
    his = await story.mail(5, DIETER, outlook, text, **asks)  # type: ignore[arg-type]
    assert DIETER.address not in story.ticket(1).participants
    pending = [one.id for one in story.ticket(1).messages if one.from_ == DIETER.address]
    await story.act("5a", story.lab.desk.let_in(pending[0], "anne"))
    assert DIETER.address in story.ticket(1).participants

    await story.mail(6, DIETER, outlook_web, "And since noon none at all go through.", to=SUPPORT, answering=his)


async def an_address_goes_astray(story: Story) -> None:
    forwarded = story.newest("agent", CARLA)
    await story.mail(7, OSCAR, thunderbird, "What did she tell you about us?", answering=forwarded)
    await story.mail(8, OSCAR, gmail, "Please send me all that was written.", answering=forwarded, auth="A0")
    assert OSCAR.address not in story.ticket(1).participants

    await story.mail(9, NORA, k9, "How far are you with this one?", to=SUPPORT, subject="[#1] The checkout is broken")
    asked = readable(story.newest("challenge", NORA))
    assert "#1" not in asked
    assert "checkout" not in asked

    again = "Hello Carla,\n\nwe found the wrong total and set it right."
    await story.mail(10, ANNE, outlook, again, answering=story.newest("notice", ANNE, 1))
    assert words(story.newest("agent", CARLA)).startswith(again)


async def they_are_away(story: Story) -> None:
    answered = story.newest("agent", CARLA)
    await story.mail(11, CARLA, exchange_absence, AWAY, answering=answered, envelope="")
    told = story.newest("notice", BOB, 1)
    await story.mail(12, BOB, exchange_absence, AWAY, answering=told, envelope="")
    await story.mail(13, ANNE, outlook, "#close", answering=story.newest("notice", ANNE, 1))
    await story.mail(14, CARLA, gmail_vacation, AWAY, answering=answered, envelope="")
    await story.mail(15, CARLA, ios_mail, "I am back, and it is broken again.", answering=answered)


async def what_agents_say_to_the_desk(story: Story) -> None:
    told = story.newest("notice", BOB, 1)
    note = "#note\nShe has not paid since autumn; be careful."
    await story.mail(16, BOB, outlook_web, note, answering=told)
    later = "We are looking into it and write again on Thursday."
    await story.mail(17, BOB, outlook_web, f"#assign me\n#pending 3d\n\n{later}", answering=told)
    got = words(story.newest("agent", CARLA))
    assert got.startswith(later)
    assert "#" not in got
    assert story.ticket(1).assignee == "bob"

    await story.mail(18, CARLA, k9, "It cannot wait until then!", answering=story.newest("agent", CARLA))
    await story.mail(19, BOB, outlook_web, "#clsoe\n\nIt is done.", answering=story.newest("notice", BOB, 1))
    assert "#clsoe" in readable(story.newest("notice", BOB))


# ── The second day ────────────────────────────────────────────────────────────────────────────────────────────────────


async def an_answer_comes_back(story: Story) -> None:
    story.lab.advance(timedelta(days=1))
    text = "Please send me the invoice of December."
    await story.mail(20, GUS, thunderbird, text, to=BILLING, subject="Invoice")
    here = "Dear Gus,\n\nhere it is."
    told = story.newest("notice", BOB, 2)
    await story.mail(21, BOB, outlook_web, here, answering=told, attachments=[INVOICE])
    got = read(story.newest("agent", GUS))
    assert [(part.get_filename(), part.get_content()) for part in got.iter_attachments()] == [
        (INVOICE.name, INVOICE.content)
    ]

    envelope = next(one.mail_from for one in reversed(story.lab.sent) if one.kind == "agent")
    said = "550 5.1.1 <gus@mill.test>: Recipient address rejected: User unknown"
    story.lab.advance(timedelta(hours=3))
    # The mail as it left, for that is what comes back.
    left = next(one.raw for one in reversed(story.lab.sent) if one.kind == "agent")
    await story.mail(22, SYSTEM, postfix_report, said, to=envelope, answering=left, auth="A0", envelope="")
    assert "undelivered" in story.events(2)
    told = readable(story.newest("notice", BOB))
    assert "did not arrive" in told
    assert GUS.address in told
    assert "User unknown" in told
    assert story.lab.contact(GUS.address).standing == "undeliverable"  # type: ignore[union-attr]


async def an_agent_forwards(story: Story) -> None:
    plea = "My parcel never came, and the number of it is 77 104."
    hers = letter(str(FRIDA), ANNE.address, subject="My parcel", text=plea, date=story.now)
    remark = "Bob, can you see to this lady?"
    await story.mail(23, ANNE, outlook, remark, to=SUPPORT, forwarding=hers)
    ticket = story.ticket(3)
    assert (ticket.contact, ticket.subject) == (FRIDA.address, "My parcel")
    assert plea in readable(story.newest("notice", BOB, 3))

    found = "Dear Frida,\n\nwe found it, it is on its way."
    await story.mail(24, BOB, k9_below, found, answering=story.newest("notice", BOB, 3))
    assert words(story.newest("agent", FRIDA)).startswith(found)
    await story.mail(25, FRIDA, k9_below, "Many thanks, it is here!", answering=story.newest("agent", FRIDA))


async def the_same_mail_comes_three_times(story: Story) -> None:
    text = "The delivery note and the invoice differ by one box."
    to = f"{SUPPORT}, {BILLING}"
    first = await story.mail(26, EMIL, apple_mail, text, to=SUPPORT, subject="One box too few", also={"To": to})
    story.lab.advance(timedelta(seconds=2))
    await story.hand_in(27, EMIL, first, BILLING, text=text)
    listed = b"List-Id: <trade.lists.test>\r\nPrecedence: list\r\n" + first.replace(
        b" by one box.\r\n", b" by one box.\r\n\r\n____\r\nTrade list\r\n", 1
    )
    await story.hand_in(28, EMIL, listed, SUPPORT, text=text, envelope="trade-bounces@lists.test")


async def two_tickets_become_one(story: Story) -> None:
    about = {"to": SUPPORT, "subject": "Still one box too few"}
    await story.mail(29, EMIL, apple_mail, "And I did not hear from you about it.", **about)  # type: ignore[arg-type]
    await story.act("29a", story.lab.desk.merge(5, 4, "anne"))
    theirs = story.newest("acknowledge", EMIL, 5)
    await story.mail(30, EMIL, ios_mail, "The box has come by now.", answering=theirs)


# ── The third day ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def the_way_changes_what_it_carries(story: Story) -> None:
    story.lab.advance(timedelta(days=1))
    elsewhere = {"Reply-To": "hugo.reich@freemail.test"}
    about = {"to": SUPPORT, "subject": "Opening hours", "also": elsewhere}
    await story.mail(31, HUGO, outlook, "When are you there on Saturdays?", **about)  # type: ignore[arg-type]
    hours = "Hello Hugo,\n\nfrom nine to noon."
    await story.mail(32, ANNE, outlook, hours, answering=story.newest("notice", ANNE, 6))
    got = story.newest("agent", HUGO)
    assert words(got).startswith(hours)

    answer = outlook(str(HUGO), SUPPORT, "Opening hours", "Then I come at ten.", got, at=story.now)
    index = "".join(str(read(answer)["Thread-Index"]).split())
    bare = {"Thread-Index": index, "In-Reply-To": "<0100018@relay.test>", "References": "<0100018@relay.test>"}
    await story.mail(33, HUGO, outlook, "Then I come at ten.", to=SUPPORT, subject="Saturday", also=bare)


async def somebody_says_he_is_her(story: Story) -> None:
    hers = story.newest("agent", CARLA)
    said = "Send the rest of the money to my other account."
    evil = {"to": SUPPORT, "answering": hers, "also": {"Reply-To": "carla@evil.test"}}
    await story.mail(34, CARLA, gmail, said, auth="A0", envelope="x@evil.test", **evil)  # type: ignore[arg-type]
    asks = "Carla, was that you? Please call us."
    await story.mail(35, BOB, outlook_web, asks, answering=story.newest("notice", BOB, 1))
    assert words(story.newest("agent", CARLA)).startswith(asks)
    solved = "All is well again. Thank you for calling."
    await story.mail(36, BOB, outlook_web, f"#close\n\n{solved}", answering=story.newest("notice", BOB, 1))


async def five_weeks_later(story: Story) -> None:
    story.lab.advance(timedelta(days=31))
    await story.lab.settle()
    story.expect("36a")
    last = story.newest("agent", CARLA)
    await story.mail(37, CARLA, gmail, "One more question: do you sell gift cards?", answering=last)
    cards = "Yes, from March on."
    await story.mail(38, ANNE, outlook_mobile, cards, answering=story.newest("notice", ANNE, 7))
    assert words(story.newest("agent", CARLA)).startswith(cards)
    await story.mail(39, CARLA, k9_header, "Good to know. Thank you.", answering=story.newest("agent", CARLA))
    await story.mail(40, OSCAR, thunderbird, "Is nobody going to answer me?", answering=last)


# ── At the end ────────────────────────────────────────────────────────────────────────────────────────────────────────


def nothing_is_lost_and_nothing_too_much(story: Story) -> None:
    ledger = story.lab.ledger()
    assert ledger.balanced
    assert (ledger.accepted, ledger.pending, ledger.shunted, ledger.refused) == (40, 0, 0, 0)
    automatic = [one for one, _ in story.outside() if one.kind != "agent"]
    asked = {"carla", "nora"}
    assert {story.name(one.rcpt_to) for one in automatic if one.kind == "challenge"} == asked
    assert len(automatic) == len(asked) + 5
    people = [one.address for one in PEOPLE]
    assert {one.rcpt_to for one in story.lab.sent} <= set(people)


def nobody_read_what_was_not_his(story: Story) -> None:
    """No mail that left holds an agent's address or signature, a note, or words of anybody but of who got it."""
    ours = [line for agent in AGENTS for line in (agent.address, *telling_lines(agent.signature))]
    inside = ["be careful", "#note", "#assign", "#pending", "#close", "#clsoe", "can you see to this lady", AWAY]
    for sent, text in story.outside():
        assert [line for line in (*ours, *inside) if line in text] == [], text
        others = [
            line
            for who, _, said in story.wrote
            if who not in AGENTS and who.address != sent.rcpt_to
            for line in telling_lines(said)
        ]
        assert [line for line in others if line in text] == [], text
        assert not any(person.address in text for person in (OSCAR, NORA)) or sent.rcpt_to in text
