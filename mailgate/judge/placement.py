"""Where a mail goes, by its kind first and then by who sent it; every mail goes somewhere, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.judge import duplicates, machine, person, places, redirect, relay, ruled
from mailgate.judge.docket import Docket, Placement
from mailgate.model import OPERATOR_QUEUE, Disposition, Kind

PIN_MAILBOX = "{mailbox}"  # stands in the words of a pin for the address that the mail was sent to


def place(docket: Docket) -> Placement:
    """Where the mail of `docket` goes; the effects that go with it are added to the docket."""
    redirect.heed_return(docket)
    return (
        duplicates.received_before(docket)
        or _pinned(docket)
        or machine.at_bounce_address(docket)
        or relay.at_agent_address(docket)
        or ruled.placed(docket)
        or BY_KIND[docket.kind](docket)
    )


def _calendar(docket: Docket) -> Placement:
    """An invitation is a person's mail; the answer to one is a machine's."""
    answers = any(one.kind is Kind.CALENDAR and one.disposition is Disposition.APPEND for one in docket.findings)
    return machine.automatic(docket) if answers else person.human(docket)


BY_KIND: dict[Kind, Callable[[Docket], Placement]] = {
    Kind.OWN_LOOP: machine.own_mail,
    Kind.BOUNCE: machine.report,
    Kind.DELAY: machine.report,
    Kind.RECEIPT: machine.report,
    Kind.MDN: machine.receipt,
    Kind.FEEDBACK: machine.report,
    Kind.AUTO_REPLY: machine.automatic,
    Kind.CALENDAR: _calendar,
    Kind.LIST: machine.bulk,
    Kind.BULK: machine.bulk,
    Kind.SYSTEM: machine.bulk,
    Kind.UNKNOWN_NULL: machine.unknown_null,
    Kind.HUMAN: person.human,
}


def _pinned(docket: Docket) -> Placement | None:
    """What asks the operator for something, without which mail may not come, is found at once: his own ticket."""
    asks = next((finding.pin for finding in docket.findings if finding.pin), "")
    if not asks:
        return None
    words = asks.replace(PIN_MAILBOX, docket.case.accepted.rcpt_to or docket.case.mailbox.address)
    return places.ticket(docket, words, subject=words, queue=OPERATOR_QUEUE)
