"""The confirmation page: what each state shows, that looking has no effect, and that it keeps to itself."""

from __future__ import annotations

from datetime import UTC
from html.parser import HTMLParser

import pytest

from mailgate.errors import TryAgain
from mailgate.judge import hours
from mailgate.mail.phrases import Phrases, completed
from mailgate.model import Mailbox, PageState
from mailgate.web.app import make_app
from mailgate.web.call import Response, call
from tests.fakes.web import BOTH, NOW, FakeConfirm, clock, phrases

DESK = Mailbox(
    "support@g.test",
    "support",
    name="The <desk>",
    opening=hours.parse(["mon-fri 09:00-17:00"], UTC, "UTC"),
    answer_within_h=8,
)
GERMAN = (("Accept-Language", "de-AT,de;q=0.9,en;q=0.5"),)


async def request(road: FakeConfirm, method: str = "GET", path: str = "/c/good", headers=()) -> Response:
    return await call(make_app(road, clock=clock, phrases=phrases, name="support.example.com"), method, path, headers)


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_never_confirms(method: str) -> None:
    road = FakeConfirm()

    for _ in range(50):
        await request(road, method)

    assert {("look", "good", NOW)} == set(road.calls)


async def test_post_confirms_and_says_done() -> None:
    road = FakeConfirm()

    answer = await request(road, "POST")

    assert road.calls == [("confirm", "good", NOW)]
    assert answer.status == 200
    assert "Done" in answer.text
    assert Elements(answer.text).all("button") == []


async def test_post_a_second_time_says_done_again() -> None:
    road = FakeConfirm()

    assert (await request(road, "POST")).body == (await request(road, "POST")).body


@pytest.mark.parametrize("state", [PageState.ASK, PageState.TOO_SOON])
async def test_a_button_without_script_posts_to_the_same_address(state: PageState) -> None:
    elements = Elements((await request(FakeConfirm(looked=state))).text)

    assert elements.all("form") == [{"method": "post"}]
    assert len(elements.all("button")) == 1
    assert elements.all("script") == []


async def test_a_click_that_came_too_soon_shows_the_button_again() -> None:
    answer = await request(FakeConfirm(pressed=PageState.TOO_SOON), "POST")

    assert answer.status == 200
    assert len(Elements(answer.text).all("button")) == 1


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        pytest.param(PageState.ASK, 200, "Did you write to us?", id="ask"),
        pytest.param(PageState.DONE, 200, "Done", id="T69 used twice"),
        pytest.param(PageState.EXPIRED, 200, "still kept, and a person decides", id="T70 14 days passed"),
        pytest.param(PageState.ACCEPTED, 200, "Already accepted", id="T72 an agent was faster"),
        pytest.param(PageState.UNKNOWN, 404, "We do not know this link", id="T68 not ours"),
    ],
)
async def test_each_state_has_its_page(state: PageState, status: int, words: str) -> None:
    answer = await request(FakeConfirm(looked=state))

    assert status == answer.status
    assert words in answer.text


async def test_a_token_of_any_shape_is_left_to_the_road_so_that_all_take_the_same_time() -> None:
    road = FakeConfirm()

    shapes = ["x", "c1" + "a" * 40, "%00", "%F0%9F%98%80", "a" * 5000]
    answers = [await request(road, method, f"/c/{shape}") for shape in shapes for method in ("GET", "POST")]

    assert {404} == {answer.status for answer in answers}
    assert 2 * len(shapes) == len(road.calls)


