# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""What is recorded is what is found again: facts are the mirror of effects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import IntegrityError

from mailgate.errors import Overtaken
from mailgate.model import (
    Accepted,
    Ask,
    Asked,
    ChallengeState,
    Counted,
    Credited,
    DomainCredit,
    Effect,
    Facts,
    HeldState,
    Joined,
    Key,
    Kind,
    KnownMessage,
    KnownTicket,
    Level,
    Met,
    Participant,
    Permit,
    Purpose,
    Reach,
    Reheld,
    Released,
    Standing,
    State,
    TicketChange,
    TicketState,
    Trust,
)
from mailgate.store import conversation, facts, ids, journal, outbox, queries, record, tables
from mailgate.store.database import Database
from tests.store.doing import rolled_back
from tests.store.filled import put
from tests.store.making import (
    NOW,
    acquaintance,
    arrival,
    challenge,
    day,
    filing,
    grant,
    new_id,
    sending,
    ticket,
)


async def mail(db: Database, recipient: str = "") -> Accepted:
    """A claimed mail, unlike any other."""
    incoming = arrival(recipient or f"support+{new_id()}@g.test")
    await db.write(lambda conn: journal.accept(conn, [incoming], db.new_id, ids.queue_id))
    (accepted,) = await db.write(lambda conn: journal.claim(conn, NOW, 1, "me", 60))
    return accepted


MONTH, YEAR = timedelta(days=30), timedelta(days=365)
ANY_OF_ADDRESS = Reach(Key.ADDRESS, Counted.ANY, MONTH)


async def gather(db: Database, *reach: Reach, **wanted: object) -> Facts:
    ask = Ask(NOW, reach=reach, **{name: frozenset(values) for name, values in wanted.items()})
    return await db.read(lambda conn: facts.gather(conn, ask))


async def state_of(db: Database, accepted: Accepted) -> State:
    found = select(tables.journal.c.state).where(tables.journal.c.id == accepted.journal_id)
    return await db.read(lambda conn: conn.execute(found).scalar_one())


# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_acquaintance_is_found_as_it_was_met(db: Database) -> None:
    known = acquaintance(standing=Standing.TRUSTED, trust=Trust.CONFIRMED, bound=Level.A1, until=day(9), proven=True)
    await put(db, Met(known))

    assert (await gather(db, addresses=["anne@x.test", "else@x.test"])).acquaintances == {"anne@x.test": known}


async def test_of_several_words_on_one_address_the_last_counts(db: Database) -> None:
    first = acquaintance(credit=3)
    await put(db, Met(first), Met(replace(first, credit=2)))
    await put(db, Met(replace(first, credit=1, standing=Standing.ROBOT)))

    known = (await gather(db, addresses=["anne@x.test"])).acquaintances["anne@x.test"]
    assert (known.credit, known.standing) == (1, Standing.ROBOT)


async def test_a_domain_has_its_balance(db: Database) -> None:
    await put(db, Credited(DomainCredit("x.test", 20, NOW)), Credited(DomainCredit("x.test", 19, NOW)))

    assert (await gather(db, domains=["x.test"])).domains == {"x.test": DomainCredit("x.test", 19, NOW)}


async def test_the_newest_challenge_of_an_address_is_found(db: Database) -> None:
    old, new = challenge(), challenge(created_at=day(1), state=ChallengeState.SENT, sent_at=day(1))
    await put(db, Asked(new), Asked(replace(old, state=ChallengeState.EXPIRED)))

    assert (await gather(db, addresses=["anne@x.test"])).challenges == {"anne@x.test": new}


async def test_a_challenge_that_is_over_is_called_back_from_the_outbox(db: Database) -> None:
    asked = challenge()
    await put(db, Asked(asked), sending(Purpose.CHALLENGE, token_id=asked.token_id))
    await put(db, Asked(replace(asked, state=ChallengeState.SUPERSEDED)))

    assert await db.write(lambda conn: outbox.claim(conn, day(1), 10, "me", 60)) == []


# ── Tickets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tickets_are_numbered_in_order_without_gaps(db: Database) -> None:
    one, two, three = ticket(), ticket(), ticket()

    assert await put(db, one, two) == {one.id: 1, two.id: 2}
    assert await put(db, three) == {three.id: 3}
    assert await put(db) == {}


