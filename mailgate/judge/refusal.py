"""Which rule refuses a mail at the door. Nobody has looked yet who writes: what that could change is a doubt, and in
doubt a mail comes in, to be judged by all that is known.

A refusal is the word of a server to the sender's own server, within the session: whoever wrote hears of it from there,
and nothing of ours is sent (RFC 5321 section 6.1, RFC 5429 section 2.1).
"""

from __future__ import annotations

from collections.abc import Container
from typing import assert_never

from msgspec import Struct

from mailgate.judge import ruled, verdict
from mailgate.judge.rules import Signals
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import OF_HISTORY, About, values_of
from mailgate.judge.ruling.rule import AllOf, AnyOf, Claim, NoneOf, Part, Rule
from mailgate.model import Authentication, Case, Gateway, Reply

TROUBLE = "temperror"  # RFC 8601 section 2.7: another try may say something else
OF_PROOF = frozenset({"level", "spf", "dkim", "dmarc", "arc", "proven_domain", "finding"})  # what it would be said of


class Refusal(Struct, frozen=True):
    """What the sender's server is told, and by which rule."""

    reply: Reply
    rule: str  # its name
    place: str  # "70-ours.toml:42"


def asks(rules: Rules) -> bool:
    """Is there a rule that refuses?"""
    return any(rule.acts.reject and not rule.shadow for rule in rules.all)


def refusal(case: Case, signals: Signals, gateway: Gateway) -> Refusal | None:
    """The refusal of a mail of which nobody has asked yet who wrote it; None where it comes in."""
    if case.forwarded or _shows_a_mail_of_ours(case):
        return None
    sight = verdict.look(case, signals, gateway)
    if sight.kind in ruled.UNTOUCHED:
        return None
    about = About(case, gateway, sight.kind, sight.findings, sight.authentication)
    rule = _first_that_refuses(signals.rules, about)
    return Refusal(Reply(550, f"5.7.1 {rule.acts.reject}"), rule.name, rule.place) if rule else None


def _shows_a_mail_of_ours(case: Case) -> bool:
    """Does it bear a signed name of ours? Then it answers us, or reports on us."""
    return bool(case.recipient or case.ours or case.enclosed or case.markers)


def _first_that_refuses(rules: Rules, about: About) -> Rule | None:
    met = rules.met(values_of(about))
    doubtful = OF_HISTORY | (OF_PROOF if _is_in_doubt(about.authentication) else frozenset())
    unknown = {number for number, leaf in enumerate(rules.leaves) if leaf.field in doubtful}
    for rule in rules.all:
        if rule.shadow or not (rule.acts.reject or rule.stop):
            continue
        surely, perhaps = _outlook(rule.holds, met, unknown)
        if surely and rule.acts.reject:
            return rule
        if perhaps and rule.stop:
            return None
    return None


def _is_in_doubt(proof: Authentication) -> bool:
    return TROUBLE in (proof.spf, proof.dkim, proof.dmarc, proof.arc)


def _outlook(part: Part, met: Container[int], unknown: Container[int]) -> tuple[bool, bool]:
    """Does a part hold whatever the `unknown` leaves turn out to be, and could it hold?"""
    match part:
        case Claim(leaf):
            return leaf in met and leaf not in unknown, leaf in met or leaf in unknown
        case AllOf(parts):
            each = [_outlook(one, met, unknown) for one in parts]
            return all(surely for surely, _ in each), all(perhaps for _, perhaps in each)
        case AnyOf(parts) | NoneOf(parts):
            each = [_outlook(one, met, unknown) for one in parts]
            surely, perhaps = any(one for one, _ in each), any(one for _, one in each)
            return (surely, perhaps) if isinstance(part, AnyOf) else (not perhaps, not surely)
        case _:
            assert_never(part)
