"""A link of a digest decides on one mail and on nothing else; looking at it changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
import re2

from mailgate.judge import heldlink
from mailgate.model import Keys
from mailgate.testing import KEYS, Lab
from tests.fakes.letters import body, letter
from tests.fakes.stores import Laboratory
from tests.lab.test_staff import DAY, HOUR, START, stranger, told

SECOND = timedelta(seconds=1)


async def digest(lab: Lab, mails: int = 1) -> str:
    """The first link of a digest that tells of so many mails of one stranger."""
    await lab.settle()
    for number in range(mails):
        await stranger(lab, 1, subject=f"Offer {number}", text="secret words")
    lab.advance(2 * HOUR)
    await lab.settle()
    first, second = [word for word in body(lab.sent[0].raw).split() if "/h/" in word]
    assert (first.partition("?")[0], first[-16:], second[-14:]) == (
        second.partition("?")[0],
        "?decision=accept",
        "?decision=spam",
    )
    return first.partition("?")[0]


async def press(lab: Lab, url: str, number: int, after: timedelta = 5 * SECOND) -> Any:
    page = await lab.click(url)
    actions = re2.findall(r'action="([^"]+)"', page.text)
    lab.advance(after)
    return await lab.click(urljoin(url, actions[number].replace("&amp;", "&")), method="POST")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_shows_who_wrote_and_changes_nothing(laboratory: Laboratory, method: str) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab, mails=3)
        for query in ("", "?decision=accept&seen=1", "?decision=spam&seen=1"):
            page = await lab.click(url + query, method=method)
            assert page.status == 200
            assert page.headers["referrer-policy"] == "no-referrer"
            assert page.headers["cache-control"] == "no-store"
        if method == "GET":
            assert "anne1@x1.test" in page.text
            assert "3 mails of this sender are held" in page.text
            assert "secret" not in page.text
        assert {mail.state for mail in lab.held()} == {"human"}


async def test_accept_lets_all_of_the_sender_in_and_is_in_the_history(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab, mails=2)
        done = await press(lab, url, 0)
        assert (done.status, "Accepted" in done.text) == (200, True)
        assert lab.held() == []
        assert len(lab.tickets()) == 2
        actors = {event.actor for ticket in lab.tickets() for event in ticket.history}
        assert "agent:digest:lead@office.test" in actors
        again = await lab.click(f"{url}?decision=spam&seen=1", method="POST")
        assert "Already decided" in again.text
        assert lab.ledger().balanced


async def test_spam_is_kept_and_the_same_link_can_still_let_it_in(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab, mails=3)
        done = await press(lab, url, 1)
        assert "Kept as spam" in done.text
        assert [mail.state for mail in lab.held()] == ["spam"] * 3
        await press(lab, url, 0)
        assert lab.held() == []


@pytest.mark.parametrize(
    "query",
    ["", "?decision=accept", "?decision=drop&seen=1", "?decision=accept&seen=x", f"?decision=accept&seen={10**15}"],
)
async def test_a_button_that_nobody_was_shown_does_nothing(laboratory: Laboratory, query: str) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab)
        assert (await lab.click(url + query, method="POST")).status == 200
        assert [mail.state for mail in lab.held()] == ["human"]


async def test_a_button_pressed_at_once_is_a_machines(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab)
        soon = await press(lab, url, 0, after=2 * SECOND)
        assert "Once more" in soon.text
        assert [mail.state for mail in lab.held()] == ["human"]


async def test_a_link_expires_and_the_mail_stays(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab)
        lab.advance(31 * DAY)
        page = await lab.click(f"{url}?decision=accept&seen=1", method="POST")
        assert "expired" in page.text
        assert [mail.state for mail in lab.held()] == ["human"]


async def test_a_forged_link_is_404_without_a_look_into_the_database(laboratory: Laboratory) -> None:
    async with laboratory(**told()) as lab:
        url = await digest(lab)
        await lab.database.close()
        last = url[-1]
        for forged in (url[:-1] + ("0" if last != "0" else "1"), url[:-3], f"{url}0", "https://desk.g.test/h/x"):
            assert (await lab.click(forged, method="POST")).status == 404
        await lab.restart()


async def test_there_is_no_such_page_where_nobody_is_sent_links(laboratory: Laboratory) -> None:
    async with laboratory(start=START) as lab:
        await lab.receive(letter(), mail_from="anne@x.test", auth="A0")
        await lab.settle()
        link = heldlink.written(lab.held()[0].id, lab.now + DAY, KEYS)
        assert (await lab.click(f"https://desk.g.test/h/{link}")).status == 404


def test_a_link_is_bound_to_its_mail_its_day_and_this_installation() -> None:
    text = heldlink.written(4711, START, KEYS)
    found = heldlink.read(text.upper(), KEYS)
    assert found is not None
    assert (found.message_id, found.until) == (4711, START.replace(hour=0) + DAY)
    assert heldlink.read(text, Keys("other", "1", KEYS.secrets)) is None
    assert heldlink.read(heldlink.written(4712, START, KEYS)[:18] + text[18:], KEYS) is None
    for place in range(len(text)):
        other = "2" if text[place] != "2" else "3"
        assert heldlink.read(text[:place] + other + text[place + 1 :], KEYS) is None
