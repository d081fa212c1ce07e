"""The key of an address is coarser than the address, and never leaves its domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.domains import a_label
from mailgate.judge.canonical import base_local, canonical, domain_of, untagged

KEYS = [
    pytest.param("Joe@X.Test", "joe@x.test", id="case"),
    pytest.param(" joe@x.test ", "joe@x.test", id="blanks around it"),
    pytest.param("joe+shop@x.test", "joe@x.test", id="sub-address"),
    pytest.param("+shop@x.test", "+shop@x.test", id="nothing before the sub-address"),
    pytest.param("J.o.e+x@GoogleMail.com", "joe@gmail.com", id="dots of Gmail"),
    pytest.param("j.o.e@x.test", "j.o.e@x.test", id="dots elsewhere"),
    pytest.param("prvs=1234=joe@x.test", "joe@x.test", id="BATV"),
    pytest.param("btv1==abc==joe@x.test", "joe@x.test", id="BATV of Barracuda"),
    pytest.param('"joe"@x.test', "joe@x.test", id="quoted without need"),
    pytest.param("joe@x.test.", "joe@x.test", id="root dot"),
    pytest.param("joe@BÜCHER.test", "joe@xn--bcher-kva.test", id="U-label"),
    pytest.param("jo\u0308rg@x.test", "j\u00f6rg@x.test", id="two ways to write one letter"),
    pytest.param("", "", id="nothing"),
    pytest.param("joe", "", id="no domain"),
    pytest.param("@x.test", "", id="no local part"),
    pytest.param("joe@", "", id="empty domain"),
    pytest.param("joe@.", "", id="only a dot for a domain"),
    pytest.param("...@gmail.com", "", id="only dots at Gmail"),
]


@pytest.mark.parametrize(("address", "key"), KEYS)
def test_an_address_is_remembered_under_its_key(address: str, key: str) -> None:
    assert canonical(address) == key


def test_an_author_cannot_dress_up_as_somebody_of_another_domain() -> None:
    """SRS in a reverse-path is a forwarder's; in From it would carry the proof of one domain into another."""
    assert domain_of(canonical("SRS0=hhh=tt=victim.test=joe@evil.test")) == "evil.test"


TAGS = [
    pytest.param("joe@x.test", "joe@x.test", id="plain"),
    pytest.param("prvs=1234=joe@x.test", "joe@x.test", id="BATV"),
    pytest.param("SRS0=hhh=tt=x.test=joe@forward.test", "joe@x.test", id="SRS0"),
    pytest.param("srs0+hhh=tt=x.test=joe@forward.test", "joe@x.test", id="SRS0 with plus"),
    pytest.param("SRS1=hhh=one.test==hhh=tt=x.test=joe@two.test", "joe@x.test", id="SRS1"),
    pytest.param("SRS0=hhh=tt=x.test=prvs=1234=joe@forward.test", "joe@x.test", id="SRS around BATV"),
    pytest.param("", "", id="null"),
    pytest.param("joe", "joe", id="no address"),
]


@pytest.mark.parametrize(("reverse_path", "plain"), TAGS)
def test_a_reverse_path_is_read_without_its_tags(reverse_path: str, plain: str) -> None:
    assert untagged(reverse_path) == plain


ADDRESSES = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}{}@{}".format,
        st.sampled_from(["", "prvs=ab=", "btv1==ab==", '"', "SRS0=a=b=c.test=", "+", "."]),
        st.text(max_size=20),
        st.sampled_from(["x.test", "gmail.com", "googlemail.com", "münchen.test", "ex。test", "ßß.test", ""]),
    ),
)


@given(ADDRESSES)
def test_a_key_is_its_own_key(address: str) -> None:
    assert canonical(canonical(address)) == canonical(address)


@given(st.text(alphabet="abcdefgh.+=", min_size=1, max_size=20), st.sampled_from(["x.test", "mail.y.test", "z.co.uk"]))
def test_a_key_keeps_its_domain(local: str, domain: str) -> None:
    assert canonical(f"{local}@{domain}") == "" or canonical(f"{local}@{domain}").endswith(f"@{domain}")


@given(st.text(max_size=80))
def test_any_text_has_an_outcome(text: str) -> None:
    canonical(text), untagged(text), base_local(text), a_label(text), domain_of(text)


def test_a_domain_counts_as_its_organization() -> None:
    assert domain_of("joe@mail.eu.example.co.uk") == "example.co.uk"
