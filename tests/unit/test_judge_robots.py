"""A robot without any mark, that says something new each time, at any speed: how many mails it gets from us at most.

Systems that count mails in a window answer such a robot for ever, if only it is slow enough.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.judging import Judging, Letter, rulebook
from tests.fakes.played import Played
from tests.fakes.watched import words

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
WINDOWS = rulebook().limits.windows


def permits(turn: timedelta, length: timedelta) -> int:
    played, at = Played(WINDOWS, START), START
    while at < START + length:
        played.mail("kim@x.test", at)
        at += turn
    return len(played.granted)


@pytest.mark.parametrize(
    ("turn", "length"),
    [
        pytest.param(timedelta(seconds=5), timedelta(hours=24), id="every 5 seconds for a day"),
        pytest.param(timedelta(hours=1), timedelta(days=28), id="every hour for four weeks"),
    ],
)
def test_a_robot_gets_three_mails(turn: timedelta, length: timedelta) -> None:
    assert permits(turn, length) == 3


@pytest.mark.parametrize("turn_h", [0.25, 1, 7, 24, 7 * 24, 31 * 24, 46 * 24, 90 * 24, 91 * 24])
def test_in_a_year_a_robot_gets_seven_mails_at_any_speed(turn_h: float) -> None:
    """T34: three, and one more each 90 days."""
    assert permits(timedelta(hours=turn_h), YEAR) <= 7


def test_a_robot_that_is_judged_like_any_mail_gets_three_in_four_weeks() -> None:
    """T33: the same through the whole judgement."""
    desk = Judging()
    for turn in range(28 * 24):
        desk.receive(Letter("kim@x.test", "open@g.test", subject=f"About {words(turn)}", text=words(turn)))
        desk.advance(hours=1)

    assert len(desk.sent) == 3
    assert len(desk.store.tickets) == 28 * 24, "no mail is lost by that"


@pytest.mark.soak
@pytest.mark.parametrize("turn_h", [1, 6, 24])
def test_a_robot_that_is_judged_like_any_mail_gets_seven_in_a_year(turn_h: int) -> None:
    desk = Judging()
    for turn in range(365 * 24 // turn_h):
        desk.receive(Letter("kim@x.test", "open@g.test", subject=f"About {words(turn)}", text=words(turn)))
        desk.advance(hours=turn_h)

    assert len(desk.sent) == 7
