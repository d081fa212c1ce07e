"""One person's data is handed out and erased: nothing names him afterwards, and everything else goes on adding up."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Enum, LargeBinary, Text, select, type_coerce, update

from mailgate.errors import NotAllowed, NotFound
from mailgate.model import OutboxState, Standing, TicketState
from mailgate.pruning import Rules, prune
from mailgate.store import forgetting, judgements, tables
from mailgate.store.journal import decompressed
from mailgate.store.types import Utc
from mailgate.testing import START, Lab
from tests.fakes.letters import letter
from tests.fakes.stores import SQLITE, Laboratory, Stores, file_of, only

ANNE, OTHER, BART = "anne@x.test", "anne.private@gmail.com", "bart@y.test"
NAMES = ("anne@x.test", "anneprivate@gmail.com", "anne.private@gmail.com")
SECRET = "my parcel with the blue elephant"
# Where a bare address may stay, and why: docs/decisions/0027.
KEPT = {("permit", "address")}


def texts(conn: Connection) -> list[tuple[str, str, str]]:
    """Every value of every column of every table that can hold words, mails unpacked."""
    found = []
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, LargeBinary) or column.type.python_type in (int, bool):
                continue
            for value in conn.execute(select(type_coerce(column, Text))).scalars():
                found.append((table.name, column.name, str(value or "")))
    raws = conn.execute(select(tables.raw.c.zstd, tables.raw.c.size_bytes)).all()
    kept = conn.execute(select(tables.judgement.c.zstd)).scalars()
    return [
        *found,
        *(("raw", "zstd", decompressed(row.zstd, row.size_bytes).decode("latin-1")) for row in raws),
        *(("judgement", "zstd", decompressed(zstd, judgements.LARGEST_BYTES).decode("latin-1")) for zstd in kept),
    ]


def naming(lab: Lab, *words: str) -> set[tuple[str, str]]:
    return {
        (table, column)
        for table, column, text in lab.database.look(texts)
        if any(form.lower() in text.lower() for word in words for form in (word, json.dumps(word)[1:-1]))
    }


async def write(lab: Lab, author: str, subject: str, text: str = SECRET, **more: Any) -> None:
    lab.advance(timedelta(minutes=5))
    await lab.receive(letter(author, subject=subject, text=text), mail_from=author, **more)
    await lab.settle()


async def lived_in(lab: Lab) -> None:
    """Anne writes from two addresses, is answered, asked, held and noted; Bart has a ticket that names her."""
    await lab.desk.trust(ANNE, "cris")
    await lab.desk.trust(BART, "cris")
    await write(lab, "Anne@X.test", "Where is my elephant")
    await lab.desk.reply(1, f"{SECRET} is on its way.", "cris")
    await lab.desk.note(1, f"{ANNE} is a good customer", "cris")
    await write(lab, BART, "Bart's own", "Where is my giraffe")
    await lab.desk.note(2, f"a friend of {ANNE.upper()}", "cris")
    await write(lab, OTHER, "From my own address", auth="A2")
    await write(lab, OTHER, "And one more", auth="A0")
    await lab.desk.link(ANNE, OTHER, "cris")
    await lab.settle()


@pytest.fixture
def notified(laboratory: Laboratory) -> Lab:
    return laboratory(overrides={"notify": {"address": "lead@office.test", "digest_at": ["10:00"]}})


async def test_after_an_erasure_no_text_of_any_table_names_him(notified: Lab) -> None:
    async with notified as lab:
        await lived_in(lab)
        lab.advance(timedelta(hours=20))
        await lab.settle()
        assert any(sent.kind == "digest" for sent in lab.sent), "people were told of her held mail"
        before = naming(lab, *NAMES, SECRET)
        assert {table for table, _ in before} >= {"message", "raw", "ticket", "ticket_event", "address", "journal"}

        done = await lab.desk.forget("anne+x@x.test", "dora")

        assert done.addresses == (ANNE, "anneprivate@gmail.com")
        assert naming(lab, *NAMES) == KEPT
        assert naming(lab, SECRET, "elephant", "good customer") == set()
        assert done.permits == 2
        assert done.mentions >= 1


async def test_what_the_limits_keep_of_him_goes_when_none_looks_at_it(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lived_in(lab)
        await lab.desk.forget(ANNE, "dora")
        rules = Rules(**dict.fromkeys(Rules.__dataclass_fields__, 0))

        await prune(lab.database, rules, lab.now + timedelta(days=401))

        assert naming(lab, *NAMES) == set()
        assert lab.ledger().balanced


async def test_after_an_erasure_everything_adds_up_and_others_keep_theirs(notified: Lab) -> None:
    async with notified as lab:
        await lived_in(lab)
        accepted, automatic = lab.ledger().accepted, lab.ledger().automatic

        done = await lab.desk.forget(ANNE, "dora")

        assert lab.ledger().balanced
        assert (lab.ledger().accepted, lab.ledger().automatic) == (accepted, automatic)
        hers, barts = lab.tickets()[:2]
        assert (hers.number, hers.subject, hers.state, hers.contact) == (1, forgetting.ERASED, TicketState.CLOSED, "")
        assert (hers.messages, hers.participants) == ((), ())
        assert [(one.event, one.actor, one.detail) for one in hers.history][-1] == ("erased", "agent:dora", "")
        assert {one.event for one in hers.history} >= {"opened", "replied", "noted"}
        assert [one.subject for one in barts.messages if one.direction == "in"] == ["Bart's own"]
        assert barts.history[-1].detail == "a friend of (erased)"
        assert (done.tickets, lab.held()) == (1, [])
        assert lab.contact(ANNE) is None


async def test_who_is_forgotten_may_come_again_as_a_stranger(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lived_in(lab)
        await lab.desk.forget(ANNE, "dora")
        await write(lab, ANNE, "Here I am again", "Hello once more")

        known = lab.contact(ANNE)
        assert known is not None
        assert known.trust is None
        assert lab.ledger().balanced


async def test_the_limits_count_on_for_whom_we_forgot(laboratory: Laboratory) -> None:
    """Else an erasure would be a way to be written to without end."""
    async with laboratory() as lab:
        sent = 0
        for number in range(12):
            await lab.desk.trust(ANNE, "cris")
            await write(lab, ANNE, f"Hello {number}", f"word {'abcdefghijkl'[number]}")
            await lab.desk.forget(ANNE, "dora")
            sent = len(lab.sent)

        assert sent <= 4, "four automatic mails a day"


async def test_what_is_blocked_stays_blocked_and_has_no_name(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lived_in(lab)
        await lab.desk.block(ANNE, "cris")

        done = await lab.desk.forget(ANNE, "dora")

        known = lab.contact(ANNE)
        assert known is not None
        assert (known.standing, known.name, known.trust) == (Standing.BLOCKED, "", None)
        assert done.standing == (ANNE,)
        assert naming(lab, ANNE) == {*KEPT, ("address", "address")}
        assert naming(lab, "Anne.Private", "anneprivate") == KEPT


async def test_mail_that_has_not_left_does_not_leave_any_more(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lived_in(lab)
        lab.next_hop = lambda _: (451, "4.0.0 later")
        await lab.desk.reply(1, "One thing more.", "cris")
        await lab.settle()
        await lab.desk.forget(ANNE, "dora")
        lab.next_hop = lambda _: (250, "2.0.0 ok")
        sent = len(lab.sent)
        lab.advance(timedelta(days=1))
        await lab.settle()

        assert len(lab.sent) == sent
        ready = select(tables.outbox.c.id).where(tables.outbox.c.state == OutboxState.READY)
        assert lab.database.look(lambda conn: conn.execute(ready).all()) == []


def bring_together(conn: Connection) -> None:
    """Bart's mail stands in Anne's ticket, as after a merge."""
    hers = select(tables.ticket.c.id).where(tables.ticket.c.number == 1).scalar_subquery()
    conn.execute(update(tables.message).where(tables.message.c.sender == BART).values(ticket_id=hers))


async def test_mail_of_others_in_his_ticket_stays(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lived_in(lab)
        await lab.database.write(bring_together)

        await lab.desk.forget(ANNE, "dora")

        hers = lab.tickets()[0]
        assert (hers.state, [one.from_ for one in hers.messages]) == (TicketState.OPEN, [BART])


@pytest.mark.parametrize("address", ["support@g.test", "nobody@nowhere.test"])
async def test_who_is_not_there_or_is_ours_is_not_forgotten(laboratory: Laboratory, address: str) -> None:
    async with laboratory() as lab:
        with pytest.raises(NotAllowed if "g.test" in address else NotFound):
            await lab.desk.forget(address, "dora")


async def test_an_interrupted_erasure_is_finished_by_the_next(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await lived_in(lab)
        _, traces = await lab.desk.traces(ANNE)
        await lab.database.write(lambda conn: forgetting.remove_messages(conn, traces.messages[:2]))

        await lab.desk.forget(ANNE, "dora")

        assert naming(lab, *NAMES) == KEPT
        assert lab.ledger().balanced


@only(SQLITE)
async def test_what_was_erased_stands_nowhere_in_the_file(stores: Stores) -> None:
    url, words = stores.new(), b"Where is my elephant"
    async with Lab(store_url=url) as lab:
        await lived_in(lab)
    assert words in written(url)
    async with Lab(store_url=url, start=START + timedelta(days=1)) as lab:
        await lab.desk.forget(ANNE, "dora")

    assert words not in written(url)


def written(url: str) -> bytes:
    """Every byte of the database and of the log beside it."""
    file = file_of(url)
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))


def test_every_column_of_words_is_known_to_the_erasure() -> None:
    """A new column of words must be looked at here: may it name a customer in a row that stays?"""
    harmless = {
        "counter.name", "refusal.day", "raw.sha256", "agent.*", "rule_set.*", "domain.domain", "address.*", "contact.*",
        "rule_count.*",
        "challenge.*", "participant.address", "permit.*", "mishap.*", "breaker.key", "breaker.actor", "ticket_tag.tag",
        "ticket.queue", "ticket.mailbox", "ticket.requester", "ticket.assignee", "contact_event.event",
        "contact_event.actor", "ticket_event.event", "ticket_event.actor", "journal.queue_id", "journal.rcpt_to",
        "journal.peer", "journal.notes", "journal.lease_owner", "journal.acceptance_key", "outbox.mail_from",
        "outbox.rcpt_to", "outbox.lease_owner", "message.identity", "message.sender", "message.author",
        "message.author_name", "message.recipient", "message.mailbox", "message.queue", "message.body_hash",
        "message.fingerprint", "message.alias", "message.thread_guid", "message.agent", "errand.*",
    }  # fmt: skip
    told = {f"{table.name}.{name}" for table, names in forgetting.TEXTS.items() for name in names}
    columns = {
        f"{table.name}.{column.name}"
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if not isinstance(column.type, Enum | LargeBinary | Utc) and column.type.python_type not in (int, bool, float)
    }
    left = {one for one in columns if one not in told | harmless and f"{one.partition('.')[0]}.*" not in harmless}
    assert left == set()
