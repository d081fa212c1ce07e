"""A gateway that judges while a slow model looks on: whatever the send gate decides, the model must have said too."""

from __future__ import annotations

import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mailgate.judge import admission, breaker, confirm, trust
from mailgate.judge.answer import network
from mailgate.judge.lives import Turn
from mailgate.model import (
    Acquaintance,
    Broken,
    Challenge,
    ChallengeState,
    Filing,
    Grant,
    HeldState,
    Level,
    Met,
    PageState,
    Scope,
    TokenKind,
)
from mailgate.rulebook import LIMITS, shipped_folder
from tests.fakes.judging import Judging, Letter
from tests.fakes.slow_model import SlowModel, Wish

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What protocol and rule file promise of one address, of a domain's strangers and of all strangers.
OF_ADDRESS = ((HOUR, 2), (DAY, 4), (7 * DAY, 8), (30 * DAY, 15))
OF_STRANGERS_OF_DOMAIN = ((HOUR, 3), (DAY, 10), (7 * DAY, 20), (30 * DAY, 30))
OF_STRANGERS = ((HOUR, 30), (DAY, 150))


@dataclass(frozen=True)
class Person:
    """Somebody, or something, that writes: as it writes its address, and who that is."""

    written: str
    address: str
    domain: str
    shared: bool = False


def person(written: str, address: str = "") -> Person:
    address = address or written
    domain = address.rpartition("@")[2]
    return Person(written, address, domain, domain == "gmail.com")


def words(number: int) -> str:
    """A text that no other number has; no digits, for digits are all the same to a fingerprint."""
    said = ""
    while number or not said:
        number, place = divmod(number, 26)
        said += string.ascii_lowercase[place]
    return f"Mine is {said}."


