"""Conversations that come through a forward: the customer writes to an address whose mail is forwarded to us."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from mailgate.store.queries import tickets
from mailgate.testing import Lab
from tests.fakes.letters import answer, letter, read
from tests.fakes.stores import Laboratory

CUSTOMERS_WRITE_TO = "support@example.com"
FORWARDED_TO = "desk@g.test"
GOOGLE = "support+caf_=desk=g.test@example.com"
MICROSOFT = "support+SRS=9x2Qp=K3=x.test=anne@example.com"
MARKS = {
    "google": {"X_Forwarded_For": f"{CUSTOMERS_WRITE_TO} {FORWARDED_TO}", "X_Forwarded_To": FORWARDED_TO},
    "microsoft365": {"X_MS_Exchange_CrossTenant_Id": "1", "Resent_From": CUSTOMERS_WRITE_TO},
    "alias": {"X_Original_To": CUSTOMERS_WRITE_TO},
}
PATHS = {"google": GOOGLE, "microsoft365": MICROSOFT, "alias": "anne@x.test"}
presets = pytest.mark.parametrize("preset", PATHS)


def desk(preset: str) -> dict[str, Any]:
    mailbox = {"queue": "support", "mode": "open"}
    return {
        "mailbox": [{"address": CUSTOMERS_WRITE_TO, **mailbox}, {"address": FORWARDED_TO, **mailbox}],
        "forwarder": [{"preset": preset, "delivers": [CUSTOMERS_WRITE_TO], "networks": ["203.0.113.0/24"]}],
    }


async def forward(lab: Lab, preset: str, raw: bytes, mail_from: str | None = None) -> Any:
    path = PATHS[preset] if mail_from is None else mail_from
    return await lab.receive(raw, mail_from=path, rcpt_to=[FORWARDED_TO], peer="203.0.113.7")


@presets
async def test_a_customer_is_answered_from_the_address_that_he_wrote_to(laboratory: Laboratory, preset: str) -> None:
    async with laboratory(overrides=desk(preset)) as lab:
        await forward(lab, preset, letter(to=CUSTOMERS_WRITE_TO, **MARKS[preset]))
        await lab.settle()
        (sent,) = lab.sent
        assert (sent.kind, sent.rcpt_to) == ("acknowledge", "anne@x.test")
        assert CUSTOMERS_WRITE_TO in read(sent.raw)["From"]


@presets
async def test_his_reply_finds_its_ticket_by_the_address_that_the_forward_left(
    laboratory: Laboratory, preset: str
) -> None:
    async with laboratory(overrides=desk(preset)) as lab:
        await forward(lab, preset, letter(to=CUSTOMERS_WRITE_TO, **MARKS[preset]))
        await lab.settle()
        _, signed = answer(lab.sent[0].raw, "anne@x.test")
        bare = letter(to=signed, subject="It still burns", text="Now the desk as well.", **MARKS[preset])
        receipt = await forward(lab, preset, bare)
        await lab.settle()

        assert "+" in signed
        assert [len(ticket.messages) for ticket in lab.tickets()] == [3]
        assert lab.verdict(receipt)["disposition"] == "append"  # type: ignore[index]
        assert len(lab.sent) == 1
        assert lab.ledger().balanced


async def test_a_signed_address_in_delivered_to_is_found_where_to_names_somebody_else(laboratory: Laboratory) -> None:
    async with laboratory(overrides=desk("google")) as lab:
        await forward(lab, "google", letter(to=CUSTOMERS_WRITE_TO, **MARKS["google"]))
        await lab.settle()
        _, signed = answer(lab.sent[0].raw, "anne@x.test")
        marks = {**MARKS["google"], "Delivered_To": signed}
        await forward(lab, "google", letter(to="list@y.test", subject="More", text="By a list.", **marks))
        await lab.settle()
        assert [len(ticket.messages) for ticket in lab.tickets()] == [3]


async def test_a_report_about_our_mail_is_believed_by_a_forward_too(laboratory: Laboratory) -> None:
    async with laboratory(overrides=desk("google")) as lab:
        await forward(lab, "google", letter(to=CUSTOMERS_WRITE_TO, **MARKS["google"]))
        await lab.settle()
        report = letter("mailer-daemon@x.test", lab.sent[0].mail_from, text="It is gone.", **MARKS["google"])
        await forward(lab, "google", report, mail_from="")
        await lab.settle()
        assert lab.ledger().consumed == 1
        assert lab.contact("anne@x.test").standing == "undeliverable"  # type: ignore[union-attr]


async def test_what_comes_from_elsewhere_with_the_same_marks_is_not_forwarded(laboratory: Laboratory) -> None:
    async with laboratory(overrides=desk("google")) as lab:
        raw = letter(to="somebody@y.test", **MARKS["google"])
        await lab.receive(raw, mail_from=GOOGLE, rcpt_to=[FORWARDED_TO], peer="192.0.2.66")
        await lab.settle()
        assert lab.sent == []
        assert len(lab.tickets()) == 1


async def test_a_vacation_reply_that_comes_by_a_forward_ends_the_conversation(laboratory: Laboratory) -> None:
    async with laboratory(overrides=desk("microsoft365")) as lab:
        await forward(lab, "microsoft365", letter(to=CUSTOMERS_WRITE_TO, **MARKS["microsoft365"]))
        await lab.settle()
        _, signed = answer(lab.sent[0].raw, "anne@x.test")
        absent = letter(to=signed, subject="Absent", Auto_Submitted="auto-replied", **MARKS["microsoft365"])
        await forward(lab, "microsoft365", absent, mail_from="")
        await lab.settle()
        assert len(lab.sent) == 1
        assert lab.ledger().balanced


# ── What asks the operator for something ──────────────────────────────────────────────────────────────────────────────


CONFIRM = "(#304298959) Example Bestätigung der Weiterleitung - E-Mail erhalten von support@example.com"


@pytest.mark.parametrize("mode", ["guarded", "open", "off"])
async def test_googles_question_whether_to_forward_stands_first(laboratory: Laboratory, mode: str) -> None:
    boxes = {"mailbox": [{"address": "support@g.test", "queue": "support", "mode": mode}]}
    async with laboratory(overrides=boxes) as lab:
        asks = letter("Google <forwarding-noreply@google.com>", subject=CONFIRM, Precedence="bulk")
        receipt = await lab.receive(asks, mail_from="3abc@scoutcamp.bounces.google.com")
        await lab.settle()
        lab.now = lab.now.replace(hour=10)
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        if mode == "guarded":
            await lab.desk.accept(lab.held()[0].id, "bob")

        words = "Google asks to confirm the forwarding to support@g.test"
        listed = lab.database.look(tickets)
        assert [(line.subject, line.queue) for line in listed] == [
            (words, "operator"),
            ("The printer is on fire", "support"),
        ]
        assert lab.verdict(receipt)["reason"] == words  # type: ignore[index]
        assert not any(sent.rcpt_to == "forwarding-noreply@google.com" for sent in lab.sent)
        await lab.desk.close(listed[0].number, "bob")
        assert [line.subject for line in lab.database.look(tickets)] == ["The printer is on fire"]


async def test_what_stands_first_is_on_the_first_page_alone(laboratory: Laboratory) -> None:
    boxes = {"mailbox": [{"address": "support@g.test", "mode": "off"}]}
    async with laboratory(overrides=boxes) as lab:
        for number in range(5):
            asks = number in (1, 2)
            author = "forwarding-noreply@google.com" if asks else f"anne{number}@x.test"
            await lab.receive(letter(author, subject=str(number)), mail_from=author)
            await lab.settle()
        pages, before = [], None
        while page := lab.database.look(partial(tickets, before=before, limit=3)):
            pages.append([line.number for line in page])
            before = page[-1].number
        assert pages == [[3, 2, 5], [4, 1]]


@pytest.mark.parametrize("auth", ["A1", "A0"])
async def test_who_only_says_he_is_google_is_not_believed(laboratory: Laboratory, auth: str) -> None:
    async with laboratory() as lab:
        asks = letter("Google <forwarding-noreply@google.com>", subject=CONFIRM)
        await lab.receive(asks, mail_from="forwarding-noreply@google.com", auth=auth)
        await lab.settle()
        assert lab.tickets() == []
        assert len(lab.held()) == 1
