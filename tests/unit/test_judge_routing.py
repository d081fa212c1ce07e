"""What the [[route]] tables of the rule files say of a mail, and what is wrong with one that says nothing sensible."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from mailgate.errors import ConfigError, Fault
from mailgate.judge import routing, tags
from mailgate.model import Case, Kind, Priority, Routed
from mailgate.rulebook import Rulebook, load, shipped_folder
from tests.fakes.judging import GATEWAY, Judging, Letter

CONDITION = 'id = "r"\nfield = "bare_subject"\ncontains = ["invoice"]\n'
SUBJECT = 'field = "subject"\ncontains = ["invoice"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))


def taught(folder: Path, *tables: str) -> Rulebook:
    (folder / "70-ours.toml").write_text("".join(f"[[route]]\n{table}\n" for table in tables))
    return load(folder)


def faults(folder: Path, *tables: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        taught(folder, *tables)
    return caught.value.faults


def case(**more: object) -> Case:
    return replace(Judging().case(Letter(subject="Re: Your Invoice 7")), **more)


def routed(folder: Path, *tables: str, kind: Kind = Kind.HUMAN, of: Case | None = None) -> Routed:
    return routing.routed(of or case(), kind, GATEWAY, taught(folder, *tables).signals.routes)[0]


def test_as_it_is_shipped_nothing_is_routed() -> None:
    assert load(shipped_folder()).signals.routes == ()
    assert routing.routed(case(), Kind.HUMAN, GATEWAY, ()) == (Routed(), "")


def test_the_examples_of_the_shipped_file_are_right_as_they_stand(folder: Path) -> None:
    lines = (folder / "60-routing.toml").read_text().splitlines()
    start = lines.index("#[[route]]")
    examples = [line.removeprefix("#") for line in lines[start:] if not line.startswith("# ")]
    (folder / "60-routing.toml").write_text("\n".join(examples))

    assert [route.id for route in load(folder).signals.routes] == ["invoices", "big customer"]


def test_the_first_rule_that_names_a_thing_has_the_word_and_tags_add_up(folder: Path) -> None:
    first = f'{CONDITION}queue = "billing"\ntags = ["#Invoice"]\n'
    second = (
        CONDITION.replace('"r"', '"s"') + 'queue = "other"\npriority = "low"\nassignee = "anne"\ntags = ["paper"]\n'
    )

    assert routed(folder, first, second) == Routed("billing", Priority.LOW, ("invoice", "paper"), "anne")


def test_in_words_each_rule_is_named_with_its_place_and_what_it_says(folder: Path) -> None:
    book = taught(folder, f'{CONDITION}queue = "billing"\npriority = "high"\n')

    _, words = routing.routed(case(), Kind.HUMAN, GATEWAY, book.signals.routes)

    assert words == "r (70-ours.toml:1): queue billing, priority high"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param('field = "mailbox"\nis = ["support@g.test"]', True, id="mailbox"),
        pytest.param('field = "mailbox"\nis = ["sales@g.test"]', False, id="another mailbox"),
        pytest.param('field = "language"\nis = ["de"]', True, id="language"),
        pytest.param('field = "size_kb"\nabove = 0', False, id="size"),
        pytest.param('field = "from_domain"\nglob = ["*.test"]', True, id="domain"),
        pytest.param("field = \"subject\"\nmatches = 'invoice [0-9]'", True, id="pattern"),
        pytest.param('field = "header:x-form"\npresent = true', False, id="header field"),
        pytest.param(f'{SUBJECT}also = {{ field = "level", is = ["a0"] }}', False, id="also"),
        pytest.param(f'{SUBJECT}unless = {{ field = "level", is = ["a2"] }}', False, id="unless"),
        pytest.param(f'{SUBJECT}kind = ["human", "calendar"]', True, id="kind"),
        pytest.param(f'{SUBJECT}kind = ["bulk"]', False, id="another kind"),
    ],
)
def test_a_rule_holds_where_its_conditions_do(folder: Path, condition: str, holds: bool) -> None:
    found = routed(folder, f'id = "r"\n{condition}\nqueue = "x"\n', of=case(language="de"))
    assert (found.queue == "x") is holds


@pytest.mark.parametrize(
    ("table", "key"),
    [
        pytest.param(CONDITION, "route", id="says nothing"),
        pytest.param('id = "r"\nqueue = "x"\n', "route.is", id="no condition"),
        pytest.param(CONDITION.replace('id = "r"\n', "") + 'queue = "x"\n', "route.id", id="no name"),
        pytest.param(f'{CONDITION}queue = ""\n', "route.queue", id="an empty queue"),
        pytest.param(f'{CONDITION}queue = "{"x" * 101}"\n', "route.queue", id="a long queue"),
        pytest.param(f'{CONDITION}priority = "hihg"\n', "route.priority", id="no priority"),
        pytest.param(f'{CONDITION}tags = ["two words"]\n', "route.tags", id="no tag"),
        pytest.param(f'{CONDITION}tags = "x"\n', "route.tags", id="no list"),
        pytest.param(f'{CONDITION}kind = ["humane"]\nqueue = "x"\n', "route.kind", id="no kind"),
        pytest.param(f'{CONDITION}que = "x"\nqueue = "x"\n', "route.que", id="an unknown key"),
        pytest.param(CONDITION.replace("bare_subject", "subjekt") + 'queue = "x"\n', "route.field", id="no field"),
    ],
)
def test_every_fault_of_a_rule_is_told_with_its_place(folder: Path, table: str, key: str) -> None:
    (fault, *_) = [one for one in faults(folder, table) if one.key == key]
    assert (Path(fault.file).name, fault.line) == ("70-ours.toml", 1)


def test_two_rules_have_two_names(folder: Path) -> None:
    (fault,) = faults(folder, f'{CONDITION}queue = "x"\n', f'{CONDITION}queue = "y"\n')
    assert fault.key == "route.id"


def test_there_is_an_end_to_rules(folder: Path) -> None:
    tables = [CONDITION.replace('"r"', f'"r{number}"') + 'queue = "x"\n' for number in range(routing.MOST_ROUTES + 1)]
    (fault,) = faults(folder, *tables)
    assert fault.allowed == f"at most {routing.MOST_ROUTES} routes"


def test_queues_that_rules_alone_name_are_told_with_the_first_that_does(folder: Path) -> None:
    tables = [CONDITION.replace('"r"', f'"r{number}"') + 'queue = "x"\n' for number in range(2)]
    found = routing.by_rules_alone(taught(folder, *tables).signals.routes, {"support"})
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
