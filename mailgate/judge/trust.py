"""Whether a sender is somebody we know, and who knows it: trust, its decay, and the proof it asks for."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from mailgate.judge.limits import Timing
from mailgate.judge.lives import SENDER, Turn
from mailgate.model import Acquaintance, Authentication, Level, Standing, Trust

_DAY = timedelta(days=1)


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
    # Who had trust by a person's word, and was a machine for a while, has it again; all others are strangers.
    if known.trust is Trust.MANUAL:
        return replace(known, standing=Standing.TRUSTED, since=known.until, until=None)
    return _moved(known, Turn.RAN_OUT, known.until, until=None, trust=None, bound=None)


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
    return _moved(known, Turn.ASKED, at, until=until)


def unsent(known: Acquaintance, at: datetime) -> Acquaintance:
    """The challenge to the address was not sent after all."""
    return _moved(known, Turn.UNSENT, at, until=None)


def confirmed(known: Acquaintance, level: Level, at: datetime, timing: Timing) -> Acquaintance:
    """Trust by a confirmed challenge: bound to the proof its mail had, and no credit. A person's word counts more.

    A machine is still one: programs follow links too.
    """
    if known.trust is Trust.MANUAL:
        return known
    if known.standing is Standing.ROBOT:
        return replace(known, trust=Trust.CONFIRMED, bound=level)
    until = at + _confirmed_for(level, timing)
    return _moved(known, Turn.CONFIRMED, at, until=until, trust=Trust.CONFIRMED, bound=level, asks_back=False)


def vouched(known: Acquaintance, at: datetime) -> Acquaintance:
    """Trust by a person of ours, for good. A1 is enough: he has seen the mail."""
    return _moved(known, Turn.VOUCHED, at, until=None, trust=Trust.MANUAL, bound=Level.A1, proven=True)


def written_to(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Trust because a person of ours writes to the address. Longer trust stays; a machine is still one."""
    if known.trust is Trust.MANUAL:
        return replace(known, proven=True)
    until = at + timedelta(days=timing.wrote_days)
    if known.until and known.standing is Standing.TRUSTED:
        until = max(until, known.until)
    trusted = replace(known, trust=Trust.WROTE, bound=known.bound or Level.A1, proven=True)
    return _moved(trusted, Turn.WRITTEN_TO, at, until=until)


def imported(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Trust because the address stands in our customer base: for mail that DKIM proves, and no credit.

    Trust that lasts as long to the day stays, so the same list again changes nothing; so does the weaker proof where a
    person of ours wrote to the address. A machine's, a blocked and an undeliverable address stay so.
    """
    until = at + timedelta(days=timing.import_days)
    if known.trust is not None and (known.until is None or known.until + _DAY > until):
        return known
    bound = known.bound if known.trust in (Trust.WROTE, Trust.IMPORT) else Level.A2
    since = known.since if known.standing is Standing.TRUSTED else at
    return _moved(known, Turn.IMPORTED, since, until=until, trust=Trust.IMPORT, bound=bound)


def renewed(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """A confirmed or imported address wrote again: its trust counts from this mail."""
    if known.standing is not Standing.TRUSTED:
        return known
    match known.trust:
        case Trust.CONFIRMED:
            until = at + _confirmed_for(known.bound, timing)
        case Trust.IMPORT:
            until = at + timedelta(days=timing.import_days)
        case _:
            return known
    return replace(known, until=max(until, known.until or until))


def is_unsigned_for_long(known: Acquaintance, proof: Authentication, at: datetime, timing: Timing) -> bool:
    """Did its domain sign mail when the address confirmed itself, and has it sent none for long but this, unsigned?"""
    if known.trust is not Trust.CONFIRMED or known.until is None or known.bound is not Level.A2:
        return False
    signed_at = known.until - _confirmed_for(known.bound, timing)
    return proof.level is Level.A1 and at - signed_at > timedelta(days=timing.unsigned_days)


def revived(known: Acquaintance, at: datetime) -> Acquaintance:
    """A proven mail came from an address whose mail had come back: it is there after all."""
    return _moved(known, Turn.REVIVED, at, until=None)


def convicted(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """The address answered like a machine: no automatic mail for a year. Its mail is received as before."""
    return _moved(known, Turn.MACHINE, at, until=at + timedelta(days=timing.robot_days))


def undeliverable(known: Acquaintance, at: datetime, timing: Timing) -> Acquaintance:
    """Mail to the address came back for good, and its trust is over.

    Whoever holds our mail can write such a report, so it frees nobody: who was silenced longer stays so.
    """
    until = at + timedelta(days=timing.undeliverable_days)
    return _moved(known, Turn.CAME_BACK, at, until=until, trust=None, bound=None)


def judged_spam(known: Acquaintance, at: datetime, most: int) -> Acquaintance:
    """A person judged one more mail of it spam; from `most` of these on it is trusted no more."""
    marked = replace(known, spam_marks=known.spam_marks + 1)
    if marked.spam_marks < most or marked.trust is None:
        return marked
    until = None if marked.standing is Standing.TRUSTED else marked.until
    return _moved(replace(marked, trust=None, bound=None, until=until), Turn.DISTRUSTED, at)


def asks_back(known: Acquaintance) -> Acquaintance:
    """A machine of the address asks whoever writes to it, so a challenge of ours would not reach a person."""
    return replace(known, asks_back=True)


def blocked(known: Acquaintance, at: datetime) -> Acquaintance:
    """A person of ours wants nothing of the address in view. Its mail is kept all the same."""
    return _moved(known, Turn.BLOCKED, at, until=None, trust=None, bound=None)


def cleared(known: Acquaintance, at: datetime) -> Acquaintance:
    """A person of ours holds nothing against the address any more. Who had trust by a person's word has it again."""
    peaceful = replace(known, turns=0, turned_at=None)
    if known.trust is Trust.MANUAL:
        return replace(peaceful, standing=Standing.TRUSTED, since=at, until=None)
    return _moved(peaceful, Turn.CLEARED, at, until=None, trust=None, bound=None)


def _moved(known: Acquaintance, turn: Turn, at: datetime, **changes: Any) -> Acquaintance:
    """The address after `turn`; as it was where nothing follows for one that stands so."""
    then = SENDER[turn].get(known.standing)
    return known if then is None else replace(known, standing=then, since=at, **changes)


def _confirmed_for(bound: Level | None, timing: Timing) -> timedelta:
    """SPF alone says only that a server may send for the domain, and many may: such trust is short."""
    return timedelta(days=timing.confirmed_days if bound is Level.A2 else timing.confirmed_by_spf_days)
