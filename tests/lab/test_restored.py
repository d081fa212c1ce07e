"""A database that goes back in time sends nothing by itself for a day, whoever put it back and whatever comes in."""

from __future__ import annotations

import io
import json
import logging
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from mailgate.log import open_log
from mailgate.store import marks, restored
from mailgate.store.marks import Mark
from mailgate.testing import Lab
from mailgate.upkeep import Upkeep
from tests.fakes.letters import letter, link
from tests.fakes.stores import Laboratory

OFF = {"mailbox": [{"address": "support@g.test", "mode": "off"}]}


@dataclass
class Kept:
    """A memory apart from the database."""

    mark: Mark | None = None

    def recall(self) -> Mark | None:
        return self.mark

    def keep(self, mark: Mark) -> None:
        self.mark = mark


async def write(lab: Lab, number: int) -> None:
    """A mail from somebody new."""
    raw = letter().replace(b"anne@", f"anne{number}@".encode())
    await lab.receive(raw, mail_from=f"anne{number}@x.test")
    await lab.settle()


async def test_nothing_automatic_leaves_for_a_day_after_a_restore(laboratory: Laboratory) -> None:
    """T51"""
    async with laboratory(overrides=OFF) as lab:
        await write(lab, 1)
        assert [sent.kind for sent in lab.sent] == ["acknowledge"]
        await lab.database.write(lambda conn: restored.distrust(conn, lab.now))

        for number in range(2, 7):
            lab.advance(timedelta(hours=4, minutes=47))
            await write(lab, number)

        assert len(lab.sent) == 1
        assert len(lab.tickets()) == 6, "mail comes in as ever"
        assert lab.ledger().automatic.suppressed == 5
        lab.advance(timedelta(hours=1))
        await write(lab, 7)
        assert len(lab.sent) == 2


async def test_every_refusal_says_why_in_the_trail(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        await lab.database.write(lambda conn: restored.distrust(conn, lab.now))
        receipt = await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()

        verdict = lab.verdict(receipt)
        assert verdict is not None
        (gate,) = [step["result"] for step in verdict["trail"] if step["check"] == "gate"]
        assert "refused by restored database" in gate
        assert "nothing automatic until 2026-01-06 09:00 UTC" in gate


async def test_a_stranger_is_not_asked_and_a_person_looks(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lab.database.write(lambda conn: restored.distrust(conn, lab.now))
        await write(lab, 1)

        assert lab.sent == []
        assert [mail.state for mail in lab.held()] == ["human"]


async def test_a_persons_answer_leaves_as_ever(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        await lab.database.write(lambda conn: restored.distrust(conn, lab.now))
        await write(lab, 1)
        await lab.desk.reply(1, "Hello.", "bert")
        await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["agent"]


async def test_a_person_may_end_the_silence(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        await lab.database.write(lambda conn: restored.distrust(conn, lab.now))
        await lab.desk.resume()
        await write(lab, 1)

        assert len(lab.sent) == 1


async def test_a_question_that_was_asked_before_can_still_be_answered(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await write(lab, 1)
        page = link(lab.sent[0].raw)
        await lab.database.write(lambda conn: restored.distrust(conn, lab.now))
        lab.advance(timedelta(minutes=5))

        await lab.click(page)
        lab.advance(timedelta(seconds=20))
        await lab.click(page, method="POST")
        await lab.settle()

        assert len(lab.tickets()) == 1
        assert len(lab.sent) == 1, "and the ticket is not acknowledged"


# ── Put back by hand ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_was_copied_back_is_noticed_at_the_start(tmp_path: Path) -> None:
    file, old, said, kept = tmp_path / "lab.db", tmp_path / "old.db", io.StringIO(), Kept()
    async with Lab(store_url=f"sqlite:///{file}", overrides=OFF) as lab:
        await write(lab, 1)
        await lab.crash()
        shutil.copy(file, old)
        await lab.restart()
        await write(lab, 2)
        kept.mark = lab.database.look(marks.mark)
        await lab.crash()
        shutil.copy(old, file)
        await lab.restart()

        upkeep = Upkeep(replace(lab.context, log=open_log(said)), memory=kept)
        await upkeep.begin()
        await write(lab, 3)

        assert [sent.rcpt_to for sent in lab.sent] == ["anne1@x.test", "anne2@x.test"]
        assert [ticket.number for ticket in lab.tickets()] == [1, 3], "no number is given twice"
        assert [json.loads(line)["event"] for line in said.getvalue().splitlines()] == [
            "database-went-back",
            "automatic-mail-off",
        ]


async def test_a_database_that_went_on_is_believed(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OFF) as lab:
        kept = Kept()
        upkeep = Upkeep(replace(lab.context, log=open_log(io.StringIO(), logging.CRITICAL)), memory=kept)
        await upkeep.begin()
        await write(lab, 1)
        await upkeep.settle()
        await write(lab, 2)
        await Upkeep(lab.context, memory=kept).begin()

        assert len(lab.sent) == 2
        assert kept.mark == lab.database.look(marks.mark)


async def test_one_that_goes_back_under_a_running_daemon_is_noticed_within_the_minute(laboratory: Laboratory) -> None:
    """As when a server's stand-in takes over and lacks the last seconds."""
    async with laboratory(overrides=OFF) as lab:
        await write(lab, 1)
        upkeep = Upkeep(lab.context, memory=Kept())
        await upkeep.begin()
        await lab.database.write(forget_the_newest)

        await upkeep.settle()

        assert lab.database.look(restored.silent_until) == lab.now + timedelta(hours=24)


def forget_the_newest(conn: Connection) -> None:
    for table in ("outbox", "ticket_event", "permit", "message"):
        conn.execute(text(f"DELETE FROM {table}"))
