"""Our own people are told of tickets by mail, and answer them by mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailgate import canned
from mailgate.errors import NotAllowed, NotFound
from mailgate.mail.canned import Canned
from mailgate.model import Right, TicketState
from mailgate.store import tables
from mailgate.testing import Lab
from tests.fakes.letters import answer, body, letter, read
from tests.fakes.people import ANNE, BOB, CARLA, MINUTE, OFFICE, answered, asked, history, said, to
from tests.fakes.stores import Laboratory, Stores, only

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# ── Told ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_ticket_is_told_with_the_words_of_the_customer(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)

        (told,) = to(lab, ANNE)
        head = read(told.raw)
        assert told.kind == "notice"
        assert head["Subject"] == "[#1] The printer is on fire"
        assert head["Auto-Submitted"] == "auto-generated"
        assert str(head["Reply-To"]).startswith("<support+g1")
        assert "It burns. Please help." in body(told.raw)
        assert "carla@shop.test" in body(told.raw)
        assert "#close" in body(told.raw)
        assert "#canned: closing, details, not-now" in body(told.raw)
        assert [message.kind for message in lab.tickets()[0].messages] == ["human", "acknowledge"]
        assert lab.ledger().balanced


async def test_a_follow_up_stands_in_the_same_conversation(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        raw, address = answer(to(lab, CARLA)[-1].raw, CARLA, text="It still burns.")
        await lab.receive(raw, mail_from=CARLA, rcpt_to=[address])
        await lab.settle()

        first, second = to(lab, ANNE)
        assert read(first.raw)["References"] == read(second.raw)["References"]
        assert read(second.raw)["Subject"] == "[#1] The printer is on fire"
        assert "It still burns." in body(second.raw)
        assert "Please help" not in body(second.raw), "only what is new"


async def test_whoever_has_the_ticket_is_told_alone(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.desk.enrol(BOB, "bob")
        await asked(lab)
        await lab.desk.assign(1, "bob", "anne")
        raw, address = answer(to(lab, CARLA)[-1].raw, CARLA, text="It still burns.")
        await lab.receive(raw, mail_from=CARLA, rcpt_to=[address])
        await lab.settle()
        assert (len(to(lab, ANNE)), len(to(lab, BOB))) == (1, 2)


async def test_of_other_queues_and_of_his_own_acts_nobody_is_told(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.enrol(ANNE, "anne", queues=["support"])
        await lab.desk.enrol(BOB, "bob", queues=["billing"])
        await lab.desk.enrol("cris@office.test", "cris")
        await lab.receive(letter(CARLA), mail_from=CARLA, auth="A0")
        await lab.settle()
        await lab.desk.accept(lab.held()[0].id, "cris")
        await lab.settle()
        assert [sent.rcpt_to for sent in lab.sent if sent.kind == "notice"] == [ANNE]


async def test_what_was_told_is_told_once_whatever_crashes(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await lab.crash()
        await lab.restart()
        lab.advance(HOUR)
        await lab.settle()
        assert len(to(lab, ANNE)) == 1


async def test_who_comes_later_hears_nothing_old_and_who_left_nothing_new(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(BOB, "bob")
        await lab.desk.dismiss(BOB)
        await asked(lab)
        lab.advance(MINUTE)
        await lab.desk.enrol(ANNE, "anne")
        await lab.settle()
        assert (to(lab, ANNE), to(lab, BOB)) == ([], [])


async def test_a_machine_is_nobodys_news(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.desk.trust(CARLA, "anne")
        await lab.receive(letter(CARLA, List_Id="<news.shop.test>"), mail_from=CARLA)
        await lab.settle()
        assert len(lab.tickets()) == 1
        assert to(lab, ANNE) == []


async def test_nobody_is_told_in_a_dry_run(laboratory: Laboratory) -> None:
    async with laboratory(overrides={**OFFICE, "replies": {"dry_run": True}}) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        assert lab.sent == []


async def test_in_german_where_our_people_read_it(laboratory: Laboratory) -> None:
    async with laboratory(overrides={**OFFICE, "notify": {"address": "", "language": "de"}}) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        assert "schrieb:" in body(to(lab, ANNE)[0].raw)


async def test_an_address_that_bounces_is_told_no_more_and_somebody_hears_of_it(laboratory: Laboratory) -> None:
    async with laboratory(overrides={**OFFICE, "notify": {"address": "lead@office.test"}}) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        report = letter(
            "postmaster@office.test",
            to(lab, ANNE)[0].mail_from,
            text="--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.office.test\n\n"
            f"Final-Recipient: rfc822; {ANNE}\nAction: failed\nStatus: 5.1.1\n\n--b--",
            Content_Type="multipart/report; report-type=delivery-status; boundary=b",
            MIME_Version="1.0",
        )
        await lab.receive(report, mail_from="", rcpt_to=[to(lab, ANNE)[0].mail_from])
        await lab.settle()
        await asked(lab, subject="Another matter")
        lab.advance(HOUR)
        await lab.settle()

        assert len(to(lab, ANNE)) == 1
        (told,) = [sent for sent in to(lab, "lead@office.test") if "comes back" in str(read(sent.raw)["Subject"])]
        assert f"mailgate senders clear {ANNE}" in body(told.raw)
        assert lab.ledger().balanced


async def test_an_address_that_the_next_hop_refuses_is_told_no_more(laboratory: Laboratory) -> None:
    async with laboratory(overrides={**OFFICE, "notify": {"address": "lead@office.test"}}) as lab:
        await lab.desk.enrol(ANNE, "anne")
        lab.next_hop = lambda sent: (550, "5.1.1 no such user") if sent.rcpt_to == ANNE else (250, "2.0.0 ok")
        for number in range(3):
            await asked(lab, subject=f"Matter {number}")
            lab.advance(MINUTE)
        await lab.settle()
        assert len(to(lab, ANNE)) == 1
        assert [read(sent.raw)["Subject"] for sent in to(lab, "lead@office.test")] == [
            "[support@g.test] Mail to one of your people comes back: anne"
        ]


async def test_an_answer_that_did_not_arrive_is_told_however_late(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.desk.enrol(BOB, "bob")
        await asked(lab)
        await lab.desk.assign(1, "bob", "bob")
        lab.next_hop = lambda sent: (450, "4.2.2 full") if sent.kind == "agent" else (250, "2.0.0 ok")
        await lab.desk.reply(1, "Take the plug out.", "anne")
        await lab.settle()
        lab.advance(5 * HOUR)
        # The history has it under the number of the answer, which is old by now.
        lab.briefing._after = lab.database.new_id()
        lab.next_hop = lambda sent: (550, "5.1.1 no such user") if sent.kind == "agent" else (250, "2.0.0 ok")
        await lab.settle()
        await lab.settle()
        assert "5.1.1 no such user" in body(to(lab, ANNE)[-1].raw), "who wrote it hears of it"
        assert not any("5.1.1" in body(one.raw) for one in to(lab, BOB))


@only("postgresql")
async def test_of_two_processes_one_tells(stores: Stores) -> None:
    url = stores.new()
    async with Lab(store_url=url, overrides=OFFICE) as one, Lab(store_url=url, overrides=OFFICE) as other:
        await one.desk.enrol(ANNE, "anne")
        await one.receive(letter(CARLA), mail_from=CARLA)
        await one.intake.settle()
        assert await one.briefing.settle() + await other.briefing.settle() == 1


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_by_mail_reaches_the_customer_from_the_desk(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, "Take the plug out.\n\n-- \nAnne, the office")

        sent = to(lab, CARLA)[-1]
        assert sent.kind == "agent"
        assert read(sent.raw)["From"] == "Help Desk <support@g.test>"
        assert said(sent) == "Take the plug out."
        assert b"office.test" not in sent.raw
        (ticket,) = lab.tickets()
        assert history(lab)[-1] == ("replied", "agent:anne")
        assert ticket.messages[-1].from_ == "support@g.test"
        assert [message.from_ for message in ticket.messages if message.kind == "human"] == [CARLA, ANNE]
        assert lab.ledger().balanced
        contact = lab.contact(CARLA)
        assert contact is not None
        assert contact.trust == "agent-out"


async def test_the_same_answer_twice_leaves_once(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        raw, address = answer(to(lab, ANNE)[-1].raw, ANNE, text="Take the plug out.")
        lab.advance(MINUTE)
        await lab.receive(raw, mail_from=ANNE, rcpt_to=[address])
        await lab.receive(raw + b"\r\n", mail_from=ANNE, rcpt_to=[address])
        await lab.intake.settle()
        await lab.crash()
        await lab.restart()
        await lab.receive(raw, mail_from=ANNE, rcpt_to=[address])
        await lab.settle()
        assert len([sent for sent in to(lab, CARLA) if sent.kind == "agent"]) == 1
        assert lab.ledger().balanced


async def test_an_answer_below_the_quote_is_read_as_well(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        raw, address = answer(to(lab, ANNE)[-1].raw, ANNE, text="")
        lab.advance(MINUTE)
        await lab.receive(raw.rstrip() + b"\r\n\r\nTake the plug out.\r\n", mail_from=ANNE, rcpt_to=[address])
        await lab.settle()
        assert said(to(lab, CARLA)[-1]) == "Take the plug out."


@pytest.mark.parametrize("language", ["en", "de"])
async def test_what_a_program_copies_without_a_sign_never_leaves(language: str, laboratory: Laboratory) -> None:
    async with laboratory(overrides={**OFFICE, "notify": {"address": "", "language": language}}) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        told = to(lab, ANNE)[-1].raw
        _, address = answer(told, ANNE)
        lab.advance(MINUTE)
        copied = letter(ANNE, address, text=f"Take the plug out.\n\n{body(told)}".replace("\r", ""))
        await lab.receive(copied, mail_from=ANNE, rcpt_to=[address])
        await lab.settle()
        assert said(to(lab, CARLA)[-1]) == "Take the plug out."


async def test_a_note_never_leaves(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, "Take the plug out.\n\n#note\nHe has not paid.")
        await answered(lab, "#note he never pays")
        assert [said(sent) for sent in to(lab, CARLA) if sent.kind == "agent"] == ["Take the plug out."]
        notes = [one.detail for one in lab.tickets()[0].history if one.event == "noted"]
        assert notes == ["He has not paid.", "he never pays"]


async def test_files_go_along_with_an_answer(laboratory: Laboratory) -> None:
    """The mail that leaves is another part's; that the files are found is this one's."""
    from mailgate.relaying import files_of

    raw = letter(
        ANNE,
        text="--b\nContent-Type: text/plain\n\nHere.\n--b\nContent-Type: application/pdf; name=plan.pdf\n"
        "Content-Disposition: attachment; filename=plan.pdf\n\nPDF\n--b\nContent-Type: image/png\n"
        "Content-Disposition: inline; filename=logo.png\nContent-ID: <logo>\n\nPNG\n--b--",
        Content_Type="multipart/mixed; boundary=b",
        MIME_Version="1.0",
    )
    assert [(file.name, file.media_type, file.content.strip()) for file in files_of(raw)] == [
        ("plan.pdf", "application/pdf", b"PDF")
    ]


# ── Orders ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_orders_are_done_and_the_text_below_them_is_sent(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.desk.enrol(BOB, "bob")
        await asked(lab)
        await answered(lab, "#Assign bob\n#tag Fire\n#close\n\nTake the plug out.")
        (ticket,) = lab.tickets()
        assert said(to(lab, CARLA)[-1]) == "Take the plug out."
        assert (ticket.assignee, ticket.state) == ("bob", TicketState.CLOSED)
        assert lab.database.look(lambda conn: conn.execute(tables.ticket_tag.select()).all())[0].tag == "fire"
        assert {("assigned", "agent:anne"), ("tagged", "agent:anne"), ("closed", "agent:anne")} <= {*history(lab)}


@pytest.mark.parametrize(
    ("order", "state", "assignee"),
    [
        ("#assign me", "open", "anne"),
        ("#assign -", "open", ""),
        ("#pending 3d", "pending", ""),
        ("#spam", "closed", ""),
    ],
)
async def test_an_order_alone(order: str, state: str, assignee: str, laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        before = len(to(lab, CARLA))
        await answered(lab, order)
        (ticket,) = lab.tickets()
        assert (ticket.state, ticket.assignee, len(to(lab, CARLA))) == (state, assignee, before)


async def test_a_ticket_is_put_off_until_a_day(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, "#pending 2026-02-01")
        until = lab.database.look(lambda conn: conn.execute(tables.ticket.select()).one()).pending_until
        assert f"{until:%Y-%m-%d %H:%M}" == "2026-02-01 00:00"


async def test_a_tag_can_be_taken_off(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, "#tag fire\n#tag urgent")
        await answered(lab, "#untag fire")
        assert [row.tag for row in lab.database.look(lambda conn: conn.execute(tables.ticket_tag.select()).all())] == [
            "urgent"
        ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#frobnicate\nTake the plug out.", "no such order"),
        ("#close\n#assign zoe\nTake the plug out.", "nobody of this name; there are anne"),
        ("#pending 2020-01-01\nTake the plug out.", "a day to come"),
        ("#canned reset", "no such text"),
    ],
)
async def test_with_one_order_that_is_not_understood_nothing_is_done(
    text: str, why: str, laboratory: Laboratory
) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, text)
        for _ in range(3):
            lab.advance(MINUTE)
            await lab.settle()
        assert [sent.kind for sent in to(lab, CARLA)] == ["acknowledge"]
        assert lab.tickets()[0].state == TicketState.OPEN
        assert history(lab)[-1] == ("refused", "agent:anne")
        _, refused = to(lab, ANNE)
        assert why in " ".join(body(refused.raw).split())
        assert refused.kind == "notice"


class WithReadyTexts:
    """A rule book with ready answers of its own."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self.canned = {"en": {"reset": Canned("", "Dear ${name}, press it. ${desk} ${ticket}\n")}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)


