"""What subjects and the beginning of a text say of a mail, in every language of the shipped lists."""

from datetime import UTC, datetime
from email.header import Header

import pytest

from mailgate.cases import judge_alone
from mailgate.context import Mint
from mailgate.judge.conditions import matcher
from mailgate.judge.fingerprint import bare_subject
from mailgate.model import Accepted, Authentication, Filing, Gateway, Keys, Kind, Level, Mailbox, Peer
from mailgate.rulebook import load, shipped_folder

BOOK = load(shipped_folder())
DESK = Mailbox("support@g.test", "support")
GATEWAY = Gateway("mx.g.test", (DESK,), Keys("lab", "a", {"a": b"k" * 32}))
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
PROVEN = Authentication(Level.A2, dkim="pass", domain="x.test")

# One subject per language, as the mail programs of that language write it.
SUBJECTS = {
    "en": "Automatic reply: Your order",
    "de": "Automatische Antwort: Ihre Bestellung",
    "fr": "Réponse automatique : Votre commande",
    "es": "Respuesta automática: Su pedido",
    "pt": "Resposta automática: A sua encomenda",
    "it": "Risposta automatica: Ordine",
    "nl": "Automatisch antwoord: Bestelling",
    "da": "Automatisk svar: Ordre",
    "nb": "Fravær: Bestilling",
    "sv": "Automatiskt svar: Beställning",
    "fi": "Automaattinen vastaus: Tilaus",
    "is": "Sjálfvirkt svar: Pöntun",
    "pl": "Odpowiedź automatyczna: Zamówienie",
    "cs": "Automatická odpověď: Objednávka",
    "sk": "Automatická odpoveď: Objednávka",
    "hu": "Automatikus válasz: Rendelés",
    "ro": "Răspuns automat: Comandă",
    "bg": "Автоматичен отговор: Поръчка",
    "ru": "Автоматический ответ: Заказ",
    "uk": "Автоматична відповідь: Замовлення",
    "be": "Аўтаматычны адказ: Заказ",
    "hr": "Automatski odgovor: Narudžba",
    "sr": "Аутоматски одговор: Поруџбина",
    "sl": "Samodejni odgovor: Naročilo",
    "mk": "Автоматски одговор: Нарачка",
    "sq": "Përgjigje automatike: Porosia",
    "el": "Αυτόματη απάντηση: Παραγγελία",
    "tr": "Otomatik Yanıt: Sipariş",
    "et": "Automaatvastus: Tellimus",
    "lv": "Automātiska atbilde: Pasūtījums",
    "lt": "Automatinis atsakymas: Užsakymas",
    "he": "\u200fתשובה אוטומטית: הזמנה",
    "ar": "\u200fرد تلقائي: طلب",
    "fa": "پاسخ خودکار: سفارش",
    "hi": "स्वचालित उत्तर: आदेश",
    "th": "ตอบกลับอัตโนมัติ: คำสั่งซื้อ",
    "vi": "Trả lời tự động: Đơn hàng",
    "id": "Balasan otomatis: Pesanan",
    "zh-Hans": "自动答复: 订单",
    "zh-Hans, full-width colon": "自动回复：订单",
    "zh-Hant": "自動回覆: 訂單",
    "ja": "自動応答: 注文",
    "ko": "자동 회신: 주문",
    "ca": "Resposta automàtica: Comanda",
    "eu": "Erantzun automatikoa: Eskaera",
    "cy": "Ateb Awtomatig: Archeb",
    "ga": "Freagra Uathoibríoch: Ordú",
    "kk": "Автоматты жауап: Тапсырыс",
    "az": "Avtomatik cavab: Sifariş",
    "in brackets": "[Automatyczna odpowiedź] Zamówienie",
    "in front, a prefix": "AW: Automatic reply: Your order",
    "in front, a list": "[EXTERNAL] Automatic reply: Your order",
    "in front, a prefix and a list": "Re: [issue] Out of office AutoReply: Back next week",
}


def judged(
    subject: str, *headers: str, author: str = "joe@x.test", mail_from: str | None = None, text: str = "Hello."
) -> Filing:
    head = [f"From: Joe <{author}>", "To: support@g.test", f"Subject: {Header(subject, 'utf-8').encode()}"]
    raw = "\r\n".join([*head, "Message-ID: <1@x.test>", "Content-Type: text/plain; charset=utf-8", *headers, "", text])
    mail_from = author if mail_from is None else mail_from
    accepted = Accepted(1, "q", AT, mail_from, DESK.address, Peer(ip="192.0.2.1"), raw.encode())
    return judge_alone(accepted, PROVEN, gateway=GATEWAY, book=BOOK, mint=Mint(lambda: 1), now=AT)


def answers(filing: Filing) -> tuple[bool, bool]:
    return filing.verdict.respond.acknowledge, filing.verdict.respond.challenge


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_with_the_null_reverse_path_it_is_an_automatic_reply(subject: str) -> None:
    """T22"""
    filing = judged(subject, mail_from="")
    assert (filing.verdict.kind, answers(filing)) == (Kind.AUTO_REPLY, (False, False))


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_as_a_reply_it_is_not_answered_and_stays_with_people(subject: str) -> None:
    filing = judged(subject, "In-Reply-To: <order@elsewhere.test>")
    assert (filing.verdict.kind, answers(filing)) == (Kind.HUMAN, (False, False))


def test_that_somebody_is_away_only_forbids_the_challenge() -> None:
    filing = judged("Fuori ufficio: x")
    assert (filing.verdict.kind, answers(filing)) == (Kind.HUMAN, (True, False))


