"""What people do at the command line: read, answer, decide; each command beside a store that has mail in it."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from mailgate.cli import office
from mailgate.testing import Lab
from tests.cli.conftest import MAIL, Run
from tests.fakes.letters import letter


@pytest.fixture
def filled(gateway: Run, folder: Path) -> Run:
    """One held mail of Anne, who was asked; one ticket of Bart, whom somebody trusts."""

    async def fill() -> None:
        mailbox = [{"address": "support@g.test", "queue": "support", "mode": "guarded"}]
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", overrides={"mailbox": mailbox}) as lab:
            await lab.desk.trust("bart@x.test", "cris")
            await lab.receive(MAIL, mail_from="anne@x.test")
            lab.advance(timedelta(minutes=1))
            await lab.receive(
                MAIL.replace(b"Anne <anne", b"Bart <bart").replace(b"<1@", b"<2@"), mail_from="bart@x.test"
            )
            await lab.settle()

    asyncio.run(fill())
    return gateway


def test_the_ledger_is_one_object_with_every_place(filled: Run) -> None:
    (found,) = filled("ledger", "--json").objects
    assert (found["accepted"], found["held"], found["ticketed"], found["balanced"]) == (2, 1, 1, True)
    assert found["automatic"] == {
        **dict.fromkeys(("notice", "digest", "redirect", "suppressed"), 0),
        "acknowledge": 1,
        "challenge": 1,
    }


def test_an_unbalanced_ledger_says_so(filled: Run, folder: Path) -> None:
    with sqlite3.connect(folder / "mailgate.db") as connection:
        connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'accepted/0'")
    connection.close()
    assert "NOT BALANCED" in filled("ledger").out


def test_tickets_are_listed_with_what_people_ask_for(filled: Run) -> None:
    (ticket,) = filled("tickets", "list", "--json").objects
    assert {"number", "subject", "state", "queue", "contact", "created_at", "messages"} <= set(ticket)
    assert (ticket["contact"], ticket["messages"]) == ("bart@x.test", 2)


def test_a_ticket_is_shown_with_its_messages(filled: Run) -> None:
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert {"number", "subject", "state", "queue", "contact", "participants", "messages"} <= set(ticket)
    keys = {"id", "direction", "from", "at", "text", "reply_text", "message_id", "kind", "verdict"}
    assert all(keys <= set(message) for message in ticket["messages"])
    assert ticket["messages"][0]["reply_text"] == "Where is my parcel?"
    assert "Where is my parcel?" in filled("tickets", "show", "1").out


def test_what_we_wrote_is_no_new_word_of_who_repeats_it_without_quoting(filled: Run, folder: Path) -> None:
    ours = "Your parcel left our house on Monday morning,\nand it should be with you on Friday."

    async def talk() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}") as lab:
            await lab.desk.reply(1, ours, "cris")
            await lab.settle()
            answered = message_from_bytes(lab.sent[-1].raw)["Message-ID"]
            mail = MAIL.replace(b"Anne <anne", b"Bart <bart").replace(b"<1@", b"<3@")
            mail = mail.replace(b"Date:", f"In-Reply-To: {answered}\nDate:".encode())
            mail = mail.replace(b"Where is my parcel?", f"It came.\n\n{ours}".encode())
            await lab.receive(mail, mail_from="bart@x.test")
            await lab.settle()

    asyncio.run(talk())
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    messages = {message["message_id"]: message for message in ticket["messages"]}
    assert messages["<3@x.test>"]["reply_text"] == "It came."
    assert ours in messages["<3@x.test>"]["text"]
    assert any(one["reply_text"].startswith(ours) for one in messages.values()), "ours says it as before"


def test_a_ticket_is_answered_noted_given_away_closed_and_opened(filled: Run, folder: Path) -> None:
    (folder / "answer.txt").write_text("It is on its way.\n")
    assert filled("tickets", "reply", "1", str(folder / "answer.txt"), "--agent", "cris").code == 0
    assert filled("tickets", "note", "1", "a good customer").code == 0
    assert filled("tickets", "assign", "1", "cris").code == 0
    assert filled("tickets", "close", "1").code == 0
    assert filled("tickets", "list").out == "No open tickets.\n"
    assert [one["state"] for one in filled("tickets", "list", "--all", "--json").objects] == ["closed"]
    assert filled("tickets", "reopen", "1").code == 0
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert ticket["messages"][-1]["reply_text"].startswith("It is on its way.")
    assert [(event["event"], event["actor"]) for event in ticket["history"]][-5:-3] == [
        ("replied", "agent:cris"),
        ("noted", ticket["history"][-1]["actor"]),
    ]


@pytest.mark.parametrize(
    ("option", "found"),
    [
        (["--search", "question"], 1),
        (["--search", "nothing like it"], 0),
        (["--queue", "sales"], 0),
        (["--state", "closed"], 0),
    ],
)
def test_tickets_are_searched(filled: Run, option: list[str], found: int) -> None:
    assert len(filled("tickets", "list", "--json", *option).objects) == found


def test_held_mail_is_listed_shown_and_let_in(filled: Run) -> None:
    (held,) = filled("held", "list", "--json").objects
    assert {"id", "from", "subject", "reason", "since", "state"} <= set(held)
    shown = filled("held", "show", str(held["id"]))
    assert "Where is my parcel?" in shown.out
    assert filled("held", "accept", str(held["id"])).code == 0
    assert filled("held", "list").out == "Nothing is held.\n"
    assert len(filled("tickets", "list", "--json").objects) == 2


ATTACHED = MAIL.replace(
    b"\n\nWhere is my parcel?\n",
    b"\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nWhere is my parcel?\n"
    b"--b\nContent-Type: image/jpeg; name=../parcel.jpg\n\njpeg\n--b--\n",
)


@pytest.mark.parametrize("sender", ["anne@x.test", "bart@x.test"])
def test_the_files_of_a_mail_are_shown_by_name_and_size(gateway: Run, folder: Path, sender: str) -> None:
    async def fill() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}") as lab:
            await lab.desk.trust("bart@x.test", "cris")
            await lab.receive(ATTACHED.replace(b"anne@x.test", sender.encode()), mail_from=sender)
            await lab.settle()

    asyncio.run(fill())
    held = gateway("held", "list", "--json").objects
    line = ("held", "show", str(held[0]["id"])) if held else ("tickets", "show", "1")
    assert "attached: parcel.jpg (image/jpeg, 4 bytes)" in gateway(*line).out
    (found,) = gateway(*line, "--json").objects
    (file,) = found.get("messages", [found])[0]["attachments"]
    assert {"name": "parcel.jpg", "content_type": "image/jpeg", "size_bytes": 4}.items() <= file.items()


def test_held_mail_is_judged_spam_and_kept(filled: Run) -> None:
    (held,) = filled("held", "list", "--json").objects
    assert filled("held", "spam", str(held["id"])).code == 0
    assert [one["state"] for one in filled("held", "list", "--json").objects] == ["spam"]


def test_held_mail_is_searched_by_author_and_subject(filled: Run) -> None:
    (held,) = filled("held", "list", "--json").objects
    for words in ("ANNE", held["subject"][:8]):
        assert [one["id"] for one in filled("held", "list", "--search", words, "--json").objects] == [held["id"]]
    assert filled("held", "list", "--search", "nobody", "--json").objects == []
    assert filled("held", "list", "--archived", "--json").objects == [held]


def test_a_ticket_is_closed_as_spam(filled: Run) -> None:
    assert filled("tickets", "close", "1", "--spam").out == "#1 is closed as spam.\n"
    (ticket,) = filled("tickets", "show", "1", "--json").objects
    assert ticket["history"][-1]["event"] == "closed-as-spam"


def test_a_block_is_lifted_once(filled: Run) -> None:
    filled("senders", "block", "anne@x.test")
    assert filled("senders", "clear", "anne@x.test").out == "anne@x.test is unknown now.\n"
    assert filled("senders", "clear", "anne@x.test").code != 0
    assert filled("senders", "show", "anne@x.test").out.startswith("anne@x.test is unknown since")


def test_a_trusted_sender_is_shown_with_whose_word_and_which_proof(filled: Run) -> None:
    filled("senders", "trust", "anne@x.test")
    told = filled("senders", "show", "anne@x.test").out.splitlines()
    words = "It is trusted by a person of ours, for mail that is proven by DKIM, or by SPF alone, the weaker proof."
    assert told[1] == words


def test_a_sender_is_shown_trusted_and_blocked(filled: Run) -> None:
    assert filled("senders", "show", "Anne@x.test", "--json").objects[0]["standing"] == "challenged"
    assert filled("senders", "trust", "anne@x.test", "--json").objects[0]["released"] == 1
    assert filled("senders", "show", "anne@x.test", "--json").objects[0]["standing"] == "trusted"
    assert filled("senders", "block", "anne@x.test").code == 0
    assert filled("senders", "show", "anne@x.test", "--json").objects[0]["standing"] == "blocked"


def test_held_mail_is_grouped_by_its_sender(flooded: Run) -> None:
    found = flooded("held", "list", "--by", "sender", "--json").objects
    assert [(one["from"], one["mails"]) for one in found] == [("eve@evil.test", 3), ("Mallory@other.test", 1)]
    assert "eve@evil.test" in flooded("held", "list", "--by", "sender").out
    assert len(flooded("held", "list", "--json").objects) == 4


def test_all_of_a_sender_is_decided_at_once(flooded: Run) -> None:
    assert len(flooded("held", "spam", "--from", "Eve@evil.test", "--json").objects) == 3
    states = {one["from"]: one["state"] for one in flooded("held", "list", "--json").objects}
    assert states == {"eve@evil.test": "spam", "Mallory@other.test": "human"}
    assert len(flooded("held", "accept", "--from", "eve@evil.test", "--json").objects) == 1
    assert len(flooded("tickets", "list", "--json").objects) == 3
    assert flooded("ledger", "--json").objects[0]["balanced"]


def test_several_mails_are_decided_at_once_or_none(flooded: Run) -> None:
    ids = [str(one["id"]) for one in flooded("held", "list", "--json").objects]
    assert flooded("held", "spam", *ids, "99").code == 67
    assert {one["state"] for one in flooded("held", "list", "--json").objects} == {"human"}
    assert flooded("held", "accept", *ids).code == 0
    assert flooded("held", "list").out == "Nothing is held.\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["accept"], 64),
        (["accept", "1", "--from", "eve@evil.test"], 64),
        (["spam"], 64),
        (["accept", "--from", "nobody@evil.test"], 67),
    ],
    ids=str,
)
def test_what_is_meant_must_be_said(flooded: Run, line: list[str], code: int) -> None:
    assert flooded("held", *line).code == code
    assert len(flooded("held", "list", "--json").objects) == 4


@pytest.fixture
def flooded(gateway: Run, folder: Path) -> Run:
    """Three held mails of Eve and one of Mallory, of whom nobody knows that they wrote them."""

    async def fill() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}") as lab:
            for number, author in enumerate(["eve@evil.test"] * 3 + ["Mallory@other.test"]):
                await lab.receive(letter(author, subject=f"Offer {number}"), mail_from=author, auth="A0")
            await lab.settle()

    asyncio.run(fill())
    return gateway


def test_senders_are_listed_by_how_they_stand(filled: Run) -> None:
    assert [one["address"] for one in filled("senders", "list", "--json").objects] == ["anne@x.test", "bart@x.test"]
    trusted = filled("senders", "list", "--standing", "trusted", "--json").objects
    assert [(one["address"], one["trust"]) for one in trusted] == [("bart@x.test", "agent-manual")]
    assert filled("senders", "list", "--standing", "robot").out == "Nobody is known.\n"
    assert filled("senders", "list", "--standing", "robotic").code == 64


def test_a_sender_is_shown_in_plain_words(filled: Run) -> None:
    shown = filled("senders", "show", "bart@x.test").out
    assert "bart@x.test is trusted" in shown
    assert "It is trusted by a person of ours" in shown
    assert "It may get 4 automatic mails more" in shown
    (facts,) = filled("senders", "show", "bart@x.test", "--json").objects
    assert facts["credit"] == 4
    assert "A2" not in shown


def test_a_name_is_cleared_once_without_any_credit(filled: Run) -> None:
    before = filled("senders", "show", "anne@x.test", "--json").objects[0]["credit"]
    assert filled("senders", "clear", "anne@x.test").code == 67, "nothing is held against her"
    assert filled("senders", "block", "anne@x.test").code == 0
    assert "mailgate senders clear anne@x.test" in filled("senders", "show", "anne@x.test").out
    assert filled("senders", "clear", "Anne@x.test", "--json").objects == [
        {"address": "anne@x.test", "standing": "unknown"}
    ]
    assert filled("senders", "show", "anne@x.test", "--json").objects[0]["credit"] == before
    assert filled("senders", "clear", "anne@x.test").code == 67


def test_a_flood_is_split_into_tickets_of_its_own(gateway: Run, folder: Path) -> None:
    async def flood() -> None:
        mailbox = [{"address": "support@g.test", "queue": "support", "mode": "off"}]
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", overrides={"mailbox": mailbox}) as lab:
            for number in range(9):
                mail = letter("eve@evil.test", subject=f"Report {number}", text="All is well.")
                await lab.receive(mail, mail_from="eve@evil.test")
                lab.advance(timedelta(seconds=30))
            await lab.settle()

    asyncio.run(flood())
    (flooded,) = [one for one in gateway("tickets", "list", "--json").objects if one["messages"] > 2]
    number = str(flooded["number"])
    before = gateway("ledger", "--json").objects[0]

    (done,) = gateway("tickets", "split", number, "--json").objects

    after = gateway("ledger", "--json").objects[0]
    assert after["balanced"]
    assert (after["ticketed"], after["appended"]) == (9, 0)
    assert before["ticketed"] + before["appended"] == 9
    subjects = [gateway("tickets", "show", str(one), "--json").objects[0]["subject"] for one in done["tickets"]]
    assert subjects == [f"Report {9 - len(subjects) + place}" for place in range(len(subjects))]
    (first,) = gateway("tickets", "show", number, "--json").objects
    assert len([one for one in first["messages"] if one["direction"] == "in"]) == 1
    assert first["history"][-1]["event"] == "split"
    assert gateway("tickets", "split", number).code == 69, "nothing is left to split"


def test_only_a_flood_is_split(filled: Run) -> None:
    assert filled("tickets", "split", "1").code == 69
    assert filled("tickets", "split", "99").code == 67


def test_outgoing_mail_is_listed_and_cancelled(filled: Run, folder: Path) -> None:
    listed = filled("outbox", "list", "--json").objects
    keys = {"id", "kind", "to", "state", "attempts", "next_at", "last_reply"}
    assert all(keys <= set(one) for one in listed)
    assert sorted(one["kind"] for one in listed) == ["acknowledge", "challenge"]
    (folder / "answer.txt").write_text("It is on its way.\n")
    filled("tickets", "reply", "1", str(folder / "answer.txt"))
    (waiting,) = filled("outbox", "list", "--state", "ready", "--json").objects
    assert filled("outbox", "retry", str(waiting["id"])).code == 0
    assert filled("outbox", "cancel", str(waiting["id"])).code == 0
    assert filled("outbox", "list", "--state", "ready").out == "None of this state.\n"


def test_a_stored_mail_is_explained_as_it_was_judged(filled: Run) -> None:
    (held,) = filled("held", "list", "--json").objects
    (found,) = filled("explain", "--stored", str(held["journal_id"])).objects
    assert (found["error"], found["kind"], found["disposition"]) == (None, "human", "hold")
    assert found["reply_text"] == "Where is my parcel?"
    assert found["trail"]


def test_a_stored_report_is_explained_by_the_envelope_that_it_came_with(gateway: Run, folder: Path) -> None:
    """Its header names no reverse-path, and its words alone would not do."""
    raw = (
        b"From: Mail <mail@x.test>\r\nTo: support@g.test\r\nSubject: Your letter\r\nMessage-ID: <9@x.test>\r\n\r\n"
        b"Hi. This is the qmail-send program at x.test.\r\n\r\n<anne@x.test>:\r\n"
        b"Sorry, no mailbox here by that name.\r\n"
    )

    async def fill() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}") as lab:
            await lab.receive(raw, mail_from="")
            await lab.settle()

    asyncio.run(fill())
    with sqlite3.connect(folder / "mailgate.db") as connection:
        (journal_id,) = connection.execute("SELECT id FROM journal").fetchone()
    (found,) = gateway("explain", "--stored", str(journal_id)).objects
    assert found["kind"] == "bounce"
    assert [fate["address"] for fate in found["report"]["recipients"]] == ["anne@x.test"]


def test_nothing_shunted_is_said(filled: Run) -> None:
    assert filled("shunted", "list").out == "Nothing is shunted.\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["tickets", "show", "99"], 67),
        (["tickets", "close", "99"], 67),
        (["held", "show", "99"], 67),
        (["held", "accept", "99"], 67),
        (["outbox", "cancel", "99"], 67),
        (["shunted", "retry", "99"], 67),
        (["explain", "--stored", "99"], 67),
        (["senders", "show", "nobody@x.test"], 67),
        (["senders", "trust", "no address"], 69),
        (["tickets", "show", "one"], 64),
    ],
    ids=str,
)
def test_what_is_not_there_is_told_by_the_exit_code(filled: Run, line: list[str], code: int) -> None:
    assert filled(*line).code == code


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_list_is_read_page_by_page(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "PAGE_ROWS", 2)
    numbers = list(range(10))

    def page(last: int | None, wanted: int) -> list[int]:
        begin = 0 if last is None else last + 1
        return numbers[begin : begin + wanted]

    read: Callable[..., list[int]] = office.pages
    assert read(page, most) == numbers[:most]
    assert read(page, 100) == numbers


def test_what_is_handed_on_is_listed_and_tried_again(filled: Run, folder: Path) -> None:
    learns = '[spam]\nrspamd = "http://127.0.0.1:1"\nlearn = true\n'
    (folder / "config.toml").write_text((folder / "config.toml").read_text() + learns)
    assert filled("errands", "list").out == "Nothing is handed on.\n"
    (held,) = filled("held", "list", "--json").objects
    filled("held", "spam", str(held["id"]))
    (waiting,) = filled("errands", "list", "--json").objects
    assert (waiting["kind"], waiting["state"], waiting["attempts"]) == ("learn-spam", "due", 0)
    assert filled("errands", "retry", str(waiting["id"])).code == 0
    assert filled("errands", "retry", "99").code == 67
    assert filled("errands", "list", "--state", "failed").out == "None of this state.\n"