async def test_trouble_in_the_store_asks_to_come_back() -> None:
    answer = await request(FakeConfirm(trouble=TryAgain("database is locked")), "POST")

    assert answer.status == 503
    assert answer.headers["retry-after"] == "60"
    assert "Nothing is lost" in answer.text
    assert "locked" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/c/good"),
        ("HEAD", "/c/good"),
        ("POST", "/c/good"),
        ("PUT", "/c/good"),
        ("GET", "/c/bad"),
        ("GET", "/x"),
    ],
)
async def test_every_answer_is_private(method: str, path: str) -> None:
    headers = (await request(FakeConfirm(), method, path)).headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    for source in ("default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):
        assert source in headers["content-security-policy"]


async def test_another_method_is_not_allowed() -> None:
    answer = await request(FakeConfirm(), "DELETE")

    assert answer.status == 405
    assert {"GET", "HEAD", "POST"} == set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/", "/live.json", "/live.js", "/demo/send", "/c/", "/c"])
async def test_the_world_sees_no_other_page(path: str) -> None:
    assert (await request(FakeConfirm(), "GET", path)).status == 404


async def test_the_page_says_its_language_and_its_title() -> None:
    english, german = await request(FakeConfirm()), await request(FakeConfirm(), headers=GERMAN)

    assert Elements(english.text).all("html") == [{"lang": "en", "dir": "ltr"}]
    assert Elements(german.text).all("html") == [{"lang": "de", "dir": "ltr"}]
    assert "<title>Haben Sie uns geschrieben? – support.example.com</title>" in german.text
    assert german.headers["content-language"] == "de"
    assert german.headers["vary"] == "Accept-Language"


async def test_the_look_is_served_beside_the_page_and_nothing_else_is_asked_for() -> None:
    links = Elements((await request(FakeConfirm())).text).all("link")
    style = await request(FakeConfirm(), path="/c/mailgate.css")

    assert links == [{"rel": "stylesheet", "href": "mailgate.css"}]
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert b"@import" not in style.body
    assert b"url(" not in style.body


LANGUAGES = sorted(phrases())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", PageState)
async def test_each_language_has_its_own_words_for_every_state(language: str, state: PageState) -> None:
    answer = await request(FakeConfirm(looked=state), headers=[("Accept-Language", language)])
    page = phrases()[language].pages[state]

    assert answer.headers["content-language"] == language == page.language
    assert f"<h1>{page.title}</h1>" in answer.text.replace("&#39;", "'")
    assert bool(page.button) == (state in (PageState.ASK, PageState.TOO_SOON, PageState.BOTH))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_each_language_has_its_own_words_for_trouble(language: str) -> None:
    answer = await request(FakeConfirm(trouble=TryAgain("x")), headers=[("Accept-Language", language)])

    assert (answer.status, answer.headers["content-language"]) == (503, language)


async def test_a_writing_that_runs_from_right_to_left_does_so() -> None:
    answer = await request(FakeConfirm(), headers=[("Accept-Language", "ar")])

    assert Elements(answer.text).all("html") == [{"lang": "ar", "dir": "rtl"}]


async def test_a_desk_with_hours_says_when_it_answers() -> None:
    answer = await request(FakeConfirm(mailbox=DESK))

    assert "We answer within 8 working hours (Mon-Fri 09:00-17:00, UTC)." in answer.text
    assert "<bdi>The &lt;desk&gt;</bdi>" in answer.text


async def test_a_link_that_is_not_ours_says_nothing_of_a_desk() -> None:
    answer = await request(FakeConfirm(mailbox=DESK), path="/c/bad")

    assert "We answer" not in answer.text
    assert "support.example.com" in answer.text


async def test_a_language_without_a_page_of_its_own_leaves_the_next_one_that_is_read() -> None:
    known = {**phrases(), "eo": completed(Phrases("eo"), phrases()["en"])}
    app = make_app(FakeConfirm(), clock=clock, phrases=lambda: known)

    answer = await call(app, "GET", "/c/good", [("Accept-Language", "eo, de;q=0.5")])
    assert answer.headers["content-language"] == "de"


async def test_a_page_that_nobody_sees_is_not_seen() -> None:
    road = FakeConfirm()
    await request(road)
    await request(road, "HEAD")
    for name, value in (("Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender"), ("X-Purpose", "preview")):
        await request(road, headers=[(name, value)])

    assert road.told == [True, False, False, False, False]


async def test_who_confirms_is_answered_in_the_language_of_his_page() -> None:
    road = FakeConfirm()
    await request(road, "POST", headers=GERMAN)
    await request(road, "POST", headers=[("Accept-Language", "tlh")])

    assert road.told == ["de", "en"]


# ── Two addresses of one person ───────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_confirmed_two_addresses_in_one_browser_is_asked_by_a_button_of_its_own() -> None:
    answer = await request(FakeConfirm(pressed=PageState.BOTH), "POST")
    elements = Elements(answer.text)

    assert elements.all("form") == [{"method": "post", "action": "?both=yes"}]
    assert all(address in answer.text for address in BOTH)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("mailgate-confirmed=kept; ")
    assert {"HttpOnly", "Secure", "SameSite=strict", "Max-Age=86400"} <= set(cookie.split("; "))
    assert "Path" not in cookie, "the browser says /c/, also behind a proxy"


async def test_that_button_joins_by_what_the_browser_kept() -> None:
    road = FakeConfirm()

    answer = await request(road, "POST", "/c/good?both=yes", (("Cookie", "mailgate-confirmed=abc"),))

    assert road.calls == [("join", "good", NOW)]
    assert road.told == ["abc"]
    assert "Noted" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_that_address_joins_nothing(method: str) -> None:
    road = FakeConfirm()

    await request(road, method, "/c/good?both=yes", (("Cookie", "mailgate-confirmed=abc"),))

    assert [act for act, *_ in road.calls] == ["look"]


async def test_a_browser_that_confirmed_nothing_else_sees_no_address_and_no_button() -> None:
    answer = await request(FakeConfirm(), "POST")

    assert "@" not in answer.text.replace("support@", "")
    assert Elements(answer.text).all("form") == []


@pytest.mark.parametrize("site", [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.test")], ids=str)
async def test_a_button_that_another_page_pressed_leaves_nothing_and_joins_nothing(site: tuple[str, str]) -> None:
    road = FakeConfirm(pressed=PageState.BOTH)
    headers = (site, ("Cookie", "mailgate-confirmed=abc"))

    pressed = await request(road, "POST", headers=headers)
    await request(road, "POST", "/c/good?both=yes", headers)

    assert "set-cookie" not in pressed.headers
    assert road.told[-1] == "", "nothing that the browser kept is looked at"