async def test_a_ready_text_is_sent_by_its_name(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        book = WithReadyTexts(lab.context.book())
        lab.intake.book = lab.briefing.book = lambda: book  # type: ignore[assignment, return-value]
        await asked(lab)
        assert "#canned: reset" in body(to(lab, ANNE)[0].raw)
        await answered(lab, "#canned reset\n#close\n#note standard case")
        assert said(to(lab, CARLA)[-1]) == "Dear, press it. Help Desk #1"
        assert lab.tickets()[0].state == TicketState.CLOSED


async def test_what_may_fit_is_proposed_and_to_whom_it_goes_is_said(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab, text="It does not work, there is an error.")
        told = body(to(lab, ANNE)[0].raw)
        assert "May fit: #canned details" in told
        assert f"to {CARLA}" in told


def test_a_ready_text_is_looked_for_in_one_language_after_another() -> None:
    book: Any = WithReadyTexts(None)
    book.canned["de"] = {"reset": Canned("", "Drück.\n"), "nur": Canned("", "Nur deutsch.\n")}
    assert canned.names(book) == {"reset", "nur"}
    assert [
        one.body if one else None for one in (canned.canned(book, "reset", "de"), canned.canned(book, "nur", "fr"))
    ] == [
        "Drück.\n",
        "Nur deutsch.\n",
    ]
    assert canned.canned(book, "other", "de") is None


async def test_whoever_is_refused_can_answer_that_mail(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, "#frobnicate")
        await answered(lab, "Take the plug out.")
        assert said(to(lab, CARLA)[-1]) == "Take the plug out."


async def test_rights_say_what_is_done(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne", rights=[Right.REPLY])
        await lab.desk.enrol(BOB, "bob", rights=[Right.COMMAND])
        await asked(lab)
        await answered(lab, "#close\nTake the plug out.")
        await answered(lab, "Take the plug out.", BOB)
        assert [sent.kind for sent in to(lab, CARLA)] == ["acknowledge"]
        assert "kept in the ticket and goes to nobody" in body(to(lab, BOB)[0].raw)
        await answered(lab, "#close", BOB)
        assert lab.tickets()[0].state == TicketState.CLOSED


# ── Mail to the mailbox ───────────────────────────────────────────────────────────────────────────────────────────────

FORWARDED = (
    "Please look.\n\n---------- Forwarded message ---------\nFrom: Dora <dora@y.test>\n"
    "Date: Mon, 5 Jan 2026 at 09:00\nSubject: Fwd: My invoice\nTo: <anne@office.test>\n\nIt is wrong."
)


async def test_a_forwarded_mail_is_the_ticket_of_who_wrote_it_and_nothing_goes_to_him(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.desk.enrol(BOB, "bob")
        await lab.receive(letter(ANNE, subject="Fwd: My invoice", text=FORWARDED), mail_from=ANNE)
        await lab.settle()

        (ticket,) = lab.tickets()
        assert (ticket.contact, ticket.name, ticket.subject) == ("dora@y.test", "Dora", "My invoice")
        assert [one.detail for one in ticket.history if one.event == "noted"] == ["Please look."]
        assert [sent.rcpt_to for sent in lab.sent] == [BOB], "nobody is told of his own mail"
        assert "It is wrong." in body(lab.sent[0].raw)
        assert "Please look." not in body(lab.sent[0].raw).split("wrote:")[1]
        assert lab.contact(ANNE) is None
        assert lab.ledger().balanced

        await lab.desk.reply(1, "We look into it.", "anne")
        await lab.settle()
        assert (lab.sent[-1].kind, lab.sent[-1].rcpt_to) == ("agent", "dora@y.test")


async def test_without_the_right_to_forward_it_is_a_matter_of_his_own(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne", rights=[Right.REPLY])
        await lab.receive(letter(ANNE, subject="Fwd: My invoice", text=FORWARDED), mail_from=ANNE)
        await lab.settle()
        assert [ticket.contact for ticket in lab.tickets()] == [ANNE]
        assert lab.sent == []


async def test_a_matter_of_his_own_is_a_ticket_without_thanks(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.desk.enrol(ANNE, "anne")
        await lab.receive(letter(ANNE, text="The coffee machine is broken."), mail_from=ANNE)
        await lab.settle()
        assert [ticket.contact for ticket in lab.tickets()] == [ANNE]
        assert lab.sent == []
        assert lab.contact(ANNE) is None


# ── Who they are ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_can_be_one_of_us(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        for address, name, why in (
            ("support@g.test", "bob", "address of this gateway"),
            ("nobody", "bob", "no address"),
            (BOB, "Anne", "somebody else's name"),
            (BOB, "two words", "no name"),
            (BOB, "me", "no name"),
            (BOB, "", "no name"),
        ):
            with pytest.raises(NotAllowed, match=why):
                await lab.desk.enrol(address, name)
        with pytest.raises(NotFound, match="nobody of ours"):
            await lab.desk.entitle(BOB, rights=())
        with pytest.raises(NotFound, match="nobody of ours"):
            await lab.desk.dismiss(BOB)


async def test_who_comes_back_stands_anew(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne", rights=[Right.REPLY])
        await lab.desk.dismiss(ANNE)
        lab.advance(DAY)
        again = await lab.desk.enrol(ANNE, "anne")
        assert again.rights == tuple(Right)
        assert again.added_at == lab.now
        changed = await lab.desk.entitle(ANNE, rights=[Right.COMMAND, Right.REPLY], queues=["billing"])
        assert (changed.rights, changed.queues) == ((Right.REPLY, Right.COMMAND), ("billing",))


async def test_a_signature_without_its_sign_does_not_give_the_address_away(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await answered(lab, f"Take the plug out.\n\nAnne Miller | Support\nTel. 12 | {ANNE.title()}")
        assert said(to(lab, CARLA)[-1]) == "Take the plug out.\n\nAnne Miller | Support"

        await answered(lab, f"mail: {ANNE}")
        assert [one.kind for one in to(lab, CARLA)] == ["acknowledge", "agent"], "it says nothing else"


# ── Tickets that became one ───────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_asked_in_a_merged_ticket_gets_the_answer_to_his_mail_and_nobody_else(
    laboratory: Laboratory,
) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await asked(lab, "dora@mill.test", subject="Mine burns as well")
        await lab.desk.merge(2, 1, "anne")
        lab.advance(MINUTE)
        raw, address = answer(to(lab, "dora@mill.test")[-1].raw, "dora@mill.test", text="And now it smokes.")
        await lab.receive(raw, mail_from="dora@mill.test", rcpt_to=[address])
        await lab.settle()
        before = len(to(lab, CARLA))

        await answered(lab, "Take it outside, Dora.")

        assert said(to(lab, "dora@mill.test")[-1]) == "Take it outside, Dora."
        assert len(to(lab, CARLA)) == before
        assert [len(ticket.messages) for ticket in lab.tickets()] == [7, 0], "all of it stands in one"


async def test_an_answer_to_what_was_told_before_the_merge_goes_where_it_was_meant(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFFICE) as lab:
        await lab.desk.enrol(ANNE, "anne")
        await asked(lab)
        await asked(lab, "dora@mill.test", subject="Mine burns as well")
        await lab.desk.merge(2, 1, "anne")

        await answered(lab, "Take it outside, Dora.\n\n#note She is new.")

        assert said(to(lab, "dora@mill.test")[-1]) == "Take it outside, Dora."
        assert [one.kind for one in to(lab, CARLA)] == ["acknowledge"]
        assert ("noted", "agent:anne") in history(lab, 1)
