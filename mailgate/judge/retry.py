"""What follows from an attempt to deliver: sent, tried again at a named time, failed, or cancelled.

A pure table walk over the next hop's answer. Knows neither the store nor the net.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from mailgate.judge import failure
from mailgate.model import Answer, Due, OutboxState, Purpose, PutOff, Settlement

# RFC 5321 section 4.5.4.1: wait at least half an hour once it is clear that a host is down, but try twice in the first
# hour. The early tries are for greylisting hosts, which let one in after 1 to 15 minutes.
PERSON_WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 120, 240))
# Eight tries in four hours. An acknowledgement that comes later than that confuses more than it helps.
AUTOMATIC_WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60))

# Of a destination that does not answer, for all of its mail together.
HOST_WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30))

NOT_SENT_TWICE: Final = "may have arrived; an automatic mail is not sent twice"
TOO_LATE: Final = "not delivered in time; an automatic mail is not sent late"

_SAY_NOTHING: Final = ("", "5.0.0")
_ENHANCED: Final = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?!\d)", re.ASCII)


def fate(due: Due, answer: Answer, now: datetime) -> Settlement:
    """What becomes of `due` after this answer: exactly one of sent, ready (with `next_at`), failed and cancelled."""
    if 200 <= answer.code < 300:
        return Settlement(due.outbox_id, OutboxState.SENT, answer, now)
    if is_permanent(answer):
        return Settlement(due.outbox_id, OutboxState.FAILED, answer, now, nobody=_nobody_is_there(answer))
    # A 4xx after the text says that the next hop did not take it; only silence leaves that open.
    if _is_automatic(due) and answer.handed and not 400 <= answer.code < 600:
        said = f"{answer.text}; {NOT_SENT_TWICE}" if answer.text else NOT_SENT_TWICE
        return Settlement(due.outbox_id, OutboxState.FAILED, replace(answer, text=said), now)
    next_at = now + _wait(due)
    if next_at < due.give_up_at:
        return Settlement(due.outbox_id, OutboxState.READY, answer, now, next_at)
    given_up = OutboxState.CANCELLED if _is_automatic(due) else OutboxState.FAILED
    return Settlement(due.outbox_id, given_up, answer, now)


def too_late(due: Due, now: datetime) -> Settlement | None:
    """Automatic mail that is claimed after its time is cancelled untried; a person's mail always gets its try."""
    if not _is_automatic(due) or now < due.give_up_at:
        return None
    return Settlement(due.outbox_id, OutboxState.CANCELLED, Answer(0, TOO_LATE), now)


def is_of_the_host(answer: Answer) -> bool:
    """Does it say that nobody there takes any mail now? So speaks a way that failed, or 421 (RFC 5321 section 3.8)."""
    return answer.code == 421 or (answer.code == 0 and answer.text.startswith("4.4."))


def host_wait(failures: int) -> timedelta:
    """How long a destination is left alone that failed so many times in a row."""
    return HOST_WAITS[min(max(failures, 1), len(HOST_WAITS)) - 1]


def put_off(due: Due, until: datetime, why: str) -> PutOff | None:
    """The mail waits untried; None where its time would be over by then: it is tried all the same."""
    return PutOff(due.outbox_id, until, why) if until < due.give_up_at else None


def is_permanent(answer: Answer) -> bool:
    """Did the next hop refuse for good?

    The reply code decides, RFC 5321 section 4.2.1; a 5xx whose enhanced code says 4.x.x (some hosts answer a full
    mailbox with `552 4.2.2`) is temporary, for a mail must not be given up while anybody says it may still arrive.
    """
    enhanced = _ENHANCED.match(answer.text)
    return 500 <= answer.code < 600 and not (enhanced and enhanced[1] == "4")


def _nobody_is_there(answer: Answer) -> bool:
    """Does the next hop say so by a code of its own? A refusal without one may be of anything, of us for instance."""
    enhanced = _ENHANCED.match(answer.text)
    status = enhanced[0] if enhanced else ""
    return status not in _SAY_NOTHING and failure.meaning(status) is failure.Meaning.NOBODY


def _is_automatic(due: Due) -> bool:
    return due.purpose is not Purpose.AGENT


def _wait(due: Due) -> timedelta:
    waits = AUTOMATIC_WAITS if _is_automatic(due) else PERSON_WAITS
    return waits[min(max(due.attempts, 1), len(waits)) - 1]
