"""What a report says of tickets: counted from the lines of their histories. Pure: no store, and never "now".

Days are those of the calendar of one zone, so one may have 23 or 25 hours. A ticket counts for the queue in which it
stands now. What one event moves is counted once, and so the numbers add up: opened and reopened, less closed and
merged, is by how much the backlog grew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import ceil
from statistics import median
from typing import NamedTuple

from mailgate.judge import hours
from mailgate.judge.release import LET_IN
from mailgate.model import Gateway
from mailgate.store.ticket_report import ANSWER, CLOSES, JOINS, OPENS, REOPENS, TOOK_IN, HistoryLine, Mails, Sender

MOST_DAYS = 3700  # of one report
AGENT = "agent:"


class Period(NamedTuple):
    """From `start` on and before `end`, in days of `zone`."""

    start: datetime
    end: datetime
    zone: tzinfo

    def days(self) -> list[tuple[date, datetime]]:
        """Each day that it touches, and the moment at which that day, or the period, is over."""
        found: list[tuple[date, datetime]] = []
        day = self.start.astimezone(self.zone).date()
        while midnight(day, self.zone) < self.end and len(found) < MOST_DAYS:
            after = day + timedelta(days=1)
            found.append((day, min(midnight(after, self.zone), self.end)))
            day = after
        return found


class Times(NamedTuple):
    """How long it took: half of them no longer than `median_h`, nine of ten no longer than `p90_h`; None for none."""

    median_h: float | None = None
    p90_h: float | None = None


@dataclass(slots=True)
class Account:
    """What happened on one day, in one queue, or by one person."""

    opened: int = 0
    closed: int = 0
    spam: int = 0  # of those closed
    merged: int = 0
    reopened: int = 0
    answers: int = 0
    tickets: set[int] = field(default_factory=set)  # answered
    backlog: int = 0  # tickets that are not closed at the end
    first_h: list[float] = field(default_factory=list)  # from the mail that began the ticket to the first answer, and
    first_open_h: list[float] = field(default_factory=list)  # the same in opening hours
    solved_h: list[float] = field(default_factory=list)  # from that mail to when it was closed
    solved_open_h: list[float] = field(default_factory=list)
    promised: int = 0  # first answers of mailboxes that promise one
    kept: int = 0  # of these, in time

    def row(self, *, by_person: bool = False) -> dict[str, object]:
        """As one line of a table; a person opens nothing and has no backlog."""
        counted = {"opened": self.opened, "reopened": self.reopened, "merged": self.merged, "backlog": self.backlog}
        work = {
            "closed": self.closed,
            "spam": self.spam,
            "answers": self.answers,
            "answered": len(self.tickets),
            "first_answers": len(self.first_h),
        }
        times = {
            "first": times_of(self.first_h),
            "first_open": times_of(self.first_open_h),
            "solved": times_of(self.solved_h),
            "solved_open": times_of(self.solved_open_h),
        }
        spans = {f"{name}_{of}": value for name, found in times.items() for of, value in found._asdict().items()}
        return ({} if by_person else counted) | work | spans | {"kept_percent": percent(self.kept, self.promised)}


@dataclass(frozen=True, slots=True)
class TicketReport:
    """All of it. Accounts of days are in their order, of queues and people by name."""

    period: Period
    total: Account
    days: Mapping[str, Account]
    queues: Mapping[str, Account]
    agents: Mapping[str, Account]
    mails: Mails
    senders: Sequence[Sender]
    let_in_by_confirmation: int
    let_in_by_people: int


_NUMBERS = ("opened", "closed", "spam", "merged", "reopened", "answers", "backlog", "promised", "kept")
_LISTS = ("first_h", "first_open_h", "solved_h", "solved_open_h")


class _Move(NamedTuple):
    """One event that changed whether its ticket is open: +1 or -1."""

    what: HistoryLine
    by: int


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def times_of(found: Collection[float]) -> Times:
    """Half and nine tenths of them; the second is one that was measured (nearest rank)."""
    if not found:
        return Times()
    ordered = sorted(found)
    return Times(round(median(ordered), 2), round(ordered[ceil(len(ordered) * 0.9) - 1], 2))


def percent(part: int, whole: int) -> float | None:
    """How many of a hundred; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def unclear(lines: Iterable[HistoryLine]) -> list[int]:
    """The tickets of which the events do not say whether they were open at the beginning."""
    first: dict[int, str] = {}
    for one in lines:
        if one.event != ANSWER:
            first.setdefault(one.ticket_id, one.event)
    return [ticket_id for ticket_id, event in first.items() if event not in OPENS]


def made(
    lines: Sequence[HistoryLine],
    closed_before: Mapping[int, bool],
    open_now: Mapping[str, int],
    mails: tuple[Mails, Sequence[Sender]],
    *,
    period: Period,
    gateway: Gateway,
) -> TicketReport:
    """Count. `lines` is all from the beginning of the period until now, oldest first; `closed_before` says of the
    tickets that are `unclear` whether they were closed then; `open_now` are the tickets that are not closed, by queue.
    """
    inside = [one for one in lines if one.at < period.end]
    moves = list(_moves(lines, closed_before))
    days: dict[str, Account] = {day.isoformat(): Account() for day, _ in period.days()}
    queues: dict[str, Account] = defaultdict(Account)
    agents: dict[str, Account] = defaultdict(Account)
    reckoner, names = _Reckoner(inside, gateway), _Days(period)
    answers = [one for one in inside if one.event == ANSWER]
    moved = [one.what for one in moves if one.what.at < period.end]
    for enter, events in ((reckoner.moved, moved), (reckoner.answered, answers)):
        for one in events:
            enter(one, (days[names.of(one.at)], queues[one.queue], *_persons(agents, one)))
    _backlogs((days, queues), moves, open_now, period)
    let_in = [one for one in inside if one.event in OPENS and one.detail == LET_IN]
    by_people = sum(one.actor.startswith(AGENT) for one in let_in)
    return TicketReport(
        period=period,
        total=_total(queues.values()),
        days=days,
        queues=dict(sorted(queues.items())),
        agents=dict(sorted(agents.items())),
        mails=mails[0],
        senders=mails[1],
        let_in_by_confirmation=len(let_in) - by_people,
        let_in_by_people=by_people,
    )


