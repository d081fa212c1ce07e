"""What a stranger reads: in his language, with our hours, and with nothing in it that he or anybody else wrote."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.header import decode_header, make_header
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mailgate.mail.template import fill, in_both
from mailgate.testing import Lab, Sent
from tests.fakes.judging import rulebook
from tests.fakes.letters import answer, body, letter, link, read
from tests.fakes.stores import Laboratory
from tests.unit.test_mail_language import SHORT

GERMAN = (("Accept-Language", "de-AT, en;q=0.5"),)
SOON = timedelta(seconds=30)
OPEN = {"mailbox": [{"address": "support@g.test", "mode": "open"}]}
HOURS: dict[str, Any] = {
    "mailbox": [
        {
            "address": "support@g.test",
            "name": "Der Hilfetisch",
            "hours": ["mon-fri 09:00-17:00"],
            "timezone": "Europe/Berlin",
            "answer_within_h": 8,
        }
    ]
}


def subject(mail: Sent) -> str:
    return str(make_header(decode_header(str(read(mail.raw)["Subject"]))))


async def asked(lab: Lab, raw: bytes, mail_from: str = "anne@x.test") -> Sent:
    await lab.receive(raw, mail_from=mail_from)
    await lab.settle()
    return lab.sent[-1]


async def test_a_stranger_is_asked_in_his_language_and_in_english(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        question = await asked(lab, letter(text=SHORT["de"]))

        assert subject(question) == "Bitte bestätigen Sie Ihre Nachricht an support@g.test"
        assert body(question.raw).startswith("Guten Tag,\r\n")
        assert "\r\n* * *\r\n\r\nHello,\r\n" in body(question.raw)
        assert body(question.raw).count(link(question.raw)) == 2


async def test_where_the_language_is_in_doubt_english_is_written_and_only_once(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        question = await asked(lab, letter(subject="4711", text="4711"))

        assert subject(question) == "Please confirm your message to support@g.test"
        assert body(question.raw).count(link(question.raw)) == 1


async def test_who_confirms_on_a_page_is_acknowledged_in_its_language(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab, letter())).raw)
        await lab.click(page)
        lab.advance(SOON)
        done = await lab.click(page, "POST", GERMAN)
        await lab.settle()

        assert "Erledigt" in done.text
        assert [sent.kind for sent in lab.sent] == ["challenge", "acknowledge"]
        assert "Ihre Nachricht an support@g.test ist angekommen." in body(lab.sent[-1].raw)
        assert "* * *" not in body(lab.sent[-1].raw)


async def test_who_confirms_by_mail_is_acknowledged_in_the_language_of_that_mail(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        question = await asked(lab, letter(text=SHORT["fr"]))
        lab.advance(SOON)
        raw, to = answer(question.raw, "anne@x.test", text="Oui, c'est bien moi qui vous ai écrit. Merci !")
        await lab.receive(raw, mail_from="anne@x.test", rcpt_to=[to])
        await lab.settle()

        assert [sent.kind for sent in lab.sent] == ["challenge", "acknowledge"]
        assert "nous avons bien reçu votre message" in body(lab.sent[-1].raw)


@pytest.mark.parametrize("language", ["de", "ja", "ar"])
async def test_who_opens_a_ticket_is_acknowledged_in_his_language(laboratory: Laboratory, language: str) -> None:
    async with laboratory(overrides=OPEN) as lab:
        raw = letter(subject="4711", text=SHORT[language], Content_Type="text/plain; charset=utf-8")
        acknowledged = await asked(lab, raw)

        values = {"desk": "support@g.test", "ticket": "#1", "answer_time": ""}
        title, text = fill(rulebook().templates[language]["acknowledge"], values)
        assert subject(acknowledged) == title
        assert body(acknowledged.raw).split()[: len(text.split())] == text.split()


async def test_a_desk_with_a_name_and_hours_says_so(laboratory: Laboratory) -> None:
    async with laboratory(overrides=HOURS) as lab:
        question = await asked(lab, letter(text=SHORT["de"]))
        page = await lab.click(link(question.raw), headers=GERMAN)

        promise = "Wir antworten innerhalb von 8 Arbeitsstunden (Mo-Fr 09:00-17:00, Europe/Berlin)."
        assert read(question.raw)["From"] == "Der Hilfetisch <support@g.test>"
        assert promise in " ".join(body(question.raw).split())
        assert "We answer within 8 working hours (Mon-Fri 09:00-17:00," in body(question.raw)
        assert promise in page.text
        assert "Der Hilfetisch" in page.text


async def test_a_stranger_s_mail_waits_for_him_while_nobody_would_look_anyway(laboratory: Laboratory) -> None:
    async with laboratory(overrides=HOURS) as lab:
        # Monday 10:00 in Berlin: one opening day, 8 hours, is over on Tuesday at 10:00.
        await asked(lab, letter())
        states = []
        for hours in (8, 15.9, 0.2):
            lab.advance(timedelta(hours=hours))
            await lab.settle()
            states += [mail.state for mail in lab.held()]

        assert states == ["wait", "wait", "human"]


async def test_a_desk_without_hours_is_open_always(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        await asked(lab, letter())
        lab.advance(timedelta(hours=8))
        await lab.settle()

        assert [mail.state for mail in lab.held()] == ["human"]


# ── Programs that follow links ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_scanner_that_looks_and_clicks_confirms_nothing_and_a_person_after_it_does(
    laboratory: Laboratory,
) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab, letter())).raw)
        lab.advance(SOON)
        for _ in range(50):
            await lab.click(page)
        await lab.click(page, "HEAD")
        lab.advance(timedelta(seconds=1))
        scanned = await lab.click(page, "POST")
        await lab.settle()

        assert "Once more" in scanned.text
        assert (lab.tickets(), len(lab.held())) == ([], 1)

        lab.advance(timedelta(seconds=3))
        await lab.click(page, "POST")
        await lab.settle()

        assert (len(lab.tickets()), lab.held()) == (1, [])


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("HEAD", (), id="HEAD"),
        pytest.param("GET", (("Purpose", "prefetch"),), id="Purpose"),
        pytest.param("GET", (("Sec-Purpose", "prefetch;prerender"),), id="Sec-Purpose"),
    ],
)
async def test_a_page_fetched_ahead_was_not_seen(
    laboratory: Laboratory, method: str, headers: tuple[tuple[str, str], ...]
) -> None:
    async with laboratory() as lab:
        page = link((await asked(lab, letter())).raw)
        await lab.click(page, method, headers)
        lab.advance(SOON)
        clicked = await lab.click(page, "POST")

        assert "Once more" in clicked.text
        assert lab.tickets() == []


async def test_a_button_pressed_unseen_works_the_second_time(laboratory: Laboratory) -> None:
    """The first press showed the page, and nobody who has it before him should have to load it anew."""
    async with laboratory() as lab:
        page = link((await asked(lab, letter())).raw)
        lab.advance(SOON)
        first = await lab.click(page, "POST")
        lab.advance(timedelta(seconds=3))
        second = await lab.click(page, "POST")

        assert ("Once more" in first.text, "Done" in second.text) == (True, True)


# ── Nothing of theirs ─────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=5, max_size=40)
LOCALS = st.text("klmnopqrstuvwxyz", min_size=12, max_size=16)  # with digits it looks like a robot's
THEIRS = st.lists(
    st.tuples(WORDS, WORDS, LOCALS, WORDS), min_size=len(SHORT), max_size=len(SHORT), unique_by=lambda theirs: theirs[2]
)
# Where their own address and the names of their mails must stand (RFC 3834 section 3.1).
OF_THEIRS = ("to", "in-reply-to", "references")


# Without shrinking, for each example is nineteen mails through a whole gateway.
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(THEIRS)
def test_nothing_of_a_stranger_s_mail_stands_in_our_question_in_any_language(
    theirs: list[tuple[str, str, str, str]],
) -> None:
    questions = asyncio.run(_questions(theirs))

    # Words may happen to look like a robot's, who is never asked, or to sway the guess.
    assert len({_language(question) for _, question in questions}) >= len(SHORT) - 4
    for (_, _, local, _), question in questions:
        assert body(question.raw).split() == _expected(question).split()
        others = [str(value) for name, value in read(question.raw).items() if name.lower() not in OF_THEIRS]
        assert not [value for value in others if local in value]
        assert str(read(question.raw)["From"]) == "<support@g.test>"


async def _questions(theirs: list[tuple[str, str, str, str]]) -> list[tuple[tuple[str, str, str, str], Sent]]:
    found = []
    async with Lab() as lab:
        for number, (language, one) in enumerate(zip(SHORT, theirs, strict=True)):
            said, name, local, more = one
            author = f"{local}@stranger{number}.test"
            raw = letter(
                f"=?utf-8?q?{''.join(f'={byte:02X}' for byte in name.encode())}?= <{author}>",
                subject=f"{SHORT[language]} {said}",
                text=f"{SHORT[language]} " * 3 + f"\n{more}\nhttps://stranger.test/{local}",
                Content_Type="text/plain; charset=utf-8",
                Content_Language=local,
            )
            before = len(lab.sent)
            await lab.receive(raw, mail_from=author, peer=f"198.51.{number}.7")
            await lab.settle()
            found += [(one, sent) for sent in lab.sent[before:]]
            lab.advance(timedelta(minutes=10))
    return found


def _language(question: Sent) -> str:
    """The language that its subject is in, which is wholly ours."""
    titles = {texts["challenge"].subject: code for code, texts in rulebook().templates.items()}
    return titles[subject(question).replace("support@g.test", "${desk}")]


def _expected(question: Sent) -> str:
    """The whole text, from our templates alone."""
    language, until = _language(question), (question.at + timedelta(days=14)).strftime("%Y-%m-%d")
    values = {"desk": "support@g.test", "link": link(question.raw), "until": until, "answer_time": ""}
    own, english = (fill(rulebook().templates[code]["challenge"], values)[1] for code in (language, "en"))
    marker = body(question.raw).rstrip().rpartition("\n")[2]
    assert marker.startswith("Ref: mg-")
    return f"{own if language == 'en' else in_both(own, english)}\n{marker}"
