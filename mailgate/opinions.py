"""Mail in: what others outside think of it. They are asked beside authentication, and no mail waits for them long.

They are asked about mail that comes to a mailbox of ours. What comes to an address that we signed is an answer to us: a
bounce, a customer's reply or an agent's. Whether we know who wrote is not known yet when they are asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mailgate.judge import admission, forward
from mailgate.model import Accepted, Authentication, Gateway, Opinion, Peer
from mailgate.net.judges import Shown

Opine = Callable[[Shown], Awaitable[tuple[Opinion, ...]]]


async def nobody(mail: Shown) -> tuple[Opinion, ...]:
    """The opinions where nobody is to be asked."""
    return ()


async def beside(
    proof: Awaitable[Authentication], accepted: Accepted, author_domain: str, gateway: Gateway, opine: Opine
) -> tuple[Authentication, tuple[Opinion, ...]]:
    """Who a mail is from, and meanwhile what they think of it. `author_domain` is "" without a single author."""
    to, queue_id = [accepted.rcpt_to], accepted.queue_id
    mail = None
    if opine is not nobody:
        mail = shown(
            accepted.raw, accepted.mail_from, to, accepted.peer, author_domain, gateway=gateway, queue_id=queue_id
        )
    # No tasks of their own where there is only one to wait for: every mail comes by here.
    return await asyncio.gather(proof, opine(mail)) if mail else (await proof, ())


def shown(
    raw: bytes,
    mail_from: str,
    recipients: Sequence[str],
    peer: Peer,
    author_domain: str,
    *,
    gateway: Gateway,
    queue_id: str = "",
) -> Shown | None:
    """A mail as they see it; None where they are not asked.

    A client that is our own MTA, or a listed forwarder, says nothing of the sender and is not shown.
    """
    asked = [address for address in recipients if admission.recipient_token(address, gateway) is None]
    if not asked:
        return None
    hidden = not peer.known or forward.is_forwarder(peer, gateway)
    ip, helo = ("", "") if hidden else (peer.ip, peer.helo)
    return Shown(raw, mail_from, asked, ip, helo, author_domain, queue_id)
