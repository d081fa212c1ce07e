"""Mail judged again: the same rules say the same, and other rules what they would have done."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from mailgate import rulebook
from mailgate.judge.decided import Decided
from mailgate.judge.difference import Sort
from mailgate.lab.desks import Challenger, MailingList
from mailgate.lab.forgers import Forger
from mailgate.lab.peer import Peer, Stripped
from mailgate.lab.play import play
from mailgate.lab.robots import Autoresponder, Bouncer, QuietBouncer, Writer
from mailgate.replaying import Gaps, Replayed, Replaying
from mailgate.store import retention, rule_counts, tables
from mailgate.store.journal import compressed
from mailgate.testing import Lab
from tests.fakes.letters import answer, letter, link
from tests.fakes.stores import Laboratory

FOREVER = timedelta(days=4000)
SEEDS = range(20, 30)
OTHER = """
[[rule]]
name = "invoices"
when.subject.contains = "invoice"
then.hold = "for the accountant"

[[rule]]
name = "no thanks"
when.from_domain = "b.test"
then.answer = "never"

[[rule]]
name = "hardware"
when.subject.contains = "printer"
then.queue = "hardware"
"""

WATCHED = """
[[rule]]
name = "watched"
shadow = true
when.subject.contains = "invoice"
then.hold = true
"""


def desk(mode: str = "open", local: Path | None = None) -> Lab:
    box = {"address": "support@g.test", "queue": "support", "mode": mode}
    rules = {"rules": {"local": str(local)}} if local else {}
    return Lab(overrides={"mailbox": [box], **rules})


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / "70-ours.toml").write_text(OTHER)
    return tmp_path


def taught(local: Path) -> rulebook.Rulebook:
    return rulebook.load(rulebook.shipped_folder(), local)


async def replayed(lab: Lab, book: rulebook.Rulebook | None = None) -> tuple[list[Replayed], Gaps]:
    road = Replaying(lab.database, lab.context.gateway, book or lab.context.book())
    return [one async for one in road.run(lab.now - FOREVER, lab.now + FOREVER)], road.gaps


async def unlike(lab: Lab) -> list[tuple[Decided, Decided]]:
    """What the same rules say otherwise than they did."""
    found, gaps = await replayed(lab)
    assert found, "nothing was judged again"
    assert gaps == Gaps(rules={lab.context.book().version})
    return [(one.before, one.after) for one in found if one.before != one.after]


# ── The same rules ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "peer",
    [
        Stripped(Autoresponder()),
        Bouncer(),
        Stripped(QuietBouncer()),
        Writer(),
        MailingList(),
        Challenger(to_reply_address=True),
        Forger(),
    ],
    ids=lambda peer: peer.name,
)
async def test_the_same_rules_say_the_same_of_every_peer(peer: Peer) -> None:
    async with desk() as lab:
        await play(lab, peer, days=28, most_mails=8)

        assert await unlike(lab) == []


async def test_the_same_rules_say_the_same_of_conversations_challenges_and_agents(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await converse(lab)

        assert {sent.kind for sent in lab.sent} >= {"challenge", "acknowledge", "agent"}
        assert lab.ledger().appended >= 1
        assert await unlike(lab) == []


async def test_the_same_rules_say_the_same_of_many_mails_at_once() -> None:
    """Batches, floods and limits: the facts are those that the judgement under the lock was made by."""
    async with desk() as lab:
        mails = [
            {"raw": letter(f"u{number % 7}@{number % 3}.test", text=f"It burns {number}."), "mail_from": "u@x.test"}
            for number in range(20)
        ]
        await lab.receive_many(mails)
        await lab.settle()

        assert await unlike(lab) == []


async def converse(lab: Lab) -> None:
    """Strangers are asked and answer, by mail and by the page; one is answered by an agent; mail comes back."""
    for number, name in enumerate(("anne", "bart", "cris")):
        who = f"{name}@{name}.test"
        await lab.receive(letter(who, subject=f"The printer burns, {name}", text=f"Help {number}."), mail_from=who)
    await lab.settle()
    anne, bart, _ = [sent for sent in lab.sent if sent.kind == "challenge"]
    lab.advance(timedelta(minutes=5))
    raw, to = answer(anne.raw, "anne@anne.test")
    await lab.receive(raw, mail_from="anne@anne.test", rcpt_to=[to])
    await lab.click(link(bart.raw))
    lab.advance(timedelta(minutes=1))
    await lab.click(link(bart.raw), "POST")
    await lab.settle()
    await lab.desk.reply(1, "Use water.", "dora")
    await lab.settle()
    lab.advance(timedelta(hours=1))
    raw, to = answer(lab.sent[-1].raw, "anne@anne.test", text="It still burns.")
    await lab.receive(raw, mail_from="anne@anne.test", rcpt_to=[to])
    await lab.receive(raw, mail_from="anne@anne.test", rcpt_to=[to])
    await lab.receive(letter("mallory@anne.test", subject="The printer burns [#1]"), mail_from="m@m.test", auth="A0")
    await lab.settle()


# ── Other rules ───────────────────────────────────────────────────────────────────────────────────────────────────────


def stream(seed: int, mails: int) -> Iterator[tuple[timedelta, dict[str, Any]]]:
    """Mail that nobody sends because of ours, so that it is the same whatever the rules are."""
    chance, names = random.Random(seed), list[str]()
    for number in range(mails):
        who = f"u{chance.randrange(4)}@{chance.choice('abc')}.test"
        subject = chance.choice(["Your invoice", "The printer is broken", "Hello", "A question"])
        more = {}
        if names and chance.random() < 0.35:
            more["In_Reply_To"], subject = chance.choice(names[-10:]), f"Re: {subject}"
        if chance.random() < 0.1:
            more["Auto_Submitted"] = "auto-replied"
        names.append(f"<{seed}.{number}@x.test>")
        raw = letter(who, message_id=names[-1], subject=subject, text=f"It burns {chance.random()}.", **more)
        span = timedelta(minutes=chance.choice([0, 0, 0, 0, 1, 30, 600]))
        yield span, {"raw": raw, "mail_from": who, "auth": chance.choice(["A2", "A2", "A1", "A0"])}


async def live(lab: Lab, seed: int, mails: int = 30) -> None:
    for span, mail in stream(seed, mails):
        if span:
            await lab.settle()
            lab.advance(span)
        await lab.receive(**mail)
    await lab.settle()


def comparable(decided: list[Decided], ids: list[int]) -> list[Decided]:
    """What was decided, without the ids and numbers of either world."""
    places = {number: place for place, number in enumerate(ids)}
    return [replace(one, reason="", joined=bool(one.joined), beside=places.get(one.beside, 0)) for one in decided]


@pytest.mark.parametrize(
    ("mode", "seed"),
    [
        ("open", 3),
        ("guarded", 1),
        *(pytest.param(mode, seed, marks=pytest.mark.soak) for mode in ("open", "guarded", "off") for seed in SEEDS),
    ],
)
async def test_a_replay_foretells_what_other_rules_would_have_done(local: Path, mode: str, seed: int) -> None:
    """Limits, credit, tickets and held mail of earlier mails count: what is lived is what was foretold."""
    async with desk(mode) as lab, desk(mode, local) as other:
        await live(lab, seed)
        await live(other, seed)

        foretold, _ = await replayed(lab, taught(local))
        lived, _ = await replayed(other)

        assert sum(bool(one.changes) for one in foretold) > 5
        assert comparable([one.after for one in foretold], [one.journal_id for one in foretold]) == comparable(
            [one.before for one in lived], [one.journal_id for one in lived]
        )


async def test_each_difference_names_the_rule_by_its_file_and_line(local: Path) -> None:
    async with desk() as lab:
        await lab.receive(letter("anne@x.test", subject="Your invoice"), mail_from="anne@x.test")
        await lab.receive(letter("bart@y.test", subject="The printer is broken"), mail_from="bart@y.test")
        await lab.settle()

        (held, moved), _ = await replayed(lab, taught(local))

        assert [change.sort for change in held.changes] == [Sort.HELD, Sort.NOT_ANSWERED]
        assert held.because == ("local/70-ours.toml:2 invoices: hold for the accountant",)
        assert [(change.sort, change.before, change.after) for change in moved.changes] == [
            (Sort.QUEUE, "support", "hardware")
        ]
        assert moved.because == ("local/70-ours.toml:12 hardware: queue hardware",)


async def test_nothing_is_written(local: Path) -> None:
    async with desk() as lab:
        await live(lab, 1, 10)
        before = lab.database.look(everything)

        await replayed(lab, taught(local))

        assert lab.database.look(everything) == before


def everything(conn: Any) -> list[Any]:
    return [conn.execute(select(table)).all() for table in tables.metadata.sorted_tables]


# ── What is kept ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_forgotten_is_not_judged_again_and_the_others_are() -> None:
    async with desk() as lab:
        for who in ("anne@x.test", "bart@y.test"):
            await lab.receive(letter(who), mail_from=who)
            await lab.settle()
        await lab.desk.forget("anne@x.test", "dora")

        found, gaps = await replayed(lab)

        assert [one.sender for one in found] == ["bart@y.test"]
        assert gaps.gone == 0


async def test_mail_that_is_no_longer_stored_is_counted() -> None:
    async with desk() as lab:
        await lab.receive_many([{"raw": letter(f"{n}@x.test"), "mail_from": f"{n}@x.test"} for n in range(2)])
        await lab.settle()
        first = lab.database.look(lambda conn: min(conn.execute(select(tables.journal.c.id)).scalars()))
        await lab.database.write(lambda conn: retention.remove_messages(conn, tables.message.c.journal_id == first))

        found, gaps = await replayed(lab)

        assert (len(found), gaps.gone) == (1, 1)


async def test_a_record_of_another_version_is_counted() -> None:
    async with desk() as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        await lab.database.write(lambda conn: conn.execute(update(tables.judgement).values(zstd=compressed(b"\x80"))))

        assert await replayed(lab) == ([], Gaps(unreadable=1))


async def test_what_nobody_can_write_down_is_kept_too() -> None:
    """Raw bytes in a header become characters that no encoding has."""
    async with desk() as lab:
        raw = letter("anne@x.test", subject="SUBJECT").replace(b"SUBJECT", b"\xed\xa0\x80 \xff printer")
        await lab.receive(raw, mail_from="anne\udcff@x.test")
        await lab.settle()

        assert await unlike(lab) == []


@pytest.mark.parametrize(("days", "kept"), [(0, 0), (30, 1)])
async def test_what_mail_was_judged_by_is_kept_for_as_long_as_was_asked(days: int, kept: int) -> None:
    async with Lab(overrides={"rules": {"replay_days": days}}) as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        assert len((await replayed(lab))[0]) == kept

        lab.advance(timedelta(days=31))
        await lab.settle()
        assert await replayed(lab) == ([], Gaps())


async def test_hits_are_counted_by_day_and_apart_where_a_rule_is_only_watched(
    laboratory: Laboratory, local: Path
) -> None:
    (local / "71-watched.toml").write_text(WATCHED)
    async with laboratory(overrides={"rules": {"local": str(local)}}) as lab:
        for _ in range(2):
            await lab.receive(letter(subject="Your invoice"), mail_from="anne@x.test")
            await lab.settle()
            lab.advance(timedelta(days=1))
        day = (lab.now - timedelta(days=2)).date()

        assert lab.database.look(lambda conn: rule_counts.since(conn, day)) == [
            rule_counts.RuleCount("invoices", 2, 0, day, day + timedelta(days=1)),
            rule_counts.RuleCount("watched", 0, 2, day, day + timedelta(days=1)),
        ]