def _moves(lines: Iterable[HistoryLine], closed_before: Mapping[int, bool]) -> Iterator[_Move]:
    """The events that changed something: to close twice is to close once."""
    is_open: dict[int, bool] = {}
    ended: set[datetime] = set()  # when tickets went into others that had not been closed before
    for one in lines:
        if one.event == ANSWER or (one.event == TOOK_IN and one.at not in ended):
            continue
        opens = one.event in OPENS or one.event in REOPENS
        before = is_open.get(one.ticket_id)
        if before is None:
            # Where no history says it, the event changed what was.
            before = False if one.event in OPENS else not closed_before.get(one.ticket_id, opens)
        if before != opens:
            ended |= {one.at} if one.event in JOINS else set()
            yield _Move(one, 1 if opens else -1)
        is_open[one.ticket_id] = opens


def _persons(agents: dict[str, Account], one: HistoryLine) -> list[Account]:
    """The account of who did it, where that was a person of ours; letting a mail in is not opening a ticket."""
    return [agents[one.actor.removeprefix(AGENT)]] if one.actor.startswith(AGENT) and one.event not in OPENS else []


def _backlogs(
    accounts: tuple[dict[str, Account], dict[str, Account]],
    moves: Sequence[_Move],
    open_now: Mapping[str, int],
    period: Period,
) -> None:
    """How many were open at the end of each day and, by queue, of the period: from those of now, backwards."""
    days, queues = accounts
    number, left = sum(open_now.values()), list(moves)
    for day, end in reversed(period.days()):
        while left and left[-1].what.at >= end:
            number -= left.pop().by
        days[day.isoformat()].backlog = number
    since: Counter[str] = Counter()
    for one in moves:
        if one.what.at >= period.end:
            since[one.what.queue] += one.by
    for queue in {*queues, *open_now, *since}:
        queues[queue].backlog = open_now.get(queue, 0) - since[queue]


def _total(accounts: Iterable[Account]) -> Account:
    """All of them together; no ticket stands in two queues."""
    total = Account()
    for one in accounts:
        for name in _NUMBERS:
            setattr(total, name, getattr(total, name) + getattr(one, name))
        for name in _LISTS:
            getattr(total, name).extend(getattr(one, name))
        total.tickets |= one.tickets
    return total


class _Days:
    """Finds the day of a moment."""

    def __init__(self, period: Period) -> None:
        ends = period.days()
        self._names = [day.isoformat() for day, _ in ends]
        self._ends = [end for _, end in ends]

    def of(self, at: datetime) -> str:
        """Its name; a moment after all days is of the last."""
        return self._names[min(bisect_right(self._ends, at), len(self._names) - 1)]


class _Took(NamedTuple):
    """How long it took from the mail that began a ticket: by the clock, in opening hours; was it as promised?"""

    wall_h: float
    open_h: float
    kept: bool | None  # None where nothing is promised


class _Reckoner:
    """Enters events into accounts, with the times that end with them."""

    def __init__(self, lines: Sequence[HistoryLine], gateway: Gateway) -> None:
        oldest = min((one.created_at for one in lines), default=None)
        newest = max((one.at for one in lines), default=None)
        self._promised_h = {box.address: box.answer_within_h for box in gateway.mailboxes}
        self._clocks = {
            box.address: hours.OpenTime(box.opening, oldest, newest)
            for box in gateway.mailboxes
            if box.opening and oldest and newest
        }

    def moved(self, one: HistoryLine, accounts: Iterable[Account]) -> None:
        """A ticket was opened, closed, merged or opened again."""
        took = self._took(one) if one.event == CLOSES[0] else None
        for account in accounts:
            account.opened += one.event in OPENS
            account.reopened += one.event in REOPENS
            account.merged += one.event in JOINS
            account.closed += one.event in CLOSES
            account.spam += one.event in CLOSES[1:]
            if took:
                account.solved_h.append(took.wall_h)
                account.solved_open_h.append(took.open_h)

    def answered(self, one: HistoryLine, accounts: Iterable[Account]) -> None:
        """A person answered; of a ticket's first answer the time counts."""
        took = self._took(one) if one.at == one.answered_at else None
        for account in accounts:
            if took and one.ticket_id not in account.tickets:
                account.first_h.append(took.wall_h)
                account.first_open_h.append(took.open_h)
                account.promised += took.kept is not None
                account.kept += took.kept is True
            account.answers += 1
            account.tickets.add(one.ticket_id)

    def _took(self, one: HistoryLine) -> _Took:
        clock, promised_h = self._clocks.get(one.mailbox), self._promised_h.get(one.mailbox, 0)
        wall_h = max(0.0, (one.at - one.created_at).total_seconds()) / hours.HOUR_S
        open_h = clock.between_s(one.created_at, one.at) / hours.HOUR_S if clock else wall_h
        return _Took(wall_h, open_h, open_h <= promised_h if promised_h else None)
