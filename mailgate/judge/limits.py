"""The numbers of rules/limits.toml as values: how much automatic mail, how long trust, when a timer ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, TypeVar

from mailgate.errors import ConfigError, Fault
from mailgate.judge.spans import span
from mailgate.model import Counted, Key, Reach
from mailgate.tables import Document, Tables

T = TypeVar("T")

HOUR = timedelta(hours=1)
USUAL_NEW_CONTACTS = 50  # a day; the desk that limits.toml is written for


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` permits of `mail` per `key` within `per`; None is for ever."""

    key: Key
    mail: Counted
    per: timedelta | None
    most: int
    why: str
    rule: str  # "limits.toml:81"
    scaled: bool = False


@dataclass(frozen=True, slots=True)
class Credit:
    """A balance that only people of ours can raise, but for a slow drip."""

    start: int
    cap: int
    per_human_act: int
    drip_days: int
    drip_to: int


@dataclass(frozen=True, slots=True)
class AddressCredit(Credit):
    """The balance of one address: what a person of ours closes as solved earns a little, too."""

    per_close: int


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things last; the unit is in each name."""

    late_s: int
    recheck_s: int
    recheck_within_s: int
    automatic_give_up_s: int
    agent_give_up_s: int
    errand_give_up_s: int
    challenge_days: int
    confirmed_days: int
    confirmed_by_spf_days: int
    unsigned_days: int
    wrote_days: int
    import_days: int
    undeliverable_days: int
    robot_days: int
    bounce_days: int
    duplicate_days: int
    reopen_days: int
    page_wait_s: int
    same_browser_s: int
    page_after_sent_s: int
    held_wait_s: int
    archived_days: int


@dataclass(frozen=True, slots=True)
class Fuse:
    """When the breaker of all automatic mail opens, and for how long; the unit is in each name."""

    open_s: int
    trial_s: int
    trial_per_hour: int
    again_s: int
    failed_of_20: int
    failed_of_200: int
    answered_of_20: int
    answered_domains: int
    complaints: int
    complaints_days: int
    complaint_days: int
    came_back_per_hour: int
    repeated_per_hour: int


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What gives a machine away that bears no mark; the unit is in each name."""

    echo_s: int
    alike_s: int
    turns: int
    turn_s: int
    machine_mails: int
    machine_days: int
    spam_marks: int


@dataclass(frozen=True, slots=True)
class Flood:
    """How many conversations one unmet address may begin in an hour before they go into one ticket."""

    conversations_per_hour: int
    alike_per_hour: int


@dataclass(frozen=True, slots=True)
class Threads:
    """What joins mail to tickets beside our own signed names."""

    same_subject_days: int
    copied_most: int
    alias_domains: tuple[str, ...]

    def may_rename(self, domain: str) -> bool:
        """Does a relay of this domain give our mail names of its own?"""
        return any(domain == one or domain.endswith(f".{one}") for one in self.alias_domains)


@dataclass(frozen=True, slots=True)
class Report:
    """What our own people are told of, and how much of it; the unit is in each name."""

    withheld_per_day: int
    shunted_wait_s: int
    mails_named: int
    contacts_listed: int
    link_days: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """When our own people hear that somebody waits too long for their answer; the unit is in each name."""

    warn_at_percent: int
    warn_every_s: int
    listed: int
    apart_s: int


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How much goes with a person's answer; the unit is in each name."""

    attachments: int
    attachments_kb: int
    quoted_lines: int
    suggested: int


