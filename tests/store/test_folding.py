"""Old permits go and no answer changes: whatever is asked afterwards, the gate says what it would have said before."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, delete, func, insert, select

from mailgate.judge.governor import Balance, Refusal, decide
from mailgate.judge.history import History
from mailgate.model import Acquaintance, Ask, DomainCredit, Grant, Purpose, Standing
from mailgate.pruning import Rules, prune
from mailgate.store import facts, tables
from mailgate.store.database import Database
from mailgate.store.retention import PERMIT_DAYS
from mailgate.testing import Lab
from tests.fakes.judging import GATEWAY, CountingMint, rulebook
from tests.fakes.letters import answer, letter
from tests.fakes.stores import Laboratory
from tests.store.filled import put
from tests.store.making import NOW, new_id, ticket

LIMITS = rulebook().limits
ONLY_PERMITS = Rules(**dict.fromkeys(Rules.__dataclass_fields__, 0))
ALL = Rules(**dict.fromkeys(Rules.__dataclass_fields__, 30))
WHO = [("joe@x.test", "x.test"), ("ann@x.test", "x.test"), ("kim@y.test", "y.test"), ("john@gmail.com", "gmail.com")]
# Around the edges of the windows, and of what is kept.
AGES_D = st.sampled_from([0, 0.01, 0.5, 1, 6.9, 7, 29.9, 30, 31, 200, 364.9, 365, 366, 399.9, 400, 401, 500, 900])
GRANTS = st.lists(
    st.tuples(AGES_D, st.integers(0, 3), st.integers(0, 1), st.integers(0, 3), st.booleans()), min_size=1, max_size=40
)
# How many days later everybody asks for everything.
MOMENTS = st.lists(st.sampled_from([0, 0.02, 1, 30, 335, 400]), min_size=1, max_size=2)


def grant(age_d: float, who: int, text: int, more: int, unproven: bool, *, tickets: list[int], cause: int) -> Grant:
    address, domain = WHO[who]
    acknowledges = more % 2 == 0
    return Grant(
        at=NOW - timedelta(days=age_d),
        purpose=Purpose.ACKNOWLEDGE if acknowledges else Purpose.CHALLENGE,
        address=address,
        domain=domain,
        origin=f"192.0.{text}.0/24",
        fingerprint=f"text {text}",
        shared=domain == "gmail.com",
        unproven=unproven,
        ticket_id=tickets[more // 2] if acknowledges else None,
        cause=cause,
    )


async def decisions(db: Database, wishes: list[Grant]) -> list[str]:
    """What the gate says to each of these, to people who have all the credit there is."""

    def work(conn: Connection) -> list[str]:
        return [_decision(conn, wish) for wish in wishes]

    return await db.read(work)


def _decision(conn: Connection, wish: Grant) -> str:
    ask = Ask(
        wish.at,
        addresses=frozenset({wish.address}),
        domains=frozenset({wish.domain}),
        origins=frozenset({wish.origin}),
        fingerprints=frozenset({wish.fingerprint}),
        ticket_ids=frozenset({wish.ticket_id} if wish.ticket_id else ()),
        causes=frozenset({wish.cause}),
        reach=LIMITS.reach,
        windows=LIMITS.windows_of_all,
    )
    history = History(facts.gather(conn, ask), LIMITS, GATEWAY, CountingMint())
    known = Acquaintance(wish.address, 1, Standing.UNKNOWN, wish.at, 6, wish.at)
    said = decide(wish, Balance(known, DomainCredit(wish.domain, 60, wish.at)), history.counters, LIMITS, lambda: 1)
    return said.reason if isinstance(said, Refusal) else "granted"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(past=GRANTS, later_d=MOMENTS)
@example(past=[(29.9, 0, 0, 1, True)], later_d=[0])
@example(past=[(364.9, 0, 0, 1, True), (200, 0, 1, 3, True), (365, 0, 1, 3, True), (366, 0, 0, 1, True)], later_d=[0])
@example(past=[(364.9, 0, 0, 1, True)] * 3, later_d=[0, 1])
@example(past=[(900, 0, 0, 0, True)], later_d=[0])
async def test_no_answer_changes_when_old_permits_go(
    db: Database, past: list[tuple[float, int, int, int, bool]], later_d: list[float]
) -> None:
    tickets = [ticket(), ticket()]
    await put(db, *tickets)
    ids = [one.id for one in tickets]
    causes = iter(range(1, 10_000))
    rows = [grant(*one, tickets=ids, cause=next(causes)) for one in past]
    wishes = [
        replace(grant(0, who, 0, more, True, tickets=ids, cause=next(causes)), at=NOW + timedelta(days=later))
        for later in later_d
        for who in range(len(WHO))
        for more in range(3)
    ]
    await db.write(lambda conn: _fill(conn, rows))
    before = await decisions(db, wishes)

    await prune(db, ONLY_PERMITS, NOW)

    assert await decisions(db, wishes) == before
    left = await db.read(lambda conn: conn.execute(select(func.count()).select_from(tables.permit)).scalar_one())
    gone = sum(one.at <= NOW - timedelta(days=PERMIT_DAYS) and one.ticket_id is None for one in rows)
    assert left == len(rows) - gone


def _fill(conn: Connection, grants: list[Grant]) -> None:
    conn.execute(delete(tables.permit))
    columns = {column.name for column in tables.permit.c}
    rows = [{name: getattr(one, name) for name in Grant.__struct_fields__ if name in columns} for one in grants]
    conn.execute(insert(tables.permit), [{**row, "id": new_id()} for row in rows])


def test_no_limit_looks_further_back_than_permits_are_kept() -> None:
    spans = [one.per for one in LIMITS.windows if one.per is not None]
    assert max(spans) < timedelta(days=PERMIT_DAYS)


async def test_credit_outlives_the_permits_that_it_paid_for(laboratory: Laboratory) -> None:
    """Balances are rows of their own: nobody gets a newcomer's credit back because his permits are gone."""
    async with laboratory(overrides={"mailbox": [{"address": "support@g.test", "mode": "off"}]}) as lab:
        for turn in range(3):
            await _write(lab, turn)
        assert len(lab.sent) == 3
        lab.advance(timedelta(days=500))
        await prune(lab.database, ALL, lab.now)

        for turn in range(3, 9):
            await _write(lab, turn)
        assert len(lab.sent) == 3 + 3, "the drips of 500 days, up to three"


async def test_a_ticket_that_is_gone_is_never_answered_again(laboratory: Laboratory) -> None:
    """Its permits stay for its address and domain, and who answers it holds a mail of ours in hand."""
    async with laboratory(overrides={"mailbox": [{"address": "support@g.test", "mode": "off"}]}) as lab:
        await _write(lab, 0)
        (opened,) = lab.tickets()
        await lab.desk.close(opened.number, "anne")
        lab.advance(timedelta(days=31))
        await prune(lab.database, ALL, lab.now)
        assert lab.tickets() == []

        raw, to = answer(lab.sent[0].raw, "joe@x.test", text="One more thing.")
        await lab.receive(raw, mail_from="joe@x.test", rcpt_to=[to])
        await lab.settle()

        assert len(lab.tickets()) == 1, "the mail is not lost"
        assert len(lab.sent) == 1


async def _write(lab: Lab, turn: int) -> None:
    raw = letter("joe@x.test", text=f"Mine is {'abcdefghij'[turn] * 3}.")
    await lab.receive(raw, mail_from="joe@x.test")
    await lab.settle()
    lab.advance(timedelta(hours=7))
