"""The grammar of MAIL and RCPT arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.net import paths


@pytest.mark.parametrize(
    ("written", "mailbox"),
    [
        ("a@x.test", "a@x.test"),
        ("First.Last+tag=1@Example.COM", "First.Last+tag=1@Example.COM"),
        ("!#$%&'*+-/=?^_`{|}~@x.test", "!#$%&'*+-/=?^_`{|}~@x.test"),
        ("a@localhost", "a@localhost"),
        ("a@1.2.3.4", "a@1.2.3.4"),
        ("a@x--y.test", "a@x--y.test"),
        ('"a b"@x.test', '"a b"@x.test'),
        ('"a@b"@x.test', '"a@b"@x.test'),
        ('"a\\"b\\\\c"@x.test', '"a\\"b\\\\c"@x.test'),
        ('"support"@x.test', "support@x.test"),
        ('"sup\\port"@x.test', "support@x.test"),
        ('""@x.test', '""@x.test'),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
        ("@one.test,@two.test:a@x.test", "a@x.test"),
        ("a" * 200 + "@x.test", "a" * 200 + "@x.test"),
        ("müller@bücher.test", "müller@bücher.test"),
        ("用户@例子.测试", "用户@例子.测试"),
    ],
)
def test_a_mailbox_is_read(written: str, mailbox: str) -> None:
    assert paths.mailbox(written) == mailbox


@pytest.mark.parametrize(
    "written",
    [
        *("", "a", "@", "a@", "@x.test", "a@@x.test", "a@x@y.test", "a b@x.test", "a@x.test ", " a@x.test"),
        *(".a@x.test", "a.@x.test", "a..b@x.test", "a@.x.test", "a@x.test.", "a@x..test", "a@-x.test", "a@x-.test"),
        *("a@x_y.test", "a@x.test>", "(c)a@x.test", "a\r@x.test", "a\n@x.test", "a\x00@x.test", "a\t@x.test"),
        *('"a@x.test', 'a"@x.test', '"a"b@x.test', '"a\\"@x.test', '"a\x7f"@x.test', '"a\r"@x.test'),
        *("a@[", "a@[]", "a@[1.2.3]", "a@[1.2.3.256]", "a@[IPv6:]", "a@[IPv6:fe80::1%eth0]", "a@[tag:x]", "a@[::1]"),
        *("@one.test:", "one.test:a@x.test", "@one..test:a@x.test", "@one.test,two.test:a@x.test", "@:a@x.test"),
        *("a" * 257 + "@x.test", "a@" + "x" * 64 + ".test", "a@" + "x." * 126 + "test"),
        *("a\udce4@x.test", "a\x85@x.test", "a\u2028@x.test", "a\u202e@x.test", "a@x\uff0etest", "a@x\u3002test"),
    ],
)
def test_what_is_no_mailbox_is_refused(written: str) -> None:
    assert paths.mailbox(written) is None


@pytest.mark.parametrize(
    ("argument", "path", "rest"),
    [
        ("<>", "", ""),
        ("<a@x.test>", "a@x.test", ""),
        ("<a@x.test> SIZE=1", "a@x.test", " SIZE=1"),
        ('<"a>b"@x.test> SIZE=1', '"a>b"@x.test', " SIZE=1"),
        ('<"a\\">b"@x.test>', '"a\\">b"@x.test', ""),
    ],
)
def test_a_path_is_cut_off_its_parameters(argument: str, path: str, rest: str) -> None:
    assert paths.cut(argument) == (path, rest)


@pytest.mark.parametrize("argument", ["", "a@x.test", "<a@x.test", '<"a>', "<a@x.test>SIZE=1", "x<a@x.test>"])
def test_what_has_no_path_is_refused(argument: str) -> None:
    assert paths.cut(argument) is None


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", {}),
        (" SIZE=1000", {"SIZE": "1000"}),
        (" size=1 Body=8BITMIME SMTPUTF8", {"SIZE": "1", "BODY": "8BITMIME", "SMTPUTF8": ""}),
        (" X-Y=a+3Db", {"X-Y": "a+3Db"}),
    ],
)
def test_parameters_are_read(text: str, parameters: dict[str, str]) -> None:
    assert paths.parameters(text) == parameters


@pytest.mark.parametrize(
    "text", [" =1", " SIZE=", " -A=1", " A=b=c", " A=\x01", " A=\x85", " A=1\tB", " A=1 A=2", " a=1 A=2", " A_B"]
)
def test_wrong_parameters_are_refused(text: str) -> None:
    assert paths.parameters(text) is None


ANYTHING = st.text(st.characters(codec=None), max_size=80) | st.text('<>@."\\[]:,a\u00fc \x00\udcff', max_size=40)


@given(ANYTHING)
def test_any_text_is_read_or_refused(text: str) -> None:
    paths.parameters(text)
    cut = paths.cut(text)
    assert cut is None or f"<{cut[0]}>{cut[1]}" == text


@given(ANYTHING | st.builds("{}@{}".format, ANYTHING, st.sampled_from(["x.test", "[192.0.2.1]"])))
def test_a_mailbox_that_was_read_is_safe_to_show_and_reads_as_itself(text: str) -> None:
    mailbox = paths.mailbox(text)
    if mailbox is not None:
        assert paths.mailbox(mailbox) == mailbox
        assert paths.cut(f"<{mailbox}>") == (mailbox, "")
        assert len(mailbox.splitlines()) == 1
        mailbox.encode()
