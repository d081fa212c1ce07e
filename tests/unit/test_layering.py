"""The operator's own rule files over the shipped ones: what stands where, what is switched off, what is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate import rulechanges
from mailgate.errors import ConfigError, Fault
from mailgate.judge.limits import Limit
from mailgate.model import Counted, Key
from mailgate.replybook import MAY
from mailgate.rulebook import Rulebook, load, quotes_in, shipped_folder
from mailgate.rulefiles import Folders

SHIPPED = load(shipped_folder())
THEIRS = ["A1", "B2", "B3", "B4-vacation"]
FIRST = [f"replies/en/{name}" for name in ("words.toml", *(f"{one}.txt" for one in MAY))]
SIGNAL = '[[signal]]\nid = "{}"\nfield = "header:x-a"\nis = ["1"]\nstrength = "note"\nsays = "ours"\nsource = "us"\n'


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "ours"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shipped folder that is quickly read."""
    folder = tmp_path_factory.mktemp("shipped")
    write(folder, "10-signals.toml", "".join(map(SIGNAL.format, THEIRS)))
    for name in ("limits.toml", "relays.toml", *FIRST):
        write(folder, name, (shipped_folder() / name).read_bytes())
    for name in ("quotes.toml", "reports.toml"):
        write(folder, name, "")
    write(folder, "languages.toml", "least = 1\nlead = 1\n")
    return folder


