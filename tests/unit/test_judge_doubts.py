"""What is said of rules beside each other: nothing that is not certain, and what an admin would want to hear."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.judge.ruling import doubts, logic, maps
from mailgate.judge.ruling.acting import merged
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.doubts import Why
from mailgate.judge.ruling.fields import About, values_of
from mailgate.judge.ruling.reading import compile_rules
from mailgate.judge.ruling.rule import Rule
from tests.fakes.judging import GATEWAY
from tests.fakes.mails import MAILS, Mail
from tests.unit.test_judge_any_mail import judged


def rules_of(text: str, **lists: str) -> Rules:
    read = maps.matchers({name: maps.parse(name, entries, f"maps/{name}.txt") for name, entries in lists.items()})
    return compile_rules([("ours.toml", tomllib.loads(text), lambda place: int(place[1]) + 1)], read)


def rule(name: str, conditions: str, *, then: str = 'then.tag = "x"') -> str:
    return f'[[rule]]\nname = "{name}"\n{conditions}\n{then}\n'


def told(*tables: str) -> list[tuple[Why, str]]:
    return [(one.why, one.about) for one in doubts.of_rules(rules_of("\n".join(tables)))]


INVOICE = 'when.subject.contains = ["invoice"]'
STOP = 'then.tag = "x"\nstop = true'


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param('when.kind = "humn"', id="a value that the field never has"),
        pytest.param('when.hour = "> 23"', id="an hour after the last"),
        pytest.param('when.in_thread = "no"', id="what is yes or nothing"),
        pytest.param('when.language = "de"\nwhen.not = { language = ["de", "en"] }', id="is and is not"),
        pytest.param('when.all = [{ language = "de" }, { language = "en" }]', id="two values of one"),
        pytest.param('when.size_kb = { ">" = 5, "<" = 3 }', id="above and below"),
        pytest.param('when.date = { ">" = 2026-12-24, "<" = 2026-12-24 }', id="after and before a day"),
        pytest.param('when.time = { ">" = "17:00", "<" = "09:00" }', id="after the evening and before the morning"),
        pytest.param('when.subject = "bill"\nwhen.all = [{ subject.contains = "invoice" }]', id="is and contains"),
        pytest.param('when.language = "de"\nunless.language = true', id="is and is not there"),
        pytest.param('when.any = [{ kind = "humn" }, { kind = "buk" }]', id="none of a list"),
        pytest.param('when.level = ["a0", "a1"]\nunless.level = ["a0", "a1", "a2"]', id="unless covers it"),
    ],
)
def test_what_never_holds_is_told(conditions: str) -> None:
    assert told(rule("r", conditions)) == [(Why.NEVER_HOLDS, "r")]


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param('when.all = [{ file_name = "a" }, { file_name = "b" }]', id="two values of several"),
        pytest.param('when.size_kb = { ">" = 3, "<" = 5 }', id="between"),
        pytest.param('when.subject.contains = ["a"]\nunless.subject.contains = ["ab"]', id="narrower exception"),
        pytest.param('when.subject.matches = "a"\nunless.subject.matches = "b"', id="patterns"),
        pytest.param('when.language = "xx"', id="a language that nobody listed"),
        pytest.param('when.subject = " padded "', id="a text with spaces around it"),
    ],
)
def test_what_may_hold_is_not_doubted(conditions: str) -> None:
    assert told(rule("r", conditions)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(INVOICE, INVOICE, id="the same"),
        pytest.param(INVOICE, 'when.subject.contains = ["your invoice"]', id="a longer word"),
        pytest.param(INVOICE, f'{INVOICE}\nwhen.level = "a2"', id="one condition more"),
        pytest.param(INVOICE, 'when.subject = ["invoice", "our invoice"]', id="words that contain it"),
        pytest.param('when.from_domain.glob = "*.test"', 'when.from_domain = "x.test"', id="a word that a glob takes"),
        pytest.param('when.size_kb = "> 5"', 'when.size_kb = "> 7"', id="a higher bound"),
        pytest.param('when.any = [{ level = "a0" }, { kind = "bulk" }]', 'when.kind = "bulk"', id="one of a list"),
        pytest.param('unless.kind = "humn"', INVOICE, id="one that always holds"),
        pytest.param('when."header:x-a" = true', 'when."header:x-a" = "b"', id="a field with a value is there"),
    ],
)
def test_a_rule_behind_a_wider_one_that_stops_is_told(first: str, second: str) -> None:
    assert told(rule("first", first, then=STOP), rule("second", second)) == [(Why.UNREACHABLE, "second")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(INVOICE, 'when.subject.contains = ["invoice", "bill"]', id="wider"),
        pytest.param(f'{INVOICE}\nunless.level = "a0"', INVOICE, id="the first has an exception"),
        pytest.param('when.size_kb = "> 5"', 'when.size_kb = "> 3"', id="a lower bound"),
        pytest.param('when.from_domain.glob = "*.test"', 'when.from_domain.glob = "*.x.test"', id="globs"),
        pytest.param('when.subject.begins = "k"', 'when.subject.contains = "k"', id="begins and contains"),
    ],
)
def test_a_rule_that_may_be_asked_is_not_doubted(first: str, second: str) -> None:
    assert told(rule("first", first, then=STOP), rule("second", second)) == []


def test_a_shadow_rule_stops_nobody_and_says_nothing() -> None:
    shadow = rule("first", f"{INVOICE}\nshadow = true", then='then.queue = "a"\nstop = true')
    assert told(shadow, rule("second", INVOICE, then='then.queue = "b"')) == []


def test_what_an_earlier_rule_always_says_first_is_told() -> None:
    first = rule("first", INVOICE, then='then.queue = "billing"')
    second = rule("second", f'{INVOICE}\nwhen.level = "a2"', then='then.queue = "other"\nthen.priority = "high"')
    (found,) = doubts.of_rules(rules_of(first + second))
    assert (found.why, found.place) == (Why.UNHEARD, "ours.toml:2")
    assert found.text == (
        "the queue of the rule 'second' is never heard: "
        "'first' (ours.toml:1) holds wherever it does, and says 'billing' first"
    )


def test_acts_that_go_against_each_other_are_told_where_the_conditions_are_the_same() -> None:
    first = rule("first", INVOICE, then="then.hold = true")
    trusting = 'then.trust = "once"'
    assert told(first, rule("second", INVOICE, then=trusting)) == [(Why.CONTRADICTS, "second")]
    assert told(first, rule("second", f'{INVOICE}\nwhen.level = "a2"', then=trusting)) == []


def test_the_fields_of_a_configuration_are_closed_too() -> None:
    (found,) = doubts.of_rules(rules_of(rule("r", 'when.mailbox = "suport@g.test"')), {"mailbox": {"support@g.test"}})
    assert found.text.endswith("of no mail mailbox is 'suport@g.test'; did you mean 'support@g.test'?")


def test_a_rule_without_examples_is_told() -> None:
    tried = rule("tried", INVOICE) + '[[rule.hit]]\nsubject = "invoice"\n'
    found = doubts.without_examples(rules_of(tried + rule("untried", INVOICE)))
    assert [one.about for one in found] == ["untried"]


def test_there_is_an_end_to_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubts, "MOST_COMPARED", 1)
    assert told(*[rule(str(number), INVOICE, then=STOP) for number in range(3)])[-1][0] is Why.NOT_COMPARED
    monkeypatch.setattr(logic, "MOST_ASKED", 0)
    assert told(rule("r", 'when.kind = "human"')) == [(Why.NOT_COMPARED, "rules")]


MAP = "# ours\na.test\n*.test\nb.org\nB.org # twice\nre:^c\nc.org\n"


def test_maps_and_entries_that_nothing_needs_are_told() -> None:
    one = maps.parse("partners", MAP, "maps/partners.txt")
    used = rules_of(rule("r", 'when.from_domain = "map:partners"'), partners=MAP)
    found = [(each.place, each.why) for each in doubts.of_maps({"partners": one}, used)]
    assert found == [(f"maps/partners.txt:{line}", Why.UNUSED_ENTRY) for line in (2, 5, 7)]
    assert next(doubts.of_maps({"partners": one}, Rules())).why is Why.UNUSED_MAP


def test_a_map_with_many_needless_entries_is_told_in_few_lines() -> None:
    one = maps.parse("long", "*\n" + "".join(f"x{number}\n" for number in range(50)), "maps/long.txt")
    found = list(doubts.of_maps({"long": one}, Rules()))
    assert len(found) == doubts.MOST_OF_A_MAP + 2
    assert found[-1].text == "30 more entries of the map 'long' are needless"


def test_lists_of_words_that_nothing_names_are_told() -> None:
    document = tomllib.loads('[[words]]\nname = "a"\n[[words]]\nname = "b"\n[[signal]]\nalso = { is = "b + c" }\n')
    (found,) = doubts.unused_words([("x.toml", document, lambda place: 7)])
    assert (found.place, found.about) == ("x.toml:7", "a")


# ── Never wrong ───────────────────────────────────────────────────────────────────────────────────────────────────────

CLAIMS: list[dict[str, Any]] = [
    *({"subject": word} for word in ("a", "ab", "b ", ["a", "ab"], True, False)),
    *({"subject": {"contains": words}} for words in (["a"], ["ab"], ["b", "c"])),
    *({"subject": {"glob": glob}} for glob in ("a*", "*b")),
    *({"kind": kind} for kind in ("human", "bulk", ["human", "bulk"], "humn")),
    *({"size_kb": size} for size in ("> 5", "> 3", "< 4", "< 6", "5")),
    *({"file_name": name} for name in ("a", "b", ["a", "b"], True)),
    *({"in_thread": there} for there in ("yes", True, False)),
]


def tables(deeper: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    lists = st.lists(deeper, min_size=1, max_size=3)
    joined = st.sampled_from(["all", "any"]).flatmap(lambda name: st.fixed_dictionaries({name: lists}))
    return joined | st.fixed_dictionaries({"not": deeper})


CONDITIONS = st.recursive(st.sampled_from(CLAIMS), tables, max_leaves=4)
ACTS = st.sampled_from([{"queue": "a"}, {"queue": "b"}, {"priority": "high"}, {"hold": True}, {"tag": "x"}])
TABLES = st.fixed_dictionaries(
    {"when": CONDITIONS, "then": ACTS},
    optional={"unless": CONDITIONS, "stop": st.just(True), "shadow": st.just(True)},
)


def every_mail() -> Iterator[dict[str, Sequence[str]]]:
    subjects = [(), ("a",), ("b",), ("ab",), ("abc",)]
    kinds, sizes = [("human",), ("bulk",), ("list",)], [(), ("3",), ("4",), ("5",), ("6",)]
    names, threads = [(), ("a",), ("b",), ("a", "b"), ("c",)], [(), ("yes",)]
    for values in product(subjects, kinds, sizes, names, threads):
        yield dict(zip(("subject", "kind", "size_kb", "file_name", "in_thread"), values, strict=True))


EVERY_MAIL = tuple(every_mail())


def asked(rules: Rules, mail: dict[str, Sequence[str]]) -> list[Rule]:
    """The rules that are asked and hold."""
    found = []
    for held, _ in rules.holding(lambda field: mail.get(field, ())):
        found.append(held)
        if held.stop and not held.shadow:
            break
    return found


@settings(max_examples=40)
@given(st.lists(TABLES, min_size=1, max_size=3))
def test_a_rule_that_is_doubted_never_has_a_say(written: list[dict[str, Any]]) -> None:
    document = {"rule": [{"name": str(number), **table} for number, table in enumerate(written)]}
    rules = compile_rules([("x.toml", document, lambda place: 1)], {})
    doubted = {(one.about, one.why) for one in doubts.of_rules(rules)}
    silent = {about for about, why in doubted if why in (Why.NEVER_HOLDS, Why.UNREACHABLE)}
    unheard = {about for about, why in doubted if why is Why.UNHEARD}
    if not silent | unheard:
        return
    for mail in EVERY_MAIL:
        held = asked(rules, mail)
        assert silent.isdisjoint(one.name for one in held)
        acting = [one for one in held if not one.shadow]
        for one in (one for one in acting if one.name in unheard):
            others = [other for other in acting if other is not one]
            assert merged(acting).routed == merged(others).routed


@settings(max_examples=50)
@given(mail=MAILS)
def test_fields_of_which_all_is_known_have_no_other_values(mail: Mail) -> None:
    filing = judged(mail.raw())
    case, verdict = filing.case, filing.verdict
    about = About(case, GATEWAY, verdict.kind, verdict.findings, case.authentication, in_thread=True, spam=0.5)
    values = values_of(about)
    assert {name: values(name) for name in logic.SINGLE if len(values(name)) > 1} == {}
    assert {name: values(name) for name, all_ in logic.CLOSED.items() if not all_.issuperset(values(name))} == {}
