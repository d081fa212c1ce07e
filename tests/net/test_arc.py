"""ARC chains: the validation suite of the protocol's authors, and what the suite does not ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dkim
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mailgate.net import arc, dkim_guard
from mailgate.net.arc import Chain
from mailgate.net.resolver import Missing
from tests.corpora import CORPORA, absent
from tests.fakes import seals

SUITE = "suites/arc/tests/arc-draft-validation-tests.yml"
RAW = b"From: anne@x.test\r\nTo: support@g.test\r\nSubject: Hello\r\nDate: x\r\n\r\nHello there\r\n"
INNER = seals.seal(RAW, "h.test; dkim=pass header.d=x.test", domain="h.test")
SEALED = seals.seal(INNER, "f.test; arc=pass; dkim=pass header.d=x.test", number=2)
RECORDS = {f"s1._domainkey.{domain}": seals.record() for domain in ("f.test", "h.test")}


def validated(raw: bytes, records: dict[str, bytes]) -> Chain:
    head, body = dkim_guard.split(raw)
    header = dkim_guard.fields(head) or []
    chain = arc.sets(header)
    if isinstance(chain, Chain):
        return chain
    keys = {name: (records[name],) if name in records else Missing() for name in arc.key_names(chain)}
    return arc.verify(header, body, chain, keys)


def cases() -> Iterator[Any]:
    if reason := absent(SUITE):
        yield pytest.param("", {}, "", marks=pytest.mark.skip(reason=reason))
        return
    for scenario in yaml.safe_load_all((CORPORA / SUITE).read_text()):
        for name, test in scenario["tests"].items() if scenario else ():
            yield pytest.param(test["message"], scenario["txt-records"], test["cv"], id=name)


@pytest.mark.parametrize(("message", "records", "expected"), list(cases()))
def test_the_suite_of_the_protocol_s_authors(message: str, records: dict[str, str], expected: str) -> None:
    chain = validated(message.replace("\n", "\r\n").encode(), {name: text.encode() for name, text in records.items()})

    # The suite says nothing of a chain that says itself that it failed; RFC 8617 section 5.2 step 2: it has failed.
    assert chain.result == (expected or "fail").lower()


def test_a_chain_of_two_names_its_outer_sealer_and_what_he_found() -> None:
    chain = validated(SEALED, RECORDS)

    assert (chain.result, chain.sealer) == ("pass", "f.test")
    assert chain.results.strip() == b"f.test; arc=pass; dkim=pass header.d=x.test"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"i=2; cv", b"i=3; cv"),
        (b"i=2; cv", b"i=1; cv"),
        (b"i=2; cv", b"i=02; cv"),
        (b"i=2; cv", b"i=+2; cv"),
        (b"i=2; cv", b"i=51; cv"),
        (b"i=2; f", b" ; f"),
        (b"i=2; f", b"i=2 f"),
        (b"cv=pass", b"cv=none"),
        (b"cv=pass", b"h=from; cv=pass"),
        (b"h=from:", b"h=arc-seal:from:"),
        (b"h=from:", b"h=" + b"x:" * 128 + b"from:"),
        (b"a=rsa-sha256; d=f", b"a=rsa-sha1; d=f"),
        (b"a=rsa-sha256; d=f", b"a=ed25519-sha256; d=f"),
        (b"c=relaxed/relaxed", b"c=loose/relaxed"),
        (b"d=f.test", b"d=f.test\xc3\xbc"),
        (b"b=", b"b=*"),
        (SEALED[(bh := SEALED.index(b"bh=")) : bh + 4], b"bh=!"),
    ],
)
def test_every_change_of_the_newest_set_breaks_the_chain(old: bytes, new: bytes) -> None:
    assert old in SEALED
    assert validated(SEALED.replace(old, new, 1), RECORDS).result == "fail"


@pytest.mark.parametrize("cv", ["fail", "none"])
def test_a_seal_that_confesses_is_taken_at_its_word(cv: str) -> None:
    assert validated(seals.seal(INNER, "f.test; arc=fail", number=2, cv=cv), RECORDS).result == "fail"


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255))
def test_no_chain_passes_that_another_verifier_refuses(place: int, octet: int) -> None:
    """dkimpy's own verifier is laxer here and there, and slow for hostile mail; for us it is a second opinion."""
    raw = SEALED[:place] + bytes([octet]) + SEALED[place + 1 :]

    if validated(raw, RECORDS).result == "pass":
        found, _, _ = dkim.arc_verify(
            raw, logger=dkim_guard.SILENT, dnsfunc=lambda name, timeout: RECORDS.get(name.decode().rstrip("."), b"")
        )
        assert found == b"pass"
