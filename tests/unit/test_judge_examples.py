"""Rules carry examples: they are tried whenever rules are read, and why one fails is told condition by condition."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

import pytest

from mailgate.errors import ConfigError, Fault
from mailgate.judge.ruling import telling
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.maps import matchers, parse
from mailgate.judge.ruling.reading import compile_rules

RULE = """\
[[rule]]
name = "invoices"
when.any = [{ subject.contains = "invoice" }, { "header:x-form*" = "b" }]
unless.level = "a0"
then.queue = "billing"
"""


def read(text: str) -> Rules:
    partners = matchers({"partners": parse("partners", "x.test\n*.y.test\n", "maps/partners.txt")})
    return compile_rules([("ours.toml", tomllib.loads(text), lambda place: 7)], partners)


def faults(text: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value.faults


@pytest.mark.parametrize(
    "example",
    [
        pytest.param('[[rule.hit]]\nsubject = "Your INVOICE"\n', id="a value"),
        pytest.param('[[rule.hit]]\n"header:x-form-2" = ["a", "B"]\n', id="a header, as a rule asks for many"),
        pytest.param('[[rule.miss]]\nsubject = "invoice"\nlevel = "A0"\n', id="an exception"),
        pytest.param("[[rule.miss]]\nsize_kb = 5\n", id="a number"),
        pytest.param("[[rule.miss]]\ndate = 2026-12-24\n", id="a day"),
        pytest.param('[[rule.hit]]\nmail = "tests/a.eml"\n', id="a mail, which is read elsewhere"),
    ],
)
def test_examples_that_come_out_as_they_say_are_kept(example: str) -> None:
    (rule,) = read(RULE + example).all
    assert [(one.holds, one.place) for one in rule.examples] == [("hit" in example, "ours.toml:7")]


@pytest.mark.parametrize(
    ("example", "found"),
    [
        pytest.param(
            '[[rule.hit]]\nsubject = "A bill"\n',
            "a mail that it misses: one of: subject contains 'invoice'; there is 'a bill'"
            " | header:x-form* is 'b'; there is none",
            id="misses",
        ),
        pytest.param(
            '[[rule.hit]]\nsubject = "invoice"\nlevel = "a0"\n',
            "a mail that it misses: none of: level is 'a0': 'a0'",
            id="excepts",
        ),
        pytest.param(
            '[[rule.miss]]\nsubject = "invoice"\n',
            "a mail that it hits: subject contains 'invoice': 'invoice'",
            id="hits",
        ),
    ],
)
def test_an_example_that_fails_is_a_fault_that_says_why(example: str, found: str) -> None:
    (fault,) = faults(RULE + example)
    assert (fault.line, fault.key, fault.found) == (7, f"rule.{'hit' if 'hit' in example else 'miss'}", found)


@pytest.mark.parametrize(
    ("example", "key"),
    [
        pytest.param("hit = 1\n", "rule.hit", id="no tables"),
        pytest.param("[[rule.hit]]\n", "rule.hit[1]", id="nothing in it"),
        pytest.param('[[rule.miss]]\nsubjekt = "x"\n', "rule.miss[1].subjekt", id="no field"),
        pytest.param('[[rule.miss]]\n"header:x-*" = "x"\n', "rule.miss[1].header:x-*", id="many headers at once"),
        pytest.param("[[rule.miss]]\nsubject = true\n", "rule.miss[1].subject", id="no value"),
        pytest.param(f"[[rule.miss]]\nsubject = {['x'] * 51}\n", "rule.miss[1].subject", id="too many values"),
        pytest.param('[[rule.hit]]\nmail = "../a.eml"\n', "rule.hit[1].mail", id="a mail elsewhere"),
        pytest.param('[[rule.hit]]\nmail = "/a.eml"\n', "rule.hit[1].mail", id="a mail at the root"),
        pytest.param('[[rule.hit]]\nmail = "a.eml"\nsubject = "x"\n', "rule.hit[1].subject", id="mail and values"),
    ],
)
def test_what_is_no_example_is_a_fault(example: str, key: str) -> None:
    assert [fault.key for fault in faults(RULE + example)] == [key]


def test_examples_of_a_rule_that_is_off_are_not_tried() -> None:
    rules = read(RULE + "enabled = false\n" + '[[rule.hit]]\nsubject = "A bill"\n')
    assert ([rule.name for rule in rules.all], [rule.name for rule in rules.off]) == ([], ["invoices"])


def test_other_faults_do_not_hide_an_example_that_fails() -> None:
    found = faults(RULE + '[[rule.hit]]\nsubject = "A bill"\n[[rule]]\nname = "x"\n')
    assert {fault.key for fault in found} == {"rule.hit", "rule.when", "rule.then"}


def test_every_condition_is_told_with_what_it_met_or_what_there_was() -> None:
    values: dict[str, Sequence[str]] = {"from_domain": ["a.y.test"], "file_name": [f"{n}.txt" for n in range(7)]}
    text = 'name = "r"\nwhen.from_domain = "map:partners"\nwhen.file_name = "a.pdf"\nthen.queue = "x"\n'
    (told,) = telling.tell(read(f"[[rule]]\n{text}"), lambda field: values.get(field, ()))
    mapped, named = told.parts
    assert (mapped.words, mapped.saw) == ("from_domain is in map:partners (maps/partners.txt:2)", "a.y.test")
    assert telling.met_instead(named) == "there is '0.txt', '1.txt', '2.txt', '3.txt', '4.txt' and 2 more"
    assert (told.holds, mapped.holds, named.holds) == (False, True, False)


ODD = [
    ("hold = true", "quiet = true"),
    ("hold = true", 'trust = "once"'),
    ("quiet = true", 'trust = "once"'),
    ("hold = true", 'redirect = "a@x.test"'),
    ("reject = true", 'queue = "x"'),
]


@pytest.mark.parametrize(("one", "other"), ODD)
def test_acts_that_go_against_each_other_are_a_fault(one: str, other: str) -> None:
    (fault,) = faults(f'[[rule]]\nname = "r"\nwhen.level = "a0"\nthen.{one}\nthen.{other}\n')
    assert fault.key == f"rule.then.{other.partition(' ')[0]}"


def test_points_may_stand_beside_a_refusal() -> None:
    (rule,) = read('[[rule]]\nname = "r"\nwhen.level = "a0"\nthen.reject = "no"\nthen.score = 3\n').all
    assert (rule.acts.reject, rule.acts.score) == ("no", 3.0)
