"""Each layer of the send gate holds back harm: with it a bound is kept, and without it the same mail breaks the bound.

What is switched off is one thing at a time, so a layer that nothing needs would be found here. Where two say the same,
both are switched off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace as changed

from mailgate.judge import answer, behaviour, breaker, governor, signals
from mailgate.judge.docket import Docket
from mailgate.judge.governor import Balance, Counters, decide
from mailgate.model import (
    Acquaintance,
    Broken,
    Counted,
    DomainCredit,
    Grant,
    Key,
    Level,
    Permit,
    Purpose,
    Scope,
    Standing,
    TokenKind,
)
from tests.fakes import judging
from tests.fakes.judging import START, Judging, Letter, rulebook
from tests.fakes.watched import words

OPEN, GUARDED, OFF = "open@g.test", "support@g.test", "off@g.test"
ACK = Purpose.ACKNOWLEDGE
SHIPPED = rulebook()
Off = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Layer:
    """`harm` is how many automatic mails leave; the layer allows `most`, and `off` takes it away."""

    harm: Callable[[], int]
    most: int
    off: Off


# ── Ways to take a layer away ─────────────────────────────────────────────────────────────────────────────────────────


def limits_where(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    book = dataclasses.replace(SHIPPED, limits=dataclasses.replace(SHIPPED.limits, **changes))
    monkeypatch.setattr(judging, "rulebook", lambda: book)


def without(key: Key, *mail: Counted) -> Off:
    """No window counts by this key any more."""
    left = tuple(one for one in SHIPPED.limits.windows if one.key is not key or (mail and one.mail not in mail))
    return lambda monkeypatch: limits_where(monkeypatch, windows=left)


def number(section: str, **values: int) -> Off:
    """Another number stands in this section of limits.toml."""
    found = dataclasses.replace(getattr(SHIPPED.limits, section), **values)
    return lambda monkeypatch: limits_where(monkeypatch, **{section: found})


def silent(room: object, name: str, said: object = None) -> Off:
    """A check that no longer objects to anything."""
    return lambda monkeypatch: monkeypatch.setattr(room, name, lambda *_, **__: said)


# ── What peers do ─────────────────────────────────────────────────────────────────────────────────────────────────────


def letter(place: int, **how: Any) -> Letter:
    """A mail that shares nothing with any other: not its author, domain, network, nor words."""
    name = words(place).split()[-1].strip(".")
    usual = {"author": f"anne@{name}.test", "to": OPEN, "text": words(place), "ip": f"10.0.{place}.1"}
    return Letter(**{**usual, **how})


def sent_for(letters: list[Letter], *, gap: timedelta = timedelta(minutes=1), desk: Judging | None = None) -> int:
    desk = desk or Judging()
    before = len(desk.sent)
    for one in letters:
        desk.receive(one)
        desk.advance(seconds=gap.total_seconds())
    return len(desk.sent) - before


def marked_machines() -> int:
    return sent_for([letter(n, headers={"Auto-Submitted": "auto-replied"}) for n in range(4)])


def others_answer_our_mail() -> int:
    """Strangers to the ticket answer the mail of ours that was passed on to them."""
    desk = Judging()
    desk.receive(letter(99))
    ours = [desk.message_id(desk.sent[0])]
    return sent_for([letter(n, answers=ours) for n in range(3)], desk=desk)


def forged_senders() -> int:
    return sent_for([letter(n, level=Level.A0, to=OFF) for n in range(5)])


def foreign_reverse_paths() -> int:
    """Each of the author's own domain, so that nothing else about them is odd."""
    letters = [letter(n, level=Level.A1, to=GUARDED) for n in range(4)]
    return sent_for([changed(one, mail_from=one.author.replace("anne", "bert")) for one in letters])


def a_person_in_haste() -> int:
    """Somebody we know writes six times within the hour, and has credit for all of them."""
    desk = Judging()
    for _ in range(3):
        desk.trust("joe@x.test")
    return sent_for([letter(n, author="joe@x.test") for n in range(6)], gap=timedelta(minutes=11), desk=desk)


def one_domain_rotates() -> int:
    return sent_for([letter(n, author=f"{words(n)[8:-1]}@x.test") for n in range(8)])


def one_provider_rotates() -> int:
    return sent_for([letter(n, author=f"{words(n)[8:-1]}@gmail.com") for n in range(25)])


def one_text_for_all() -> int:
    return sent_for([letter(n, text="Buy honey now.") for n in range(6)])


def one_network_for_all() -> int:
    return sent_for([letter(n, ip="192.0.2.1") for n in range(14)])