async def test_a_ticket_is_found_with_its_people_and_its_reopenings(db: Database) -> None:
    opened = ticket()
    closed = TicketChange(new_id(), opened.id, day(1), "closed", "agent:anne", state=TicketState.CLOSED)
    reopened = TicketChange(new_id(), opened.id, day(-2), "reopened", "mail", state=TicketState.OPEN)
    long_ago = TicketChange(new_id(), opened.id, day(-8), "reopened", "mail", state=TicketState.OPEN)
    by_agent = TicketChange(new_id(), opened.id, day(-2), "reopened", "agent:anne", state=TicketState.OPEN)
    await put(db, long_ago, reopened, by_agent, closed, opened)
    await put(db, Joined(opened.id, Participant("bart@x.test", Level.A1)))

    known = (await gather(db, ticket_ids=[opened.id])).tickets[opened.id]
    assert known == KnownTicket(
        id=opened.id,
        number=1,
        state=TicketState.CLOSED,
        queue="support",
        mailbox="support@g.test",
        subject="Help",
        participants=(Participant("anne@x.test", Level.A2), Participant("bart@x.test", Level.A1)),
        requester="anne@x.test",
        closed_at=day(1),
        reopened_at=(day(-2),),
        updated_at=day(1),
    )


async def test_who_joins_twice_at_once_takes_part_as_he_came_last(db: Database) -> None:
    opened = ticket()
    twice = [Joined(opened.id, Participant("bart@x.test", level)) for level in (Level.A1, Level.A2)]
    await put(db, opened, *twice)

    known = (await gather(db, ticket_ids=[opened.id])).tickets[opened.id]
    assert known.participants == (Participant("anne@x.test", Level.A2), Participant("bart@x.test", Level.A2))


async def test_a_ticket_without_a_single_author_has_no_participant(db: Database) -> None:
    opened = ticket("")
    await put(db, opened)

    assert (await gather(db, ticket_ids=[opened.id])).tickets[opened.id].participants == ()


async def test_a_line_of_history_is_written_once(db: Database) -> None:
    opened = ticket()
    change = TicketChange(new_id(), opened.id, NOW, "assigned", "agent:anne", "bart")
    await put(db, opened, change, change)
    await put(db, change)

    shown = await db.read(lambda conn: queries.ticket(conn, 1))
    assert shown is not None
    assert [line.event for line in shown.history] == ["assigned"]
    assert shown.assignee == "bart"


# ── Mail in ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_filed_mail_is_found_by_its_identity_with_its_ticket(db: Database) -> None:
    accepted, opened = await mail(db), ticket()
    filed = filing(accepted, State.TICKETED, ticket_id=opened.id)
    await put(db, filed, opened)

    known = await gather(db, message_ids=["<1@x.test>", "<2@x.test>"])
    assert known.messages == {
        "<1@x.test>": [
            KnownMessage(
                id=filed.message_id,
                message_id="<1@x.test>",
                at=NOW,
                ticket_id=opened.id,
                sender="anne@x.test",
                body_hash="abc",
                journal_id=accepted.journal_id,
                mailbox="support@g.test",
                kind=Kind.HUMAN,
                subject="Help",
            )
        ]
    }
    assert list(known.tickets) == [opened.id]
    assert await state_of(db, accepted) is State.TICKETED
    assert await db.write(lambda conn: journal.claim(conn, day(1), 10, "me", 60)) == []


async def test_of_a_mail_that_came_countless_times_only_the_newest_are_read(db: Database) -> None:
    filed = [filing(await mail(db), State.PARKED) for _ in range(facts.SAME_IDENTITY_MOST + 1)]
    await put(db, *filed)

    known = (await gather(db, message_ids=["<1@x.test>"])).messages["<1@x.test>"]
    assert [message.id for message in known] == [one.message_id for one in filed[1:]]


async def test_a_mail_is_filed_once_and_whoever_comes_second_is_told(db: Database) -> None:
    accepted = await mail(db)
    await put(db, filing(accepted, State.PARKED))

    with pytest.raises(Overtaken):
        await put(db, ticket(), filing(accepted, State.PARKED))
    assert await db.read(queries.tickets_whole) == []


