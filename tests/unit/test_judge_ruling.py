"""What the [[rule]] tables of the rule files say of a mail, and what is wrong with one that says nothing sensible."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from mailgate.cli.queues import by_rules_alone
from mailgate.errors import ConfigError, Fault
from mailgate.judge import tags
from mailgate.judge.ruling import acting, reading
from mailgate.judge.ruling.fields import About
from mailgate.model import Authentication, Case, Kind, Level, Priority, Routed, Ruling
from mailgate.rulebook import Rulebook, load, shipped_folder
from tests.fakes.judging import GATEWAY, Judging, Letter

NAMED = 'name = "r"\nthen.queue = "x"\n'
INVOICE = 'name = "r"\nwhen.bare_subject.contains = "invoice"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))


def taught(folder: Path, *tables: str) -> Rulebook:
    (folder / "70-ours.toml").write_text("".join(f"[[rule]]\n{table}\n" for table in tables))
    return load(folder)


def faults(folder: Path, *tables: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        taught(folder, *tables)
    return caught.value.faults


def case(**more: object) -> Case:
    return replace(Judging().case(Letter(subject="Re: Your Invoice 7")), **more)


def about(of: Case | None = None, **more: object) -> About:
    given = About(of or case(), GATEWAY, Kind.HUMAN, (), Authentication(Level.A2))
    return replace(given, **more)


def ruled(folder: Path, *tables: str, of: About | None = None) -> Ruling:
    return acting.ruling(taught(folder, *tables).signals.rules, of or about())


def test_as_it_is_shipped_no_rule_does_anything() -> None:
    rules = load(shipped_folder()).signals.rules
    assert rules.all == ()
    assert acting.ruling(rules, about()) == Ruling()


def test_the_examples_of_the_shipped_file_are_right_as_they_stand(folder: Path) -> None:
    lines = (folder / "60-routing.toml").read_text().splitlines()
    start = lines.index("#[[rule]]")
    examples = [line.removeprefix("#") for line in lines[start:] if not line.startswith("# ")]
    (folder / "60-routing.toml").write_text("\n".join(examples))

    assert [rule.name for rule in load(folder).signals.rules.all] == ["invoices", "big customer"]


def test_the_first_rule_that_names_a_thing_has_the_word_and_tags_and_points_add_up(folder: Path) -> None:
    first = f'{INVOICE}then.queue = "billing"\nthen.tag = "#Invoice"\nthen.score = 1.5\n'
    second = (
        INVOICE.replace('"r"', '"s"')
        + 'then.queue = "other"\nthen.priority = "low"\nthen.assign = "anne"\nthen.tag = ["paper"]\nthen.score = -4\n'
    )

    found = ruled(folder, first, second)

    assert found.routed == Routed("billing", Priority.LOW, ("invoice", "paper"), "anne")
    assert found.score == -2.5


def test_each_hit_names_the_rule_its_place_what_it_does_and_what_it_saw(folder: Path) -> None:
    (hit,) = ruled(folder, f'{INVOICE}then.queue = "billing"\nthen.priority = "high"\n').hits

    assert (hit.rule, hit.place, hit.says) == ("r", "70-ours.toml:1", "queue billing, priority high")
    assert hit.saw == ("bare_subject contains 'invoice': 'your invoice 7'",)


def test_a_shadow_rule_is_counted_and_does_nothing(folder: Path) -> None:
    shadow = f'{INVOICE}shadow = true\nstop = true\nthen.queue = "billing"\nthen.hold = true\n'
    acts = INVOICE.replace('"r"', '"s"') + 'then.tag = "x"\n'

    found = ruled(folder, shadow, acts)

    assert [(hit.rule, hit.shadow) for hit in found.hits] == [("r", True), ("s", False)]
    assert (found.routed, found.hold) == (Routed(tags=("x",)), "")


def test_a_rule_that_stops_is_the_last_one_asked_and_one_that_is_off_is_none(folder: Path) -> None:
    off = f'{INVOICE}enabled = false\nthen.queue = "off"\n'
    stops = INVOICE.replace('"r"', '"s"') + 'stop = true\nthen.queue = "billing"\n'
    late = INVOICE.replace('"r"', '"t"') + 'then.tag = "x"\n'

    assert ruled(folder, off, stops, late).routed == Routed("billing")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param('when.mailbox = "support@g.test"', True, id="a text"),
        pytest.param('when.mailbox = ["sales@g.test", "Support@g.test"]', True, id="one of a list"),
        pytest.param('when.mailbox = "sales@g.test"', False, id="another text"),
        pytest.param('when.language = "de"', True, id="language"),
        pytest.param('when.size_kb = "> 0"', False, id="a number above"),
        pytest.param('when.size_kb = "< 5"', True, id="a number below"),
        pytest.param('when.size_kb = { ">" = -1, "<" = 1 }', True, id="a number between"),
        pytest.param('when.date = "> 2025-12-31"', True, id="a day after"),
        pytest.param('when.date."<" = 2026-01-01', False, id="a day before"),
        pytest.param('when.from_domain.glob = "*.test"', True, id="glob"),
        pytest.param("when.subject.matches = 'invoice [0-9]'", True, id="pattern"),
        pytest.param('when.subject.begins = "re:"', True, id="begins"),
        pytest.param('when."header:x-form" = true', False, id="a field that is there"),
        pytest.param('when."header:x-form" = false', True, id="a field that is not there"),
        pytest.param('when."header:x-form".present = false', True, id="likewise, as a matcher"),
        pytest.param('when.subject.contains = "invoice"\nwhen.level = "a0"', False, id="all of several"),
        pytest.param('when.any = [{ level = "a0" }, { level = "a2" }]', True, id="any"),
        pytest.param('when.all = [{ level = "a2" }, { kind = "human" }]', True, id="all"),
        pytest.param('when.not = { level = "a0", kind = "bulk" }', True, id="none"),
        pytest.param('when.not = { level = "a0", kind = "human" }', False, id="none, but one holds"),
        pytest.param('when.kind = "human"\nunless.level = "a2"', False, id="unless"),
        pytest.param('unless.level = "a0"', True, id="unless alone"),
        pytest.param('when.any = [{ not = { any = [{ level = "a2" }] } }]', False, id="joins in joins"),
        pytest.param('when.spf = "none"', True, id="what was proven"),
        pytest.param("when.in_thread = false", True, id="follows nothing"),
        pytest.param('when.contact = "unknown"', False, id="nobody has looked"),
    ],
)
def test_a_rule_holds_where_its_conditions_do(folder: Path, condition: str, holds: bool) -> None:
    found = ruled(folder, f'name = "r"\n{condition}\nthen.queue = "x"\n', of=about(case(language="de")))
    assert (found.routed.queue == "x") is holds


@pytest.mark.parametrize(
    ("table", "key"),
    [
        pytest.param(INVOICE, "rule.then", id="does nothing"),
        pytest.param(f"{INVOICE}then = {{}}\n", "rule.then", id="does nothing at all"),
        pytest.param('name = "r"\nthen.queue = "x"\n', "rule.when", id="no condition"),
        pytest.param('name = "r"\nwhen = {}\nthen.queue = "x"\n', "rule.when", id="an empty condition"),
        pytest.param('when.level = "a0"\nthen.queue = "x"\n', "rule.name", id="no name"),
        pytest.param(f'{INVOICE}then.queue = ""\n', "rule.then.queue", id="an empty queue"),
        pytest.param(f'{INVOICE}then.queue = "{"x" * 101}"\n', "rule.then.queue", id="a long queue"),
        pytest.param(f'{INVOICE}then.priority = "hihg"\n', "rule.then.priority", id="no priority"),
        pytest.param(f'{INVOICE}then.tag = ["two words"]\n', "rule.then.tag", id="no tag"),
        pytest.param(f"{INVOICE}then.tag = 5\n", "rule.then.tag", id="no list"),
        pytest.param(f'{INVOICE}then.trust = "always"\n', "rule.then.trust", id="trust for ever"),
        pytest.param(f"{INVOICE}then.quiet = false\n", "rule.then.quiet", id="not quiet"),
        pytest.param(f"{INVOICE}then.score = 1000\n", "rule.then.score", id="too many points"),
        pytest.param(f'{INVOICE}then.que = "x"\nthen.queue = "x"\n', "rule.then.que", id="an unknown act"),
        pytest.param(f'{INVOICE}whenn = 1\nthen.queue = "x"\n', "rule.whenn", id="an unknown key"),
        pytest.param('name = "r"\nwhen.subjekt = "x"\nthen.queue = "x"\n', "rule.when.subjekt", id="no field"),
        pytest.param(
            'name = "r"\nwhen.subject.has = "x"\nthen.queue = "x"\n', "rule.when.subject.has", id="no matcher"
        ),
        pytest.param(
            "name = 'r'\nwhen.subject.matches = '('\nthen.queue = 'x'\n", "rule.when.subject.matches", id="no RE2"
        ),
        pytest.param(
            'name = "r"\nwhen.from_domain = "map:x"\nthen.queue = "x"\n', "rule.when.from_domain", id="no map"
        ),
        pytest.param('name = "r"\nwhen.any = []\nthen.queue = "x"\n', "rule.when.any", id="any of nothing"),
        pytest.param('name = "r"\nwhen.not = 5\nthen.queue = "x"\n', "rule.when.not", id="not a number"),
    ],
)
def test_every_fault_of_a_rule_is_told_with_its_place(folder: Path, table: str, key: str) -> None:
    (fault, *_) = [one for one in faults(folder, table) if one.key == key]
    wrong = key.rpartition(".")[2]
    line = next((number for number, text in enumerate(table.splitlines(), 2) if wrong in text.partition("=")[0]), 1)
    assert (Path(fault.file).name, fault.line) == ("70-ours.toml", line)


def test_two_rules_have_two_names(folder: Path) -> None:
    (fault,) = faults(folder, f'{INVOICE}then.queue = "x"\n', f'{INVOICE}then.queue = "y"\n')
    assert fault.key == "rule.name"


def test_there_is_an_end_to_rules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_RULES", 3)
    tables = [INVOICE.replace('"r"', f'"r{number}"') + 'then.queue = "x"\n' for number in range(4)]
    (fault,) = faults(folder, *tables)
    assert fault.allowed == "at most 3 rules"


def test_there_is_an_end_to_tables_in_tables(folder: Path) -> None:
    inner = 'level = "a2"'
    for _ in range(reading.MOST_DEPTH + 1):
        inner = f"not = {{ {inner} }}"
    (fault,) = faults(folder, f'name = "r"\nwhen = {{ {inner} }}\nthen.queue = "x"\n')
    assert fault.allowed == f"at most {reading.MOST_DEPTH} of all, any and not within each other"


def test_queues_that_rules_alone_name_are_told_with_the_first_that_does(folder: Path) -> None:
    tables = [INVOICE.replace('"r"', f'"r{number}"') + 'then.queue = "x"\n' for number in range(2)]
    found = by_rules_alone(taught(folder, *tables).signals.rules.all, {"support"})
    assert found == {"x": "70-ours.toml:1"}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("#VIP ", "vip"),
        ("straße", "straße"),
        ("", ""),
        ("a b", ""),
        ("a,b", ""),
        ("x" * 51, ""),
        ("a\x1bb", ""),
        ("#", ""),
    ],
)
def test_a_tag_is_one_word(text: str, tag: str) -> None:
    assert tags.tag_of(text) == tag
