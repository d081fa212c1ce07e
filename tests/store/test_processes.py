"""Several processes on one PostgreSQL database: nothing is done twice, and what a dead one held is free again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy import Connection, select, text

from mailgate.errors import NotAllowed, TryAgain
from mailgate.model import Answer, Ask, Met, OutboxState, Purpose, Settlement
from mailgate.store import facts, ids, journal, leases, ledger, locks, outbox, record, tables
from mailgate.store.database import Database
from tests.fakes.stores import PostgresStores
from tests.fakes.waiting import wait_until
from tests.store.doing import Hold
from tests.store.filled import put
from tests.store.making import NOW, acquaintance, arrival, day, new_id, sending, ticket

MAILS = 120
ADVISORY = "AND locktype = 'advisory'"
OUR_OID = "(SELECT oid FROM pg_database WHERE datname = current_database())"
Take = Callable[[Connection, str], list[int]]


@pytest.fixture
def stores(postgres_stores: PostgresStores) -> Iterator[PostgresStores]:
    yield postgres_stores
    postgres_stores.close()


@pytest.fixture
async def one(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, durable=False, owner="one")
    yield database
    await database.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, durable=False, owner="other")
    yield database
    await database.close()


async def accept(db: Database, number: int = MAILS) -> None:
    arrivals = [arrival(f"support+{new_id()}@g.test") for _ in range(number)]
    await db.write(lambda conn: journal.accept(conn, arrivals, db.new_id, ids.queue_id))


def take(conn: Connection, owner: str, limit: int = 7) -> list[int]:
    return [mail.journal_id for mail in journal.claim(conn, NOW, limit, owner, 60)]


def take_out(conn: Connection, owner: str, limit: int = 7) -> list[int]:
    return [due.outbox_id for due in outbox.claim(conn, day(1), limit, owner, 3600)]


async def all_of(db: Database, claim: Take) -> list[int]:
    """Claim until nothing is left, under a name that nobody else has."""
    owner, taken = str(id(db)), list[int]()
    while more := await db.write(lambda conn: claim(conn, owner)):
        taken += more
    return taken


# ── Claims ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("claim", [take, take_out], ids=["journal", "outbox"])
async def test_no_row_is_claimed_twice(one: Database, other: Database, claim: Take) -> None:
    await accept(one)
    await put(one, *(sending(Purpose.AGENT) for _ in range(MAILS)))

    mine, theirs = await asyncio.gather(all_of(one, claim), all_of(other, claim))
    assert len(mine) + len(theirs) == len({*mine, *theirs}) == MAILS
    assert mine
    assert theirs


async def test_nobody_waits_for_a_claim_that_is_not_committed(one: Database, other: Database) -> None:
    await accept(one, 10)
    hold = Hold()

    def taking(conn: Connection) -> list[int]:
        taken = take(conn, "one")
        hold(conn)
        return taken

    slow = asyncio.create_task(one.write(taking))
    await asyncio.to_thread(hold.begun.wait, 30)
    quick = await other.write(lambda conn: take(conn, "other"))
    hold.let_go.set()

    assert (len(quick), len(await slow)) == (3, 7)
    assert not {*quick} & {*await slow}


async def test_of_two_that_took_over_a_mail_one_may_hand_it(one: Database, other: Database) -> None:
    await put(one, sending(Purpose.AGENT))
    (mail,) = await one.write(lambda conn: take_out(conn, "one"))
    taken = await other.write(lambda conn: outbox.claim(conn, day(2), 1, "other", 60))
    assert [due.outbox_id for due in taken] == [mail]

    ends = await asyncio.gather(
        one.together(outbox.handed, mail), other.together(outbox.handed, mail), return_exceptions=True
    )
    assert sorted(type(end) for end in ends if end) == [NotAllowed]


# ── The dead ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def bury(db: Database) -> int:
    return await db.write(lambda conn: leases.bury(conn, NOW))


async def test_what_the_living_hold_stays_theirs(one: Database, other: Database) -> None:
    await accept(one, 10)
    await one.write(lambda conn: take(conn, "one"))

    assert await bury(other) == 0
    assert await bury(one) == 0


async def test_what_a_dead_process_held_is_free_at_once(url: str, other: Database) -> None:
    one = await Database.open(url, durable=False, owner="one")
    await accept(one, 10)
    await put(one, *(sending(Purpose.AGENT) for _ in range(3)))
    await one.write(lambda conn: take(conn, "one"))
    await one.write(lambda conn: take_out(conn, "one"))
    await one.close()

    assert await bury(other) == 10
    assert len(await all_of(other, take)) == 10
    assert len(await all_of(other, take_out)) == 3


async def test_an_automatic_mail_that_a_dead_process_handed_is_not_sent_again(url: str, other: Database) -> None:
    one = await Database.open(url, durable=False, owner="one")
    automatic, persons = sending(Purpose.ACKNOWLEDGE), sending(Purpose.AGENT)
    await put(one, automatic, persons)
    for mail in await one.write(lambda conn: take_out(conn, "one")):
        await one.together(outbox.handed, mail)
    await one.close()

    await bury(other)
    assert await other.write(lambda conn: take_out(conn, "other")) == [persons.outbox_id]


async def test_a_process_that_was_buried_alive_writes_nothing_over_the_one_that_took_its_mail(
    one: Database, other: Database, stores: PostgresStores, url: str
) -> None:
    mail = sending(Purpose.ACKNOWLEDGE)
    await put(one, mail)
    await one.write(lambda conn: take_out(conn, "one"))
    await one.close()
    await bury(other)
    assert await other.write(lambda conn: take_out(conn, "other")) == [mail.outbox_id]
    late = await Database.open(url, durable=False, owner="late")

    await other.together(outbox.handed, mail.outbox_id)
    with pytest.raises(NotAllowed):
        await late.together(outbox.handed, mail.outbox_id)
    end = Settlement(mail.outbox_id, OutboxState.SENT, Answer(250, "2.0.0 ok", handed=True), NOW)
    await other.together(outbox.settle, end)
    await late.together(
        outbox.settle, Settlement(mail.outbox_id, OutboxState.FAILED, Answer(550, "5.1.1 no", handed=True), NOW)
    )
    assert stores.rows(url, "SELECT state FROM outbox") == [("sent",)]
    await late.close()


async def test_a_process_that_froze_holds_nobody_up_for_long(one: Database, other: Database) -> None:
    """The server ends a transaction in which nothing happens."""
    hold, quick = Hold(), text("SET idle_in_transaction_session_timeout = '200ms'")

    def frozen(conn: Connection) -> None:
        waits = conn.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
        assert waits == "30s"
        conn.execute(quick)
        locks.spending(conn)
        hold(conn)

    slow = asyncio.create_task(one.write(frozen))
    await asyncio.to_thread(hold.begun.wait, 30)
    await asyncio.wait_for(put(other, sending()), 20)
    hold.let_go.set()

    with pytest.raises(TryAgain):
        await slow


async def test_the_name_of_a_process_that_was_cut_off_is_its_own_again(
    one: Database, other: Database, stores: PostgresStores, url: str
) -> None:
    await accept(one, 10)
    stores.rows(
        url, f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = {OUR_OID}"
    )
    alive = f"SELECT count(*) = 4 FROM pg_locks WHERE locktype = 'advisory' AND database = {OUR_OID}"
    await wait_until(lambda: stores.rows(url, alive) == [(True,)])
    await one.write(lambda conn: take(conn, "one"))

    assert await bury(other) == 0


# ── The same at once ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_mail_to_two_processes_at_once_is_one_mail(one: Database, other: Database) -> None:
    """A client that heard nothing from one asks the other (RFC 1047)."""
    arrivals = [arrival(f"{number}@g.test", f"{number + 1}@g.test") for number in range(40)]

    async def accept_all(db: Database, order: int) -> dict[str, list[str]]:
        work = journal.Acceptance(db.new_id)
        receipts = await asyncio.gather(*(db.together(work, each) for each in arrivals[::order]))
        return {
            each.recipients[0]: [receipt.queue_id for receipt in got]
            for each, got in zip(arrivals[::order], receipts, strict=True)
        }

    heard = await asyncio.gather(accept_all(one, 1), accept_all(other, -1))

    assert heard[0] == heard[1]
    found = await one.read(ledger.ledger)
    assert (found.accepted, found.pending, found.balanced) == (41, 41, True)


async def test_a_mail_that_another_process_accepts_just_now_is_known_once_it_has(
    one: Database, other: Database
) -> None:
    hold, mail = Hold(), arrival("support@g.test")

    def slowly(conn: Connection) -> str:
        ((receipt,),) = journal.accept(conn, [mail], one.new_id, ids.queue_id)
        hold(conn)
        return receipt.queue_id

    first = asyncio.create_task(one.write(slowly))
    await asyncio.to_thread(hold.begun.wait, 30)
    second = asyncio.create_task(other.together(journal.Acceptance(other.new_id), mail))
    await asyncio.wait([second], timeout=0.2)
    hold.let_go.set()

    (receipt,) = await second
    assert (receipt.queue_id, receipt.fresh) == (await first, False)


async def test_tickets_of_two_processes_never_have_the_same_number(one: Database, other: Database) -> None:
    opened = await asyncio.gather(*(put(db, ticket(), ticket()) for db in (one, other) for _ in range(20)))
    numbers = [number for made in opened for number in made.values()]

    assert len(set(numbers)) == 80


async def test_what_one_process_writes_of_a_sender_the_other_reads_before_it_judges(
    one: Database, other: Database
) -> None:
    """Two first mails of one person are judged one after the other: one contact, one credit."""
    ask = Ask(NOW, addresses=frozenset({"anne@x.test"}))
    seen: list[bool] = []

    def judge(conn: Connection) -> None:
        known = facts.gather(conn, ask).acquaintances
        seen.append(bool(known))
        if not known:
            record.apply(conn, [Met(acquaintance("anne@x.test"))], NOW)

    await asyncio.gather(*(db.write(judge) for db in (one, other) for _ in range(5)))

    assert Counter(seen) == {False: 1, True: 9}
    contacts = await one.read(lambda conn: conn.execute(select(tables.contact)).all())
    assert len(contacts) == 1


@pytest.mark.parametrize("number", [locks.MOST, locks.MOST + 1, 20_000])
async def test_however_much_a_batch_names_it_holds_a_bounded_number_of_locks(one: Database, number: int) -> None:
    def held(conn: Connection) -> int:
        locks.together(conn, (f"<{n}@x.test>" for n in range(number)))
        return conn.execute(text(f"SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() {ADVISORY}")).scalar_one()

    assert await one.write(held) <= locks.MOST + 1


async def test_a_batch_that_names_very_much_waits_for_one_that_names_little(one: Database, other: Database) -> None:
    hold, order = Hold(), list[str]()

    def little(conn: Connection) -> None:
        locks.together(conn, ["<5@x.test>"])
        hold(conn)
        order.append("little")

    def much(conn: Connection) -> None:
        locks.together(conn, (f"<{n}@x.test>" for n in range(locks.MOST + 1)))
        order.append("much")

    first = asyncio.create_task(one.write(little))
    await asyncio.to_thread(hold.begun.wait, 30)
    second = asyncio.create_task(other.write(much))
    await asyncio.wait([second], timeout=0.2)
    hold.let_go.set()
    await asyncio.gather(first, second)

    assert order == ["little", "much"]


# ── Who serves ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_one_says_all_hear(one: Database, other: Database) -> None:
    heard: list[str] = []
    one.listen({"journal": lambda: heard.append("one")})
    other.listen({"journal": lambda: heard.append("other"), "outbox": lambda: heard.append("never")})
    await one.tell("journal")

    await wait_until(lambda: sorted(heard) == ["one", "other"])


async def test_whoever_must_be_alone_is_refused_while_a_daemon_serves(url: str, one: Database) -> None:
    with pytest.raises(TryAgain, match="another mailgate serves"):
        await Database.open(url, daemon=False, sole=True)


async def test_a_daemon_is_refused_while_somebody_is_alone(url: str) -> None:
    alone = await Database.open(url, daemon=False, sole=True)
    with pytest.raises(TryAgain, match="somebody has the database alone"):
        await Database.open(url)
    with pytest.raises(TryAgain):
        await Database.open(url, daemon=False, sole=True)
    command = await Database.open(url, daemon=False)
    await command.close()
    await alone.close()

    await (await Database.open(url)).close()


async def test_two_processes_under_load_never_wait_for_each_other_in_a_circle(
    one: Database, other: Database, stores: PostgresStores, url: str
) -> None:
    """The same people, domains and mails in another order in each batch; nothing has to be tried again."""
    people = [f"p{number}@d{number % 3}.test" for number in range(12)]
    trouble: list[TryAgain] = []

    async def busy(db: Database, owner: str, step: int) -> None:
        accept_work = journal.Acceptance(db.new_id)
        for turn in range(12):
            order = people[turn:] + people[:turn]
            try:
                await asyncio.gather(
                    *(db.together(accept_work, arrival(f"{turn}@g.test", mail_from=who)) for who in order[::step])
                )
                await db.write(lambda conn: take(conn, owner))
                await put_together(db, order[::step])
                await db.write(lambda conn: take_out(conn, owner))
                await bury(db)
            except TryAgain as error:
                trouble.append(error)

    await asyncio.gather(busy(one, "one", 1), busy(other, "other", -1))

    assert trouble == []
    assert stores.rows(url, f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{url.rpartition('/')[2]}'") == [
        (0,)
    ]


async def put_together(db: Database, people: list[str]) -> None:
    """What a batch of mails from these people comes to."""

    def judge(conn: Connection) -> None:
        known = facts.gather(conn, Ask(NOW, addresses=frozenset(people), domains=frozenset({"d0.test", "d1.test"})))
        locks.spending(conn)
        met = [Met(known.acquaintances.get(who) or acquaintance(who)) for who in people]
        record.apply(conn, [*met, *(sending(Purpose.ACKNOWLEDGE, to=who) for who in people[:2])], NOW)

    await db.write(judge)
