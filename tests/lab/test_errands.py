"""Mail that is handed on by HTTP: it comes at least once, in its time, and where it cannot, people learn of it."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from mailgate import errands as road
from mailgate import parcel, rulebook
from mailgate.errors import NotFound
from mailgate.judge import hooks
from mailgate.mail.quotes import Quotes
from mailgate.model import OPERATOR_QUEUE, Errand, ErrandKind, ErrandState, Opinion
from mailgate.net.http import Answered
from mailgate.store import errands, record, tables
from mailgate.store.errands import Parcel
from mailgate.testing import START, Lab
from tests.fakes.letters import answer, letter
from tests.fakes.stores import Laboratory
from tests.fakes.waiting import wait_until

HOOKS = [{"name": name, "url": f"https://{name}.test/in", "secret_file": "x"} for name in ("crm", "wiki")]
OPEN = {"mailbox": [{"address": "support@g.test", "queue": "support", "mode": "open"}], "webhook": HOOKS}
LEARNS = {"spam": {"rspamd": "http://127.0.0.1:11334", "learn": True}}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def filed(lab: Lab, raw: bytes = b"", *, author: str = "anne@x.test", auth: str = "A2") -> int:
    """A mail comes and takes its place; the id of its row."""
    await lab.receive(raw or letter(author), mail_from=author, auth=auth)
    await lab.settle()
    return int(
        lab.database.look(lambda conn: conn.execute(select(func.max(tables.message.c.id)).where(IS_IN)).scalar())
    )


IS_IN = tables.message.c.direction == "in"


async def ordered(lab: Lab, message_id: int, target: str = "crm", *, many: int = 1) -> None:
    """A rule names a webhook for this mail."""
    give_up_s, new_id = lab.context.book().limits.timing.errand_give_up_s, lab.database.new_id
    made: Sequence[Errand] = [
        hooks.errand(ErrandKind.WEBHOOK, message_id, lab.now, give_up_s, new_id, target=target) for _ in range(many)
    ]
    await lab.database.write(lambda conn: record.apply(conn, made, lab.now))


def lines(lab: Lab) -> list[errands.ErrandLine]:
    return lab.database.look(lambda conn: errands.listed(conn, 100, states=list(ErrandState)))


def history(lab: Lab, number: int) -> list[tuple[str, str]]:
    def read(conn: Connection) -> list[tuple[str, str]]:
        event, ticket = tables.ticket_event.c, tables.ticket.c
        found = select(event.event, event.detail).join(tables.ticket, ticket.id == event.ticket_id)
        return [
            (row.event, row.detail) for row in conn.execute(found.where(ticket.number == number).order_by(event.id))
        ]

    return lab.database.look(read)


# ── A webhook ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_webhook_is_given_the_mail_with_its_ticket(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OPEN) as lab:
        message_id = await filed(lab)
        await lab.desk.tag(1, ["fire"], "eve")
        await ordered(lab, message_id)
        await lab.settle()
        ((target, document),) = lab.others.handed
        given = json.loads(document)
        assert target == "crm"
        assert (given["subject"], given["reply_text"]) == ("The printer is on fire", "It burns. Please help.")
        assert given["from"] == {"address": "anne@x.test", "name": ""}
        assert (given["ticket"], given["tags"], given["to"]) == (1, ["fire"], "support@g.test")
        assert (given["authentication"]["level"], given["kind"]) == ("A2", "human")
        assert [(one.state, one.attempts, one.last_error) for one in lines(lab)] == [(ErrandState.DONE, 1, "")]


async def test_what_is_not_taken_is_tried_again_at_growing_waits_with_the_same_key() -> None:
    async with Lab(overrides=OPEN) as lab:
        await ordered(lab, await filed(lab))
        lab.others.answer = lambda target: 500
        await lab.settle()
        assert [(one.state, one.last_error) for one in lines(lab)] == [(ErrandState.DUE, "it answered 500")]
        await lab.settle()
        assert len(lab.others.handed) == 1
        lab.advance(MINUTE)
        await lab.settle()
        lab.others.answer = lambda target: 204
        lab.advance(5 * MINUTE)
        await lab.settle()
        assert len({json.loads(document)["id"] for _, document in lab.others.handed}) == 1
        assert [(one.state, one.attempts) for one in lines(lab)] == [(ErrandState.DONE, 3)]


async def give_up(lab: Lab) -> None:
    lab.others.answer = lambda target: "no answer within 15 s"
    for _ in range(8):
        await lab.settle()
        lab.advance(DAY / 6)


async def test_what_is_given_up_is_told_in_the_history_of_its_ticket_and_can_be_tried_again() -> None:
    async with Lab(overrides=OPEN) as lab:
        await ordered(lab, await filed(lab))
        await give_up(lab)
        (line,) = lines(lab)
        assert line.state is ErrandState.FAILED
        words = f"webhook crm failed: no answer within 15 s; mailgate errands retry {line.id} tries again"
        assert history(lab, 1)[-1] == ("errand-failed", words)
        assert len(lab.tickets()) == 1
        lab.others.answer = lambda target: 200
        await lab.desk.retry_errand(line.id)
        await lab.settle()
        assert lines(lab)[0].state is ErrandState.DONE
        with pytest.raises(NotFound):
            await lab.desk.retry_errand(line.id)


async def test_of_mail_without_a_ticket_one_ticket_of_the_operator_tells_for_each_target(
    laboratory: Laboratory,
) -> None:
    async with laboratory(overrides={"webhook": HOOKS}) as lab:
        held = await filed(lab, auth="A0")
        await ordered(lab, held, many=3)
        await ordered(lab, held, "wiki")
        await give_up(lab)
        told = {ticket.subject: ticket for ticket in lab.tickets()}
        assert sorted(told) == ["webhook crm could not be reached", "webhook wiki could not be reached"]
        assert {ticket.queue for ticket in told.values()} == {OPERATOR_QUEUE}
        crm = history(lab, told["webhook crm could not be reached"].number)
        assert Counter(event for event, _ in crm) == {"opened": 1, "errand-failed": 3}
        assert len(lab.held()) == 1


async def test_a_dead_target_rests_and_holds_up_no_other() -> None:
    async with Lab(overrides=OPEN) as lab:
        message_id = await filed(lab)
        lab.others.answer = lambda target: 200 if target == "wiki" else "down"
        await ordered(lab, message_id, many=50)
        await ordered(lab, message_id, "wiki")
        await lab.settle()
        asked = Counter(target for target, _ in lab.others.handed)
        assert asked["wiki"] == 1
        assert asked["crm"] <= road.PER_TARGET
        lab.advance(DAY / 2)
        lab.others.answer = lambda target: 200
        await lab.settle()
        assert {one.state for one in lines(lab)} == {ErrandState.DONE}


async def test_one_slow_target_leaves_room_for_others() -> None:
    async with Lab(overrides=OPEN) as lab:
        message_id = await filed(lab)
        await ordered(lab, message_id, many=20)
        await ordered(lab, message_id, "wiki")
        answered, most, under_way = asyncio.Event(), 0, 0

        async def post(target: str, document: bytes, key: str, at: Any) -> Answered:
            nonlocal most, under_way
            if target == "wiki":
                answered.set()
                return Answered(200, b"")
            under_way += 1
            most = max(most, under_way)
            await answered.wait()
            under_way -= 1
            return Answered(200, b"")

        lab.errands.post = post
        running = asyncio.create_task(lab.errands.run())
        await wait_until(lambda: all(one.state is ErrandState.DONE for one in lines(lab)))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert most <= road.PER_TARGET


async def test_whoever_dies_with_an_errand_leaves_it_due_again(laboratory: Laboratory) -> None:
    async with laboratory(overrides=OPEN) as lab:
        await ordered(lab, await filed(lab))

        def claim(conn: Connection) -> list[errands.Carried]:
            return errands.claim(conn, lab.now, owner="dead", lease_s=road.LEASE_S, most=9, room={}, each=9)

        (carried,) = await lab.database.write(claim)
        await lab.settle()
        assert lab.others.handed == []
        lab.advance(2 * MINUTE)
        await lab.settle()
        assert len(lab.others.handed) == 1
        late = lambda conn: errands.settle(conn, carried, ErrandState.FAILED, lab.now, "late")  # noqa: E731
        assert not await lab.database.write(late)
        assert [(one.state, one.attempts) for one in lines(lab)] == [(ErrandState.DONE, 2)]


async def test_errands_go_with_their_mail_and_when_they_are_old() -> None:
    async with Lab(overrides=OPEN) as lab:
        message_id = await filed(lab)
        await ordered(lab, message_id)
        await lab.settle()
        lab.advance(errands.DONE_DAYS * DAY)
        assert await lab.database.write(lambda conn: errands.prune(conn, lab.now)) == 1
        await ordered(lab, message_id)
        await lab.desk.forget("anne@x.test", "eve")
        assert lines(lab) == []


# ── Rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

RULE = '[[rule]]\nname = "fires"\nwhen.subject.contains = "fire"\nthen.webhook = "{}"\n'


def ruled(tmp_path: Path, target: str, **more: Any) -> dict[str, Any]:
    folder = shutil.copytree(rulebook.shipped_folder(), tmp_path / "rules")
    (folder / "70-ours.toml").write_text(RULE.format(target))
    publishes = {"name": "site", "url": "https://s.test", "secret_file": "x", "publishes": True, "senders": ["@x.test"]}
    return {**OPEN, "webhook": [*HOOKS, publishes], "rules": {"folder": str(folder)}, **more}


async def test_a_rule_hands_a_mail_to_a_webhook_once_and_the_trail_says_so(tmp_path: Path) -> None:
    async with Lab(overrides=ruled(tmp_path, "crm")) as lab:
        raw = letter()
        for _ in range(2):
            await lab.receive(raw, mail_from="anne@x.test")
            await lab.settle()
            lab.advance(MINUTE)
        ((target, document),) = lab.others.handed
        assert (target, json.loads(document)["rules"]) == ("crm", [{"name": "fires", "place": "70-ours.toml:1"}])


@pytest.mark.parametrize(
    ("author", "auth", "handed"),
    [("anne@x.test", "A2", 1), ("anne@x.test", "A1", 1), ("anne@x.test", "A0", 0), ("eve@y.test", "A2", 0)],
)
async def test_what_is_published_is_proven_to_be_of_who_may_and_all_other_is_held(
    tmp_path: Path, author: str, auth: str, handed: int
) -> None:
    async with Lab(overrides=ruled(tmp_path, "site")) as lab:
        await filed(lab, author=author, auth=auth)
        assert [target for target, _ in lab.others.handed] == ["site"] * handed
        assert len(lab.tickets()) == handed
        assert [mail.reason.partition(": ")[0] for mail in lab.held()] == (
            [] if handed else ["held, for the rule fires (70-ours.toml:1) hands it on"]
        )


async def test_what_could_not_be_published_at_first_is_when_dns_has_proven_it(tmp_path: Path) -> None:
    async with Lab(overrides=ruled(tmp_path, "site")) as lab:
        lab.dns["x.test", "TXT"] = TimeoutError("no answer")
        await filed(lab, auth="verify")
        assert lab.others.handed == []
        lab.dns["x.test", "TXT"] = ["v=spf1 ip4:192.0.2.1 -all"]
        lab.advance(6 * MINUTE)
        await lab.settle()
        assert [target for target, _ in lab.others.handed] == ["site"]


async def test_a_second_look_hands_nothing_on_twice(tmp_path: Path) -> None:
    async with Lab(overrides=ruled(tmp_path, "crm")) as lab:
        lab.dns["x.test", "TXT"] = TimeoutError("no answer")
        await filed(lab, auth="verify")
        lab.dns["x.test", "TXT"] = ["v=spf1 ip4:192.0.2.1 -all"]
        lab.advance(6 * MINUTE)
        await lab.settle()
        assert [target for target, _ in lab.others.handed] == ["crm"]


async def test_in_a_dry_run_nothing_is_handed_on(tmp_path: Path) -> None:
    async with Lab(overrides=ruled(tmp_path, "crm", replies={"dry_run": True})) as lab:
        await filed(lab)
        assert (lab.others.handed, [one.last_error for one in lines(lab)]) == ([], [road.DRY])


# ── What is given ─────────────────────────────────────────────────────────────────────────────────────────────────────

KNOWN = Parcel(START, "a@x.test", "Ann", "b@g.test", "b@g.test", {}, None, ())


def with_files(*sizes: int) -> bytes:
    parts = ["--b\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n"]
    parts += [
        f'--b\r\nContent-Type: application/pdf; name="{at}.pdf"\r\nContent-Disposition: attachment\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{base64.encodebytes(b'x' * size).decode()}\r\n"
        for at, size in enumerate(sizes)
    ]
    return f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{''.join(parts)}--b--\r\n".encode()


def given(raw: bytes, known: Parcel = KNOWN) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parcel.written(7, raw, known, Quotes()))
    return found


def test_small_files_are_enclosed_and_large_ones_named() -> None:
    small, large = given(with_files(5, 6)), given(with_files(5, parcel.MOST_ENCLOSED_BYTES))
    assert [base64.b64decode(one["base64"]) for one in small["attachments"]] == [b"xxxxx", b"xxxxxx"]
    assert [(one["name"], one["type"], one["size"]) for one in large["attachments"]] == [
        ("0.pdf", "application/pdf", 5),
        ("1.pdf", "application/pdf", parcel.MOST_ENCLOSED_BYTES),
    ]
    assert not any("base64" in one for one in large["attachments"])


def test_rules_that_hold_are_named_and_shadow_rules_are_not() -> None:
    hits = [{"rule": "a", "place": "60.toml:3", "shadow": False}, {"rule": "b", "place": "60.toml:9", "shadow": True}]
    known = Parcel(START, "", "", "", "", {"rules_hit": hits}, None, ())
    assert given(b"\r\n", known)["rules"] == [{"name": "a", "place": "60.toml:3"}]


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"Subject: =?utf-8?q?=ED=A0=80?=\r\n\r\n\xed\xa0\x80"])
def test_whatever_a_mail_is_made_of_it_becomes_json(raw: bytes) -> None:
    assert given(raw)["id"] == "7"


# ── The learner ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_people_say_of_held_mail_is_learned() -> None:
    async with Lab(overrides=LEARNS) as lab:
        raws = [letter("anne@x.test"), letter("bob@y.test")]
        for raw, author in zip(raws, ("anne@x.test", "bob@y.test"), strict=True):
            await filed(lab, raw, author=author, auth="A0")
        ham, spam = (mail.id for mail in lab.held())
        await lab.desk.accept(ham, "eve")
        await lab.desk.spam(spam, "eve")
        await lab.settle()
        assert sorted(kind for kind, _ in lab.others.handed) == ["learn-ham", "learn-spam"]
        assert [raw.count(b"bob@y.test") > 0 for kind, raw in lab.others.handed if kind == "learn-spam"] == [True]


async def test_a_ticket_closed_as_spam_is_learned_by_the_mail_that_opened_it() -> None:
    async with Lab(overrides={**OPEN, **LEARNS}) as lab:
        await filed(lab, letter(subject="Cheap pills"))
        await lab.desk.close(1, "eve", spam=True)
        await lab.settle()
        assert [(kind, b"Cheap pills" in raw) for kind, raw in lab.others.handed] == [("learn-spam", True)]


async def test_nothing_is_learned_where_nobody_wants_it() -> None:
    async with Lab(overrides=OPEN) as lab:
        await filed(lab)
        await lab.desk.close(1, "eve", spam=True)
        await lab.settle()
        assert (lines(lab), lab.others.handed) == ([], [])


async def test_what_a_learner_will_not_learn_is_done_with_its_words() -> None:
    async with Lab(overrides={**OPEN, **LEARNS}) as lab:
        lab.others.answer = lambda target: 404
        await filed(lab)
        await lab.desk.close(1, "eve", spam=True)
        await lab.settle()
        assert [(one.state, one.last_error) for one in lines(lab)] == [(ErrandState.DONE, "it answered 404")]


# ── Opinions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_opinions_stand_in_the_verdict_and_in_its_trail() -> None:
    async with Lab() as lab:
        unknown = Opinion("zen.l.test", 0.0, unknown="no answer within 800 ms")
        lab.others.opinions = (Opinion("rspamd", 7.25, ("BAYES_SPAM",)), unknown)
        receipt = await lab.receive(letter(), mail_from="anne@x.test", auth="A0")
        await lab.settle()
        found = lab.verdict(receipt)
        assert found is not None
        assert [(one["judge"], one["points"], one["says"], one["unknown"]) for one in found["opinions"]] == [
            ("rspamd", 7.25, ["BAYES_SPAM"], ""),
            ("zen.l.test", 0.0, [], "no answer within 800 ms"),
        ]
        assert [step["result"] for step in found["trail"] if step["check"] == "opinion"] == [
            "rspamd: 7.2 points (BAYES_SPAM)",
            "zen.l.test could not be heard: no answer within 800 ms",
        ]


async def test_nobody_is_asked_about_an_answer_to_us_and_a_forwarder_is_nobodys_client() -> None:
    alias = {"preset": "alias", "networks": ["198.51.100.0/24"]}
    async with Lab(overrides={"forwarder": [alias]}) as lab:
        await lab.receive(letter(), mail_from="anne@x.test", peer="192.0.2.1")
        await lab.receive(letter("bob@y.test"), mail_from="bob@y.test", peer="198.51.100.1")
        await lab.settle()
        challenge = next(sent for sent in lab.sent if sent.rcpt_to == "anne@x.test")
        reply, to = answer(challenge.raw, "anne@x.test")
        lab.advance(MINUTE)
        await lab.receive(reply, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()
        assert {(mail.mail_from, mail.ip) for mail in lab.others.shown} == {
            ("anne@x.test", "192.0.2.1"),
            ("bob@y.test", ""),
        }
