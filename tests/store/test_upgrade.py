"""A database that the first version filled is brought up to this one, and life goes on in it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mailgate.errors import ConfigError
from mailgate.model import HeldState, OutboxState, Priority, TicketState
from mailgate.store import queries, waiting
from mailgate.store.database import Database
from mailgate.testing import START, Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Stores
from tests.store.first_version import ROWS, make


@pytest.fixture
def first_version(stores: Stores) -> str:
    """A database as the first version made and left it."""
    url = stores.empty()
    make(url)
    return url


def columns(name: str) -> str:
    return ", ".join(f'"{column}"' for column in sorted(ROWS[name][0]))


def everything(stores: Stores, url: str) -> dict[str, Any]:
    return {name: stores.rows(url, f'SELECT {columns(name)} FROM "{name}" ORDER BY 1, 2') for name in ROWS}


def test_the_first_version_had_rows_in_every_table(stores: Stores, first_version: str) -> None:
    assert {name: len(rows) for name, rows in everything(stores, first_version).items()} == {
        name: len(rows) for name, rows in ROWS.items()
    }


async def test_it_is_upgraded_only_on_request(first_version: str) -> None:
    with pytest.raises(ConfigError, match="mailgate db upgrade"):
        await Database.open(first_version)


async def test_everything_is_still_there(stores: Stores, first_version: str) -> None:
    before = await asyncio.to_thread(everything, stores, first_version)
    await (await Database.open(first_version, durable=False, create=True)).close()

    assert await asyncio.to_thread(everything, stores, first_version) == before
    database = await Database.open(first_version)
    found = await database.read(queries.ledger)
    await database.close()
    assert (found.accepted, found.balanced, found.refused, found.automatic.acknowledge) == (5, True, 7, 1)


async def test_who_waited_then_waits_still_and_longest_first(first_version: str) -> None:
    """Since when, histories tell; what was promised nobody wrote down."""
    database = await Database.open(first_version, durable=False, create=True)
    found = await database.read(lambda conn: waiting.unanswered(conn, 10))
    (line,) = await database.read(queries.tickets)
    await database.close()

    then = START - timedelta(hours=1)
    assert [(one.number, one.since, one.due_at) for one in found] == [(1, then, None), (None, then, None)]
    assert (line.waits_since, line.priority, line.tags) == (then, Priority.NORMAL, ())


async def test_life_goes_on(first_version: str) -> None:
    async with Lab(store_url=first_version, start=START + timedelta(hours=1)) as lab:
        await lab.settle()
        assert [(sent.kind, sent.rcpt_to) for sent in lab.sent] == [("agent", "anne@x.test")]
        assert [ticket.number for ticket in lab.tickets()] == [1, 2], "what was pending is a ticket now"
        (held,) = lab.held()
        assert held.state == HeldState.HUMAN

        assert await lab.desk.accept(held.id, "bert") == 3
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()

        assert [(one.number, one.state) for one in lab.tickets()] == [(n, TicketState.OPEN) for n in (1, 2, 3, 4)]
        assert {line.state for line in lab.database.look(queries.outgoing)} == {OutboxState.SENT}
        assert (lab.ledger().accepted, lab.ledger().balanced) == (6, True)
