"""What leaves bears signatures that everybody verifies, and that nothing can be added to or taken from."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.mail.compose import compose
from mailgate.model import DkimAlgorithm, DkimKey, Level, Mailaddr, Peer, Purpose
from mailgate.net import dkim_guard
from mailgate.net.authenticate import Authenticator
from mailgate.net.dkim_key import published, record
from mailgate.net.dkim_sign import SIGNED, VALID_S, Signer
from mailgate.net.resolver import Lookup, Missing, Trouble
from tests.fakes.dns import Zone
from tests.net.oracles import MailDkim, OpenDkim
from tests.unit.test_mail_compose import COMPOSED, DRAFT, DRAFTS

NOW = datetime.now(UTC)  # others look at their own clocks
BEHIND = Peer(ip="192.0.2.1", known=False)
DER = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def key_of(selector: str, algorithm: DkimAlgorithm, private: Any) -> DkimKey:
    return DkimKey(selector, algorithm, private.private_bytes(*DER))


PRIVATE = rsa.generate_private_key(65537, 2048)
RSA = key_of("mg1", DkimAlgorithm.RSA, PRIVATE)
ED = key_of("mg1e", DkimAlgorithm.ED25519, ed25519.Ed25519PrivateKey.generate())
BOTH = Signer([RSA, ED])
RECORDS: dict[tuple[str, str], Any] = {
    (f"{key.selector}._domainkey.g.test", "TXT"): (record(key).encode(),) for key in (RSA, ED)
}


def judged(raw: bytes) -> list[str]:
    """What our own verifier says of each signature: first those that are not worth a look, then topmost first."""
    head, body = dkim_guard.split(raw)
    fields = dkim_guard.fields(head)
    assert fields
    found = dkim_guard.signatures(fields)
    sound = [(one, RECORDS[one.key_name, "TXT"]) for one in found if isinstance(one, dkim_guard.Signature)]
    refused = [one for one in found if isinstance(one, dkim_guard.Judged)]
    return [one.result for one in (*refused, *dkim_guard.verify(fields, body, sound))]


def tags(raw: bytes) -> list[dict[str, str]]:
    """The signatures of a mail, tag by tag."""
    values = [str(value) for value in message_from_bytes(raw).get_all("DKIM-Signature", [])]
    pairs = [[tag.split("=", 1) for tag in value.split(";")] for value in values]
    return [{name.strip(): "".join(text.split()) for name, text in each} for each in pairs]


# ── What is signed ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("purpose", COMPOSED)
async def test_both_signatures_prove_us_to_our_own_verifier(purpose: Purpose) -> None:
    raw = BOTH.sign(compose(replace(DRAFT, purpose=purpose)), NOW)

    proof = await Authenticator(Zone(RECORDS)).authenticate(raw, "", BEHIND, "g.test")

    assert judged(raw) == ["pass", "pass"]
    assert (proof.level, proof.domain) == (Level.A2, "g.test")


def test_a_signature_says_what_it_must_and_no_more() -> None:
    by_rsa, by_ed = tags(BOTH.sign(compose(DRAFT), NOW))

    assert set(by_rsa) == set(by_ed) == {"v", "a", "c", "d", "s", "t", "x", "bh", "h", "b"}
    assert [(one["a"], one["s"]) for one in (by_rsa, by_ed)] == [("rsa-sha256", "mg1"), ("ed25519-sha256", "mg1e")]
    assert {(one["v"], one["c"], one["d"]) for one in (by_rsa, by_ed)} == {("1", "relaxed/relaxed", "g.test")}
    assert int(by_rsa["t"]) == int(NOW.timestamp()) == int(by_rsa["x"]) - VALID_S


def test_every_field_that_counts_is_signed_once_more_than_it_is_there() -> None:
    raw = compose(DRAFT)
    present = [name.lower().encode() for name in message_from_bytes(raw)]

    names = tags(BOTH.sign(raw, NOW))[0]["h"].encode().split(b":")

    assert {name: names.count(name) for name in SIGNED} == {name: present.count(name) + 1 for name in SIGNED}


def test_no_line_of_it_is_too_long() -> None:
    head, _ = dkim_guard.split(BOTH.sign(compose(DRAFT), NOW))
    assert max(map(len, head.split(b"\r\n"))) <= 78


FIELDS = [name.decode() for name in SIGNED]


@pytest.mark.parametrize("name", FIELDS)
def test_nobody_adds_a_field_that_counts(name: str) -> None:
    raw = BOTH.sign(compose(DRAFT), NOW)
    added = f"{name}: <joe@evil.test>\r\n".encode()
    head, body = raw.split(b"\r\n\r\n", 1)

    for changed in (added + raw, head + b"\r\n" + added + b"\r\n" + body):
        assert "pass" not in judged(changed)


@pytest.mark.parametrize("name", sorted({name.lower() for name in message_from_bytes(compose(DRAFT))} & set(FIELDS)))
def test_nobody_takes_a_field_away_that_counts(name: str) -> None:
    raw = BOTH.sign(compose(DRAFT), NOW)
    head, body = raw.split(b"\r\n\r\n", 1)
    kept = [f"{one}:{two}" for one, two in fields_of(head) if one.lower() != name]

    assert len(kept) == len(fields_of(head)) - 1
    assert "pass" not in judged("".join(kept).encode() + b"\r\n" + body)


def fields_of(head: bytes) -> list[tuple[str, str]]:
    found = dkim_guard.fields(head)
    assert found
    return [(name.decode(), value.decode()) for name, value in found]


def test_what_relays_do_leaves_it_whole() -> None:
    raw = BOTH.sign(compose(DRAFT), NOW)
    relayed = b"Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n" + raw
    relayed = relayed.replace(b"To: <joe@x.test>", b"to:\r\n\t<joe@x.test> ").replace(b"\r\n\r\nwe", b" \r\n\r\nwe")
    assert judged(relayed + b"\r\n\r\n") == ["pass", "pass"]


def test_nobody_adds_to_the_text() -> None:
    raw = BOTH.sign(compose(DRAFT), NOW)
    assert judged(raw + b"more\r\n") == ["fail", "fail"]


def test_without_keys_a_mail_stays_as_it_is() -> None:
    assert Signer().sign(compose(DRAFT), NOW) == compose(DRAFT)


@pytest.mark.parametrize("head", [b"Subject: x\r\n", b"From: a@g.test\r\nFrom: b@g.test\r\n", b"From: nobody\r\n"])
def test_what_names_no_single_author_stays_as_it_is(head: bytes) -> None:
    assert BOTH.sign(head + b"\r\nx\r\n", NOW) == head + b"\r\nx\r\n"


def test_an_international_domain_is_signed_for_as_dns_knows_it() -> None:
    raw = compose(replace(DRAFT, sender=Mailaddr("support@bücher.test")))
    assert tags(BOTH.sign(raw, NOW))[0]["d"] == "xn--bcher-kva.test"


@given(DRAFTS)
def test_whatever_is_written_the_signature_holds(draft: Any) -> None:
    assert judged(BOTH.sign(compose(draft), NOW)) == ["pass", "pass"]


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b".", b"\r\n.\r\n"]), max_size=20).map(b"".join))
def test_any_body_is_brought_into_form_as_the_verifier_does(body: bytes) -> None:
    head = b"From: <support@g.test>\r\nSubject: x\r\nDate: x\r\n\r\n"
    assert judged(BOTH.sign(head + body, NOW)) == ["pass", "pass"]


# ── What others make of it ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("purpose", COMPOSED)
def test_opendkim_verifies_it(key: DkimKey, purpose: Purpose, tmp_path: Path) -> None:
    opendkim = OpenDkim()
    if not opendkim.is_here():
        pytest.skip(f"needs the packages {' '.join(opendkim.packages)}")
    name, text = f"{key.selector}._domainkey.g.test", record(key)
    raw = Signer([key]).sign(compose(replace(DRAFT, purpose=purpose, body="Grüße,\n\n.\nAnne  \n")), NOW)

    assert opendkim.verifies(raw, name, text, tmp_path)
    assert not opendkim.verifies(raw.replace(b"Subject: We", b"Subject: They"), name, text, tmp_path)


@pytest.mark.parametrize("purpose", COMPOSED)
def test_mail_dkim_verifies_it_though_it_knows_rsa_alone(purpose: Purpose, tmp_path: Path) -> None:
    theirs = MailDkim()
    if not theirs.is_here():
        pytest.skip(f"needs the packages {' '.join(theirs.packages)}")
    raw = BOTH.sign(compose(replace(DRAFT, purpose=purpose)), NOW)

    assert theirs.verifies(raw, "mg1._domainkey.g.test", record(RSA), tmp_path)
    assert not theirs.verifies(raw + b"more\r\n", "mg1._domainkey.g.test", record(RSA), tmp_path)


# ── What it costs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def quickest_s(work: Any, times: int) -> float:
    """Of several tries, what the machine can do when nobody else wants it."""

    def once() -> float:
        begun = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - begun) / times

    return min(once() for _ in range(5))


def test_two_signatures_cost_a_tenth_of_the_one_of_dkimpy() -> None:
    raw = compose(DRAFT)
    pem = PRIVATE.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    ours = quickest_s(lambda: BOTH.sign(raw, NOW), 20)
    theirs = quickest_s(lambda: dkim.sign(raw, b"mg1", b"g.test", pem), 3)
    assert ours < theirs / 10, f"{ours * 1e3:.2f} ms and {theirs * 1e3:.2f} ms"


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "key",
    [DkimKey("mg1", DkimAlgorithm.RSA, b"x"), DkimKey("mg1", DkimAlgorithm.RSA, ED.private)],
    ids=["damaged", "of another kind"],
)
def test_a_key_that_is_none_is_refused_at_once(key: DkimKey) -> None:
    with pytest.raises(ValueError, match="mg1"):
        Signer([key])


def test_a_key_does_not_show_itself() -> None:
    assert "private" not in repr(RSA)


OURS = record(RSA).encode()


@pytest.mark.parametrize(
    ("found", "result"),
    [
        pytest.param((OURS,), "pass", id="as it should be"),
        pytest.param((b"v=spf1 -all", OURS.replace(b"; p=", b";p= ")), "pass", id="written otherwise"),
        pytest.param((OURS.replace(b"k=rsa", b"k=rsa; t=y"),), "policy", id="only for tests"),
        pytest.param((b"v=DKIM1; p=",), "permerror", id="revoked"),
        pytest.param((record(key_of("x", DkimAlgorithm.RSA, rsa.generate_private_key(65537, 2048))).encode(),), "fail"),
        pytest.param((record(ED).encode(),), "permerror", id="of another kind"),
        pytest.param(Missing(), "none", id="nothing"),
        pytest.param(Trouble("timeout"), "temperror", id="no answer"),
    ],
)
def test_what_stands_in_dns_is_compared_with_the_key(found: Lookup[bytes], result: str) -> None:
    assert published(RSA, "g.test", found).result == result