def newcomers_everywhere() -> int:
    return sent_for([letter(n) for n in range(36)])


def a_slow_robot() -> int:
    return sent_for([letter(n, author="kim@x.test") for n in range(28)], gap=timedelta(days=1))


def a_domain_wears_on() -> int:
    """A new address of one domain each day, for four weeks."""
    return sent_for([letter(n, author=f"{words(n)[8:-1]}@x.test") for n in range(28)], gap=timedelta(days=1))


def a_machine_at_the_bounce_address() -> int:
    """It answers the envelope of our mail, which convicts it, and later writes as if nothing had been."""
    desk = Judging()
    desk.receive(letter(0, author="kim@x.test"))
    desk.receive(letter(1, author="kim@x.test", to=desk.address(TokenKind.BOUNCE, desk.sent[0])))
    desk.advance(days=2)
    return sent_for([letter(n, author="kim@x.test") for n in (2, 3)], desk=desk)


def somebody_often_away() -> int:
    """Three automatic answers in a week, then a mail without any mark."""
    desk = Judging()
    desk.receive(letter(0, author="kim@x.test"))
    machine = {"author": "kim@x.test", "headers": {"Auto-Submitted": "auto-replied"}}
    sent_for([letter(n, **machine) for n in (1, 2, 3)], gap=timedelta(hours=5), desk=desk)
    return sent_for([letter(4, author="kim@x.test")], desk=desk)


def an_echo() -> int:
    """Something new within seconds of each mail of ours."""
    return sent_for([letter(n, author="kim@x.test") for n in range(3)], gap=timedelta(seconds=10))


def the_same_again() -> int:
    words_ = [letter(7, author="kim@x.test") for _ in range(3)]
    return sent_for(words_, gap=timedelta(seconds=90))


def a_known_address_alternates() -> int:
    """Something new a minute after each mail of ours, day after day; people gave it all the credit there is."""
    desk = Judging()
    for _ in range(3):
        desk.trust("kim@x.test")
    sent = 0
    for day in range(4):
        sent += sent_for([letter(3 * day + n, author="kim@x.test") for n in range(3)], desk=desk)
        desk.advance(days=1)
    return sent


def newcomers_after_failures() -> int:
    """Five of the newest mails came back, which opens the breaker; then newcomers arrive."""
    desk = Judging()
    for n in range(5):
        desk.receive(letter(n))
        body = [
            *("--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.x.test", ""),
            *("Final-Recipient: rfc822; joe@x.test", "Action: failed", "Status: 5.1.1", "--b--", ""),
        ]
        kind = {"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"}
        to = desk.address(TokenKind.BOUNCE, desk.sent[-1])
        desk.receive(Letter("post@y.test", to, mail_from="", headers=kind, body="\r\n".join(body)))
    return sent_for([letter(n) for n in range(20, 25)], desk=desk)


def a_stopped_mailbox() -> int:
    desk = Judging()
    desk.store.apply([Broken(breaker.stopped(Scope.MAILBOX, OPEN, desk.now, "agent:anne"))])
    return sent_for([letter(n) for n in range(3)], desk=desk)


def an_old_backlog() -> int:
    return sent_for([letter(n, late=timedelta(minutes=11)) for n in range(4)])


def a_clock_set_back() -> int:
    """Two mails in an hour, the clock goes back three hours, and two more."""
    desk = Judging()
    for _ in range(3):
        desk.trust("joe@x.test")
    mails = [letter(n, author="joe@x.test") for n in range(4)]
    sent = sent_for(mails[:2], gap=timedelta(minutes=11), desk=desk)
    desk.advance(hours=-3)
    return sent + sent_for(mails[2:], gap=timedelta(minutes=11), desk=desk)


def an_unanswered_question() -> int:
    """A stranger who was asked writes on, for two months."""
    return sent_for([letter(n, author="joe@x.test", to=GUARDED) for n in range(20)], gap=timedelta(days=3))


# ── What the gate is asked directly ───────────────────────────────────────────────────────────────────────────────────


def permits(wishes: list[dict[str, Any]], counters: Counters) -> int:
    """How many of these wishes the gate grants, each to somebody else who has all the credit there is."""
    wish = Grant(START, ACK, "", "", "", "", False, False, None, 0)
    granted = 0
    for place, changes in enumerate(wishes):
        at: datetime = START + timedelta(days=place)
        wanted = changed(wish, at=at, address=f"a{place}@d{place}.test", domain=f"d{place}.test", **changes)
        known = Acquaintance(wanted.address, 1, Standing.UNKNOWN, START, 6, START)
        balance = Balance(known, DomainCredit(wanted.domain, 60, START))
        decision = decide(wanted, balance, counters, judging.rulebook().limits, lambda: 1)
        if isinstance(decision, Permit):
            counters.add(wanted)
            granted += 1
    return granted


