"""What the rules promise at most: the bound on automatic mail to one address, one domain, or everybody, over some days.

Only what inbound mail can reach is counted: no person of ours acts in it.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from mailgate.judge.limits import Credit, Limits
from mailgate.model import Counted, Key

_UNPROVEN = {Key.ADDRESS: Counted.ANY}


def promised(limits: Limits, key: Key | None, days: float) -> int:
    """The most automatic mails that one `key` gets within so many days; None is a peer that gets none at all."""
    if key is None:
        return 0
    bounds = [*_by_windows(limits, key, timedelta(days=days)), *_by_credit(limits, key, days)]
    return min(bounds)


def _by_windows(limits: Limits, key: Key, span: timedelta) -> list[int]:
    mail = _UNPROVEN.get(key, Counted.UNPROVEN)
    windows = [limit for limit in limits.windows if limit.key is key and limit.mail is mail and limit.per]
    # A span that is a little longer than a window may touch two of them.
    return [limit.most * max(1, ceil(span / limit.per)) for limit in windows if limit.per]


def _by_credit(limits: Limits, key: Key, days: float) -> list[int]:
    credits: dict[Key, Credit] = {Key.ADDRESS: limits.credit, Key.DOMAIN: limits.domain_credit}
    return [credits[key].start + int(days / credits[key].drip_days)] if key in credits else []
