"""How likely a mail is spam, in points, from what rule files say and what is known. Nothing here ever answers anybody.

Points only sort: the fewer, the sooner a person looks. From `spam_from` of its mailbox on, the mail of somebody whom
nobody vouches for stands apart. Whoever is known and proven is never hidden by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from msgspec import Struct

from mailgate.judge.acquainted import ACQUAINTED_FIELDS, Acquainted
from mailgate.judge.conditions import LONGEST_SHOWN, part_of, shown
from mailgate.judge.fields import FIELDS
from mailgate.judge.signals import MailFields
from mailgate.judge.weighs import Weigh, Weighs
from mailgate.model import Case, Finding, Gateway, Opinion, Weighed

SAME_WORDS_PER = timedelta(days=1)  # a window that limits on the same words have too, so that it is at hand
RULES = "rules"  # the id of what rules add by `then.score`
SHOWN_REASONS = 2  # where a list has room for few


class Points(Struct, frozen=True):
    """The sum, never below 0, and what it is made of, heaviest first."""

    total: float = 0.0
    reasons: tuple[Weighed, ...] = ()


class SpamFields(MailFields):
    """The fields of one mail, and what is known of it."""

    __slots__ = ("_acquainted",)

    def __init__(self, case: Case, gateway: Gateway, acquainted: Acquainted) -> None:
        super().__init__(case, gateway)
        self._acquainted = acquainted

    def values(self, field: str) -> tuple[str, ...]:
        """The values of any field that a reason may name."""
        if field in FIELDS:
            return self.computed(field)
        if field in ACQUAINTED_FIELDS:
            return ACQUAINTED_FIELDS[field](self._acquainted)
        return super().values(field)


def points(fields: SpamFields, findings: Iterable[Finding], opinions: Iterable[Opinion], weighs: Weighs) -> Points:
    """Count a mail."""
    found = [*_by_fields(fields, weighs), *_by_findings(fields, findings, weighs), *_by_opinions(opinions, weighs)]
    return _summed(_heaviest_of_each_family(found))


def with_extra(counted: Points, extra: float) -> Points:
    """The same with what rules add or take."""
    if not extra:
        return counted
    return _summed([*counted.reasons, Weighed(RULES, extra, f"rules {'add to' if extra > 0 else 'take from'} it", "")])


def _summed(reasons: Iterable[Weighed]) -> Points:
    heaviest_first = tuple(sorted(reasons, key=lambda one: -abs(one.points)))
    return Points(max(0.0, round(sum(one.points for one in heaviest_first), 1)), heaviest_first)


def words(counted: Points) -> str:
    """Why a mail stands apart."""
    return f"{counted.total:g} points of spam: {told(counted.reasons)}"


def told(reasons: Iterable[Weighed]) -> str:
    """The strongest reasons for spam, in words; "" where there are none."""
    return ", ".join([one.says for one in reasons if one.points > 0][:SHOWN_REASONS])


_Found = tuple[Weigh, Weighed]


def _by_fields(fields: SpamFields, weighs: Weighs) -> Iterator[_Found]:
    met: set[int] = set()
    for field, asked in weighs.by_field.items():
        values = fields.values(field)
        for weigh, seen in asked.seen(values) if values else ():
            if weigh.place not in met and _allows(fields, weigh):
                met.add(weigh.place)
                yield weigh, _weighed(weigh, weigh.points, _shown(weigh, seen))


def _shown(weigh: Weigh, seen: str) -> str:
    """The value, or of a long one the part that counts."""
    if len(seen) > LONGEST_SHOWN and weigh.condition is not None:
        return shown(part_of(weigh.condition.accepts, seen))
    return shown(seen)


def _by_findings(fields: SpamFields, findings: Iterable[Finding], weighs: Weighs) -> Iterator[_Found]:
    met: set[int] = set()
    for finding in findings:
        weigh = weighs.by_finding.get(finding.id)
        if weigh and weigh.place not in met and _allows(fields, weigh):
            met.add(weigh.place)
            yield weigh, _weighed(weigh, weigh.points, finding.value)


def _by_opinions(opinions: Iterable[Opinion], weighs: Weighs) -> Iterator[_Found]:
    """Each judge once, by the first that names him; whoever could not be heard says nothing."""
    for opinion in opinions:
        weigh = next((one for one in weighs.of_opinions if one.judges and one.judges(opinion.judge.lower())), None)
        if weigh and not opinion.unknown and opinion.points:
            counted = max(-weigh.most, min(weigh.most, opinion.points * weigh.points))
            yield weigh, _weighed(weigh, round(counted, 1), shown(", ".join((opinion.judge, *opinion.says))))


def _allows(fields: SpamFields, weigh: Weigh) -> bool:
    return all(map(fields.holds, weigh.also)) and not any(map(fields.holds, weigh.unless))


def _weighed(weigh: Weigh, counted: float, saw: str) -> Weighed:
    return Weighed(weigh.id, counted, weigh.says, weigh.rule, saw)


def _heaviest_of_each_family(found: Iterable[_Found]) -> Iterator[Weighed]:
    heaviest: dict[str, Weighed] = {}
    for weigh, weighed in found:
        key = weigh.family or weigh.id
        if key not in heaviest or abs(weighed.points) > abs(heaviest[key].points):
            heaviest[key] = weighed
    yield from heaviest.values()
