"""What a batch of cases will want to know, collected before the store is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from mailgate.judge import answer, evidence, redirect, verdict
from mailgate.judge.canonical import canonical, domain_of
from mailgate.judge.limits import Limits
from mailgate.model import Ask, Case, Gateway, Level, TokenKind

SLACK = timedelta(hours=1)  # covers every mail that is not too late to be answered


def ask(cases: Sequence[Case], gateway: Gateway, limits: Limits) -> Ask:
    """The one question for all of `cases`; facts that no case can use are not asked for."""
    senders = {sender for sender in map(verdict.sender_of, cases) if sender}
    inside = {canonical(case.forwards.author.address) for case in cases if case.forwards} - {""}
    targets = frozenset(filter(None, map(canonical, gateway.redirect_to)))
    answerable = [case for case in cases if case.authentication.level is not Level.A0]
    newest = max(case.accepted.at for case in cases)
    # Late is what its own judgement says: a clock set back between two mails must not hide what left before the second.
    in_time = [case.accepted.at for case in cases if case.judged_at - case.accepted.at <= SLACK]
    return Ask(
        # Windows reach back from each mail's own time, so the oldest one that may still be answered decides.
        now=min(in_time, default=newest),
        addresses=frozenset(senders | inside),
        domains=frozenset(map(domain_of, senders)),
        message_ids=frozenset(name for case in cases for name in verdict.names_of(case, gateway.name)),
        token_ids=frozenset(number for case in cases for number in _token_ids(case)),
        references=frozenset(name for case in cases for name in evidence.other_names(case, limits)),
        thread_guids=frozenset(case.mail.thread_guid for case in cases if case.mail.thread_guid),
        markers=frozenset(number for case in cases for number in case.markers),
        numbers=frozenset(number for case in cases for number in evidence.numbers_in(case.mail.subject)),
        topics=frozenset(one for case in cases for one in evidence.topics(case, limits)),
        topics_since=min(case.accepted.at for case in cases) - timedelta(days=limits.threads.same_subject_days),
        origins=frozenset(answer.origin_of(case, case.authentication) for case in answerable),
        fingerprints=frozenset(case.fingerprint for case in answerable if case.fingerprint)
        | frozenset(redirect.body_key(case, verdict.sender_of(case), gateway) for case in (cases if targets else ())),
        # Whom nothing proves gets no answer, but his mail may be sent on.
        causes=frozenset(case.accepted.journal_id for case in (cases if targets else answerable)),
        reach=limits.reach if answerable or targets else (),
        windows=limits.windows_of_all if answerable or targets else (),
        until=newest,
        targets=targets,
        authors=frozenset(redirect.author_key(sender, gateway) for sender in senders) if targets else frozenset(),
        mailboxes=frozenset(case.mailbox.address for case in cases),
        runs=any(case.recipient or case.ours or case.enclosed for case in cases),
    )


def apart(cases: Iterable[Case], limits: Limits) -> list[list[Case]]:
    """`cases` in the order of the journal, parted wherever one may be joined to another: tickets have to be written
    before anybody can speak of them by number, or look for them by what they are known by.
    """
    parts: list[list[Case]] = []
    seen: set[object] = set()
    for case in sorted(cases, key=lambda one: one.accepted.journal_id):
        gives, wants = evidence.handles(case, limits)
        if not parts or not wants.isdisjoint(seen):
            parts.append([])
            seen = set()
        parts[-1].append(case)
        seen |= gives
    return parts


def with_people(asked: Ask, people: frozenset[str]) -> Ask:
    """The same, for a batch that may let our own people answer these customers (canonical addresses)."""
    if not people:
        return asked
    return replace(
        asked,
        addresses=asked.addresses | people,
        domains=asked.domains | set(map(domain_of, people)),
        held_of=asked.held_of | people,
    )


def told_by(cases: Sequence[Case]) -> frozenset[int]:
    """The tokens of what we told our own people, to whose address a mail of the batch was sent."""
    tokens = (case.recipient for case in cases)
    return frozenset(one.id for one in tokens if one and one.kind is TokenKind.AGENT)


def about(address: str, gateway: Gateway, limits: Limits, now: datetime) -> Ask:
    """All that a person's act for `address` can depend on."""
    return Ask(
        now,
        addresses=frozenset({address}),
        domains=frozenset({domain_of(address)}),
        held_of=frozenset({address}),
        reach=limits.reach,
        windows=limits.windows_of_all,
        mailboxes=frozenset(box.address for box in gateway.mailboxes),
    )


def _token_ids(case: Case) -> set[int]:
    found = {token.id for token in (*case.ours.values(), *case.enclosed.values(), *case.passed)}
    return found | {case.recipient.id} if case.recipient else found
