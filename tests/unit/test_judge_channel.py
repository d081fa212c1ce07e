"""What operators say of senders in [[channel]] tables, and what it never touches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from mailgate.errors import ConfigError, Fault
from mailgate.judge import verdict
from mailgate.judge.pardon_tables import MOST_CHANNELS
from mailgate.model import Kind, Level, Strength
from mailgate.rulebook import Rulebook, load, shipped_folder
from tests.fakes.judging import GATEWAY, Judging, Letter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))


def taught(folder: Path, *tables: str) -> Rulebook:
    (folder / "50-ours.toml").write_text("".join(f"[[channel]]\n{table}\n" for table in tables))
    return load(folder)


def look(book: Rulebook, letter: Letter) -> verdict.Sight:
    return verdict.look(Judging().case(letter), book.signals, GATEWAY)


def faults(folder: Path, *tables: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        taught(folder, *tables)
    return caught.value.faults


HUMAN = 'sender = "noreply@shop.test"\nis = "human"\nwhy = "our contact form"\n'
FORM = Letter(author="Shop <noreply@shop.test>", mail_from="www@shop.test")

FORGIVEN = {
    "noreply": FORM,
    "reverse-path of a platform": Letter(author="noreply@shop.test", mail_from="bounces+9-ab@esp.test"),
    "notices": Letter(author="noreply@shop.test", headers={"Auto-Submitted": "auto-generated"}),
    "mass mail": Letter(author="noreply@shop.test", headers={"Precedence": "bulk", "Feedback-ID": "a:b:c"}),
    "list": Letter(author="noreply@shop.test", headers={"List-Unsubscribe": "<mailto:x@shop.test>"}),
    "another desk": Letter(author="noreply@shop.test", headers={"X-Zammad-Ticket-Id": "1"}),
    "a sub-address and another case": Letter(author="NoReply+17@Shop.test"),
}


@pytest.mark.parametrize("letter", FORGIVEN.values(), ids=FORGIVEN)
@pytest.mark.parametrize("level", [Level.A1, Level.A2])
def test_a_human_channel_is_a_person_whatever_names_and_headers_say(folder: Path, letter: Letter, level: Level) -> None:
    sight = look(taught(folder, HUMAN), replace(letter, level=level))
    assert (sight.kind, sight.respond.acknowledge, sight.respond.challenge) == (Kind.HUMAN, True, True)
    before = look(load(shipped_folder()), letter)
    assert not before.respond.challenge


KEPT = {
    "automatic reply": Letter(author="noreply@shop.test", headers={"Auto-Submitted": "auto-replied"}),
    "automatic reply by another mark": Letter(author="noreply@shop.test", headers={"X-Autoreply": "yes"}),
    "automatic reply by its subject": Letter(
        author="noreply@shop.test", subject="Automatic reply: Your question", answers=["<1@x.test>"]
    ),
    "null path": Letter(author="noreply@shop.test", mail_from=""),
    "passed here": Letter(author="noreply@shop.test", headers={"X-Loop": "support@g.test"}),
    "report": Letter(
        author="noreply@shop.test",
        headers={"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"},
    ),
    "returned recipients": Letter(author="noreply@shop.test", headers={"X-Failed-Recipients": "joe@x.test"}),
    "foreign trace": Letter(author="noreply@shop.test", headers={"Mailgate-Trace": "x"}),
    "DMARC report": Letter(
        author="noreply@shop.test", subject="Report Domain: g.test Submitter: shop.test Report-ID: <1>"
    ),
    "spam": Letter(author="noreply@shop.test", headers={"X-Spam-Flag": "YES"}),
    "own address": Letter(author="support@g.test"),
}


@pytest.mark.parametrize("letter", KEPT.values(), ids=KEPT)
def test_a_human_channel_never_touches_loops_reports_and_automatic_replies(folder: Path, letter: Letter) -> None:
    book = taught(folder, HUMAN, 'sender = "support@g.test"\nis = "human"\nwhy = "we"\n')
    taught_, untaught = look(book, letter), look(load(shipped_folder()), letter)
    assert not taught_.respond.acknowledge
    assert taught_.kind is untaught.kind


def test_a_human_channel_does_not_count_for_who_is_not_proven(folder: Path) -> None:
    sight = look(taught(folder, HUMAN), replace(FORM, level=Level.A0))
    assert not sight.respond.acknowledge
    assert any(one.id == "S1" and one.strength is Strength.STRONG for one in sight.findings)
    assert any("the sender is not proven" in one.says for one in sight.findings if one.id == "channel")


def test_a_broken_trust_is_no_proof_for_a_channel(folder: Path) -> None:
    two = Letter(author="noreply@shop.test", headers={"Auto-Submitted": "auto-generated", "from": "x@y.test"})
    assert look(taught(folder, HUMAN), two).kind is Kind.SYSTEM


def test_the_findings_name_the_channel_with_its_file_and_line(folder: Path) -> None:
    book = taught(folder, 'domain = "y.test"\nis = "human"\nwhy = "x"\n', HUMAN)
    sight = look(book, FORM)
    (found,) = [one for one in sight.findings if one.id == "channel"]
    assert (found.value, found.rule, found.says) == ("noreply@shop.test", "50-ours.toml:6", "our contact form")
    notes = [one.says for one in sight.findings if one.id == "S1"]
    assert notes == ["sent from an address that wants no answer; forgiven: a channel of people (50-ours.toml:6)"]


def test_a_machine_channel_is_never_answered_proven_or_not(folder: Path) -> None:
    book = taught(folder, 'sender = "joe@x.test"\nis = "machine"\nwhy = "nightly figures"\n')
    for level in Level:
        sight = look(book, Letter(level=level))
        assert (sight.kind, sight.respond.acknowledge, sight.respond.challenge) == (Kind.SYSTEM, False, False)
        assert "nightly figures" in sight.respond.reasons


def test_the_nearest_channel_counts(folder: Path) -> None:
    book = taught(
        folder,
        'header = "X-Mailer"\nis = "machine"\nwhy = "any"\n',
        'domain = "test"\nis = "machine"\nwhy = "above"\n',
        'domain = "shop.test"\nis = "machine"\nwhy = "domain"\n',
        HUMAN,
    )
    headers = {"X-Mailer": "x"}
    said = {
        author: [one.says for one in look(book, Letter(author=author, headers=headers)).findings if one.id == "channel"]
        for author in ("noreply@shop.test", "joe@shop.test", "joe@a.shop.test", "joe@b.test", "joe@b.example")
    }
    assert said == {
        "noreply@shop.test": ["our contact form"],
        "joe@shop.test": ["domain"],
        "joe@a.shop.test": ["domain"],
        "joe@b.test": ["above"],
        "joe@b.example": ["any"],
    }


def test_a_channel_may_ask_for_a_header_and_its_value(folder: Path) -> None:
    book = taught(folder, HUMAN + 'header = "X-Form-Id"\nvalue = "contact-*"\n')
    for headers, expected in [({"X-Form-Id": "Contact-7"}, True), ({"X-Form-Id": "order-7"}, False), ({}, False)]:
        assert look(book, Letter(author="noreply@shop.test", headers=headers)).respond.acknowledge is expected


WRONG = {
    "misspelt key": ('sendr = "a@b.test"\n', "channel.sendr", "'sendr'", "sender"),
    "nothing it is of": ('is = "human"\nwhy = "x"\n', "channel", "nothing", ""),
    "no word": ('sender = "a@b.test"\nwhy = "x"\n', "channel.is", "nothing", ""),
    "another word": ('sender = "a@b.test"\nis = "humam"\nwhy = "x"\n', "channel.is", "'humam'", "human"),
    "no reason": ('sender = "a@b.test"\nis = "human"\n', "channel.why", "nothing", ""),
    "no address": ('sender = "shop"\nis = "human"\nwhy = "x"\n', "channel.sender", "'shop'", ""),
    "an address as domain": ('domain = "a@b.test"\nis = "human"\nwhy = "x"\n', "channel.domain", "'a@b.test'", ""),
    "sender and domain": (HUMAN + 'domain = "b.test"\n', "channel.domain", "'b.test'", ""),
    "a value without a header": (HUMAN + 'value = "x"\n', "channel.value", "'x'", ""),
    "no header name": (HUMAN + 'header = "x y"\n', "channel.header", "'header:x y'", ""),
    "a number": (HUMAN + "header = 7\n", "channel.header", "7", ""),
}


@pytest.mark.parametrize(("table", "key", "found", "nearest"), WRONG.values(), ids=WRONG)
def test_a_channel_with_a_fault_is_refused_with_its_place(
    folder: Path, table: str, key: str, found: str, nearest: str
) -> None:
    fault = next(one for one in faults(folder, HUMAN, table) if one.key == key)
    assert (fault.found, fault.nearest, fault.line >= 6) == (found, nearest, True)
    assert fault.file == str(folder / "50-ours.toml")


def test_channels_are_bounded_in_number(folder: Path) -> None:
    told = faults(folder, *[HUMAN] * (MOST_CHANNELS + 1))
    assert [one.allowed for one in told] == [f"at most {MOST_CHANNELS} channels"]


FORWARDER = (
    '[[forwarder]]\nid = "x"\npreset = "google"\nfield = "mail_from"\npresent = true\nsays = "it"\nsource = "us"\n'
)
WRONG_WAYS = {
    "unknown preset": ('preset = "googel"', "forwarder.preset", "'googel'", "google"),
    "unknown signal": ('forgives = ["A55"]', "forwarder.forgives", "'A55'", "A5"),
    "unknown field": ('names = ["header:To"]', "forwarder.names", "'header:To'", ""),
    "no list": ('names = "header:to"', "forwarder.names", "'header:to'", ""),
    "no header to hide": ('hides = ["header:x-*"]', "forwarder.hides", "'header:x-*'", ""),
    "no flag": ('alone = "yes"', "forwarder.alone", "'yes'", ""),
    "an id that is used": ('id = "A5"', "forwarder.id", "'A5'", ""),
    "unknown key": ("softens = []", "forwarder.softens", "'softens'", ""),
}


@pytest.mark.parametrize(("line", "key", "found", "nearest"), WRONG_WAYS.values(), ids=WRONG_WAYS)
def test_a_way_of_forwarding_with_a_fault_is_refused_with_its_place(
    folder: Path, line: str, key: str, found: str, nearest: str
) -> None:
    name = line.partition(" ")[0]
    kept = "".join(f"{one}\n" for one in FORWARDER.splitlines() if not one.startswith(f"{name} "))
    (folder / "50-ours.toml").write_text(f"\n{kept}{line}\n")
    with pytest.raises(ConfigError) as caught:
        load(folder)
    (fault,) = caught.value.faults
    assert (fault.key, fault.found, fault.nearest, fault.shown) == (key, found, nearest, line)


def test_a_table_of_an_unknown_name_is_told_with_the_nearest(folder: Path) -> None:
    (folder / "50-ours.toml").write_text('[[chanel]]\nis = "human"\n')
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert [(one.key, one.nearest) for one in caught.value.faults] == [("chanel", "channel")]
