"""The breakers of automatic mail: how each stands at a moment, and when the one of all of it opens by itself.

A breaker is never moved by a timer: what was written down when it opened says how it stands at any moment after. It
holds back only what no person wrote; mail comes in, tickets open and people's answers leave as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from mailgate.judge.limits import HOUR, Fuse
from mailgate.model import Breaker, BreakerState, Facts, Grant, Mishap, Run, Scope, Trouble

FEW, MANY = 20, 200  # newest automatic mails that are looked at together (rules/limits.toml says how many may fail)


def state(stands: Breaker | None, at: datetime) -> BreakerState:
    """How a breaker stands at `at`; one that was never written down is closed."""
    if stands is None or stands.state is not BreakerState.OPEN:
        return stands.state if stands else BreakerState.CLOSED
    if stands.until is None or at < stands.until:
        return BreakerState.OPEN
    on_trial = stands.trial_until is not None and at < stands.trial_until
    return BreakerState.HALF if on_trial else BreakerState.CLOSED


def concerning(wanted: Grant, breakers: Mapping[tuple[Scope, str], Breaker]) -> Iterator[Breaker]:
    """The breakers that an automatic mail must pass. That of all holds back nothing from our own people: they are the
    ones who must hear of it."""
    names = [(Scope.ADDRESS, wanted.address), (Scope.DOMAIN, wanted.domain), (Scope.MAILBOX, wanted.mailbox)]
    if not wanted.purpose.to_staff:
        names.append((Scope.ALL, ""))
    return (breakers[name] for name in names if name in breakers)


def name(stands: Breaker) -> str:
    """What people call it: "all", "domain x.test"."""
    return f"{stands.scope} {stands.key}".strip()


def words(stands: Breaker, now: BreakerState) -> str:
    """Why nothing, or not more, passes."""
    match now:
        case BreakerState.LATCHED:
            return f"automatic mail is stopped until a person resets it: {stands.reason}"
        case BreakerState.HALF:
            return f"automatic mail is on trial, and an hour's share of it is used up: {stands.reason}"
        case _:
            until = f"{stands.until:%Y-%m-%d %H:%M} UTC" if stands.until else "further notice"
            return f"automatic mail is stopped until {until}: {stands.reason}"


def tripped(
    facts: Facts, at: datetime, fuse: Fuse, *, fresh: Sequence[Mishap] = (), ceiling: str = ""
) -> Breaker | None:
    """The breaker of all automatic mail as it opens now, or None where nothing calls for that.

    `fresh` is what went wrong just now and is not among the facts yet; `ceiling` says in words which limit of a whole
    day was reached, "" for none. While it is open, nothing trips it
    again; a second time within `again_s` it stays open until a person resets it.
    """
    before = facts.breakers.get((Scope.ALL, ""))
    if state(before, at) in (BreakerState.OPEN, BreakerState.LATCHED):
        return None
    reason = ceiling or _why(facts, fresh, at, fuse, _since(before))
    if not reason:
        return None
    last = before.tripped_at if before else None
    if last is not None and at - last < timedelta(seconds=fuse.again_s):
        return Breaker(Scope.ALL, "", BreakerState.LATCHED, at, tripped_at=at, reason=f"again: {reason}", actor="mail")
    until = at + timedelta(seconds=fuse.open_s)
    trial_until = until + timedelta(seconds=fuse.trial_s)
    return Breaker(Scope.ALL, "", BreakerState.OPEN, at, until, trial_until, at, reason, "mail")


def for_complaint(scope: Scope, key: str, at: datetime, fuse: Fuse) -> Breaker:
    """Nothing automatic to an address or a domain for long, because somebody there called our mail spam."""
    until = at + timedelta(days=fuse.complaint_days)
    return Breaker(scope, key, BreakerState.OPEN, at, until, None, at, "somebody there called our mail spam", "mail")


def stopped(scope: Scope, key: str, at: datetime, actor: str) -> Breaker:
    """A breaker that a person opened; it stays so until a person resets it."""
    return Breaker(scope, key, BreakerState.LATCHED, at, reason=f"stopped by {actor}", actor=actor)


def closed(scope: Scope, key: str, at: datetime, actor: str) -> Breaker:
    """A breaker that a person reset: what happened before counts no more."""
    return Breaker(scope, key, BreakerState.CLOSED, at, reason=f"reset by {actor}", actor=actor)


def _since(before: Breaker | None) -> datetime | None:
    """What happened before this has had its effect already."""
    return None if before is None else (before.until or before.since)


def _why(facts: Facts, fresh: Sequence[Mishap], at: datetime, fuse: Fuse, since: datetime | None) -> str:
    runs = [_with(run, fresh) for run in facts.runs if since is None or run.at > since]
    found = [one for one in (*facts.mishaps, *fresh) if since is None or one.at > since]
    checks: tuple[Callable[[], str], ...] = (
        lambda: _failures(runs, fuse),
        lambda: _answers(runs, fuse),
        lambda: _count(found, Trouble.COMPLAINED, at - timedelta(days=fuse.complaints_days), fuse.complaints),
        lambda: _count(found, Trouble.CAME_BACK, at - HOUR, fuse.came_back_per_hour),
        lambda: _count(found, Trouble.REPEATED, at - HOUR, fuse.repeated_per_hour),
    )
    return next((reason for check in checks if (reason := check())), "")


def _with(run: Run, fresh: Sequence[Mishap]) -> Run:
    troubles = {one.trouble for one in fresh if one.message_id == run.message_id}
    return replace(run, troubles=run.troubles | troubles) if troubles else run


def _failures(runs: list[Run], fuse: Fuse) -> str:
    for newest, most in ((FEW, fuse.failed_of_20), (MANY, fuse.failed_of_200)):
        failed = sum(Trouble.FAILED in run.troubles for run in runs[:newest])
        if failed >= most:
            return f"{failed} of the newest {newest} automatic mails came back undelivered"
    return ""


def _answers(runs: Iterable[Run], fuse: Fuse) -> str:
    newest = [run for run in runs if run.unproven][:FEW]
    domains = [run.domain for run in newest if Trouble.ANSWERED in run.troubles]
    if len(domains) >= fuse.answered_of_20 and len(set(domains)) >= fuse.answered_domains:
        return f"{len(domains)} of the newest {FEW} automatic mails to strangers were answered by unmarked machines"
    return ""


_WORDS = {
    Trouble.COMPLAINED: "automatic mails were called spam",
    Trouble.CAME_BACK: "automatic mails of ours came back to us within an hour",
    Trouble.REPEATED: "answers to the same text were withheld within an hour",
}


def _count(found: Iterable[Mishap], trouble: Trouble, since: datetime, most: int) -> str:
    number = sum(one.trouble is trouble and one.at > since for one in found)
    return f"{number} {_WORDS[trouble]}" if number >= most else ""
