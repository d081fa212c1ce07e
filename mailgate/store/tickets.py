"""Store: tickets as faces show them: in lists, and with everything in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from mailgate.model import OPERATOR_QUEUE, Disposition, Priority, Purpose, TicketState
from mailgate.searchwords import sought
from mailgate.store import search as index
from mailgate.store import tables
from mailgate.store.dialect import is_one_of
from mailgate.store.journal import decompressed
from mailgate.store.tables import Direction
from mailgate.store.views import EventLine, MessageView, TicketLine, TicketView

PAGE = 100
WHOLE_MOST = 10_000  # tickets shown with everything in them
ASKING_MOST = 20  # tickets that stand before the newest
LONGEST_NUMBER = 9  # digits
FEW = 2000  # tickets that are asked one by one whether they have the words
IN_TICKET_MOST = 1000  # messages and events of one ticket that is shown, the newest

_TICKET, _MESSAGE, _RAW, _OUTBOX = tables.ticket.c, tables.message.c, tables.raw.c, tables.outbox.c
_TAG = tables.ticket_tag.c
_ASKS = and_(_TICKET.queue == OPERATOR_QUEUE, _TICKET.state == TicketState.OPEN)
# The same mail once more is a line in the history, not a message; and that our own people were told is none at all.
_COUNTS = and_(
    _MESSAGE.disposition.is_distinct_from(Disposition.DUPLICATE), _MESSAGE.purpose.is_distinct_from(Purpose.NOTICE)
)


def tickets(
    conn: Connection,
    *,
    state: TicketState | None = TicketState.OPEN,
    queue: str = "",
    search: str = "",
    assignee: str | None = None,
    tag: str = "",
    priority: Priority | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[TicketLine]:
    """Tickets, newest first; those with a smaller number than `before`, the last of the page above.

    What asks the operator for something and is open stands before all others, on the first page. `state` None takes
    all, and so does `assignee` None; "" is nobody's. `search` looks for words in all that was written, and for a
    number; see `searchwords.sought`.
    """
    wanted = sorted_as(queue, assignee, tag, priority)
    if state:
        wanted.append(_TICKET.state == state)
    page = select(tables.ticket, _number_of_messages().label("messages")).where(*wanted).order_by(_TICKET.number.desc())
    if search:
        return _lines(conn, _found(conn, page, search, before, limit))
    first = conn.execute(page.where(_ASKS).limit(ASKING_MOST)).all()
    rest = page.where(_TICKET.number.not_in([row.number for row in first]))
    if before is not None:
        first, rest = [], rest.where(_TICKET.number < before)
    return _lines(conn, [*first, *conn.execute(rest.limit(limit))][:limit])


def sorted_as(queue: str, assignee: str | None, tag: str, priority: Priority | None) -> list[ColumnElement[bool]]:
    """What a ticket must be to be one of those that people asked for; nothing for what they left open."""
    wanted = [] if assignee is None else [_TICKET.assignee == assignee]
    wanted += [_TICKET.queue == queue] if queue else []
    wanted += [_TICKET.priority == priority] if priority else []
    return [*wanted, _TICKET.id.in_(select(_TAG.ticket_id).where(_TAG.tag == tag))] if tag else wanted


def tags_of(conn: Connection, ticket_ids: list[int]) -> dict[int, list[str]]:
    """The tags of each of these tickets that bears any, in alphabetical order."""
    found: dict[int, list[str]] = defaultdict(list)
    if ticket_ids:
        page = select(tables.ticket_tag).where(is_one_of(_TAG.ticket_id, ticket_ids)).order_by(_TAG.tag)
        for row in conn.execute(page):
            found[row.ticket_id].append(row.tag)
    return found


def ticket(conn: Connection, number: int) -> TicketView | None:
    """One ticket with everything in it, or None."""
    return next(iter(_whole(conn, select(tables.ticket).where(_TICKET.number == number))), None)


def tickets_whole(conn: Connection, limit: int = WHOLE_MOST) -> list[TicketView]:
    """All tickets with everything in them, oldest first."""
    return _whole(conn, select(tables.ticket).order_by(_TICKET.number).limit(limit))


def _found(conn: Connection, page: Select[Any], search: str, before: int | None, limit: int) -> list[Any]:
    """Of the tickets with these words those on the page; before them, on the first one, that of this number."""
    asked, named = sought(search), _number(search)
    rows: list[Any] = []
    if named and before is None:
        rows += conn.execute(page.where(_TICKET.number == named))

    def add(numbers: Iterable[int]) -> None:
        wanted = is_one_of(_TICKET.number, [number for number in numbers if number != named])
        rows.extend(conn.execute(page.where(wanted).limit(limit)))

    most, many = 2 * limit, False
    while len(rows) < limit and (numbers := index.numbers(conn, asked, before, most)):
        add(numbers)
        before, most = numbers[-1], 4 * most
        # Where not many tickets are wanted at all, each of them is asked: what most mails say would be read in vain.
        if many or len(rows) >= limit or page.whereclause is None:
            continue
        left = page.with_only_columns(_TICKET.number).where(_TICKET.number < before).limit(FEW + 1)
        if len(candidates := list(conn.execute(left).scalars())) <= FEW:
            add(index.among(conn, asked, candidates))
            break
        many = True
    return rows[:limit]


def _number(search: str) -> int:
    """The number that was asked for, 0 where it is none."""
    said = search.strip().removeprefix("#")
    return int(said) if said.isascii() and said.isdigit() and len(said) <= LONGEST_NUMBER else 0


def _number_of_messages() -> Any:
    inside = select(func.count()).where(_MESSAGE.ticket_id == _TICKET.id, _COUNTS)
    return inside.correlate(tables.ticket).scalar_subquery()


def _lines(conn: Connection, rows: Sequence[Any]) -> list[TicketLine]:
    tags = tags_of(conn, [row.id for row in rows])
    return [_ticket_line(row, tuple(tags.get(row.id, ()))) for row in rows]


def _ticket_line(row: Any, tags: tuple[str, ...]) -> TicketLine:
    return TicketLine(
        number=row.number,
        subject=row.subject,
        state=row.state,
        queue=row.queue,
        contact=row.requester,
        created_at=row.created_at,
        messages=row.messages,
        name=row.requester_name,
        assignee=row.assignee,
        updated_at=row.updated_at,
        priority=row.priority,
        tags=tags,
        waits_since=row.waits_since,
        due_at=row.due_at,
    )


def _whole(conn: Connection, wanted: Select[Any]) -> list[TicketView]:
    found = conn.execute(wanted).all()
    ticket_ids = [row.id for row in found]
    messages, events = _messages(conn, ticket_ids), _events(conn, ticket_ids)
    people, parts = _people(conn, ticket_ids), _parts(conn, ticket_ids)
    numbers = _numbers(conn, {one for row in found for one in (row.follow_up_of, row.merged_into) if one is not None})
    tags = tags_of(conn, ticket_ids)
    return [
        TicketView(
            number=row.number,
            subject=row.subject,
            state=row.state,
            queue=row.queue,
            contact=row.requester,
            created_at=row.created_at,
            participants=tuple(who.address for who in people[row.id] if not who.copied),
            messages=tuple(messages[row.id]),
            history=tuple(events[row.id]),
            name=row.requester_name,
            mailbox=row.mailbox,
            assignee=row.assignee,
            closed_at=row.closed_at,
            priority=row.priority,
            tags=tuple(tags.get(row.id, ())),
            waits_since=row.waits_since,
            due_at=row.due_at,
            pending_until=row.pending_until,
            named=tuple(who.address for who in people[row.id] if who.copied),
            follow_up_of=numbers.get(row.follow_up_of),
            merged_into=numbers.get(row.merged_into),
            merged=tuple(dict.fromkeys(part.number for part in parts[row.id])),
            with_them=tuple(dict.fromkeys(part.address for part in parts[row.id] if part.address)),
        )
        for row in found
    ]


def _messages(conn: Connection, ticket_ids: list[int]) -> dict[int, list[MessageView]]:
    newest = _place(_MESSAGE.ticket_id, _MESSAGE.at, _MESSAGE.id)
    numbered = (
        select(
            tables.message,
            _RAW.zstd,
            _RAW.size_bytes,
            _OUTBOX.state.label("delivery"),
            _TICKET.number.label("suggests"),
            newest,
        )
        .join(tables.raw, _RAW.id == _MESSAGE.raw_id)
        .outerjoin(tables.ticket, _TICKET.id == _MESSAGE.suggests_id)
        .outerjoin(tables.outbox, _OUTBOX.message_id == _MESSAGE.id)
        .where(is_one_of(_MESSAGE.ticket_id, ticket_ids), _COUNTS)
        .subquery()
    )
    found: dict[int, list[MessageView]] = defaultdict(list)
    shown = select(numbered).where(numbered.c.place <= IN_TICKET_MOST).order_by(numbered.c.at, numbered.c.id)
    for row in conn.execute(shown):
        found[row.ticket_id].append(_message(row))
    return found


def _message(row: Any) -> MessageView:
    return MessageView(
        id=row.id,
        direction=row.direction,
        from_=row.author or row.sender,
        to=row.recipient,
        at=row.at,
        subject=row.subject,
        message_id=row.identity,
        kind=row.kind if row.direction is Direction.IN else row.purpose,
        proposed=row.proposed,
        delivery=row.delivery,
        verdict=row.verdict,
        raw=decompressed(row.zstd, row.size_bytes),
        marks=tuple(row.verdict.get("marks", ())) if row.verdict else (),
        discarded=row.discarded,
        may_belong_to=row.suggests,
        agent=row.agent,
    )


def _events(conn: Connection, ticket_ids: list[int]) -> dict[int, list[EventLine]]:
    event = tables.ticket_event.c
    numbered = (
        select(tables.ticket_event, _place(event.ticket_id, event.at, event.id))
        .where(is_one_of(event.ticket_id, ticket_ids))
        .subquery()
    )
    shown = select(numbered).where(numbered.c.place <= IN_TICKET_MOST).order_by(numbered.c.at, numbered.c.id)
    found: dict[int, list[EventLine]] = defaultdict(list)
    for row in conn.execute(shown):
        found[row.ticket_id].append(EventLine(row.at, row.event, row.actor, row.detail))
    return found


def _people(conn: Connection, ticket_ids: list[int]) -> dict[int, list[Any]]:
    table = tables.participant
    found: dict[int, list[Any]] = defaultdict(list)
    for row in conn.execute(select(table).where(is_one_of(table.c.ticket_id, ticket_ids)).order_by(table.c.address)):
        found[row.ticket_id].append(row)
    return found


def _parts(conn: Connection, ticket_ids: list[int]) -> dict[int, list[Any]]:
    """The tickets that were merged into these, once for each who takes part in one."""
    who = tables.participant.c
    parts = (
        select(_TICKET.merged_into, _TICKET.number, who.address)
        .outerjoin(tables.participant, and_(who.ticket_id == _TICKET.id, ~who.copied))
        .where(is_one_of(_TICKET.merged_into, ticket_ids), _TICKET.merged_into.is_not(None))
        .order_by(_TICKET.number, who.address)
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in conn.execute(parts):
        found[row.merged_into].append(row)
    return found


def _numbers(conn: Connection, ticket_ids: set[int]) -> dict[int | None, int]:
    wanted = select(_TICKET.id, _TICKET.number).where(is_one_of(_TICKET.id, ticket_ids))
    return {row.id: row.number for row in conn.execute(wanted)} if ticket_ids else {}


def _place(per: Any, *newest_by: Any) -> Any:
    """The place of a row among those of its ticket, the newest being first."""
    return func.row_number().over(partition_by=per, order_by=[column.desc() for column in newest_by]).label("place")