def write(folder: Path, name: str, text: str | bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def over(local: Path, name: str = "", text: str | bytes = "", *, shipped: Path | None = None) -> Rulebook:
    if name:
        write(local, name, text)
    return load(shipped or shipped_folder(), local)


def faults(local: Path, shipped: Path | None = None) -> list[Fault]:
    with pytest.raises(ConfigError) as refused:
        load(shipped or shipped_folder(), local)
    return refused.value.faults


def ids(book: Rulebook) -> list[str]:
    return [signal.id for signal in book.signals.all]


def limit(book: Rulebook, key: Key, mail: Counted, days: int) -> Limit:
    return next(one for one in book.limits.windows if (one.key, one.mail) == (key, mail) and one.per.days == days)


# ── Tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_folder_of_ones_own_changes_nothing(local: Path) -> None:
    book = over(local)
    assert (book.version, book.items, book.notes) == (SHIPPED.version, SHIPPED.items, ())


def test_a_table_of_ones_own_comes_after_all_shipped_ones(small: Path, local: Path) -> None:
    book = over(local, "00-ours.toml", SIGNAL.format("X1"), shipped=small)
    assert ids(book) == [*THEIRS, "X1"]
    assert book.signals.all[-1].rule == "local/00-ours.toml:1"


def test_a_table_of_a_shipped_name_stands_in_its_place(small: Path, local: Path) -> None:
    book = over(local, "70-ours.toml", "# why\n\n" + SIGNAL.format("B2"), shipped=small)
    assert ids(book) == THEIRS
    ours, next_one = (book.signals.all[ids(book).index(name)] for name in ("B2", "B3"))
    assert (ours.says, ours.rule) == ("ours", "local/70-ours.toml:3")
    assert next_one.rule == "10-signals.toml:15"


def test_its_name_alone_switches_a_shipped_table_off(small: Path, local: Path) -> None:
    book = over(local, "70-ours.toml", '[[signal]]\nid = "B4-vacation"\nenabled = false\n', shipped=small)
    assert ids(book) == [one for one in THEIRS if one != "B4-vacation"]
    assert book.notes == ()


def test_what_switches_nothing_off_is_noted(small: Path, local: Path) -> None:
    (note,) = over(local, "70-ours.toml", '\n[[signal]]\nid = "B4-vacatio"\nenabled = false\n', shipped=small).notes
    assert (note.file, note.line, note.nearest) == (str(local / "70-ours.toml"), 2, "B4-vacation")


def test_one_that_is_switched_off_among_ones_own_is_no_slip(small: Path, local: Path) -> None:
    text = SIGNAL.format("X1") + "enabled = false\n" + SIGNAL.format("X2") + "enabled = true"
    book = over(local, "70-ours.toml", text, shipped=small)
    assert (ids(book), book.notes) == ([*THEIRS, "X2"], ())


def test_a_name_is_given_once_in_each_layer(small: Path, local: Path) -> None:
    write(local, "70-a.toml", SIGNAL.format("B2"))
    write(local, "70-b.toml", SIGNAL.format("B2"))
    (fault,) = faults(local, small)
    assert (fault.file, "local/70-a.toml:1" in fault.allowed) == (str(local / "70-b.toml"), True)


def test_words_of_a_shipped_name_are_added(local: Path) -> None:
    # They are looked at through a signal that uses the list.
    before = next(one for one in SHIPPED.signals.all if one.id == "E1").condition
    after = over(local, "70-ours.toml", '[[words]]\nname = "away subjects"\nwords = ["gone fishing"]\n').signals.all
    condition = next(one for one in after if one.id == "E1").condition
    assert (before.accepted("gone fishing"), condition.accepted("gone fishing")) == (None, "gone fishing")
    assert condition.accepted("abwesenheitsnotiz")


@pytest.mark.parametrize(
    ("language", "others"), [('language = "de"\n', True), ("", False)], ids=["of one language", "all"]
)
def test_words_replace_those_of_a_shipped_name_where_they_say_so(local: Path, language: str, others: bool) -> None:
    text = f'[[words]]\nname = "away openings"\n{language}replace = true\nwords = ["gone fishing"]\n'
    texts = [one for one in SHIPPED.items if one.startswith("words away openings")]
    book = over(local, "70-ours.toml", text)
    kept = [one for one in book.items if one.startswith("words away openings")]
    assert (len(kept) == len(texts)) is others
    assert book.notes == ()


RULE = '[[rule]]\nname = "{}"\nwhen.from_domain = "map:suppliers"\nthen.queue = "{}"\n'


def test_a_rule_of_ones_own_stands_for_the_shipped_one(small: Path, tmp_path: Path, local: Path) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "rules"))
    write(folder, "60-rules.toml", "".join(RULE.format(name, "theirs") for name in ("a", "b", "c")))
    write(local, "00-rules.toml", RULE.format("d", "ours") + RULE.format("b", "ours"))
    write(
        local,
        "01-rules.toml",
        '[[rule]]\nname = "c"\nenabled = false\n' + RULE.format("e", "ours") + "enabled = false\n",
    )
    write(local, "maps/suppliers.txt", "supplier.example\n*.supplier.example")
    book = load(folder, local)
    assert [(rule.name, rule.acts.queue, rule.place) for rule in book.signals.rules.all] == [
        ("a", "theirs", "60-rules.toml:1"),
        ("b", "ours", "local/00-rules.toml:5"),
        ("d", "ours", "local/00-rules.toml:1"),
    ]
    met = book.signals.rules.met(lambda field: ("mail.supplier.example",) if field == "from_domain" else ())
    assert list(met.values()) == ["mail.supplier.example"]


def test_a_rule_that_is_switched_off_is_still_checked(small: Path, local: Path) -> None:
    write(local, "00-rules.toml", '[[rule]]\nname = "a"\nenabled = false\n\nthen.que = "x"\nwhen.subject = "y"\n')
    (fault,) = faults(local, small)
    assert (fault.file, fault.line, fault.key) == (str(local / "00-rules.toml"), 5, "rule.then.que")


def test_what_of_it_is_no_yes_or_no_is_a_fault(small: Path, local: Path) -> None:
    write(
        local,
        "70-ours.toml",
        '[[signal]]\nid = "B2"\nenabled = "no"\n[[words]]\nname = "x"\nwords = ["y"]\nreplace = 1\n',
    )
    assert sorted((fault.key, fault.line, fault.allowed) for fault in faults(local, small)) == [
        ("signal.enabled", 3, "true or false"),
        ("words.replace", 7, "true or false"),
    ]


# ── Numbers and words, key by key ─────────────────────────────────────────────────────────────────────────────────────


