"""Mail in: what a rule sends on, from a permit to ready bytes: another envelope, our trace, and the mail as it came."""

from __future__ import annotations

from mailgate.judge import token
from mailgate.judge.canonical import canonical
from mailgate.judge.docket import Planned
from mailgate.mail.onward import Passage, onward
from mailgate.model import Accepted, Gateway, Peer, Protocol, Sending, TokenKind


def sent_on(planned: Planned, accepted: Accepted, gateway: Gateway) -> Sending:
    """The mail `accepted` on its way to where a rule sends it.

    The reverse-path is ours (RFC 5321 section 3.9): what becomes of it is told to us, and never to whoever stands as
    its sender, who may have been made up.
    """
    keys, token_id, mailbox = gateway.keys, planned.token_id, planned.mailbox
    passage = Passage(
        client=accepted.peer.ip if accepted.peer.known else "",
        helo=accepted.peer.helo,
        host=gateway.name,
        protocol=_protocol(accepted.peer),
        id=token.received_id(accepted.queue_id, keys),
        at=accepted.at,
        mailbox=mailbox,
        trace=token.trace(planned.purpose, token_id, planned.at, keys),
    )
    return Sending(
        outbox_id=planned.outbox_id,
        message_id=planned.message_id,
        purpose=planned.purpose,
        mail_from=token.address(TokenKind.BOUNCE, token_id, mailbox, keys, domain=gateway.bounce_domain),
        rcpt_to=planned.to,
        recipient=canonical(planned.to),
        mailbox=mailbox,
        identity=token.message_id(token_id, mailbox.rpartition("@")[2], keys),
        token_id=token_id,
        subject=planned.subject,
        raw=onward(accepted.raw, passage),
        at=planned.at,
        not_before=planned.not_before,
        give_up_at=planned.give_up_at,
        permit=planned.permit,
        ticket_id=planned.ticket_id,
        cause=planned.cause,
        utf8=accepted.peer.utf8,
    )


def _protocol(peer: Peer) -> str:
    """The word of RFC 3848 (and RFC 6531 section 4.3) for how it came."""
    word = "LMTP" if peer.protocol is Protocol.LMTP else "SMTP" if peer.utf8 else "ESMTP"
    return f"{'UTF8' if peer.utf8 else ''}{word}{'S' if peer.tls else ''}"