async def test_the_verdict_is_kept_with_its_whole_trail(db: Database) -> None:
    accepted = await mail(db)
    assert await db.read(lambda conn: queries.verdict(conn, accepted.queue_id)) is None
    await put(db, filing(accepted, State.PARKED))

    kept = await db.read(lambda conn: queries.verdict(conn, accepted.queue_id))
    assert kept is not None
    assert (kept["kind"], kept["reason"]) == ("human", "because")
    assert kept["findings"][0]["rule"] == "signals.toml:42"
    assert [step["check"] for step in kept["trail"]] == ["kind", "gate"]
    assert kept["authentication"]["why"] == "proven by DKIM of x.test"


@pytest.mark.parametrize("odd", ["\udcff", "a\0b", "Ünï😀"])
async def test_no_subject_is_too_odd_to_file(db: Database, odd: str) -> None:
    accepted = await mail(db)
    await put(db, filing(accepted, State.PARKED, subject=odd, identity=odd, references=(odd,)))

    assert len((await gather(db, message_ids=[odd])).messages) == 1


# ── Held mail ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def held(db: Database, sender: str = "anne@x.test", state: HeldState = HeldState.WAIT) -> tuple[Accepted, int]:
    accepted = await mail(db)
    filed = filing(accepted, State.HELD, held=state, sender=sender)
    await put(db, filed)
    return accepted, filed.message_id


async def test_held_mail_is_found_by_its_sender_oldest_first(db: Database) -> None:
    first, first_id = await held(db)
    _, second_id = await held(db)
    await held(db, "else@x.test")

    found = (await gather(db, held_of=["anne@x.test"])).held
    assert list(found) == ["anne@x.test"]
    assert [one.message_id for one in found["anne@x.test"]] == [first_id, second_id]
    one = found["anne@x.test"][0]
    assert (one.journal_id, one.state, one.level, one.acknowledge) == (
        first.journal_id,
        HeldState.WAIT,
        Level.A2,
        True,
    )
    assert (one.name, one.queue, one.mailbox, one.references) == (
        "Anne",
        "support",
        "support@g.test",
        ("<0@x.test>", "<r@x.test>"),
    )


async def test_a_challenge_named_by_its_token_brings_its_address_and_its_held_mail(db: Database) -> None:
    asked, known = challenge(), acquaintance(credit=1)
    await held(db)
    await put(db, Met(known), Asked(asked), sending(Purpose.CHALLENGE, token_id=asked.token_id))

    found = await gather(db, ANY_OF_ADDRESS, token_ids=[asked.token_id, (1 << 64) - 1])
    assert found.tokens[asked.token_id].purpose is Purpose.CHALLENGE
    assert found.tokens[asked.token_id].recipient == "anne@x.test"
    assert found.acquaintances == {"anne@x.test": known}
    assert found.challenges == {"anne@x.test": asked}
    assert len(found.held["anne@x.test"]) == 1
    assert found.spent.keys() == {(Key.ADDRESS, Counted.ANY, "anne@x.test")}


async def test_the_recipient_of_any_mail_of_ours_that_is_named_is_known_with_his_credit(db: Database) -> None:
    opened, known = ticket(), acquaintance(credit=0)
    sent = sending(Purpose.AGENT, ticket_id=opened.id)
    await put(db, Met(known), opened, sent)

    found = await gather(db, token_ids=[sent.token_id])
    assert found.acquaintances == {"anne@x.test": known}
    assert list(found.tickets) == [opened.id]
    assert found.held == {}


async def test_a_released_mail_stands_in_its_ticket_and_is_held_no_more(db: Database) -> None:
    accepted, message_id = await held(db)
    opened = ticket()
    await put(db, Released(accepted.journal_id, message_id, opened.id, State.TICKETED), opened)

    assert await state_of(db, accepted) is State.TICKETED
    assert (await gather(db, held_of=["anne@x.test"])).held == {}
    assert (await db.read(queries.ledger)).balanced
    assert await db.read(lambda conn: conversation.ticket_of(conn, message_id)) == opened.id


async def test_many_mails_are_let_in_at_once(db: Database) -> None:
    waiting, opened = [await held(db) for _ in range(3)], ticket()
    released = [Released(accepted.journal_id, row, opened.id, State.APPENDED) for accepted, row in waiting]
    await put(db, opened, *released)

    assert (await db.read(queries.ledger)).appended == 3


