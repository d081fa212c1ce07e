"""What the word of others is worth as proof of an author: the results of our upstream, and those under an ARC seal.

Pure. Who may be believed was decided before; here it is computed whether a result speaks for the author, from the
domains it names. A `dmarc=pass` alone is taken for that only from a sealer, who may have passed the mail on without
its signature, and only for the very domain of the author.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mailgate.domains import a_label
from mailgate.model import Authentication, Level
from mailgate.net import dmarc, results
from mailgate.net.arc import Chain
from mailgate.net.authenticate import aligned
from mailgate.net.dmarc import Identifier, Walk
from mailgate.net.results import Result, Statement

# RFC 8601 section 2.7; no other word of a stranger's field is taken over.
_WORDS: Final = frozenset(("none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror"))
_SIGNERS: Final = ("header.d", "header.i")
_SENDERS: Final = ("smtp.mailfrom", "smtp.mfrom", "smtp.mail")  # RFC 8601 section 2.7.2, and older names of the same


class Testimony(Struct, frozen=True):
    """What others say of a mail, and what we found against it.

    `said` are the statements of the upstream, `chain` the verified seals, `sealers` those who are believed. `refuted`:
    a signature of the author's domain stands in the mail that proves nothing, whatever they say of it. `lax` are the
    domains whose SPF record lets anybody pass. `spf_is_theirs`: only the upstream could ask SPF of this envelope.
    `author` and `walks` are what the owners of these domains publish: they bind the word of others as they bind ours.
    """

    author_domain: str
    said: tuple[Statement, ...] = ()
    chain: Chain = Chain("none")
    sealers: frozenset[str] = frozenset()
    refuted: bool = False
    lax: frozenset[str] = frozenset()
    spf_is_theirs: bool = False
    author: Walk = Walk("")
    walks: Mapping[str, Walk] = {}

    def speaks(self, domain: str, by: str) -> bool:
        """Does a domain that passed `by` a method speak for the author?"""
        return aligned(domain, self.author_domain) and dmarc.counts(Identifier(domain, by), self.author, self.walks)


class _Proof(Struct, frozen=True):
    """`domain` is the author's, or one aligned with it."""

    level: Level
    domain: str
    why: str


def senders(heard: Testimony) -> frozenset[str]:
    """The domains that may have spoken for the author by SPF, so that their records are worth a look."""
    asked = (once(found, "spf") for found in (_said(heard), _sealed(heard)))
    domains = [_sender(result) for result in asked if result and result.word == "pass"]
    # DMARC may have passed by SPF without a word of it.
    domains.append(_from_of(_sealed(heard), heard.author_domain))
    return frozenset(domain for domain in domains if aligned(domain, heard.author_domain))


def identifiers(heard: Testimony) -> tuple[Identifier, ...]:
    """What passed in the words of others and may speak for the author, so that owners are worth asking."""
    found = (*_said(heard), *_sealed(heard))
    signed = [Identifier(_signer(one), "dkim") for one in found if (one.method, one.word) == ("dkim", "pass")]
    passed = [*signed, *(Identifier(domain, "spf") for domain in sorted(senders(heard)))]
    return tuple(one for one in passed if aligned(one.domain, heard.author_domain))


def weigh(own: Authentication, heard: Testimony) -> Authentication:
    """Our own proof, with what others add to it. Nobody takes anything away."""
    told = _told(own, heard)
    better = next((proof for proof in _proofs(heard) if not own.level.reaches(proof.level)), None)
    if better:
        return replace(told, level=better.level, domain=better.domain, why=better.why)
    return replace(told, why="; ".join((own.why, *_why_not(heard)))) if own.level is Level.A0 else told


# ── Proof ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _proofs(heard: Testimony) -> Iterator[_Proof]:
    """All that is proven by others, the strongest first."""
    said = _said(heard)
    signer = "" if heard.refuted else _signed_by(said, heard)
    if signer:
        yield _Proof(Level.A2, signer, f"proven by DKIM of {signer}, as {_speaker(heard)} says")
    sender = _sent_by(said, heard) if heard.spf_is_theirs else ""
    if sender:
        yield _Proof(Level.A1, sender, f"proven by SPF of {sender}, as {_speaker(heard)} says")
    sealed = _proven_to_sealer(heard)
    if sealed:
        yield _Proof(Level.A1, sealed, f"proven by {sealed}, as {heard.chain.sealer} sealed it")


