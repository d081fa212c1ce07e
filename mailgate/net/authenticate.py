"""Who is a mail from, as proven by DKIM and SPF? Knows DNS and the wire's peer, and nothing of what proof is good for.

A proof counts only where it speaks for the domain of the one author: where both belong to one organization by the
public suffix list, whether a DMARC record exists or not. What the author's domain publishes (RFC 9989) may forbid a
proof that would count, and never makes one count that would not: a sender writes his own records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from mailgate.domains import a_label, organizational
from mailgate.model import Authentication, Level, Peer
from mailgate.net import dkim_guard, dmarc
from mailgate.net.bounds import plain
from mailgate.net.dkim_guard import Judged, Signature
from mailgate.net.dmarc import Dmarc, Identifier, Walk
from mailgate.net.resolver import Names, Share
from mailgate.net.spf import Spf, check

DEADLINE_S: Final = 20.0  # for all about one mail; RFC 7208 section 4.6.4 wants at least this for SPF
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
            return _weigh(_Proofs(author_domain, mail_from))
        until, names = asyncio.get_running_loop().time() + self._deadline_s, Share(self._names)
        dkim, spf, author = await asyncio.gather(
            self._bounded(until, self._dkim(names, raw, author_domain) if signed else _always(()), _dkim_trouble),
            self._bounded(until, self._spf(names, mail_from, peer) if sent else _always(_NO_SPF), _spf_trouble),
            self._bounded(until, dmarc.walk(names, author_domain), partial(_walk_trouble, author_domain)),
        )
        proofs = _Proofs(author_domain, mail_from, dkim, spf, author)
        return _weigh(await self._ask_owner(until, names, proofs, whole=sent))

    async def _bounded(self, until: float, work: Awaitable[T], trouble: Callable[[str], T]) -> T:
        try:
            async with asyncio.timeout_at(until):
                return await work
        # Broad, because the verifiers are other people's code fed with strangers' bytes and strangers' DNS: whatever
        # they stumble over must cost the sender his proof, never us the mail.
        except Exception as error:
            return trouble(f"it could not be checked: {type(error).__name__}")

    async def _ask_owner(self, until: float, names: Names, proofs: _Proofs, *, whole: bool) -> _Proofs:
        """What the owner of the author's domain says of what was proven."""
        passed = proofs.passed
        domains = dmarc.to_walk(passed, proofs.author)
        walks = await self._bounded(until, dmarc.walk_all(names, domains), _walks_trouble)
        temporary = "temperror" in (proofs.spf.result, *(one.result for one in proofs.dkim))
        evidence = dmarc.Evidence(passed, temporary, whole)
        found = dmarc.evaluate(proofs.author, evidence, walks)
        if found.result == "fail":
            exists = await self._bounded(until, dmarc.exists(names, proofs.author), _exists_trouble)
            found = dmarc.evaluate(proofs.author, evidence, walks, exists=exists)
        return replace(proofs, walks=walks, dmarc=found)

    async def _spf(self, names: Names, mail_from: str, peer: Peer) -> Spf:
        return await check(names, ip=peer.ip, helo=peer.helo, mail_from=mail_from)

    async def _dkim(self, names: Names, raw: bytes, author_domain: str) -> tuple[Judged, ...]:
        head, body = dkim_guard.split(raw)
        header = dkim_guard.fields(head)
        if header is None:
            return (Judged("", "permerror", "the header is malformed"),)
        found = dkim_guard.signatures(header)
        found.sort(key=lambda one: not aligned(one.domain, author_domain))
        worth = [one for one in found if isinstance(one, Signature)][:SIGNATURES_MAX]
        keys = await asyncio.gather(*(names.txt(one.key_name) for one in worth))
        judged = [one for one in found if isinstance(one, Judged)]
        if worth:
            judged += await self._verify(header, body, list(zip(worth, keys, strict=True)))
        return tuple(judged)

    async def _verify(
        self, header: list[dkim_guard.Field], body: bytes, signed: list[tuple[Signature, dkim_guard.Key]]
    ) -> list[Judged]:
        if len(body) * len(signed) < INLINE_BYTES:
            return dkim_guard.verify(header, body, signed)
        judged: list[Judged] = await self._beside(dkim_guard.verify, header, body, signed)
        return judged