@pytest.mark.parametrize("subject", ["Risposta automatica: x", "Automatic reply: Your order", "自动回复：订单"])
def test_words_that_stand_before_another_subject_forbid_every_answer(subject: str) -> None:
    """T11"""
    filing = judged(subject)
    assert (filing.verdict.kind, answers(filing)) == (Kind.HUMAN, (False, False))


WHAT_PEOPLE_WRITE = [
    "your automatic reply is broken",
    "Automatic reply button missing",
    "Re: how do I set up an automatic reply?",
    "Out of office furniture",
    "Autonomes Fahren",
    "Ferien: Buchung",
    "Case study: printers",
    "[urgent] Printer burns",
    "Anne is on the phone",
]


@pytest.mark.parametrize("subject", WHAT_PEOPLE_WRITE)
def test_people_who_write_about_such_things_are_answered(subject: str) -> None:
    assert answers(judged(subject)) == (True, True)


# Each a subject, headers, and how the text begins.
AWAY = {
    "subject and text agree": ("Abwesenheitsnotiz", (), "Ich bin bis 3. Mai im Urlaub."),
    "marked as bulk, by its subject": ("[Automatyczna odpowiedź] test", ("Precedence: bulk",), "Dzień dobry."),
    "marked as bulk": ("Re: Order", ("Precedence: bulk",), "Hi, I'm on holidays, and this is a dumb auto-responder."),
    "marked as generated": ("Re: Order", ("Auto-Submitted: auto-generated",), "Je suis absent du bureau."),
    "asks for no answer, among others": ("Re: Order", ("X-Auto-Response-Suppress: DR, OOF",), "Ich bin im Urlaub."),
    "asks for no answer": ("Re: Order", ("X-Auto-Response-Suppress: OOF",), "I am out of the office until Monday."),
}


@pytest.mark.parametrize(("subject", "headers", "text"), AWAY.values(), ids=AWAY)
def test_a_text_that_says_so_confirms_another_sign(subject: str, headers: tuple[str, ...], text: str) -> None:
    filing = judged(subject, *headers, text=text)
    assert (filing.verdict.kind, answers(filing)) == (Kind.AUTO_REPLY, (False, False))


def test_a_person_may_say_that_he_is_away() -> None:
    filing = judged("My order", text="I am out of the office until Monday, please deliver to my neighbour.")
    assert (filing.verdict.kind, answers(filing)) == (Kind.HUMAN, (True, True))


@pytest.mark.parametrize("subject", ["Anne Smith is out of the office", "Anna Schmidt ist außer Haus (bis 3.5.)"])
def test_a_name_that_is_away_is_a_hint(subject: str) -> None:
    assert answers(judged(subject)) == (True, False)
    assert judged(subject, mail_from="").verdict.kind is Kind.AUTO_REPLY


@pytest.mark.parametrize("subject", ["Ticket received: printer", "Eingangsbestätigung", "Case #12: x"])
def test_receipts_of_other_help_desks_are_a_hint(subject: str) -> None:
    assert answers(judged(subject)) == (True, False)


BEGINNINGS = {
    "the whole": ("ooo", True),
    "colon": ("ooo: back on monday", True),
    "dash": ("ooo - back on monday", True),
    "bracket": ("ooo (monday)", True),
    "goes on": ("ooo la la", False),
    "longer word": ("oooh", False),
    "later": ("the ooo", False),
    "a phrase with its own colon": ("auto:back on monday", True),
}


@pytest.mark.parametrize(("subject", "expected"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_phrase_begins_the_subject_and_ends_there(subject: str, expected: bool) -> None:
    assert matcher("begins", ["OOO", "auto:"])(subject) is expected


BARE = {
    "plain": ("Printer", "Printer"),
    "prefix": ("Re: AW: Printer", "Printer"),
    "list": ("[issue] Printer", "Printer"),
    "both, mixed": ("Re: [issue] Fwd: [x] Printer", "Printer"),
    "open bracket": ("[issue Printer", "[issue Printer"),
    "nothing but a list": ("[issue]", ""),
    "a long bracket is text": (f"[{'x' * 80}] Printer", f"[{'x' * 80}] Printer"),
}


@pytest.mark.parametrize(("subject", "expected"), BARE.values(), ids=BARE)
def test_the_bare_subject(subject: str, expected: str) -> None:
    assert bare_subject(subject, BOOK.limits.reply_prefixes) == expected


CHALLENGES = {
    "subject and text": ("Please confirm your message", (), "Your message is being held because I do not know you."),
    "in reply to us": ("Re: Order", ("In-Reply-To: <1@g.test>",), "Prove you are a human by clicking here."),
}


@pytest.mark.parametrize(("subject", "headers", "text"), CHALLENGES.values(), ids=CHALLENGES)
def test_other_systems_questions_are_never_answered(subject: str, headers: tuple[str, ...], text: str) -> None:
    filing = judged(subject, *headers, text=text)
    assert (filing.verdict.kind, answers(filing)) == (Kind.SYSTEM, (False, False))


def test_a_service_that_asks_is_known_by_its_domain() -> None:
    filing = judged("Hello", author="x@spamarrest.com")
    assert (filing.verdict.kind, answers(filing)) == (Kind.SYSTEM, (False, False))


def test_on_a_list_people_say_that_they_are_away() -> None:
    filing = judged("Release", "List-Id: <dev.x.test>", "Precedence: bulk", text="I am on vacation until Monday.")
    assert filing.verdict.kind is Kind.LIST


def test_our_own_question_quoted_back_by_a_person_is_a_persons_mail() -> None:
    filing = judged("Where is my order", text="You wrote that your message is being held. Mine too?")
    assert (filing.verdict.kind, answers(filing)) == (Kind.HUMAN, (True, True))
