"""`mailgate agents`: who answers by mail."""

import asyncio
from pathlib import Path

from mailgate.testing import Lab
from tests.cli.conftest import Run
from tests.fakes.letters import letter
from tests.fakes.people import ANNE


def test_people_come_change_and_go(gateway: Run) -> None:
    (added,) = gateway("agents", "add", "Anne@office.test", "--name", "anne", "--queue", "support", "--json").objects
    assert (added["address"], added["rights"]) == ("anne@office.test", ["reply", "command", "forward"])
    assert "every queue" not in gateway("agents", "rights", "anne@office.test", "--right", "reply").out
    assert gateway("agents", "rights", "anne@office.test", "--every-queue").out == (
        "anne is told of every queue; he may reply by mail.\n"
    )
    assert "do nothing by mail" in gateway("agents", "rights", "anne@office.test", "--none").out

    shown = gateway("agents", "list").out
    assert "anne@office.test" in shown
    assert "['" not in shown, "lists are shown as words"

    assert gateway("agents", "remove", "anne@office.test").out == "anne is told nothing more.\n"
    assert gateway("agents", "list").out == "Nobody answers by mail yet: mailgate agents add ADDRESS.\n"
    (left,) = gateway("agents", "list", "--all", "--json").objects
    assert left["left_at"]


def test_what_cannot_be_is_said(gateway: Run) -> None:
    refused = gateway("agents", "add", "support@g.test", "--name", "desk")
    assert refused.code != 0
    assert "address of this gateway" in refused.err
    assert "nobody of ours has the address" in gateway("agents", "remove", "bob@office.test").err


def test_of_what_was_forwarded_the_words_of_the_customer_are_shown(gateway: Run, folder: Path) -> None:
    inner = "Please look.\n\n--- Forwarded message ---\nFrom: Dora <dora@y.test>\nDate: x\nTo: z\n\nIt is wrong."

    async def fill() -> None:
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}") as lab:
            await lab.desk.enrol(ANNE, "anne")
            await lab.receive(letter(ANNE, subject="Fwd: y", text=inner), mail_from=ANNE)
            await lab.settle()

    asyncio.run(fill())
    (ticket,) = gateway("tickets", "show", "1", "--json").objects
    assert ticket["contact"] == "dora@y.test"
    assert "It is wrong." in ticket["messages"][0]["reply_text"]
    assert ticket["messages"][0]["agent"] == "anne"
