# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""Who a mail is from, as proven: keys, signatures and records of every kind."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model import Authentication, Level, Peer
from mailgate.net import dkim_guard, spf
from mailgate.net.authenticate import Authenticator, aligned
from mailgate.net.resolver import Exchange, Lookup, Missing, Names, Trouble
from tests.fakes.dns import Zone

PEER = Peer(ip="192.0.2.1", helo="mx.x.test")
BEHIND = Peer(ip="192.0.2.1", known=False)
HEADER = b"From: Anne <anne@x.test>\r\nTo: support@g.test\r\nSubject: Hello\r\nDate: Sun, 1 Nov 2026 12:00:00 +0000\r\n"
RAW = HEADER + b"\r\nHello  there,\r\n\r\nAnne\t\r\n\r\n\r\n"
KEY_NAME = "s1._domainkey.x.test"


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def spki(key: rsa.RSAPrivateKey) -> bytes:
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(*der))


RSA = rsa.generate_private_key(65537, 1024)
OTHER = rsa.generate_private_key(65537, 1024)
ED = ed25519.Ed25519PrivateKey.generate()
ED_SEED = base64.b64encode(ED.private_bytes_raw())
ED_KEY = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(ED.public_key().public_bytes_raw())
P = b"p=" + spki(RSA)


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x82, *len(content).to_bytes(2, "big")]) + content


def bare_rsa(modulus_bits: int, exponent: int = 65537) -> bytes:
    """A key record whose numbers are nobody's."""
    numbers = [n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (2**modulus_bits - 1, exponent)]
    return b"p=" + base64.b64encode(der(0x30, b"".join(der(0x02, n) for n in numbers)))


def sign(raw: bytes = RAW, domain: bytes = b"x.test", **options: Any) -> bytes:
    options = {"include_headers": [b"from", b"to", b"subject", b"date"], "privkey": pem(RSA)} | options
    options.setdefault("canonicalize", (b"relaxed", b"relaxed"))
    return dkim.sign(raw, b"s1", domain, **options) + raw


def zone(*keys: bytes, name: str = KEY_NAME, **more: Lookup[Any]) -> Zone:
    return Zone({(name, "TXT"): keys or (b"v=DKIM1; " + P,), **{(k, "TXT"): v for k, v in more.items()}})


async def prove(raw: bytes, names: Names, *, peer: Peer = BEHIND, mail_from: str = "anne@x.test") -> Authentication:
    return await Authenticator(names).authenticate(raw, mail_from, peer, "x.test")


# ── DKIM that proves ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        pytest.param(sign(), b"v=DKIM1; " + P, id="rsa"),
        pytest.param(sign(canonicalize=(b"simple", b"simple")), P, id="simple, bare key record"),
        pytest.param(sign(canonicalize=(b"simple", b"relaxed")), b"k=rsa; h=sha256:sha1; s=email; " + P, id="listed"),
        pytest.param(sign(canonicalize=(b"relaxed", b"simple")), b"t=s; " + P, id="strict, i= at the very domain"),
        pytest.param(sign(privkey=ED_SEED, signature_algorithm=b"ed25519-sha256"), ED_KEY, id="ed25519"),
        pytest.param(sign(HEADER + b"\r\n"), P, id="no body"),
        pytest.param(sign(HEADER + b"\r\n", canonicalize=(b"simple", b"simple")), P, id="no body, simple"),
        pytest.param(sign(HEADER + b"\r\n\r\n\r\n\r\n", canonicalize=(b"simple", b"simple")), P, id="empty lines only"),
        pytest.param(sign(include_headers=[b"from", b"from", b"subject", b"subject", b"date"]), P, id="oversigned"),
        pytest.param(sign(HEADER.replace(b"Date", b"X-Date") + b"\r\nx\r\n"), P, id="no Date to sign"),
    ],
)
async def test_an_aligned_signature_proves_the_author(raw: bytes, key: bytes) -> None:
    assert await prove(raw, zone(key)) == Authentication(
        Level.A2, dkim="pass", domain="x.test", why="proven by DKIM of x.test"
    )