@dataclass(frozen=True, slots=True)
class Agents:
    """What our own people may do by mail, and what they are told; the unit is in each name."""

    answer_after_s: int
    alike_days: int
    alike_s: int
    alike_chars: int
    relays_per_hour: int
    relays_per_day: int
    words_chars: int
    digest_after_s: int
    digest_lines: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Which mail is sent on, and for how long that is tried; the unit is in each name."""

    hops: int
    largest_kb: int
    give_up_s: int


@dataclass(frozen=True, slots=True)
class Reopening:
    """A ticket is reopened by mail at most `most` times within `per`."""

    per: timedelta
    most: int


@dataclass(frozen=True, slots=True)
class Limits:
    """All of limits.toml."""

    windows: tuple[Limit, ...]
    credit: AddressCredit
    domain_credit: Credit
    timing: Timing
    fuse: Fuse
    behaviour: Behaviour
    flood: Flood
    threads: Threads
    report: Report
    waiting: Waiting
    answers: AnswerLimits
    agents: Agents
    redirect: Redirect
    reopenings: tuple[Reopening, ...]
    shared: frozenset[str]
    reply_prefixes: tuple[str, ...]
    forward_prefixes: frozenset[str]

    @classmethod
    def from_table(cls, table: Mapping[str, Any], file: str = "limits.toml", lines: tuple[int, ...] = ()) -> Limits:
        """Read the parsed file; `lines` are where its `[[limit]]` tables stand.

        Raises:
            ConfigError: with every fault of the file.
        """
        limits, faults = cls.from_tables(table, [(file, table, lines)], file)
        if faults:
            raise ConfigError(faults)
        return limits

    @classmethod
    def from_tables(
        cls, table: Mapping[str, Any], windows: Sequence[Document], file: str
    ) -> tuple[Limits, list[Fault]]:
        """The same, where the `[[limit]]` tables stand in several files; with its faults, as far as it can be read."""
        reader = _Reader(file)
        limits = cls(
            windows=reader.windows(windows),
            credit=reader.numbers(AddressCredit, table, "credit", _names(AddressCredit)),
            domain_credit=reader.numbers(Credit, table, "domain_credit", _names(Credit)),
            timing=reader.numbers(Timing, table, "timing", _names(Timing)),
            fuse=reader.numbers(Fuse, table, "breaker", _names(Fuse)),
            behaviour=reader.numbers(Behaviour, table, "behaviour", _names(Behaviour)),
            flood=reader.numbers(Flood, table, "flood", _names(Flood)),
            threads=reader.threads(table),
            report=reader.numbers(Report, table, "report", _names(Report)),
            waiting=reader.numbers(Waiting, table, "waiting", _names(Waiting)),
            answers=reader.numbers(AnswerLimits, table, "answers", _names(AnswerLimits)),
            agents=reader.numbers(Agents, table, "agents", _names(Agents)),
            redirect=reader.numbers(Redirect, table, "redirect", _names(Redirect)),
            reopenings=reader.reopenings(table),
            shared=frozenset(reader.folded(table, "shared", "domains")),
            reply_prefixes=tuple(reader.folded(table, "subjects", "reply_prefixes")),
            forward_prefixes=frozenset(reader.folded(table, "subjects", "forward_prefixes")),
        )
        reader.unknown(table, _SECTIONS)
        return limits, reader.faults

    @property
    def windows_of_all(self) -> tuple[timedelta, ...]:
        """The windows in which everybody's permits are counted; an hour is always one, for the breaker's trial."""
        own = {one.per for one in self.windows if one.key is Key.TOTAL and one.per is not None}
        return tuple(sorted(own | {HOUR}))

    @property
    def reach(self) -> tuple[Reach, ...]:
        """How far back permits of one subject are counted, each sort of them: as far as its longest window."""
        longest: dict[tuple[Key, Counted], timedelta | None] = {}
        for one in self.windows:
            if one.key is not Key.TOTAL:
                before = longest.setdefault((one.key, one.mail), one.per)
                longest[one.key, one.mail] = None if before is None or one.per is None else max(before, one.per)
        return tuple(Reach(key, mail, per) for (key, mail), per in longest.items())

    def for_desk(self, new_contacts_per_day: int) -> Limits:
        """The same limits for a desk that expects so many newcomers a day: those marked `scaled` grow and shrink."""
        windows = tuple(
            replace(one, most=max(min(one.most, 1), one.most * new_contacts_per_day // USUAL_NEW_CONTACTS))
            if one.scaled
            else one
            for one in self.windows
        )
        return replace(self, windows=windows)


OF_REDIRECT = (Key.TARGET, Key.SENDER)  # which count nothing but mail that is sent on,
OF_REDIRECT_TOO = (Key.FINGERPRINT, Key.TOTAL)  # and which may count it

_NEVER_0 = frozenset({"drip_days", "shunted_wait_s", "warn_every_s", "listed"})  # a drip every 0 days would be a flood
_SECTIONS = (
    *("limit", "credit", "domain_credit", "timing", "breaker", "behaviour", "flood"),
    *("threads", "report", "waiting", "answers", "agents", "redirect", "reopenings", "shared", "subjects"),
)
# Anything beyond would leave the calendar; 2737 years or 11 days are more than anybody means.
MOST_NUMBER = 1_000_000
# How far back a limit may look. Every batch reads as far, and permits are kept for a year.
FURTHEST = timedelta(days=30)
FURTHEST_CHALLENGE = timedelta(days=365)
FURTHEST_TOTAL = timedelta(days=1)
FURTHEST_REOPENING = timedelta(days=7)


def _furthest(key: Key, mail: Counted) -> timedelta | None:
    """The longest window of such a limit; None where it may be for ever."""
    if key is Key.TICKET:
        return None
    if key is Key.TOTAL:
        return FURTHEST_TOTAL
    return FURTHEST_CHALLENGE if (key, mail) == (Key.ADDRESS, Counted.CHALLENGE) else FURTHEST


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


class _Reader(Tables):
    """Reads the tables of the file."""

    def numbers(self, kind: Callable[..., T], table: Mapping[str, Any], name: str, names: tuple[str, ...]) -> T:
        section = self.section(table, name)
        self.unknown(section, names, f"{name}.")
        return kind(**{key: self.number(section, key, f"{name}.", least=int(key in _NEVER_0)) for key in names})

    def threads(self, table: Mapping[str, Any]) -> Threads:
        section, counted = self.section(table, "threads"), ("same_subject_days", "copied_most")
        self.unknown(section, _names(Threads), "threads.")
        numbers = {key: self.number(section, key, "threads.") for key in counted}
        return Threads(**numbers, alias_domains=tuple(self.folded(table, "threads", "alias_domains")))

    def number(self, table: Mapping[str, Any], key: str, place: str, *, least: int = 0) -> int:
        value = table.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST_NUMBER:
            return value
        self.fault(f"{place}{key}", value, f"a whole number from {least} to {MOST_NUMBER}")
        return least

    def reopenings(self, table: Mapping[str, Any]) -> tuple[Reopening, ...]:
        section, found = self.section(table, "reopenings"), []
        for key in section:
            per = self.window_length(key, FURTHEST_REOPENING)
            if per is None:
                allowed = f'spans such as "24 h", at most {FURTHEST_REOPENING.days} d'
                self.fault(f"reopenings.{key}", key, allowed)
            else:
                found.append(Reopening(per, self.number(section, key, "reopenings.")))
        return tuple(found)

    def window_length(self, text: str, furthest: timedelta) -> timedelta | None:
        """The span, or None where it is none, for ever, or longer than `furthest`."""
        try:
            per = span(text)
        except ValueError:
            return None
        return per if per is not None and per <= furthest else None

    def folded(self, table: Mapping[str, Any], name: str, key: str) -> list[str]:
        value = self.section(table, name).get(key)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            self.fault(f"{name}.{key}", value, "a list of texts")
            return []
        return [text.lower() for text in value]

    def windows(self, documents: Sequence[Document]) -> tuple[Limit, ...]:
        self.name = "limit"
        if not any(table.get("limit") for _, table, _ in documents):
            self.fault("", [], "one or more [[limit]] tables")
        found = [self.window(one) for one in self.of_all(documents)]
        self.name, self.line = "", 0
        return tuple(limit for limit in found if limit)

    def window(self, table: Mapping[str, Any]) -> Limit | None:
        before = len(self.faults)
        self.unknown(table, ("key", "mail", "per", "most", "why", "scaled"))
        key, mail, per = (
            self.parsed(table, name, parse, allowed)
            for name, parse, allowed in (
                ("key", Key, ", ".join(Key)),
                ("mail", Counted, ", ".join(Counted)),
                ("per", span, 'a span such as "24 h" or "7 d", or "ever"'),
            )
        )
        most = self.number(table, "most", "")
        if len(self.faults) > before:
            return None
        if key in OF_REDIRECT if mail is not Counted.REDIRECT else key not in (*OF_REDIRECT, *OF_REDIRECT_TOO):
            self.fault("mail", mail, "redirect for target and sender, and for no other key but fingerprint and total")
            return None
        furthest = _furthest(key, mail)
        if furthest is not None and (per is None or per > furthest):
            self.fault("per", table["per"], f"at most {furthest.days} d: permits are not read further back")
            return None
        place = f"{self.file}:{self.line}" if self.line else self.file
        return Limit(key, mail, per, most, str(table.get("why", "")), place, table.get("scaled") is True)

    def parsed(self, table: Mapping[str, Any], name: str, parse: Callable[[Any], Any], allowed: str) -> Any:
        value = table.get(name)
        try:
            return parse(value if isinstance(value, str) else "")
        except ValueError:
            self.fault(name, value, allowed)
            return None
