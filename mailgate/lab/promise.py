"""What the rules promise at most: the bound on automatic mail to one address, one domain, or everybody, over some days.

Only what inbound mail can reach is counted: no person of ours acts in it.
"""

from __future__ import annotations

from datetime import timedelta

from mailgate.judge.limits import Credit, Limits
from mailgate.model import Counted, Key


def promised(limits: Limits, key: Key | None, days: float) -> int:
    """The most automatic mails that one `key` gets within so many days; None is a peer that gets none at all."""
    if key is None:
        return 0
    bounds = [*_by_windows(limits, key, timedelta(days=days)), *_by_credit(limits, key, days)]
    return min(bounds)


def _by_windows(limits: Limits, key: Key, span: timedelta) -> list[int]:
    mail = Counted.ANY if key is Key.ADDRESS else Counted.UNPROVEN
    windows = [limit for limit in limits.windows if limit.key is key and limit.mail is mail and limit.per]
    # Once a window has passed, all of it is there anew.
    return [limit.most * (1 + span // limit.per) for limit in windows if limit.per]


def _by_credit(limits: Limits, key: Key, days: float) -> list[int]:
    balances: dict[Key, Credit] = {Key.ADDRESS: limits.credit, Key.DOMAIN: limits.domain_credit}
    return [balances[key].start + int(days / balances[key].drip_days)] if key in balances else []
