import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.template import LINE_COLUMNS, MOST_BYTES, Form, TemplateError, fill, in_both, obey, read, width

TEXT = "Subject: Hello from ${desk}\n\nYour ticket is ${ticket}. It costs 5 $$.\n"


def test_a_template_becomes_subject_and_body() -> None:
    values = {"desk": "the desk", "ticket": "7"}
    assert fill(read(TEXT, values), values) == (
        "Hello from the desk",
        "Your ticket is 7. It costs 5 $.\n",
    )


PLACE = "no address of a page or a mailbox but ${link} and ${desk}"
FAULTS = {
    "unknown name": ("Subject: x\n\n${Desk} and ${ticket}", "${Desk}", "${desk}, ${ticket}", 3),
    "lone dollar sign": ("Subject: x\n\n5 $ or so", "'5 $ or so'", "'$' only in ${name}; '$$' for a dollar sign", 3),
    "address of a page": ("Subject: x\n\nSee https://x.test/a", "'https://x.test/a'", PLACE, 3),
    "bare name of a page": ("Subject: x\n\nSee example.com.", "'example.com.'", PLACE, 3),
    "another mailbox": ("Subject: x\n\nOr write to a@example.com", "'example.com'", PLACE, 3),
    "control character": ("Subject: x\n\na\tb", "the character U+0009", "letters, signs and spaces", 3),
    "text turned around": ("Subject: x\n\na\u202eb", "the character U+202E", "letters, signs and spaces", 3),
    "no subject": ("Hello\n\nyou", "'Hello'", "a first line 'Subject: …' and an empty line after it", 1),
    "subject and body not parted": (
        "Subject: x\nyou",
        "'Subject: x'",
        "a first line 'Subject: …' and an empty line after it",
        1,
    ),
    "no body": ("Subject: x\n\n", "no body", "a text after the empty line", 3),
}


@pytest.mark.parametrize(("text", "found", "allowed", "line"), FAULTS.values(), ids=FAULTS)
def test_a_template_that_cannot_be_used_says_what_to_write_instead(
    text: str, found: str, allowed: str, line: int
) -> None:
    with pytest.raises(TemplateError) as caught:
        read(text, {"desk", "ticket"})
    assert (caught.value.found, caught.value.allowed, caught.value.line) == (found, allowed, line)


@given(st.text(), st.text())
def test_any_value_stays_in_its_place(desk: str, ticket: str) -> None:
    subject, body = fill(read(TEXT, {"desk", "ticket"}), {"desk": desk, "ticket": ticket})
    assert len(subject.splitlines()) == 1
    assert len(body.splitlines()) == 1


USUAL = {"desk": "support@g.test", "link": "https://g.test/c/x", "hint": ""}
FORM = Form(
    USUAL,
    {"desk": "d" * 254, "link": "l" * 108, "hint": "h " * 40},
    needed=frozenset({"desk", "link"}),
    alone=frozenset({"link", "hint"}),
)
GOOD = "Subject: ${desk}\n\nOpen:\n\n${link}\n\n${hint}\n\nBye.\n"


def test_a_text_that_obeys_is_let_through() -> None:
    obey(GOOD, read(GOOD, USUAL), FORM)


DISOBEDIENT = {
    "a name is missing": ("Subject: ${desk}\n\nOpen nothing.\n", "no ${link}", 0),
    "the link in a sentence": (GOOD.replace("${link}", "Open ${link} now"), "'Open ${link} now'", 5),
    "the link twice": (GOOD + "\n${link}\n", "'${link}'", 5),
    "the link in the subject": ("Subject: ${link}\n\n${desk}\n", "'Subject: ${link}'", 1),
    "a hint in a sentence": (GOOD.replace("${hint}", "So: ${hint}"), "'So: ${hint}'", 7),
    "a long line": (GOOD.replace("Bye.", "x" * 77), "a line 77 columns wide", 9),
    "a line of wide characters": (GOOD.replace("Bye.", "あ" * 39), "a line 78 columns wide", 9),
    "a long subject": (GOOD.replace("Subject: ", "Subject: " + "x" * 60), "a line 83 columns wide", 1),
    "too many bytes": (GOOD + "é 日本 text\n" * 140, "up to 2303 bytes with its values", 0),
}


@pytest.mark.parametrize(("text", "found", "line"), DISOBEDIENT.values(), ids=DISOBEDIENT)
def test_a_text_that_would_make_another_mail_says_where(text: str, found: str, line: int) -> None:
    with pytest.raises(TemplateError) as caught:
        obey(text, read(text, USUAL), FORM)
    assert (caught.value.found, caught.value.line) == (found, line)


def test_a_line_of_nothing_but_an_empty_value_is_left_out_with_the_one_after_it() -> None:
    assert fill(read(GOOD, USUAL), USUAL)[1] == "Open:\n\nhttps://g.test/c/x\n\nBye.\n"


def test_a_line_of_nothing_but_a_long_value_is_broken_between_its_words() -> None:
    _, body = fill(read(GOOD, USUAL), {**USUAL, "link": "x" * 100, "hint": "one two " * 20})

    assert max(len(line) for line in body.splitlines() if not line.startswith("x")) <= LINE_COLUMNS
    assert "x" * 100 in body.splitlines()


def test_two_languages_stand_in_one_mail_where_they_fit() -> None:
    assert in_both("Guten Tag,\n\nja.\n", "Hello.\n") == "Guten Tag,\n\nja.\n\n* * *\n\nHello.\n"
    assert in_both("ä" * (MOST_BYTES // 2), "Hello.\n") == "ä" * (MOST_BYTES // 2)


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("ごぼう", 6), ("e\u0301", 1), ("مرحبا", 5)])
def test_the_width_is_the_one_on_a_screen(text: str, columns: int) -> None:
    assert width(text) == columns
