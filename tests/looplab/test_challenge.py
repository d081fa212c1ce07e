# Long because it is one table of scenarios, T60 to T78, each a story of its own.
"""The challenge from its first day to its last, told as whole stories on the daemon's own roads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from mailgate.errors import NotFound
from mailgate.model import ChallengeState, HeldState, Scope, Standing, Trust
from mailgate.store import queries, tables
from mailgate.testing import Lab, Sent
from tests.fakes.letters import answer, body, letter, link
from tests.fakes.stores import POSTGRESQL, Laboratory, Stores, only

ANNE = "anne@x.test"
MINUTES, DAYS = timedelta(minutes=5), timedelta(days=1)


async def write(
    lab: Lab, raw: bytes = b"", *, author: str = ANNE, to: str = "support@g.test", auth: str = "A2"
) -> None:
    """One mail comes in and goes to its place, and whatever it causes leaves."""
    await lab.receive(raw or letter(author, to), mail_from=author, rcpt_to=[to], auth=auth)
    await lab.settle()


async def asked(lab: Lab, **how: Any) -> Sent:
    """A stranger writes, is asked, and some minutes pass."""
    await write(lab, **how)
    assert kinds(lab) == ["challenge"]
    lab.advance(MINUTES)
    return lab.sent[0]


async def reply(lab: Lab, to: Sent, *, author: str = ANNE, auth: str = "A2", **more: str) -> None:
    raw, address = answer(to.raw, author, **more)
    await write(lab, raw, author=author, to=address, auth=auth)


async def press(lab: Lab, url: str) -> str:
    """Look at the page, wait as a person does, press the button; what the page then says."""
    await lab.click(url)
    lab.advance(timedelta(seconds=10))
    said = await lab.click(url, "POST")
    await lab.settle()
    return said.body.decode()


def kinds(lab: Lab) -> list[str]:
    return [sent.kind for sent in lab.sent]


def waits(lab: Lab) -> list[tuple[str, str]]:
    """All that is in the list of held mail: for whom it waits, and its subject."""
    return [(line.state, line.subject) for line in lab.held()]


def reasons(lab: Lab) -> list[str]:
    return [line.reason for line in lab.held()]


def subjects(lab: Lab) -> list[str]:
    return [ticket.subject for ticket in lab.tickets()]


def standing(lab: Lab, address: str = ANNE) -> Standing | None:
    known = lab.contact(address)
    return known.standing if known else None


def challenges(lab: Lab) -> list[ChallengeState]:
    """All there ever were, oldest first."""
    table = tables.challenge
    return lab.database.look(lambda conn: list(conn.execute(select(table.c.state).order_by(table.c.id)).scalars()))


# ── Who is asked ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_t60_a_forged_sender_is_asked_nothing(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        lab.dns["x.test", "TXT"] = ["v=spf1 -all"]
        await write(lab, auth="verify")

        assert waits(lab) == [("human", "The printer is on fire")]
        assert lab.sent == []
        assert challenges(lab) == []


async def test_t61_trust_by_spf_alone_is_bound_to_it_shorter_and_said_in_words(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        question = await asked(lab, auth="A1")
        await reply(lab, question, auth="A1")

        known = lab.contact(ANNE)
        assert known is not None
        assert (known.standing, known.trust, known.bound) == (Standing.TRUSTED, Trust.CONFIRMED, "A1")
        assert known.until == lab.now + 90 * DAYS, "trust by DKIM lasts a year"


async def test_t62_a_signature_that_leaves_room_proves_nobody(laboratory: Laboratory) -> None:
    signature = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=x.test; s=s; l=10; h=from:subject:date; bh=AAAA; b=AAAA"
    async with laboratory() as lab:
        await write(lab, letter(ANNE, DKIM_Signature=signature), auth="verify")

        assert [state for state, _ in waits(lab)] == ["human"]
        assert lab.sent == []


async def test_t63_five_mails_of_a_stranger_are_one_question_and_come_in_by_arrival(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        arrived = []
        for number in range(5):
            arrived.append(lab.now)
            await write(lab, letter(ANNE, subject=f"Mail {number}"))
            lab.advance(timedelta(minutes=2))
        assert kinds(lab) == ["challenge"]

        await reply(lab, lab.sent[0])

        assert subjects(lab) == [f"Mail {number}" for number in range(5)]
        assert [ticket.created_at for ticket in lab.tickets()] == arrived, "with the time at which each came"
        assert lab.held() == []
        assert kinds(lab) == ["challenge", "acknowledge"]


# ── The page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_t64_what_scanners_do_confirms_nothing_and_a_person_still_can(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab)).raw)
        for method in [*["GET"] * 50, "HEAD"]:
            assert (await lab.click(page, method)).status == 200
        lab.advance(timedelta(seconds=1))
        await lab.click(page, "POST")
        await lab.settle()
        assert (standing(lab), challenges(lab)) == (Standing.CHALLENGED, [ChallengeState.SENT])

        await press(lab, page)

        assert (standing(lab), challenges(lab)) == (Standing.TRUSTED, [ChallengeState.CONFIRMED])
        assert len(lab.tickets()) == 1


async def test_t69_a_token_used_twice_does_nothing_more(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab)).raw)
        first = await press(lab, page)
        before = lab.contact(ANNE), lab.tickets(), kinds(lab)

        assert await press(lab, page) == first
        assert (lab.contact(ANNE), lab.tickets(), kinds(lab)) == before


async def test_t68_what_we_never_signed_is_refused_at_rcpt_and_unknown_to_the_page(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab)).raw)
        _, address = answer(lab.sent[0].raw, ANNE)
        local, _, domain = address.partition("@")
        tag = local.partition("+")[2]
        flipped = f"{tag[:-1]}{'a' if tag[-1] != 'a' else 'b'}"
        swapped = f"r{tag[1:]}"
        for wrong in (f"support+{flipped}@{domain}", f"support+{swapped}@{domain}"):
            said = await lab.receive(letter(ANNE, wrong), mail_from=ANNE, rcpt_to=[wrong])
            assert said.reply[0] == 550, wrong
            assert said.reply[1].startswith("5.1.1"), said.reply

        assert (await lab.click(page[:-1] + ("a" if page[-1] != "a" else "b"))).status == 404
        assert (await lab.click(page)).status == 200


# ── The answer by mail ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_t65_a_robot_that_answers_at_once_is_not_confirmed(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await write(lab)
        lab.advance(timedelta(seconds=3))
        await reply(lab, lab.sent[0])

        assert [state for state, _ in waits(lab)] == ["human", "human"]
        assert standing(lab) is Standing.CHALLENGED
        assert any("probably answers our challenge" in reason for reason in reasons(lab))
        assert kinds(lab) == ["challenge"]


async def test_t65_a_robot_that_says_what_it_said_before_is_not_confirmed(laboratory: Laboratory) -> None:
    away = "I am in the mountains and read your mail when I am back."
    async with laboratory() as lab:
        question = await asked(lab)
        await write(lab, letter(ANNE, subject="Re: your offer", text=away, Auto_Submitted="auto-replied"))
        await reply(lab, question, text=away)

        assert (standing(lab), challenges(lab)) == (Standing.CHALLENGED, [ChallengeState.DOUBTFUL])
        assert any("said the same before" in reason for reason in reasons(lab))


async def test_t66_a_persons_answer_confirms(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await reply(lab, await asked(lab))

        assert standing(lab) is Standing.TRUSTED
        assert challenges(lab) == [ChallengeState.CONFIRMED]
        assert subjects(lab) == ["The printer is on fire"]


async def test_t67_the_right_token_from_another_address_confirms_nobody(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await reply(lab, await asked(lab), author="eve@y.test")

        assert [state for state, _ in waits(lab)] == ["human", "human"]
        assert any("came from another address" in reason for reason in reasons(lab)), "whoever decides sees it"
        assert (standing(lab), challenges(lab)) == (Standing.CHALLENGED, [ChallengeState.DOUBTFUL])
        known = lab.contact(ANNE)
        assert known is not None
        assert not known.asks_back, "what others do says nothing of her"


# ── Its end ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_t70_after_fourteen_days_the_question_is_over_and_the_mail_stays_in_sight(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab)).raw)
        lab.advance(14 * DAYS)
        await lab.settle()
        assert (standing(lab), challenges(lab)) == (Standing.EXPIRED, [ChallengeState.EXPIRED])
        assert waits(lab) == [("human", "The printer is on fire")]

        assert "expired" in await press(lab, page)

        assert standing(lab) is Standing.EXPIRED
        assert reasons(lab) == ["somebody pressed the button of our question to the sender, when its time was over"]
        assert kinds(lab) == ["challenge"]


async def test_t70_the_page_of_an_older_question_says_that_it_has_expired(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab)).raw)
        lab.advance(31 * DAYS)
        await write(lab, letter(ANNE, subject="Again"))
        assert kinds(lab) == ["challenge", "challenge"]

        assert "expired" in await press(lab, page)

        assert challenges(lab) == [ChallengeState.EXPIRED, ChallengeState.SENT]
        assert standing(lab) is Standing.CHALLENGED


async def test_t71_another_systems_question_to_a_persons_letter_is_shown_beside_it(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await write(lab, auth="A0")
        await lab.desk.accept(lab.held()[0].id, "bob")
        await lab.desk.reply(1, "Use the extinguisher.", "bob")
        await lab.settle()
        for to in (answer(lab.sent[-1].raw, ANNE)[1], lab.sent[-1].mail_from):
            text = "Your message is being held, because your address is unknown. Reply to this message to confirm."
            raw, _ = answer(lab.sent[-1].raw, ANNE, text=f"{text} {to[:9]}")
            await lab.receive(raw, mail_from="", rcpt_to=[to], auth="A0")
            await lab.settle()

        (ticket,) = lab.tickets()
        assert [one.event for one in _history(lab)].count("asks-back") == 2
        assert len(ticket.messages) == 4
        assert kinds(lab) == ["agent"]
        known = lab.contact(ANNE)
        assert known is not None
        assert (known.asks_back, known.trust) == (True, Trust.MANUAL), "it is no report of failure"


def _history(lab: Lab) -> Any:
    found = lab.database.look(lambda conn: queries.ticket(conn, 1))
    assert found is not None
    return found.history


@pytest.mark.parametrize("act", ["accept", "trust"])
async def test_t72_who_is_let_in_before_the_question_leaves_never_gets_it(laboratory: Laboratory, act: str) -> None:
    async with laboratory(overrides={"replies": {"challenge_delay_s": 60}}) as lab:
        await write(lab)
        assert (kinds(lab), challenges(lab)) == ([], [ChallengeState.QUEUED])
        await (lab.desk.accept(lab.held()[0].id, "bob") if act == "accept" else lab.desk.trust(ANNE, "bob"))
        lab.advance(MINUTES)
        await lab.settle()

        assert (standing(lab), challenges(lab)) == (Standing.TRUSTED, [ChallengeState.CANCELLED])
        assert kinds(lab) == []
        assert len(lab.tickets()) == 1


async def test_t72_who_is_let_in_after_the_question_left_reads_so_on_its_page(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab)).raw)
        await lab.desk.accept(lab.held()[0].id, "bob")

        assert "Already accepted" in await press(lab, page)
        assert challenges(lab) == [ChallengeState.SUPERSEDED]
        assert kinds(lab) == ["challenge"]


async def test_t73_a_question_that_nobody_takes_for_four_hours_is_cancelled(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        lab.next_hop = lambda _sent: (451, "4.7.1 try again later")
        for _ in range(60):
            await write(lab) if not lab.sent else await lab.settle()
            lab.advance(MINUTES)
        await lab.settle()

        assert challenges(lab) == [ChallengeState.CANCELLED]
        assert [state for state, _ in waits(lab)] == ["human"]
        assert "could not be sent" in reasons(lab)[0]
        assert standing(lab) is Standing.UNKNOWN
        assert max(sent.at for sent in lab.sent) - lab.sent[0].at < timedelta(hours=4)


async def test_t74_a_question_that_comes_back_later_ends_it(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        question = await asked(lab)
        await _fails(lab, question)

        assert (standing(lab), challenges(lab)) == (Standing.UNDELIVERABLE, [ChallengeState.BOUNCED])
        assert [state for state, _ in waits(lab)] == ["human"]
        known = lab.contact(ANNE)
        assert known is not None
        assert known.until is not None
        assert known.until - lab.now == 60 * DAYS

        lab.advance(DAYS)
        await write(lab, letter(ANNE, subject="I am here"))
        assert standing(lab) is Standing.UNKNOWN, "she is there after all"
        assert kinds(lab) == ["challenge"], "and asked no second time within thirty days"


async def _fails(lab: Lab, question: Sent) -> None:
    report = [
        "From: MAILER-DAEMON@mx.x.test",
        f"To: {question.mail_from}",
        "Subject: Undelivered Mail",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "Nobody of this name.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.x.test",
        "",
        f"Final-Recipient: rfc822; {question.rcpt_to}",
        "Action: failed",
        "Status: 5.1.1",
        "",
        "--b--",
        "",
    ]
    await lab.receive("\r\n".join(report).encode(), mail_from="", rcpt_to=[question.mail_from], auth="A0")
    await lab.settle()


# ── Trust, and mail that is not proven ────────────────────────────────────────────────────────────────────────────────


async def test_t75_a_trusted_name_without_proof_is_a_ticket_with_a_warning_and_no_answer(
    laboratory: Laboratory,
) -> None:
    async with laboratory() as lab:
        await reply(lab, await asked(lab))
        before = len(lab.sent)
        raw = letter(ANNE, subject="Another matter", text="Send it to my new address.")
        handed = await lab.receive(raw, mail_from=ANNE, auth="A0")
        await lab.settle()

        verdict = lab.verdict(handed)
        assert verdict is not None
        assert "not proven" in verdict["reason"]
        assert len(lab.tickets()) == 2
        assert len(lab.sent) == before


async def test_t75_no_subject_and_no_mark_bring_it_into_a_ticket_that_is_there(laboratory: Laboratory) -> None:
    """Whether it belongs there is for a person to say, who is told where to look."""
    async with laboratory() as lab:
        await reply(lab, await asked(lab))
        marker = next(line for line in body(lab.sent[-1].raw).splitlines() if "mg-" in line)
        before = len(lab.sent)
        raw = letter(ANNE, subject="Re: The printer is on fire [#1]", text=f"Send it to my new address.\n{marker}")
        await write(lab, raw, auth="A0")

        (held,) = lab.held()
        assert (held.from_, held.may_belong_to) == (ANNE, 1)
        assert "not proven" in held.reason
        assert len(lab.tickets()) == 1
        assert len(lab.sent) == before


async def test_t76_what_waits_for_a_person_waits_for_ever_and_spam_is_archived(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await write(lab, letter("carl@c.test", subject="Please help"), author="carl@c.test", auth="A0")
        await write(lab, letter("spam@s.test", subject="Buy honey"), author="spam@s.test", auth="A0")
        spam = lab.held()[1].id
        await lab.desk.spam(spam, "bob")
        lab.advance(43 * DAYS)
        await lab.settle()
        assert waits(lab) == [("human", "Please help"), ("spam", "Buy honey")]

        lab.advance(DAYS)
        await lab.settle()

        assert waits(lab) == [("human", "Please help")], "and it is the oldest that is not answered"
        found = lab.database.look(lambda conn: queries.held(conn, search="honey"))
        assert [(line.id, line.state) for line in found] == [(spam, HeldState.ARCHIVED)]
        shown = lab.database.look(lambda conn: queries.held_one(conn, spam))
        assert shown is not None
        oldest = lab.database.look(queries.backlog).oldest_for_people_at
        assert oldest is not None
        assert lab.now - oldest == 44 * DAYS

        await lab.desk.accept(spam, "bob")
        assert subjects(lab) == ["Buy honey"]
        assert lab.ledger().balanced


async def test_t77_nothing_of_the_strangers_mail_is_in_our_question(laboratory: Laboratory) -> None:
    words = ["Zanzibar", "quicksilver", "https://evil.test/pay", "Marmaduke"]
    async with laboratory() as lab:
        raw = letter(f'"{words[3]}" <{ANNE}>', subject=f"{words[0]} offer", text=f"{words[1]} {words[2]}")
        await lab.receive(raw, mail_from=ANNE)
        await lab.settle()

        (question,) = lab.sent
        assert question.rcpt_to == ANNE
        for word in words:
            assert word.lower().encode() not in question.raw.lower()
        assert len(body(question.raw)) <= 2048


async def test_t78_what_dmarc_forbids_is_held_and_not_refused(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        lab.dns["x.test", "TXT"] = ["v=spf1 -all"]
        lab.dns["_dmarc.x.test", "TXT"] = ["v=DMARC1; p=reject"]
        raw = letter(ANNE, Received="from mx.forwarder.test (192.0.2.9) by mx.g.test; Mon, 5 Jan 2026 09:00:00 +0000")
        handed = await lab.receive(raw, mail_from="srs0=ab=cd=x.test=anne@forwarder.test", auth="verify")
        await lab.settle()

        assert handed.reply[0] == 250
        assert [state for state, _ in waits(lab)] == ["human"]
        assert lab.sent == []


# ── While it waits to leave ───────────────────────────────────────────────────────────────────────────────────────────

WAITING = {"replies": {"challenge_delay_s": 600}}


async def test_a_breaker_that_opens_cancels_the_question_and_a_person_looks(laboratory: Laboratory) -> None:
    async with laboratory(overrides=WAITING) as lab:
        await write(lab)
        await lab.desk.stop(Scope.ALL, "", "bob")
        lab.advance(3 * MINUTES)
        await lab.settle()

        assert (kinds(lab), challenges(lab)) == ([], [ChallengeState.CANCELLED])
        assert (standing(lab), [state for state, _ in waits(lab)]) == (Standing.UNKNOWN, ["human"])


async def test_a_question_that_was_away_while_the_breaker_opened_is_not_tried_again(laboratory: Laboratory) -> None:
    async with laboratory() as lab:

        def refuse(_sent: Sent) -> tuple[int, str]:
            return 451, "4.7.1 try again later"

        lab.next_hop = refuse
        await write(lab)
        table = tables.breaker
        row = {"key": "x.test", "scope": "domain", "state": "latched", "since": lab.now, "reason": "", "actor": "bob"}
        await lab.database.write(lambda conn: conn.execute(table.insert(), row))
        lab.advance(MINUTES)
        await lab.settle()

        assert len(lab.sent) == 1, "the first try, and no second"
        assert challenges(lab) == [ChallengeState.CANCELLED]
        assert "stopped" in reasons(lab)[0]


@pytest.mark.parametrize("stands", [Standing.ROBOT, Standing.UNDELIVERABLE, Standing.BLOCKED])
async def test_a_question_is_not_tried_again_to_whom_has_fallen_silent_meanwhile(
    laboratory: Laboratory, stands: Standing
) -> None:
    async with laboratory() as lab:
        lab.next_hop = lambda _sent: (451, "4.7.1 try again later")
        await write(lab)
        change = update(tables.address).values(standing=stands, until=lab.now + DAYS)
        await lab.database.write(lambda conn: conn.execute(change) and None)
        lab.advance(MINUTES)
        await lab.settle()

        assert len(lab.sent) == 1, "the first try, and no second"
        assert (standing(lab), challenges(lab)) == (stands, [ChallengeState.CANCELLED])
        assert [state for state, _ in waits(lab)] == ["human"]


async def test_a_mail_without_one_author_is_judged_spam_by_itself(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await write(lab, letter("a@x.test, b@x.test"), author="a@x.test")
        await lab.desk.spam(lab.held()[0].id, "bob")

        assert [state for state, _ in waits(lab)] == ["spam"]


async def test_who_is_blocked_before_the_question_leaves_never_gets_it(laboratory: Laboratory) -> None:
    async with laboratory(overrides=WAITING) as lab:
        await write(lab)
        await lab.desk.block(ANNE, "bob")
        lab.advance(3 * MINUTES)
        await lab.settle()

        assert (kinds(lab), challenges(lab)) == ([], [ChallengeState.CANCELLED])
        assert waits(lab) == [("spam", "The printer is on fire")]

        await lab.desk.clear(ANNE, "anne")
        assert standing(lab) is Standing.UNKNOWN
        with pytest.raises(NotFound, match="nothing is held against"):
            await lab.desk.clear(ANNE, "anne")


# ── Two at once ───────────────────────────────────────────────────────────────────────────────────────────────────────


WORDS = ("It burns.", "Where is my parcel?", "My key broke off.", "The lamp flickers.")


@only(POSTGRESQL)
async def test_page_and_answer_at_once_in_two_processes_confirm_once(stores: Stores) -> None:
    url = stores.new()
    async with Lab(store_url=url) as one, Lab(store_url=url) as other:
        for number in range(4):
            author = f"anne{number}@x{number}.test"
            await write(one, letter(author, text=f"{WORDS[number]} Please help."), author=author)
            question = one.sent[-1]
            for lab in (one, other):
                lab.advance(MINUTES)
            page = link(question.raw)
            await one.click(page)
            for lab in (one, other):
                lab.advance(timedelta(seconds=10))
            raw, to = answer(question.raw, author)
            await other.receive(raw, mail_from=author, rcpt_to=[to])
            await asyncio.gather(one.click(page, "POST"), one.click(page, "POST"), other.settle())
            for lab in (one, other):
                await lab.settle()

            sent = [kind for lab in (one, other) for kind in kinds(lab)]
            assert sent.count("acknowledge") <= number + 1, "one confirmation, one word of thanks at most"
            assert challenges(one) == [ChallengeState.CONFIRMED] * (number + 1)
            assert one.held() == []
            ours = [ticket for ticket in one.tickets() if ticket.contact == author]
            assert 1 <= len(ours) <= 2, "the first mail, and perhaps the answer as a known sender's mail"


# ── What people's acts are worth ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_ticket_closed_as_solved_is_worth_one_credit_a_day(laboratory: Laboratory) -> None:
    boxes = [{"address": "support@g.test", "mode": "off"}]
    async with laboratory(overrides={"mailbox": boxes}) as lab:
        for number in range(3):
            await write(lab, letter(ANNE, subject=f"Matter {number}", text=f"About {number}."))
            lab.advance(timedelta(hours=2))
        spent = _credit(lab)

        await lab.desk.close(1, "bob")
        await lab.desk.close(1, "bob")
        await lab.desk.close(2, "bob")
        assert _credit(lab) == spent + 1
        lab.advance(25 * DAYS / 24)
        await lab.desk.close(3, "bob", spam=True)
        assert _credit(lab) == spent + 1, "spam earns nothing"
        known = lab.contact(ANNE)
        assert known is not None
        assert (known.proven, known.spam_marks) == (False, 1)


def _credit(lab: Lab) -> int:
    known = lab.contact(ANNE)
    assert known is not None
    return known.credit


async def test_two_mails_judged_spam_end_trust(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await reply(lab, await asked(lab))
        await write(lab, letter(ANNE, subject="Buy honey"))
        await lab.desk.close(2, "bob", spam=True)
        await lab.desk.close(2, "bob", spam=True)
        assert standing(lab) is Standing.TRUSTED, "the same mail counts once"

        await lab.desk.close(1, "bob", spam=True)

        known = lab.contact(ANNE)
        assert known is not None
        assert (known.standing, known.trust) == (Standing.UNKNOWN, None)
        await write(lab, letter(ANNE, subject="Buy more honey"))
        assert [state for state, _ in waits(lab)] == ["likely-spam"]


async def test_a_letter_of_ours_to_nobody_ends_trust(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await reply(lab, await asked(lab))
        lab.next_hop = lambda _sent: (550, "5.7.1 we do not like it")
        await lab.desk.reply(1, "Is it out?", "bob")
        await lab.settle()
        assert standing(lab) is Standing.TRUSTED, "that was said of the letter and not of the address"

        lab.next_hop = lambda _sent: (550, "5.1.1 no such user")
        await lab.desk.reply(1, "Hello?", "bob")
        await lab.settle()

        known = lab.contact(ANNE)
        assert known is not None
        assert (known.standing, known.trust) == (Standing.UNDELIVERABLE, None)


async def test_whose_domain_signs_no_more_is_trusted_again_by_a_person(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await reply(lab, await asked(lab))
        lab.advance(20 * DAYS)
        await write(lab, letter(ANNE, subject="Unsigned"), auth="A1")
        assert subjects(lab)[-1] == "Unsigned"

        lab.advance(20 * DAYS)
        await write(lab, letter(ANNE, subject="Unsigned still"), auth="A1")

        assert waits(lab) == [("human", "Unsigned still")]
        await lab.desk.accept(lab.held()[0].id, "bob")
        await write(lab, letter(ANNE, subject="And now"), auth="A1")
        assert subjects(lab)[-1] == "And now"
        assert standing(lab) is Standing.TRUSTED


async def test_a_machine_that_asks_back_is_never_asked_again(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        question = await asked(lab)
        await reply(lab, question, text="")
        known = lab.contact(ANNE)
        assert known is not None
        assert known.asks_back
        lab.advance(40 * DAYS)
        await write(lab, letter(ANNE, subject="Once more"))

        assert kinds(lab) == ["challenge"]
        assert "asks whoever writes" in reasons(lab)[-1]

        await lab.desk.trust(ANNE, "bob")
        again = lab.contact(ANNE)
        assert again is not None
        assert not again.asks_back


@pytest.mark.parametrize("state", ["A2", "A1", "A0"])
async def test_no_code_stands_where_people_read(laboratory: Laboratory, state: str) -> None:
    async with laboratory() as lab:
        await write(lab, auth=state)
        (line,) = lab.held()

        assert not re.search(r"\bA[012]\b", f"{line.reason} {line.proof}")


# ── What is done twice ────────────────────────────────────────────────────────────────────────────────────────────────

Act = Callable[[Lab, int, str], Awaitable[Any]]  # of a held mail, and of the page of its challenge
ACTS: dict[str, Act] = {
    "look": lambda lab, _, page: lab.click(page),
    "press": lambda lab, _, page: press(lab, page),
    "spam": lambda lab, held, _: lab.desk.spam(held, "bob"),
    "accept": lambda lab, held, _: lab.desk.accept(held, "bob"),
    "block": lambda lab, *_: lab.desk.block(ANNE, "bob"),
    "clear": lambda lab, *_: lab.desk.clear(ANNE, "anne"),
    "close": lambda lab, *_: lab.desk.close(1, "bob"),
    "close as spam": lambda lab, *_: lab.desk.close(1, "bob", spam=True),
    "the clock": lambda lab, *_: lab.upkeep.settle(),
    "a start": lambda lab, *_: lab.outbound.recover(),
}
WAYS = {
    "asked": (),
    "blocked": ("block",),
    "confirmed": ("press",),
    "judged spam": ("spam",),
    "expired": ("the clock",),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("way", WAYS)
async def test_what_is_done_twice_is_done_once(way: str, act: str) -> None:
    async with Lab() as lab:
        page = link((await asked(lab)).raw)
        await lab.click(page)
        held = lab.held()[0].id
        if way == "expired":
            lab.advance(15 * DAYS)
        for step in (*WAYS[way], act):
            with suppress(NotFound):
                await ACTS[step](lab, held, page)
        before = everything(lab)

        with suppress(NotFound):
            await ACTS[act](lab, held, page)

        assert everything(lab) == before


def everything(lab: Lab) -> dict[str, list[Any]]:
    """All rows that say how people, mail and questions stand; not when, and no lines of history."""
    when = {"since", "until", "updated_at", "closed_at", "settled_at", "credit_at"}

    def read(conn: Connection) -> dict[str, list[Any]]:
        names = ("address", "challenge", "message", "ticket", "permit", "outbox", "domain", "journal")
        columns = {name: [one for one in tables.metadata.tables[name].c if one.name not in when] for name in names}
        return {name: [tuple(row) for row in conn.execute(select(*columns[name]))] for name in names}

    return lab.database.look(read)
