"""What mailgate says on its own: every text and every language obeys, and a text that does not is refused."""

from __future__ import annotations

import quopri
import shutil
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from mailgate.errors import ConfigError, Fault
from mailgate.judge import hours
from mailgate.mail.compose import Draft, compose
from mailgate.mail.phrases import PAGES, PROMISES, promised
from mailgate.mail.template import LINE_COLUMNS, MOST_BYTES, fill, in_both, width
from mailgate.model import Mailaddr, Mailbox, Purpose
from mailgate.replybook import MAY
from mailgate.rulebook import load, shipped_folder
from tests.fakes.judging import rulebook

LANGUAGES = sorted(rulebook().templates)
OPENING = hours.parse(["mon-fri 09:00-17:00"], UTC, "Europe/Berlin")
DESKS = {
    "says nothing": Mailbox("support@example.com", "x"),
    "promises": Mailbox("support@example.com", "x", answer_within_h=24),
    "is open": Mailbox("support@example.com", "x", opening=OPENING),
    "promises in its hours": Mailbox("support@example.com", "x", opening=OPENING, answer_within_h=8),
}
AT = datetime(2026, 1, 5, tzinfo=UTC)

every_language = pytest.mark.parametrize("language", LANGUAGES)
every_desk = pytest.mark.parametrize("desk", DESKS.values(), ids=DESKS)


def values(language: str, desk: Mailbox) -> dict[str, str]:
    return {
        "desk": desk.address,
        "ticket": "#7",
        "link": f"https://support.example.com/c/{'x' * 42}",
        "until": "2026-12-06",
        "answer_time": promised(rulebook().phrases[language].promise, desk),
    }


def test_there_are_many_languages() -> None:
    assert len(LANGUAGES) >= 16


@every_language
def test_a_language_is_whole(language: str) -> None:
    own = shipped_folder() / "replies" / language

    assert {path.name for path in own.iterdir() if path.is_file()} == {*(f"{name}.txt" for name in MAY), "words.toml"}
    assert {page.language for page in rulebook().phrases[language].pages.values()} == {language}
    assert rulebook().phrases[language].answer


@every_language
@every_desk
@pytest.mark.parametrize("name", MAY)
def test_every_mail_says_all_it_must_and_keeps_its_lines_short(language: str, desk: Mailbox, name: str) -> None:
    told = values(language, desk)
    subject, body = fill(rulebook().templates[language][name], told)

    said = f"{subject}\n{body}"
    assert [one for one in MAY[name] if told[one] and " ".join(told[one].split()) not in " ".join(said.split())] == []
    assert max(map(width, said.splitlines())) <= LINE_COLUMNS + 14  # Chinese and Japanese are broken nowhere
    assert "\n\n\n" not in body
    assert "$" not in said


@every_language
@every_desk
def test_the_question_stands_there_in_english_too(language: str, desk: Mailbox) -> None:
    own, english = (fill(rulebook().templates[each]["challenge"], values(each, desk))[1] for each in (language, "en"))
    both = in_both(own, english)

    assert english in both
    assert len(both.encode()) <= MOST_BYTES


@every_language
def test_a_question_travels_as_ascii_and_comes_back_whole(language: str) -> None:
    subject, body = fill(rulebook().templates[language]["challenge"], values(language, DESKS["promises in its hours"]))
    raw = compose(
        Draft(
            Purpose.CHALLENGE,
            Mailaddr("support@example.com", "Hilfe & Ähnliches"),
            Mailaddr("anne@x.test"),
            subject,
            body,
            AT,
            "<1@example.com>",
            "v=1",
            "",
        )
    )
    mail = message_from_bytes(raw, policy=policy.default)

    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 78
    assert mail["Subject"] == subject
    assert quopri.decodestring(raw.partition(b"\r\n\r\n")[2]).decode().split() == body.split()


@every_language
@pytest.mark.parametrize("hours_promised", [1, 2, 5, 21])
def test_a_promise_names_what_it_promises(language: str, hours_promised: int) -> None:
    desk = Mailbox("support@example.com", "x", opening=OPENING, answer_within_h=hours_promised)
    sentence = promised(rulebook().phrases[language].promise, desk)

    assert hours_promised == 1 or str(hours_promised) in sentence
    assert "09:00-17:00" in sentence
    assert "Europe/Berlin" in sentence


