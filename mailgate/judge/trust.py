"""Whether a sender is somebody we know, and who knows it: trust, its decay, and the proof it asks for."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec.structs import replace

from mailgate.judge.limits import Timing
from mailgate.model import Acquaintance, Authentication, Level, Standing, Trust


class Welcome(StrEnum):
    """How a sender is received."""

    TRUSTED = "trusted"
    UNPROVEN = "trusted name, sender not proven"
    STRANGER = "stranger"
    BLOCKED = "blocked"


# What an address is once its standing lapses. Who had trust by a person's word, and was a machine for a while, has it
# again; all others are strangers.
LAPSED = {Standing.CHALLENGED: Standing.EXPIRED}


def current(known: Acquaintance, at: datetime) -> Acquaintance:
    """`known` as it stands at `at`: whatever has lapsed is over, without notice to anybody."""
    if known.until is None or known.until > at:
        return known
    if known.trust is Trust.MANUAL:
        return replace(known, standing=Standing.TRUSTED, since=known.until, until=None)
    lapsed = LAPSED.get(known.standing, Standing.UNKNOWN)
    return replace(known, standing=lapsed, since=known.until, until=None, trust=None, bound=None)


def welcome(known: Acquaintance, authentication: Authentication) -> Welcome:
    """How the author of a mail proven by `authentication` is received."""
    if known.standing is Standing.BLOCKED:
        return Welcome.BLOCKED
    if known.trust is None:
        return Welcome.STRANGER
    proven = authentication.level is not Level.A0 and authentication.level.reaches(known.bound or Level.A2)
    return Welcome.TRUSTED if proven else Welcome.UNPROVEN


def asked(known: Acquaintance, at: datetime, until: datetime) -> Acquaintance:
    """A challenge is on its way to the address."""
    return replace(known, standing=Standing.CHALLENGED, since=at, until=until)


def confirmed(known: Acquaintance, level: Level, at: datetime, timing: Timing) -> Acquaintance:
    """Trust by a confirmed challenge: bound to the proof its mail had, and no credit. A person's word counts more.

    A machine is still one: programs follow links too.
    """
    if known.trust is Trust.MANUAL:
        return known
    if known.standing is Standing.ROBOT:
        return replace(known, trust=Trust.CONFIRMED, bound=level)
    until = at + timedelta(days=timing.confirmed_days)
    return replace(known, standing=Standing.TRUSTED, since=at, until=until, trust=Trust.CONFIRMED, bound=level)


def vouched(known: Acquaintance, at: datetime) -> Acquaintance:
    """Trust by a person of ours, for good. A1 is enough: he has seen the mail."""
    return replace(
        known, standing=Standing.TRUSTED, since=at, until=None, trust=Trust.MANUAL, bound=Level.A1, proven=True
    )


def written_to(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Trust because a person of ours writes to the address. Longer trust stays; a machine is still one."""
    if known.trust is Trust.MANUAL:
        return replace(known, proven=True)
    until = at + timedelta(days=timing.wrote_days)
    if known.until and known.trust is Trust.CONFIRMED:
        until = max(until, known.until)
    trusted = replace(known, trust=Trust.WROTE, bound=known.bound or Level.A1, proven=True)
    if known.standing is Standing.ROBOT:
        return trusted
    return replace(trusted, standing=Standing.TRUSTED, since=at, until=until)


def renewed(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """A confirmed address wrote again: its trust counts from this mail."""
    if known.trust is not Trust.CONFIRMED or known.standing is not Standing.TRUSTED:
        return known
    until = at + timedelta(days=timing.confirmed_days)
    return replace(known, until=max(until, known.until or until))


def revived(known: Acquaintance, at: datetime) -> Acquaintance:
    """A proven mail came from an address whose mail had come back: it is there after all."""
    if known.standing is not Standing.UNDELIVERABLE:
        return known
    return replace(known, standing=Standing.UNKNOWN, since=at, until=None)


def convicted(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """The address answered like a machine: no automatic mail for a year. Its mail is received as before."""
    if known.standing is Standing.BLOCKED:
        return known
    return replace(known, standing=Standing.ROBOT, since=at, until=at + timedelta(days=timing.robot_days))


def undeliverable(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Mail to the address came back for good, and its trust is over.

    Whoever holds our mail can write such a report, so it frees nobody: who was silenced longer stays so.
    """
    if known.standing in (Standing.BLOCKED, Standing.ROBOT):
        return known
    until = at + timedelta(days=timing.undeliverable_days)
    return replace(known, standing=Standing.UNDELIVERABLE, since=at, until=until, trust=None, bound=None)


def blocked(known: Acquaintance, at: datetime) -> Acquaintance:
    """A person of ours wants nothing of the address in view. Its mail is kept all the same."""
    return replace(known, standing=Standing.BLOCKED, since=at, until=None, trust=None, bound=None)
