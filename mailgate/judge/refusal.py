"""Which rule refuses a mail at the door. Nobody has looked yet who writes: what that could change is a doubt, and in
doubt a mail comes in, to be judged by all that is known.

A refusal is the word of a server to the sender's own server, within the session: whoever wrote hears of it from there,
and nothing of ours is sent (RFC 5321 section 6.1, RFC 5429 section 2.1).
"""

from __future__ import annotations

from collections.abc import Container
from typing import assert_never

from msgspec import Struct

from mailgate.judge import ruled, spam, trust, verdict
from mailgate.judge.acquainted import Acquainted
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.rules import Signals
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import OF_HISTORY, About, values_of
from mailgate.judge.ruling.rule import AllOf, AnyOf, Claim, NoneOf, Part, Rule, leaves
from mailgate.judge.verdict import Sight
from mailgate.model import Acquaintance, Authentication, Case, Gateway, Reply, Standing

SPAM = "spam"  # the field of points
TROUBLE = "temperror"  # RFC 8601 section 2.7: another try may say something else
OF_PROOF = frozenset({"level", "spf", "dkim", "dmarc", "arc", "proven_domain", "finding"})  # what it would be said of


class Refusal(Struct, frozen=True):
    """What the sender's server is told, and by which rule."""

    reply: Reply
    rule: str  # its name
    place: str  # "70-ours.toml:42"
    by_points: bool = False  # it counts points of spam, and a sender whom we know may have fewer


def asks(rules: Rules) -> bool:
    """Is there a rule that refuses?"""
    return any(rule.acts.reject and not rule.shadow for rule in rules.all)


def refusal(case: Case, signals: Signals, shared: frozenset[str], gateway: Gateway) -> Refusal | None:
    """The refusal of a mail of which nobody has asked yet who wrote it; None where it comes in.

    `shared` are the domains whose addresses belong to strangers of each other.
    """
    if case.forwarded or _shows_a_mail_of_ours(case):
        return None
    sight = verdict.look(case, signals, gateway)
    if sight.kind in ruled.UNTOUCHED:
        return None
    rules = signals.rules
    points = _as_a_stranger(case, sight, signals, shared, gateway) if SPAM in rules.fields else None
    about = About(case, gateway, sight.kind, sight.findings, sight.authentication, spam=points)
    rule = _first_that_refuses(rules, about)
    if rule is None:
        return None
    by_points = any(rules.leaves[leaf].field == SPAM for leaf in leaves(rule.holds))
    return Refusal(Reply(550, f"5.7.1 {rule.acts.reject}"), rule.name, rule.place, by_points)


def _as_a_stranger(case: Case, sight: Sight, signals: Signals, shared: frozenset[str], gateway: Gateway) -> float:
    """Points of spam, as the mail of somebody has them whom we do not know."""
    sender, at = verdict.sender_of(case), case.accepted.at
    stranger = Acquaintance(sender, 0, Standing.UNKNOWN, at, 0, at)
    acquainted = Acquainted(
        kind=sight.kind,
        authentication=sight.authentication,
        known=stranger,
        welcome=trust.welcome(stranger, sight.authentication),
        at=at,
        shared=shared,
        domain=domain_of(sender),
        reply_domains=tuple(domain_of(canonical(one.address)) for one in case.mail.reply_to),
    )
    fields = spam.SpamFields(case, gateway, acquainted)
    return spam.points(fields, sight.findings, case.opinions, signals.weighs).total


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