def test_days_that_are_alike_stand_together() -> None:
    lines = ["mon-thu 09:00-12:00", "mon-thu 13:00-17:00", "fri 09:00-12:00", "sun 10:00-11:00"]
    desk = Mailbox("a@g.test", "x", opening=hours.parse(lines, UTC, "UTC"))

    said = promised(rulebook().phrases["en"].promise, desk)
    assert said == "Our working hours: Mon-Thu 09:00-12:00, 13:00-17:00; Fri 09:00-12:00; Sun 10:00-11:00 (UTC)."


def test_hours_that_take_too_long_to_say_are_not_said() -> None:
    lines = [f"{day}-sun {hour:02}:00-{hour:02}:30" for hour, day in enumerate(hours.DAYS)]
    desk = Mailbox("a@g.test", "x", opening=hours.parse(lines, UTC, "UTC"), answer_within_h=8)

    assert promised(rulebook().phrases["en"].promise, desk) == ""


# ── Texts of one's own ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "rules"))


def faults(folder: Path) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return caught.value.faults


def test_what_a_language_lacks_is_said_in_english(folder: Path) -> None:
    (folder / "replies/fr/challenge.txt").unlink()
    words = folder / "replies/fr/words.toml"
    words.write_text(words.read_text().split("[unknown]")[0])
    book = load(folder)

    assert book.templates["fr"]["challenge"] == book.templates["en"]["challenge"]
    assert book.templates["fr"]["acknowledge"] != book.templates["en"]["acknowledge"]
    assert [(name, book.phrases["fr"].pages[name].language) for name in ("ask", "unknown", "trouble")] == [
        ("ask", "fr"),
        ("unknown", "en"),
        ("trouble", "en"),
    ]


def test_a_language_of_ones_own_may_begin_with_one_text(folder: Path) -> None:
    (folder / "replies/eo").mkdir()
    (folder / "replies/eo/acknowledge.txt").write_text("Subject: [${ticket}] Dankon\n\nNi legos.\n")
    book = load(folder)

    assert book.templates["eo"]["acknowledge"].body == "Ni legos.\n"
    assert book.phrases["eo"].pages == book.phrases["en"].pages


def test_a_folder_from_before_has_no_words_and_uses_those_that_come_along(folder: Path) -> None:
    for words in folder.glob("replies/*/words.toml"):
        words.unlink()
    book = load(folder)

    assert book.phrases["en"] == rulebook().phrases["en"]
    assert set(book.phrases["de"].pages) == set(PAGES)


@pytest.mark.parametrize("name", MAY)
def test_english_must_be_whole(folder: Path, name: str) -> None:
    (folder / f"replies/en/{name}.txt").unlink()
    assert [Path(fault.file).name for fault in faults(folder)] == [f"{name}.txt"]


@pytest.mark.parametrize("key", ["answer", "promise", *PAGES])
def test_english_words_must_be_whole(folder: Path, key: str) -> None:
    words = folder / "replies/en/words.toml"
    lines, kept, skipping = words.read_text().splitlines(), [], False
    for line in lines:
        skipping = line.startswith(f"{key} =") or (line == f"[{key}]" or (skipping and not line.startswith("[")))
        kept += [] if skipping else [line]
    words.write_text("\n".join(kept))
    found = faults(folder)
    assert key in [fault.key for fault in found]


TEXTS = {
    "a name of the sender's": ("acknowledge", "Subject: ${subject}\n\n${ticket}", 1, "${subject}"),
    "an address of a page": ("acknowledge", "Subject: x\n\n${ticket}: www.example.com", 3, "'www.example.com'"),
    "no number": ("acknowledge", "Subject: x\n\nThank you.", 0, "no ${ticket}"),
    "no link": ("challenge", "Subject: ${desk}\n\nAnswer this mail until ${until}.", 0, "no ${link}"),
    "a link in a sentence": (
        "challenge",
        "Subject: ${desk}\n\nOpen ${link}\n\nuntil ${until}",
        3,
        "'Open ${link}'",
    ),
    "a link where there are no pages": ("challenge-by-reply", "Subject: ${desk}\n\n${until}\n${link}", 4, "${link}"),
    "no word of how to answer": (
        "challenge-by-reply",
        "Subject: ${desk}\n\nHurry, ${until}.",
        0,
        "no word of how to answer",
    ),
    "too long a text": (
        "acknowledge",
        "Subject: x\n\n${ticket}\n" + "long\n" * 500,
        0,
        "up to 2520 bytes with its values",
    ),
    "a text that nobody sends": ("acknowlege", "Subject: x\n\nx", 0, "acknowlege"),
}


