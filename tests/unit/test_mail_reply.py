import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.quotes import NONE_KNOWN, Quotes
from mailgate.mail.reply import reply_of
from mailgate.rulebook import quotes_in, shipped_folder

NEW = "Ein neues Wort, a new word, 新しい言葉."
OLD = "Something that was written before this mail."
QUOTES = quotes_in(shipped_folder())


@pytest.fixture(scope="module")
def quotes() -> Quotes:
    return QUOTES


# What programs write above a quote, in their own words: Gmail's unless another is named.
INTRODUCTIONS = {
    "en, Gmail": "On Tue, Mar 12, 2024 at 10:00 AM Joe Doe <joe@example.test> wrote:",
    "en, Gmail, broken": "On Tue, Mar 12, 2024 at 10:00 AM Joe Doe with a rather long name <\njoe@example.test> wrote:",
    "en, Apple": "On 12 Mar 2024, at 10:00, Joe Doe <joe@example.test> wrote:",
    "en, Thunderbird": "On 12.03.24 10:00, Joe Doe wrote:",
    "en, Yahoo": "On Tuesday, March 12, 2024 at 10:00:00 AM GMT+1, Joe Doe <joe@example.test> wrote:",
    "en, Proton": "On Tuesday, March 12th, 2024 at 10:00 AM, Joe Doe <joe@example.test> wrote:",
    "en, K-9": "On 12 March 2024 10:00:00 CET, Joe Doe <joe@example.test> wrote:",
    "en, Zoho": "---- On Tue, 12 Mar 2024 10:00:00 +0100 Joe Doe <joe@example.test> wrote ----",
    "en, Notes": '-----"Joe Doe" <joe@example.test> wrote: -----',
    "en, Usenet": "In article <abc@example.test>, Joe Doe wrote:",
    "en, Eudora": "At 10:00 AM 3/12/2024, you wrote:",
    "en, Samsung": "On 12 Mar 2024 10:00 am, Joe Doe <joe@example.test> wrote:",
    "en, no verb": "2024-03-12 10:00 GMT+01:00 Joe Doe <joe@example.test>:",
    "de": "Am Di., 12. März 2024 um 10:00 Uhr schrieb Joe Doe <joe@example.test>:",
    "de, Apple": "Am 12.03.2024 um 10:00 schrieb Joe Doe <joe@example.test>:",
    "de, name first": "Joe Doe <joe@example.test> schrieb am Di., 12. März 2024,\n10:00:",
    "de, Outlook for iOS": "Am 12. März 2024 10:00:00 MEZ schrieb Joe Doe <joe@example.test>:",
    "fr": "Le mar. 12 mars 2024 à 10:00, Joe Doe <joe@example.test> a écrit :",
    "fr, Apple": "Le 12 mars 2024 à 10:00, Joe Doe <joe@example.test> a écrit\u00a0:",
    "es": "El mar, 12 mar 2024 a las 10:00, Joe Doe (<joe@example.test>) escribió:",
    "es, Apple": "El 12 mar 2024, a las 10:00, Joe Doe <joe@example.test> escribió:",
    "pt": "Joe Doe <joe@example.test> escreveu (terça, 12/03/2024 à(s) 10:00):",
    "pt, Brazil": "Em ter., 12 de mar. de 2024 às 10:00, Joe Doe <joe@example.test> escreveu:",
    "it": "Il giorno mar 12 mar 2024 alle ore 10:00 Joe Doe <joe@example.test> ha scritto:",
    "it, Apple": "Il giorno 12 mar 2024, alle ore 10:00, Joe Doe <joe@example.test> ha scritto:",
    "nl": "Op di 12 mrt 2024 om 10:00 schreef Joe Doe <joe@example.test>:",
    "nl, Apple": "Op 12 mrt 2024, om 10:00 heeft Joe Doe <joe@example.test> het volgende geschreven:",
    "da": "Den tirs. 12. mar. 2024 kl. 10.00 skrev Joe Doe <joe@example.test>:",
    "nb": "tir. 12. mars 2024 kl. 10:00 skrev Joe Doe <joe@example.test>:",
    "sv": "Den tis 12 mars 2024 kl 10:00 skrev Joe Doe <joe@example.test>:",
    "fi": "ti 12. maalisk. 2024 klo 10.00 Joe Doe (joe@example.test) kirjoitti:",
    "pl": "wt., 12 mar 2024 o 10:00 Joe Doe <joe@example.test> napisał(a):",
    "pl, Thunderbird": "W dniu 12.03.2024 o 10:00, Joe Doe pisze:",
    "cs": "út 12. 3. 2024 v 10:00 odesílatel Joe Doe <joe@example.test> napsal:",
    "cs, Thunderbird": "Dne 12.03.2024 v 10:00 Joe Doe napsal(a):",
    "sk": "ut 12. 3. 2024 o 10:00 Joe Doe <joe@example.test> napísal(a):",
    "hu": "Joe Doe <joe@example.test> ezt írta (időpont: 2024. márc. 12., K, 10:00):",
    "ro": "În mar., 12 mar. 2024 la 10:00, Joe Doe <joe@example.test> a scris:",
    "bg": "На вт, 12.03.2024 г. в 10:00 ч. Joe Doe <joe@example.test> написа:",
    "ru": "вт, 12 мар. 2024 г. в 10:00, Joe Doe <joe@example.test>:",
    "ru, Apple": "12 марта 2024 г., в 10:00, Joe Doe <joe@example.test> написал(а):",
    "ru, Mail.ru": "Вторник, 12 марта 2024, 10:00 +03:00 от Joe Doe <joe@example.test>:",
    "ru, Thunderbird": "12.03.2024 10:00, Joe Doe пишет:",
    "uk": "вт, 12 бер. 2024 р. о 10:00 Joe Doe <joe@example.test> пише:",
    "el": "Στις Τρί 12 Μαρ 2024 στις 10:00 π.μ., ο/η Joe Doe <joe@example.test> έγραψε:",
    "tr": "Joe Doe <joe@example.test>, 12 Mar 2024 Sal, 10:00 tarihinde şunu yazdı:",
    "he": "\u202bבתאריך יום ג׳, 12 במרץ 2024 ב-10:00 מאת "
    "\u202aJoe Doe\u202c\u200f <\u202ajoe@example.test\u202c\u200f>:\u202c",
    "ar": "\u202bفي الثلاثاء، 12 مارس 2024 في 10:00 ص تمت كتابة ما يلي بواسطة "
    "\u202aJoe Doe\u202c\u200f <\u202ajoe@example.test\u202c\u200f>:\u202c",
    "ar, Apple": "في ١٢ مارس ٢٠٢٤، الساعة ١٠:٠٠ ص، كتب Joe Doe <joe@example.test>:",
    "ja": "2024年3月12日(火) 10:00 Joe Doe <joe@example.test>:",
    "ja, Apple": "2024/03/12 10:00、Joe Doe <joe@example.test>のメール:",
    "zh-Hans": "Joe Doe <joe@example.test> 于2024年3月12日周二 10:00写道：",
    "zh-Hans, Apple": "在 2024年3月12日，10:00，Joe Doe <joe@example.test> 写道：",
    "zh-Hant": "Joe Doe <joe@example.test> 於 2024年3月12日 週二 上午10:00寫道：",
    "ko": "2024년 3월 12일 (화) 오전 10:00, Joe Doe <joe@example.test>님이 작성:",
    "vi": "Vào Th 3, 12 thg 3, 2024 vào lúc 10:00 Joe Doe <joe@example.test> đã viết:",
    "th": "เมื่อ อ. 12 มี.ค. 2024 เวลา 10:00 Joe Doe <joe@example.test> เขียนว่า:",
    "id": "Pada tanggal Sel, 12 Mar 2024 pukul 10.00 Joe Doe <joe@example.test> menulis:",
}


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
@pytest.mark.parametrize("shape", ["quoted", "quoted after an empty line", "not quoted", "inside the quote"])
def test_a_reply_above_an_introduced_quote_is_parted_from_it(introduction: str, shape: str, quotes: Quotes) -> None:
    quoted = "".join(f"> {line}\n" for line in introduction.split("\n"))
    below = {
        "quoted": f"{introduction}\n> {OLD}\n>\n> {OLD}\n",
        "quoted after an empty line": f"{introduction}\n\n> {OLD}\n",
        "not quoted": f"{introduction}\n\n{OLD}\n\n{OLD}\n",
        "inside the quote": f"{quoted}> {OLD}\n",
    }[shape]
    reply = reply_of(f"{NEW}\n\n{below}", quotes)
    assert (reply.text, reply.own) == (NEW, NEW)
    assert OLD in reply.hidden


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_a_reply_below_an_introduced_quote_is_parted_from_it(introduction: str, quotes: Quotes) -> None:
    assert reply_of(f"{introduction}\n> {OLD}\n> {OLD}\n\n{NEW}\n", quotes).text == NEW