async def test_a_sub_domain_of_the_same_organization_speaks_for_it() -> None:
    proof = await prove(sign(domain=b"mail.x.test"), zone(name="s1._domainkey.mail.x.test"))

    assert (proof.level, proof.domain) == (Level.A2, "mail.x.test")


async def test_a_large_mail_is_verified_beside_the_loop() -> None:
    raw = sign(RAW + b"line of text\r\n" * 10_000)

    assert (await prove(raw, zone())).level is Level.A2


async def test_of_many_signatures_the_one_that_could_speak_for_the_author_is_verified() -> None:
    raw = sign()
    for n in range(20):
        raw = sign(raw, domain=b"other%d.test" % n)
    names = zone()

    assert (await prove(raw, names)).level is Level.A2
    assert len(names.asked) == 5


# ── DKIM that does not ────────────────────────────────────────────────────────────────────────────────────────────────

PART = sign(length=True)
TAMPERED = [
    pytest.param(sign() + b"more\r\n", "fail", "its body was changed", id="body changed"),
    pytest.param(sign().replace(b"Hello\r\n", b"Hullo\r\n"), "fail", "its header was changed", id="Subject changed"),
    pytest.param(sign().replace(b"Anne <anne@", b"Anne <bob@"), "fail", "its header was changed", id="From changed"),
    pytest.param(sign(privkey=pem(OTHER)), "fail", "its header was changed", id="other key"),
    pytest.param(PART, "policy", "only a part of the body is signed", id="T62 l="),
    pytest.param(PART + b"appended\r\n", "policy", "only a part of the body is signed", id="l= and more"),
    pytest.param(sign().replace(b"h=from : ", b"h="), "permerror", "From is not signed", id="From not signed"),
    pytest.param(sign(include_headers=[b"from", b"date"]), "policy", "Subject is not signed", id="Subject not signed"),
    pytest.param(sign(include_headers=[b"from", b"subject"]), "policy", "Date is not signed", id="Date not signed"),
    pytest.param(
        sign().replace(b"To:", b"Subject: Buy!\r\nTo:"), "policy", "Subject is not signed", id="a second Subject"
    ),
    pytest.param(sign().replace(b"To:", b"From: x@y.test\r\nTo:"), "policy", "From is not signed", id="a second From"),
    pytest.param(sign(signature_algorithm=b"rsa-sha1"), "policy", "the algorithm is not accepted", id="rsa-sha1"),
    pytest.param(sign().replace(b"v=1", b"v=2"), "fail", "it is not valid", id="version"),
    pytest.param(sign().replace(b"i=@x.test", b"x=1; i=@x.test"), "fail", "it is expired", id="expired"),
    pytest.param(sign().replace(b"i=@x.test", b"i=@y.test"), "fail", "it is not valid", id="i= elsewhere"),
    pytest.param(sign().replace(b"d=x.test", b"d=x test"), "permerror", "the signature names no domain", id="d="),
    pytest.param(sign().replace(b"d=x.test", b""), "permerror", "the signature cannot be read", id="no d="),
    pytest.param(sign().replace(b"s=s1", b"s=s1; s=s2"), "permerror", "the signature cannot be read", id="s= twice"),
    pytest.param(re.sub(rb"bh=.", b"bh=!", sign()), "permerror", "the signature cannot be read", id="bh="),
    pytest.param(sign().replace(b"c=relaxed/", b"c=odd/"), "permerror", "the signature cannot be read", id="c= odd"),
    pytest.param(
        sign().replace(b"h=from", b"h=from" + b" :x" * 200), "policy", "too many fields are signed", id="h= long"
    ),
    pytest.param(
        sign().replace(b"h=from", b"h=from" + b" " * 100), "permerror", "the signature field is too large", id="gap"
    ),
    pytest.param(
        b"DKIM-Signature: " + b"x" * 9000 + b"\r\n" + RAW, "permerror", "the signature field is too large", id="9 KB"
    ),
    pytest.param(b"no field\r\n" + sign(), "permerror", "the header is malformed", id="no colon"),
    pytest.param(b"From : x\r\n" + sign(), "permerror", "the header is malformed", id="blank before colon"),
    pytest.param(b"X: y\r\n" * 1001 + sign(), "permerror", "the header is malformed", id="1001 fields"),
]


