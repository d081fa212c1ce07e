"""What a machine does that bears no mark of one: it answers at once, says the same again, and never stops.

Behaviour only ever withholds an answer; the mail goes where a person's mail goes. What is linked to a mail of ours is
not looked at, for it causes no answer anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from mailgate.judge import confirm, trust
from mailgate.judge.docket import Docket
from mailgate.judge.lives import Turn
from mailgate.model import Acquaintance, ChallengeState, Finding, Mishap, Strength, Suffered, Taken, Trouble

ECHO, ALIKE, TURNS = "F1", "F2", "F3"
RULE = "limits.toml [behaviour]"


def watch(docket: Docket) -> None:
    """Look at a new mail of somebody whom a mail of ours has just reached; note what gives a machine away."""
    if docket.has_seen_us or not docket.sender:
        return
    newest = _newest(docket)
    if newest is None:
        return
    turned = _turned(docket, newest)
    found = tuple(_findings(docket, newest, turned))
    if found and (docket.respond.acknowledge or docket.respond.challenge):
        docket.suppressed, docket.withheld_by = found[0].says, RULE
    for finding in found:
        docket.object(finding)
    docket.meet(turned)
    if any(finding.id == TURNS for finding in found) and any(finding.id == ALIKE for finding in found):
        docket.note("machine", "it answers every automatic mail with the same text: it gets none for a year")
        suffered = Mishap(docket.mint.new_id(), docket.at, Trouble.ANSWERED, docket.sender, docket.domain)
        docket.effects.append(Suffered(suffered))
        convict(docket)
    elif found:
        _ask_no_more(docket, found[0].says)


def convict(docket: Docket) -> None:
    """The sender is a machine: it gets no automatic mail for a year.

    A challenge that has left can still be confirmed, for a person may stand behind the machine; but nobody waits for
    him any more.
    """
    docket.meet(trust.convicted(docket.known, docket.at, docket.limits.timing))
    words = "a machine answers for this address"
    docket.learn(confirm.ended(docket.sender, docket.history, docket.at, Turn.UNSENT, words))


def _ask_no_more(docket: Docket, words: str) -> None:
    """A challenge that waits for its turn does not leave to somebody who has begun to behave like a machine."""
    waiting = docket.history.challenge(docket.sender, docket.at)
    if waiting and waiting.state is ChallengeState.QUEUED:
        docket.meet(trust.unsent(docket.known, docket.at))
        docket.learn(confirm.ended(docket.sender, docket.history, docket.at, Turn.UNSENT, words))


def is_machine(docket: Docket) -> bool:
    """Is this automatic reply one too many within the days that count? Then its address is a machine's."""
    numbers = docket.limits.behaviour
    since = docket.at - timedelta(days=numbers.machine_days)
    before = docket.history.facts.machine_mails.get(docket.sender, ())
    return 1 + sum(moment > since for moment in before) >= numbers.machine_mails


def _findings(docket: Docket, newest: Taken, turned: Acquaintance) -> Iterator[Finding]:
    numbers = docket.limits.behaviour
    after_s = (docket.at - newest.at).total_seconds()
    if after_s <= numbers.echo_s:
        yield _finding(ECHO, f"{after_s:.0f} s", "a new mail came at once after ours had arrived")
    if docket.case.fingerprint and any(
        one.fingerprint == docket.case.fingerprint and docket.at - one.at <= timedelta(seconds=numbers.alike_s)
        for one in docket.history.facts.taken.get(docket.sender, ())
    ):
        yield _finding(ALIKE, f"{after_s:.0f} s", "soon after our answer the same text came again")
    if turned.turns >= numbers.turns:
        yield _finding(TURNS, str(turned.turns), "each of our automatic mails is followed by a new one")


def _newest(docket: Docket) -> Taken | None:
    """The automatic mail to this sender that the next hop took last."""
    taken = [one for one in docket.history.facts.taken.get(docket.sender, ()) if one.at <= docket.at]
    return max(taken, key=lambda one: one.at, default=None)


def _turned(docket: Docket, newest: Taken) -> Acquaintance:
    """The sender, with this turn counted: once for each mail of ours, and none once he lets one pass in peace.

    One that has had its turn is over: to write again later, when nothing left in between, is no peace.
    """
    known = docket.known
    if known.turned_at is not None and newest.at <= known.turned_at:
        return known
    soon = docket.at - newest.at <= timedelta(seconds=docket.limits.behaviour.turn_s)
    return replace(known, turns=known.turns + 1 if soon else 0, turned_at=newest.at)


def _finding(name: str, value: str, says: str) -> Finding:
    return Finding(name, Strength.STRONG, value, RULE, says=says, field="history")
