"""What the rules that hold say of a mail together.

The first rule that names a queue, a priority, an assignee, a text or an address has the word; tags and points add up.
A shadow rule is only counted, and stops nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailgate.judge import tags
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import About, values_of
from mailgate.judge.ruling.rule import Acts, Rule
from mailgate.model import Hit, Priority, Routed, Ruling

NOTHING = Ruling()
MOST_WEBHOOKS = 10  # that one mail is handed to


def ruling(rules: Rules, about: About) -> Ruling:
    """Ask all rules about a mail."""
    if not rules:
        return NOTHING
    hits: list[Hit] = []
    acting: list[Rule] = []
    for rule, saw in rules.holding(values_of(about)):
        hits.append(Hit(rule.name, rule.place, rule.says, saw, rule.shadow))
        if rule.shadow:
            continue
        acting.append(rule)
        if rule.stop:
            break
    return merged(acting, hits) if hits else NOTHING


def merged(acting: Iterable[Rule], hits: Iterable[Hit] = ()) -> Ruling:
    """One ruling of rules that hold, in their order."""
    held = tuple(acting)
    all_acts = tuple(rule.acts for rule in held)
    return Ruling(
        routed=_routed(all_acts),
        hold=next((f"{rule.acts.hold}: {_named(rule)}" for rule in held if rule.acts.hold), ""),
        quiet=_first(held, "quiet"),
        trust=_first(held, "trust"),
        silent=_first(held, "never"),
        reject=next((acts.reject for acts in all_acts if acts.reject), ""),
        rejected_by=_first(held, "reject"),
        score=round(sum(acts.score for acts in all_acts), 2),
        redirect=next((acts.redirect for acts in all_acts if acts.redirect), ""),
        redirected_by=_first(held, "redirect"),
        hooked_by=_first(held, "webhook"),
        hits=tuple(hits),
    )


def _routed(all_acts: tuple[Acts, ...]) -> Routed:
    return Routed(
        queue=next((acts.queue for acts in all_acts if acts.queue), ""),
        priority=next((acts.priority for acts in all_acts if acts.priority), Priority.NORMAL),
        tags=tuple(dict.fromkeys(tag for acts in all_acts for tag in acts.tags))[: tags.MOST],
        assignee=next((acts.assignee for acts in all_acts if acts.assignee), ""),
        template=next((acts.template for acts in all_acts if acts.template), ""),
        webhooks=tuple(dict.fromkeys(acts.webhook for acts in all_acts if acts.webhook))[:MOST_WEBHOOKS],
    )


def _first(held: tuple[Rule, ...], act: str) -> str:
    """The first rule that does it, by name and place."""
    return next((_named(rule) for rule in held if getattr(rule.acts, act)), "")


def _named(rule: Rule) -> str:
    return f"{rule.name} ({rule.place})"
