"""What a mail is, and what its signals weigh together. Knows neither the sender's history nor any limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from mailgate.model import Case, Finding, Kind, Strength

_ORDER = {kind: place for place, kind in enumerate(Kind)}


class Weight(Struct, frozen=True):
    """The words of every finding that speaks against an automatic answer; hints and weak signs once per family."""

    decisive: tuple[str, ...] = ()
    strong: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    weak: Mapping[str, str] = field(default_factory=dict)
    distrusted: str = ""  # why the mail counts as unauthenticated

    @property
    def acknowledge_objections(self) -> tuple[str, ...]:
        """Why there may be no acknowledgement; empty where nothing speaks against one."""
        common = (*self.decisive, *self.strong, *filter(None, [self.distrusted]))
        return (*common, *self.hints.values(), *self.weak.values()) if self._hints_agree else common

    @property
    def challenge_objections(self) -> tuple[str, ...]:
        """Why there may be no challenge: it asks more of people than an acknowledgement does, so one hint is enough."""
        return tuple(dict.fromkeys((*self.acknowledge_objections, *self.hints.values())))

    @property
    def _hints_agree(self) -> bool:
        """Two families say the same, one of them plainly: a weak sign confirms a hint, but never another weak sign."""
        return bool(self.hints) and len(self.hints.keys() | self.weak.keys()) > 1


def kind_of(findings: Iterable[Finding], case: Case) -> Kind:
    """The first kind, in the order of `Kind`, that any finding names."""
    named = [finding.kind for finding in findings if finding.kind]
    if named:
        return min(named, key=_ORDER.__getitem__)
    # RFC 5321 section 4.5.5: the null reverse-path belongs to reports and automatic answers. One that is none of
    # them by any sign is not a person's mail either, until its author is proven.
    return Kind.HUMAN if case.accepted.mail_from else Kind.UNKNOWN_NULL


def weigh(findings: Sequence[Finding]) -> Weight:
    """Sort the findings by what they forbid."""
    if not findings:
        return Weight()
    return Weight(
        decisive=_words(findings, Strength.DECISIVE),
        strong=_words(findings, Strength.STRONG),
        hints=_by_family(findings, Strength.HINT),
        weak=_by_family(findings, Strength.WEAK),
        distrusted=next(iter(_words(findings, Strength.DISTRUST)), ""),
    )


def _words(findings: Iterable[Finding], strength: Strength) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.says for finding in findings if finding.strength is strength))


def _by_family(findings: Iterable[Finding], strength: Strength) -> dict[str, str]:
    first: dict[str, str] = {}
    for finding in findings:
        if finding.strength is strength:
            first.setdefault(finding.family, finding.says)
    return first