class _Proofs(Struct, frozen=True):
    """All that was found out of one mail, before it is weighed."""

    author_domain: str
    mail_from: str
    dkim: tuple[Judged, ...] = ()
    spf: Spf = _NO_SPF
    author: Walk = Walk("")
    walks: Mapping[str, Walk] = {}
    dmarc: Dmarc = dmarc.NOTHING_PUBLISHED

    @property
    def passed(self) -> tuple[Identifier, ...]:
        """The domains for which a check passed."""
        signed = tuple(Identifier(one.domain, "dkim") for one in self.dkim if one.result == "pass")
        return (*signed, Identifier(self.spf.domain, "spf")) if self.spf.result == "pass" else signed

    def speaks(self, domain: str, by: str) -> bool:
        """Does a proof of `domain` count for the author?"""
        if not aligned(domain, self.author_domain):
            return False
        return dmarc.counts(Identifier(domain, by), self.author, self.walks)


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


def _dkim_trouble(why: str) -> tuple[Judged, ...]:
    return (Judged("", "temperror", why),)


def _spf_trouble(why: str) -> Spf:
    return Spf("temperror", "", why=why)


def _walk_trouble(domain: str, why: str) -> Walk:
    return Walk(a_label(domain), trouble=f"_dmarc.{domain}")


def _walks_trouble(why: str) -> dict[str, Walk]:
    return {}


def _exists_trouble(why: str) -> bool:
    return True


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


def _weigh(proofs: _Proofs) -> Authentication:
    signed, sent = _nearest(proofs), proofs.spf
    level, domain, why = Level.A0, "", f"not proven: {_dkim_words(signed, proofs)}; {_spf_words(proofs)}"
    why += _dmarc_words(proofs.dmarc)
    if signed.result == "pass" and proofs.speaks(signed.domain, "dkim"):
        level, domain, why = Level.A2, signed.domain, f"proven by DKIM of {signed.domain}"
    # The null sender proves only the name a host gave itself, and a record that lets anybody pass proves nothing.
    elif sent.result == "pass" and proofs.mail_from and not sent.permissive and proofs.speaks(sent.domain, "spf"):
        level, domain, why = Level.A1, sent.domain.lower(), f"proven by SPF of {sent.domain.lower()}"
    return Authentication(level, sent.result, signed.result, proofs.dmarc.result, domain=domain, why=why)


def _nearest(proofs: _Proofs) -> Judged:
    """The result that proves most; of equal ones the one that speaks for the author."""
    return min(
        proofs.dkim,
        key=lambda one: (not (one.result == "pass" and proofs.speaks(one.domain, "dkim")), _RANK.index(one.result)),
        default=_NO_DKIM,
    )


def _dkim_words(signed: Judged, proofs: _Proofs) -> str:
    if signed.result == "none":
        return "no DKIM signature"
    if signed.result == "pass":
        return f"DKIM of {signed.domain} does not speak for {proofs.author_domain}"
    if signed.result == "fail":
        return f"DKIM signature broken ({signed.why})"
    return f"DKIM signature not counted ({signed.why})"


def _spf_words(proofs: _Proofs) -> str:
    sent = proofs.spf
    if sent.result != "pass":
        return f"SPF {sent.result} ({sent.why})" if sent.why else f"SPF {sent.result}"
    if not proofs.speaks(sent.domain, "spf"):
        return f"SPF of {sent.domain} does not speak for {proofs.author_domain}"
    return f"SPF of {sent.domain} lets anybody pass" if sent.permissive else "SPF only of the host's own name"


def _dmarc_words(found: Dmarc) -> str:
    """What the owner of the author's domain says of it, where that is worth a word."""
    if found.result == "fail":
        test = ", as a test" if found.testing else ""
        return f"; DMARC fail ({found.domain} asks for {found.tag}={found.policy}{test})"
    return f"; DMARC {found.result} ({found.why})" if found.why else ""
