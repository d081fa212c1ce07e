import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.address import MOST_ADDRESSES, addr_spec, parse
from mailgate.model import Mailaddr

FIELDS = {
    "bare address": ("joe@x.test", [("joe@x.test", "")]),
    "domain is folded, local part is not": ("Joe <Joe.Smith@X.Test>", [("Joe.Smith@x.test", "Joe")]),
    "trailing dot of the domain goes": ("joe@x.test.", [("joe@x.test", "")]),
    "quoted name with a comma": ('"Smith, Joe" <joe@x.test>', [("joe@x.test", "Smith, Joe")]),
    "escaped quotes in a name": ('"Joe \\"J\\" S" <joe@x.test>', [("joe@x.test", 'Joe "J" S')]),
    "encoded name": ("=?utf-8?q?J=C3=B6?= <joe@x.test>", [("joe@x.test", "Jö")]),
    "old form with a comment": ("joe@x.test (Joe Smith)", [("joe@x.test", "Joe Smith")]),
    "two addresses": ("a@x.test, B <b@y.test>", [("a@x.test", ""), ("b@y.test", "B")]),
    "semicolons as Outlook writes them": ("a@x.test; b@y.test", [("a@x.test", ""), ("b@y.test", "")]),
    "group": ("Team: a@x.test, b@y.test;", [("a@x.test", ""), ("b@y.test", "")]),
    "empty group": ("undisclosed-recipients:;", []),
    "address in the display name is a name": ("ceo@bank.test <evil@x.test>", [("evil@x.test", "ceo@bank.test")]),
    "two addresses without a comma are both named": ("<a@x.test> <b@y.test>", [("a@x.test", ""), ("b@y.test", "")]),
    "bare address behind a name": ("Joe joe@x.test", [("joe@x.test", "")]),
    "source route": ("<@relay.test,@two.test:joe@x.test>", [("joe@x.test", "")]),
    "address literal": ("joe@[192.0.2.1]", [("joe@[192.0.2.1]", "")]),
    "IPv6 literal": ("Joe <joe@[IPv6:2001:db8::1]>", [("joe@[ipv6:2001:db8::1]", "Joe")]),
    "quoted local part": ('"joe smith"@x.test', [('"joe smith"@x.test', "")]),
    "quoted local part in angle brackets": ('Joe <"joe smith"@x.test>', [('"joe smith"@x.test', "Joe")]),
    "address in UTF-8": ("用户 <用户@例子.测试>", [("用户@例子.测试", "用户")]),
    "unclosed quote is an ordinary character": ('"Joe <joe@x.test>', [("joe@x.test", "Joe")]),
    "unclosed bracket": ("Joe <joe@x.test", []),
    "mailto link": ("mailto:joe@x.test", [("joe@x.test", "")]),
    "no address": ("MAILER-DAEMON (Mail Delivery System)", []),
    "local part alone in brackets": ("Daemon <MAILER-DAEMON>", []),
    "empty": ("", []),
    "only separators": (",;:,,", []),
    "no local part": ("@x.test", []),
    "control characters in the name": ("=?utf-8?q?a=0d=0aBcc=3a_x?= <joe@x.test>", [("joe@x.test", "a  Bcc: x")]),
}


@pytest.mark.parametrize(("field", "expected"), FIELDS.values(), ids=FIELDS)
def test_a_field_names_these_addresses(field: str, expected: list[tuple[str, str]]) -> None:
    assert [Mailaddr(*each) for each in expected] == list(parse([field]))


@pytest.mark.parametrize(
    "text",
    [
        "joe",
        "joe@",
        "@x",
        "a b@x.test",
        "joe@x test",
        "a@b@c",
        "joe@x.test>",
        "<joe@x.test",
        "joe@[1,2]",
        '"a"b"@x.test',
        "",
    ],
)
def test_what_is_no_addr_spec_is_refused(text: str) -> None:
    assert addr_spec(text) == ""


def test_a_field_of_very_many_addresses_is_cut() -> None:
    assert len(parse([", ".join(f"a{n}@x.test" for n in range(5 * MOST_ADDRESSES))])) == MOST_ADDRESSES


@given(st.lists(st.text(), max_size=3))
def test_any_text_gives_addresses_that_are_addresses(fields: list[str]) -> None:
    for mailbox in parse(fields):
        assert addr_spec(mailbox.address) == mailbox.address
        assert all(char.isprintable() or char.isspace() for char in mailbox.name)


@given(st.text(alphabet='a@<>"(),:;[]\\ ', max_size=60))
def test_any_arrangement_of_specials_is_read(field: str) -> None:
    assert all("@" in mailbox.address for mailbox in parse([field]))


@pytest.mark.parametrize("unit", ["(", "<", '"', "[", "()", "<>", '""', "a@b ", "a@b,", '"\\', "(<", '"<', ":;"])
def test_hostile_fields_take_linear_time(unit: str) -> None:
    started = time.process_time()
    parse([unit * (200_000 // len(unit))])
    assert time.process_time() - started < 2
