import pickle
import shutil
from pathlib import Path
from string import Template

import pytest

from mailgate.config.tomlfile import MAX_SIZE_BYTES
from mailgate.errors import ConfigError, Fault
from mailgate.mail.report.forms import Forms
from mailgate.noticebook import NOTICE_VALUES
from mailgate.replybook import MAY
from mailgate.rulebook import load, quotes_in, shipped_folder
from mailgate.rulefiles import MOST_FILES

LIMITS = "limits.toml"
SIGNAL = Template(
    '[[signal]]\nid = "X1"\nfield = "header:x-a"\nis = ["1"]\nstrength = "strong"\nsays = "it"\nsource = "us"\n$more'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))


def faults(folder: Path) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return caught.value.faults


def test_the_shipped_rules_are_without_fault() -> None:
    book = load(shipped_folder())
    assert set(book.templates) == set(book.phrases) >= {"en", "de"}
    assert all(set(replies) == set(MAY) for replies in book.templates.values())


def test_the_version_is_that_of_the_bytes(folder: Path) -> None:
    before = load(folder)
    assert load(shipped_folder()).version == before.version
    with (folder / "replies/de/challenge.txt").open("a") as file:
        file.write("\n")
    assert load(folder).version != before.version


def test_files_of_ones_own_are_read_after_the_shipped_ones(folder: Path) -> None:
    (folder / "90-ours.toml").write_text(SIGNAL.substitute(more=""))
    assert (load(folder).signals.all[-1].id, load(folder).signals.all[-1].rule) == ("X1", "90-ours.toml:1")


WRONG = {
    "unknown key": ('colour = "red"', "signal.colour", "'colour'", ""),
    "misspelt key": ('stength = "strong"', "signal.stength", "'stength'", "strength"),
    "unknown kind": ('kind = "bouncy"', "signal.kind", "'bouncy'", "bounce"),
    "family where none counts": ('family = "shape"', "signal.family", "'shape'", ""),
    "wrong disposition": ("disposition = 7", "signal.disposition", "7", ""),
    "two matchers": ("above = 3", "signal.is", "is and above", ""),
    "further condition with a fault": (
        'also = { field = "levl", is = ["a0"] }',
        "signal.also.field",
        "'levl'",
        "level",
    ),
    "further condition that is none": ('unless = "x"', "signal.unless", "'x'", ""),
    "further condition without matcher": ('also = { field = "level" }', "signal.also.is", "none", ""),
    "example that is not hit": ('hits = ["2"]', "signal.hits", "'2'", ""),
    "example that is hit": ('misses = ["1"]', "signal.misses", "'1'", ""),
    "examples that are none": ("hits = 1", "signal.hits", "1", ""),
    "way of reading": ('read = "tokens"', "signal.read", "'tokens'", "token"),
    "no field at all": ('also = { field = [], is = ["1"] }', "signal.also.field", "nothing", ""),
    "id used twice": (SIGNAL.substitute(more=""), "signal.id", "'X1'", ""),
}


@pytest.mark.parametrize(("more", "key", "found", "nearest"), WRONG.values(), ids=WRONG)
def test_a_signal_with_a_fault_is_refused_with_its_place(
    folder: Path, more: str, key: str, found: str, nearest: str
) -> None:
    (folder / "90-ours.toml").write_text("\n\n" + SIGNAL.substitute(more=more))
    (fault,) = faults(folder)
    assert (fault.key, fault.found, fault.nearest) == (key, found, nearest)
    assert fault.file == str(folder / "90-ours.toml")
    assert fault.shown.startswith(f"{key.split('.')[1]} =")
    assert (fault.line > 10) is ("[[" in more)


MATCHERS = {
    "pattern that RE2 refuses": "matches = '(?=x)'",
    "pattern of wrong type": "matches = 1",
    "very long pattern": f"matches = '{'x' * 2000}'",
    "empty list": "contains = []",
    "list of numbers": "glob = [1]",
    "no list": 'is_not = "x"',
    "present, but false": "present = false",
    "above what": 'above = "3"',
}


