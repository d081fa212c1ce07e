"""The forms of reports: what is wrong with them is told where it stands, what is right is found in lines."""

from __future__ import annotations

from typing import Any

import pytest

from mailgate.errors import ConfigError, Fault
from mailgate.mail.report.forms import Forms, compile_forms
from mailgate.rulebook import load, shipped_folder

SHIPPED = load(shipped_folder()).reports


def forms(*tables: dict[str, Any], **others: Any) -> Forms:
    listed = {"form": [("reports.toml", {"form": [{"vendor": "x", **table} for table in tables]}, ())]}
    return compile_forms(others, "reports.toml", listed)


def faults(document: dict[str, Any]) -> list[Fault]:
    listed = {name: [("reports.toml", document, [line])] for name, line in (("form", 7), ("status", 9))}
    with pytest.raises(ConfigError) as caught:
        compile_forms(document, "reports.toml", listed)
    return caught.value.faults


WRONG = {
    "unknown table": ({"forms": []}, "forms", "'forms'", "form", 0),
    "unknown sender": ({"senders": {"daemon": []}}, "senders.daemon", "'daemon'", "daemons", 0),
    "senders that are none": ({"senders": []}, "senders", "[]", "", 0),
    "unknown action": ({"actions": {"fail": ["x"]}}, "actions.fail", "'fail'", "failed", 0),
    "status of success": ({"codes": {"552": "2.2.2"}}, "codes.552", "'2.2.2'", "", 0),
    "forms that are none": ({"form": {}}, "form", "{}", "", 0),
    "form without vendor": ({"form": [{}]}, "form.vendor", "nothing", "", 7),
    "unknown key": ({"form": [{"vendor": "x", "open": ["y"]}]}, "form.open", "'open'", "opens", 7),
    "unknown fate": ({"form": [{"vendor": "x", "says": "fails"}]}, "form.says", "'fails'", "failed", 7),
    "phrases that are none": ({"form": [{"vendor": "x", "opens": "y"}]}, "form.opens", "'y'", "", 7),
    "empty phrase": ({"form": [{"vendor": "x", "opens": [" "]}]}, "form.opens", "[' ']", "", 7),
    "pattern without address": ({"form": [{"vendor": "x", "recipient": ["y"]}]}, "form.recipient", "'y'", "", 7),
    "status without code": ({"status": [{"words": ["y"]}]}, "status", "nothing", "", 9),
}


@pytest.mark.parametrize(("document", "key", "found", "nearest", "line"), WRONG.values(), ids=WRONG)
def test_a_fault_is_told_with_its_place(
    document: dict[str, Any], key: str, found: str, nearest: str, line: int
) -> None:
    (fault,) = faults(document)
    assert (fault.file, fault.line, fault.key, fault.found, fault.nearest) == (
        "reports.toml",
        line,
        key,
        found,
        nearest,
    )


def test_a_pattern_that_re2_refuses_is_told() -> None:
    (fault,) = faults({"form": [{"vendor": "x", "otherwise": ["(?={address})"]}]})
    assert (fault.key, fault.allowed) == ("form.otherwise", "RE2 syntax: no look-around, no back-references")


def test_all_faults_are_told_at_once() -> None:
    assert len(faults({"forms": 1, "form": [{"says": "x"}], "status": [{"status": "5"}]})) == 4


def test_a_line_begins_with_a_phrase_whatever_frames_it() -> None:
    opens = forms({"opens": ["message * delayed", "* not here"]}).openings
    assert [
        opens.begin(line) for line in ("  ** Message  1 DELAYED **", "The message 1 delayed", "he is not here")
    ] == [
        True,
        False,
        True,
    ]


def test_phrases_say_what_their_forms_say() -> None:
    opens = forms({"says": "failed", "opens": ["a"]}, {"opens": ["ab"]}, {"says": "delayed", "opens": ["b"]}).openings
    assert [opens.said(line) for line in ("abc", "b", "c")] == [{"failed", ""}, {"delayed"}, frozenset()]


def test_no_forms_are_in_no_line() -> None:
    nothing = Forms()
    assert (nothing.openings.begin("x"), nothing.openings.said("x")) == (False, frozenset())
    assert (nothing.recipients.address("<a@x.test>"), forms().otherwise.address("a@x.test")) == ("", "")


LINES = {
    "<anne@x.test>:": "anne@x.test",
    "<anne@x.test>: host mx.x.test said: 550": "anne@x.test",
    "550 5.1.1 <anne@x.test>... User unknown": "anne@x.test",
    "  Recipient: <anne@x.test>": "anne@x.test",
    "Failed Recipient: anne@x.test": "anne@x.test",
    "Unable to deliver message to: <anne@x.test>": "anne@x.test",
    "Your message to anne@x.test couldn't be delivered.": "anne@x.test",
    "Message delivery to 'anne@x.test' failed": "anne@x.test",
    "Unknown user: anne@x.test": "anne@x.test",
    "无法发送到 anne@x.test": "anne@x.test",
    "For help write to help@x.test, please.": "",
    "From: desk@g.test": "",
    "see http://x.test/@anne": "",
}


@pytest.mark.parametrize(("line", "address"), LINES.items())
def test_the_shipped_patterns_find_whom_a_line_names(line: str, address: str) -> None:
    assert SHIPPED.recipients.address(line) == address


def test_the_end_of_a_sentence_is_no_part_of_an_address() -> None:
    assert SHIPPED.otherwise.address("  anne@x.test.") == "anne@x.test"
    assert SHIPPED.otherwise.address("anne@x.test您好，") == ""
