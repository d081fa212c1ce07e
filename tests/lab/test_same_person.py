"""Two addresses confirmed in one browser become one person's by a button of its own, and by nothing less."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest

from mailgate.testing import Lab
from mailgate.web.call import Response
from tests.fakes.letters import letter, link
from tests.fakes.stores import Laboratory

ANNE, PRIVATE, EVE = "anne@x.test", "anne@private.test", "eve@evil.test"


class Browser:
    """Keeps what it is told to keep, as browsers do."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.kept = ""

    async def post(self, url: str, *, wait_s: float = 10, look: bool = True) -> Response:
        """Look at a page, wait, and press its button."""
        if look:
            await self.ask(url.partition("?")[0], "GET")
        self.lab.advance(timedelta(seconds=wait_s))
        return await self.ask(url, "POST")

    async def ask(self, url: str, method: str) -> Response:
        headers = (("Cookie", f"mailgate-confirmed={self.kept}"),) if self.kept else ()
        answer = await self.lab.click(url, method, headers)
        if "set-cookie" in answer.headers:
            self.kept = SimpleCookie(answer.headers["set-cookie"])["mailgate-confirmed"].value
        return answer


async def asked(lab: Lab, *addresses: str) -> list[str]:
    """The links that these strangers got."""
    for address in addresses:
        await lab.receive(letter(address), mail_from=address)
    await lab.settle()
    links = {one.rcpt_to: link(one.raw) for one in lab.sent if one.kind == "challenge"}
    return [links[address] for address in addresses]


async def joined(lab: Lab, address: str = ANNE) -> list[str]:
    """All addresses of the person."""
    (people, _) = await lab.desk.traces(address)
    return list(people)


async def test_two_buttons_confirm_and_a_third_joins(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        mine, private = await asked(lab, ANNE, PRIVATE)
        browser = Browser(lab)
        first = await browser.post(mine)
        assert "@" not in first.text.replace("support@g.test", ""), "nothing is named before there is something to ask"
        second = await browser.post(private)
        assert ANNE in second.text
        assert PRIVATE in second.text
        assert await joined(lab) == [ANNE], "nothing is joined yet"

        third = await browser.post(f"{private}?both=yes", look=False)

        assert "Noted" in third.text
        assert await joined(lab) == [PRIVATE, ANNE]
        assert [sent.kind for sent in lab.sent].count("challenge") == 2
        again = await browser.post(f"{private}?both=yes", look=False)
        assert again.status == 200
        assert await joined(lab) == [PRIVATE, ANNE]


async def test_a_scanner_that_opens_everything_joins_nothing(laboratory: Laboratory) -> None:
    """It may even press buttons: within the seconds in which it does, no press counts."""
    async with laboratory() as lab:
        links = await asked(lab, ANNE, PRIVATE)
        lab.advance(timedelta(minutes=1))
        scanner = Browser(lab)
        for url in (*links, *(f"{url}?both=yes" for url in links)):
            for method in ("GET", "HEAD", "POST", "POST"):
                await scanner.ask(url, method)

        assert scanner.kept == ""
        assert await joined(lab) == [ANNE]


async def test_the_third_button_pressed_at_once_is_shown_again(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        mine, private = await asked(lab, ANNE, PRIVATE)
        browser = Browser(lab)
        await browser.post(mine)
        await browser.post(private)

        too_soon = await browser.post(f"{private}?both=yes", wait_s=1, look=False)

        assert "Both are mine" in too_soon.text
        assert await joined(lab) == [ANNE]


async def test_links_that_were_passed_on_join_nothing(laboratory: Laboratory) -> None:
    """Eve has Anne's used link, from a forwarded mail, and a question of her own."""
    async with laboratory() as lab:
        mine, hers = await asked(lab, ANNE, EVE)
        await Browser(lab).post(mine)
        eve = Browser(lab)
        assert "Done" in (await eve.post(mine)).text
        await eve.post(hers)

        for url in (mine, hers):
            await eve.post(f"{url}?both=yes", look=False)

        assert await joined(lab) == [ANNE]


async def test_what_a_browser_keeps_cannot_be_made_up_or_carried_over(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        mine, private = await asked(lab, ANNE, PRIVATE)
        first, second = Browser(lab), Browser(lab)
        await first.post(mine)
        await second.post(private)
        other = "1" if first.kept.endswith("0") else "0"
        for kept in (first.kept, second.kept, f"{first.kept[:-1]}{other}.{second.kept}", "a.b", "." * 999, "1" * 48):
            forger = Browser(lab)
            forger.kept = kept
            await forger.post(f"{private}?both=yes", look=False)

        assert await joined(lab) == [ANNE]


async def test_a_day_later_the_browser_is_asked_no_more(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        mine, private = await asked(lab, ANNE, PRIVATE)
        browser = Browser(lab)
        await browser.post(mine)
        lab.advance(timedelta(days=1, seconds=1))

        assert "Both are mine" not in (await browser.post(private)).text


@pytest.mark.parametrize("act", ["block", "clear"])
async def test_only_who_is_trusted_by_then_is_joined(laboratory: Laboratory, act: str) -> None:
    async with laboratory() as lab:
        mine, private = await asked(lab, ANNE, PRIVATE)
        browser = Browser(lab)
        await browser.post(mine)
        await browser.post(private)
        await lab.desk.block(ANNE, "cris")
        if act == "clear":
            await lab.desk.clear(ANNE, "cris")

        await browser.post(f"{private}?both=yes", look=False)

        assert await joined(lab) == [ANNE]


async def test_the_join_is_written_down_and_taken_back(laboratory: Laboratory) -> None:
    async with laboratory() as lab:
        mine, private = await asked(lab, ANNE, PRIVATE)
        browser = Browser(lab)
        await browser.post(mine)
        await browser.post(private)
        await browser.post(f"{private}?both=yes", look=False)

        await lab.desk.unlink(PRIVATE, "cris")

        assert await joined(lab) == [ANNE]
        assert await joined(lab, PRIVATE) == [PRIVATE]
