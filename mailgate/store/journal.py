"""Store: the journal of acceptance: what was accepted, by which envelope, and where it stands now.

A row is written before the sender hears 250, and its attempt is counted before it is processed. Nothing here reads a
mail: raw bytes go in and come out as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import zstandard
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, case, insert, literal_column, not_, or_, select, true, update

from mailgate.digest import sha256_of
from mailgate.model import Accepted, Arrival, Peer, Protocol, Receipt, Role, State
from mailgate.store import ids, locks, tables
from mailgate.store.bulk import put
from mailgate.store.dialect import add, has_one_daemon, is_one_of, is_one_of_given, listed
from mailgate.store.ledger import ACCEPTED, Ledger, ledger
from mailgate.store.types import clean

__all__ = [
    "Acceptance",
    "Ledger",
    "accept",
    "accepted_of",
    "claim",
    "compressed",
    "decompressed",
    "fail",
    "kept",
    "ledger",
    "refused",
    "release",
    "shunt",
    "unshunt",
]

ZSTD_LEVEL = 1  # attachments pass at 600 MB a second, text shrinks to a half or less
CLAIM_BYTES = 64 << 20  # raw mail in memory per claim; one mail is always taken, however large
IN_HAND_MOST = 600  # mails that a process reads and judges at once
ERROR_CHARS = 16_384  # of a traceback; the end of it says what happened

_JOURNAL, _RAW = tables.journal, tables.raw
# Spelled out and not a parameter, so that the planner sees which partial index it may use.
PENDING = _JOURNAL.c.state == literal_column("'pending'")
_SHUNTED = _JOURNAL.c.state == literal_column("'shunted'")


# Built once: this is the hot path, and to build a statement costs as much as to run it.
_KNOWN = select(_JOURNAL.c.acceptance_key, _JOURNAL.c.queue_id, _JOURNAL.c.id).where(
    is_one_of_given(_JOURNAL.c.acceptance_key, "keys")
)
_ADD_RAW = insert(_RAW)
_ADD = insert(_JOURNAL)


# ── Accept ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Acceptance(Struct, frozen=True):
    """`accept` as work for a group: two made of the same parts are equal, so their items go together.

    With an `owner` the rows are leased to him for `lease_s` from their acceptance on, with their first attempt counted:
    then `kept` is what he may process without claiming it.
    """

    new_id: Callable[[], int]
    owner: str = ""
    lease_s: float = 0.0

    def __call__(self, conn: Connection, arrivals: list[Arrival]) -> list[list[Receipt]]:
        return accept(conn, arrivals, self.new_id, ids.queue_id, owner=self.owner, lease_s=self.lease_s)


def accept(
    conn: Connection,
    arrivals: Sequence[Arrival],
    new_id: Callable[[], int],
    queue_id: Callable[[int], str],
    *,
    owner: str = "",
    lease_s: float = 0.0,
) -> list[list[Receipt]]:
    """Put each transaction into the journal, one row per recipient; a receipt for each recipient, in order.

    A client that lost our 250 sends the same bytes in the same envelope again (RFC 1047): it gets the same queue id
    and no second row, also within one call. `queue_id` makes the text of a new one from a number.
    """
    intake = _Intake(new_id, queue_id, owner, lease_s)
    keyed = [(arrival, sha256_of(arrival.raw)) for arrival in arrivals]
    envelopes = [[_key(arrival, recipient, sha256) for recipient in arrival.recipients] for arrival, sha256 in keyed]
    locks.accepting(conn, (sha256 for _, sha256 in keyed))
    known = _known(conn, [key for keys in envelopes for key in keys])
    receipts = [
        intake.take(arrival, sha256, keys, known) for (arrival, sha256), keys in zip(keyed, envelopes, strict=True)
    ]
    if intake.journal_rows:
        put(conn, _ADD_RAW, intake.raw_rows)
        put(conn, _ADD, intake.journal_rows)
        _count(conn, raw_id=intake.raw_rows[0]["id"], more=len(intake.journal_rows))
    return receipts


def _count(conn: Connection, *, raw_id: int, more: int) -> None:
    """Count apart from the rows, so that the ledger can notice a row that went missing, and apart by process."""
    row = {"name": f"{ACCEPTED}{ids.node_of(raw_id)}", "value": more}
    conn.execute(add(conn, tables.counter, key="name", column="value"), row)


class _Intake:
    """The rows of one call, while they are made."""

    def __init__(self, new_id: Callable[[], int], queue_id: Callable[[int], str], owner: str, lease_s: float) -> None:
        self.new_id = new_id
        self.queue_id = queue_id
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)
        self.raw_rows: list[dict[str, Any]] = []
        self.journal_rows: list[dict[str, Any]] = []
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)

    def take(self, arrival: Arrival, sha256: bytes, keys: list[str], known: dict[str, Receipt]) -> list[Receipt]:
        """The receipts of one transaction; what is new becomes rows and is `known` from now on."""
        fresh = {key: to for key, to in zip(keys, arrival.recipients, strict=True) if key not in known}
        given = {key: known[key] for key in keys if key in known}
        if fresh:
            raw_id = self.new_id()
            queue_id = next((known[key].queue_id for key in keys if key in known), None) or self.queue_id(raw_id)
            self._add_raw(raw_id, arrival.raw, sha256)
            for key, recipient in fresh.items():
                receipt = self._add(arrival, recipient, key, raw_id, queue_id)
                given[key] = receipt
                known[key] = Receipt(receipt.queue_id, receipt.journal_id, fresh=False)
        return [given[key] for key in keys]

    def _add_raw(self, raw_id: int, raw: bytes, sha256: bytes) -> None:
        zstd = self._compressor.compress(raw)
        self.raw_rows.append({"id": raw_id, "sha256": sha256, "size_bytes": len(raw), "zstd": zstd})

    def _add(self, arrival: Arrival, recipient: str, key: str, raw_id: int, queue_id: str) -> Receipt:
        receipt = Receipt(queue_id, self.new_id(), fresh=True, raw_id=raw_id)
        self.journal_rows.append(
            {
                "id": receipt.journal_id,
                "queue_id": queue_id,
                "raw_id": raw_id,
                "accepted_at": arrival.at,
                "mail_from": arrival.mail_from,
                "rcpt_to": recipient,
                "peer": _peer_document(arrival.peer),
                "notes": arrival.notes,
                "state": State.PENDING,
                "attempts": 1 if self._owner else 0,
                "lease_owner": self._owner or None,
                "lease_until": arrival.at + self._lease if self._owner else None,
                "acceptance_key": key,
            }
        )
        return receipt


def kept(arrival: Arrival, receipts: Sequence[Receipt]) -> list[Accepted]:
    """What was accepted anew with a lease, as `claim` would give it."""
    return [
        Accepted(
            journal_id=receipt.journal_id,
            queue_id=receipt.queue_id,
            at=arrival.at,
            mail_from=clean(arrival.mail_from),
            rcpt_to=clean(recipient),
            peer=arrival.peer,
            raw=arrival.raw,
            notes=tuple(arrival.notes),
            raw_id=receipt.raw_id,
        )
        for recipient, receipt in zip(arrival.recipients, receipts, strict=True)
        if receipt.fresh
    ]


def _key(arrival: Arrival, recipient: str, sha256: bytes) -> str:
    """What makes an acceptance the same: envelope and content. The Message-ID is part of the content."""
    envelope = f"{arrival.mail_from}\0{recipient}\0".encode("utf-8", "surrogatepass")
    return hashlib.sha256(envelope + sha256).hexdigest()


def _known(conn: Connection, keys: list[str]) -> dict[str, Receipt]:
    rows = conn.execute(_KNOWN, {"keys": listed(keys)})
    return {key: Receipt(queue_id, journal_id, fresh=False) for key, queue_id, journal_id in rows}


def _peer_document(peer: Peer) -> dict[str, Any]:
    return {
        "ip": peer.ip,
        "helo": peer.helo,
        "tls": peer.tls,
        "known": peer.known,
        "protocol": peer.protocol.value,
        "role": peer.role.value,
        "utf8": peer.utf8,
        "via": peer.via,
    }


def _peer(document: dict[str, Any]) -> Peer:
    words = {"protocol": Protocol(document["protocol"]), "role": Role(document["role"])}
    return Peer(**{**document, **words})


# ── Process ───────────────────────────────────────────────────────────────────────────────────────────────────────────


_FREE_TO_CLAIM = (
    select(_JOURNAL.c.id, _JOURNAL.c.attempts, _RAW.c.size_bytes)
    .join(_RAW, _RAW.c.id == _JOURNAL.c.raw_id)
    .where(PENDING, or_(_JOURNAL.c.lease_until.is_(None), _JOURNAL.c.lease_until <= bindparam("now")))
    .where(not_(is_one_of_given(_JOURNAL.c.id, "known")))
    .order_by(_JOURNAL.c.id)
    .limit(bindparam("most"))
    .with_for_update(of=_JOURNAL, skip_locked=True)
)
_LEASE = (
    update(_JOURNAL)
    .where(is_one_of_given(_JOURNAL.c.id, "mine"))
    .values(attempts=_JOURNAL.c.attempts + 1, lease_owner=bindparam("owner"), lease_until=bindparam("until"))
)
_CLAIMED = (
    select(_JOURNAL, _RAW.c.zstd, _RAW.c.size_bytes)
    .join(_RAW, _RAW.c.id == _JOURNAL.c.raw_id)
    .where(is_one_of_given(_JOURNAL.c.id, "mine"))
    .order_by(_JOURNAL.c.id)
)


def claim(
    conn: Connection, now: datetime, limit: int, owner: str, lease_s: float, *, known: Collection[int] = ()
) -> list[Accepted]:
    """Take up to `limit` waiting mails, oldest first, for `owner` until the lease ends; the attempt counts from here.

    What `owner` has already is `known`, and stays his though its lease should have ended.

    Commit before processing. A mail that was tried before comes alone: if it kills the process, it convicts itself.
    No mail is from later than `now`: who wrote so had followed a clock that jumped ahead.
    """
    waiting = conn.execute(_FREE_TO_CLAIM, {"now": now, "known": listed(known), "most": limit})
    taken = _together([tuple(row) for row in waiting])
    if not taken:
        return []
    mine = {"mine": listed(taken)}
    conn.execute(_LEASE, {**mine, "owner": owner, "until": now + timedelta(seconds=lease_s)})
    claimed = (accepted_of(row) for row in conn.execute(_CLAIMED, mine))
    return [one if one.at <= now else replace(one, at=now) for one in claimed]


def fail(conn: Connection, journal_id: int, error_text: str, now: datetime) -> None:
    """Remember why processing failed and give the lease back; whether to try again is the caller's to decide."""
    conn.execute(
        update(_JOURNAL)
        .where(_JOURNAL.c.id == journal_id, PENDING)
        .values(last_error=error_text[-ERROR_CHARS:], lease_owner=None, lease_until=None)
    )