def _proven_to_sealer(heard: Testimony) -> str:
    """The domain that spoke for the author before the mail was sealed, "" where none did."""
    found, author_domain = _sealed(heard), heard.author_domain
    signer = "" if heard.refuted else _signed_by(found, heard)
    # What proves nothing by itself may be all that DMARC passed by.
    author = "" if heard.refuted or heard.lax else _from_of(found, author_domain)
    return signer or author or _sent_by(found, heard)


def _signed_by(found: Sequence[Result], heard: Testimony) -> str:
    """The domain of a signature that passed and speaks for the author, "" where there is none."""
    passed = (result for result in found if (result.method, result.word) == ("dkim", "pass"))
    return next((domain for domain in map(_signer, passed) if heard.speaks(domain, "dkim")), "")


def _sent_by(found: Sequence[Result], heard: Testimony) -> str:
    """The domain of a sender that passed SPF and speaks for the author, "" where there is none."""
    result = once(found, "spf")
    domain = _sender(result) if result and result.word == "pass" else ""
    return domain if heard.speaks(domain, "spf") and domain not in heard.lax else ""


def _from_of(found: Sequence[Result], author_domain: str) -> str:
    """The author's domain where it passed DMARC, else ""."""
    result = once(found, "dmarc")
    domain = a_label(result.domain("header.from")) if result and result.word == "pass" else ""
    return domain if domain == a_label(author_domain) else ""


def once(found: Sequence[Result], method: str) -> Result | None:
    """The result of a method that is asked once for a mail; where several differ, one that is no pass.

    The name that a host gives itself is another question, which SPF may be asked beside that of the sender.
    """
    asked = [result for result in found if result.method == method and not _is_of_helo(result)]
    return next((result for result in asked if result.word != "pass"), asked[0] if asked else None)


def _is_of_helo(result: Result) -> bool:
    return result.has("smtp.helo") and not any(map(result.has, _SENDERS))


def _signer(result: Result) -> str:
    return result.domain(*_SIGNERS)


def _sender(result: Result) -> str:
    return result.domain(*_SENDERS)


def _said(heard: Testimony) -> tuple[Result, ...]:
    return tuple(result for statement in heard.said for result in statement.results)


def _sealed(heard: Testimony) -> tuple[Result, ...]:
    """What the outermost sealer found out, where he is believed and the mail is still the one he sealed."""
    chain = heard.chain
    if chain.result != "pass" or chain.sealer not in heard.sealers or chain.open:
        return ()
    statement = results.read(chain.results)
    return statement.results if statement else ()


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _told(own: Authentication, heard: Testimony) -> Authentication:
    """The word for each method: our own, or the upstream's where it knows more."""
    found = _said(heard)
    results_by_method = {method: once(found, method) for method in ("spf", "dmarc", "arc")}
    words = {method: one.word for method, one in results_by_method.items() if one and one.word in _WORDS}
    if not heard.spf_is_theirs:
        words.pop("spf", None)
    if own.dmarc == "pass":
        words.pop("dmarc", None)
    if not heard.refuted and _signed_by(found, heard):
        words["dkim"] = "pass"
    if heard.chain.result == "pass":
        words.pop("arc", None)
    return replace(own, **{"arc": heard.chain.result, **words})


def _speaker(heard: Testimony) -> str:
    return heard.said[0].authserv_id


def _why_not(heard: Testimony) -> Iterator[str]:
    """Why nothing of it is proof, for a person."""
    chain = heard.chain
    if heard.said:
        yield f"nor by what {_speaker(heard)} says"
    if chain.result in ("fail", "temperror"):
        yield f"ARC {chain.result} ({chain.why})"
    elif chain.result == "pass" and chain.sealer not in heard.sealers:
        yield f"ARC of {chain.sealer}, which is not listed"
    elif chain.open:
        yield f"ARC of {chain.sealer} leaves {chain.open} open"
    elif chain.result == "pass":
        yield f"ARC of {chain.sealer} says nothing of {heard.author_domain}"