@pytest.mark.parametrize(("raw", "result", "why"), TAMPERED)
async def test_a_signature_that_is_not_sound_proves_nothing(raw: bytes, result: str, why: str) -> None:
    proof = await prove(raw, zone())

    assert (proof.level, proof.dkim, proof.domain) == (Level.A0, result, "")
    assert why in proof.why


@pytest.mark.parametrize(
    ("keys", "result", "why"),
    [
        pytest.param([b"v=DKIM1; t=y; " + P], "policy", "the key is only for tests", id="t=y"),
        pytest.param([b"t=s:y; " + P], "policy", "the key is only for tests", id="t=s:y"),
        pytest.param([b"v=DKIM1; p="], "permerror", "the key was revoked", id="revoked"),
        pytest.param([b"v=DKIM2; " + P], "permerror", "the key cannot be read", id="version"),
        pytest.param([b"v=spf1 -all"], "permerror", "it has no key", id="another record"),
        pytest.param([b"k=ed25519; " + P], "permerror", "another algorithm", id="kind"),
        pytest.param([b"h=sha1; " + P], "permerror", "another algorithm", id="hash"),
        pytest.param([b"s=chat; " + P], "permerror", "the key is not for mail", id="service"),
        pytest.param([b"p=" + b"!" * 40], "permerror", "the key cannot be read", id="garbage"),
        pytest.param([b"p=AAAA"], "permerror", "the key cannot be read", id="no ASN.1"),
        pytest.param([P + b"; p=x"], "permerror", "the key cannot be read", id="p= twice"),
        pytest.param([bare_rsa(768)], "policy", "no accepted size", id="768 bits"),
        pytest.param([bare_rsa(8192)], "policy", "no accepted size", id="8192 bits"),
        pytest.param([bare_rsa(2048, 2**2000 + 1)], "policy", "no accepted size", id="exponent that takes a minute"),
        pytest.param([P + b"; n=" + b"x" * 5000], "permerror", "it has no key", id="5 KB of record"),
    ],
)
async def test_a_key_that_is_not_sound_proves_nothing(keys: Sequence[bytes], result: str, why: str) -> None:
    proof = await prove(sign(), zone(*keys))

    assert (proof.level, proof.dkim) == (Level.A0, result)
    assert why in proof.why


async def test_a_key_for_the_very_domain_does_not_serve_its_sub_domains() -> None:
    raw = sign(identity=b"@sub.x.test")

    assert (await prove(raw, zone(P))).level is Level.A2
    assert "not for sub-domains" in (await prove(raw, zone(b"t=s; " + P))).why


async def test_a_key_is_found_beside_another_record() -> None:
    assert (await prove(sign(), zone(b"v=spf1 -all", P))).level is Level.A2


@pytest.mark.parametrize(
    ("found", "result"),
    [
        pytest.param(Missing(), "permerror", id="no key"),
        pytest.param(Trouble("timeout"), "temperror", id="DNS trouble"),
    ],
)
async def test_no_key_and_no_answer_are_told_apart(found: Lookup[bytes], result: str) -> None:
    proof = await prove(sign(), Zone({(KEY_NAME, "TXT"): found}))

    assert (proof.level, proof.dkim) == (Level.A0, result)


async def test_another_domain_does_not_speak_for_the_author() -> None:
    proof = await prove(sign(domain=b"y.test"), zone(name="s1._domainkey.y.test"))

    assert (proof.level, proof.dkim, proof.domain) == (Level.A0, "pass", "")
    assert "DKIM of y.test does not speak for x.test" in proof.why


