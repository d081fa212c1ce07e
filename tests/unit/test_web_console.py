"""The demo's console: what it shows, what its forms do, and whom it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from email import message_from_bytes, policy
from urllib.parse import urlencode

import pytest
from starlette.datastructures import Headers

from mailgate.errors import NotAllowed
from mailgate.model import Reply
from mailgate.web.app import make_app
from mailgate.web.call import Response, call
from mailgate.web.console import Letter, Snapshot
from mailgate.web.customer import Stamp, answer, answer_absent, write
from mailgate.web.filters import with_links
from mailgate.web.guards import comes_from_us, is_loopback
from tests.fakes.web import EMPTY, FULL, NOW, TICKET, FakeConfirm, FakeConsole, clock, phrases

PAGE = (("Host", "localhost:8025"), ("Sec-Fetch-Site", "same-origin"))
SCRIPT = (*PAGE, ("Accept", "application/json"))


async def get(path: str = "/", shown: Snapshot = FULL, headers=PAGE) -> Response:
    return await call(make_app(FakeConfirm(), FakeConsole(shown), clock=clock, phrases=phrases), "GET", path, headers)


async def post(console: FakeConsole, path: str, headers=PAGE, **fields: str) -> Response:
    app = make_app(FakeConfirm(), console, clock=clock, phrases=phrases)
    return await call(app, "POST", path, headers, urlencode(fields).encode())


# ── What it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_empty_console_says_so() -> None:
    page = (await get(shown=EMPTY)).text

    for words in ("No mail waits.", "No tickets yet.", "Nothing has left yet.", "No mail has come in yet."):
        assert words in page


async def test_the_page_is_whole_without_script() -> None:
    page = (await get()).text

    assert "accepted" in page
    assert "balanced" in page
    assert "#12 Invoice 2041 was charged twice" in page
    assert "you charged invoice 2041 twice" in page
    assert "Nobody here has met this sender." in page
    assert "signals.toml:212" in page
    assert "smtplib" in page


def piece(page: str, number: int) -> str:
    """The words of a ticket on the page, without markup."""
    html = page.partition(f'data-key="ticket-{number}"')[2].partition("data-key=")[0]
    return " ".join(re.sub("<[^>]*>", " ", html.partition(">")[2]).split())


async def test_a_ticket_says_who_waits_and_for_how_long_before_it_is_opened() -> None:
    late = piece((await get()).text, 10)

    assert late.startswith("#10 No light in the whole building late urgent open Emil Stone · support · for bob")
    assert "tagged power, building-3" in late
    assert re.search(r"waits for an answer since 2 Mar, \d\d:30:12 , promised until 2 Mar, \d\d:30:12 ", late)


async def test_a_ticket_that_nobody_waits_for_says_nothing_of_it() -> None:
    page = (await get()).text

    assert piece(page, 12).startswith(
        "#12 Invoice 2041 was charged twice open Anna Weber · support · 3 messages Anna Weber · mail"
    )
    assert piece(page, 9).startswith("#9 A new lamp low put off until 5 Mar Anna Weber")
    assert "Close ticket" in piece(page, 9)
    assert "Reopen ticket" in piece(page, 11)


async def test_who_was_not_let_in_is_marked_and_can_be() -> None:
    assert (await get()).text.count('class="theirs pending"') == 1
    waits = piece((await get()).text, 10).partition("gus@home.test · mail from a person")[2]
    assert waits.partition("And cold. ")[2].startswith(
        "Let in what gus@home.test wrote Own ticket for gus@home.test Discard what gus@home.test wrote"
    )
    assert "Let in" not in piece((await get()).text, 12)


async def test_an_unbalanced_ledger_is_shown_as_such() -> None:
    assert "not balanced" in (await get(shown=replace(EMPTY, ledger=replace(EMPTY.ledger, balanced=False)))).text


async def test_the_link_of_a_caught_mail_can_be_followed() -> None:
    assert 'href="http://127.0.0.1:8025/c/c1a7kq2m9x4t8w3e5r6y0u1i2o3p4a5s6d7f8g9h"' in (await get()).text


async def test_what_a_stranger_writes_stays_text() -> None:
    hostile = replace(TICKET, subject="<script>alert(1)</script>", contact='"><img src=x onerror=alert(1)>')

    page = (await get(shown=replace(EMPTY, tickets=(hostile,)))).text

    assert "<script>alert" not in page
    assert "<img" not in page


async def test_the_page_lets_no_foreign_script_in() -> None:
    policy_field = (await get()).headers["content-security-policy"]

    assert "default-src 'none'" in policy_field
    assert "script-src 'self'" in policy_field
    assert "unsafe" not in policy_field


async def test_files_stand_by_name_and_size_beside_the_text() -> None:
    page = (await get()).text

    assert "Attached: parcel.jpg (image/jpeg, 214 KB); bill.pdf (application/pdf, 1.4 MB)." in page


async def test_what_has_html_is_linked_as_html() -> None:
    page = (await get()).text

    assert page.count('href="/messages/70/html"') == 3
    assert 'href="/messages/7/html"' in page


async def test_a_message_as_html_is_a_document_that_can_do_nothing() -> None:
    answer = await get("/messages/7/html")

    assert answer.status == 200
    assert "<p>Where is <b>my parcel</b>?</p>" in answer.text
    assert "its end is missing" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert policy.endswith("; sandbox")
    assert "'self'" not in policy


async def test_a_message_that_was_cut_says_so() -> None:
    app = make_app(FakeConfirm(), FakeConsole(FULL, cut=True), clock=clock, phrases=phrases)

    assert "its end is missing" in (await call(app, "GET", "/messages/7/html", PAGE)).text


async def test_a_message_without_html_is_not_found() -> None:
    answer = await get("/messages/8/html")

    assert answer.status == 404
    assert "There is no message 8 in HTML." in answer.text


async def test_every_id_stands_once_and_every_label_names_a_field() -> None:
    from tests.unit.test_web_confirm import Elements

    elements = Elements((await get()).text)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert {label["for"] for label in elements.all("label")} <= set(ids)


async def test_the_live_update_carries_the_pieces_of_the_page() -> None:
    update, page = json.loads((await get("/live.json")).body), (await get()).text

    assert list(update["sections"]) == ["ledger", "outgoing", "held", "tickets", "decisions"]
    for pieces in update["sections"].values():
        for key, version, html in pieces:
            assert f'data-key="{key}" data-version="{version}">{html}<' in page


async def test_the_live_update_is_empty_when_nothing_changed() -> None:
    version = json.loads((await get("/live.json")).body)["version"]

    assert (await get(f"/live.json?seen={version}")).status == 204
    assert (await get(f"/live.json?seen={version}", shown=EMPTY)).status == 200


async def test_a_piece_keeps_its_version_until_it_changes() -> None:
    changed = replace(FULL, tickets=(replace(TICKET, state="closed", closed=True), *FULL.tickets[1:]))

    before = json.loads((await get("/live.json")).body)["sections"]
    after = json.loads((await get("/live.json", shown=changed)).body)["sections"]

    assert before["held"] == after["held"]
    assert before["tickets"][0] != after["tickets"][0]
    assert before["tickets"][1] == after["tickets"][1]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        pytest.param("no link & <b>", "no link &amp; &lt;b&gt;", id="none"),
        pytest.param("(see http://a.test/x?y=1&z).", 'href="http://a.test/x?y=1&amp;z"', id="stop and bracket"),
        pytest.param("<https://a.test/>", 'href="https://a.test/"', id="angles"),
        pytest.param('http://a.test/"onmouseover="x', 'href="http://a.test/"', id="quote"),
        pytest.param("zwölf Gründe: http://a.test/ä", 'href="http://a.test/ä"', id="beyond ASCII"),
        pytest.param("javascript:alert(1)", "javascript:alert(1)", id="script"),
    ],
)
def test_web_addresses_become_links_and_all_else_stays_text(text: str, html: str) -> None:
    assert html in with_links(text)


# ── What its forms do ─────────────────────────────────────────────────────────────────────────────────────────────────

LETTER = Letter("anna@c.test", "support@g.test", "Hello", "Is anybody there?")


@pytest.mark.parametrize(
    ("path", "fields", "act", "said"),
    [
        ("/held/7/accept", {}, ("accept", 7), "accepted"),
        ("/held/7/spam", {}, ("spam", 7), "spam"),
        ("/tickets/12/reply", {"text": "Dear Anna"}, ("reply", 12, "Dear Anna"), "replied"),
        ("/tickets/12/close", {}, ("close", 12), "closed"),
        ("/tickets/12/reopen", {}, ("reopen", 12), "reopened"),
        ("/tickets/12/messages/71/let-in", {}, ("let_in", 71), "let-in"),
        ("/tickets/12/messages/71/discard", {}, ("discard", 71), "discarded"),
        ("/tickets/12/messages/71/part", {}, ("part", 12, 71), "parted"),
        ("/demo/answer/5", {"text": "Yes", "as": "person"}, ("answer", 5, "Yes", False), "sent"),
        ("/demo/answer/5", {"text": "", "as": "robot"}, ("answer", 5, "", True), "sent"),
        (
            "/demo/send",
            {"sender": "anna@c.test", "mailbox": "support@g.test", "subject": "Hello", "text": "Is anybody there?"},
            ("write", LETTER),
            "sent",
        ),
    ],
)
async def test_each_form_is_one_act_and_comes_back_to_the_page(path, fields, act, said) -> None:
    console = FakeConsole(EMPTY)

    answer = await post(console, path, **fields)

    assert [act] == console.acts
    assert (303, f"/?said={said}") == (answer.status, answer.headers["location"])


async def test_the_page_says_what_was_done_only_in_words_of_its_own() -> None:
    assert "The ticket is closed." in (await get("/?said=closed")).text
    assert "hacked" not in (await get("/?said=hacked")).text


async def test_the_script_gets_its_answer_in_json() -> None:
    answer = await post(FakeConsole(EMPTY), "/tickets/12/close", SCRIPT)

    assert (answer.status, json.loads(answer.body)) == (200, {"said": "The ticket is closed."})


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        pytest.param("/held/8/accept", {}, 404, "There is no held mail 8.", id="not there"),
        pytest.param("/tickets/13/close", {}, 409, "This ticket is closed already.", id="not now"),
        pytest.param("/tickets/12/reply", {"text": " \n"}, 400, "Please fill in the text.", id="nothing written"),
        pytest.param("/demo/send", {str(n): "" for n in range(99)}, 400, "This form cannot be read.", id="too many"),
    ],
)
async def test_a_refusal_is_said_in_words(path, fields, status, words) -> None:
    console = FakeConsole(EMPTY)

    page, script = await post(console, path, **fields), await post(console, path, SCRIPT, **fields)

    assert console.acts == []
    assert (status, status) == (page.status, script.status)
    assert words in page.text
    assert {"trouble": words} == json.loads(script.body)


async def test_a_mail_refused_by_the_listener_shows_its_reply() -> None:
    console = FakeConsole(EMPTY, reply_to_mail=Reply(550, "5.1.1 No such mailbox"))

    answer = await post(console, "/demo/answer/5", SCRIPT, text="Yes")

    assert (
        answer.status,
        json.loads(answer.body),
    ) == (409, {"trouble": "The mail was not accepted: 550 5.1.1 No such mailbox."})


async def test_a_form_has_a_bounded_size() -> None:
    console = FakeConsole(EMPTY)

    assert (await post(console, "/tickets/12/reply", text="x" * 300_000)).status == 413
    assert console.acts == []


# ── Whom it refuses ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["localhost", "localhost:8025", "127.0.0.1:8025", "127.8.9.10", "[::1]:8025"])
def test_a_loopback_name_is_answered(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "192.0.2.1", "[::1", "0.0.0.0", "x@evil.test"],
)
async def test_any_other_name_is_misdirected(host: str) -> None:
    assert not is_loopback(host)
    assert (await get(headers=(("Host", host),))).status == 421


async def test_the_confirmation_page_answers_under_any_name() -> None:
    assert (await get("/c/good", headers=(("Host", "support.example.com"),))).status == 200


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        pytest.param({"sec-fetch-site": "same-origin"}, True, id="our page"),
        pytest.param({"sec-fetch-site": "none"}, True, id="the person himself"),
        pytest.param({}, True, id="no browser"),
        pytest.param({"origin": "http://localhost:8025"}, True, id="our page, older browser"),
        pytest.param({"sec-fetch-site": "cross-site"}, False, id="foreign page"),
        pytest.param({"sec-fetch-site": "same-site"}, False, id="another port of this machine"),
        pytest.param({"origin": "http://localhost:3000"}, False, id="another port, older browser"),
        pytest.param({"origin": "http://evil.test"}, False, id="foreign page, older browser"),
        pytest.param({"origin": "null"}, False, id="page without an origin"),
    ],
)
async def test_only_our_own_page_may_change_anything(headers: dict[str, str], ours: bool) -> None:
    console = FakeConsole(EMPTY)
    fields = {"host": "localhost:8025", **headers}

    answer = await post(console, "/held/7/accept", tuple(fields.items()))

    assert ours == comes_from_us(Headers(fields))
    assert (303 if ours else 403) == answer.status
    assert ours == bool(console.acts)


# ── The customer ──────────────────────────────────────────────────────────────────────────────────────────────────────

STAMP = Stamp(NOW, "<new@c.test>")

CAUGHT = (
    b"From: Support <support@g.test>\r\nTo: anna@c.test\r\nReply-To: Support <support+c1abc@g.test>\r\n"
    b"Message-ID: <m2@g.test>\r\nReferences: <m1@c.test>\r\nSubject: Re: Hello\r\n\r\nIs it yours?\r\n"
    b"Please say so.\r\n"
)


def test_a_first_mail_is_what_a_mail_program_would_send() -> None:
    posting = write(Letter("anna@c.test", "support@g.test", "Größe\r\nBcc: x@y.test", "Grüße\r\n.\r\n"), STAMP)
    mail = message_from_bytes(posting.raw, policy=policy.SMTP)

    assert (posting.mail_from, posting.rcpt_to) == ("anna@c.test", "support@g.test")
    assert [mail["Subject"], mail["Bcc"], mail["Message-ID"]] == ["Größe Bcc: x@y.test", None, "<new@c.test>"]
    assert mail.get_content() == "Grüße\r\n.\r\n"


@pytest.mark.parametrize(
    "sender", ["", "anna", "anna@", "a b@c.test", "a@c.test\r\nBcc: x@y.test", "<a@c.test>", "ä@c.test"]
)
def test_a_first_mail_needs_an_address(sender: str) -> None:
    with pytest.raises(NotAllowed, match="is not an address"):
        write(replace(LETTER, sender=sender), STAMP)


def test_a_person_answers_to_the_reply_address_within_the_thread() -> None:
    posting = answer(CAUGHT, "anna@c.test", "Yes, it is.", STAMP)
    mail = message_from_bytes(posting.raw, policy=policy.SMTP)

    assert (posting.mail_from, posting.rcpt_to) == ("anna@c.test", "support+c1abc@g.test")
    assert mail["In-Reply-To"] == "<m2@g.test>"
    assert mail["References"] == "<m1@c.test> <m2@g.test>"
    assert mail["Subject"] == "Re: Hello"
    assert (
        mail.get_content()
        == "Yes, it is.\r\n\r\nSupport <support@g.test> wrote:\r\n> Is it yours?\r\n> Please say so.\r\n"
    )


def test_an_absence_notice_is_marked_and_goes_to_the_envelope_sender() -> None:
    posting = answer_absent(CAUGHT, "support+b1abc@g.test", "anna@c.test", STAMP)
    mail = message_from_bytes(posting.raw, policy=policy.SMTP)

    assert (posting.mail_from, posting.rcpt_to) == ("", "support+b1abc@g.test")
    assert mail["Auto-Submitted"] == "auto-replied"


def test_an_absence_notice_never_answers_the_null_sender() -> None:
    with pytest.raises(NotAllowed, match="empty sender"):
        answer_absent(CAUGHT, "", "anna@c.test", STAMP)