class Watched:
    """Everything that happens goes through here, and is told to the model in the words of who saw it from outside."""

    def __init__(self) -> None:
        self.desk = Judging()
        self.model = SlowModel(shipped_folder() / LIMITS)
        self.began = self.newest = self.desk.now
        self.mails = self.confirmations = self.events = 0
        self.acts: Counter[str] = Counter()
        self.domain_of: dict[str, str] = {}
        self.unproven: set[int] = set()  # journal ids of mail that proves nothing
        self.met: Counter[str] = Counter()  # how often each answer of the gate was met
        self._checked = 0

    @property
    def store(self) -> Any:
        return self.desk.store

    # ── Mail ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, who: Person, **how: Any) -> Filing:
        """A mail of `who`; `how` is what is unusual about it."""
        return self.receive(Letter(author=who.written, **how), who)

    def receive(self, letter: Letter, who: Person) -> Filing:
        self.domain_of[who.address] = who.domain
        challenge, row = self._challenge_answered(letter), self.store.acquaintances.get(who.address)
        before = self._before()
        filing = self.desk.receive(letter)
        accepted = filing.case.accepted
        self.mails += 1
        if letter.level is Level.A0:
            self.unproven.add(accepted.journal_id)
        said = {step.check: step.result for step in filing.verdict.trail}
        if "gate" in said:
            wish = self._wish(who, said["gate"].split()[0], accepted.journal_id, filing.case.mailbox.address, row)
            text = f"{filing.case.mail.subject}: {filing.case.text}"
            wish = replace(wish, origin=network(letter.ip), text=text, late_s=letter.late.total_seconds())
            self._compare(wish, granted=said["gate"].endswith("granted"), words=said["gate"])
        if said.get("challenge", "").startswith("confirmed"):
            self._confirmed(challenge, said["challenge"], row, letter.late.total_seconds())
        self._learn(before)
        return filing

    def answer(self, who: Person, kind: TokenKind, **how: Any) -> Filing | None:
        """`who` answers the newest automatic mail that he got, at one of its signed addresses."""
        got = [one for one in self.desk.sent if one.permit and one.permit.grant.address == who.address]
        if not got:
            return None
        return self.write(who, to=self.desk.address(kind, got[-1]), subject="Re: yours", **how)

    def click(self, who: Person) -> None:
        """Whoever reads the mail of `who` looks at the page of his challenge and presses the button."""
        self.desk.look(who.address)
        self.desk.advance(seconds=20)
        asked, row = self.store.challenge_of(who.address), self.store.acquaintances.get(who.address)
        held = [one for one in self.store.held.values() if one.address == who.address]
        to_answer = any(one.acknowledge and one.state is not HeldState.SPAM for one in held)
        before, permits = self._before(), len(self.store.grants)
        done = self.desk.click(who.address) is PageState.DONE
        if done and asked.state is not ChallengeState.CONFIRMED:
            granted = len(self.store.grants) > permits
            self._confirmed(asked, "granted" if granted else "refused" if to_answer else "nothing", row)
        self._learn(before)

    def come_back(self, body: Iterable[str], report: str, who: Person) -> Filing | None:
        """A report about the newest automatic mail to `who`, at its bounce address."""
        got = [one for one in self.desk.sent if one.permit and one.permit.grant.address == who.address]
        if not got:
            return None
        to = self.desk.address(TokenKind.BOUNCE, got[-1])
        headers = {"Content-Type": f"multipart/report; report-type={report}; boundary=b"}
        letter = Letter("mailer-daemon@x.test", to, mail_from="", headers=headers, body="\r\n".join(body))
        return self.receive(letter, person("mailer-daemon@x.test"))

    # ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def trust(self, who: Person) -> None:
        self._act(who)
        before = self._before()
        self.desk.trust(who.address)
        self._learn(before)

    def bring_in(self, who: Person) -> None:
        """He stands in our customer base. That is no act of a person for him: it adds nothing to what he may get."""
        before = self._before()
        known = self.desk.history(who.address).acquaintance(who.address, self.desk.now)
        self.store.apply([Met(trust.imported(known, self.desk.now, self.desk.history(who.address).limits.timing))])
        self._learn(before)

    def reply(self, who: Person) -> None:
        self._act(who)
        before = self._before()
        self.desk.write_to(who.address)
        self._learn(before)

    def block(self, who: Person) -> None:
        before = self._before()
        known = self.desk.history(who.address).acquaintance(who.address, self.desk.now)
        history = self.desk.history(who.address)
        over = confirm.ended(who.address, history, self.desk.now, Turn.BLOCKED, "blocked")
        self.store.apply([Met(trust.blocked(known, self.desk.now)), *over])
        self._learn(before)

    def stop(self, scope: Scope, key: str) -> None:
        self.store.apply([Broken(breaker.stopped(scope, key, self.desk.now, "agent:anne"))])
        self.model.breaker(scope, key, self.desk.now, "stopped")

    def reset(self, scope: Scope, key: str) -> None:
        self.store.apply([Broken(breaker.closed(scope, key, self.desk.now, "agent:anne"))])
        self.model.breaker(scope, key, self.desk.now, "reset")

    # ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, seconds: float) -> None:
        self.desk.advance(seconds=seconds)
        # Time is counted over all that the clock ever showed.
        self.newest, self.began = max(self.newest, self.desk.now), min(self.began, self.desk.now)

    def crash(self) -> None:
        """Whatever has its permit and has not left is lost, and its permit is spent."""
        self.store.leaving.clear()

    # ── What must hold ────────────────────────────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """The theorems, said of the permits alone."""
        grants: list[Grant] = self.store.grants
        assert len(grants) == len(self.model.left)
        assert len(grants) <= self.mails + self.confirmations
        fresh, self._checked = grants[self._checked :], len(grants)
        for grant in fresh:
            self._check(grant, grants)
        assert all(one.credit >= 0 for one in self.store.acquaintances.values())
        assert all(one.credit >= 0 for one in self.store.domains.values())

    def _check(self, grant: Grant, grants: list[Grant]) -> None:
        assert grant.cause not in self.unproven
        assert sum(one.cause == grant.cause for one in grants) == 1
        passed = max(self.newest, self.desk.now) - self.began
        of_address = [one.at for one in grants if one.address == grant.address]
        assert len(of_address) <= 3 + 2 * self.acts[grant.address] + passed // (90 * DAY)
        assert_windows(of_address, OF_ADDRESS)
        strangers = [one for one in grants if one.unproven]
        assert_windows([one.at for one in strangers], OF_STRANGERS)
        if not grant.shared:
            of_domain = [one.at for one in strangers if one.domain == grant.domain]
            met = sum(domain == grant.domain and self.acts[who] > 0 for who, domain in self.domain_of.items())
            assert len(of_domain) <= 20 + 3 * met + passed // (30 * DAY)
            assert_windows(of_domain, OF_STRANGERS_OF_DOMAIN)

    # ── How the model is told ─────────────────────────────────────────────────────────────────────────────────────────

    def _act(self, who: Person) -> None:
        self.domain_of[who.address] = who.domain
        self.acts[who.address] += 1
        self.model.person_acted(who.address, who.domain, self.desk.now)

    def _wish(self, who: Person, kind: str, cause: object, mailbox: str, row: Acquaintance | None) -> Wish:
        at = self.desk.now
        lapsed = row is None or (row.until is not None and row.until <= at)
        # A proven mail shows that an address is there after all, however its mail came back before.
        standing = "" if lapsed or row is None or row.standing == "undeliverable" else str(row.standing)
        return Wish(at, kind, who.address, who.domain, who.shared, "", "", cause, standing=standing, mailbox=mailbox)

    def _confirmed(self, asked: Challenge | None, said: str, row: Acquaintance | None, late_s: float = 0) -> None:
        assert asked is not None
        self.confirmations += 1
        if "nothing" in said:
            return
        wish = self._wish(person(asked.address), "acknowledge", f"challenge {asked.id}", asked.mailbox, row)
        self._compare(replace(wish, late_s=late_s), granted="granted" in said, words=said)

    def _compare(self, wish: Wish, *, granted: bool, words: str) -> None:
        objections = self.model.objections(wish)
        assert granted == (not objections), f"the gate said {words!r}, the model {objections or 'yes'} to {wish}"
        self.met.update(objections or {"granted"})
        if granted:
            self.model.allowed(wish)

    def _before(self) -> tuple[dict[str, Acquaintance], dict[Any, Any]]:
        self.events += 1
        return dict(self.store.acquaintances), dict(self.store.breakers)

    def _learn(self, before: tuple[dict[str, Acquaintance], dict[Any, Any]]) -> None:
        known, breakers = before
        for address, row in self.store.acquaintances.items():
            if known.get(address) is not row:
                self.model.saw(address, self.desk.now)
        for (scope, key), stands in self.store.breakers.items():
            if breakers.get((scope, key)) is not stands:
                what = "tripped" if scope is Scope.ALL else "complained"
                self.model.breaker(scope, key, stands.since, what)
                self.met[what] += 1

    def _challenge_answered(self, letter: Letter) -> Challenge | None:
        where = letter.to.partition("@")[0]
        if admission.recipient_token(letter.to, self.desk.gateway) is None:
            return None
        return next(
            (
                self.store.challenge_of(one.permit.grant.address)
                for one in self.desk.sent
                if one.challenge and self.desk.address(TokenKind.CHALLENGE, one).partition("@")[0] == where
            ),
            None,
        )


def assert_windows(times: list[datetime], windows: Iterable[tuple[timedelta, int]]) -> None:
    """No window of these lengths holds more than it may, wherever it ends."""
    ordered = sorted(times)
    for per, most in windows:
        for place, end in enumerate(ordered):
            assert place + 1 - bisect_right(ordered, end - per) <= most, f"more than {most} in {per}"