def test_a_number_of_ones_own_stands_for_the_shipped_one(small: Path, local: Path) -> None:
    book = over(local, "limits.toml", "[timing]\nchallenge_days = 7\n", shipped=small)
    assert (book.limits.timing.challenge_days, SHIPPED.limits.timing.challenge_days) == (7, 14)
    assert book.limits.timing.late_s == SHIPPED.limits.timing.late_s


def test_a_limit_of_ones_own_stands_in_the_place_of_the_shipped_one(small: Path, local: Path) -> None:
    text = '\n[[limit]]\nkey = "address"\nmail = "challenge"\nper = "365 d"\nmost = 1\nwhy = "we ask once"\n'
    book = over(local, "limits.toml", text, shipped=small)
    ours = limit(book, Key.ADDRESS, Counted.CHALLENGE, 365)
    assert (ours.most, ours.rule) == (1, "local/limits.toml:2")
    assert [(one.key, one.mail, one.per) for one in book.limits.windows] == [
        (one.key, one.mail, one.per) for one in SHIPPED.limits.windows
    ]


LOUDER = {
    "a number": ("[timing]\n\nundeliverable_days = 1\n", "timing.undeliverable_days", 3),
    "a limit that is gone": ('[[limit]]\nkey = "ticket"\nmail = "any"\nper = "ever"\nenabled = false\n', "limit", 1),
    "no number": ('\n[credit]\nstart = "x"\n', "credit.start", 3),
    "a limit with a fault": ('\n\n[[limit]]\nkey = "address"\nmail = "any"\nper = "1 h"\nmost = -1\n', "limit.most", 7),
    "an unknown key": ("[timing]\nlat_s = 1\n", "timing.lat_s", 2),
    "an unknown table": ("[timimg]\nlate_s = 1\n", "timimg", 1),
}


@pytest.mark.parametrize(("text", "key", "line"), LOUDER.values(), ids=LOUDER)
def test_the_floors_hold_for_what_is_laid_over(small: Path, local: Path, text: str, key: str, line: int) -> None:
    write(local, "limits.toml", text)
    (fault,) = faults(local, small)
    assert (fault.key, fault.line) == (key, line)
    assert fault.file == str(local / "limits.toml")


def test_what_is_wrong_and_what_is_too_loud_is_told_at_once(small: Path, local: Path) -> None:
    write(local, "limits.toml", '[timing]\nlat_s = 1\nundeliverable_days = 1\n[credit]\nstart = 99\ncap = "x"\n')
    assert [fault.line for fault in sorted(faults(local, small), key=lambda fault: fault.line)] == [2, 3, 5, 6]


def test_a_language_is_laid_over_key_by_key(local: Path) -> None:
    book = over(local, "quotes.toml", '[language.de]\nwrote = ["notierte"]\n[language.fr]\nenabled = false\n')
    assert book.quotes.wrote.search("Am 1. Mai notierte Anne:")
    assert book.quotes.fields["betreff"] == "subject"
    assert "objet" in SHIPPED.quotes.fields
    assert "objet" not in book.quotes.fields
    assert quotes_in(shipped_folder(), local).fields == book.quotes.fields


def test_a_language_that_is_switched_off_and_not_there_is_noted(small: Path, local: Path) -> None:
    write(local, "quotes.toml", "\n[language.xx]\nenabled = false\n[language.yy]\nwrote = ['x']\n")
    (note,) = load(small, local).notes
    assert (note.file, note.line, note.key, note.found) == (str(local / "quotes.toml"), 2, "language", "'xx'")


def test_a_fault_in_words_stands_where_it_was_written(local: Path) -> None:
    write(local, "languages.toml", '\n[language.de]\nwords = ["der", 7]\n')
    write(local, "quotes.toml", '[language.de]\nwrot = ["schrieb"]\n')
    assert sorted((Path(fault.file).name, fault.line, Path(fault.file).parent == local) for fault in faults(local)) == [
        ("languages.toml", 3, True),
        ("quotes.toml", 2, True),
    ]


