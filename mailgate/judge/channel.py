"""What operators say of senders: this one is a person, whatever marks he bears, or that one is a machine.

A person's channel is for senders that are proven; it forgives what names, subjects and header fields say, never what
shows a loop, a report or an automatic reply, and no limit. A machine's channel needs no proof, for it only silences.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.domains import a_label
from mailgate.judge.canonical import canonical
from mailgate.judge.conditions import shown
from mailgate.judge.pardons import Channel, Pardons, Says, forgiven
from mailgate.judge.rules import Signals
from mailgate.judge.signals import MailFields
from mailgate.model import Authentication, Case, Disposition, Finding, Gateway, Kind, Level, Strength

ID = "channel"
MOST_LABELS = 127  # RFC 1035 section 2.3.4


def heard(
    findings: tuple[Finding, ...], case: Case, proof: Authentication, rules: Signals, gateway: Gateway
) -> tuple[Finding, ...]:
    """The findings after the nearest channel had its say: that of the sender before his domain's before any other."""
    channel = _nearest(case, rules.pardons, gateway) if rules.pardons.channels else None
    if channel is None:
        return findings
    if channel.says is Says.MACHINE:
        return (*findings, _finding(channel, channel.why, Strength.DECISIVE))
    if proof.level is Level.A0:
        words = f"{channel.why}; this counts for nothing here, for the sender is not proven"
        return (*findings, _finding(channel, words, Strength.NOTE))
    words = f"a channel of people ({channel.rule})"
    return (*forgiven(findings, rules.pardons.by_channel, words), _finding(channel, channel.why, Strength.NOTE))


def _nearest(case: Case, pardons: Pardons, gateway: Gateway) -> Channel | None:
    keys = [key for key in _keys(case) if key in pardons.channels]
    if not keys:
        return None
    mail = MailFields(case, gateway)
    channels = (channel for key in keys for channel in pardons.channels[key])
    return next((one for one in channels if one.condition is None or mail.holds(one.condition)), None)


def _keys(case: Case) -> Iterator[str]:
    """What channels may call the author: his address, his domain and those above it, anybody."""
    author = case.mail.author
    if author is not None:
        yield canonical(author.address)
        domain = a_label(author.address.rpartition("@")[2])
        for _ in range(MOST_LABELS):
            if not domain:
                break
            yield domain
            domain = domain.partition(".")[2]
    yield ""


def _finding(channel: Channel, words: str, strength: Strength) -> Finding:
    found = Finding(ID, strength, shown(channel.named), channel.rule, says=words)
    if strength is Strength.NOTE:
        return found
    return Finding(ID, strength, found.value, channel.rule, Kind.SYSTEM, Disposition.QUIET, says=words)