def one_mail_judged_again_and_again() -> int:
    return permits([{"cause": 7}] * 4, Counters())


def one_ticket_acknowledged_again_and_again() -> int:
    return permits([{"cause": cause, "ticket_id": 7} for cause in range(4)], Counters())


def after_a_restore() -> int:
    return permits([{"cause": cause} for cause in range(4)], Counters(silent_until=START + timedelta(days=30)))


def _counts_no_future(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a plain `between now - per and now` would count."""

    def count(self: Counters, counter: Any, per: timedelta | None, at: datetime) -> int:
        return sum(per is None or at - per < moment <= at for moment in self.times.get(counter, []))

    monkeypatch.setattr(Counters, "count", count)


def _asks_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    left = tuple(one for one in SHIPPED.limits.windows if one.mail is not Counted.CHALLENGE)
    limits_where(monkeypatch, windows=left)


def _believes_every_reverse_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both who say so are silent: the rule file, and the gate's own rule for mail that SPF alone proves."""
    silent(signals, "findings", ())(monkeypatch)
    silent(answer, "_envelope_objection", ())(monkeypatch)


def _knows_no_root_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Docket, "has_seen_us", property(lambda self: False))


LAYERS: dict[str, Layer] = {
    "L1 classification": Layer(marked_machines, 0, silent(signals, "findings", ())),
    "L2 root rule": Layer(others_answer_our_mail, 0, _knows_no_root_rule),
    "L2 one for one": Layer(one_mail_judged_again_and_again, 1, silent(governor, "_repeated")),
    "L3 authentication": Layer(forged_senders, 0, silent(answer, "_common_objections", ())),
    "L3 reverse-path": Layer(foreign_reverse_paths, 0, _believes_every_reverse_path),
    "L4 ticket": Layer(one_ticket_acknowledged_again_and_again, 1, without(Key.TICKET)),
    "L4 address": Layer(a_person_in_haste, 2, without(Key.ADDRESS)),
    "L4 challenges": Layer(an_unanswered_question, 2, _asks_without_waiting),
    "L4 domain": Layer(one_domain_rotates, 3, without(Key.DOMAIN)),
    "L4 provider": Layer(one_provider_rotates, 20, without(Key.SHARED)),
    "L4 origin": Layer(one_network_for_all, 10, without(Key.ORIGIN)),
    "L4 total": Layer(newcomers_everywhere, 30, without(Key.TOTAL)),
    "L4 lateness": Layer(an_old_backlog, 0, number("timing", late_s=100_000)),
    "L4 clock set back": Layer(a_clock_set_back, 2, _counts_no_future),
    "L5 credit of an address": Layer(a_slow_robot, 3, number("credit", start=99, cap=99)),
    "L5 credit of a domain": Layer(a_domain_wears_on, 20, number("domain_credit", start=99, cap=99)),
    "L5 credit at all": Layer(a_slow_robot, 3, silent(governor, "_spent")),
    "L6 fingerprint": Layer(one_text_for_all, 3, without(Key.FINGERPRINT)),
    "L6 echo": Layer(an_echo, 1, number("behaviour", echo_s=0)),
    "L6 near-echo": Layer(the_same_again, 1, number("behaviour", alike_s=0)),
    "L6 alternation": Layer(a_known_address_alternates, 3, number("behaviour", turns=1000)),
    "L6 a machine's standing": Layer(
        a_machine_at_the_bounce_address, 0, lambda patch: patch.setattr(governor, "SILENT_STANDINGS", {})
    ),
    "L6 three automatic answers": Layer(somebody_often_away, 0, silent(behaviour, "is_machine", False)),
    "L7 breaker trips": Layer(newcomers_after_failures, 0, silent(breaker, "tripped")),
    "L7 breaker holds": Layer(newcomers_after_failures, 0, silent(governor, "_held_back")),
    "L7 a person's stop": Layer(a_stopped_mailbox, 0, silent(governor, "_held_back")),
    "L7 silence after a restore": Layer(after_a_restore, 0, silent(governor, "_silence")),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_the_layer_holds(layer: Layer) -> None:
    assert layer.harm() <= layer.most


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_without_the_layer_there_is_harm(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    layer.off(monkeypatch)

    assert layer.harm() > layer.most
