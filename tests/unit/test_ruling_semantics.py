"""Asking all rules at once finds what asking each would, in their order; and what they say adds up as is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.judge.ruling import acting
from mailgate.judge.ruling.acting import merged
from mailgate.judge.ruling.asking import Rules
from mailgate.judge.ruling.fields import About
from mailgate.judge.ruling.maps import matchers, parse
from mailgate.judge.ruling.reading import MOST_DEPTH, compile_rules
from mailgate.model import Kind, Priority
from tests.fakes.judging import GATEWAY, Judging, Letter

MAPS = {"m": "ab\n*.b\nre:c$\n"}
FIELDS = ("subject", "text", "from_domain", "size_kb", "header:x-form")
WORDS = st.sampled_from(["a", "ab", "b", "abc", "x.b", "c", "ß", "ab b", "7", "12", ""])
PATTERNS = ["a", "^ab?$", "[a-c]{2}", "b|7", "a.*b", "^$", "c$", "(?:ab|12)"]
GLOBS = ["a*", "?", "*b", "*", "a?c", "12"]

# A few conditions as they are written, and what each accepts of one value.
CLAIMS: list[tuple[Any, Any]] = [
    ("ab", lambda value: value == "ab"),
    (["a", "7"], lambda value: value in {"a", "7"}),
    ("> 6", lambda value: value.isdecimal() and int(value) > 6),
    ({"<": 10}, lambda value: value.isdecimal() and int(value) < 10),
    ("map:m", lambda value: value == "ab" or value.endswith((".b", "c"))),
    *(({"contains": [word]}, lambda value, word=word: word in value) for word in ("a", "b", "ab", "ß")),
    *(({"matches": one}, lambda value, one=one: re.search(one, value, re.DOTALL) is not None) for one in PATTERNS),
    *(({"glob": one}, lambda value, one=one: fnmatchcase(value, one)) for one in GLOBS),
    ({"begins": "ab"}, lambda value: value == "ab" or value.startswith("ab:")),
]


def joined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=1, max_size=2)
    several = st.one_of(
        st.builds(lambda parts: ("any", parts), lists),
        st.builds(lambda parts: ("all", parts), lists),
        st.builds(lambda part: ("not", part), inner),
    )
    return st.builds(lambda claims, join: [*claims, join], CLAIMED, several)


CLAIMED = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(FIELDS), st.integers(0, len(CLAIMS) - 1)),
        st.tuples(st.sampled_from(FIELDS), st.booleans()),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda claim: claim[0],
)
TABLES = st.recursive(CLAIMED, joined, max_leaves=4)
MAILS = st.fixed_dictionaries({field: st.lists(WORDS, max_size=2) for field in FIELDS})


def written(table: list[Any]) -> dict[str, Any]:
    """A table of conditions as a rule file has it."""
    found: dict[str, Any] = {}
    for key, what in table:
        if key == "not":
            found[key] = written(what)
        elif key in ("any", "all"):
            found[key] = [written(one) for one in what]
        else:
            found[key] = what if isinstance(what, bool) else CLAIMS[what][0]
    return found


def holds(table: list[Any], mail: Mapping[str, list[str]]) -> bool:
    """Does all that stands in a table hold?"""
    return all(one_holds(key, what, mail) for key, what in table)


def one_holds(key: str, what: Any, mail: Mapping[str, list[str]]) -> bool:
    if key == "not":
        return not any(one_holds(*one, mail) for one in what)
    if key in ("any", "all"):
        return (any if key == "any" else all)(holds(one, mail) for one in what)
    if isinstance(what, bool):
        return bool(mail[key]) is what
    return any(CLAIMS[what][1](value) for value in mail[key])


def compiled(rules: list[dict[str, Any]]) -> Rules:
    maps = matchers({name: parse(name, text) for name, text in MAPS.items()})
    return compile_rules([("r.toml", {"rule": rules}, lambda place: 1)], maps)


@given(st.lists(st.tuples(TABLES, st.none() | TABLES), min_size=1, max_size=4), MAILS)
@settings(max_examples=60)
def test_the_rules_that_hold_are_those_whose_conditions_do(
    tables: list[tuple[list[Any], list[Any] | None]], mail: dict[str, list[str]]
) -> None:
    rules = [
        {"name": str(number), "when": written(when), "then": {"tag": "x"}}
        | ({"unless": written(unless)} if unless else {})
        for number, (when, unless) in enumerate(tables)
    ]
    found = [rule.name for rule, _ in compiled(rules).holding(mail.__getitem__)]
    expected = [
        str(number)
        for number, (when, unless) in enumerate(tables)
        if holds(when, mail) and not (unless and any(one_holds(*one, mail) for one in unless))
    ]
    assert found == expected


ACTS = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from(["a", "b"]),
        "priority": st.sampled_from(["high", "low"]),
        "tag": st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=2),
        "score": st.sampled_from([1, -2.5]),
        "hold": st.just("look"),
        "quiet": st.just(True),
    },
).filter(lambda acts: acts and not {"hold", "quiet"} <= acts.keys())


@given(st.lists(ACTS, max_size=5))
@settings(max_examples=60)
def test_the_first_rule_has_the_word_and_tags_and_points_add_up(acts: list[dict[str, Any]]) -> None:
    rules = [{"name": str(number), "when": {"subject": True}, "then": then} for number, then in enumerate(acts)]
    found = merged(compiled(rules).all)

    def first(key: str, default: Any = "") -> Any:
        return next((then[key] for then in acts if key in then), default)

    assert (found.routed.queue, found.routed.priority) == (first("queue"), Priority(first("priority", "normal")))
    assert found.routed.tags == tuple(dict.fromkeys(tag for then in acts for tag in then.get("tag", ())))
    assert found.score == sum(then.get("score", 0) for then in acts)
    assert (bool(found.hold), bool(found.quiet)) == (bool(first("hold")), bool(first("quiet")))


RULES = st.lists(
    st.fixed_dictionaries({"here": st.booleans(), "shadow": st.booleans(), "stop": st.booleans(), "then": ACTS}),
    max_size=6,
)


@given(RULES)
@settings(max_examples=40)
def test_rules_are_asked_in_order_until_one_stops_and_shadows_neither_act_nor_stop(rules: list[dict[str, Any]]) -> None:
    case = Judging().case(Letter())
    about = About(case, GATEWAY, Kind.HUMAN, (), case.authentication)
    tables = [
        {"name": str(number), "when": {"mailbox": case.mailbox.address if rule["here"] else "x@x.test"}}
        | {key: rule[key] for key in ("shadow", "stop", "then")}
        for number, rule in enumerate(rules)
    ]
    asked = compiled(tables)
    met, acting_ = [], []
    for number, rule in enumerate(rules):
        if rule["here"]:
            met.append((str(number), rule["shadow"]))
            acting_ += [] if rule["shadow"] else [asked.all[number]]
            if rule["stop"] and not rule["shadow"]:
                break

    found = acting.ruling(asked, about)

    assert [(hit.rule, hit.shadow) for hit in found.hits] == met
    assert replace(found, hits=()) == merged(acting_)


def test_a_rule_is_looked_at_only_where_its_rarest_condition_is_met() -> None:
    rules = compiled(
        [{"name": "r", "when": {"mailbox": "a@x.test", "subject": {"contains": "abc"}}, "then": {"tag": "x"}}]
    )
    common, both = ({"mailbox": ["a@x.test"], "subject": [subject]} for subject in ("other", "abc"))
    assert [rules.candidates(rules.met(mail.__getitem__)) for mail in (common, both)] == [[], [0]]


def test_what_a_map_met_is_told_with_its_line() -> None:
    maps = matchers({"m": parse("m", "# those\nab\n*.b\nre:^x+$\n", "maps/m.txt")})
    rule = {"name": "r", "when": {"from_domain": "map:m"}, "then": {"tag": "x"}}
    rules = compile_rules([("r.toml", {"rule": [rule]}, lambda place: 1)], maps)
    told = [
        saw for value in ("ab", "a.b", "XX", "none") for _, saw in rules.holding({"from_domain": [value]}.__getitem__)
    ]
    assert told == [
        ("from_domain is in map:m (maps/m.txt:2): 'ab'",),
        ("from_domain is in map:m (maps/m.txt:3): 'a.b'",),
        ("from_domain is in map:m (maps/m.txt:4): 'xx'",),
    ]


def test_tables_lie_in_tables_as_deep_as_is_said() -> None:
    inner: dict[str, Any] = {"subject": "ab"}
    for _ in range(MOST_DEPTH):
        inner = {"all": [inner]}
    rules = compiled([{"name": "r", "when": inner, "then": {"tag": "x"}}])
    assert [rule.name for rule, _ in rules.holding({"subject": ["ab"]}.__getitem__)] == ["r"]