async def test_held_mail_can_wait_for_somebody_else(db: Database) -> None:
    _, message_id = await held(db)
    await put(db, Reheld((message_id,), HeldState.SPAM, "judged spam by anne"))

    (line,) = await db.read(queries.held)
    assert (line.id, line.state, line.reason) == (message_id, HeldState.SPAM, "judged spam by anne")


async def test_mail_that_was_let_in_is_not_held_again(db: Database) -> None:
    accepted, message_id = await held(db)
    opened = ticket()
    await put(db, opened, Released(accepted.journal_id, message_id, opened.id, State.TICKETED))
    await put(db, Reheld((message_id,), HeldState.HUMAN, "too late"))

    assert await db.read(queries.held) == []
    assert (await db.read(queries.ledger)).balanced


async def test_a_parked_mail_can_be_let_in_or_judged_spam(db: Database) -> None:
    accepted, other = await mail(db), await mail(db)
    filed, spam, opened = filing(accepted, State.PARKED), filing(other, State.PARKED), ticket()
    await put(db, filed, spam)
    assert await db.read(queries.held) == []
    parked = await db.read(lambda conn: queries.held(conn, parked=True))
    assert [line.state for line in parked] == [State.PARKED, State.PARKED]

    await put(db, opened, Released(accepted.journal_id, filed.message_id, opened.id, State.TICKETED))
    await put(db, Reheld((spam.message_id,), HeldState.SPAM, "spam"))
    assert (await state_of(db, accepted), await state_of(db, other)) == (State.TICKETED, State.HELD)
    assert (await db.read(queries.ledger)).balanced


# ── Mail out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_permit_is_spent_with_the_mail_it_is_for(db: Database) -> None:
    opened = ticket()
    sent = sending(ticket_id=opened.id)
    assert sent.permit is not None
    await put(db, opened, sent)

    found = await gather(db, ANY_OF_ADDRESS, addresses=["anne@x.test"], causes=[sent.permit.grant.cause, 404])
    assert found.spent == {(Key.ADDRESS, Counted.ANY, "anne@x.test"): [sent.permit.grant.at]}
    assert found.causes == {sent.permit.grant.cause}


@pytest.mark.parametrize("way", ["permit", "cause"])
async def test_a_permit_and_a_cause_send_one_mail_each(db: Database, way: str) -> None:
    first = sending()
    assert first.permit is not None
    twice = first.permit if way == "permit" else Permit(new_id(), first.permit.grant)
    await put(db, first)

    with pytest.raises(IntegrityError):
        await put(db, replace(sending(), permit=twice))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(replace(sending(Purpose.ACKNOWLEDGE), permit=None), id="automatic-without"),
        pytest.param(replace(sending(Purpose.AGENT), permit=Permit(new_id(), grant())), id="person-with"),
    ],
)
async def test_the_database_itself_refuses_what_breaks_the_send_gate(db: Database, sent: Effect) -> None:
    with pytest.raises(IntegrityError):
        await put(db, sent)
    assert (await gather(db, ANY_OF_ADDRESS, addresses=["anne@x.test"])).spent == {}


