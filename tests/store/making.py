"""Small values that the tests of the store are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from msgspec.structs import replace

from mailgate.model import (
    Accepted,
    Acquaintance,
    Arrival,
    Authentication,
    Case,
    Challenge,
    ChallengeState,
    Disposition,
    Filing,
    Finding,
    Grant,
    HeldState,
    Kind,
    Level,
    Mail,
    Mailaddr,
    Mailbox,
    NewTicket,
    Participant,
    Peer,
    Permit,
    Protocol,
    Purpose,
    Respond,
    Role,
    Sending,
    Standing,
    State,
    Step,
    Strength,
    Verdict,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
PEER = Peer("192.0.2.1", "mx.example", tls=True, known=False, protocol=Protocol.LMTP, role=Role.BEHIND, utf8=True)
RAW = b"Message-ID: <1@x.test>\r\nFrom: Anne <anne@x.test>\r\nSubject: Help\r\n\r\nMy printer burns.\r\n"

_ids = count(1000)


def new_id() -> int:
    """The next id of this test run."""
    return next(_ids)


def day(days: float) -> datetime:
    """So many days after NOW."""
    return NOW + timedelta(days=days)


def arrival(*recipients: str, mail_from: str = "anne@x.test", raw: bytes = RAW, at: datetime = NOW) -> Arrival:
    """One finished transaction."""
    return Arrival(mail_from, recipients or ("support@g.test",), raw, PEER, at, ("long-line",))


def case(accepted: Accepted, sender: str = "anne@x.test", **mail: object) -> Case:
    """A case as intake prepares it."""
    words: dict[str, object] = {
        "message_id": "<1@x.test>",
        "references": ("<0@x.test>",),
        "in_reply_to": ("<r@x.test>",),
        "authors": (Mailaddr(sender.title(), "Anne") if sender else Mailaddr("", ""),) if sender else (),
        "subject": "Help",
        "body_hash": "abc",
    }
    return Case(
        accepted=accepted,
        mail=Mail(headers={}, **{**words, **mail}),
        authentication=Authentication(Level.A2, dkim="pass", domain="x.test", why="proven by DKIM of x.test"),
        mailbox=Mailbox("support@g.test", "support"),
        judged_at=NOW,
    )


def filing(
    accepted: Accepted,
    state: State,
    *,
    sender: str = "anne@x.test",
    ticket_id: int | None = None,
    held: HeldState | None = None,
    identity: str = "<1@x.test>",
    suppressed: str = "",
    spam: float | None = None,
    **mail: object,
) -> Filing:
    """How a mail was judged."""
    disposition = {
        State.TICKETED: Disposition.TICKET,
        State.APPENDED: Disposition.APPEND,
        State.HELD: Disposition.HOLD,
        State.PARKED: Disposition.PARK,
        State.QUIET: Disposition.QUIET,
        State.CONSUMED: Disposition.CONSUME,
        State.DUPLICATE: Disposition.DUPLICATE,
    }[state]
    verdict = Verdict(
        kind=Kind.HUMAN,
        disposition=disposition,
        respond=Respond(acknowledge=True, challenge=False, reasons=("too late",)),
        findings=(Finding("B1", Strength.STRONG, "auto-replied", "signals.toml:42"),),
        trail=(Step("kind", "human"), Step("gate", "acknowledge refused")),
        reason="because",
        ticket_id=ticket_id,
        suppressed=suppressed,
        spam=spam,
    )
    return Filing(new_id(), case(accepted, sender, **mail), verdict, state, sender, identity, ticket_id, held)


def ticket(address: str = "anne@x.test", at: datetime = NOW) -> NewTicket:
    """A ticket is opened by `address`."""
    return NewTicket(new_id(), "Help", "support", "support@g.test", Participant(address, Level.A2), "Anne", at)


def acquaintance(address: str = "anne@x.test", **changes: object) -> Acquaintance:
    """Somebody we know."""
    known = Acquaintance(address, new_id(), Standing.UNKNOWN, NOW, 3, NOW, name="Anne")
    return replace(known, **changes)


def challenge(address: str = "anne@x.test", **changes: object) -> Challenge:
    """A question to `address`."""
    asked = Challenge(
        id=new_id(),
        address=address,
        token_id=new_id(),
        mailbox="support@g.test",
        state=ChallengeState.QUEUED,
        level=Level.A2,
        domain="x.test",
        created_at=NOW,
        expires_at=day(14),
    )
    return replace(asked, **changes)


def grant(address: str = "anne@x.test", **changes: object) -> Grant:
    """One automatic mail that was allowed."""
    given = Grant(
        at=NOW,
        purpose=Purpose.ACKNOWLEDGE,
        address=address,
        domain=address.rpartition("@")[2],
        origin="192.0.2.0/24",
        fingerprint="f",
        shared=False,
        unproven=True,
        ticket_id=None,
        cause=new_id(),
    )
    return replace(given, **changes)


def sending(
    purpose: Purpose = Purpose.ACKNOWLEDGE,
    *,
    to: str = "anne@x.test",
    token_id: int | None = None,
    ticket_id: int | None = None,
    given: Grant | None = None,
    at: datetime = NOW,
    not_before: datetime | None = None,
) -> Sending:
    """A mail that is ready to leave."""
    automatic = purpose is not Purpose.AGENT
    given = given or grant(to, purpose=purpose, at=at, ticket_id=ticket_id)
    token_id = token_id or new_id()
    return Sending(
        outbox_id=new_id(),
        message_id=new_id(),
        purpose=purpose,
        mail_from=f"support+b{token_id}@g.test",
        rcpt_to=to.title(),
        recipient=to,
        mailbox="support@g.test",
        identity=f"<{token_id}@g.test>",
        token_id=token_id,
        subject="Re: Help",
        raw=b"Subject: Re: Help\r\n\r\nWe are on it.\r\n",
        at=at,
        not_before=not_before or at,
        give_up_at=(not_before or at) + timedelta(hours=4),
        permit=Permit(new_id(), given) if automatic else None,
        ticket_id=ticket_id,
    )
