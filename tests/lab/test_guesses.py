"""Whoever guesses tokens learns nothing and costs nothing: no statement, no other words, no other time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from mailgate.judge import admission, token
from mailgate.model import Gateway, Mailbox, Peer, Protocol, Role, TokenKind
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from mailgate.net.dialogue import Dialogue
from mailgate.testing import KEYS, START, Lab
from tests.fakes.letters import letter, link

GATEWAY = Gateway("mx.g.test", (Mailbox("support@g.test", "support"),), KEYS)
PEER = Peer(ip="192.0.2.1")
CHALLENGE, REPLY = (token.token_text(kind, 7, KEYS) for kind in (TokenKind.CHALLENGE, TokenKind.REPLY))
OTHER = replace(KEYS, instance="laborat2")
REVOKED = replace(KEYS, current="2", secrets={"2": b"a key that was taken away since"[:32]})


def forged(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


# What anybody can write who has seen a token of ours.
GUESSES = {
    "forged": forged(CHALLENGE),
    "forged from the first digit on": CHALLENGE[:16] + "z" * 26,
    "for another id": f"{CHALLENGE[:3]}{token.encode(8, 13)}{CHALLENGE[16:]}",
    "of another purpose": f"b{CHALLENGE[1:]}",
    "of an unknown key": f"c1z{CHALLENGE[3:]}",
    "of another installation": token.token_text(TokenKind.CHALLENGE, 7, OTHER),
    "of a revoked key": token.token_text(TokenKind.CHALLENGE, 7, REVOKED),
    "cut": CHALLENGE[:-1],
    "cut in half": CHALLENGE[:21],
    "too long": f"{CHALLENGE}0",
    "an id that no store could hold": f"c11{'z' * 39}",
}
ONLY_LINKS = {"of a reply, as a link": REPLY, "nothing": "x", "no base32": "c11" + "u" * 39, "long": "c11" + "0" * 2000}


@contextmanager
def statements() -> Iterator[list[str]]:
    """All that is said to any database meanwhile."""
    said: list[str] = []

    def listen(_conn: object, _cursor: object, text: str, *_: Any) -> None:
        said.append(text)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


async def test_at_rcpt_a_guess_is_refused_without_the_store() -> None:
    async with Lab() as lab:
        replies = {}
        with statements() as said:
            for name, guess in GUESSES.items():
                to = [f"support+{guess}@g.test", f"SUPPORT+{guess.upper()}@G.TEST"]
                replies[name] = (await lab.receive(letter(), mail_from="eve@x.test", rcpt_to=to)).replies
        refused = (550, "5.1.1 No such address here")
        assert (replies, said) == (dict.fromkeys(GUESSES, (refused, refused)), [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_at_the_page_a_guess_is_404_without_the_store(method: str) -> None:
    async with Lab() as lab:
        pages = {}
        with statements() as said:
            for name, guess in (GUESSES | ONLY_LINKS).items():
                answer = await lab.click(f"https://desk.g.test/c/{guess}", method)
                pages[name] = (answer.status, answer.body)
        one = pages["forged"]
        assert (pages, said) == (dict.fromkeys(pages, one), [])
        assert one[0] == 404


async def test_the_store_is_asked_about_what_we_made() -> None:
    """Otherwise the tests above would find nothing either."""
    async with Lab() as lab:
        await lab.receive(letter("anne@x.test"), mail_from="anne@x.test")
        await lab.settle()
        with statements() as said:
            answer = await lab.click(link(lab.sent[0].raw))
        assert (answer.status, bool(said)) == (200, True)


async def test_a_key_that_was_revoked_makes_its_links_guesses() -> None:
    async with Lab() as lab:
        await lab.receive(letter("anne@x.test"), mail_from="anne@x.test")
        await lab.settle()
        lab.confirming.gateway = replace(lab.confirming.gateway, keys=REVOKED)
        with statements() as said:
            answer = await lab.click(link(lab.sent[0].raw))
        assert (answer.status, said) == (404, [])


# ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

A_SECOND = 10_000  # guesses


async def test_ten_thousand_guesses_a_second_cost_no_statement() -> None:
    """No two are the same, for what was said of one is remembered."""
    async with Lab() as lab:
        at_rcpt_s, at_page_s = [], []
        with statements() as said:
            for first in range(0, 3 * A_SECOND, A_SECOND):
                guesses = [
                    f"c11{token.encode(number, 13)}{CHALLENGE[16:]}"
                    for number in range(first + 8, first + 8 + A_SECOND)
                ]
                begun = time.perf_counter()
                for guess in guesses:
                    assert lab.door.recipient(f"support+{guess}@g.test", "eve@x.test", PEER)
                at_rcpt_s.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                for guess in guesses:
                    await lab.confirming.look(guess, START)
                at_page_s.append(time.perf_counter() - begun)
        assert said == []
        # The quietest of three: what the machine can do when nobody else wants it.
        assert (min(at_rcpt_s) < 1, min(at_page_s) < 1) == (True, True), (at_rcpt_s, at_page_s)


def took(work: Callable[[str], object], guesses: dict[str, str]) -> dict[str, float]:
    """The median of what each shape takes at its quickest in many short rounds, all shapes in turn."""
    rounds: dict[str, list[float]] = {name: [] for name in guesses}
    for _ in range(30):
        for name, guess in guesses.items():
            best = min(_once(work, guess) for _ in range(20))
            rounds[name].append(best)
    return {name: statistics.median(found) for name, found in rounds.items()}


def _once(work: Callable[[str], object], guess: str) -> float:
    begun = time.perf_counter_ns()
    for _ in range(10):
        work(guess)
    return time.perf_counter_ns() - begun


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda guess: token.read_token(guess, KEYS), id="at the page"),
        pytest.param(lambda guess: admission.recipient(f"support+{guess}@g.test", GATEWAY), id="at RCPT"),
    ],
)
def test_no_shape_of_a_guess_is_told_from_another_by_time(ask: Callable[[str], object]) -> None:
    """All compute one MAC; the microsecond or two that are left are not worth a guess."""
    found = took(ask, GUESSES)
    assert max(found.values()) < 1.5 * min(found.values()), found


def test_how_far_a_guess_is_right_takes_no_time() -> None:
    wrong = token.token_text(TokenKind.CHALLENGE, 7, OTHER)
    places = [16 + right for right in (0, 6, 12, 18, 25)]
    guesses = {f"right for {place}": CHALLENGE[:place] + wrong[place:] for place in places}
    found = took(lambda guess: token.read_token(guess, KEYS), guesses)
    assert max(found.values()) < 1.1 * min(found.values()), found


async def test_after_ten_guesses_the_session_ends() -> None:
    async with Lab() as lab:
        bind = Bind("127.0.0.1:0", Protocol.SMTP, Role.EDGE)
        dialogue = Dialogue(bind, Bounds(), lab.door, "mx.g.test", PEER, trusted=False, tls_offered=False)
        begin = ["EHLO eve.test", "MAIL FROM:<eve@x.test>"]
        guesses = [f"RCPT TO:<support+{guess}@g.test>" for guess in [*GUESSES.values()][:10]]
        with statements() as said:
            replies = [dialogue.answer(f"{line}\r\n".encode(), followed=False, now_s=7.0) for line in begin + guesses]
        assert [str(reply)[:9] for reply in replies[2:]] == ["550 5.1.1"] * 9 + ["421 4.7.0"]
        assert (replies[-1].close, said) == (True, [])
