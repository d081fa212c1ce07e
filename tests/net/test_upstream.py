"""Which Authentication-Results are our upstream's: who speaks, the name in the field, and where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model import Peer
from mailgate.net import upstream
from mailgate.net.dkim_guard import Field
from mailgate.net.upstream import Upstreams

RECEIVED: Field = (b"Received", b" from mx.x.test by mx.g.test\r\n")
GOOD: Field = (b"Authentication-Results", b" mx.g.test; dkim=pass header.d=x.test\r\n")
IDS = frozenset({"mx.g.test"})


def ids(*header: Field) -> list[str]:
    return [statement.authserv_id for statement in upstream.statements(header, IDS)]


def under(name: bytes) -> Field:
    return b"Authentication-Results", name + b"; dkim=pass header.d=x.test\r\n"


# ── Who speaks ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("peers", "peer", "included"),
    [
        pytest.param(["192.0.2.0/24"], Peer(ip="192.0.2.7"), True, id="listed"),
        pytest.param(["192.0.2.7/32", "2001:db8::/32"], Peer(ip="2001:db8::1"), True, id="listed, IPv6"),
        pytest.param(["192.0.2.0/24"], Peer(ip="::ffff:192.0.2.7"), True, id="listed, mapped"),
        pytest.param(["192.0.2.0/24"], Peer(ip="198.51.100.7"), False, id="not listed"),
        pytest.param([], Peer(ip="192.0.2.7"), False, id="nobody is listed"),
        pytest.param(["192.0.2.0/24"], Peer(ip="127.0.0.1"), False, id="loopback is not listed by itself"),
        pytest.param(["127.0.0.0/8"], Peer(ip="127.0.0.1"), True, id="loopback, listed"),
        pytest.param(["127.0.0.0/8"], Peer(), False, id="a unix socket is no loopback"),
        pytest.param(["192.0.2.0/24"], Peer(), False, id="a unix socket is not listed by itself"),
        pytest.param(["unix"], Peer(), True, id="unix, listed"),
        pytest.param(["unix"], Peer(ip="127.0.0.1"), False, id="loopback is no unix socket"),
        pytest.param(["192.0.2.0/24"], Peer(ip="192.0.2.7", via="198.51.100.7"), False, id="a client who is listed"),
        pytest.param(["192.0.2.0/24"], Peer(ip="198.51.100.7", via="192.0.2.7"), True, id="who speaks for a client"),
        pytest.param(["unix"], Peer(ip="198.51.100.7", via=""), True, id="who speaks for a client, unix"),
        pytest.param(["unix"], Peer(ip="", via="198.51.100.7"), False, id="an unknown client is no unix socket"),
        pytest.param(["192.0.2.0/24"], Peer(ip="banana"), False, id="no address"),
    ],
)
def test_the_word_of_listed_peers_is_taken(peers: list[str], peer: Peer, included: bool) -> None:
    assert Upstreams.named(peers, ["mx.g.test"]).include(peer) is included


def test_without_a_name_nobody_s_word_is_taken() -> None:
    assert not Upstreams.named(["192.0.2.0/24"], []).include(Peer(ip="192.0.2.7"))


# ── Which fields ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param([GOOD, RECEIVED], ["mx.g.test"], id="above"),
        pytest.param([(b"Return-Path", b" <a@x.test>\r\n"), GOOD, RECEIVED], ["mx.g.test"], id="below other traces"),
        pytest.param([RECEIVED, GOOD], [], id="below Received"),
        pytest.param([RECEIVED, GOOD, RECEIVED], [], id="above somebody else's Received"),
        pytest.param([(b"RECEIVED", b" x\r\n"), GOOD, RECEIVED], [], id="below Received in capitals"),
        pytest.param([GOOD], [], id="no Received"),
        pytest.param([GOOD, GOOD, RECEIVED], ["mx.g.test", "mx.g.test"], id="two filters of one upstream"),
        pytest.param([GOOD, RECEIVED, GOOD], ["mx.g.test"], id="once its own, once forged"),
        pytest.param([under(b" other.test"), RECEIVED], [], id="another name"),
        pytest.param([under(b" x.mx.g.test"), RECEIVED], [], id="a sub-domain"),
        pytest.param([under(b" g.test"), RECEIVED], [], id="the domain above"),
        pytest.param([under(b" (mx.g.test) other.test"), RECEIVED], [], id="the name in a comment"),
        pytest.param([under(b" other.test (mx.g.test"), RECEIVED], [], id="the name in an open comment"),
        pytest.param([under(b" other.test mx.g.test"), RECEIVED], [], id="two names"),
        pytest.param([under(b" (x) MX.g.test (y) 1"), RECEIVED], ["mx.g.test"], id="comments around the name"),
        pytest.param([under(b"\r\n\t mx.g.test\r\n 1"), RECEIVED], ["mx.g.test"], id="folded"),
        pytest.param([under(b' "mx.g.test"'), RECEIVED], ["mx.g.test"], id="quoted"),
        pytest.param([(b"AUTHENTICATION-results", GOOD[1]), RECEIVED], ["mx.g.test"], id="case"),
        pytest.param([(b"X-Authentication-Results", GOOD[1]), RECEIVED], [], id="another field"),
        pytest.param([(b"ARC-Authentication-Results", b" i=1;" + GOOD[1]), RECEIVED], [], id="a sealer's field"),
        pytest.param([GOOD] * 21 + [RECEIVED], [], id="more than any upstream writes"),
    ],
)
def test_a_field_counts_by_its_name_and_place(header: list[Field], expected: list[str]) -> None:
    assert ids(*header) == expected


def test_a_name_is_the_same_in_both_forms() -> None:
    ids = Upstreams.named(["unix"], ["mx.BÜCHER.test"]).authserv_ids

    assert upstream.statements([under("mx.bücher.test".encode()), RECEIVED], ids)
    assert upstream.statements([under(b"mx.xn--bcher-kva.test"), RECEIVED], ids)


@given(
    st.lists(st.tuples(st.sampled_from([b"Received", b"Authentication-Results"]), st.binary(max_size=99)), max_size=9)
)
def test_any_bytes_are_answered(header: list[Field]) -> None:
    assert {statement.authserv_id for statement in upstream.statements(header, IDS)} <= IDS
