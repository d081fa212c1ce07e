"""Who a mail is from, as proven to us or to somebody whose word we take: our upstream, and the sealers of an ARC chain.

Our own verification comes first, and what it proves nobody takes away. Others may only add to it:

* The upstream saw the client, and the mail before anybody touched it. Its SPF stands for ours where we cannot ask; a
  signature it found good counts as if we had.
* A sealer who is named in the configuration says what he found out before he passed the mail on. That is level A1 at
  most.

We look at what they could rest on: a signature that stands in the mail and proves nothing to us, such as one of half a
body, proves nothing to them, and so does an SPF record that lets anybody pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from msgspec.structs import replace

from mailgate.domains import a_label
from mailgate.model import Authentication, Level, Peer
from mailgate.net import arc, dkim_guard, dmarc, spf, testimony
from mailgate.net.arc import Chain
from mailgate.net.authenticate import (
    DEADLINE_S,
    INLINE_BYTES,
    SIGNATURES_MAX,
    Authenticator,
    Beside,
    aligned,
    is_local,
)
from mailgate.net.dkim_guard import Field, Judged, Signature
from mailgate.net.resolver import Names
from mailgate.net.testimony import Testimony
from mailgate.net.upstream import Upstreams, statements

INLINE_SETS: Final = 3  # verified on the spot; fifty take as long as a large body
NOBODY_S_IP: Final = "240.0.0.1"  # RFC 1112 section 4: no host has it, so only a record for everybody lets it pass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Believed:
    """Whose word is taken. `sealers` are the d= of ARC seals, as A-labels, and none below them."""

    upstreams: Upstreams
    sealers: frozenset[str]

    @classmethod
    def named(cls, upstreams: Sequence[str], authserv_ids: Sequence[str], sealers: Iterable[str]) -> Self:
        """From the texts of the configuration. Raises ValueError where an upstream is no network and not `unix`."""
        return cls(Upstreams.named(upstreams, authserv_ids), frozenset(map(a_label, sealers)))


NOBODY: Final = Believed(Upstreams(), frozenset())


class Witnesses:
    """Verifies mail as it arrives and hears who is believed. `beside` is as for `Authenticator`."""

    def __init__(
        self,
        own: Authenticator,
        names: Names,
        believed: Believed = NOBODY,
        *,
        deadline_s: float = DEADLINE_S,
        beside: Beside = asyncio.to_thread,
    ) -> None:
        self._own = own
        self._names = names
        self._believed = believed
        self._deadline_s = deadline_s
        self._beside = beside

    async def authenticate(self, raw: bytes, mail_from: str, peer: Peer, author_domain: str) -> Authentication:
        """As `Authenticator.authenticate`, with what others add. Never raises."""
        is_said = self._believed.upstreams.include(peer)
        if not author_domain or not (is_said or _is_sealed(raw)):
            return await self._own.authenticate(raw, mail_from, peer, author_domain)
        head, body = dkim_guard.split(raw)
        header = dkim_guard.fields(head) or []
        own, chain = await asyncio.gather(
            self._own.authenticate(raw, mail_from, peer, author_domain),
            self._bounded(self._chain(header, body), _unverified),
        )
        heard = Testimony(
            author_domain,
            said=statements(header, self._believed.upstreams.authserv_ids) if is_said else (),
            chain=chain,
            sealers=self._believed.sealers,
            spf_is_theirs=bool(mail_from) and (not peer.known or is_local(peer) or own.spf == "temperror"),
        )
        if own.level is Level.A2:
            return testimony.weigh(own, heard)
        # Without what we might have found against them, others are not heard.
        examined = await self._bounded(self._examined(heard, header), _unexamined)
        return testimony.weigh(own, examined) if examined else replace(own, arc=chain.result)

    async def _bounded(self, work: Awaitable[T], trouble: Callable[[str], T]) -> T:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await work
        # Broad for the same reason as in `Authenticator`: it must cost the sender his proof, never us the mail.
        except Exception as error:
            return trouble(f"it could not be checked: {type(error).__name__}")

    async def _chain(self, header: list[Field], body: bytes) -> Chain:
        chain = arc.sets(header)
        if isinstance(chain, Chain):
            return chain
        names = arc.key_names(chain)
        keys = dict(zip(names, await asyncio.gather(*map(self._names.txt, names)), strict=True))
        if len(body) < INLINE_BYTES and len(chain) <= INLINE_SETS:
            return arc.verify(header, body, chain, keys)
        verified: Chain = await self._beside(arc.verify, header, body, chain, keys)
        return verified

    async def _examined(self, heard: Testimony, header: Sequence[Field]) -> Testimony | None:
        """With what we can find out ourselves against the word of others."""
        if not (heard.said or heard.chain.sealer in heard.sealers):
            return heard
        senders = tuple(testimony.senders(heard))
        author, refuted = await asyncio.gather(
            dmarc.walk(self._names, heard.author_domain), self._refuted(header, heard.author_domain)
        )
        walks, answers = await asyncio.gather(
            dmarc.walk_all(self._names, dmarc.to_walk(testimony.identifiers(heard), author)),
            asyncio.gather(*map(self._lets_anybody_pass, senders)),
        )
        lax = frozenset(sender for sender, lets_pass in zip(senders, answers, strict=True) if lets_pass)
        return replace(heard, refuted=refuted, lax=lax, author=author, walks=walks)

    async def _refuted(self, header: Sequence[Field], author_domain: str) -> bool:
        """Does a signature that could speak for the author prove nothing, such as one of half a body?

        One that cannot be read is such: what we make nothing of, others may have taken for good.
        """
        found = [one for one in dkim_guard.signatures(header) if not one.domain or aligned(one.domain, author_domain)]
        readable = [one for one in found if isinstance(one, Signature)]
        if len(readable) < len(found) or len(found) > SIGNATURES_MAX:
            return True
        keys = await asyncio.gather(*(self._names.txt(one.key_name) for one in readable))
        usable = [dkim_guard.usable_key(one, key) for one, key in zip(readable, keys, strict=True)]
        return any(isinstance(key, Judged) and key.result != "temperror" for key in usable)

    async def _lets_anybody_pass(self, domain: str) -> bool:
        """Does the SPF record of a domain prove nothing of who passes it?"""
        found = await spf.check(self._names, ip=NOBODY_S_IP, helo="invalid", mail_from=f"postmaster@{domain}")
        return found.permissive


def _is_sealed(raw: bytes) -> bool:
    """A cheap look that misses no seal; a false alarm costs only time."""
    end = raw.find(b"\n\r\n", 0, dkim_guard.HEADER_BYTES_MAX)
    return b"\narc-" in raw[: end if end >= 0 else dkim_guard.HEADER_BYTES_MAX].lower() or raw[:4].lower() == b"arc-"


def _unverified(why: str) -> Chain:
    return Chain("temperror", why)


def _unexamined(_why: str) -> None:
    return None