async def test_nothing_is_proven_of_no_author() -> None:
    names = zone()

    proof = await Authenticator(names).authenticate(sign(), "", PEER, "")

    assert (proof.level, proof.why) == (Level.A0, "not proven: no single author")
    assert names.asked == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b" " * 1_000_000 + b"x\r\n", id="one run of blanks"),
        pytest.param((b" " * 990 + b"x\r\n") * 1000, id="many runs of blanks"),
        pytest.param(b"\r\n" * 500_000, id="empty lines"),
    ],
)
async def test_no_body_freezes_the_verifier(body: bytes) -> None:
    raw = sign().partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    started = time.process_time()

    assert (await prove(raw, zone())).level is Level.A0
    assert time.process_time() - started < 1


@given(body=st.binary(max_size=60).map(lambda b: b.translate(bytes(b" \t\r\nx"[n % 5] for n in range(256)))))
def test_our_canonical_body_is_dkimpys(body: bytes) -> None:
    from dkim.canonicalization import Relaxed, Simple

    for relaxed, theirs in ((True, Relaxed), (False, Simple)):
        ours = dkim_guard.canonical_body(body, relaxed=relaxed)
        assert theirs.canonicalize_body(ours) == theirs.canonicalize_body(body)


@given(st.binary(max_size=300), st.binary(max_size=200))
def test_any_header_and_any_key_can_be_judged(header: bytes, key: bytes) -> None:
    fields = dkim_guard.fields(b"From: a@x.test\r\nDKIM-Signature: " + header)
    for one in dkim_guard.signatures(fields or []):
        assert isinstance(one, dkim_guard.Signature) or one.result in {"permerror", "policy"}
    signature = dkim_guard.Signature(0, "x.test", "s1", b"rsa-sha256", b"", relaxed_body=True)
    dkim_guard._key_fault(signature, key)


# ── SPF ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("record", "result", "level"),
    [
        pytest.param(b"v=spf1 ip4:192.0.2.0/24 -all", "pass", Level.A1, id="T61 pass"),
        pytest.param(b"v=spf1 mx -all", "pass", Level.A1, id="by mx"),
        pytest.param(b"v=spf1 include:_spf.x.test ~all", "pass", Level.A1, id="by include that ends in ?all"),
        pytest.param(b"v=spf1 ptr:x.test -all", "pass", Level.A1, id="by pointer"),
        pytest.param(b"v=spf1 -all", "fail", Level.A0, id="T60 fail"),
        pytest.param(b"v=spf1 ~all", "softfail", Level.A0, id="softfail"),
        pytest.param(b"v=spf1 ?all", "neutral", Level.A0, id="neutral"),
        pytest.param(b"v=spf1 +all", "pass", Level.A0, id="anybody passes"),
        pytest.param(b"v=spf1 ip4:192.0.2.0/24 all", "pass", Level.A0, id="anybody would pass"),
        pytest.param(b"v=spf1 ip4:192.0.2.0/24 ?all", "pass", Level.A0, id="nothing said of others"),
        pytest.param(b"v=spf1 include:any.x.test -all", "pass", Level.A0, id="anybody passes by include"),
        pytest.param(b"v=spf1 redirect=any.x.test", "pass", Level.A0, id="anybody passes by redirect"),
        pytest.param(b"v=spf1 a:void1.test a:void2.test a:void3.test +mx", "permerror", Level.A0, id="void lookups"),
        pytest.param(b"v=spf1 include:dead.x.test -all", "temperror", Level.A0, id="DNS trouble"),
        pytest.param(b"v=spf1 a:x.%s! -all" % (b"a" * 3000), "permerror", Level.A0, id="term that takes a minute"),
        pytest.param(b"v=spf1 " + b"ip4:192.0.2.9 " * 400, "permerror", Level.A0, id="6 KB of record"),
        pytest.param(b"no record", "none", Level.A0, id="no record"),
    ],
)
async def test_spf_proves_only_by_a_record_that_means_it(record: bytes, result: str, level: Level) -> None:
    names = Zone(
        {
            ("x.test", "TXT"): (record,),
            ("x.test", "MX"): (Exchange(1, "mx.x.test"),),
            ("mx.x.test", "A"): ("192.0.2.1",),
            ("1.2.0.192.in-addr.arpa", "PTR"): ("mx.x.test",),
            ("_spf.x.test", "TXT"): (b"v=spf1 ip4:192.0.2.1 ?all",),
            ("any.x.test", "TXT"): (b"v=spf1 +all",),
            ("dead.x.test", "TXT"): Trouble("timeout"),
        }
    )

    proof = await prove(RAW, names, peer=PEER)

    assert (proof.spf, proof.level) == (result, level)
    assert (proof.why == "proven by SPF of x.test") == (level is Level.A1)


