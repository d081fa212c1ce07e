"""Joining and parting tickets at the command line, and what is shown of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from mailgate.cli.threads import MARKS
from mailgate.model import Mark
from mailgate.testing import Lab
from tests.cli.conftest import Run
from tests.fakes.letters import answer, letter

ANNE, EVE = "anne@x.test", "eve@y.test"


@pytest.fixture
def joined(gateway: Run, folder: Path) -> Run:
    """Anne has two tickets; Eve, who got the address of the first, wrote into it, proven and not."""

    async def fill() -> None:
        mailbox = [{"address": "support@g.test", "queue": "support", "mode": "guarded"}]
        async with Lab(store_url=f"sqlite:///{folder / 'mailgate.db'}", overrides={"mailbox": mailbox}) as lab:
            await lab.desk.trust(ANNE, "bob")
            for subject in ("The printer", "The lamp"):
                await lab.receive(letter(ANNE, subject=subject, Cc="carl@x.test"), mail_from=ANNE)
                await lab.settle()
            for auth in ("A2", "A0"):
                raw, to = answer(lab.sent[0].raw, EVE, text=f"Me too, by {auth}.", Reply_To="pay@z.test")
                await lab.receive(raw, mail_from=EVE, rcpt_to=[to], auth=auth)
            await lab.settle()

    asyncio.run(fill())
    return gateway


def shown(run: Run, number: int) -> dict[str, object]:
    (ticket,) = run("tickets", "show", str(number), "--json").objects
    return dict(ticket)


def ids(run: Run, number: int, is_meant: Callable[[dict[str, object]], object]) -> list[str]:
    (ticket,) = run("tickets", "show", str(number), "--json").objects
    return [str(message["id"]) for message in ticket["messages"] if is_meant(message)]


def test_what_waits_for_an_agent_is_shown_with_what_he_can_do(joined: Run) -> None:
    first, second = ids(joined, 1, lambda message: message["proposed"])

    told = joined("tickets", "show", "1").out

    assert f"PENDING: its author takes no part; let-in {first}, or discard {first}" in told
    assert f"let-in {second}" in told
    assert MARKS[Mark.QUARANTINED] in told
    assert MARKS[Mark.OTHER_REPLY_TO] in told
    assert "named, without part in it: carl@x.test" in told


def test_what_is_let_in_is_a_mail_like_any_other_and_what_is_discarded_is_out_of_view(joined: Run) -> None:
    first, second = ids(joined, 1, lambda message: message["proposed"])

    assert joined("tickets", "let-in", first).out == f"{first} stands in #1.\n"
    assert joined("tickets", "discard", second).out == f"{second} is out of view in #1.\n"

    told = joined("tickets", "show", "1").out
    assert "PENDING" not in told
    assert "Me too, by A2." in told
    assert "Me too, by A0." not in told
    assert "1 discarded, out of view; --json shows them" in told
    assert shown(joined, 1)["participants"] == [ANNE, EVE]
    assert joined("tickets", "let-in", first).code == 69
    assert joined("tickets", "discard", "1").code == 67


def test_tickets_are_merged_and_say_so(joined: Run) -> None:
    assert joined("tickets", "merge", "1", "2").out == "#1 is part of #2.\n"

    assert "part of #2: its mail stands there" in joined("tickets", "show", "1").out
    assert f"merged from #1, with {ANNE}" in joined("tickets", "show", "2").out
    assert joined("tickets", "merge", "1", "2").code == 69
    assert joined("tickets", "merge", "2", "1").code == 69
    assert joined("tickets", "merge", "2", "9").code == 67


def test_mails_are_given_a_ticket_of_their_own(joined: Run) -> None:
    pending = ids(joined, 1, lambda message: message["proposed"])

    done = joined("tickets", "split", "1", "--message", pending[0], "--message", pending[1])

    assert done.out == "#3 has them.\n"
    assert ids(joined, 3, lambda message: not message["proposed"]) == pending
    assert joined("tickets", "split", "1", "--message", pending[0]).code == 67


def test_somebody_is_made_a_participant(joined: Run) -> None:
    assert joined("tickets", "join", "1", "carl@x.test").out == "carl@x.test takes part in #1.\n"

    assert shown(joined, 1)["participants"] == [ANNE, "carl@x.test"]
    assert joined("tickets", "join", "1", "carl@x.test").code == 69
    assert joined("tickets", "join", "1", "nobody").code == 69


def test_every_mark_has_its_words() -> None:
    assert set(MARKS) == set(Mark)