@pytest.mark.parametrize("line", MATCHERS.values(), ids=MATCHERS)
def test_a_matcher_with_a_fault_is_refused(folder: Path, line: str) -> None:
    (folder / "90-ours.toml").write_text(SIGNAL.substitute(more="").replace('is = ["1"]', line))
    (fault,) = faults(folder)
    assert fault.key == f"signal.{line.partition(' ')[0]}"


@pytest.mark.parametrize("key", ["id", "field", "strength", "says", "source"])
def test_a_signal_needs(folder: Path, key: str) -> None:
    lines = SIGNAL.substitute(more="").splitlines(keepends=True)
    (folder / "90-ours.toml").write_text("".join(line for line in lines if not line.startswith(key)))
    assert [fault.key for fault in faults(folder)] == [f"signal.{key}"]


@pytest.mark.parametrize("name", ["header:", "header:X-A", "header:x a", "subjct", "*", "header:*"])
def test_a_field_that_is_none_is_refused(folder: Path, name: str) -> None:
    (folder / "90-ours.toml").write_text(SIGNAL.substitute(more="").replace("header:x-a", name))
    assert [fault.key for fault in faults(folder)] == ["signal.field"]


def test_a_hint_needs_a_family(folder: Path) -> None:
    (folder / "90-ours.toml").write_text(SIGNAL.substitute(more="").replace("strong", "hint"))
    assert [fault.key for fault in faults(folder)] == ["signal.family"]


def test_a_hint_says_nothing_of_the_kind(folder: Path) -> None:
    hint = SIGNAL.substitute(more='family = "shape"\nkind = "bulk"').replace("strong", "hint")
    (folder / "90-ours.toml").write_text(hint)
    assert [fault.key for fault in faults(folder)] == ["signal.kind"]


def test_all_faults_of_all_files_are_told_at_once(folder: Path) -> None:
    (folder / "90-a.toml").write_text("[[signal]\n")
    (folder / "90-b.toml").write_text("signals = 3\n")
    (folder / "90-c.toml").write_bytes(b"\xff")
    (folder / "replies/en/challenge.txt").write_text("Subject: x\n\n${name}")
    (folder / LIMITS).write_text("")
    found = {Path(fault.file).relative_to(folder).as_posix(): fault for fault in faults(folder)}
    assert {
        "90-a.toml",
        "90-b.toml",
        "90-c.toml",
        "limits.toml",
        "replies/en/challenge.txt",
    } == set(found)
    assert (found["90-a.toml"].line, found["90-b.toml"].nearest, found["90-c.toml"].line) == (1, "signal", 1)
    assert found["replies/en/challenge.txt"].allowed == "${answer_time}, ${desk}, ${link}, ${until}"


def test_without_limits_there_are_no_rules(folder: Path) -> None:
    (folder / LIMITS).unlink()
    assert [Path(fault.file).name for fault in faults(folder)] == [LIMITS]


def test_the_texts_for_our_own_people_are_those_of_the_folder_else_the_shipped_ones(folder: Path) -> None:
    shipped = load(shipped_folder()).notices
    assert all(set(texts) == set(NOTICE_VALUES) for texts in shipped.values())
    assert set(shipped) == {"en", "de"}
    shutil.rmtree(folder / "notices")
    assert load(folder).notices == {"en": shipped["en"]}
    (folder / "notices/en").mkdir(parents=True)
    (folder / "notices/en/shunted.txt").write_text("Subject: ${count} broken\n\n${mails}\n")
    own = load(folder).notices["en"]
    assert own["shunted"].subject == "${count} broken"
    assert own["digest"] == shipped["en"]["digest"]


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("shunt", "Subject: x\n\nx", "one of breaker"),
        ("shunted", "Subject: x\n\n${address}", "${count}, ${desk}, ${mails}"),
        ("digest", "x", "a first line"),
    ],
    ids=["unknown name", "unknown value", "no subject"],
)
def test_a_text_for_our_own_people_with_a_fault_is_refused(folder: Path, name: str, text: str, allowed: str) -> None:
    (folder / f"notices/en/{name}.txt").write_text(text)
    (fault,) = faults(folder)
    assert allowed in fault.allowed
    assert fault.file.endswith(f"notices/en/{name}.txt")


