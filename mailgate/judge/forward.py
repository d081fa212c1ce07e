"""Mail that a listed forwarder brings: how it shows, and what is forgiven because the forwarder did it.

A header field is quickly written, so what a stranger gains by writing one is kept small: signs that a mail was not
meant for us lose their weight, and nothing that tells of a machine does, but for the label that the forwarder itself
puts on everything. Who the author is, is proven as always; no forward proves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from msgspec.structs import replace

from mailgate.judge import admission
from mailgate.judge.canonical import canonical
from mailgate.judge.conditions import LONGEST_VALUE, shown
from mailgate.judge.pardons import Pardons, Way, forgiven
from mailgate.judge.rules import Signals
from mailgate.judge.signals import MailFields
from mailgate.model import Case, Finding, Forwarder, Gateway, Mailbox, Peer, Strength, Token

MOST_ADDRESSES = 100  # of one field's value
_BREAKS = str.maketrans(dict.fromkeys('<>()[],;:"', " "))
_AGAINST = frozenset({Strength.DECISIVE, Strength.STRONG, Strength.HINT})


def followed(case: Case, rules: Signals, gateway: Gateway) -> Case:
    """The case with what its forward says: how it came, and which address, signed or not, it was first sent to."""
    brought = [one for one in gateway.forwarders if _comes_from(one, case.accepted.peer)]
    if not brought:
        return case
    mail = MailFields(case, gateway)
    found = [(forwarder, _ways(mail, forwarder, rules.pardons)) for forwarder in brought]
    ways = [way for _, shown_by in found for way in shown_by]
    if not ways:
        return case
    first_to = _first_to(mail, ways)
    delivers = frozenset(address for forwarder, shown_by in found if shown_by for address in forwarder.delivers)
    return replace(
        case,
        forwarded=tuple(dict.fromkeys(way.id for way in ways)),
        relayed=any(shown_by and forwarder.networks for forwarder, shown_by in found),
        recipient=case.recipient or _token(first_to, gateway),
        mailbox=(None if case.recipient else _mailbox(first_to, delivers, gateway)) or case.mailbox,
    )


def as_sent(case: Case, rules: Signals) -> Case:
    """The case as its author sent it, as far as that is known: without the fields that the forwarder alone wrote.

    A field that the mail has twice is its author's too, and stays.
    """
    hidden = {name for way in _shown_by(case, rules) for name in way.hides if len(case.mail.headers.get(name, ())) == 1}
    if not hidden:
        return case
    headers = {name: values for name, values in case.mail.headers.items() if name not in hidden}
    return replace(case, mail=replace(case.mail, headers=headers))


def softened(findings: tuple[Finding, ...], case: Case, rules: Signals, gateway: Gateway) -> tuple[Finding, ...]:
    """The findings of a forwarded mail, with those that are the forwarder's own doing forgiven."""
    if not case.forwarded:
        return findings
    ways = _shown_by(case, rules)
    mail = MailFields(case, gateway)
    for way in ways:
        if not way.alone:
            findings = forgiven(findings, way.forgives, way.says)
    labels = [way for way in ways if way.alone]
    own = {one for way in labels for one in (*way.forgives, *way.beside)}
    if not any(finding.strength in _AGAINST and finding.id not in own for finding in findings):
        for way in labels:
            findings = forgiven(findings, way.forgives, way.says)
    return (*findings, *(_noted(way, mail) for way in ways))


def _shown_by(case: Case, rules: Signals) -> list[Way]:
    return [way for group in rules.pardons.ways.values() for way in group if way.id in case.forwarded]


def is_forwarder(peer: Peer, gateway: Gateway) -> bool:
    """Is the client a listed forwarder by its network, so nobody's own?"""
    return any(one.networks and _comes_from(one, peer) for one in gateway.forwarders)


def _comes_from(forwarder: Forwarder, peer: Peer) -> bool:
    """Is the client in its networks? Where none are given, it may come from anywhere."""
    if not forwarder.networks:
        return True
    try:
        address = ip_address(peer.ip)
    except ValueError:
        return False
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    return peer.known and any(plain in network for network in forwarder.networks)


def _ways(mail: MailFields, forwarder: Forwarder, pardons: Pardons) -> list[Way]:
    """The ways of its preset that the mail shows. What only adds to a way counts beside one."""
    ways = [way for way in pardons.ways.get(forwarder.preset, ()) if _is_shown(way, mail, forwarder)]
    return ways if any(way.stands_alone for way in ways) else []


def _is_shown(way: Way, mail: MailFields, forwarder: Forwarder) -> bool:
    delivers = forwarder.delivers
    return (
        mail.holds(way.condition)
        and mail.allows(way)
        and (not way.stands_alone or _names(mail, way, delivers) or _is_at_home(mail, way, delivers))
        and all(_names_no_other(value, delivers) for field in way.names_only for value in mail.values(field))
    )


def _names(mail: MailFields, way: Way, delivers: frozenset[str]) -> bool:
    return any(_addresses(value) & delivers for field in way.names for value in mail.values(field))


def _is_at_home(mail: MailFields, way: Way, delivers: frozenset[str]) -> bool:
    domains = _domains(delivers)
    return any(_domains(_addresses(value)) & domains for field in way.domain for value in mail.values(field))


def _names_no_other(value: str, delivers: frozenset[str]) -> bool:
    """Is every address in the value one that it delivers? A list may be named in the form of List-Id instead."""
    found = _addresses(value)
    return found <= delivers if found else bool(_lists(value) & delivers)


def _addresses(value: str) -> frozenset[str]:
    """The addresses in the value of a field, canonical."""
    return frozenset(filter(None, (canonical(word) for word in _words(value) if "@" in word)))


def _lists(value: str) -> frozenset[str]:
    """The addresses of the lists that a value names as List-Id does: users.lists.example.com (RFC 2919)."""
    split = (word.partition(".") for word in _words(value))
    return frozenset(filter(None, (canonical(f"{local}@{domain}") for local, _, domain in split)))


def _words(value: str) -> list[str]:
    return value[:LONGEST_VALUE].translate(_BREAKS).split()[:MOST_ADDRESSES]


def _domains(addresses: Iterable[str]) -> frozenset[str]:
    return frozenset(address.rpartition("@")[2] for address in addresses)


def _first_to(mail: MailFields, ways: Iterable[Way]) -> list[str]:
    """The addresses in the fields where these ways leave the one that a mail was first sent to, as written."""
    fields = dict.fromkeys(field for way in ways for field in way.first_to)
    words = (word for field in fields for value in mail.values(field) for word in _words(value))
    return [word for word in words if "@" in word]


def _token(addresses: Iterable[str], gateway: Gateway) -> Token | None:
    return next(filter(None, (admission.recipient_token(address, gateway) for address in addresses)), None)


def _mailbox(addresses: Iterable[str], delivers: frozenset[str], gateway: Gateway) -> Mailbox | None:
    """The mailbox that its author wrote to, whose mail is forwarded to another of ours: he hears from there."""
    ours = (admission.mailbox_of(address, gateway) for address in addresses if canonical(address) in delivers)
    return next(filter(None, ours), None)


def _noted(way: Way, mail: MailFields) -> Finding:
    return Finding(way.id, Strength.NOTE, shown(mail.seen(way.condition) or ""), way.rule, says=way.says)
