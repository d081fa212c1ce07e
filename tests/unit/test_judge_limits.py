"""The file of limits is read whole or refused whole, with every fault at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config import tomlfile
from mailgate.errors import ConfigError
from mailgate.judge.limits import Limits
from mailgate.judge.spans import span
from mailgate.model import Counted, Key, Reach
from mailgate.rulebook import LIMITS, shipped_folder

TABLE: dict[str, Any] = tomlfile.parse((shipped_folder() / LIMITS).read_text(), LIMITS).document


def faults_of(change: Callable[[dict[str, Any]], object]) -> list[tuple[str, str]]:
    table = copy.deepcopy(TABLE)
    change(table)
    with pytest.raises(ConfigError) as caught:
        Limits.from_table(table)
    return [(fault.key, fault.nearest) for fault in caught.value.faults]


def test_the_shipped_file_is_read() -> None:
    limits = Limits.from_table(TABLE, LIMITS, (7,))

    assert limits.windows[0].rule == "limits.toml:7"
    assert limits.windows[1].rule == "limits.toml"
    assert limits.credit.start == 3
    assert "gmail.com" in limits.shared
    assert [(limit.per, limit.most) for limit in limits.reopenings] == [
        (timedelta(hours=1), 1),
        (timedelta(days=1), 3),
        (timedelta(days=7), 5),
    ]


FAULTS = [
    pytest.param(lambda t: t.pop("credit"), "credit.start", id="a section is missing"),
    pytest.param(lambda t: t.update(credit=3), "credit", id="a section is a number"),
    pytest.param(lambda t: t["credit"].update(start=-1), "credit.start", id="less than nothing"),
    pytest.param(lambda t: t["credit"].update(start=True), "credit.start", id="a yes for a number"),
    pytest.param(lambda t: t["credit"].update(drip_days=0), "credit.drip_days", id="a drip at every moment"),
    pytest.param(lambda t: t["timing"].update(robot_days=10**9), "timing.robot_days", id="beyond the calendar"),
    pytest.param(lambda t: t["timing"].update(robot_days="1"), "timing.robot_days", id="a text for a number"),
    pytest.param(lambda t: t.update(limit=[]), "limit", id="no limit at all"),
    pytest.param(lambda t: t.update(limit=["x"]), "limit", id="a limit that is no table"),
    pytest.param(lambda t: t["limit"][0].update(key="everyone"), "limit.key", id="a key nobody knows"),
    pytest.param(lambda t: t["limit"][0].update(mail=3), "limit.mail", id="no text"),
    pytest.param(lambda t: t["limit"][0].update(per="2 weeks"), "limit.per", id="a unit nobody knows"),
    pytest.param(lambda t: t["limit"][0].pop("most"), "limit.most", id="no number"),
    pytest.param(lambda t: t["limit"][2].update(per="366 d"), "limit.per", id="longer than the ledger is read"),
    pytest.param(lambda t: t["limit"][4].update(per="31 d"), "limit.per", id="likewise for all mail"),
    pytest.param(lambda t: t["limit"][4].update(per="ever"), "limit.per", id="for ever, which nothing remembers"),
    pytest.param(lambda t: t["limit"][-1].update(per="2 d"), "limit.per", id="everybody's mail of two days"),
    pytest.param(lambda t: t["limit"][-4].update(mail="any"), "limit.mail", id="a sender's mail of any sort"),
    pytest.param(
        lambda t: t["limit"][4].update(mail="redirect"), "limit.mail", id="mail sent on by an address's limit"
    ),
    pytest.param(lambda t: t["reopenings"].update({"8 d": 1}), "reopenings.8 d", id="reopenings of eight days"),
    pytest.param(lambda t: t["reopenings"].update(often=1), "reopenings.often", id="reopenings by no span"),
    pytest.param(lambda t: t["reopenings"].update({"1 h": -1}), "reopenings.1 h", id="fewer than no reopenings"),
    pytest.param(lambda t: t["shared"].update(domains="gmail.com"), "shared.domains", id="one text for a list"),
]


@pytest.mark.parametrize(("change", "key"), FAULTS)
def test_a_fault_is_named(change: Callable[[dict[str, Any]], object], key: str) -> None:
    assert key in [fault for fault, _ in faults_of(change)]


def test_all_faults_come_at_once_with_the_nearest_known_key() -> None:
    def change(table: dict[str, Any]) -> None:
        table["credits"] = {}
        table["timing"]["robot_day"] = 1
        table["limit"][0]["mots"] = 1

    assert faults_of(change) == [("limit.mots", "most"), ("timing.robot_day", "robot_days"), ("credits", "credit")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1 h", timedelta(hours=1)), ("24 h", timedelta(days=1)), ("7 d", timedelta(days=7)), ("ever", None)],
)
def test_a_span_is_read(text: str, expected: timedelta | None) -> None:
    assert span(text) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "0 h", "-1 h", "1 w", "1.5 h", "1  h", "9999999 d", "² d"])
def test_what_is_no_span_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        span(text)


@pytest.mark.parametrize(("newcomers", "hour", "day"), [(50, 30, 150), (100, 60, 300), (7, 4, 21), (1, 1, 3)])
def test_a_larger_desk_may_send_more_and_the_smallest_still_something(newcomers: int, hour: int, day: int) -> None:
    limits = Limits.from_table(TABLE).for_desk(newcomers)

    total = [limit.most for limit in limits.windows if (limit.key, limit.mail) == (Key.TOTAL, Counted.UNPROVEN)]
    assert total == [hour, day]
    assert [limit for limit in limits.windows if not limit.scaled] == [
        limit for limit in Limits.from_table(TABLE).windows if not limit.scaled
    ]


@given(
    st.dictionaries(
        st.sampled_from(["limit", "credit", "timing", "reopenings", "shared", "subjects", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
    )
)
def test_any_table_gives_limits_or_faults(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Limits.from_table(table)


def test_permits_are_read_as_far_back_as_the_longest_window_of_their_sort() -> None:
    reach = Limits.from_table(TABLE).reach

    assert set(reach) == {
        Reach(Key.TICKET, Counted.ACKNOWLEDGE, None),
        Reach(Key.TICKET, Counted.ANY, None),
        Reach(Key.ADDRESS, Counted.CHALLENGE, timedelta(days=365)),
        Reach(Key.ADDRESS, Counted.ANY, timedelta(days=30)),
        Reach(Key.DOMAIN, Counted.UNPROVEN, timedelta(days=30)),
        Reach(Key.DOMAIN, Counted.ANY, timedelta(days=7)),
        Reach(Key.SHARED, Counted.UNPROVEN, timedelta(days=7)),
        Reach(Key.FINGERPRINT, Counted.ANY, timedelta(days=7)),
        Reach(Key.FINGERPRINT, Counted.UNPROVEN, timedelta(days=1)),
        Reach(Key.ORIGIN, Counted.UNPROVEN, timedelta(days=1)),
        Reach(Key.STAFF, Counted.NOTICE, timedelta(hours=1)),
        Reach(Key.STAFF, Counted.DIGEST, timedelta(hours=1)),
        Reach(Key.STAFF, Counted.ANY, timedelta(days=1)),
        Reach(Key.TARGET, Counted.REDIRECT, timedelta(days=1)),
        Reach(Key.SENDER, Counted.REDIRECT, timedelta(days=1)),
        Reach(Key.FINGERPRINT, Counted.REDIRECT, timedelta(days=30)),
    }
    assert len(reach) == 16


def test_a_window_for_ever_reaches_further_than_any_other() -> None:
    table = copy.deepcopy(TABLE)
    table["limit"] = [
        {"key": "ticket", "mail": "any", "per": per, "most": 1, "why": ""} for per in ("1 h", "ever", "365 d")
    ]

    assert Limits.from_table(table).reach == (Reach(Key.TICKET, Counted.ANY, None),)
