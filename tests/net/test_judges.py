"""Others outside who have an opinion of a mail: rspamd and DNS lists, all under one deadline, none of them needed."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from mailgate.log import open_log
from mailgate.model import Opinion
from mailgate.net import dnsbl, rspamd
from mailgate.net.dnsbl import DnsList, ListAsked, Of
from mailgate.net.http import Answered, Http
from mailgate.net.judges import FAILURES, LARGE_BYTES, REST_S, Judge, Judges, Shown, Unheard
from mailgate.net.resolver import Missing, Trouble
from mailgate.net.rspamd import Rspamd
from tests.fakes.dns import Zone
from tests.fakes.http import Server, answer

MAIL = Shown(b"Subject: x\r\n\r\n", "joe@x.test", ["support@g.test"], "8.8.4.4", "mx.x.test", "mail.x.test", "Q1")
ZEN = DnsList("zen.l.test", Of.IP, {"127.0.0.2": 4.0, "127.0.0.10": 1.5})
DBL = DnsList("dbl.l.test", Of.DOMAIN, {"127.0.1.2": 5.0})


class Said:
    """A judge that says what it is told to, or raises it."""

    def __init__(self, name: str, *said: Opinion | Exception | None) -> None:
        self.name = name
        self.said = list(said)
        self.asked = 0

    async def opinion(self, mail: Shown) -> Opinion | None:
        self.asked += 1
        said = self.said[min(self.asked, len(self.said)) - 1]
        if isinstance(said, Exception):
            raise said
        return said


class Silent(Said):
    async def opinion(self, mail: Shown) -> Opinion | None:
        self.asked += 1
        return await asyncio.get_running_loop().create_future()


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def judges(*asked: Judge, deadline_s: float = 5.0, **more: Any) -> tuple[Judges, io.StringIO]:
    lines = io.StringIO()
    return Judges(asked, deadline_s, open_log(lines), **more), lines


def events(lines: io.StringIO) -> list[tuple[str, str]]:
    return [(one["event"], one["judge"]) for one in map(json.loads, lines.getvalue().splitlines())]


# ── All of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_all_are_asked_at_once_and_nobody_waits_longer_than_the_deadline() -> None:
    silent = [Silent(f"silent-{number}") for number in range(5)]
    ask, _ = judges(Said("a", Opinion("a", 1.0)), *silent, deadline_s=0.05)
    begun = asyncio.get_running_loop().time()
    first, *others = await ask(MAIL)
    took_s = asyncio.get_running_loop().time() - begun
    assert first == Opinion("a", 1.0)
    assert others == [Opinion(one.name, 0.0, unknown="no answer within 50 ms") for one in silent]
    assert took_s < 5 * 0.05


async def test_whatever_a_judge_does_costs_only_its_opinion() -> None:
    ask, _ = judges(Said("a", ValueError("strange bytes")), Said("b", None), Said("c", Opinion("c", -2.0)))
    assert await ask(MAIL) == (Opinion("a", 0.0, unknown="ValueError: strange bytes"), Opinion("c", -2.0))


async def test_who_fails_several_times_in_a_row_rests_and_then_one_question_tries_him() -> None:
    clock, down = Clock(), Said("a", OSError("down"))
    ask, lines = judges(down, now_s=clock)
    for _ in range(FAILURES):
        await ask(MAIL)
    (rests,) = await ask(MAIL)
    assert (down.asked, rests.unknown) == (FAILURES, f"not asked, for it failed {FAILURES} times in a row")
    clock.now_s += REST_S
    await asyncio.gather(ask(MAIL), ask(MAIL))
    assert down.asked == FAILURES + 1
    down.said = [Opinion("a", 3.0)]
    clock.now_s += REST_S
    assert await ask(MAIL) == await ask(MAIL) == (Opinion("a", 3.0),)
    assert events(lines) == [("judge-unheard", "a"), ("judge-heard-again", "a")]


async def test_whoever_sends_large_or_strange_mail_blinds_nobody() -> None:
    large = Shown(b"x" * (LARGE_BYTES + 1), "", [], "", "", "")
    slow, times = Silent("slow"), 2 * FAILURES
    strange = Said("strange", Opinion("strange", 0.0, unknown="it cannot read the mail"))
    ask, lines = judges(slow, strange, deadline_s=0.01)
    for _ in range(times):
        assert [one.unknown for one in await ask(large)] == ["no answer within 10 ms", "it cannot read the mail"]
    assert (slow.asked, strange.asked, events(lines)) == (times, times, [])


async def test_who_is_busy_with_a_burst_is_not_down() -> None:
    class Busy(Silent):
        async def opinion(self, mail: Shown) -> Opinion | None:
            self.asked += 1
            if self.asked > 1:
                return await super().opinion(mail)
            await asyncio.sleep(0)  # until the others have asked
            return Opinion("busy", 1.0)

    ask, lines = judges(Busy("busy"), deadline_s=0.01)
    found = await asyncio.gather(*(ask(MAIL) for _ in range(10)))
    assert [one.unknown == "" for (one,) in found] == [True] + [False] * 9
    assert events(lines) == []


async def test_a_failure_now_and_then_is_nobodys_rest() -> None:
    flaky = Said("a", *[OSError("once"), Opinion("a", 0.0)] * 10)
    ask, lines = judges(flaky)
    for _ in range(20):
        await ask(MAIL)
    assert (flaky.asked, events(lines)) == (20, [])


# ── rspamd ────────────────────────────────────────────────────────────────────────────────────────────────────────────

FOUND = {
    "is_skipped": False,
    "score": 7.5,
    "required_score": 15.0,
    "action": "add header",
    "symbols": {
        "R_DKIM_ALLOW": {"name": "R_DKIM_ALLOW", "score": -0.2},
        "BAYES_SPAM": {"name": "BAYES_SPAM", "score": 5.1, "options": ["99.9%"]},
        "FROM_NO_DN": {"name": "FROM_NO_DN", "score": 0.0},
        "DATE_IN_PAST": {"name": "DATE_IN_PAST", "score": 1.0},
    },
    "message-id": "x@y.test",
}


def found(**change: Any) -> Answered:
    return Answered(200, json.dumps(FOUND | change).encode())


async def test_rspamd_is_shown_the_mail_with_its_envelope() -> None:
    async with Server(lambda asked: answer(200, found().body)) as server, Http() as http:
        said = await Rspamd(http, f"{server.url}/", "secret").opinion(MAIL)
    (asked,) = server.asked
    assert said == Opinion("rspamd", 7.5, ("BAYES_SPAM", "DATE_IN_PAST", "R_DKIM_ALLOW"))
    assert (asked.path, asked.body) == ("/checkv2", MAIL.raw)
    told = ("from", "rcpt", "ip", "helo", "queue-id", "password")
    assert [asked.field(name) for name in told] == [
        *("joe@x.test", "support@g.test", "8.8.4.4", "mx.x.test", "Q1", "secret")
    ]


async def test_what_nobody_knows_is_not_sent_and_what_is_too_large_is_not_shown() -> None:
    hidden = Shown(b"x", "", ["support@g.test"], "", "", "")
    large = Shown(b"x" * (rspamd.MOST_MAIL_BYTES + 1), "", [], "", "", "")
    async with Server(lambda asked: answer(200, found().body)) as server, Http() as http:
        judge = Rspamd(http, server.url, "")
        assert await judge.opinion(large) is None
        await judge.opinion(hidden)
    (asked,) = server.asked
    assert [asked.field(name) for name in ("from", "ip", "helo", "queue-id", "password")] == [""] * 5


SAYS = ("BAYES_SPAM", "DATE_IN_PAST", "R_DKIM_ALLOW")
ANSWERS = {
    "refused outright, and not counted": (found(action="reject", score=0.0), Opinion("rspamd", 15.0, SAYS)),
    "refused with more than enough": (found(action="reject", score=40.0), Opinion("rspamd", 40.0, SAYS)),
    "less than nothing": (found(score=-3.2), Opinion("rspamd", -3.2, SAYS)),
    "not looked at": (found(is_skipped=True, action="no action"), None),
    "a mail it cannot read": (Answered(400, b""), Opinion("rspamd", 0.0, unknown="it cannot read the mail")),
}


@pytest.mark.parametrize(("said", "opinion"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_of_rspamd_is_points_or_none(said: Answered, opinion: Opinion | None) -> None:
    assert rspamd.read(said) == opinion


FAILED = {
    "an error": (Answered(500, b""), "it answered 500"),
    "a wrong password": (Answered(403, b'{"error":"Unauthorized"}'), "it answered 403"),
    "no JSON": (Answered(200, b"<html>"), "its answer is not rspamd's"),
    "another's JSON": (Answered(200, b'{"ok": true}'), "its answer is not rspamd's"),
    "bytes": (Answered(200, b"\xff\xfe"), "its answer is not rspamd's"),
}


@pytest.mark.parametrize(("said", "why"), FAILED.values(), ids=FAILED.keys())
def test_what_is_no_answer_of_rspamd_is_its_failure(said: Answered, why: str) -> None:
    with pytest.raises(Unheard, match=why):
        rspamd.read(said)


def test_few_symbols_are_named_and_the_weightiest_first() -> None:
    many = {f"S{number:02}{'x' * 200}": {"score": float(number)} for number in range(50)}
    opinion = rspamd.read(found(symbols=many))
    assert opinion is not None
    says = opinion.says
    assert (len(says), says[0][:3], max(map(len, says))) == (rspamd.MOST_REASONS, "S49", rspamd.LONGEST_REASON)


TAUGHT = {
    "learned": (Answered(200, b'{"success":true}'), ""),
    "learned before, by a code": (Answered(208, b'{"error":"already learned"}'), ""),
    "learned before, in words": (Answered(404, b'{"error":"<a@b> has been already learned as ham, ignore it"}'), ""),
    "too short": (Answered(404, b'{"error":"<a@b> contains less tokens than required"}'), "it answered 404 contains "),
    "no password": (Answered(401, b'{"error":"Unauthorized"}'), "it answered 401 Unauthorized"),
    "no words": (Answered(500, b"?"), "it answered 500"),
}


@pytest.mark.parametrize(("said", "why"), TAUGHT.values(), ids=TAUGHT.keys())
def test_a_learner_knows_now_or_says_why_not_and_names_no_mail(said: Answered, why: str) -> None:
    assert rspamd.taught(said).startswith(why)
    assert bool(rspamd.taught(said)) == bool(why)
    assert "@" not in rspamd.taught(said)


async def test_spam_and_ham_are_learned_at_two_places() -> None:
    async with Server() as server, Http() as http:
        judge = Rspamd(http, server.url, "secret")
        assert [await judge.learn(b"a", spam=True), await judge.learn(b"b", spam=False)] == ["", ""]
    assert [(asked.path, asked.body) for asked in server.asked] == [("/learnspam", b"a"), ("/learnham", b"b")]
    assert {asked.field("password") for asked in server.asked} == {"secret"}


# ── DNS lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        ("192.0.2.99", ""),  # RFC 5737: for documents
        ("8.8.4.4", "4.4.8.8"),
        ("::ffff:8.8.4.4", "4.4.8.8"),
        ("2001:4860:4860::8844", "4.4.8.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.0.6.8.4.1.0.0.2"),
        ("10.1.2.3", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("", ""),
    ],
)
def test_an_address_is_reversed_and_only_one_of_the_open_net_is_asked_about(ip: str, name: str) -> None:
    assert dnsbl.reversed_ip(ip) == name


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("mail.shop.co.uk", "shop.co.uk"),
        ("x.test", "x.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("", ""),
        ("x", ""),
    ],
)
def test_a_list_of_domains_is_asked_about_the_organization(author: str, name: str) -> None:
    assert dnsbl.domain(author) == name


LISTED = {
    "not listed": (Missing(), 0.0, ()),
    "listed": (("127.0.0.2",), 4.0, ("127.0.0.2",)),
    "by two codes": (("127.0.0.10", "127.0.0.2"), 4.0, ("127.0.0.10", "127.0.0.2")),
    "by a code that counts nothing": (("127.0.0.77",), 0.0, ()),
}


@pytest.mark.parametrize(("said", "points", "says"), LISTED.values(), ids=LISTED.keys())
def test_a_listing_counts_by_its_weightiest_code(said: Any, points: float, says: tuple[str, ...]) -> None:
    assert dnsbl.read(ZEN, said) == Opinion("zen.l.test", points, says)


NO_LISTING = {
    "a public resolver": (("127.255.255.254",), "127.255.255.254 is no listing"),
    "too many questions": (("127.255.255.255",), "127.255.255.255 is no listing"),
    "an error beside a listing": (("127.0.0.2", "127.255.255.252"), "127.255.255.252 is no listing"),
    "a list that is gone": (("203.0.113.9",), "203.0.113.9 is no listing"),
    "trouble": (Trouble("A x: LifetimeTimeout"), "A x: LifetimeTimeout"),
}


@pytest.mark.parametrize(("said", "why"), NO_LISTING.values(), ids=NO_LISTING.keys())
def test_a_list_that_does_not_talk_to_us_lists_nobody(said: Any, why: str) -> None:
    with pytest.raises(Unheard, match=why):
        dnsbl.read(ZEN, said)


async def test_lists_are_asked_by_the_client_and_by_the_author() -> None:
    zone = Zone({("4.4.8.8.zen.l.test", "A"): ("127.0.0.2",), ("x.test.dbl.l.test", "A"): ("127.0.1.2",)})
    ask, _ = judges(ListAsked(zone, ZEN), ListAsked(zone, DBL))
    assert await ask(MAIL) == (Opinion("zen.l.test", 4.0, ("127.0.0.2",)), Opinion("dbl.l.test", 5.0, ("127.0.1.2",)))
    assert await ask(Shown(b"", "", [], "", "", "")) == ()
    assert len(zone.asked) == 2
