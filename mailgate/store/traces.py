"""Store: what the traces that mail bears lead to: other names, conversations of Outlook, marks, numbers, subjects.

Each is asked for only where a mail bears one, so that a mail that follows nothing costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, func, literal_column, select

from mailgate.model import Ask, KnownMessage
from mailgate.store import rows, tables
from mailgate.store.dialect import is_one_of_given, listed
from mailgate.store.ids import LARGEST
from mailgate.store.types import Utc

EACH_MOST = 20  # newest mails of one trace; a conversation of Outlook may go on for years
SAME_SUBJECT_MOST = 5  # newest tickets of one person and subject; two that are open are one too many already
MOST_NUMBER = (1 << 31) - 1  # of a ticket

K = TypeVar("K", bound=Hashable)

_MESSAGE, _TICKET = tables.message.c, tables.ticket.c


def _newest(trace: Any, *conditions: Any) -> Select[Any]:
    newest_first = func.row_number().over(partition_by=trace, order_by=_MESSAGE.id.desc())
    numbered = (
        select(*rows.MESSAGE_COLUMNS, trace.label("trace"), newest_first.label("place"))
        .where(is_one_of_given(trace, "wanted"), *conditions)
        .subquery()
    )
    return select(numbered).where(numbered.c.place <= EACH_MOST).order_by(numbered.c.id.desc())


# Built once: to build a statement costs more than to run it. What each partial index leaves out is said once more, for
# PostgreSQL takes one only then.
_BY_ALIAS = _newest(_MESSAGE.alias, _MESSAGE.alias != literal_column("''"))
_BY_GUID = _newest(_MESSAGE.thread_guid, _MESSAGE.thread_guid != literal_column("''"))
_BY_MARKER = _newest(_MESSAGE.marker, _MESSAGE.marker.is_not(None))
_BY_NUMBER = select(_TICKET.number, _TICKET.id).where(is_one_of_given(_TICKET.number, "wanted"))


def _same_subject() -> Select[Any]:
    newest_first = func.row_number().over(
        partition_by=(_TICKET.requester, _TICKET.topic), order_by=(_TICKET.updated_at.desc(), _TICKET.id.desc())
    )
    numbered = (
        select(_TICKET.id, _TICKET.requester, _TICKET.topic, newest_first.label("place"))
        .where(is_one_of_given(_TICKET.requester, "people"), is_one_of_given(_TICKET.topic, "topics"))
        .where(_TICKET.updated_at >= bindparam("since", type_=Utc()))
        .subquery()
    )
    return select(numbered).where(numbered.c.place <= SAME_SUBJECT_MOST).order_by(numbered.c.place)


_BY_SUBJECT = _same_subject()


def aliases(conn: Connection, ask: Ask) -> dict[str, list[KnownMessage]]:
    """Mails by the name that a relay gave them, or that was another's already; newest first."""
    return _messages(conn, _BY_ALIAS, ask.references)


def conversations(conn: Connection, ask: Ask) -> dict[str, list[KnownMessage]]:
    """Mails by the GUID of their Thread-Index, newest first."""
    return _messages(conn, _BY_GUID, ask.thread_guids)


def markers(conn: Connection, ask: Ask) -> dict[int, list[KnownMessage]]:
    """Outgoing mails by the number in their mark, newest first. It is short, so several may share one."""
    return _messages(conn, _BY_MARKER, {number for number in ask.markers if number <= LARGEST})


def numbers(conn: Connection, ask: Ask) -> dict[int, int]:
    """The ids of tickets by their numbers."""
    wanted = [number for number in ask.numbers if number <= MOST_NUMBER]
    return {row.number: row.id for row in conn.execute(_BY_NUMBER, {"wanted": wanted})} if wanted else {}


def topics(conn: Connection, ask: Ask) -> dict[tuple[str, str], list[int]]:
    """The ids of tickets by who began them and under which subject, newest first."""
    if not ask.topics:
        return {}
    people, subjects = ({one[place] for one in ask.topics} for place in (0, 1))
    given = {"people": listed(people), "topics": listed(subjects), "since": ask.topics_since}
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in conn.execute(_BY_SUBJECT, given):
        if (row.requester, row.topic) in ask.topics:
            found[row.requester, row.topic].append(row.id)
    return dict(found)


def _messages(conn: Connection, question: Select[Any], wanted: Collection[K]) -> dict[K, list[KnownMessage]]:
    found: dict[K, list[KnownMessage]] = defaultdict(list)
    if wanted:
        for row in conn.execute(question, {"wanted": listed(wanted)}):  # type: ignore[arg-type]
            found[row.trace].append(rows.known_message(row))
    return dict(found)
