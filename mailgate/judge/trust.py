"""Whether a sender is somebody we know, and who knows it: trust, its decay, and the proof it asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailgate.judge.limits import Timing
from mailgate.model import Acquaintance, Authentication, Level, Standing, Trust


class Welcome(StrEnum):
    """How a sender is received."""

    TRUSTED = "trusted"
    UNPROVEN = "trusted name, sender not proven"
    STRANGER = "stranger"
    BLOCKED = "blocked"


def current(known: Acquaintance, at: datetime) -> Acquaintance:
    """`known` as it stands at `at`: whatever has lapsed is over, without notice to anybody."""
    if known.until is None or known.until > at:
        return known
    return replace(known, standing=Standing.UNKNOWN, since=known.until, until=None, trust=None, bound=None)


def welcome(known: Acquaintance, authentication: Authentication) -> Welcome:
    """How the author of a mail proven by `authentication` is received."""
    if known.standing is Standing.BLOCKED:
        return Welcome.BLOCKED
    if known.trust is None:
        return Welcome.STRANGER
    bound = known.bound or Level.A2
    return Welcome.TRUSTED if authentication.level.reaches(bound) else Welcome.UNPROVEN


def asked(known: Acquaintance, at: datetime, until: datetime) -> Acquaintance:
    """A challenge is on its way to the address."""
    return replace(known, standing=Standing.CHALLENGED, since=at, until=until)


def confirmed(known: Acquaintance, level: Level, at: datetime, timing: Timing) -> Acquaintance:
    """Trust by a confirmed challenge: bound to the proof its mail had, and no credit."""
    return replace(
        known,
        standing=Standing.TRUSTED,
        since=at,
        until=at + timedelta(days=timing.confirmed_days),
        trust=Trust.CONFIRMED,
        bound=level,
    )


def vouched(known: Acquaintance, at: datetime) -> Acquaintance:
    """Trust by a person of ours, for good. A1 is enough: he has seen the mail."""
    return replace(
        known, standing=Standing.TRUSTED, since=at, until=None, trust=Trust.MANUAL, bound=Level.A1, proven=True
    )


def written_to(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Trust because a person of ours writes to the address. Stronger trust stays as it is."""
    if known.trust is Trust.MANUAL:
        return replace(known, proven=True)
    until = at + timedelta(days=timing.wrote_days)
    if known.until and known.trust is Trust.CONFIRMED:
        until = max(until, known.until)
    return replace(
        known,
        standing=Standing.TRUSTED,
        since=at,
        until=until,
        trust=Trust.WROTE,
        bound=known.bound or Level.A1,
        proven=True,
    )


def renewed(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """A confirmed address wrote again: its trust counts from this mail."""
    if known.trust is not Trust.CONFIRMED or known.standing is not Standing.TRUSTED:
        return known
    return replace(known, until=at + timedelta(days=timing.confirmed_days))


def convicted(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """The address answered like a machine: no automatic mail for a year. Its mail is received as before."""
    return replace(known, standing=Standing.ROBOT, since=at, until=at + timedelta(days=timing.robot_days))


def undeliverable(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Mail to the address came back for good."""
    return replace(
        known,
        standing=Standing.UNDELIVERABLE,
        since=at,
        until=at + timedelta(days=timing.undeliverable_days),
        trust=None,
        bound=None,
    )


def blocked(known: Acquaintance, at: datetime) -> Acquaintance:
    """A person of ours wants nothing of the address in view. Its mail is kept all the same."""
    return replace(known, standing=Standing.BLOCKED, since=at, until=None, trust=None, bound=None)