STRANGE: dict[str, object] = {"address": "e@e.test", "domain": "e.test", "origin": "o", "fingerprint": "p"}
SHARED = STRANGE | {"domain": "x.test", "shared": True}
CHALLENGED: dict[str, object] = {"purpose": Purpose.CHALLENGE}
# How a permit differs, how it is counted, and for whom it then counts.
SPENT: list[tuple[str, dict[str, object], Reach, str]] = [
    ("recent", {"at": day(-29)}, ANY_OF_ADDRESS, "anne@x.test"),
    ("old", {"at": day(-31)}, ANY_OF_ADDRESS, ""),
    ("at-the-edge", {"at": NOW - MONTH}, ANY_OF_ADDRESS, ""),
    ("of-the-future", {"at": day(400)}, ANY_OF_ADDRESS, "anne@x.test"),
    ("somebody-else", STRANGE, ANY_OF_ADDRESS, ""),
    ("somebody-else-lately", STRANGE | {"at": day(-2)}, ANY_OF_ADDRESS, ""),
    ("old-challenge", CHALLENGED | {"at": day(-300)}, Reach(Key.ADDRESS, Counted.CHALLENGE, YEAR), "anne@x.test"),
    ("ancient-challenge", CHALLENGED | {"at": day(-366)}, Reach(Key.ADDRESS, Counted.CHALLENGE, YEAR), ""),
    ("challenge", CHALLENGED, Reach(Key.ADDRESS, Counted.CHALLENGE, MONTH), "anne@x.test"),
    ("no-challenge", {}, Reach(Key.ADDRESS, Counted.CHALLENGE, MONTH), ""),
    ("no-acknowledgement", CHALLENGED, Reach(Key.ADDRESS, Counted.ACKNOWLEDGE, MONTH), ""),
    ("acknowledgement", {}, Reach(Key.ADDRESS, Counted.ACKNOWLEDGE, MONTH), "anne@x.test"),
    ("unproven", {"unproven": True}, Reach(Key.ADDRESS, Counted.UNPROVEN, MONTH), "anne@x.test"),
    ("proven", {"unproven": False}, Reach(Key.ADDRESS, Counted.UNPROVEN, MONTH), ""),
    ("domain", STRANGE | {"domain": "x.test"}, Reach(Key.DOMAIN, Counted.ANY, MONTH), "x.test"),
    ("domain-long-ago", STRANGE | {"domain": "x.test", "at": day(-31)}, Reach(Key.DOMAIN, Counted.ANY, MONTH), ""),
    ("domain-is-shared", {"shared": True}, Reach(Key.DOMAIN, Counted.ANY, MONTH), ""),
    ("shared", {"shared": True}, Reach(Key.SHARED, Counted.ANY, MONTH), "x.test"),
    ("strangers-at-a-provider", SHARED | {"unproven": True}, Reach(Key.SHARED, Counted.UNPROVEN, MONTH), "x.test"),
    ("known-at-a-provider", SHARED | {"unproven": False}, Reach(Key.SHARED, Counted.UNPROVEN, MONTH), ""),
    ("not-shared", {}, Reach(Key.SHARED, Counted.ANY, MONTH), ""),
    ("origin", STRANGE | {"origin": "192.0.2.0/24"}, Reach(Key.ORIGIN, Counted.ANY, MONTH), "192.0.2.0/24"),
    ("provider-is-no-origin", {"shared": True}, Reach(Key.ORIGIN, Counted.ANY, MONTH), ""),
    ("text", STRANGE | {"fingerprint": "f"}, Reach(Key.FINGERPRINT, Counted.ANY, MONTH), "f"),
]


@pytest.mark.parametrize(("changes", "reach", "subject"), [row[1:] for row in SPENT], ids=[row[0] for row in SPENT])
async def test_a_permit_counts_for_whom_it_was_as_far_back_as_is_asked(
    db: Database, changes: dict[str, object], reach: Reach, subject: str
) -> None:
    given_ = grant(**changes)
    await put(db, sending(given_.purpose, given=given_))

    names = {"addresses": ["anne@x.test"], "domains": ["x.test"], "origins": ["192.0.2.0/24"], "fingerprints": ["f"]}
    read = await gather(db, reach, **names)
    assert read.spent == ({(reach.key, reach.mail, subject): [given_.at]} if subject else {})


async def test_permits_are_counted_each_and_for_each(db: Database) -> None:
    moments = [day(-3), day(-2), day(-1)]
    for at in moments:
        await put(db, sending(given=grant(at=at)))
    await put(db, sending(given=grant(**STRANGE)))

    reach = (ANY_OF_ADDRESS, Reach(Key.DOMAIN, Counted.ANY, timedelta(days=2)))
    read = await gather(db, *reach, addresses=["anne@x.test", "e@e.test"], domains=["x.test"])

    assert {counter: sorted(found) for counter, found in read.spent.items()} == {
        (Key.ADDRESS, Counted.ANY, "anne@x.test"): moments,
        (Key.ADDRESS, Counted.ANY, "e@e.test"): [NOW],
        (Key.DOMAIN, Counted.ANY, "x.test"): [day(-1)],
    }