def test_files_are_bounded_in_number_and_size(folder: Path) -> None:
    for number in range(MOST_FILES):
        (folder / f"00-{number}.toml").touch()
    assert "files" in {fault.key for fault in faults(folder)}


def test_a_file_that_is_too_large_or_no_file_is_a_fault(folder: Path) -> None:
    (folder / "90-large.toml").write_bytes(b"#" * (MAX_SIZE_BYTES + 1))
    (folder / "91-folder.toml").mkdir()
    assert [fault.found for fault in faults(folder)] == ["too large a file", "Is a directory"]


def test_an_installation_brings_its_rules_inside_the_package(tmp_path: Path) -> None:
    """A wheel has no folder beside the package."""
    assert shipped_folder(tmp_path / "mailgate") == tmp_path / "mailgate" / "shipped_rules"


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path / "nowhere")


def test_a_fault_in_the_forms_of_reports_is_told_with_its_line(folder: Path) -> None:
    with (folder / "reports.toml").open("a") as file:
        file.write('\n[[form]]\nvendor = "ours"\nsays = "faild"\n')
    (fault,) = faults(folder)
    assert (fault.file, fault.key, fault.nearest) == (str(folder / "reports.toml"), "form.says", "failed")
    assert (folder / "reports.toml").read_text().splitlines()[fault.line - 1] == 'says = "faild"'


def test_a_folder_without_forms_of_reports_uses_those_that_come_along(folder: Path) -> None:
    (folder / "reports.toml").unlink()
    assert load(folder).reports.daemons == load(shipped_folder()).reports.daemons != Forms().daemons


QUOTES_WRONG = {
    "unknown table": ("langauge = 1", ("langauge", "'langauge'", "language", 1)),
    "unknown key": ('[language.de]\nwrot = ["schrieb"]', ("language.de.wrot", "'wrot'", "wrote", 2)),
    "no list": ('[language.de]\nwrote = "schrieb"', ("language.de.wrote", "'schrieb'", "", 2)),
    "no text": ('[language.de]\nwrote = ["schrieb", 7]', ("language.de.wrote", "7", "", 2)),
    "an empty text": ('[language.de]\nleads = [" "]', ("language.de.leads", "' '", "", 2)),
    "too short a beginning": ('[language.de]\n\ndevice = ["Von"]', ("language.de.device", "'Von'", "", 3)),
    "no table": ("language = 1", ("language", "1", "", 1)),
    "no selector": ('[html]\nafter = ["div["]', ("html.after", "'div['", "", 2)),
}


@pytest.mark.parametrize(("text", "expected"), QUOTES_WRONG.values(), ids=QUOTES_WRONG)
def test_words_of_mail_programs_with_a_fault_are_refused_with_their_place(
    folder: Path, text: str, expected: tuple[str, str, str, int]
) -> None:
    (folder / "quotes.toml").write_text(text)
    (fault,) = faults(folder)
    assert (fault.key, fault.found, fault.nearest, fault.line) == expected
    assert fault.file == str(folder / "quotes.toml")
    assert fault.allowed


def test_a_folder_without_words_of_mail_programs_uses_those_that_come_along(folder: Path) -> None:
    (folder / "quotes.toml").unlink()
    assert load(folder).quotes.fields["betreff"] == "subject"
    assert quotes_in(folder).fields == load(shipped_folder()).quotes.fields


def test_a_folder_without_languages_uses_those_that_come_along(folder: Path) -> None:
    (folder / "languages.toml").unlink()
    assert load(folder).tongues.codes == load(shipped_folder()).tongues.codes


def test_words_of_ones_own_replace_them(folder: Path) -> None:
    (folder / "quotes.toml").write_text('[language.lv]\nwrote = ["rakstīja"]\nsubject = ["Temats"]')
    assert load(folder).quotes.fields == {"temats": "subject"} == quotes_in(folder).fields


def test_words_of_mail_programs_can_be_carried_to_another_process() -> None:
    quotes = quotes_in(shipped_folder())
    assert pickle.loads(pickle.dumps(quotes)).devices == quotes.devices