@pytest.mark.parametrize(
    ("mail_from", "result"),
    [
        pytest.param("b@y.test", "pass", id="another domain"),
        pytest.param("", "pass", id="null sender: the host's own name"),
        pytest.param('"a@b"@y.test', "pass", id="quoted local part"),
        pytest.param("nobody", "none", id="no domain"),
        pytest.param("a@" + "l" * 64 + ".test", "none", id="no such label"),
        pytest.param("a\udcff@y\udcff.test", "none", id="lone surrogates"),
    ],
)
async def test_spf_speaks_only_for_the_envelope_sender(mail_from: str, result: str) -> None:
    record = (b"v=spf1 ip4:192.0.2.1 -all",)
    names = Zone({("y.test", "TXT"): record, ("mx.x.test", "TXT"): record})

    proof = await prove(RAW, names, peer=PEER, mail_from=mail_from)

    assert (proof.level, proof.spf) == (Level.A0, result)


async def test_dkim_counts_more_than_spf() -> None:
    names = zone(**{"x.test": (b"v=spf1 ip4:192.0.2.1 -all",)})

    proof = await prove(sign(), names, peer=PEER)

    assert (proof.level, proof.spf, proof.dkim) == (Level.A2, "pass", "pass")


async def test_why_nothing_is_proven_is_said_in_words() -> None:
    names = zone(**{"x.test": (b"v=spf1 ~all",)})

    proof = await prove(sign() + b"x", names, peer=PEER)

    assert proof.why == "not proven: DKIM signature broken (its body was changed); SPF softfail"


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
async def test_clients_of_both_families_are_known(ip: str) -> None:
    names = Zone({("x.test", "TXT"): (b"v=spf1 ip4:192.0.2.1 ip6:2001:db8::/32 -all",)})

    assert (await prove(RAW, names, peer=Peer(ip=ip))).level is Level.A1


# ── Who is not asked, and trouble ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param(BEHIND, id="our own MTA"),
        pytest.param(Peer(), id="unix socket"),
        pytest.param(Peer(ip="127.0.0.1"), id="loopback"),
    ],
)
async def test_an_unsigned_mail_of_an_unknown_client_asks_nothing(peer: Peer) -> None:
    names = Zone()

    proof = await prove(RAW, names, peer=peer)

    assert proof == Authentication(why="not proven: no DKIM signature; SPF none")
    assert names.asked == []


async def test_an_unsigned_mail_of_an_unknown_client_costs_next_to_nothing() -> None:
    authenticator, raw = Authenticator(Zone()), RAW + b"x" * 2000
    best = 1.0
    for _ in range(200):
        started = time.perf_counter()
        await authenticator.authenticate(raw, "anne@x.test", BEHIND, "x.test")
        best = min(best, time.perf_counter() - started)

    assert best < 20e-6


@pytest.mark.parametrize(
    ("peer", "level"),
    [
        pytest.param(Peer(), Level.A2, id="unix socket"),
        pytest.param(Peer(ip="127.0.0.1"), Level.A2, id="loopback"),
        pytest.param(Peer(ip="::1"), Level.A2, id="loopback, IPv6"),
        pytest.param(Peer(ip="192.0.2.1"), Level.A0, id="anybody else"),
        pytest.param(Peer(ip="banana"), Level.A0, id="no address"),
    ],
)
async def test_only_this_machine_can_be_assumed_proven(peer: Peer, level: Level) -> None:
    proof = await Authenticator(Zone(), assume="pass").authenticate(RAW, "a@x.test", peer, "x.test")

    assert proof.level is level
    assert proof.why.startswith("assumed: loopback peers count as proven") == (level is Level.A2)


