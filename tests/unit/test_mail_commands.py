"""Orders stand in the first lines, one a line; what is not understood is said, and what is private stays so."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.commands import MOST_ORDERS, read, until
from mailgate.model import Order, Orders


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        pytest.param("Hello Anne.", Orders((), "Hello Anne."), id="text alone"),
        pytest.param("", Orders(), id="nothing"),
        pytest.param("#close", Orders((Order("close"),)), id="an order alone"),
        pytest.param("\n  #CLOSE  \n\nDone.\n", Orders((Order("close"),), "Done."), id="in any case, blanks aside"),
        pytest.param(
            "#assign bob\n\n#tag Urgent\nHello.",
            Orders((Order("assign", "bob"), Order("tag", "Urgent")), "Hello."),
            id="several",
        ),
        pytest.param("#1 is broken\n#close", Orders((), "#1 is broken\n#close"), id="a number is no order"),
        pytest.param("# heading", Orders((), "# heading"), id="nor is a heading"),
        pytest.param("Hello.\n#close", Orders((), "Hello.\n#close"), id="below the text nothing is an order"),
        pytest.param("#note\nHe is lying.", Orders((), "", "He is lying."), id="a note"),
        pytest.param("#note he is lying\nAgain.", Orders((), "", "he is lying\nAgain."), id="a note on its line"),
        pytest.param(
            "#close\n#note\nEnough.\n#assign bob",
            Orders((Order("close"),), "", "Enough.\n#assign bob"),
            id="a note below orders",
        ),
        pytest.param("Hello.\n\n#Note\nNo refund.", Orders((), "Hello.", "No refund."), id="a note below the text"),
        pytest.param("#pending 3D", Orders((Order("pending", "3d"),)), id="put off"),
        pytest.param("#canned reset\n#note sent", Orders((Order("canned", "reset"),), "", "sent"), id="a ready text"),
        pytest.param("#\u00a0close", Orders((), "#\u00a0close"), id="a blank behind the sign"),
    ],
)
def test_what_is_asked_for(text: str, orders: Orders) -> None:
    assert read(text, {"reset"}) == orders


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("#frobnicate\nHello.", "#frobnicate: no such order; there are #note, #close"),
        ("#close now please", "#close now please: nothing may stand behind it"),
        ("#assign", "#assign: one word"),
        ("#assign bob and anne", "one word"),
        ("#tag two words", "one word must stand behind it"),
        ("#tag", "one word must stand behind it"),
        ("#pending soon", "a number of days such as 3d"),
        ("#pending 0d", "a number of days"),
        ("#pending 366d", "a number of days"),
        ("#pending 2026-02-30", "a number of days"),
        ("#pending 20260301T1", "a number of days"),
        ("#canned refund", "no such text; there are reset"),
        ("#close\n#close", "#close stands there twice"),
        ("#assign a\n#assign b", "#assign stands there twice"),
        ("#close\n#pending 3d", "#close and #pending do not go together"),
        ("#canned reset\nHello.", "no other below it"),
        ("#spam\nHello.", "answers nobody"),
        ("#spam\n#canned reset", "answers nobody"),
        ("#tag x\n" * (MOST_ORDERS + 1), f"more than {MOST_ORDERS} orders"),
        ("#hello\nthis is no order", "#hello: no such order"),
    ],
)
def test_a_fault_is_told_in_words(text: str, fault: str) -> None:
    faults = read(text, {"reset"}).faults
    assert any(fault in one for one in faults), faults


def test_without_ready_texts_there_are_none() -> None:
    assert read("#canned reset").faults == ("#canned reset: no such text; there are none",)


def test_a_day_is_a_number_or_a_date() -> None:
    assert until("3d") == 3
    assert until("2026-03-31") == date(2026, 3, 31)
    assert until("x") is None


@given(st.text(alphabet="#notecls ab\n\u00a0", max_size=80))
def test_what_stands_below_note_never_is_text(text: str) -> None:
    found = read(text)
    assert not any(line.split()[:1] and line.split()[0].lower() == "#note" for line in found.text.split("\n"))


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    found = read(text)
    assert len(found.given) <= len(text.split("\n"))
