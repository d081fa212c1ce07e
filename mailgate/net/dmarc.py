"""DMARC (RFC 9989): what the owner of the author's domain publishes, and whether what was proven satisfies it.

Records are found by the DNS tree walk (section 4.10): at most eight names from the domain upwards, all asked at once.
What is published decides only whether a proof counts; it sends nothing and refuses nothing. The walk's Organizational
Domain serves alignment here and nothing else: limits are counted by the public suffix list, for a sender who writes his
own records could otherwise split one domain into many.

Policy tags and psd= are read as section 4.7 says: unknown tags (pct, rf and ri of RFC 7489 among them) are ignored, a
value that cannot be read counts as its default. No patterns: records are cut at their separators.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from mailgate.domains import a_label
from mailgate.net.resolver import Lookup, Missing, Names, Trouble

QUESTIONS_MAX: Final = 8  # of one walk; RFC 9989 section 4.10
RECORD_BYTES_MAX: Final = 4096
IDENTIFIERS_MAX: Final = 6  # walked for one mail: its envelope, and as many signatures as are verified

_POLICIES: Final = frozenset({"none", "quarantine", "reject"})
_URI_SCHEME: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+-.")


class Record(Struct, frozen=True):
    """One DMARC record. A policy is `none`, `quarantine`, `reject`, or "" where the tag is absent.

    Without a `policy` DMARC is not applied where this is the record that counts.
    """

    policy: str = ""
    sub_policy: str = ""
    absent_policy: str = ""  # np=: for sub-domains that do not exist
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False


class Published(Struct, frozen=True):
    """A record and the domain that publishes it."""

    domain: str
    record: Record


class Walk(Struct, frozen=True):
    """What a tree walk from `start` (an A-label) found, from the longest name to the shortest."""

    start: str
    found: tuple[Published, ...] = ()
    trouble: str = ""  # a name of which nobody could tell whether it has a record


class Identifier(Struct, frozen=True):
    """A domain for which a check passed; `strict` is decided by the record of the author's domain."""

    domain: str
    by: str  # "dkim" or "spf"


class Evidence(Struct, frozen=True):
    """What DKIM and SPF say: what passed, and whether more could have passed than was seen."""

    passed: tuple[Identifier, ...] = ()
    temporary: bool = False  # a check ended in temperror
    whole: bool = True  # false: SPF could not be asked, so that nothing can be concluded from what is missing


class Dmarc(Struct, frozen=True):
    """The result in the words of RFC 8601 section 2.7, and what the owner asks for mail that fails.

    `tag` names where the `policy` stands in the record of `domain`: `p`, `sp` or `np`.
    """

    result: str = "none"
    policy: str = ""
    tag: str = ""
    domain: str = ""
    testing: bool = False
    why: str = ""


NOTHING_PUBLISHED: Final = Dmarc()


# ── The record ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_record(txt: bytes) -> Record | None:
    """The record, or None where the text is none: it must begin with exactly `v=DMARC1`. RFC 9989 section 4.7."""
    if len(txt) > RECORD_BYTES_MAX:
        return None
    version, *rest = txt.decode("ascii", "replace").split(";")
    name, equals, value = version.partition("=")
    if not equals or name.rstrip(" \t") not in ("v", "V") or value.strip(" \t") != "DMARC1":
        return None
    tags = _tags(rest)
    policy, sub_policy, absent_policy = _policies(tags)
    return Record(
        policy,
        sub_policy,
        absent_policy,
        strict_dkim=_is(tags, "adkim", "s"),
        strict_spf=_is(tags, "aspf", "s"),
        psd="y" if _is(tags, "psd", "y") else "n" if _is(tags, "psd", "n") else "u",
        testing=_is(tags, "t", "y"),
    )


def record_at(found: Lookup[bytes]) -> Record | None:
    """The one record under a name; of several none counts (section 4.10, steps 2 and 6)."""
    if not isinstance(found, tuple):
        return None
    records = [record for record in map(read_record, found) if record]
    return records[0] if len(records) == 1 else None


def _policies(tags: Mapping[str, str]) -> tuple[str, str, str]:
    """The values of p=, sp= and np=. Section 4.10.1: a record that is wrong here counts as p=none where its owner asks
    for reports, and otherwise not at all.
    """
    policy, *below = (tags.get(tag, "").lower() for tag in ("p", "sp", "np"))
    if policy in _POLICIES and all(one in _POLICIES or not one for one in below):
        return policy, below[0], below[1]
    return ("none" if _asks_for_reports(tags) else ""), "", ""


