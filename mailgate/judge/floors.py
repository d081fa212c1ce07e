"""How loud a configuration may make mailgate: what no rule file can undercut, however it is written.

Rule files may make us quieter, and about twice as loud as they come. Beyond that a gateway is a danger to others, and
no desk needs it: what grows with a desk is the count of everybody's mail, by `[replies] new_contacts_per_day`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from msgspec import Struct

from mailgate.errors import Fault
from mailgate.judge.limits import Limit, Limits
from mailgate.model import Counted, Key

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


class Floor(Struct, frozen=True):
    """There must be a limit on `mail` per `key` that looks back at least `per` and allows at most `most`."""

    key: Key
    mail: Counted
    per: timedelta | None
    most: int


FLOORS = (
    Floor(Key.TICKET, Counted.ACKNOWLEDGE, None, 1),
    Floor(Key.TICKET, Counted.ANY, None, 2),
    Floor(Key.ADDRESS, Counted.CHALLENGE, 30 * DAYS, 1),
    Floor(Key.ADDRESS, Counted.CHALLENGE, 365 * DAYS, 3),
    Floor(Key.ADDRESS, Counted.ANY, HOURS, 4),
    Floor(Key.ADDRESS, Counted.ANY, 24 * HOURS, 8),
    Floor(Key.ADDRESS, Counted.ANY, 30 * DAYS, 30),
    Floor(Key.DOMAIN, Counted.UNPROVEN, 24 * HOURS, 20),
    Floor(Key.DOMAIN, Counted.UNPROVEN, 30 * DAYS, 60),
    Floor(Key.DOMAIN, Counted.ANY, 24 * HOURS, 120),
    Floor(Key.SHARED, Counted.UNPROVEN, 24 * HOURS, 200),
    Floor(Key.FINGERPRINT, Counted.ANY, 24 * HOURS, 10),
    Floor(Key.ORIGIN, Counted.UNPROVEN, 24 * HOURS, 80),
    Floor(Key.TOTAL, Counted.UNPROVEN, 24 * HOURS, 300),
    Floor(Key.TOTAL, Counted.ANY, 24 * HOURS, 2000),
    Floor(Key.STAFF, Counted.ANY, 24 * HOURS, 400),
    Floor(Key.TARGET, Counted.REDIRECT, 24 * HOURS, 1000),
    Floor(Key.SENDER, Counted.REDIRECT, 24 * HOURS, 200),
    Floor(Key.FINGERPRINT, Counted.REDIRECT, 30 * DAYS, 20),
    Floor(Key.TOTAL, Counted.REDIRECT, 24 * HOURS, 2000),
)
# Numbers by section and key, each with the least and the most that it may be.
RANGES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("credit", "start"): (0, 6),
    ("credit", "cap"): (0, 12),
    ("credit", "per_human_act"): (0, 4),
    ("credit", "per_close"): (0, 2),
    ("credit", "drip_days"): (45, 100_000),
    ("credit", "drip_to"): (0, 6),
    ("domain_credit", "start"): (0, 40),
    ("domain_credit", "cap"): (0, 120),
    ("domain_credit", "per_human_act"): (0, 6),
    ("domain_credit", "drip_days"): (15, 100_000),
    ("domain_credit", "drip_to"): (0, 40),
    ("timing", "late_s"): (0, 3600),
    ("timing", "robot_days"): (30, 100_000),
    ("timing", "undeliverable_days"): (7, 100_000),
    ("timing", "page_wait_s"): (1, 100_000),
    ("breaker", "open_s"): (600, 1_000_000),
    ("breaker", "trial_s"): (3600, 1_000_000),
    ("breaker", "trial_per_hour"): (0, 10),
    ("breaker", "again_s"): (3600, 1_000_000),
    ("breaker", "failed_of_20"): (1, 10),
    ("breaker", "failed_of_200"): (1, 40),
    ("breaker", "answered_of_20"): (1, 10),
    ("breaker", "answered_domains"): (1, 5),
    ("breaker", "complaints"): (1, 5),
    ("breaker", "complaint_days"): (7, 100_000),
    ("breaker", "came_back_per_hour"): (1, 10),
    ("breaker", "repeated_per_hour"): (1, 30),
    ("behaviour", "turns"): (1, 5),
    ("behaviour", "machine_mails"): (1, 10),
    ("agents", "answer_after_s"): (10, 3600),
    ("agents", "relays_per_hour"): (0, 20),
    ("agents", "relays_per_day"): (0, 80),
    ("agents", "digest_after_s"): (60, 86_400),
    ("agents", "digest_lines"): (1, 200),
    ("agents", "words_chars"): (0, 100_000),
    ("redirect", "hops"): (1, 50),
    ("redirect", "largest_kb"): (1, 100_000),
    ("redirect", "give_up_s"): (600, 432_000),
    ("report", "withheld_per_day"): (1, 1000),
    ("report", "shunted_wait_s"): (60, 86_400),
    ("report", "mails_named"): (1, 100),
    ("report", "contacts_listed"): (1, 200),
    ("report", "link_days"): (1, 90),
}
_SECTIONS = {
    "credit": lambda limits: limits.credit,
    "domain_credit": lambda limits: limits.domain_credit,
    "timing": lambda limits: limits.timing,
    "breaker": lambda limits: limits.fuse,
    "behaviour": lambda limits: limits.behaviour,
    "agents": lambda limits: limits.agents,
    "redirect": lambda limits: limits.redirect,
    "report": lambda limits: limits.report,
}


def undercut(limits: Limits, file: str) -> Iterator[Fault]:
    """What is louder in `limits` than any rule file may be: a fault for each."""
    for floor in FLOORS:
        if not any(_holds(limit, floor) for limit in limits.windows):
            span = "ever" if floor.per is None else f"{floor.per // HOURS} h or longer"
            allowed = f'key = "{floor.key}", mail = "{floor.mail}", at most {floor.most} per {span}'
            yield Fault(file, 0, "limit", "no limit that holds what must be held", allowed)
    for (section, key), (least, most) in RANGES.items():
        value = getattr(_SECTIONS[section](limits), key)
        if not least <= value <= most:
            yield Fault(file, 0, f"{section}.{key}", str(value), f"from {least} to {most}")


def _holds(limit: Limit, floor: Floor) -> bool:
    reaches = limit.per is None or (floor.per is not None and limit.per >= floor.per)
    return limit.key is floor.key and limit.mail in (floor.mail, Counted.ANY) and reaches and limit.most <= floor.most
