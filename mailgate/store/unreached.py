"""Store: what a next hop's refusal of a person's letter says of the address that it went to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, bindparam, update

from mailgate.model import OutboxState, Settlement, Standing
from mailgate.store import tables

# RFC 3463 section 3.2 and RFC 7505 section 4.2: no such mailbox, host or form of address; moved; takes no mail. Any
# other refusal may be of what was written, or of us.
_NO_SUCH = re.compile(r"5\.1\.(?:[1236]|10)\b", re.ASCII)

# A robot stays one, and a blocked address blocked.
_GONE = (
    update(tables.address)
    .where(tables.address.c.address == bindparam("of_address"))
    .where(tables.address.c.standing.not_in((Standing.ROBOT, Standing.BLOCKED)))
    .values(standing=Standing.UNDELIVERABLE, since=bindparam("then"), until=bindparam("ends"), trust=None, bound=None)
)


def nobody_there(conn: Connection, refused: Mapping[str, Settlement], undeliverable_days: int) -> None:
    """Trust in an address (canonical) ends where its letter failed because nobody is there."""
    days = timedelta(days=undeliverable_days)
    rows = [
        {"of_address": address, "then": one.at, "ends": one.at + days}
        for address, one in refused.items()
        if one.state is OutboxState.FAILED and _NO_SUCH.match(one.answer.text)
    ]
    if rows:
        conn.execute(_GONE, rows)
