"""Store: what one process at a time may do, where several share a database. A SQLite file has one writer anyway.

Always in this order, and never a lower one after a higher: `together`, then `spending`; `accepting` goes with neither.
So nobody waits in a circle.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable

from sqlalchemy import Connection, text

# A server has room for some 6400 locks in all (max_locks_per_transaction times max_connections), and one mail may name
# hundreds of others.
MOST = 1000

_TOGETHER = 0x6D67_0001  # the class of locks on what belongs together
_SPENDING = 0x6D67_0002  # the one lock on permits
_ACCEPTING = 0x6D67_0003  # the class of locks on what is being accepted
_INDEXING = 0x6D67_0005  # the one lock on the index of words
_EVERYTHING = 0x6D67_0004  # the one lock that stands for all of `together`; whoever takes some of these shares it

# In one statement, smallest key first.
_TAKE_ALL = text(
    "SELECT count(pg_advisory_xact_lock(:space, CAST(value AS integer)))"
    " FROM json_array_elements_text(CAST(:keys AS json))"
)
_TAKE = text("SELECT pg_advisory_xact_lock(:space, 0)")
_TAKE_SOME = text(
    "SELECT pg_advisory_xact_lock_shared(:all, 0), count(pg_advisory_xact_lock(:space, CAST(value AS integer)))"
    " FROM json_array_elements_text(CAST(:keys AS json))"
)


def together(conn: Connection, names: Iterable[str]) -> bool:
    """Until the end of this transaction, let nobody else judge anything of these names: senders and mails.

    True where others may have done so since this transaction began: then what was read of them is stale.
    """
    if conn.dialect.name != "postgresql":
        return False
    keys = _keys(name.encode("utf-8", "surrogatepass") for name in names)
    if len(keys) > MOST:
        conn.execute(_TAKE, {"space": _EVERYTHING})
    else:
        conn.execute(_TAKE_SOME, {"all": _EVERYTHING, "space": _TOGETHER, "keys": json.dumps(keys)})
    return True


def spending(conn: Connection) -> bool:
    """Until the end of this transaction, let nobody else grant a permit.

    True where others may have granted some since this transaction began: then what was read of permits is stale.
    """
    if conn.dialect.name != "postgresql":
        return False
    conn.execute(_TAKE, {"space": _SPENDING})
    conn.info["spending"] = conn.get_transaction()
    return True


def accepting(conn: Connection, contents: Iterable[bytes]) -> None:
    """Until the end of this transaction, let nobody else accept mail of these contents.

    A client that heard nothing from one process may ask another for the same: whoever comes second then knows it.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_TAKE_ALL, {"space": _ACCEPTING, "keys": json.dumps(_keys(contents))})


def indexing(conn: Connection) -> None:
    """Until the end of this transaction, let nobody else write the index of words. Goes with none of the others."""
    if conn.dialect.name == "postgresql":
        conn.execute(_TAKE, {"space": _INDEXING})


def may_spend(conn: Connection) -> bool:
    """Was `spending` taken in this transaction, or is it not needed?"""
    return conn.dialect.name != "postgresql" or conn.info.get("spending") is conn.get_transaction()


def _keys(names: Iterable[bytes]) -> list[int]:
    return sorted({zlib.crc32(name) - (1 << 31) for name in names})
