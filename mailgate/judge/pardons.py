"""What takes the weight from a signal: how a forwarder brought the mail, or what an operator says of its sender.

Values, and the one act of forgiving. What is pardoned stays in the findings as a note, so that people still read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec.structs import replace

from mailgate.judge.conditions import Condition
from mailgate.model import Finding, Preset, Strength


class Says(StrEnum):
    """What an operator says of a channel."""

    HUMAN = "human"  # people write here, whatever marks the mail bears
    MACHINE = "machine"  # nobody reads an answer


@dataclass(frozen=True, slots=True)
class Way:
    """How a preset of forwarders brings mail, and which signals are then its own doing."""

    id: str
    preset: Preset
    condition: Condition
    also: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    names: tuple[str, ...]  # fields, one of which names an address that it delivers
    domain: tuple[str, ...]  # fields, one of which names the domain of such an address
    names_only: tuple[str, ...]  # fields that name no other address, where the mail has them
    first_to: tuple[str, ...]  # fields in which it leaves the address that the mail was first sent to
    hides: tuple[str, ...]  # header fields that are its own, and that no signal sees
    alone: bool  # forgives only where nothing else says that a machine wrote the mail, but for
    beside: frozenset[str]  # signals that say no such thing
    forgives: frozenset[str]
    says: str
    rule: str  # "35-forwarders.toml:42"

    @property
    def stands_alone(self) -> bool:
        """Does it say by itself that the mail was forwarded, and not only add to what another way says?"""
        return bool(self.names or self.domain)


@dataclass(frozen=True, slots=True)
class Channel:
    """What an operator says of the mail of one sender, one domain, or one header field."""

    sender: str  # canonical; "" for anybody
    domain: str  # A-label, with all below it; "" for any
    condition: Condition | None
    says: Says
    why: str
    rule: str

    @property
    def named(self) -> str:
        """What it is of, for people."""
        return self.sender or self.domain or ", ".join(self.condition.fields if self.condition else ())


@dataclass(frozen=True, slots=True)
class Pardons:
    """All ways and channels, found by what they are of."""

    ways: Mapping[Preset, tuple[Way, ...]] = field(default_factory=dict)  # by preset
    channels: Mapping[str, tuple[Channel, ...]] = field(default_factory=dict)  # by sender, else domain, else ""
    by_channel: frozenset[str] = frozenset()  # the signals that a human channel forgives


NO_PARDONS = Pardons()


def forgiven(findings: Iterable[Finding], ids: Collection[str], words: str) -> tuple[Finding, ...]:
    """The findings, those of `ids` as notes that weigh nothing and say why in `words`."""
    return tuple(_note(finding, words) if finding.id in ids else finding for finding in findings)


def _note(finding: Finding, words: str) -> Finding:
    if finding.strength is Strength.NOTE:
        return finding
    says = f"{finding.says}; forgiven: {words}"
    return replace(finding, strength=Strength.NOTE, kind=None, disposition=None, family="", says=says)