class Broken(Names):
    """A resolver with a fault of its own."""

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        raise RuntimeError(name)


class Endless(Names):
    """A resolver that keeps no deadline."""

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("names", [pytest.param(Broken(), id="fault"), pytest.param(Endless(), id="no end")])
async def test_our_own_trouble_costs_the_proof_and_nothing_else(names: Names) -> None:
    authenticator = Authenticator(names, deadline_s=0.05)

    proof = await authenticator.authenticate(sign(), "anne@x.test", PEER, "x.test")

    assert (proof.level, proof.dkim, proof.spf) == (Level.A0, "temperror", "temperror")
    assert "it could not be checked" in proof.why


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("x.test", "X.Test", True, id="case"),
        pytest.param("a.b.example.com", "example.com", True, id="sub-domain"),
        pytest.param("example.co.uk", "other.co.uk", False, id="only a public suffix in common"),
        pytest.param("xn--mnchen-3ya.de", "münchen.de", True, id="A-label and U-label"),
        pytest.param("", "", False, id="nothing"),
        pytest.param("\udcff.test", "x.test", False, id="no name at all"),
    ],
)
def test_alignment_is_by_organization(one: str, other: str, same: bool) -> None:
    assert aligned(one, other) is same


# ── The suite of RFC 7208 ─────────────────────────────────────────────────────────────────────────────────────────────


class SuiteZone(Names):
    """The zone of one scenario of the public SPF test suite."""

    def __init__(self, data: dict[str, list[Any]]) -> None:
        self.data = {name.lower().rstrip("."): records for name, records in data.items()}

    async def ask(self, name: str, kind: str, hops: int = 0) -> Lookup[Any]:
        records = self.data.get(name.lower().rstrip("."), [])
        pairs = [pair for record in records if isinstance(record, dict) for pair in record.items()]
        alias = next((value for found, value in pairs if found == "CNAME"), None)
        if alias and hops < 10:
            return await self.ask(alias, kind, hops + 1)
        # A record of the obsolete type SPF stands for TXT too, unless the scenario gives its own TXT.
        kinds = {kind} if kind != "TXT" or any(found == "TXT" for found, _ in pairs) else {"SPF"}
        values = [value for found, value in pairs if found in kinds and value != "NONE"]
        nothing = Trouble("timeout") if "TIMEOUT" in records else Missing()
        return tuple(_rdata(kind, value) for value in values) or nothing


def _rdata(kind: str, value: Any) -> Any:
    if kind == "TXT":
        return "".join(value if isinstance(value, list) else [value]).encode("latin-1")
    if kind == "MX":
        return Exchange(value[0], value[1])
    return value


def _suite() -> list[Any]:
    path = Path(os.environ.get("MAILGATE_CORPORA", "corpora")) / "suites/spf/rfc7208-tests.yml"
    if not path.exists():
        reason = f"the public SPF suite is not at {path}; set MAILGATE_CORPORA to the folder above suites/"
        return [pytest.param({}, {}, marks=pytest.mark.skip(reason=reason), id="suite")]
    import yaml

    scenarios = list(yaml.safe_load_all(path.read_bytes()))
    return [
        pytest.param(test, scenario["zonedata"], id=name)
        for scenario in scenarios
        if scenario
        for name, test in scenario["tests"].items()
    ]


@pytest.mark.parametrize(("test", "zonedata"), _suite())
async def test_the_public_spf_suite_agrees(test: dict[str, Any], zonedata: dict[str, list[Any]]) -> None:
    wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]

    found = await spf.check(
        SuiteZone(zonedata), ip=str(test["host"]), helo=str(test["helo"]), mail_from=str(test.get("mailfrom") or "")
    )

    assert found.result in wanted