def test_forms_and_relays_are_laid_over_by_name(local: Path) -> None:
    write(
        local,
        "reports.toml",
        '[codes]\n552 = "5.7.1"\n[[form]]\nvendor = "ours"\nsays = "failed"\nsubject = ["kaputt"]\n',
    )
    relay = '[[relay]]\nname = "any other relay whose domain of ids is known"\nenabled = false\n'
    book = over(local, "relays.toml", relay)
    assert book.reports.codes == {**SHIPPED.reports.codes, "552": "5.7.1"} != SHIPPED.reports.codes
    assert book.reports.subjects.said("kaputt") == {"failed"}
    assert len(book.relays) == len(SHIPPED.relays) - 1


# ── Texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_of_ones_own_stands_for_the_shipped_one(local: Path) -> None:
    write(local, "replies/en/acknowledge.txt", "Subject: Got it: ${ticket}\n\nThank you. ${ticket}\n")
    write(local, "replies/de/canned/pause.txt", "suggest = pause\n\nWir machen Pause.\n")
    write(local, "notices/de/shunted.txt", "Subject: ${count} kaputt\n\n${mails}\n")
    book = over(local)
    assert book.templates["en"]["acknowledge"].subject == "Got it: ${ticket}"
    assert book.templates["de"] == SHIPPED.templates["de"]
    assert "pause" in book.canned["de"]
    assert book.notices["de"]["shunted"].subject == "${count} kaputt"
    assert book.notices["en"] == SHIPPED.notices["en"]


def test_a_word_of_a_page_is_laid_over_the_shipped_ones(local: Path) -> None:
    book = over(local, "replies/de/words.toml", '[ask]\ntitle = "Sind Sie es?"\n')
    ours, theirs = book.phrases["de"].pages["ask"], SHIPPED.phrases["de"].pages["ask"]
    assert (ours.title, ours.lines, ours.button) == ("Sind Sie es?", theirs.lines, theirs.button)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("replies/de/challenge.txt", "Subject: x\n\n${name}", 3),
        ("replies/de/words.toml", "[ask]\n\ntitle = 7\n", 3),
        ("replies/el/words.toml", "[ask]\ntitle = 7\n", 2),
        ("replies/de/canned/x.txt", "${nobody}", 1),
        ("notices/de/shunted.txt", "Subject: x\n\n${address}", 3),
        ("maps/Our Suppliers.txt", "x", 0),
        ("maps/suppliers.txt", "a.example\nre:(?=x)\n", 2),
        ("70-ours.toml", b"\xff", 1),
    ],
)
def test_a_text_with_a_fault_is_named_as_it_lies(
    small: Path, local: Path, name: str, text: str | bytes, line: int
) -> None:
    write(local, name, text)
    assert {(fault.file, fault.line) for fault in faults(local, small)} >= {(str(local / name), line)}


# ── Folders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_name_it_is_the_folder_inside(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))
    write(folder, "local/maps/suppliers.txt", "supplier.example")
    book = load(folder)
    assert [entry.text for entry in book.maps["suppliers"].entries] == ["supplier.example"]
    assert book.files.keys() - SHIPPED.files.keys() == {"local/maps/suppliers.txt"}
    assert book.version != SHIPPED.version
    assert rulechanges.changes(SHIPPED.items, book.items).told() == {"added": ["map suppliers"]}


def test_a_folder_to_try_is_a_whole_one_or_a_layer(small: Path, local: Path) -> None:
    assert Folders.tried(small, shipped_folder()) == Folders(small, None)
    write(local, "limits.toml", "[timing]\nchallenge_days = 7\n")
    assert Folders.tried(local, small) == Folders(small, local)


def test_a_map_of_ones_own_stands_for_the_shipped_one(tmp_path: Path, local: Path) -> None:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))
    write(folder, "maps/a.txt", "one")
    write(local, "maps/a.txt", "two")
    (entry,) = load(folder, local).maps["a"].entries
    assert entry.text == "two"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def circle(path: Path) -> None:
    path.symlink_to(path)