def _tags(items: Sequence[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if equals:
            # Of a tag that stands twice the first counts: what was added later must not undo it.
            tags.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    return tags


def _is(tags: Mapping[str, str], tag: str, value: str) -> bool:
    return tags.get(tag, "").lower() == value


def _asks_for_reports(tags: Mapping[str, str]) -> bool:
    return any(_is_uri(uri.strip(" \t")) for uri in tags.get("rua", "").split(","))


def _is_uri(text: str) -> bool:
    scheme, colon, rest = text.lower().partition(":")
    return bool(colon and rest and scheme[:1].isalpha()) and _URI_SCHEME.issuperset(scheme) and " " not in rest


# ── The walk ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def targets(domain: str) -> list[str]:
    """The domains that a walk from `domain` (an A-label) asks, longest first: itself, then at most seven labels."""
    labels = domain.split(".")
    if not all(labels) or domain.startswith("["):
        return []
    parents = labels[-(QUESTIONS_MAX - 1) :] if len(labels) >= QUESTIONS_MAX else labels[1:]
    return [domain, *(".".join(parents[n:]) for n in range(len(parents)))]


async def walk(names: Names, domain: str) -> Walk:
    """Ask the names of a walk at once; one that a record of another would have spared costs little, and is kept."""
    start = a_label(domain)
    asked = targets(start)
    answers = await asyncio.gather(*(names.txt(f"_dmarc.{target}") for target in asked))
    return walked(start, dict(zip(asked, answers, strict=True)))


def walked(start: str, answers: Mapping[str, Lookup[bytes]]) -> Walk:
    """What the answers say, as if they had been asked for one after the other: psd=y and psd=n end the walk."""
    found: list[Published] = []
    trouble = ""
    for target, answer in answers.items():
        record = record_at(answer)
        if record:
            found.append(Published(target, record))
            if record.psd != "u":
                break
        elif isinstance(answer, Trouble):
            trouble = trouble or f"_dmarc.{target}"
    return Walk(start, tuple(found), trouble)


def organizational_domain(one: Walk) -> str | None:
    """Section 4.10.2; None where trouble hides it."""
    if one.trouble:
        return None
    for published in one.found:
        if published.record.psd == "n":
            return published.domain
        if published.record.psd == "y" and published.domain != one.start:
            labels = published.domain.count(".") + 1
            return ".".join(one.start.split(".")[-(labels + 1) :])
    return one.found[-1].domain if one.found else one.start


def applicable(author: Walk) -> Published | None:
    """The record that counts for the walk's start: its own, its organization's, or the suffix's. Section 4.10.1."""
    if not author.found:
        return None
    own, last = author.found[0], author.found[-1]
    if own.domain == author.start:
        return own
    organization = organizational_domain(author)
    theirs = next((one for one in author.found if one.domain == organization), None)
    return theirs or (last if last.record.psd == "y" else None)


def is_hidden(author: Walk) -> bool:
    """Does trouble hide which record counts?"""
    return bool(author.trouble) and not (author.found and author.found[0].domain == author.start)


# ── Alignment ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def counts(one: Identifier, author: Walk, walks: Mapping[str, Walk]) -> bool:
    """May a proof count for the author, as far as the owner of his domain has a word in that? He may only forbid."""
    published = applicable(author)
    if is_hidden(author):
        # He may want the very domain.
        return a_label(one.domain) == author.start
    return not (published and published.record.policy) or aligns(one, author, walks) is not False


def aligns(one: Identifier, author: Walk, walks: Mapping[str, Walk]) -> bool | None:
    """Is a proven domain in alignment with the author's by the tree walk? None where trouble hides it. Section 4.4.

    `walks` has those that `to_walk` names.
    """
    domain, published = a_label(one.domain), applicable(author)
    if domain == author.start:
        return True
    if is_hidden(author):
        return None
    if published and _is_strict(published.record, one.by):
        return False
    organization = organizational_domain(author)
    if organization is None:
        return None
    if not _is_within(domain, organization):
        return False
    theirs = walks.get(domain)
    other = organizational_domain(theirs) if theirs else None
    return None if other is None else other == organization


def to_walk(passed: Sequence[Identifier], author: Walk) -> list[str]:
    """The proven domains (A-labels) whose own walk decides: only those below the author's organization can share it."""
    published, organization = applicable(author), organizational_domain(author)
    if published is None or organization is None:
        return []
    open_ones = (a_label(one.domain) for one in passed if not _is_strict(published.record, one.by))
    wanted = dict.fromkeys(one for one in open_ones if one != author.start and _is_within(one, organization))
    return list(wanted)[:IDENTIFIERS_MAX]


def _is_strict(record: Record, by: str) -> bool:
    return record.strict_dkim if by == "dkim" else record.strict_spf


def _is_within(domain: str, organization: str) -> bool:
    return domain == organization or domain.endswith(f".{organization}")


# ── The result ────────────────────────────────────────────────────────────────────────────────────────────────────────


def evaluate(author: Walk, evidence: Evidence, walks: Mapping[str, Walk], *, exists: bool = True) -> Dmarc:
    """The result for a mail of the walk's start, and the policy that applies. RFC 9989 section 5.3.

    `exists`: has the author's domain any data in DNS? It matters only to np=.
    """
    if is_hidden(author):
        return Dmarc("temperror", why=f"{author.trouble} could not be asked for")
    published = applicable(author)
    if published is None:
        return NOTHING_PUBLISHED
    if not published.record.policy:
        return Dmarc("permerror", domain=published.domain, why=f"the record of {published.domain} has no policy")
    tag, policy = _policy(published, author.start, exists=exists)
    found = [aligns(one, author, walks) for one in evidence.passed]
    result = "fail"
    if True in found:
        result = "pass"
    elif None in found or evidence.temporary:
        # Section 5.3: what failed for a time only must not be called a failure.
        result = "temperror"
    elif not evidence.whole:
        result = "none"
    return Dmarc(result, policy, tag, published.domain, published.record.testing)


def _policy(published: Published, author: str, *, exists: bool) -> tuple[str, str]:
    record = published.record
    if published.domain == author:
        return "p", record.policy
    if record.absent_policy and not exists:
        return "np", record.absent_policy
    return ("sp", record.sub_policy) if record.sub_policy else ("p", record.policy)


# ── Asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def walk_all(names: Names, domains: Sequence[str]) -> dict[str, Walk]:
    """The walks of several domains, by their A-labels."""
    walks = await asyncio.gather(*(walk(names, domain) for domain in domains))
    return {one.start: one for one in walks}


async def exists(names: Names, author: Walk) -> bool:
    """Does the walk's start exist (RFC 8020)? Asked only where np= could apply; in doubt it does."""
    published = applicable(author)
    if not published or published.domain == author.start or not published.record.absent_policy:
        return True
    found = await names.ask(author.start, "A")
    return not isinstance(found, Missing) or found.name_exists
