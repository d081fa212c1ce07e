"""Store: the tables, as plain metadata. What may stand in a row is said here once more, for the database to check."""

from mailgate.store.columns import metadata
from mailgate.store.tables.acceptance import journal, raw, refusal
from mailgate.store.tables.house import counter, judgement, rule_count, rule_set
from mailgate.store.tables.leaving import breaker, challenge, errand, mishap, outbox, permit
from mailgate.store.tables.people import address, agent, contact, contact_event, domain
from mailgate.store.tables.tickets import Direction, message, participant, ticket, ticket_event, ticket_tag

__all__ = [
    "Direction",
    "address",
    "agent",
    "breaker",
    "challenge",
    "contact",
    "contact_event",
    "counter",
    "domain",
    "errand",
    "journal",
    "judgement",
    "message",
    "metadata",
    "mishap",
    "outbox",
    "participant",
    "permit",
    "raw",
    "refusal",
    "rule_count",
    "rule_set",
    "ticket",
    "ticket_event",
    "ticket_tag",
]
