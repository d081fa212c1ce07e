"""Who is a mail from, as proven by DKIM and SPF? Knows DNS and the wire's peer, and nothing of what proof is good for.

A proof counts only where it speaks for the domain of the one author ("alignment", relaxed: the same organizational
domain, RFC 9989 section 4.4). DMARC records are not asked: whether a domain publishes a policy does not change what
was proven.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from mailgate.domains import organizational
from mailgate.model import Authentication, Level, Peer
from mailgate.net import dkim_guard
from mailgate.net.bounds import plain
from mailgate.net.dkim_guard import Judged, Signature
from mailgate.net.resolver import Names
from mailgate.net.spf import Spf, check

DEADLINE_S: Final = 20.0  # for each of DKIM and SPF; RFC 7208 section 4.6.4 wants at least this for SPF
SIGNATURES_MAX: Final = 5  # verified; those that could speak for the author first
INLINE_BYTES: Final = 32 * 1024  # times signatures: verified on the spot, for that takes less than a change of thread

# The best of several results stands for all: RFC 8601 leaves the choice, and a person wants the nearest miss.
_RANK: Final = ("pass", "temperror", "policy", "fail", "permerror", "none")
_NO_DKIM: Final = Judged("", "none")
_NO_SPF: Final = Spf("none", "")

T = TypeVar("T")
Beside = Callable[..., Awaitable[Any]]


class Authenticator:
    """Verifies mail as it arrives. `assume="pass"` takes whatever comes from this machine as proven, for demos.

    `beside` runs a function where the event loop does not wait for it; what it is given can be pickled, so that it may
    use another process.
    """

    def __init__(
        self, names: Names, *, assume: str = "", deadline_s: float = DEADLINE_S, beside: Beside = asyncio.to_thread
    ) -> None:
        self._names = names
        self._assume_pass = assume == "pass"
        self._deadline_s = deadline_s
        self._beside = beside

    async def authenticate(self, raw: bytes, mail_from: str, peer: Peer, author_domain: str) -> Authentication:
        """What is proven of `author_domain`, the domain of the one author ("" where there is none or more than one).

        `raw` is the mail as received. Never raises: trouble of the net and of our own is level A0 with `temperror`.
        """
        if not author_domain:
            return Authentication(why="not proven: no single author")
        if self._assume_pass and is_local(peer):
            return Authentication(Level.A2, domain=author_domain, why="assumed: loopback peers count as proven")
        signed, sent = _is_signed(raw), peer.known and not is_local(peer)
        if not (signed or sent):
            return _weigh(_NO_DKIM, _NO_SPF, mail_from, author_domain)
        dkim, spf = await asyncio.gather(
            self._bounded(self._dkim(raw, author_domain) if signed else _always(_NO_DKIM), _dkim_trouble),
            self._bounded(self._spf(mail_from, peer) if sent else _always(_NO_SPF), _spf_trouble),
        )
        return _weigh(dkim, spf, mail_from, author_domain)

    async def _bounded(self, work: Awaitable[T], trouble: Callable[[str], T]) -> T:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await work
        # Broad, because both verifiers are other people's code fed with strangers' bytes and strangers' DNS: whatever
        # they stumble over must cost the sender his proof, never us the mail.
        except Exception as error:
            return trouble(f"it could not be checked: {type(error).__name__}")

    async def _spf(self, mail_from: str, peer: Peer) -> Spf:
        return await check(self._names, ip=peer.ip, helo=peer.helo, mail_from=mail_from)

    async def _dkim(self, raw: bytes, author_domain: str) -> Judged:
        head, body = dkim_guard.split(raw)
        header = dkim_guard.fields(head)
        if header is None:
            return Judged("", "permerror", "the header is malformed")
        found = dkim_guard.signatures(header)
        found.sort(key=lambda one: not aligned(one.domain, author_domain))
        worth = [one for one in found if isinstance(one, Signature)][:SIGNATURES_MAX]
        keys = await asyncio.gather(*(self._names.txt(one.key_name) for one in worth))
        judged = [one for one in found if isinstance(one, Judged)]
        if worth:
            judged += await self._verify(header, body, list(zip(worth, keys, strict=True)))
        return _nearest(judged, author_domain)

    async def _verify(
        self, header: list[dkim_guard.Field], body: bytes, signed: list[tuple[Signature, dkim_guard.Key]]
    ) -> list[Judged]:
        if len(body) * len(signed) < INLINE_BYTES:
            return dkim_guard.verify(header, body, signed)
        judged: list[Judged] = await self._beside(dkim_guard.verify, header, body, signed)
        return judged


def aligned(domain: str, author_domain: str) -> bool:
    """Do both belong to one organization? A-labels and U-labels of a name are the same name."""
    return bool(domain) and _organization(domain) == _organization(author_domain)


def _organization(domain: str) -> str:
    try:
        return organizational(domain if domain.isascii() else domain.encode("idna").decode("ascii"))
    except UnicodeError:
        return domain


async def _always(result: T) -> T:
    return result


def _dkim_trouble(why: str) -> Judged:
    return Judged("", "temperror", why)


def _spf_trouble(why: str) -> Spf:
    return Spf("temperror", "", why=why)


def _is_signed(raw: bytes) -> bool:
    """A cheap look that misses no signature that would count; a false alarm costs only time."""
    end = raw.find(b"\n\r\n", 0, dkim_guard.HEADER_BYTES_MAX)
    return b"dkim-signature" in raw[: end if end >= 0 else dkim_guard.HEADER_BYTES_MAX].lower()


def is_local(peer: Peer) -> bool:
    """Does the peer stand on this machine? Its address then says nothing of the sender."""
    if not peer.ip:
        return True
    try:
        return plain(peer.ip).is_loopback
    except ValueError:
        return False


def _nearest(judged: Sequence[Judged], author_domain: str) -> Judged:
    """The result that proves most; of equal ones the one that speaks for the author."""
    return min(
        judged,
        key=lambda one: (not (one.result == "pass" and aligned(one.domain, author_domain)), _RANK.index(one.result)),
        default=_NO_DKIM,
    )


def _weigh(signed: Judged, sent: Spf, mail_from: str, author_domain: str) -> Authentication:
    level, domain = Level.A0, ""
    why = f"not proven: {_dkim_words(signed, author_domain)}; {_spf_words(sent, author_domain)}"
    if signed.result == "pass" and aligned(signed.domain, author_domain):
        level, domain, why = Level.A2, signed.domain, f"proven by DKIM of {signed.domain}"
    # The null sender proves only the name a host gave itself, and a record that lets anybody pass proves nothing.
    elif sent.result == "pass" and mail_from and not sent.permissive and aligned(sent.domain, author_domain):
        level, domain, why = Level.A1, sent.domain.lower(), f"proven by SPF of {sent.domain.lower()}"
    return Authentication(level, spf=sent.result, dkim=signed.result, domain=domain, why=why)


def _dkim_words(signed: Judged, author_domain: str) -> str:
    if signed.result == "none":
        return "no DKIM signature"
    if signed.result == "pass":
        return f"DKIM of {signed.domain} does not speak for {author_domain}"
    if signed.result == "fail":
        return f"DKIM signature broken ({signed.why})"
    return f"DKIM signature not counted ({signed.why})"


def _spf_words(sent: Spf, author_domain: str) -> str:
    if sent.result != "pass":
        return f"SPF {sent.result} ({sent.why})" if sent.why else f"SPF {sent.result}"
    if not aligned(sent.domain, author_domain):
        return f"SPF of {sent.domain} does not speak for {author_domain}"
    return f"SPF of {sent.domain} lets anybody pass" if sent.permissive else "SPF only of the host's own name"
