"""`mailgate rules`: what is wrong with rules, what is doubtful, and what they say of a mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.cli.rules_test import marks
from tests.cli.conftest import Printed, Run

RULES = """\
[[rule]]
name = "supplier invoices"
when.from_domain.glob = "*supplier.example"
when.subject.contains = ["invoice"]
unless.subject.contains = "reminder"
then.queue = "support"
then.tag = "invoice"
  [[rule.hit]]
  from_domain = "supplier.example"
  subject = "Your invoice"
  [[rule.miss]]
  mail = "tests/reminder.eml"

[[rule]]
name = "small"
when.any = [{ size_kb = "< 5" }, { language = "xx" }]
stop = true
then.priority = "high"

[[rule]]
name = "watched"
when.size_kb = "< 3"
shadow = true
then.hold = true
"""

MAIL = """\
From: Joe <joe@supplier.example>
To: support@g.test
Subject: {subject}
Date: Thu, 1 Jan 2026 10:00:00 +0000
Message-ID: <1@supplier.example>

Hello there
"""


@pytest.fixture
def own(folder: Path) -> Path:
    """A folder of rules beside the configuration, with two mails."""
    rules = folder / "ours"
    (rules / "tests").mkdir(parents=True)
    (rules / "70-ours.toml").write_text(RULES)
    (rules / "tests/invoice.eml").write_text(MAIL.format(subject="Your invoice"))
    (rules / "tests/reminder.eml").write_text(MAIL.format(subject="Reminder: invoice"))
    return rules


def rules(mailgate: Run, own: Path, *arguments: str) -> Printed:
    command, *more = arguments
    return mailgate("rules", command, "--rules", str(own), *more)


def test_every_fault_is_shown_with_its_line_and_what_to_write(mailgate: Run, own: Path) -> None:
    (own / "70-ours.toml").write_text(RULES.replace("{ language", "{ langauge").replace('"high"', '"hihg"'))

    done = rules(mailgate, own, "check")

    assert done.code == 78
    assert done.err.splitlines() == [
        f"{own}/70-ours.toml:16:36: rule.when.any[2].langauge: found 'langauge', which is no field",
        '  16 | when.any = [{ size_kb = "< 5" }, { langauge = "xx" }]',
        "     |                                    ^^^^^^^^",
        "       did you mean 'language'?",
        '       allowed: a field that `mailgate rules fields` lists, "header:name" in lower case, all, any or not',
        f"{own}/70-ours.toml:18:17: rule.then.priority: found 'hihg'",
        '  18 | then.priority = "hihg"',
        "     |                 ^^^^^^",
        "       did you mean 'high'?",
        "       allowed: one of low, normal, high, urgent",
    ]


def test_an_address_that_the_configuration_does_not_list_is_shown_with_its_line(mailgate: Run, own: Path) -> None:
    (own / "70-ours.toml").write_text(RULES.replace('then.queue = "support"', 'then.redirect = "a@x.test"'))
    done = rules(mailgate, own, "check")
    assert done.code == 78
    assert done.err.startswith(f"{own}/70-ours.toml:6:17: rule.then.redirect: found 'a@x.test'\n")


def test_faults_are_objects_too(mailgate: Run, own: Path) -> None:
    (own / "70-ours.toml").write_text(RULES.replace('"high"', '"hihg"'))
    done = rules(mailgate, own, "check", "--json")
    (fault,) = done.objects
    assert (done.code, fault["line"], fault["column"], fault["nearest"]) == (78, 18, 17, "high")
    assert (fault["key"], fault["shown"]) == ("rule.then.priority", 'then.priority = "hihg"')


def test_what_is_doubtful_is_warned_of_and_counts_only_where_that_is_asked(mailgate: Run, own: Path) -> None:
    strict = rules(mailgate, own, "check", "--strict", "--json")
    (found,) = strict.objects
    assert strict.code == 1
    assert [(one["kind"], one["line"]) for one in found["warnings"]] == [
        ("unreachable", 20),
        ("no-example", 14),
        ("no-example", 20),
    ]
    assert "the rule 'watched' is never asked: 'small' (local/70-ours.toml:14) holds" in found["warnings"][0]["text"]
    assert (found["rules"], found["examples"]) == (3, 2)


def test_the_shipped_rules_leave_no_doubt(mailgate: Run) -> None:
    (found,) = mailgate("rules", "check", "--json").objects
    assert (found["warnings"], found["notes"]) == ([], [])


def test_each_rule_tells_which_condition_met_which_value(mailgate: Run, own: Path) -> None:
    done = rules(mailgate, own, "test", str(own / "tests/invoice.eml"))

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[1:11] == [
        "  ✓ supplier invoices (local/70-ours.toml:1): queue support, tag invoice",
        "      ✓ from_domain glob '*supplier.example': 'supplier.example'",
        "      ✓ subject contains 'invoice': 'your invoice'",
        "      ✓ none of",
        "          ✗ subject contains 'reminder'; there is 'your invoice'",
        "  ✓ small (local/70-ours.toml:14): priority high, stop",
        "      ✓ one of",
        "          ✓ size_kb < 5: '0'",
        "          ✗ language is 'xx'; there is 'en'",
        "  ✓ watched (local/70-ours.toml:20): hold (shadow: only counted); not asked: 'small' stopped",
    ]
    assert "  Rules say      queue support; priority high; tag invoice" in lines
    assert any(line.startswith("  Where it goes  it waits") for line in lines)


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", ("✗", "✓")), ("ascii", ("-", "+")), (None, ("-", "+"))])
def test_a_terminal_gets_the_marks_that_it_can_show(encoding: str | None, expected: tuple[str, str]) -> None:
    assert marks(encoding) == expected


def test_the_same_as_objects(mailgate: Run, own: Path) -> None:
    (found,) = rules(mailgate, own, "test", "--json", str(own / "tests/reminder.eml")).objects
    assert [(one["name"], one["holds"], one["asked"]) for one in found["rules"]] == [
        ("supplier invoices", False, True),
        ("small", True, True),
        ("watched", True, False),
    ]
    assert (found["disposition"], found["ruling"]["routed"]["priority"]) == ("hold", "high")


def test_rules_that_are_far_from_holding_are_only_counted(mailgate: Run, own: Path) -> None:
    far = "".join(f'[[rule]]\nname = "{n}"\nwhen.language = "x{n}"\nthen.tag = "x"\n' for n in range(30))
    (own / "80-far.toml").write_text(far)
    mail = str(own / "tests/invoice.eml")
    assert "10 more rules of which nothing is met (--all shows them)" in rules(mailgate, own, "test", mail).out
    assert "more rules" not in rules(mailgate, own, "test", "--all", mail).out


def test_a_mail_that_cannot_be_read_is_told(mailgate: Run, own: Path) -> None:
    done = rules(mailgate, own, "test", str(own / "none.eml"))
    assert (done.code, "cannot be explained: No such file" in done.out) == (65, True)


def test_all_examples_are_tried_whole_mails_among_them(mailgate: Run, own: Path) -> None:
    good = rules(mailgate, own, "test")
    assert (good.code, good.out) == (0, "3 rules with 2 examples: all come out as they say.\n")

    (own / "tests/reminder.eml").write_text(MAIL.format(subject="Your invoice"))
    bad = rules(mailgate, own, "test")
    assert bad.code == 1
    assert f"{own}/70-ours.toml:11:3: rule.miss: found tests/reminder.eml, which it hits" in bad.out

    (own / "tests/reminder.eml").unlink()
    lost = rules(mailgate, own, "check")
    assert (lost.code, "tests/reminder.eml, which cannot be read" in lost.err) == (78, True)


def test_rules_are_listed_in_their_order(mailgate: Run, own: Path) -> None:
    (own / "80-off.toml").write_text('[[rule]]\nname = "old"\nenabled = false\nwhen.language = "de"\nthen.tag = "x"\n')
    found = rules(mailgate, own, "list", "--json").objects
    assert [(one["rule"], one["marked"]) for one in found] == [
        ("supplier invoices", ["local"]),
        ("small", ["stop", "local"]),
        ("watched", ["shadow", "local"]),
        ("old", ["off", "local"]),
    ]


def test_fields_are_listed_with_what_they_mean(mailgate: Run) -> None:
    found = mailgate("rules", "fields", "--json").objects
    assert {"subject", "contact", "hour"} <= {one["field"] for one in found}
    assert mailgate("rules", "fields", "weekday").out.startswith("weekday  mon, tue")
    assert mailgate("rules", "fields", "nosuchthing").out == "No field is like that.\n"