async def test_everybodys_permits_are_counted_and_told_apart_only_where_windows_differ(db: Database) -> None:
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    for at in (NOW, NOW - minute, NOW - hour + 2 * minute, NOW - hour - 3 * minute, NOW - hour - 6 * minute):
        await put(db, sending(given=grant(**STRANGE, at=at)))
    await put(db, sending(Purpose.CHALLENGE, given=grant(**STRANGE, purpose=Purpose.CHALLENGE)))

    wanted = Ask(NOW - 5 * minute, frozenset({"anne@x.test"}), windows=(hour,), until=NOW)
    found = await db.write(lambda conn: facts.gather(conn, wanted))

    edge = NOW - hour - 3 * minute
    assert sorted((one.purpose, one.count, one.at) for one in found.totals) == [
        (Purpose.ACKNOWLEDGE, 1, edge),
        (Purpose.ACKNOWLEDGE, 3, None),
        (Purpose.CHALLENGE, 1, None),
    ]


async def test_the_permits_of_a_ticket_are_read_however_old(db: Database) -> None:
    opened = ticket()
    given_ = grant(at=day(-500), ticket_id=opened.id)
    await put(db, opened, sending(given=given_))

    read = await gather(db, Reach(Key.TICKET, Counted.ANY, None), ticket_ids=[opened.id])
    assert read.spent == {(Key.TICKET, Counted.ANY, str(opened.id)): [given_.at]}


async def test_who_asks_for_nothing_gets_nothing(db: Database) -> None:
    await put(db, sending())

    assert await gather(db) == Facts()


MOST_STATEMENTS = 15  # one of them only takes a lock, and one tells who of the senders is one of us


def counted(db: Database) -> Callable[[Connection, Ask], int]:
    def count(conn: Connection, ask: Ask) -> int:
        statements: list[str] = []
        event.listen(conn, "before_cursor_execute", lambda *args: statements.append(args[2]))
        facts.gather(conn, ask)
        return len(statements)

    return count


async def test_the_number_of_statements_does_not_grow_with_the_batch(db: Database) -> None:
    opened = ticket()
    sent = sending(Purpose.CHALLENGE, ticket_id=opened.id)
    await put(db, opened, sent, filing(await mail(db), State.TICKETED, ticket_id=opened.id))

    def asking(size: int) -> Ask:
        many = range(size)
        return Ask(
            NOW,
            addresses=frozenset(f"a{n}@x.test" for n in many),
            domains=frozenset(f"d{n}.test" for n in many),
            message_ids=frozenset({"<1@x.test>", *(f"<{n}@z>" for n in many)}),
            token_ids=frozenset({sent.token_id, *many}),
            ticket_ids=frozenset(many),
            origins=frozenset(f"o{n}" for n in many),
            fingerprints=frozenset(f"f{n}" for n in many),
            held_of=frozenset(f"h{n}@x.test" for n in many),
        )

    small = await db.write(lambda conn: counted(db)(conn, asking(1)))
    large = await db.write(lambda conn: counted(db)(conn, asking(20_000)))
    assert small == large <= MOST_STATEMENTS


# ── Batches ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = st.sampled_from(["anne@x.test", "bartolomew@y.test"])


def met(who: str, credit: int) -> Met:
    return Met(acquaintance(who, contact_id=7, credit=credit))


def asked(who: str, state: ChallengeState) -> Asked:
    return Asked(challenge(who, id=len(who), token_id=len(who), state=state))


EFFECTS = st.lists(
    st.one_of(
        st.builds(met, PEOPLE, st.integers(0, 6)),
        st.builds(lambda credit: Credited(DomainCredit("x.test", credit, NOW)), st.integers(0, 60)),
        st.builds(asked, PEOPLE, st.sampled_from(ChallengeState)),
        st.builds(ticket, PEOPLE),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(effects=EFFECTS)
async def test_effects_at_once_and_one_by_one_leave_the_same_rows(db: Database, effects: list[Effect]) -> None:
    def apart(conn: Connection) -> object:
        for effect in effects:
            record.apply(conn, [effect], NOW)
        return everything(conn)

    def at_once(conn: Connection) -> object:
        record.apply(conn, effects, NOW)
        return everything(conn)

    assert await rolled_back(db, apart) == await rolled_back(db, at_once)


def everything(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
    names = ("contact", "address", "domain", "challenge", "participant")
    questions = {name: f"SELECT * FROM {name}" for name in names}
    # The order of numbers counts; a sequence leaves out those of a transaction that was given up.
    questions["ticket"] = "SELECT id, subject, requester, state, rank() OVER (ORDER BY number) FROM ticket"
    return {name: sorted(map(tuple, conn.execute(text(asked))), key=repr) for name, asked in questions.items()}