def shunt(conn: Connection, journal_id: int, error_text: str, now: datetime) -> None:
    """Set a mail aside for people, with what went wrong; its bytes stay as they are."""
    conn.execute(
        update(_JOURNAL)
        .where(_JOURNAL.c.id == journal_id, PENDING)
        .values(
            state=State.SHUNTED,
            last_error=error_text[-ERROR_CHARS:],
            lease_owner=None,
            lease_until=None,
            settled_at=now,
        )
    )


def unshunt(conn: Connection, journal_id: int, now: datetime) -> bool:
    """Let a mail that was set aside be tried anew, with all its attempts; false where it is not set aside."""
    done = conn.execute(
        update(_JOURNAL)
        .where(_JOURNAL.c.id == journal_id, _SHUNTED)
        .values(state=State.PENDING, attempts=0, last_error="", replayed=True, settled_at=None)
    )
    return done.rowcount == 1


def release(conn: Connection, owner: str, known: Collection[int] = ()) -> int:
    """Free what dead processes held; called once at a start, before anything is claimed. How many rows that were.

    Where a database has one daemon, every lease is a dead one's; elsewhere those that `owner` left. Rows that are
    `known` to be under way stay as they are. Only the oldest can have been in hand; all others had waited in memory,
    and to try each of them by itself would take minutes after a burst, so their attempt does not count.
    """
    dead = true() if has_one_daemon(conn) else _JOURNAL.c.lease_owner == owner
    held = PENDING, _JOURNAL.c.lease_until.is_not(None), dead, not_(is_one_of(_JOURNAL.c.id, known))
    oldest = select(_JOURNAL.c.id).where(*held).order_by(_JOURNAL.c.id).limit(IN_HAND_MOST)
    tried = case((_JOURNAL.c.id.in_(oldest), _JOURNAL.c.attempts), else_=_JOURNAL.c.attempts - 1)
    done = conn.execute(update(_JOURNAL).where(*held).values(lease_owner=None, lease_until=None, attempts=tried))
    return done.rowcount


