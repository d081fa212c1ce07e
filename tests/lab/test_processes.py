"""Two gateways on one PostgreSQL database are worth one: never more automatic mail, never a ticket twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from mailgate.judge.limits import Limits
from mailgate.model import Grant, OutboxState
from mailgate.store import ids, tables
from mailgate.testing import Lab
from tests.fakes.counting import IS_COUNTED, SUBJECTS
from tests.fakes.letters import letter
from tests.fakes.stores import POSTGRESQL, Stores, only

pytestmark = only(POSTGRESQL)

MAILBOXES = [{"address": "support@g.test", "mode": "guarded"}, {"address": "sales@g.test", "mode": "off"}]

Mail: TypeAlias = dict[str, Any]  # the keyword arguments of Lab.receive
Burst: TypeAlias = list[tuple[int, int, int]]  # of whom, from which domain, with which words


@asynccontextmanager
async def labs(stores: Stores, number: int) -> AsyncIterator[list[Lab]]:
    """So many gateways on one new database."""
    url = stores.new()
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Lab(overrides={"mailbox": MAILBOXES}, store_url=url)) for _ in range(number)
        ]


def mails_of(burst: Burst, to: str) -> list[Mail]:
    """Strangers, all at once: some of one address, some of one domain, some with the same words."""
    mails = []
    for place, (person, domain, words) in enumerate(burst):
        author = f"person{person}@d{domain}.test"
        text = "Buy honey now. " * 20 if words == 0 else f"Mine is number {place} and none other."
        raw = letter(author, to, subject=f"Word {place if words else 'of honey'}", text=text, message_id=f"<{place}@x>")
        mails.append({"raw": raw, "mail_from": author, "rcpt_to": [to]})
    return mails


async def judged(labs: Sequence[Lab], mails: Sequence[Mail]) -> list[Lab]:
    """Give the mails to the gateways by turns, and let all of them judge at once."""
    await asyncio.gather(*(labs[place % len(labs)].receive(**mail) for place, mail in enumerate(mails)))
    await asyncio.gather(*(lab.settle() for lab in labs))
    for lab in labs:  # what one freed or queued last, another finds
        await lab.settle()
    return list(labs)


def granted(lab: Lab) -> list[Grant]:
    columns = [column for column in tables.permit.c if column.name in Grant.__struct_fields__]
    return lab.database.look(lambda conn: [Grant(**row._mapping) for row in conn.execute(select(*columns))])


def stopped(lab: Lab) -> int:
    """How many of the mails that were granted a breaker stopped."""
    opened = select(tables.breaker.c.key).exists()
    rows = select(func.count()).where(tables.outbox.c.state == OutboxState.CANCELLED, opened)
    return lab.database.look(lambda conn: conn.execute(rows).scalar_one())


def beyond(limits: Limits, grants: list[Grant]) -> list[str]:
    """Which limits are broken. All was granted at one moment of the laboratory, so each window holds all of it."""
    broken = []
    for limit in limits.windows:
        counted = Counter(SUBJECTS[limit.key](grant) for grant in grants if IS_COUNTED[limit.mail](grant))
        broken += [
            f"{limit.rule}: {number} for {who}" for who, number in counted.items() if who and number > limit.most
        ]
    return broken


BURSTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 3)), min_size=4, max_size=60)
MAILBOX = st.sampled_from(["support@g.test", "sales@g.test"])
# So many of the same words that the breaker for everybody opens.
MANY = [(n, n % 3, 1 if n in {0, 9} else 0) for n in range(24)]


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
@example(burst=MANY, to="support@g.test")
@given(burst=BURSTS, to=MAILBOX)
async def test_a_burst_of_strangers_keeps_every_limit(stores: Stores, burst: Burst, to: str) -> None:
    async with labs(stores, 2) as pair:
        await judged(pair, mails_of(burst, to))

        grants, ledger = granted(pair[0]), pair[0].ledger()
        assert beyond(pair[0].context.book().limits, grants) == []
        # A breaker that opens while another gateway judges stops what was granted and has not left.
        assert len(grants) == sum(len(lab.sent) for lab in pair) + stopped(pair[0])
        assert (ledger.balanced, ledger.accepted, ledger.pending, ledger.shunted) == (True, len(burst), 0, 0)
    stores.close()


@pytest.mark.parametrize("to", ["support@g.test", "sales@g.test"])
@pytest.mark.parametrize(
    "burst",
    [
        pytest.param([(n, 0, 1) for n in range(60)], id="one domain"),
        pytest.param([(n, n % 3, 0) for n in range(60)], id="the same words"),
        pytest.param([(0, 0, 1)] * 40, id="one person"),
        pytest.param([(n, n, 1) for n in range(80)], id="strangers"),
    ],
)
async def test_a_burst_of_strangers_gets_as_much_mail_from_two_as_from_one(
    stores: Stores, burst: Burst, to: str
) -> None:
    """Where all mails are worth the same, their order cannot matter."""
    async with labs(stores, 1) as alone, labs(stores, 2) as pair:
        for some in (alone, pair):
            await judged(some, mails_of(burst, to))

        by_one, by_two = (Counter(grant.purpose for grant in granted(some[0])) for some in (alone, pair))
        assert by_two == by_one
        assert by_one.total() > 0


async def test_both_judge(stores: Stores) -> None:
    """Else the tests here would prove nothing."""
    async with labs(stores, 2) as pair:
        await judged(pair, mails_of([(n, n % 3, 1) for n in range(60)], "sales@g.test"))

        made = pair[0].database.look(lambda conn: list(conn.execute(select(tables.message.c.id)).scalars()))
        assert len({ids.node_of(number) for number in made}) == 2


async def test_the_same_mail_at_both_at_once_is_one_ticket(stores: Stores) -> None:
    mails = [{**mail, "auth": "A2"} for mail in mails_of([(n, 0, 1) for n in range(20)], "sales@g.test")]
    async with labs(stores, 2) as pair:
        handed = await asyncio.gather(*(lab.receive(**mail) for mail in mails for lab in pair))
        await asyncio.gather(*(lab.settle() for lab in pair))

        assert [one.queue_id for one in handed[::2]] == [one.queue_id for one in handed[1::2]]
        assert len(pair[0].tickets()) == 20
        assert len({ticket.number for ticket in pair[0].tickets()}) == 20
        assert pair[0].ledger().accepted == 20


async def test_the_same_mail_by_two_ways_at_once_is_one_ticket_and_a_duplicate(stores: Stores) -> None:
    mails = mails_of([(n, 0, 1) for n in range(20)], "sales@g.test")
    copies = [{**mail, "rcpt_to": [f"sales+{place}@g.test"]} for place, mail in enumerate(mails)]
    async with labs(stores, 2) as pair:
        one, other = pair
        await asyncio.gather(*(one.receive(**mail) for mail in mails), *(other.receive(**mail) for mail in copies))
        await asyncio.gather(one.settle(), other.settle())

        ledger = one.ledger()
        assert (ledger.accepted, ledger.ticketed, ledger.duplicate) == (40, 20, 20)
        sent = Counter(sent.rcpt_to for lab in pair for sent in lab.sent)
        assert max(sent.values()) == 1


async def test_first_mails_of_one_sender_at_both_at_once_make_one_contact(stores: Stores) -> None:
    mails = mails_of([(n // 2, 0, 1) for n in range(20)], "support@g.test")
    async with labs(stores, 2) as pair:
        await judged(pair, mails)

        assert stores.rows(pair[0]._url, "SELECT count(*) FROM contact") == [(10,)]
        assert stores.rows(pair[0]._url, "SELECT count(*) FROM address") == [(10,)]
        assert max(Counter(one.rcpt_to for lab in pair for one in lab.sent).values()) == 1
