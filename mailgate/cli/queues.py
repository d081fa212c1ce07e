"""Faces: which queues there are: a name that nobody else uses is most often a slip of the pen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from mailgate import wiring
from mailgate.config import Settings
from mailgate.judge.ruling.rule import Rule
from mailgate.model import OPERATOR_QUEUE
from mailgate.tables import nearest


def own_queues(settings: Settings) -> frozenset[str]:
    """Those of the mailboxes."""
    return frozenset(box.queue for box in settings.mailbox)


def queues_named(settings: Settings) -> frozenset[str]:
    """Those of the mailboxes and of the rules, and our own. Raises ConfigError with all faults of the rules."""
    own = own_queues(settings)
    return own | by_rules_alone(wiring.rulebook_of(settings).signals.rules.all, own).keys() | {OPERATOR_QUEUE}


def by_rules_alone(rules: Iterable[Rule], own: Collection[str]) -> dict[str, str]:
    """The queues that rules name and none of `own` is; each with the place of the first rule that does."""
    found: dict[str, str] = {}
    for rule in rules:
        if rule.acts.queue and rule.acts.queue not in own:
            found.setdefault(rule.acts.queue, rule.place)
    return found


def doubtful(rules: tuple[Rule, ...], settings: Settings) -> Iterator[str]:
    """What may be a slip of the pen: queues that rules alone name, each with the mailbox's that is most like it."""
    own = own_queues(settings)
    for queue, rule in by_rules_alone(rules, own).items():
        like = nearest(queue, own)
        yield f"queue {queue!r} ({rule}) is no mailbox's{f': did you mean {like!r}?' if like else ''}"


def lost(found: Iterable[str], settings: Settings) -> Iterator[str]:
    """Of the queues in which tickets stand, those that nobody names."""
    named = queues_named(settings)
    for queue in sorted(set(found) - named):
        like = nearest(queue, named)
        meant = f": did you mean {like!r}?" if like else ""
        yield f"tickets stand in the queue {queue!r}, which no mailbox and no rule names{meant}"