def _together(waiting: list[tuple[int, int, int]]) -> list[int]:
    """Which of (id, attempts, size) are taken at once."""
    if waiting and waiting[0][1] > 0:
        return [waiting[0][0]]
    taken: list[int] = []
    total = 0
    for journal_id, _, size_bytes in takewhile(lambda row: row[1] == 0, waiting):
        total += size_bytes
        if taken and total > CLAIM_BYTES:
            break
        taken.append(journal_id)
    return taken


def accepted_of(row: Any) -> Accepted:
    """A row of the journal with the columns `zstd` and `size_bytes` of its mail."""
    return Accepted(
        journal_id=row.id,
        queue_id=row.queue_id,
        at=row.accepted_at,
        mail_from=row.mail_from,
        rcpt_to=row.rcpt_to,
        peer=_peer(row.peer),
        raw=decompressed(row.zstd, row.size_bytes),
        notes=tuple(row.notes),
        attempts=row.attempts,
        last_error=row.last_error,
        replayed=row.replayed,
        raw_id=row.raw_id,
    )


# ── Around it ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def refused(conn: Connection, at: datetime, counts: Mapping[int, int]) -> None:
    """Add what was refused in sessions to the count of the day of `at`, by reply code."""
    if not counts:
        return
    rows = [{"day": at.date(), "code": code, "count": count} for code, count in sorted(counts.items())]
    conn.execute(add(conn, tables.refusal, key=("day", "code"), column="count"), rows)


def compressed(raw: bytes) -> bytes:
    """`raw` as it is stored."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(raw)


def decompressed(zstd: bytes, size_bytes: int) -> bytes:
    """The bytes as received."""
    return zstandard.ZstdDecompressor().decompress(zstd, max_output_size=size_bytes)
