"""What a listed peer says of the client behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.net import proxy
from mailgate.net.proxy import Header, HeaderError

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
IPV4 = bytes([192, 0, 2, 7, 198, 51, 100, 1, 18, 52, 0, 25])
IPV6 = bytes.fromhex("20010db8000000000000000000000007" * 2) + b"\x12\x34\x00\x19"


def _version_2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + bytes([0x20 | command, family]) + len(addresses).to_bytes(2, "big") + addresses


@pytest.mark.parametrize(
    ("header", "ip"),
    [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
        (_version_2(1, 0x11, IPV4), "192.0.2.7"),
        (_version_2(1, 0x11, IPV4 + b"\x04\x00\x01x"), "192.0.2.7"),
        (_version_2(1, 0x21, IPV6), "2001:db8::7"),
        (_version_2(1, 0x00, b""), ""),
        (_version_2(0, 0x11, IPV4), ""),
    ],
)
def test_a_header_is_read_once_it_is_whole(header: bytes, ip: str) -> None:
    assert all(proxy.proxy_header(header[:end]) is None for end in range(len(header)))
    assert proxy.proxy_header(header + b"EHLO x\r\n") == Header(len(header), ip)


@pytest.mark.parametrize(
    "start",
    [
        *(b"EHLO x\r\n", b"\r\nx", b"PROXZ", b"PROXY \r\n", b"PROXY TCP4\r\n", b"PROXY  TCP4 1 2 3 4\r\n"),
        *(b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", b"PROXY TCP4 192.0.2.7 1.2.3.4 1\r\n", b"PROXY " + b"x" * 102),
        *(_version_2(2, 0x11, IPV4), _version_2(1, 0x11, IPV4[:11]), _version_2(1, 0x31, b"x" * 216)),
        *(b"\r\n\r\n\x00\r\nQUIT\n\x11\x11\x00\x00", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"),
    ],
)
def test_anything_else_is_no_header(start: bytes) -> None:
    with pytest.raises(HeaderError):
        proxy.proxy_header(start)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda rest: SIGNATURE + b"\x21" + rest)))
def test_any_bytes_are_a_header_or_the_beginning_of_one_or_neither(start: bytes) -> None:
    try:
        header = proxy.proxy_header(start)
    except HeaderError:
        return
    assert header is None or header.length <= len(start)


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("ADDR=192.0.2.7 name=there.test", {"ADDR": "192.0.2.7", "NAME": "there.test"}),
        ("HELO=a+20b ADDR=[UNAVAILABLE]", {"HELO": "a b", "ADDR": ""}),
        ("ADDR=[tempunavail]", {"ADDR": ""}),
    ],
)
def test_attributes_are_read(text: str, attributes: dict[str, str]) -> None:
    assert proxy.attributes(text) == attributes


@pytest.mark.parametrize("text", ["", "ADDR", "FROB=1", "HELO=+0D+0A", "HELO=+zz", "HELO=+", "HELO=é", "HELO=+FF"])
def test_wrong_attributes_are_refused(text: str) -> None:
    assert proxy.attributes(text) is None


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("IPV6:2001:DB8::7", "2001:db8::7"),
        ("ipv6:::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("there.test", None),
    ],
)
def test_the_address_of_an_attribute_is_read(text: str, ip: str | None) -> None:
    assert proxy.attribute_ip(text) == ip
