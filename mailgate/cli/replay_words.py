"""Faces: what other rules would have done, in words and as objects: mail by mail, and all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mailgate.cli.frame import as_json, printable
from mailgate.judge.decided import Told
from mailgate.judge.difference import Change, Sort, place_of
from mailgate.replaying import Gaps, Replayed

SUBJECT_CHARS = 60
_SUMS = {
    Sort.HELD: "would be held",
    Sort.SPAM: "would be held apart, as spam",
    Sort.TICKETED: "would be in a ticket",
    Sort.QUIET: "would be quiet",
    Sort.ELSEWHERE: "would be {after}",
    Sort.OTHER_TICKET: "would be in another ticket",
    Sort.KIND: "would count as {after}",
    Sort.QUEUE: "would go to the queue {after}",
    Sort.PRIORITY: "would have the priority {after}",
    Sort.TAGS: "would have the tags {after}",
    Sort.ASSIGNEE: "would be given to {after}",
    Sort.ANSWERED: "would be answered",
    Sort.NOT_ANSWERED: "would not be answered",
    Sort.REDIRECTED: "would be redirected to {after}",
    Sort.WEBHOOK: "would run the webhook {after}",
    Sort.POINTS: "would have other points of spam",
}
_ONE = {
    Sort.QUEUE: "queue",
    Sort.PRIORITY: "priority",
    Sort.TAGS: "tags",
    Sort.ASSIGNEE: "given to",
    Sort.ANSWERED: "answered with",
    Sort.NOT_ANSWERED: "answered with",
    Sort.REDIRECTED: "redirected to",
    Sort.WEBHOOK: "webhook",
    Sort.POINTS: "points of spam",
    Sort.KIND: "counts as",
}


class Sums:
    """Adds up what a replay finds; however much mail that is, what is kept of it is a few numbers."""

    def __init__(self) -> None:
        self.judged = 0
        self.different = 0
        self.sums: Counter[str] = Counter()
        self.hits: Counter[tuple[str, str, bool]] = Counter()  # by rule, place, and whether it was only watched

    def add(self, one: Replayed) -> None:
        """Count one mail."""
        self.judged += 1
        self.different += bool(one.changes)
        self.sums.update({summed(change) for change in one.changes})
        self.hits.update((hit.name, hit.place, hit.shadow) for hit in one.after.hits)

    def facts(self, gaps: Gaps, rules: str) -> dict[str, Any]:
        """All together, for programs."""
        return {
            "judged": self.judged,
            "different": self.different,
            "changes": dict(self.sums.most_common()),
            "hits": [
                {"rule": rule, "place": place, "shadow": shadow, "mails": number}
                for (rule, place, shadow), number in self.hits.most_common()
            ],
            "rules": rules,
            "rules_then": sorted(gaps.rules),
            "gone": gaps.gone,
            "unreadable": gaps.unreadable,
        }

    def words(self, gaps: Gaps) -> Iterator[str]:
        """All together, for people."""
        same = self.judged - self.different
        yield f"{_mails(self.judged)} judged again: {same} as before, {self.different} otherwise."
        if not (self.judged or gaps.gone or gaps.unreadable):
            yield "Of that time nothing is kept; [rules] replay_days in the configuration says for how long it is."
        yield from (f"  {number:>7}  {words}" for words, number in self.sums.most_common())
        if self.hits:
            yield "Rules that held:"
            yield from (
                f"  {number:>7}  {place} {rule}{' (only watched)' if shadow else ''}"
                for (rule, place, shadow), number in self.hits.most_common()
            )
        if gaps.gone:
            yield f"{_mails(gaps.gone)} could not be judged: they are no longer stored."
        if gaps.unreadable:
            yield f"{gaps.unreadable} batches could not be judged: another version of mailgate wrote them."
        if len(gaps.rules) > 1:
            yield f"Rule files changed meanwhile ({', '.join(sorted(gaps.rules))}): before is what was in force then."


def summed(change: Change) -> str:
    """A change as it is counted."""
    return _SUMS[change.sort].format(after=change.after or "none")


def shown(one: Replayed, *, in_json: bool) -> str:
    """One mail as a command shows it, with its line ends."""
    words = "\n".join(lines(one))
    return f"{as_json(_record(one)) if in_json else printable(words)}\n"


def lines(one: Replayed) -> Iterator[str]:
    """One mail: what it is, what would be different, and who says so."""
    subject = one.subject if len(one.subject) <= SUBJECT_CHARS else f"{one.subject[: SUBJECT_CHARS - 1]}…"
    yield f"{one.at:%Y-%m-%d %H:%M}  {one.sender or '(nobody)'}  {subject or '(no subject)'}  ({one.journal_id})"
    if not one.changes:
        yield f"    as before: {place_of(one.after)}"
    yield from (f"    {_changed(change)}" for change in one.changes)
    yield from (f"    by {rule}" for rule in one.because)


def _record(one: Replayed) -> dict[str, Any]:
    """The same for programs."""
    return {
        "id": one.journal_id,
        "queue_id": one.queue_id,
        "at": one.at,
        "from": one.sender,
        "subject": one.subject,
        "mailbox": one.mailbox,
        "before": place_of(one.before),
        "after": place_of(one.after),
        "reason": one.after.reason,
        "changes": [
            {"what": change.sort.value, "before": change.before, "after": change.after} for change in one.changes
        ],
        "because": list(one.because),
        "hits": [_hit(hit) for hit in one.after.hits],
    }


def _hit(hit: Told) -> dict[str, Any]:
    return {"rule": hit.name, "place": hit.place, "says": hit.says, "shadow": hit.shadow}


def _changed(change: Change) -> str:
    what = f"{_ONE[change.sort]} " if change.sort in _ONE else ""
    return f"{what}{change.before or 'nothing'} -> {change.after or 'nothing'}"


def _mails(number: int) -> str:
    return f"{number} mail{'' if number == 1 else 's'}"
