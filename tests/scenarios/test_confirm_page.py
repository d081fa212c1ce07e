"""The confirmation page in a real browser: read, pressed and reached by people of all kinds, without any script."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from mailgate.net.webserver import WebServer
from mailgate.testing import Lab
from tests.fakes.judging import rulebook
from tests.fakes.letters import letter, link
from tests.scenarios.browser import ENTER, TAB, Browser, missing

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
    pytest.mark.xdist_group("browser"),
]

LANGUAGES = sorted(rulebook().phrases)
DESK: dict[str, Any] = {
    "mailbox": [
        {
            "address": "support@g.test",
            "name": "Der Hilfetisch",
            "hours": ["mon-fri 09:00-17:00"],
            "answer_within_h": 8,
        }
    ]
}
PHONE = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True}  # WCAG 2.2, 1.4.10
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
LEAST_TARGET = 24  # CSS pixels; WCAG 2.2, 2.5.8


@dataclass
class Scene:
    """A question that was asked, and a browser that has its page before it."""

    lab: Lab
    browser: Browser
    url: str

    async def wait(self, seconds: float) -> None:
        self.lab.advance(timedelta(seconds=seconds))

    async def button(self) -> str:
        return await self.browser.only("button")

    async def heading(self) -> str:
        return await self.browser.text(await self.browser.only("main h1"))

    async def press_the_button(self) -> None:
        button = await self.button()
        await self.browser.click(button)
        await self.pressed(button)

    async def pressed(self, button: str) -> None:
        """Wait for the page that a press of the button brings, and for what it does."""
        await self.browser.left(button)
        await self.lab.settle()

    async def prefer(self, language: str) -> None:
        await self.browser.devtools("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as running:
        await running.devtools("Network.enable")
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def scene(browser: Browser) -> AsyncIterator[Scene]:
    await browser.devtools("Network.setExtraHTTPHeaders", headers={"Accept-Language": "en"})
    await browser.devtools("Emulation.clearDeviceMetricsOverride")
    await browser.devtools("Emulation.setEmulatedMedia", features=[])
    async with Lab(overrides=DESK) as lab:
        await lab.receive(letter(), mail_from="anne@x.test")
        await lab.settle()
        lab.advance(timedelta(minutes=1))
        server = WebServer(lab.pages, "127.0.0.1:0")
        await server.start()
        try:
            found = Scene(lab, browser, f"http://{server.address}{urlsplit(link(lab.sent[0].raw)).path}")
            await browser.open(found.url)
            yield found
            await browser.open("about:blank")
        finally:
            await server.stop()


in_one_loop = pytest.mark.asyncio(loop_scope="module")


@in_one_loop
async def test_scripts_are_forbidden_here(browser: Browser) -> None:
    await browser.open("data:text/html,<p>still</p><script>document.querySelector('p').textContent = 'ran'</script>")
    (words,) = await browser.find("p")

    assert await browser.text(words) == "still"


@in_one_loop
async def test_a_person_without_scripts_reads_and_presses(scene: Scene) -> None:
    assert await scene.heading() == "Did you write to us?"
    await scene.wait(1)
    await scene.press_the_button()

    assert await scene.heading() == "Once more, please"
    assert scene.lab.tickets() == []

    await scene.wait(3)
    await scene.press_the_button()

    assert await scene.heading() == "Done. Thank you!"
    assert len(scene.lab.tickets()) == 1
    assert await scene.browser.find("button") == []


@in_one_loop
async def test_the_keyboard_alone_is_enough_and_shows_where_it_stands(scene: Scene) -> None:
    await scene.wait(3)
    await scene.browser.press(TAB)
    button = await scene.button()

    assert await scene.browser.focused() == button
    assert await scene.browser.css(button, "outline-style") == "solid"
    assert float((await scene.browser.css(button, "outline-width")).removesuffix("px")) >= 2

    await scene.browser.press(ENTER)
    await scene.pressed(button)

    assert await scene.heading() == "Done. Thank you!"
    assert len(scene.lab.tickets()) == 1


@in_one_loop
async def test_a_person_with_two_addresses_says_so_by_a_third_button(scene: Scene) -> None:
    """The browser keeps for itself what it pressed, and gives it back to this page alone."""
    lab, private = scene.lab, "anne@private.test"
    await lab.receive(letter(private), mail_from=private)
    await lab.settle()
    other = next(link(sent.raw) for sent in lab.sent if sent.rcpt_to == private)
    await scene.wait(60)
    await scene.press_the_button()
    assert await scene.heading() == "Done. Thank you!"
    await scene.browser.open(scene.url.replace(urlsplit(scene.url).path, urlsplit(other).path))
    await scene.wait(10)
    await scene.press_the_button()
    assert await scene.heading() == "Done. One question more"
    shown = [await scene.browser.text(one) for one in await scene.browser.find("bdi")]
    assert {"anne@x.test", private} <= set(shown)
    await scene.wait(10)
    await scene.press_the_button()

    assert await scene.heading() == "Noted. Thank you!"
    people, _ = await lab.desk.traces(private)
    assert people == (private, "anne@x.test")


@in_one_loop
async def test_on_a_phone_nothing_is_cut_off_in_any_language(scene: Scene) -> None:
    await scene.browser.devtools("Emulation.setDeviceMetricsOverride", **PHONE)
    for language in LANGUAGES:
        await scene.prefer(language)
        await scene.browser.open(scene.url)
        (page,) = await scene.browser.find("html")
        size = await scene.browser.rect(await scene.button())

        assert await scene.browser.property(page, "lang") == language
        assert await scene.browser.property(page, "scrollWidth") <= PHONE["width"]
        assert min(size["width"], size["height"]) >= LEAST_TARGET
        assert size["x"] >= 0
        assert size["x"] + size["width"] <= PHONE["width"]


@in_one_loop
async def test_a_page_from_right_to_left_begins_at_the_right(scene: Scene) -> None:
    await scene.prefer("ar")
    await scene.browser.open(scene.url)
    (main,) = await scene.browser.find("main")
    button, sheet = await scene.browser.rect(await scene.button()), await scene.browser.rect(main)

    assert button["x"] + button["width"] / 2 > sheet["x"] + sheet["width"] / 2


@in_one_loop
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_word_stands_out_from_what_is_behind_it(scene: Scene, scheme: str) -> None:
    await scene.browser.devtools(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    (sheet,) = await scene.browser.find("main")
    behind = _luminance(await scene.browser.css(sheet, "background-color"))
    button = await scene.button()
    contrasts = {
        selector: [
            _contrast(_luminance(await scene.browser.css(one, "color")), behind)
            for one in await scene.browser.find(selector)
        ]
        for selector in ("main h1", "main p", "main .sender", "main .hours")
    }
    fill = _luminance(await scene.browser.css(button, "background-color"))
    contrasts["button"] = [_contrast(_luminance(await scene.browser.css(button, "color")), fill)]

    assert (behind > 0.5) == (scheme == "light")
    assert all(contrasts.values())
    assert min(min(found) for found in contrasts.values()) >= LEAST_CONTRAST, contrasts
    # The button itself, and the ring around it, against the sheet (WCAG 2.2, 1.4.11).
    assert _contrast(fill, behind) >= 3


@in_one_loop
async def test_who_listens_hears_the_same(scene: Scene) -> None:
    assert await scene.browser.label(await scene.button()) == "Yes, I wrote it"
    assert len(await scene.browser.find("main")) == len(await scene.browser.find("h1")) == 1
    assert await scene.browser.find("[tabindex], [autofocus], img, script, marquee, video") == []


@in_one_loop
async def test_nothing_moves(scene: Scene) -> None:
    moving = [
        (await scene.browser.css(one, "animation-name"), await scene.browser.css(one, "transition-duration"))
        for one in await scene.browser.find("main, main *")
    ]

    assert set(moving) == {("none", "0s")}


def _luminance(colour: str) -> float:
    """The relative luminance of a computed colour, as WCAG 2.2 defines it."""
    channels = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: float, second: float) -> float:
    lighter, darker = max(first, second), min(first, second)
    return (lighter + 0.05) / (darker + 0.05)
