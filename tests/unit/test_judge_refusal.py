"""Which rule refuses a mail at the door, and what is wrong with one that could not say."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mailgate.errors import ConfigError
from mailgate.judge import refusal
from mailgate.judge.ruling.rule import AllOf, AnyOf, Claim, NoneOf, Part, holds
from mailgate.model import Accepted, Case, Peer, Token, TokenKind
from mailgate.refusing import Heard
from mailgate.rulebook import load, shipped_folder
from tests.fakes.judging import GATEWAY, Judging, Letter

LEAVES = range(4)
PARTS: st.SearchStrategy[Part] = st.recursive(
    st.sampled_from([Claim(leaf, str(leaf)) for leaf in LEAVES]),
    lambda inner: st.one_of(
        *(
            st.lists(inner, max_size=3).map(lambda parts, kind=kind: kind(tuple(parts)))
            for kind in (AllOf, AnyOf, NoneOf)
        )
    ),
    max_leaves=8,
)


@given(PARTS, st.sets(st.sampled_from(LEAVES)), st.sets(st.sampled_from(LEAVES)))
def test_what_surely_holds_holds_whatever_history_says_and_what_can_hold_is_not_missed(
    part: Part, met: set[int], unknown: set[int]
) -> None:
    surely, perhaps = refusal._outlook(part, met, unknown)
    worlds = [
        (met - unknown) | set(true)
        for count in range(len(unknown) + 1)
        for true in itertools.combinations(unknown, count)
    ]
    each = [holds(part, world) for world in worlds]
    assert all(each) or not surely
    assert perhaps or not any(each)


def faults(tmp_path: Path, rule: str) -> list[tuple[str, str]]:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))
    (folder / "80-ours.toml").write_text(f'[[rule]]\nname = "r"\n{rule}\n')
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return [(fault.key, fault.allowed) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        pytest.param('when.contact = "unknown"\nthen.reject = true', "rule.when", id="asks who writes"),
        pytest.param('when.kind = "bulk"\nunless.in_thread = true\nthen.reject = true', "rule.when", id="under unless"),
        pytest.param('when.kind = "bulk"\nthen.reject = "Keine Lotterie für uns"', "rule.then.reject", id="not ASCII"),
        pytest.param('when.kind = "bulk"\nthen.redirect = "billing"', "rule.then.redirect", id="no address"),
        pytest.param('when.kind = "bulk"\nthen.redirect = ["a@b.test"]', "rule.then.redirect", id="a list"),
    ],
)
def test_a_rule_that_could_not_be_obeyed_is_a_fault(tmp_path: Path, rule: str, key: str) -> None:
    assert [fault for fault, _ in faults(tmp_path, rule)] == [key]


# ── What the door remembers ───────────────────────────────────────────────────────────────────────────────────────────


def case(raw: bytes, number: int = 1) -> Case:
    found = Judging().case(Letter(subject="Hello"))
    return replace(found, accepted=replace(found.accepted, raw=raw, journal_id=number), rules="v1")


def taken(heard: Heard, accepted: Accepted, rules: str = "v1") -> bool:
    return heard.take(accepted, GATEWAY, rules) is not None


def test_each_recipient_takes_what_was_found_out_once() -> None:
    heard, found = Heard(), case(b"one")
    heard.keep(found, 2)
    assert [taken(heard, found.accepted) for _ in range(3)] == [True, True, False]


def test_what_another_session_brought_or_other_rules_read_is_not_taken() -> None:
    heard, found = Heard(), case(b"one")
    heard.keep(found, 1)
    assert not taken(heard, found.accepted, "v2")
    assert not taken(heard, replace(found.accepted, peer=Peer("203.0.113.9")))
    assert not taken(heard, replace(found.accepted, raw=bytes(bytearray(b"one"))))
    assert taken(heard, found.accepted)


@pytest.mark.parametrize("bounds", [(2, 1000), (1000, 11)], ids=["cases", "bytes"])
def test_it_forgets_the_oldest_where_it_is_too_much(bounds: tuple[int, int]) -> None:
    heard, found = Heard(*bounds), [case(b"mail%d" % number, number) for number in range(4)]
    for one in found:
        heard.keep(one, 1)
    assert [taken(heard, one.accepted) for one in found] == [False, False, True, True]


def test_a_mail_that_bears_a_signed_name_of_ours_is_not_asked_about() -> None:
    rules = load(shipped_folder()).signals
    ours = Token(TokenKind.MESSAGE, "1", 7)
    for shown in ({"recipient": ours}, {"ours": {"<x>": ours}}, {"enclosed": {"<x>": ours}}, {"markers": (7,)}):
        assert refusal.refusal(replace(case(b""), **shown), rules, frozenset(), GATEWAY) is None


def test_the_rules_of_the_guide_are_read_as_they_stand(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))
    guide = (shipped_folder().parent / "docs" / "redirect-and-reject.md").read_text()
    blocks = [block.partition("```")[0] for block in guide.split("```toml\n")[1:]]
    (folder / "80-guide.toml").write_text("\n".join(block for block in blocks if "[[rule]]" in block))

    assert [rule.name for rule in load(folder).signals.rules.all] == ["no lotteries", "supplier invoices"]
