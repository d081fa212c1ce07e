"""What was opened, answered and closed, by day, queue and person: by command, from a history made by hand."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate import wiring
from mailgate.testing import Lab
from tests.cli.conftest import CONFIG, Run
from tests.cli.test_report import play
from tests.fakes.letters import letter

OFFICE = 'hours = ["mon-fri 09:00-17:00"]\ntimezone = "Europe/Berlin"\nanswer_within_h = 4\n'
TODAY = datetime(2026, 3, 31, 10, 0, tzinfo=UTC)  # noon in Berlin, on the Tuesday after the clocks were set forward
FRIDAY = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)  # four in the afternoon there


@pytest.fixture
def told(gateway: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Three tickets: Anne's was answered and closed on Monday, Bart's waits, Carl's was spam on Sunday."""
    (folder / "config.toml").write_text(
        CONFIG.replace('address = "support@g.test"\n', f'address = "support@g.test"\n{OFFICE}')
    )

    async def work(lab: Lab) -> None:
        lab.now = FRIDAY
        await write(lab, "anne@x.test")
        lab.now = FRIDAY + timedelta(days=1, hours=8, minutes=30)  # half past midnight there, Sunday
        await write(lab, "carl@z.test")
        await write(lab, "bart@y.test")
        await lab.desk.close(2, "bob", spam=True)
        lab.now = datetime(2026, 3, 30, 8, 0, tzinfo=UTC)
        await lab.desk.reply(1, "We send another.", "anne")
        await lab.desk.close(1, "anne")
        await lab.desk.close(1, "bob")
        await lab.desk.move_to(3, "hardware", "bob")

    play(folder, work)
    monkeypatch.setattr(wiring, "clock", lambda: TODAY)
    return gateway


async def write(lab: Lab, author: str) -> None:
    await lab.receive(letter(author), mail_from=author)
    await lab.settle()


def test_days_are_those_of_the_zone_and_the_numbers_add_up(told: Run) -> None:
    days = told("report", "tickets", "--from", "2026-03-27", "--by", "day", "--json").objects

    counted = [(one["day"], one["opened"], one["closed"], one["spam"], one["backlog"]) for one in days]
    assert counted == [
        ("2026-03-27", 1, 0, 0, 1),
        ("2026-03-28", 0, 0, 0, 1),
        ("2026-03-29", 2, 1, 1, 2),
        ("2026-03-30", 0, 1, 0, 1),
        ("2026-03-31", 0, 0, 0, 1),
    ]
    in_utc = told("report", "tickets", "--from", "2026-03-27", "--by", "day", "--zone", "UTC", "--json").objects
    assert [one["opened"] for one in in_utc] == [1, 2, 0, 0, 0]


def test_who_answered_and_who_closed_is_told_with_how_long_it_took(told: Run) -> None:
    anne, bob = told("report", "tickets", "--by", "agent", "--json").objects

    assert (anne["agent"], anne["answers"], anne["first_answers"], anne["closed"]) == ("anne", 1, 1, 1)
    assert (anne["first_median_h"], anne["first_open_median_h"], anne["kept_percent"]) == (65, 2, 100)
    assert (bob["agent"], bob["answers"], bob["closed"], bob["spam"]) == ("bob", 0, 1, 1)
    table = told("report", "tickets", "--by", "agent").out.splitlines()
    assert table[0].split("  ")[0] == "agent"
    assert table[1].split()[:4] == ["anne", "1", "0", "1"]


def test_a_ticket_counts_for_the_queue_in_which_it_stands(told: Run) -> None:
    rows = told("report", "tickets", "--by", "queue", "--json").objects

    assert [(one["queue"], one["opened"], one["closed"], one["backlog"]) for one in rows] == [
        ("hardware", 1, 0, 1),
        ("support", 2, 2, 0),
    ]


def test_a_spreadsheet_gets_all_numbers(told: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(told("report", "tickets", "--since", "5d", "--csv").out)))

    assert rows[0]["day"] == "2026-03-27"
    assert [row["opened"] for row in rows] == ["1", "0", "2", "0", "0"]
    assert rows[3]["first_open_p90_h"] == "2.0"


def test_the_page_says_what_matters_and_plain_report_has_it_as_well(told: Run) -> None:
    page = told("report", "tickets").out

    for words in (
        "Tickets from 2026-03-02 to 2026-03-31 (Europe/Berlin)",
        "opened 3, reopened 0, closed 2 (1 as spam)",
        "not closed at the end: 1",
        "half within 65.0 h, nine of ten within 65.0 h (opening hours: 2.0 h and 2.0 h); 1",
        "100.0 % of 1 first answers came within the promised time",
        "mail: 3 accepted, 0 of them automatic",
    ):
        assert words in page
    whole = told("report")
    assert "left by itself" in whole.out
    assert "not closed at the end: 1" in whole.out
    assert told("report", "--json").objects[0]["tickets"]["backlog"] == 1


def test_what_no_report_can_be_of_is_refused(told: Run) -> None:
    for arguments in (
        ("--from", "2027-01-01"),
        ("--from", "1990-01-01"),
        ("--from", "2026-03-01", "--since", "3d"),
        ("--zone", "Mars/Olympus"),
        ("--from", "yesterday"),
    ):
        assert told("report", "tickets", *arguments).code == 64
