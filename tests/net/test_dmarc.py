"""DMARC by RFC 9989: records, tree walk, policy discovery, alignment, and the results they come to."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model import Authentication, Level, Peer
from mailgate.net import dmarc
from mailgate.net.authenticate import Authenticator
from mailgate.net.dmarc import Dmarc, Evidence, Identifier, Record, Walk
from mailgate.net.resolver import Lookup, Missing, Trouble
from tests.fakes.dns import Zone
from tests.net.test_authenticate import BEHIND, KEY_NAME, PEER, RAW, P, sign

NONE, QUARANTINE, REJECT = b"v=DMARC1; p=none", b"v=DMARC1; p=quarantine", b"v=DMARC1; p=reject"
NO_PROOF = Evidence()
DEEP = "a.b.c.d.e.f.g.h.i.j.mail.example.com"


def published(**records: Any) -> dict[tuple[str, str], Lookup[Any]]:
    """Records by domain, as `mail_example_com=b"..."`; several as a tuple, trouble as itself."""
    zone: dict[tuple[str, str], Lookup[Any]] = {}
    for name, record in records.items():
        key = (f"_dmarc.{name.replace('_', '.')}", "TXT")
        zone[key] = (record,) if isinstance(record, bytes) else record
    return zone


async def result(
    author: str, zone: dict[tuple[str, str], Lookup[Any]], evidence: Evidence = NO_PROOF
) -> tuple[Dmarc, Zone]:
    """The whole way, as the authenticator goes it."""
    names = Zone(zone)
    first = await dmarc.walk(names, author)
    walks = await dmarc.walk_all(names, dmarc.to_walk(evidence.passed, first))
    exists = await dmarc.exists(names, first)
    return dmarc.evaluate(first, evidence, walks, exists=exists), names


def dkim(*domains: str, **more: Any) -> Evidence:
    return Evidence(tuple(Identifier(domain, "dkim") for domain in domains), **more)


def spf(domain: str) -> Evidence:
    return Evidence((Identifier(domain, "spf"),))


# ── Records (section 4.7) ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("txt", "expected"),
    [
        pytest.param(b"v=DMARC1; p=none", Record("none"), id="the least"),
        pytest.param(b"v=DMARC1;p=reject;", Record("reject"), id="no blanks, separator at the end"),
        pytest.param(b"v = DMARC1 ;\t p = quarantine", Record("quarantine"), id="blanks around every sign"),
        pytest.param(b"V=DMARC1; P=Reject; ADKIM=S", Record("reject", strict_dkim=True), id="case of tags and values"),
        pytest.param(
            b"v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; psd=n; t=y",
            Record("reject", "quarantine", "none", strict_dkim=True, strict_spf=True, psd="n", testing=True),
            id="every tag",
        ),
        pytest.param(b"v=DMARC1; p=none; adkim=r; aspf=r; psd=u; t=n", Record("none"), id="every default spelled out"),
        pytest.param(b"v=DMARC1; p=none; adkim=x; aspf=; psd=z; t=1", Record("none"), id="odd values are defaults"),
        pytest.param(b"v=DMARC1; p=reject; pct=0; rf=afrf; ri=86400", Record("reject"), id="tags of RFC 7489"),
        pytest.param(b"v=DMARC1; p=reject; x-new=1; junk; =;", Record("reject"), id="unknown tags and noise"),
        pytest.param(
            b"v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; ruf=mailto:auth-reports@example.com; fo=d:s",
            Record("none"),
            id="B.2.2: reports",
        ),
        pytest.param(b"v=DMARC1; p=reject; p=none", Record("reject"), id="the first of a tag counts"),
        pytest.param(b"v=DMARC1; p=monitor; rua=mailto:a@x.test", Record("none"), id="odd p=, but reports: p=none"),
        pytest.param(b"v=DMARC1; rua=mailto:a@x.test", Record("none"), id="no p=, but reports: p=none"),
        pytest.param(b"v=DMARC1; p=reject; sp=odd; rua=mailto:a@x.test", Record("none"), id="odd sp=, but reports"),
        pytest.param(b"v=DMARC1; p=reject; np=odd; rua=https://x.test/", Record("none"), id="odd np=, but reports"),
        pytest.param(b"v=DMARC1; p=reject; np=odd", Record(""), id="odd np=: not applied"),
        pytest.param(b"v=DMARC1; p=monitor; rua=nonsense", Record(""), id="odd p=, no address that is one"),
        pytest.param(b"v=DMARC1; p=monitor; rua=mailto:", Record(""), id="odd p=, empty address"),
        pytest.param(b"v=DMARC1", Record(""), id="nothing but the version"),
        pytest.param(b"v=DMARC1; psd=y", Record("", psd="y"), id="psd= alone"),
        pytest.param(b"v=DMARC2; p=none", None, id="another version"),
        pytest.param(b"v=dmarc1; p=none", None, id="the version minds its case"),
        pytest.param(b"v=DMARC1 p=none", None, id="no separator"),
        pytest.param(b"p=none; v=DMARC1", None, id="version not first"),
        pytest.param(b" v=DMARC1; p=none", None, id="blank before the version"),
        pytest.param(b"v=spf1 -all", None, id="SPF"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"v=DMARC1; p=none; x=" + b"y" * 5000, None, id="5 KB"),
    ],
)
def test_a_record_is_read(txt: bytes, expected: Record | None) -> None:
    assert dmarc.read_record(txt) == expected


@given(st.binary(max_size=200).map(lambda noise: b"v=DMARC1;" + noise))
def test_any_record_can_be_read(txt: bytes) -> None:
    record = dmarc.read_record(txt)

    assert record
    assert record.policy in {"", "none", "quarantine", "reject"}


# ── The walk (sections 4.10 and 4.10.2) ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        pytest.param(
            DEEP,
            [
                DEEP,
                "g.h.i.j.mail.example.com",
                "h.i.j.mail.example.com",
                "i.j.mail.example.com",
                "j.mail.example.com",
                "mail.example.com",
                "example.com",
                "com",
            ],
            id="4.10: the RFC's example",
        ),
        pytest.param(
            "mail.a.b.c.d.e.f.g.example.com",
            [
                "mail.a.b.c.d.e.f.g.example.com",
                "c.d.e.f.g.example.com",
                "d.e.f.g.example.com",
                "e.f.g.example.com",
                "f.g.example.com",
                "g.example.com",
                "example.com",
                "com",
            ],
            id="5.1.8: a zone cut that is never seen",
        ),
        pytest.param(
            "a.b.c.d.e.f.g.h",
            ["a.b.c.d.e.f.g.h", "b.c.d.e.f.g.h", "c.d.e.f.g.h", "d.e.f.g.h", "e.f.g.h", "f.g.h", "g.h", "h"],
            id="eight labels",
        ),
        pytest.param(
            "a.b.c.d.e.f.g",
            ["a.b.c.d.e.f.g", "b.c.d.e.f.g", "c.d.e.f.g", "d.e.f.g", "e.f.g", "f.g", "g"],
            id="seven labels",
        ),
        pytest.param("example.com", ["example.com", "com"], id="two labels"),
        pytest.param("com", ["com"], id="one label"),
        pytest.param("", [], id="no name"),
        pytest.param("a..b", [], id="empty label"),
        pytest.param("[192.0.2.1]", [], id="address literal"),
    ],
)
def test_a_walk_asks_at_most_eight_names(domain: str, expected: list[str]) -> None:
    assert dmarc.targets(domain) == expected


A = "a.mail.example.com"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param(published(mail_example_com=NONE, example_com=NONE), "example.com", id="4.10.2: the shortest"),
        pytest.param(published(mail_example_com=NONE + b"; psd=n"), "mail.example.com", id="4.10.2: psd=n"),
        pytest.param(published(com=NONE + b"; psd=y"), "example.com", id="4.10.2: psd=y two above"),
        pytest.param(published(example_com=NONE + b"; psd=y"), "mail.example.com", id="4.10.2: psd=y, one below it"),
        pytest.param(published(), A, id="nothing found: itself"),
        pytest.param(published(a_mail_example_com=NONE), A, id="only its own"),
        pytest.param(published(a_mail_example_com=NONE + b"; psd=y"), A, id="psd=y at the start is no suffix of it"),
        pytest.param(
            published(a_mail_example_com=NONE + b"; psd=n", example_com=NONE), A, id="psd=n at the start ends the walk"
        ),
        pytest.param(
            published(mail_example_com=NONE + b"; psd=n", com=NONE + b"; psd=y"), "mail.example.com", id="n before y"
        ),
        pytest.param(published(mail_example_com=NONE + b"; psd=u", example_com=NONE), "example.com", id="psd=u"),
        pytest.param(published(example_com=(NONE, REJECT), mail_example_com=NONE), "mail.example.com", id="two: none"),
        pytest.param(published(example_com=(NONE, b"v=spf1 -all")), "example.com", id="beside another TXT"),
        pytest.param(published(example_com=b"v=DMARC1"), "example.com", id="a record without policy is one"),
        pytest.param(published(com=NONE), "com", id="a suffix that does not say so"),
        pytest.param(published(example_com=NONE, com=Trouble("timeout")), None, id="trouble above"),
        pytest.param(published(a_mail_example_com=Trouble("x"), com=NONE), None, id="trouble at the start"),
        pytest.param(
            published(mail_example_com=NONE + b"; psd=n", example_com=Trouble("x")),
            "mail.example.com",
            id="trouble where nobody would ask any more",
        ),
    ],
)
async def test_the_organizational_domain_is_found(
    zone: dict[tuple[str, str], Lookup[Any]], expected: str | None
) -> None:
    assert dmarc.organizational_domain(await dmarc.walk(Zone(zone), A)) == expected


async def test_a_u_label_is_asked_for_as_an_a_label() -> None:
    names = Zone()

    await dmarc.walk(names, "München.example")

    assert ("_dmarc.xn--mnchen-3ya.example", "TXT") in names.asked


# ── Policy discovery (section 4.10.1) ─────────────────────────────────────────────────────────────────────────────────

BELOW = b"v=DMARC1; p=none; sp=quarantine; np=reject"
A_EXISTS: dict[tuple[str, str], Lookup[Any]] = {(A, "MX"): ("mx.example.com",)}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param(published(a_mail_example_com=BELOW), ("none", "p", A), id="its own: p="),
        pytest.param(
            published(a_mail_example_com=NONE, example_com=REJECT), ("none", "p", A), id="its own before its owner's"
        ),
        pytest.param(
            published(example_com=BELOW) | A_EXISTS, ("quarantine", "sp", "example.com"), id="a name that exists: sp="
        ),
        pytest.param(
            published(example_com=BELOW) | {(f"x.{A}", "A"): ("192.0.2.1",)},
            ("quarantine", "sp", "example.com"),
            id="a name above one that exists",
        ),
        pytest.param(
            published(example_com=BELOW) | {(A, "A"): Trouble("timeout")},
            ("quarantine", "sp", "example.com"),
            id="in doubt a name exists",
        ),
        pytest.param(published(example_com=BELOW), ("reject", "np", "example.com"), id="no such name: np="),
        pytest.param(
            published(example_com=b"v=DMARC1; p=reject; sp=none"), ("none", "sp", "example.com"), id="no np=: sp="
        ),
        pytest.param(published(example_com=QUARANTINE), ("quarantine", "p", "example.com"), id="neither: p="),
        pytest.param(
            published(example_com=b"v=DMARC1; p=reject; np=none") | A_EXISTS,
            ("reject", "p", "example.com"),
            id="np= is not for names that exist",
        ),
        pytest.param(
            published(mail_example_com=REJECT, example_com=QUARANTINE),
            ("quarantine", "p", "example.com"),
            id="the organization's, not the nearest",
        ),
        pytest.param(
            published(com=b"v=DMARC1; p=reject; np=quarantine; psd=y") | A_EXISTS,
            ("reject", "p", "com"),
            id="the suffix's",
        ),
        pytest.param(
            published(com=b"v=DMARC1; p=reject; psd=y", example_com=NONE),
            ("none", "p", "example.com"),
            id="the organization's before the suffix's",
        ),
        pytest.param(
            published(mail_example_com=REJECT + b"; psd=n", example_com=NONE),
            ("reject", "p", "mail.example.com"),
            id="an organization inside another",
        ),
        pytest.param(
            published(a_mail_example_com=(NONE, REJECT), example_com=QUARANTINE) | A_EXISTS,
            ("quarantine", "p", "example.com"),
            id="two of its own count as none",
        ),
    ],
)
async def test_the_policy_is_found(zone: dict[tuple[str, str], Lookup[Any]], expected: tuple[str, str, str]) -> None:
    found, _ = await result(A, zone)

    assert (found.result, found.policy, found.tag, found.domain) == ("fail", *expected)


async def test_whether_a_name_exists_is_asked_only_where_it_matters() -> None:
    for record, expected in ((BELOW, True), (QUARANTINE, False)):
        _, names = await result(A, published(example_com=record))

        assert ((A, "A") in names.asked) is expected


async def test_a_test_is_called_one() -> None:
    found, _ = await result("example.com", published(example_com=REJECT + b"; t=y"))

    assert found == Dmarc("fail", "reject", "p", "example.com", testing=True)


# ── Alignment and results (sections 4.4, 5.3, B.1) ────────────────────────────────────────────────────────────────────

STRICT = REJECT + b"; adkim=s; aspf=s"


@pytest.mark.parametrize(
    ("author", "evidence", "zone", "expected"),
    [
        pytest.param("example.com", spf("example.com"), published(example_com=STRICT), "pass", id="B.1.1 1"),
        pytest.param("example.com", spf("child.example.com"), published(example_com=REJECT), "pass", id="B.1.1 2"),
        pytest.param("child.example.com", spf("example.net"), published(example_com=REJECT), "fail", id="B.1.1 3"),
        pytest.param("example.com", dkim("example.com"), published(example_com=STRICT), "pass", id="B.1.2 1"),
        pytest.param("child.example.com", dkim("example.com"), published(example_com=REJECT), "pass", id="B.1.2 2"),
        pytest.param("child.example.com", dkim("example.net"), published(example_com=REJECT), "fail", id="B.1.2 3"),
        pytest.param(
            "example.com", spf("child.example.com"), published(example_com=REJECT + b"; aspf=s"), "fail", id="aspf=s"
        ),
        pytest.param(
            "example.com",
            spf("child.example.com"),
            published(example_com=REJECT + b"; adkim=s"),
            "pass",
            id="not SPF's",
        ),
        pytest.param(
            "example.com", dkim("child.example.com"), published(example_com=REJECT + b"; adkim=s"), "fail", id="adkim=s"
        ),
        pytest.param(
            "example.com",
            dkim("child.example.com"),
            published(example_com=REJECT + b"; aspf=s"),
            "pass",
            id="not DKIM's",
        ),
        pytest.param(
            "Example.COM", dkim("EXAMPLE.com"), published(example_com=STRICT), "pass", id="case means nothing"
        ),
        pytest.param("example.com", dkim("badexample.com"), published(example_com=REJECT), "fail", id="only alike"),
        pytest.param(
            "a.example.com", dkim("b.example.com"), published(example_com=REJECT), "pass", id="two of one organization"
        ),
        pytest.param(
            "a.example.com",
            dkim("b.example.com"),
            published(example_com=REJECT, b_example_com=NONE + b"; psd=n"),
            "fail",
            id="one of them left it",
        ),
        pytest.param(
            "a.example.com",
            dkim("example.com"),
            published(example_com=REJECT, a_example_com=NONE + b"; psd=n"),
            "fail",
            id="the author left it",
        ),
        pytest.param(
            "a.example.com", dkim("example.com"), published(a_example_com=NONE), "fail", id="nothing published above"
        ),
        pytest.param(
            "a.example.com", dkim("b.example.com"), published(com=REJECT + b"; psd=y"), "pass", id="found by the suffix"
        ),
        pytest.param(
            "one.com", dkim("other.com"), published(com=REJECT + b"; psd=y"), "fail", id="only a suffix in common"
        ),
        pytest.param("com", dkim("com"), published(com=REJECT + b"; psd=y"), "pass", id="mail of a suffix itself"),
        pytest.param(
            "example.com",
            dkim(*(f"x{n}.test" for n in range(20)), "example.com"),
            published(example_com=REJECT),
            "pass",
            id="one of many",
        ),
        pytest.param("example.com", Evidence(), published(example_com=NONE), "fail", id="nothing passed"),
        pytest.param("example.com", dkim("example.com"), published(), "none", id="nothing published"),
        pytest.param("example.com", dkim("example.com"), published(example_com=(NONE, NONE)), "none", id="two records"),
        pytest.param(
            "example.com", dkim("example.com"), published(example_com=b"v=DMARC1"), "permerror", id="no policy"
        ),
        pytest.param(
            "example.com", dkim("example.com"), published(example_com=b"v=DMARC1; p=odd"), "permerror", id="odd policy"
        ),
        pytest.param(
            "example.com",
            Evidence(temporary=True),
            published(example_com=REJECT),
            "temperror",
            id="5.3: a check failed for a time",
        ),
        pytest.param(
            "example.com",
            dkim("example.com", temporary=True),
            published(example_com=REJECT),
            "pass",
            id="5.3: but not this",
        ),
        pytest.param(
            "example.com", Evidence(whole=False), published(example_com=REJECT), "none", id="SPF could not be asked"
        ),
        pytest.param(
            "example.com",
            dkim("example.com"),
            published(example_com=Trouble("x")),
            "temperror",
            id="trouble: own record",
        ),
        pytest.param(
            "a.example.com", dkim("a.example.com"), published(example_com=Trouble("x")), "temperror", id="trouble above"
        ),
        pytest.param(
            "a.example.com",
            dkim("a.example.com"),
            published(a_example_com=REJECT, example_com=Trouble("x")),
            "pass",
            id="trouble that changes nothing",
        ),
        pytest.param(
            "a.example.com",
            dkim("example.com"),
            published(a_example_com=REJECT, example_com=Trouble("x")),
            "temperror",
            id="trouble that hides the organization",
        ),
        pytest.param(
            "example.com",
            dkim("a.example.com"),
            published(example_com=REJECT, a_example_com=Trouble("x")),
            "temperror",
            id="trouble that hides the signer's",
        ),
        pytest.param(
            "example.com",
            dkim("a.example.com"),
            published(example_com=STRICT, a_example_com=Trouble("x")),
            "fail",
            id="trouble that nobody asked about",
        ),
        pytest.param(
            "example.com",
            dkim("a.example.com", "example.com"),
            published(example_com=REJECT, a_example_com=Trouble("x")),
            "pass",
            id="trouble with one, another is clear",
        ),
    ],
)
async def test_a_mail_comes_to_its_result(
    author: str, evidence: Evidence, zone: dict[tuple[str, str], Lookup[Any]], expected: str
) -> None:
    found, _ = await result(author, zone, evidence)

    assert found.result == expected


async def test_signers_elsewhere_cost_no_walk() -> None:
    _, names = await result("example.com", published(example_com=REJECT), dkim("other.test", "b.example.com"))

    asked = [name for name, _ in names.asked]
    assert "_dmarc.b.example.com" in asked
    assert "_dmarc.other.test" not in asked


async def test_the_walks_of_one_mail_are_bounded() -> None:
    signers = dkim(*(f"s{n}.example.com" for n in range(50)))

    _, names = await result("example.com", published(example_com=REJECT), signers)

    assert len({name for name, _ in names.asked if name.startswith("_dmarc.s")}) == dmarc.IDENTIFIERS_MAX


# ── What it does to a mail's level ────────────────────────────────────────────────────────────────────────────────────

SIGNED, SIGNED_BELOW = sign(), sign(domain=b"mail.x.test")
KEYS: dict[tuple[str, str], Lookup[Any]] = {
    (KEY_NAME, "TXT"): (P,),
    ("s1._domainkey.mail.x.test", "TXT"): (P,),
    ("x.test", "TXT"): (b"v=spf1 ip4:192.0.2.1 -all",),
    ("mail.x.test", "TXT"): (b"v=spf1 ip4:192.0.2.1 -all",),
}
NO_SPF: dict[tuple[str, str], Lookup[Any]] = {("x.test", "TXT"): Missing(), ("mail.x.test", "TXT"): Missing()}


async def judged(
    raw: bytes,
    zone: dict[tuple[str, str], Lookup[Any]],
    *,
    mail_from: str = "a@x.test",
    peer: Peer = PEER,
    author: str = "x.test",
) -> Authentication:
    return await Authenticator(Zone(KEYS | zone)).authenticate(raw, mail_from, peer, author)


@pytest.mark.parametrize(
    ("raw", "zone", "level", "word"),
    [
        pytest.param(SIGNED, {}, Level.A2, "none", id="nothing published: by the suffix list"),
        pytest.param(SIGNED_BELOW, NO_SPF, Level.A2, "none", id="nothing published, signed below"),
        pytest.param(SIGNED, published(x_test=STRICT), Level.A2, "pass", id="strict, the very domain"),
        pytest.param(SIGNED_BELOW, published(x_test=REJECT) | NO_SPF, Level.A2, "pass", id="relaxed"),
        pytest.param(SIGNED_BELOW, published(x_test=STRICT) | NO_SPF, Level.A0, "fail", id="strict, signed below"),
        pytest.param(SIGNED_BELOW, published(x_test=STRICT), Level.A1, "pass", id="strict, signed below, sent from it"),
        pytest.param(
            SIGNED_BELOW,
            published(x_test=REJECT, mail_x_test=NONE + b"; psd=n") | NO_SPF,
            Level.A0,
            "fail",
            id="the signer is an organization of its own",
        ),
        pytest.param(
            SIGNED_BELOW, published(x_test=Trouble("x")) | NO_SPF, Level.A0, "temperror", id="the owner may be strict"
        ),
        pytest.param(SIGNED, published(x_test=Trouble("x")), Level.A2, "temperror", id="whatever the owner wants"),
        pytest.param(
            SIGNED_BELOW,
            published(x_test=REJECT, test=Trouble("x")) | NO_SPF,
            Level.A2,
            "temperror",
            id="a top-level domain that does not answer",
        ),
        pytest.param(SIGNED_BELOW, published(x_test=b"v=DMARC1") | NO_SPF, Level.A2, "permerror", id="no policy"),
        pytest.param(RAW, published(x_test=REJECT), Level.A1, "pass", id="by SPF"),
        pytest.param(RAW, published(x_test=REJECT) | NO_SPF, Level.A0, "fail", id="nothing proven"),
    ],
)
async def test_the_owner_may_forbid_a_proof_and_never_make_one(
    raw: bytes, zone: dict[tuple[str, str], Lookup[Any]], level: Level, word: str
) -> None:
    proof = await judged(raw, zone)

    assert (proof.level, proof.dmarc) == (level, word)


class Stuck(Zone):
    """Says nothing of whatever stands under some name."""

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        if name.endswith(("_dmarc.mail.x.test", "_dmarc.x.test")):
            await asyncio.Event().wait()
        return await super().ask(name, kind)


async def test_all_questions_about_a_mail_have_one_deadline() -> None:
    """The quietest of several tries counts: what else runs on the machine only adds to it."""
    authenticator, took_s = Authenticator(Stuck(KEYS), deadline_s=0.2), []
    for _ in range(3):
        begun = time.perf_counter()
        proof = await authenticator.authenticate(SIGNED, "a@x.test", PEER, "x.test")
        took_s.append(time.perf_counter() - begun)
        assert (proof.level, proof.dmarc) == (Level.A2, "temperror")

    assert min(took_s) < 2 * 0.2


async def test_a_record_joins_nothing_that_the_suffix_list_parts() -> None:
    """The signer satisfies DMARC by the tree walk, for the whole suffix is one organization to itself."""
    raw = sign(domain=b"other.co.uk")
    zone = published(co_uk=REJECT) | {("s1._domainkey.other.co.uk", "TXT"): (P,)}

    proof = await judged(raw, zone, author="x.co.uk", peer=BEHIND)

    assert (proof.level, proof.dmarc) == (Level.A0, "pass")


async def test_without_the_client_no_failure_is_concluded() -> None:
    proof = await judged(sign() + b"x", published(x_test=REJECT), peer=BEHIND)

    assert (proof.level, proof.dkim, proof.dmarc) == (Level.A0, "fail", "none")


async def test_what_the_owner_asks_for_is_said_in_words() -> None:
    failed = await judged(RAW, published(x_test=REJECT + b"; t=y") | NO_SPF)
    hidden = await judged(RAW, published(x_test=Trouble("x")) | NO_SPF)

    assert failed.why == "not proven: no DKIM signature; SPF none; DMARC fail (x.test asks for p=reject, as a test)"
    assert (
        hidden.why == "not proven: no DKIM signature; SPF none; DMARC temperror (_dmarc.x.test could not be asked for)"
    )


@given(
    st.lists(st.sampled_from([None, NONE, NONE + b"; psd=n", NONE + b"; psd=y", Trouble("x")]), min_size=4, max_size=4)
)
def test_whatever_is_published_the_organization_is_above_the_start_or_it(answers: list[Any]) -> None:
    found = [Missing() if one is None else (one,) if isinstance(one, bytes) else one for one in answers]
    walk = dmarc.walked(A, dict(zip(dmarc.targets(A), found, strict=True)))
    organization = dmarc.organizational_domain(walk)

    assert isinstance(walk, Walk)
    assert organization is None or organization == A or A.endswith(f".{organization}")