@pytest.mark.parametrize(("name", "text", "line", "found"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_does_not_obey_is_refused_with_its_place(
    folder: Path, name: str, text: str, line: int, found: str
) -> None:
    (folder / f"replies/sv/{name}.txt").write_text(text)
    (fault,) = faults(folder)
    assert (fault.file, fault.line, fault.found) == (str(folder / f"replies/sv/{name}.txt"), line, found)
    assert fault.allowed


WORDS = {
    "misspelt key": ("[aks]", "aks", "ask"),
    "direction": ('direction = "up"', "direction", ""),
    "a title that is none": ('[ask]\ntitle = ""\nlines = ["x"]\nbutton = "x"', "ask.title", ""),
    "no lines": ('[done]\ntitle = "x"\nlines = []', "done.lines", ""),
    "a line that is no text": ('[done]\ntitle = "x"\nlines = [1]', "done.lines", ""),
    "no button": ('[ask]\ntitle = "x"\nlines = ["x"]', "ask.button", ""),
    "a button for nothing": ('[done]\ntitle = "x"\nlines = ["x"]\nbutton = "x"', "done.button", ""),
    "an address of a page": ('[done]\ntitle = "x"\nlines = ["https://x.test"]', "done.lines", ""),
    "a value": ('[done]\ntitle = "${desk}"\nlines = ["x"]', "done.title", ""),
    "no table": ("promise = 1", "promise", ""),
    "six days": ('[promise]\ndays = ["a","b","c","d","e","f"]', "promise.days", ""),
    "no answer": ("answer = []", "answer", ""),
    "eleven months": (f"[quote]\nmonths = {list('abcdefghijk')}".replace("'", '"'), "quote.months", ""),
    "a quote of nobody": ('[quote]\nwrote = "${day} ${month} ${year}:"', "quote.wrote", ""),
}
PROMISE = (
    '[promise]\ndays = ["a","b","c","d","e","f","g"]\nwithin = "${hours}"\nwithin_open = "${hours} ${times} ${zone}"\n'
)


@pytest.mark.parametrize(("text", "key", "nearest"), WORDS.values(), ids=WORDS)
def test_words_with_a_fault_are_refused_with_their_place(folder: Path, text: str, key: str, nearest: str) -> None:
    (folder / "replies/sv/words.toml").write_text(f"\n{text}\n")
    found = {fault.key: fault for fault in faults(folder)}
    assert key in found
    assert (found[key].file, found[key].nearest) == (str(folder / "replies/sv/words.toml"), nearest)
    assert found[key].line >= 2


def test_a_promise_without_its_number_is_refused(folder: Path) -> None:
    words = folder / "replies/sv/words.toml"
    words.write_text(PROMISE.replace('"${hours}"', '"soon"') + 'open = "${times} ${zone}"')
    (fault,) = faults(folder)
    assert (fault.key, fault.line, fault.allowed) == ("promise.within", 3, "a sentence with ${hours}")


def test_a_promise_needs_every_sentence(folder: Path) -> None:
    (folder / "replies/sv/words.toml").write_text(PROMISE)
    (fault,) = faults(folder)
    assert fault.key == "promise.open"
    assert set(PROMISES) == {"within", "within_open", "open"}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("replies/english/acknowledge.txt", "language"),
        ("replies/sv/word.toml", "file"),
        ("replies/sv/canned/No name.txt", "file"),
        ("replies/sv/canned/details.txt", "text"),
    ],
)
def test_a_file_that_nobody_reads_is_refused(folder: Path, path: str, key: str) -> None:
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("Subject: x\n\n${ticket}\n")
    assert [fault.key for fault in faults(folder)] == [key]


def test_words_that_are_no_toml_are_refused(folder: Path) -> None:
    (folder / "replies/sv/words.toml").write_text("[ask\n")
    (fault,) = faults(folder)
    assert (fault.key, fault.line) == ("TOML", 1)
