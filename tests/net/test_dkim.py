"""DKIM between us and others: the examples of the standards, and programs that nobody here wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailgate.model import Authentication, Level
from mailgate.net import dkim_guard
from mailgate.net.authenticate import Authenticator
from tests.fakes.dns import Zone
from tests.net.oracles import MailDkim, OpenDkim, Oracle
from tests.net.test_authenticate import BEHIND, ED_KEY, ED_SEED, HEADER, KEY_NAME, OTHER, RSA, P, pem, sign

# ── The examples of the standards ─────────────────────────────────────────────────────────────────────────────────────

MAIL = (
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\n"
    b"Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"
)
# RFC 6376, appendix A.2 and A.3.
RFC6376 = (
    b"DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
    b"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
    b"      h=Received : From : To : Subject : Date : Message-ID;\r\n"
    b"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
    b"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
    b"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
    b"      4bmp/YzhwvcubU4=;\r\n"
    b"Received: from client1.football.example.com  [192.0.2.1]\r\n"
    b"      by submitserver.example.com with SUBMISSION;\r\n"
    b"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
) + MAIL
RFC6376_KEY = (
    b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    b"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb"
    b"to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
# RFC 8463, appendix A.2 and A.3.
ED25519 = (
    b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    b" subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
)
RSA_BESIDE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    b" date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    b" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    b" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
)
RFC8463_KEYS: dict[tuple[str, str], Any] = {
    ("brisbane._domainkey.football.example.com", "TXT"): (
        b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ),
    ("test._domainkey.football.example.com", "TXT"): (
        b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
        b"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G"
        b"+2kryOTIKT+l/K4w3QIDAQAB",
    ),
}


async def joes(raw: bytes, keys: dict[tuple[str, str], Any]) -> Authentication:
    return await Authenticator(Zone(keys)).authenticate(raw, "", BEHIND, "football.example.com")


async def test_the_example_of_rfc_6376_is_verified() -> None:
    proof = await joes(RFC6376, {("brisbane._domainkey.example.com", "TXT"): (RFC6376_KEY,)})

    assert (proof.level, proof.dkim, proof.domain) == (Level.A2, "pass", "example.com")


@pytest.mark.parametrize(
    "signatures",
    [
        pytest.param(ED25519, id="ed25519"),
        pytest.param(RSA_BESIDE, id="rsa"),
        pytest.param(ED25519 + RSA_BESIDE, id="both"),
    ],
)
async def test_the_example_of_rfc_8463_is_verified(signatures: bytes) -> None:
    proof = await joes(signatures + MAIL, RFC8463_KEYS)

    assert (proof.level, proof.dkim, proof.domain) == (Level.A2, "pass", "football.example.com")


def test_both_signatures_of_rfc_8463_are_verified_each_by_itself() -> None:
    head, body = dkim_guard.split(ED25519 + RSA_BESIDE + MAIL)
    fields = dkim_guard.fields(head)
    assert fields
    signed = [
        (one, RFC8463_KEYS[one.key_name, "TXT"])
        for one in dkim_guard.signatures(fields)
        if isinstance(one, dkim_guard.Signature)
    ]

    assert [one.result for one in dkim_guard.verify(fields, body, signed)] == ["pass", "pass"]


@pytest.mark.parametrize("example", [RFC6376, ED25519 + MAIL, RSA_BESIDE + MAIL])
async def test_an_example_that_was_changed_is_not(example: bytes) -> None:
    keys = RFC8463_KEYS | {("brisbane._domainkey.example.com", "TXT"): (RFC6376_KEY,)}

    for changed in (example.replace(b"lost", b"won"), example.replace(b"dinner", b"supper")):
        proof = await joes(changed, keys)

        assert (proof.level, proof.dkim) == (Level.A0, "fail")


# ── What the guard keeps from the verifier ────────────────────────────────────────────────────────────────────────────


RECORD = b"v=DKIM1; k=rsa; " + P


async def ours(raw: bytes, record: bytes = RECORD) -> Authentication:
    return await Authenticator(Zone({(KEY_NAME, "TXT"): (record,)})).authenticate(raw, "", BEHIND, "x.test")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(
            sign().replace(b"From:", b"Y: " + b"z" * dkim_guard.HEADER_BYTES_MAX + b"\r\nFrom:"),
            "the header is malformed",
            id="header of half a megabyte",
        ),
        pytest.param(
            sign().replace(b"q=dns/txt;", b"\r\n " * 250 + b"q=dns/txt;"),
            "the signature field is too large",
            id="250 folds",
        ),
    ],
)
async def test_what_is_out_of_proportion_is_not_verified(raw: bytes, why: str) -> None:
    proof = await ours(raw)

    assert (proof.level, proof.dkim) == (Level.A0, "permerror")
    assert why in proof.why


@pytest.mark.parametrize(("lines", "apart"), [(10, False), (10_000, True)])
async def test_only_a_large_mail_is_verified_beside_the_loop(lines: int, apart: bool) -> None:
    asked: list[Any] = []

    async def beside(work: Any, *given: Any) -> Any:
        asked.append(work)
        return work(*given)

    raw = sign(HEADER + b"\r\n" + b"line of text\r\n" * lines)
    authenticator = Authenticator(Zone({(KEY_NAME, "TXT"): (RECORD,)}), beside=beside)

    assert (await authenticator.authenticate(raw, "", BEHIND, "x.test")).level is Level.A2
    assert bool(asked) is apart


# ── Programs that nobody here wrote ───────────────────────────────────────────────────────────────────────────────────

PLAIN = HEADER + b"\r\nHello  there,\r\n\r\nAnne\t\r\n\r\n\r\n"
CANONICAL = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]


@pytest.fixture(params=[OpenDkim(), MailDkim()], ids=["OpenDKIM", "Mail::DKIM"])
def oracle(request: pytest.FixtureRequest) -> Oracle:
    one: Oracle = request.param
    if not one.is_here():
        pytest.skip(f"needs the packages {' '.join(one.packages)}")
    return one


@pytest.mark.parametrize("canonical", CANONICAL)
async def test_what_others_sign_we_verify(oracle: Oracle, canonical: str, tmp_path: Path) -> None:
    raw = oracle.sign(PLAIN, pem(RSA), canonical, tmp_path)

    assert (await ours(raw)).level is Level.A2
    assert (await ours(raw.replace(b"Hello\r\n", b"Hullo\r\n"))).dkim == "fail"


@pytest.mark.parametrize("canonical", CANONICAL)
def test_what_is_signed_here_others_verify(oracle: Oracle, canonical: str, tmp_path: Path) -> None:
    head, body = canonical.encode().split(b"/")
    raw = sign(PLAIN, canonicalize=(head, body))

    assert oracle.verifies(raw, KEY_NAME, RECORD.decode(), tmp_path)


SIGNED = sign(PLAIN)
DOUBTFUL = [
    pytest.param(SIGNED, RECORD, True, id="sound"),
    pytest.param(SIGNED.replace(b"there", b"their"), RECORD, False, id="body changed"),
    pytest.param(SIGNED + b"more\r\n", RECORD, False, id="body longer"),
    pytest.param(SIGNED.replace(b"Subject: Hello", b"Subject: Hullo"), RECORD, False, id="Subject changed"),
    pytest.param(SIGNED.replace(b"<anne@", b"<bob@"), RECORD, False, id="From changed"),
    pytest.param(SIGNED.replace(b"Hello  there", b"Hello there"), RECORD, True, id="blanks, relaxed"),
    pytest.param(SIGNED.replace(b"Subject:", b"SUBJECT: "), RECORD, True, id="header blanks and case, relaxed"),
    pytest.param(SIGNED.replace(b"i=@x.test", b"i=@y.test"), RECORD, False, id="i= outside of d="),
    pytest.param(sign(PLAIN, privkey=pem(OTHER)), RECORD, False, id="another key"),
    pytest.param(SIGNED, b"v=DKIM1; p=", False, id="key revoked"),
    pytest.param(SIGNED, b"v=DKIM1; h=sha1; " + P, False, id="key for another hash"),
    pytest.param(sign(PLAIN, identity=b"@sub.x.test"), b"v=DKIM1; t=s; " + P, False, id="t=s and a sub-domain"),
]


@pytest.mark.parametrize(("raw", "record", "good"), DOUBTFUL)
async def test_all_agree_on_what_is_sound(
    oracle: Oracle, raw: bytes, record: bytes, good: bool, tmp_path: Path
) -> None:
    assert oracle.verifies(raw, KEY_NAME, record.decode(), tmp_path) is good
    assert ((await ours(raw, record)).level is Level.A2) is good


async def test_ed25519_is_the_same_to_us_and_to_others(tmp_path: Path) -> None:
    """Of the two only OpenDKIM knows it."""
    opendkim = OpenDkim()
    if not opendkim.is_here():
        pytest.skip(f"needs the packages {' '.join(opendkim.packages)}")
    raw = sign(PLAIN, privkey=ED_SEED, signature_algorithm=b"ed25519-sha256")

    for mail, good in ((raw, True), (raw.replace(b"there", b"their"), False)):
        assert opendkim.verifies(mail, KEY_NAME, ED_KEY.decode(), tmp_path) is good
        assert ((await ours(mail, ED_KEY)).level is Level.A2) is good