ODD: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a pipe": pipe,
    "a circle": circle,
    "nothing behind it": lambda path: path.symlink_to("nowhere"),
    "no end": lambda path: path.symlink_to("/dev/zero"),
    "binary": lambda path: path.write_bytes(bytes(range(256))) and None,
    "deep": lambda path: path.write_text("re:(x = " + "[" * 5000) and None,
}


@pytest.mark.parametrize("name", ["x.toml", "limits.toml", "maps/x.txt", "replies/de/words.toml"])
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_whatever_lies_there_is_explained(small: Path, local: Path, make: Callable[[Path], None], name: str) -> None:
    path = local / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    assert {fault.file for fault in faults(local, small)} == {str(path)}


def test_files_that_begin_with_a_dot_are_an_editors_own(local: Path) -> None:
    (local / ".#70-ours.toml").symlink_to("anne@desk.12345")
    assert over(local).version == SHIPPED.version


def test_a_folder_that_is_not_there_is_a_fault(small: Path, local: Path) -> None:
    local.rmdir()
    (fault,) = faults(local, small)
    assert (Path(fault.file), fault.key) == (local, "folder")


def test_a_name_that_nobody_can_type_is_a_fault(small: Path, local: Path) -> None:
    os.close(os.open(os.fsencode(local) + b"/x\xff.toml", os.O_CREAT | os.O_WRONLY))
    (fault,) = faults(local, small)
    assert fault.allowed == "a name of plain characters"


TABLES = st.sampled_from(
    ["signal", "words", "forwarder", "channel", "route", "limit", "form", "relay", "timing", "language"]
)
PLAIN = st.sampled_from(["B2", "", "x", 0, 1, -1, 1.5, float("nan"), True, False])
KEYS = st.sampled_from(["id", "name", "enabled", "replace", "key", "words", "de", "is"])
TABLE = st.dictionaries(
    KEYS, PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(KEYS, PLAIN, max_size=2), max_size=4
)
VALUES = PLAIN | TABLE | st.lists(TABLE | PLAIN, max_size=3)


@settings(max_examples=30)
@given(
    st.dictionaries(TABLES, VALUES, max_size=3),
    st.sampled_from(["70-x.toml", "limits.toml", "quotes.toml", "relays.toml"]),
)
def test_any_file_is_loaded_or_explained(small: Path, document: dict[str, object], name: str) -> None:
    local = small / "ours"
    shutil.rmtree(local, ignore_errors=True)
    write(local, name, "".join(f"{key} = {toml(value)}\n" for key, value in document.items()))
    assert {fault.file for fault in told(small, local)} <= {str(local / name), str(small / name)}


def told(*folders: Path) -> list[Fault]:
    """The faults of a folder, if it has any; nothing else is ever raised."""
    try:
        load(*folders)
    except ConfigError as error:
        return error.faults
    return []


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else repr(value)  # type: ignore[call-overload]


# ── What changed ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_changed_is_told_by_name(local: Path) -> None:
    write(local, "70-ours.toml", SIGNAL.format("X1") + '[[signal]]\nid = "B2"\nenabled = false\n' + SIGNAL.format("B3"))
    write(local, "replies/de/acknowledge.txt", "Subject: Danke: ${ticket}\n\n${ticket}\n")
    book = over(local, "limits.toml", "[timing]\nchallenge_days = 7\n")
    assert rulechanges.changes(SHIPPED.items, book.items).told() == {
        "added": ["signal X1"],
        "removed": ["signal B2"],
        "changed": ["signal B3", "limits.toml timing.challenge_days", "replies/de/acknowledge.txt"],
    }


def test_a_table_that_only_moves_is_no_other(local: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))
    (folder / "50-challenges.toml").rename(folder / "99-challenges.toml")
    assert rulechanges.changes(SHIPPED.items, load(folder).items) == rulechanges.Changes()


def test_a_long_list_of_changes_is_cut() -> None:
    many = {f"signal {number}": "" for number in range(rulechanges.MOST_NAMED + 7)}
    told = rulechanges.changes({}, many).told()["added"]
    assert (len(told), told[-1]) == (rulechanges.MOST_NAMED + 1, "and 7 more")
