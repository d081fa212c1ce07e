"""Authentication-Results as values: what the standard allows, what vendors write, and any bytes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.net import results
from mailgate.net.results import Result, Statement

TRIES = 5
DKIM = Result("dkim", "pass", (("header.d", "x.test"),))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b" mx.g.test; dkim=pass header.d=x.test\r\n", DKIM, id="plain"),
        pytest.param(b"mx.g.test;dkim=pass header.d=x.test", DKIM, id="no blanks"),
        pytest.param(b" mx.g.test 1; dkim=pass header.d=x.test", DKIM, id="version"),
        pytest.param(b" mx.g.test; dkim/1=pass header.d=x.test", DKIM, id="method's version"),
        pytest.param(b" mx.g.test;\r\n\tdkim = pass\r\n\theader.d\r\n = x.test\r\n", DKIM, id="folded"),
        pytest.param(b" (a; b=c) mx.g.test (d) 1(e);(f)dkim(g)=(h)pass (i (j)) header.d=x.test", DKIM, id="comments"),
        pytest.param(rb" (\) a;) mx.g.test; dkim=pass header.d=x.test", DKIM, id="escape in a comment"),
        pytest.param(b' "MX.g.test"; dkim="pass" header.d="x.test"', DKIM, id="quoted"),
        pytest.param(b" MX.G.TEST.; DKIM=PASS Header.D=x.test", DKIM, id="case"),
        pytest.param(b' mx.g.test; dkim=pass reason="all; good" header.d=x.test', DKIM, id="reason"),
        pytest.param(b" mx.g.test; dkim=pass action=none header.d=x.test", DKIM, id="a vendor's own word"),
    ],
)  # fmt: skip
def test_one_result_is_read_however_it_is_written(value: bytes, expected: Result) -> None:
    assert results.read(value) == Statement("mx.g.test", (expected,))


def test_several_results_of_one_field() -> None:
    said = results.read(
        b" mx.g.test; spf=pass smtp.mailfrom=anne@x.test smtp.helo=mail.x.test;\r\n"
        b" dkim=pass (2048-bit key) header.i=@x.test header.b=PqBP51+l; dmarc=fail (p=NONE) header.from=x.test"
    )

    assert said is not None
    assert [(one.method, one.word) for one in said.results] == [("spf", "pass"), ("dkim", "pass"), ("dmarc", "fail")]
    assert said.results[1].properties == (("header.i", "@x.test"), ("header.b", "PqBP51+l"))


@pytest.mark.parametrize("value", [b" mx.g.test; none", b" mx.g.test 1;none", b" mx.g.test;", b" mx.g.test"])
def test_a_field_may_say_nothing(value: bytes) -> None:
    assert results.read(value) == Statement("mx.g.test", ())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" ; dkim=pass header.d=x.test", id="no name"),
        pytest.param(b" mx.g.test 2; dkim=pass header.d=x.test", id="another version"),
        pytest.param(b" mx.g.test x.test; dkim=pass header.d=x.test", id="two names"),
        pytest.param(b" mx.g.test=x; dkim=pass header.d=x.test", id="a pair for a name"),
        pytest.param(b" mx.g.test; dkim=pass (header.d=x.test", id="open comment"),
        pytest.param(b" mx.g.test) ; dkim=pass header.d=x.test", id="comment without beginning"),
        pytest.param(b' mx.g.test; dkim=pass header.d="x.test', id="open quote"),
        pytest.param(rb' mx.g.test; dkim=pass header.d="x.test\"', id="escaped end"),
        pytest.param(b" mx.g.test; dkim=pass header.d=\xff.test", id="no text"),
        pytest.param(b" mx.g.test; " + b"x" * results.FIELD_BYTES_MAX, id="too long"),
        pytest.param(b" " + b"x" * 254 + b"; dkim=pass header.d=x.test", id="no host's name"),
    ],
)
def test_what_cannot_be_read_to_its_end_is_no_statement(value: bytes) -> None:
    assert results.read(value) is None


@pytest.mark.parametrize(
    "bad",
    [b"dkim", b"dkim=", b"=pass", b'""=pass', b"dkim pass", b"dkim==pass", b"dkim=pass x", b"dkim=pass header.d",
     b"dkim/2=pass", b"dkim=pass header.b=a=b", b"none", b""],
)  # fmt: skip
def test_a_result_that_cannot_be_read_is_left_out_and_the_others_stay(bad: bytes) -> None:
    said = results.read(b" mx.g.test; " + bad + b"; dkim=pass header.d=x.test")

    assert said == Statement("mx.g.test", (DKIM,))


def test_so_many_results_are_read_and_no_more() -> None:
    said = results.read(b" mx.g.test" + b";a=b" * (results.RESULTS_MAX + 1))

    assert said is not None
    assert len(said.results) == results.RESULTS_MAX


@pytest.mark.parametrize(
    ("properties", "domain"),
    [
        ((("header.d", "X.test"),), "x.test"),
        ((("header.i", "anne@x.test"),), "x.test"),
        ((("header.i", "@x.test"),), "x.test"),
        ((("header.i", '"a b"@x.test'),), "x.test"),
        ((("header.i", "bank.test@evil.test"), ("header.d", "x.test")), "x.test"),
        ((("header.d", "evil.test"), ("header.d", "x.test")), ""),
        ((("header.d", "evil.test"), ("header.d", "x.test"), ("header.i", "@x.test")), ""),
        ((("header.d", "x" * 254),), ""),
        ((("header.from", "x.test"),), ""),
        ((), ""),
    ],
)
def test_the_domain_of_a_property(properties: tuple[tuple[str, str], ...], domain: str) -> None:
    assert Result("dkim", "pass", properties).domain("header.d", "header.i") == domain


# ── Any bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

PIECES = st.sampled_from(
    [
        b"mx.g.test",
        b" ",
        b";",
        b"=",
        b"(",
        b")",
        b'"',
        b"\\",
        b"\r\n\t",
        b"dkim",
        b"pass",
        b"header.d",
        b"/1",
        b"@",
        b".",
    ]
)


@given(st.binary(max_size=200) | st.lists(PIECES, max_size=60).map(b"".join))
def test_any_bytes_are_a_statement_or_none(value: bytes) -> None:
    said = results.read(value)

    assert said is None or all(one.method and one.word is not None for one in said.results)


@pytest.mark.parametrize(
    "mark", [b"(", b")", b'"', b"\\", b";", b"=", b" ", b"\r\n ", b"(;", b'"(', b"a=b ", "ü".encode()]
)
def test_hostile_values_take_no_longer_than_others(mark: bytes) -> None:
    """The quietest of several tries counts: what else runs on the machine only adds to it."""
    value = b" mx.g.test; dkim=pass " + mark * (8000 // len(mark))

    def took_s() -> float:
        started = time.perf_counter()
        results.read(value)
        return time.perf_counter() - started

    assert min(took_s() for _ in range(TRIES)) < 0.1