@pytest.mark.parametrize("introduction", INTRODUCTIONS.values(), ids=INTRODUCTIONS)
def test_answers_between_the_quoted_lines_stay_with_them(introduction: str, quotes: Quotes) -> None:
    reply = reply_of(f"{introduction}\n> One?\n\nYes.\n\n> Two?\n\nNo.\n", quotes)
    assert reply.text == "> One?\n\nYes.\n\n> Two?\n\nNo."
    assert reply.own == "Yes.\n\n\nNo."
    assert reply.hidden == introduction


def test_an_introduction_in_a_language_that_nobody_told_us_is_known_by_its_date_and_address(quotes: Quotes) -> None:
    latvian = "otrd., 2024. g. 12. marts, plkst. 10:00 — lietotājs Joe Doe (<joe@example.test>) rakstīja:"
    assert reply_of(f"{NEW}\n\n{latvian}\n\n> {OLD}\n", quotes).text == NEW


# The header above the old mail as Outlook writes it, without any rule or sign of quoting.
HEADERS = {
    "en": "From: Joe Doe <joe@x.test>\nSent: Tuesday, March 12, 2024 10:00\nTo: Ann\nSubject: Help",
    "en, bold": "*From:* Joe Doe <joe@x.test>\n*Sent:* Tuesday, March 12, 2024 10:00\n*To:* Ann\n*Subject:* Help",
    "en, folded": "From: Joe Doe <joe@x.test>\nTo: Ann <ann@x.test>,\n  Bob <bob@x.test>\nSubject: Help\nDate: 12 May",
    "de": "Von: Joe Doe <joe@x.test>\nGesendet: Dienstag, 12. März 2024 10:00\nAn: Ann\nBetreff: Hilfe",
    "fr": "De : Joe Doe <joe@x.test>\nEnvoyé : mardi 12 mars 2024 10:00\nÀ : Ann\nObjet : Aide",
    "es": "De: Joe Doe <joe@x.test>\nEnviado: martes, 12 de marzo de 2024 10:00\nPara: Ann\nAsunto: Ayuda",
    "pt": "De: Joe Doe <joe@x.test>\nEnviado: terça-feira, 12 de março de 2024 10:00\nPara: Ann\nAssunto: Ajuda",
    "it": "Da: Joe Doe <joe@x.test>\nInviato: martedì 12 marzo 2024 10:00\nA: Ann\nOggetto: Aiuto",
    "nl": "Van: Joe Doe <joe@x.test>\nVerzonden: dinsdag 12 maart 2024 10:00\nAan: Ann\nOnderwerp: Hulp",
    "da": "Fra: Joe Doe <joe@x.test>\nSendt: 12. marts 2024 10:00\nTil: Ann\nEmne: Hjælp",
    "nb": "Fra: Joe Doe <joe@x.test>\nSendt: tirsdag 12. mars 2024 10:00\nTil: Ann\nEmne: Hjelp",
    "sv": "Från: Joe Doe <joe@x.test>\nSkickat: den 12 mars 2024 10:00\nTill: Ann\nÄmne: Hjälp",
    "fi": "Lähettäjä: Joe Doe <joe@x.test>\nLähetetty: 12. maaliskuuta 2024 10.00\nVastaanottaja: Ann\nAihe: Apua",
    "pl": "Od: Joe Doe <joe@x.test>\nWysłano: wtorek, 12 marca 2024 10:00\nDo: Ann\nTemat: Pomoc",
    "cs": "Od: Joe Doe <joe@x.test>\nOdesláno: úterý 12. března 2024 10:00\nKomu: Ann\nPředmět: Pomoc",
    "sk": "Od: Joe Doe <joe@x.test>\nOdoslané: utorok 12. marca 2024 10:00\nKomu: Ann\nPredmet: Pomoc",
    "hu": "Feladó: Joe Doe <joe@x.test>\nElküldve: 2024. március 12., kedd 10:00\nCímzett: Ann\nTárgy: Segítség",
    "ro": "De la: Joe Doe <joe@x.test>\nTrimis: marți, 12 martie 2024 10:00\nCătre: Ann\nSubiect: Ajutor",
    "bg": "От: Joe Doe <joe@x.test>\nИзпратено: 12 март 2024 10:00\nДо: Ann\nОтносно: Помощ",
    "ru": "От: Joe Doe <joe@x.test>\nОтправлено: 12 марта 2024 г. 10:00\nКому: Ann\nТема: Помощь",
    "uk": "Від: Joe Doe <joe@x.test>\nНадіслано: 12 березня 2024 р. 10:00\nКому: Ann\nТема: Допомога",
    "el": "Από: Joe Doe <joe@x.test>\nΣτάλθηκε: Τρίτη, 12 Μαρτίου 2024 10:00\nΠρος: Ann\nΘέμα: Βοήθεια",
    "tr": "Kimden: Joe Doe <joe@x.test>\nGönderildi: 12 Mart 2024 Salı 10:00\nKime: Ann\nKonu: Yardım",
    "he": "מאת: Joe Doe <joe@x.test>\nנשלח: יום שלישי 12 מרץ 2024 10:00\nאל: Ann\nנושא: עזרה",
    "ar": "من: Joe Doe <joe@x.test>\nتاريخ الإرسال: 12 مارس 2024 10:00\nإلى: Ann\nالموضوع: مساعدة",
    "ja": "差出人: Joe Doe <joe@x.test>\n送信日時: 2024年3月12日 10:00\n宛先: Ann\n件名: 助け",
    "zh-Hans": "发件人: Joe Doe <joe@x.test>\n发送时间: 2024年3月12日 10:00\n收件人: Ann\n主题: 帮助",
    "zh-Hant": "寄件者：Joe Doe <joe@x.test>\n寄件日期：2024年3月12日 10:00\n收件者：Ann\n主旨：幫助",
    "ko": "보낸 사람: Joe Doe <joe@x.test>\n보낸 날짜: 2024년 3월 12일 10:00\n받는 사람: Ann\n제목: 도움",
    "vi": "Từ: Joe Doe <joe@x.test>\nĐã gửi: 12 tháng 3 2024 10:00\nĐến: Ann\nChủ đề: Giúp",
    "th": "จาก: Joe Doe <joe@x.test>\nส่ง: 12 มีนาคม 2024 10:00\nถึง: Ann\nเรื่อง: ช่วย",
    "id": "Dari: Joe Doe <joe@x.test>\nDikirim: 12 Maret 2024 10:00\nKepada: Ann\nSubjek: Bantuan",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize(
    "above", ["", "________________________________\n", "-----\n"], ids=["bare", "rule", "short rule"]
)
def test_what_stands_from_a_header_on_is_old(header: str, above: str, quotes: Quotes) -> None:
    reply = reply_of(f"{NEW}\n\n{above}{header}\n\n{OLD}\n\n{OLD}\n", quotes)
    assert reply.text == NEW
    assert header.partition("\n")[0] in reply.hidden


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_mail_that_was_only_forwarded_keeps_its_words(header: str, quotes: Quotes) -> None:
    assert OLD in reply_of(f"{header}\n\n{OLD}\n", quotes).text


# What stands alone above the old mail: of Outlook and Yahoo, of Thunderbird, of forwarding programs.
ORIGINALS = {
    "en": "-----Original Message-----",
    "en, Samsung": "-------- Original message --------",
    "en, Gmail, forwarded": "---------- Forwarded message ---------",
    "en, Apple, forwarded": "Begin forwarded message:",
    "en, a help desk": "##- Please type your reply above this line -##",
    "de": "-----Ursprüngliche Nachricht-----",
    "de, forwarded": "---------- Weitergeleitete Nachricht ---------",
    "de, Apple": "Anfang der weitergeleiteten Nachricht:",
    "fr": "-----Message d'origine-----",
    "es": "-----Mensaje original-----",
    "pt": "-----Mensagem original-----",
    "it": "-----Messaggio originale-----",
    "nl": "-----Oorspronkelijk bericht-----",
    "da": "-----Oprindelig meddelelse-----",
    "nb": "-----Opprinnelig melding-----",
    "sv": "-----Ursprungligt meddelande-----",
    "fi": "-----Alkuperäinen viesti-----",
    "pl": "-----Wiadomość oryginalna-----",
    "cs": "-----Původní zpráva-----",
    "sk": "-----Pôvodná správa-----",
    "hu": "-----Eredeti üzenet-----",
    "ro": "-----Mesaj original-----",
    "bg": "-----Оригинално съобщение-----",
    "ru": "-------- Пересылаемое сообщение --------",
    "uk": "-----Оригінальне повідомлення-----",
    "el": "-----Αρχικό μήνυμα-----",
    "tr": "-----Orijinal Mesaj-----",
    "he": "-----הודעה מקורית-----",
    "ar": "-----الرسالة الأصلية-----",
    "ja": "-----元のメッセージ-----",
    "zh-Hans, QQ": "------------------ 原始邮件 ------------------",
    "zh-Hant": "-----原始郵件-----",
    "ko": "-----원본 메시지-----",
    "vi": "-----Tin nhắn gốc-----",
    "th": "-----ข้อความต้นฉบับ-----",
    "id": "-----Pesan Asli-----",
}


@pytest.mark.parametrize("line", ORIGINALS.values(), ids=ORIGINALS)
def test_what_stands_below_the_words_for_an_original_is_old(line: str, quotes: Quotes) -> None:
    assert reply_of(f"{NEW}\n\n{line}\n\n{OLD}\n", quotes).text == NEW


DEVICES = {
    "en, iPhone": "Sent from my iPhone",
    "en, Samsung": "Sent from my Samsung Galaxy smartphone.",
    "en, Outlook": "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "en, Outlook as HTML": "Get Outlook for Android <https://aka.ms/ghei36>",
    "en, Yahoo": "Sent from Yahoo Mail on Android",
    "en, Proton": "Sent with Proton Mail secure email.",
    "de": "Von meinem iPhone gesendet",
    "de, Windows": "Gesendet von Mail für Windows",
    "fr": "Envoyé de mon iPhone",
    "es": "Enviado desde mi iPhone",
    "pt": "Enviado do meu iPhone",
    "it": "Inviato da iPhone",
    "nl": "Verstuurd vanaf mijn iPhone",
    "da": "Sendt fra min iPhone",
    "nb": "Sendt fra min iPad",
    "sv": "Skickat från min iPhone",
    "fi": "Lähetetty iPhonesta",
    "pl": "Wysłane z iPhone'a",
    "cs": "Odesláno z iPhonu",
    "sk": "Odoslané z iPhonu",
    "hu": "iPhone-ról küldve",
    "ro": "Trimis de pe iPhone-ul meu",
    "bg": "Изпратено от моя iPhone",
    "ru": "Отправлено с iPhone",
    "uk": "Надіслано з iPhone",
    "el": "Στάλθηκε από το iPhone μου",
    "tr": "iPhone'umdan gönderildi",
    "he": "נשלח מה-iPhone שלי",
    "ar": "أرسلت من الـ iPhone",
    "ja": "iPhoneから送信",
    "zh-Hans": "发自我的iPhone",
    "zh-Hant": "從我的 iPhone 傳送",
    "ko": "나의 iPhone에서 보냄",
    "vi": "Đã gửi từ iPhone của tôi",
    "th": "ส่งจาก iPhone ของฉัน",
    "id": "Dikirim dari iPhone saya",
}


@pytest.mark.parametrize("line", DEVICES.values(), ids=DEVICES)
def test_what_a_device_adds_is_hidden_wherever_it_stands(line: str, quotes: Quotes) -> None:
    assert reply_of(f"{NEW}\n\n{line}\n", quotes).own == NEW
    assert reply_of(f"{NEW}\n\n{line}\n\nOn 1 May 2024, Joe <j@x.test> wrote:\n> {OLD}\n", quotes).text == NEW


KEPT = {
    "nothing": "Hello\nthere",
    "a closing": "Yes.\n\nBest regards\n\nAnna",
    "words like an introduction": "On Monday I wrote:\n\nthe printer is broken.\n\nIt still is.",
    "an introduction of oneself": "On 12 May 2024 I wrote:\n\nthe printer is broken.\n\nIt still is.",
    "an introduction in a sentence": "On 12 May your colleague wrote that all is well, but it is not.",
    "On, in the words": "On the one hand yes,\nOn the other hand no.\n\nOn top: 3 more.",
    "a list of one's own": "We need:\none\ntwo",
    "a journey": "From: Berlin\nTo: Rome\nDate: 3 May\n\nPlease book it.",
    "two fields": "From: ann@x.test\nTo: bob@x.test\nis what the log says.",
    "sent from, in a sentence": "Sent from my desk, which is a lot easier than from any mobile phone I know.",
    "from my phone, in a sentence": "From my iPhone I cannot log in any more, please help.",
    "a parcel that was sent": "Gesendet wurde das Paket am Montag.",
    "two hyphens in a line": "The option -- as we know -- is --verbose.",
    "hyphens as a list": "-- one\n-- two\n-- three",
    "a heading": "Report\n------\n\nAll is well here.\n\nMore\n----\n\nNothing else to say.",
    "a rule within": "First.\n\n*****\n\n" + "\n".join(f"Line {number}." for number in range(12)),
    "a rule between paragraphs": "First comes this.\n\n---\n\nThen there is one more question.\n\nAnna",
    "code": "See:\n\n```\n> prompt\n-- a comment\nFrom: x\n```\n\nDone.",
    "a table of Markdown": "| a | b |\n| 1 | 2 |\n\nIs this right?",
    "a comparison": "It should be:\n\na > b and b < c\n\nThanks!",
    "a link": "Look: https://x.test/on-monday-joe-wrote:\nIt works.",
    "a menu": "Click Settings> Privacy, then\nPrivacy> More.",
    "figures and a colon": "At 10:30 the log says:\n\nerror 5\n\nWhat is it?",
    "a confidential word": "This is confidential, please do not tell Bob about it before we have spoken on Monday.",
    "a warning below": "Hello.\n\nCAUTION: This email is what your system writes on top of mine.",
    "Turkish, a parcel": "Paket dün gönderildi.",
    "Chinese, a request": "请尽快发送",
    "a line of a log": "It says:\n\n2024-03-12 10:00:05 UTC connection lost:\n\nWhat can we do about it?",
    "a line of a mail log": "It says:\n\n2024-03-12 10:00 bounced <joe@x.test>\n\nWhat can we do about it?",
    "what somebody wrote on a page": "Hello.\n\nOn page 3 you wrote:\n\nall is well.\n\nIs it?",
    "what somebody wrote about a number": "Hello.\n\nOn ticket 48213 you wrote:\n\nall is well.\n\nIs it?",
    "a line that breaks after writing": "A colleague called at 10:30 and then he wrote\na mail.\n\nDid you get it?",
    "a lawyer": "Hello.\n\nPlease keep the disclosure of these names confidential, as we agreed on Monday morning.",
    "dates at the beginning": "2024-03-12 10:00 the server stopped.\n2024-03-12 10:05 it came back.",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_persons_own_words_stay(text: str, quotes: Quotes) -> None:
    assert reply_of(text, quotes).text == text
    assert reply_of(text, quotes).hidden == ""


PARTED = {
    "a signature": ("Yes.\n\n-- \nAnna\nExample Ltd", "Yes."),
    "a signature without its blank": ("Yes.\n--\nAnna", "Yes."),
    "a signature above a quote": ("Yes.\n\n-- \nAnna\n\nOn 1 May 2024, Joe <j@x> wrote:\n> question", "Yes."),
    "a signature above answers": (
        "-- \nAnna\n\nOn 1 May 2024, Joe <j@x> wrote:\n> One?\nYes.\n> Two?\nNo.",
        "> One?\nYes.\n> Two?\nNo.",
    ),
    "a list's footer": ("Yes.\n_______________________________________________\nUsers mailing list\nl@x.test", "Yes."),
    "a rule and a name": ("Yes.\n\n-----\nAnna Example", "Yes."),
    "a long dash and a name": ("Yes.\n\n—\nAnna Example", "Yes."),
    "rules at the end": ("Yes.\n\n***\n\n====", "Yes."),
    "only a greeting above": (
        "Hello Joe,\n\nOn 1 May 2024, Joe <j@x> wrote:\n> question?\n\nThe answer is yes.",
        "Hello Joe,\n\n> question?\n\nThe answer is yes.",
    ),
    "answers said to stand below": (
        "See my answers below.\n\nOn 1 May 2024, Joe <j@x> wrote:\n> question?\n\nThe answer is yes.",
        "See my answers below.\n\n> question?\n\nThe answer is yes.",
    ),
    "a quote that is answered, not introduced": ("> question?\n\nYes.", "> question?\n\nYes."),
    "a quote after the last answer": ("> One?\nYes.\n> Two?\n> Three?", "> One?\nYes."),
    "quoted by a name": ("Yes.\n\nOn 1 May 2024, Joe wrote:\n\nJoe> question\nJoe> more", "Yes."),
    "quoted by bars": ("Yes.\n\nOn 1 May 2024, Joe wrote:\n\n| question\n|\n| more", "Yes."),
    "an introduction in a chain": (
        "Third.\n\nOn 3 May 2024, Joe <j@x> wrote:\n\nSecond.\n\nOn 2 May 2024, Ann <a@x> wrote:\n\nFirst.",
        "Third.",
    ),
    "a long quoted line that was broken": (
        "Yes.\n\nOn 1 May 2024, Joe <j@x> wrote:\n> " + "word " * 15 + "and then\nbroken off\n> here",
        "Yes.",
    ),
    "a signed message": (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nYes.\n\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n"
        "-----END PGP SIGNATURE-----",
        "Yes.",
    ),
    "a warning on top": (
        "CAUTION: This email originated from outside.\nDo not click.\n\nYes.",
        "Yes.",
    ),
    "a legal notice": (
        "Yes.\n\nThis message is confidential and intended solely for the addressee. If you are not the intended\n"
        "recipient, any disclosure is strictly prohibited; please delete this message.",
        "Yes.",
    ),
    "a German legal notice above a quote": (
        "Ja.\n\nDiese Nachricht ist vertraulich. Wenn Sie nicht der richtige Adressat sind oder sie irrtümlich\n"
        "erhalten haben, informieren Sie bitte den Absender.\n\nAm 1.5.2024 um 10:00 schrieb Joe <j@x>:\n> Frage",
        "Ja.",
    ),
}


@pytest.mark.parametrize(("text", "expected"), PARTED.values(), ids=PARTED)
def test_new_words_are_parted_from_old_ones(text: str, expected: str, quotes: Quotes) -> None:
    reply = reply_of(text, quotes)
    assert reply.text == expected
    shown, hidden, whole = (len("".join(part.split())) for part in (reply.text, reply.hidden, text))
    assert shown + hidden == whole, "every word stands in one of the two"


WITHOUT_NEW_WORDS = {
    "a quote": "> all of it",
    "an introduced quote": "On 1 May 2024, Joe wrote:\n> all of it",
    "a device": "Sent from my iPhone",
    "a signature": "-- \nAnna",
    "Chinese": "Joe 写道：\n> x",
    "a quote and a signature": "> all of it\n\n-- \nAnna",
}


@pytest.mark.parametrize("text", WITHOUT_NEW_WORDS.values(), ids=WITHOUT_NEW_WORDS)
def test_a_mail_without_new_words_is_shown_whole_and_says_nothing_of_its_own(text: str, quotes: Quotes) -> None:
    reply = reply_of(text, quotes)
    assert (reply.text, reply.own, reply.hidden) == (text, "", "")


def test_a_line_that_only_our_mail_carries_is_hidden(quotes: Quotes) -> None:
    reply = reply_of("Yes.\n\nRef: mg-abcdefghi-jklmnopq\n", quotes, "Ref: mg-")
    assert (reply.text, reply.hidden) == ("Yes.", "Ref: mg-abcdefghi-jklmnopq")


def test_what_we_sent_is_old_even_where_no_program_quoted_it(quotes: Quotes) -> None:
    sent = "Hello Anna,\n\nplease restart the machine and tell us what it says.\n\nJoe"
    reply = reply_of(f"It says nothing at all.\n\n{sent}\n", quotes, sent=sent)
    assert reply.text == "It says nothing at all."
    assert "restart" in reply.hidden


def test_short_words_that_we_also_sent_stay(quotes: Quotes) -> None:
    assert reply_of("Yes.\n\nJoe", quotes, sent="Did it work?\n\nJoe").text == "Yes.\n\nJoe"


def test_without_a_rule_file_only_the_signs_of_plain_text_are_known() -> None:
    assert reply_of("Ja.\n\n-- \nAnna\n", NONE_KNOWN).text == "Ja."
    assert reply_of("Ja.\n\n> Frage\n", NONE_KNOWN).own == "Ja."


@given(st.text(st.sampled_from("ab1:>\n-_<@ Onwrte")))
def test_any_text_is_parted_without_loss(text: str) -> None:
    reply = reply_of(text, QUOTES)
    assert sorted("".join((reply.text + reply.hidden).split())) == sorted("".join(text.split()))
    assert bool(reply.text.strip()) == bool(text.strip())


LINES = [
    *(
        "",
        " ",
        ">",
        "> a",
        "a",
        "This is a sentence.",
        "--",
        "-- ",
        "---",
        "***",
        "____",
        "—",
        "```",
        "|",
        "| a",
        "Joe> a",
    ),
    *(
        "On 1 May 2024, Joe <j@x.test>",
        "wrote:",
        "<j@x.test>",
        "> wrote:",
        "> On 1 May 2024, Joe wrote:",
        "a:",
        "<",
        "<<",
    ),
    *(
        "From: a@x.test",
        "Sent: x",
        "Subject: x",
        "*To:* x",
        "-----Original Message-----",
        "2024-01-01 <a@b>",
        "：",
        ":",
    ),
    *("-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----", "\u1427"),
    *("Sent from my iPhone", "CAUTION: This email", "Ref: mg-abc", "\u202b", "\u00a0", "confidential disclosure " * 5),
    *("Hello Joe,", "See my answers below."),
]


@given(st.lists(st.sampled_from(LINES), max_size=25).map("\n".join))
def test_lines_in_any_order_are_parted_without_loss(text: str) -> None:
    reply = reply_of(text, QUOTES, "Ref: mg-", "a\nThis is a sentence.\n> a")
    assert sorted("".join((reply.text + reply.hidden).split())) == sorted("".join(text.split()))
    assert bool(reply.text.strip()) == bool(text.strip())


HOSTILE = [
    *("On ", "On 1 x@y wrote:\n", ">", "> \n", " ", "\n", "From:\n", "From: a@b\nSubject: x\nTo: y\n", "a:\n"),
    *("Joe> x\n", "-- \n", "x\n---\n", "```\n", "Sent from my\n", "confidential disclosure\n\n", "1\n> q\n", "<\n"),
    *("-----BEGIN PGP SIGNATURE-----\n", "2024-01-01 <a@b>\n", "wrote:"),
    *(
        "-- \n> q\n",
        "a\n-- \nOn 1 May 2024, Joe <j@x> wrote:\n> q\n",
        "From: a@b\nTo: x\nSubject: y\n-- \n",
        "---\na.\n> q\n",
    ),
    *("On 1 May 2024,\n", "<\n> wrote:\n", "x:\n> q\n", "Joe> x:\n\n", "-----BEGIN PGP SIGNED MESSAGE-----\n"),
]


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_a_megabyte_of_anything_takes_less_than_a_second(unit: str, quotes: Quotes) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    reply_of(text, quotes, "Ref: mg-", "x\n" * 1000)
    assert time.process_time() - started < 1
