"""In which language a mail is written, and what is believed where that is in doubt."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.errors import ConfigError
from mailgate.mail import language
from mailgate.model import Mail
from tests.fakes.judging import rulebook

TONGUES = rulebook().tongues

SHORT = {
    "ar": "مرحبا، الفاتورة خاطئة. شكرا",
    "cs": "Dobrý den, faktura je špatně, děkuji",
    "da": "Hej, min faktura er forkert, mange tak",
    "de": "Hallo, meine Rechnung ist falsch. Danke",
    "en": "Hello, my invoice is wrong",
    "es": "Hola, mi factura está mal. Gracias",
    "fi": "Hei, laskuni on väärin. Kiitos",
    "fr": "Bonjour, ma facture est fausse. Merci",
    "it": "Salve, la mia fattura è sbagliata. Grazie",
    "ja": "請求書が間違っています",
    "nb": "Hei, jeg har ikke fått varen ennå. Takk",
    "nl": "Goedemiddag, mijn factuur klopt niet",
    "pl": "Dzień dobry, moja faktura jest błędna",
    "pt": "Olá, a minha fatura está errada. Obrigado",
    "ru": "Здравствуйте, счёт неверный. Спасибо",
    "sv": "Hej, min faktura är fel",
    "tr": "Merhaba, faturam yanlış. Teşekkürler",
    "uk": "Добрий день, рахунок невірний. Дякую",
    "zh": "发票有错误，请帮忙",
}


@pytest.mark.parametrize(("code", "text"), SHORT.items(), ids=SHORT)
def test_a_short_letter_shows_its_language(code: str, text: str) -> None:
    assert language.of_text(text, TONGUES) == code


def test_every_language_that_we_write_can_be_told() -> None:
    assert set(SHORT) == set(rulebook().templates)


@pytest.mark.parametrize("text", ["", "Order 4711", "Müller GmbH", "OK", "12:30", "สวัสดีครับ", "xq zv", "Re: Re: AW:"])
def test_what_says_too_little_is_in_doubt(text: str) -> None:
    assert language.of_text(text, TONGUES) == ""


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"content-language": "de-DE"}, "de", id="Content-Language"),
        pytest.param({"accept-language": "fr-FR, en;q=0.5"}, "fr", id="Accept-Language"),
        pytest.param({"content-language": "sv", "accept-language": "de"}, "sv", id="the language of the mail first"),
        pytest.param({"content-language": "tlh", "accept-language": "de"}, "de", id="one that nobody knows"),
        pytest.param({"content-language": "../../etc"}, "", id="no language"),
    ],
)
def test_where_the_text_says_nothing_the_header_counts(headers: Mapping[str, str], code: str) -> None:
    mail = Mail({name: (value,) for name, value in headers.items()})

    assert language.guess(mail, "4711", TONGUES) == code


def test_a_field_that_stands_twice_counts_for_nothing() -> None:
    assert language.guess(Mail({"content-language": ("de", "fr")}), "", TONGUES) == ""


def test_the_text_counts_before_the_language_of_a_program() -> None:
    mail = Mail({"content-language": ("en-US",), "accept-language": ("en-US",)})

    assert language.guess(mail, SHORT["de"], TONGUES) == "de"


@given(st.text(), st.text(), st.text())
def test_whatever_a_mail_says_only_a_key_of_ours_comes_out(subject: str, text: str, header: str) -> None:
    mail = Mail({"content-language": (header,), "accept-language": (header,)}, subject=subject)

    assert language.guess(mail, text, TONGUES) in {"", *TONGUES.codes}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", "", id="none"),
        pytest.param("de", "de", id="plain"),
        pytest.param("de-CH, en;q=0.9", "de", id="region"),
        pytest.param("eo, de;q=0.4, en;q=0.6", "en", id="weights, not order"),
        pytest.param("eo;q=1, DE ; q=0.2", "de", id="case and blanks"),
        pytest.param("en;q=0, de;q=0.1", "de", id="refused"),
        pytest.param("de;q=x", "", id="no weight"),
        pytest.param("*", "", id="any"),
        pytest.param("eo, tlh", "", id="none of ours"),
        pytest.param("x," * 100_000 + "de", "", id="endless"),
        pytest.param(";;==,,q=,\x00", "", id="nonsense"),
        pytest.param("de;q=nan, en;q=0.5", "en", id="not a number"),
    ],
)
def test_the_language_is_the_reader_s_best_of_ours(accept: str, expected: str) -> None:
    assert expected == language.preferred(accept, {"de", "en"})


WRONG = {
    "unknown key": ("lest = 1", "lest", "least"),
    "no number": ("least = 0", "least", ""),
    "no table": ("language = 1", "language", ""),
    "a language that is no table": ("[language]\nde = 1", "language.de", ""),
    "misspelt key": ('[language.de]\nword = ["x"]', "language.de.word", "words"),
    "no words": ("[language.de]\nwords = [1]", "language.de.words", ""),
    "letters without a share": ('[language.ja]\nletters = "ぁ-ゖ"', "language.ja.share", ""),
    "letters that are none": ('[language.ja]\nletters = "z-a"\nshare = 8', "language.ja.letters", ""),
    "no letters": ("[language.ja]\nshare = 8", "language.ja.letters", ""),
}


@pytest.mark.parametrize(("text", "key", "nearest"), WRONG.values(), ids=WRONG)
def test_a_fault_in_the_file_is_told_with_its_place(text: str, key: str, nearest: str) -> None:
    table = {"least": 2, "lead": 1.5} | tomllib.loads(text)
    with pytest.raises(ConfigError) as caught:
        language.from_table(table)

    assert [(fault.key, fault.nearest) for fault in caught.value.faults] == [(key, nearest)]
