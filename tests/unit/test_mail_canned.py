import pytest

from mailgate.canned import canned as found_in
from mailgate.mail import canned
from mailgate.mail.template import TemplateError
from mailgate.rulebook import load, shipped_folder

BODY = "Hello ${name},\n\nlook at https://x.test/printers for ${ticket}.\n\n${agent}\n"
TEXT = f"suggest = Printer,  paper   jam\n\n{BODY}"
VALUES = {"desk": "support@g.test", "ticket": "#7", "name": "Anne", "agent": "Bob"}


def test_values_are_put_in_and_pages_may_be_named() -> None:
    read = canned.read(TEXT)
    assert canned.filled(read, VALUES) == "Hello Anne,\n\nlook at https://x.test/printers for #7.\n\nBob\n"
    assert read.suggests == ("printer", "paper jam")


def test_who_gives_no_name_is_greeted_without_one() -> None:
    assert canned.filled(canned.read(TEXT), VALUES | {"name": ""}).startswith("Hello,\n")


def test_a_name_is_a_few_words_without_a_link() -> None:
    hostile = "Anne\r\nBcc: x@y.test http://evil.test/ and many more words"
    assert canned.filled(canned.read(TEXT), VALUES | {"name": hostile}).startswith("Hello Anne Bcc: … … …,\n")


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("Hello", 1, "'Hello'"),
        ("suggest = \n\nHello", 1, "'suggest = '"),
        ("suggest = x\n\n \n", 3, "no text"),
        ("suggest = x\n\nHello ${subject}", 3, "${subject}"),
        ("suggest = x\n\nIt costs $ 5", 3, "'It costs $ 5'"),
        ("suggest = x\n\nHello\x1b[31m", 3, "the character U+001B"),
        (f"suggest = x\n\n{'x' * 20_001}", 0, "20001 bytes"),
        (f"suggest = {'x' * 61}\n\nHello", 1, repr(f"suggest = {'x' * 50}")),
    ],
    ids=["no head", "no hint", "no text", "another value", "a dollar", "a control", "too long", "a long hint"],
)
def test_a_text_that_does_not_obey_is_refused(text: str, line: int, found: str) -> None:
    with pytest.raises(TemplateError) as caught:
        canned.read(text)
    assert (caught.value.line, caught.value.found) == (line, found)


def test_those_that_come_along_are_in_the_language_of_the_customer_or_in_english() -> None:
    book = load(shipped_folder())
    assert set(book.canned["en"]) == set(book.canned["de"]) == {"details", "closing", "not-now"}
    assert found_in(book, "closing", "de") is book.canned["de"]["closing"]
    assert found_in(book, "closing", "fr") is book.canned["en"]["closing"]
    assert found_in(book, "nothing", "de") is None
