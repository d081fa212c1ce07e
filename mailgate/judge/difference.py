"""What is different between two judgements of one mail, and which rules say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from mailgate.judge.decided import Decided, Told
from mailgate.model import HeldState, State

PLACES_MOST = 5  # rules that are named for one mail


class Sort(StrEnum):
    """What would be different; fixed words, for programs."""

    HELD = "held"  # for a person, or for its sender
    SPAM = "spam"  # held apart from what people look at
    TICKETED = "ticketed"
    QUIET = "quiet"
    ELSEWHERE = "elsewhere"  # it takes another place than these
    OTHER_TICKET = "other-ticket"
    QUEUE = "queue"
    PRIORITY = "priority"
    TAGS = "tags"
    ASSIGNEE = "assignee"
    ANSWERED = "answered"
    NOT_ANSWERED = "not-answered"
    REDIRECTED = "redirected"
    WEBHOOK = "webhook"
    POINTS = "points"
    KIND = "kind"


class Change(Struct, frozen=True):
    """One thing that would be different, and how it was and would be, in words."""

    sort: Sort
    before: str
    after: str


def changes(before: Decided, after: Decided) -> tuple[Change, ...]:
    """All that would be different. Where a rule stands, and in which words it says the same, is no difference."""
    return tuple(_changes(before, after))


def because(before: Decided, after: Decided) -> tuple[str, ...]:
    """The rules that have a say in one of the two judgements alone, each with its file and line.

    A rule that only moved in its file has it in both. Where no rule does, the reason speaks, and the send gate.
    """
    found = [
        *_alone(after.hits, before.hits, ""),
        *_alone(before.hits, after.hits, "no longer "),
        *_reworded(before.hits, after.hits),
        *_alone(after.findings, before.findings, ""),
        *_alone(before.findings, after.findings, "no longer "),
    ]
    if not found and after.reason != before.reason:
        found = [after.reason]
    if after.withheld_by != before.withheld_by and (after.withheld_by or not found):
        found = [*found, after.withheld_by or f"no longer {before.withheld_by}"]
    return tuple(found[:PLACES_MOST]) or (after.reason,)


def place_of(decided: Decided) -> str:
    """Where the mail goes, in a word or two."""
    if decided.state is State.HELD:
        return f"held ({decided.held})" if decided.held else "held"
    return str(decided.state)


def _changes(before: Decided, after: Decided) -> Iterator[Change]:
    if _place(before) != _place(after):
        yield Change(_sort_of_place(after), place_of(before), place_of(after))
    elif _ticket(before) != _ticket(after):
        yield Change(Sort.OTHER_TICKET, _ticket_words(before), _ticket_words(after))
    if before.kind is not after.kind:
        yield Change(Sort.KIND, before.kind, after.kind)
    if _may_open(before) and _may_open(after):
        yield from _routed(before, after)
    yield from _answers(before, after)
    if before.redirect != after.redirect:
        yield Change(Sort.REDIRECTED, before.redirect, after.redirect)
    if before.webhooks != after.webhooks:
        yield Change(Sort.WEBHOOK, ", ".join(before.webhooks), ", ".join(after.webhooks))
    if before.spam != after.spam:
        yield Change(Sort.POINTS, _points(before.spam), _points(after.spam))


def _place(decided: Decided) -> tuple[State, HeldState | None]:
    return decided.state, decided.held


def _sort_of_place(after: Decided) -> Sort:
    if after.state is State.HELD:
        return Sort.SPAM if after.held in (HeldState.SPAM, HeldState.ARCHIVED) else Sort.HELD
    of_states = {State.TICKETED: Sort.TICKETED, State.APPENDED: Sort.TICKETED, State.QUIET: Sort.QUIET}
    return of_states.get(after.state, Sort.ELSEWHERE)


def _ticket(decided: Decided) -> tuple[bool, int, int]:
    return decided.opened, decided.joined, decided.beside


def _ticket_words(decided: Decided) -> str:
    if decided.opened:
        return "a ticket of its own"
    return "joins a ticket" if decided.joined or decided.beside else "no ticket"


def _may_open(decided: Decided) -> bool:
    """Is it said how its ticket would be filed?"""
    return decided.state in (State.TICKETED, State.HELD, State.PARKED)


def _routed(before: Decided, after: Decided) -> Iterator[Change]:
    if before.queue != after.queue:
        yield Change(Sort.QUEUE, before.queue, after.queue)
    if before.priority is not after.priority:
        yield Change(Sort.PRIORITY, before.priority, after.priority)
    if set(before.tags) != set(after.tags):
        yield Change(Sort.TAGS, ", ".join(before.tags), ", ".join(after.tags))
    if before.assignee != after.assignee:
        yield Change(Sort.ASSIGNEE, before.assignee, after.assignee)


def _answers(before: Decided, after: Decided) -> Iterator[Change]:
    if before.answers != after.answers:
        less = len(after.answers) < len(before.answers)
        sort = Sort.NOT_ANSWERED if less else Sort.ANSWERED
        yield Change(sort, ", ".join(before.answers), ", ".join(after.answers))
    if before.relays != after.relays:
        sort = Sort.NOT_ANSWERED if after.relays < before.relays else Sort.ANSWERED
        yield Change(sort, f"{before.relays} of ours", f"{after.relays} of ours")


def _points(spam: float | None) -> str:
    return "" if spam is None else f"{spam:g}"


def _alone(these: Iterable[Told], those: Iterable[Told], word: str) -> list[str]:
    names = {one.name for one in those if not one.shadow}
    return [_named(one, word) for one in these if one.name not in names and not one.shadow]


def _reworded(before: Iterable[Told], after: Iterable[Told]) -> list[str]:
    """Rules that hold in both and say something else now."""
    said = {one.name: one.says for one in before}
    return [_named(one, "") for one in after if not one.shadow and said.get(one.name, one.says) != one.says]


def _named(told: Told, word: str) -> str:
    says = f": {told.says}" if told.says else ""
    return f"{told.place} {word}{told.name}{says}"
