"""What is different between two judgements, and who says so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mailgate.judge.decided import Decided, Told
from mailgate.judge.difference import Change, Sort, because, changes, place_of
from mailgate.model import Disposition, HeldState, Kind, Priority, Purpose, State

TICKET = Decided(State.TICKETED, Disposition.TICKET, Kind.HUMAN, queue="support", opened=True)
HELD = Decided(State.HELD, Disposition.HOLD, Kind.HUMAN, queue="support", held=HeldState.HUMAN)
QUIET = Decided(State.PARKED, Disposition.PARK, Kind.SYSTEM, queue="support")
INVOICES, STREAM = Told("invoices", "70-ours.toml:3", "queue billing"), Told("B2", "10-auto.toml:40")

WATCHED = replace(INVOICES, shadow=True)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (TICKET, TICKET, []),
        (TICKET, HELD, [(Sort.HELD, "ticketed", "held (human)")]),
        (TICKET, replace(HELD, held=HeldState.SPAM), [(Sort.SPAM, "ticketed", "held (spam)")]),
        (replace(HELD, held=HeldState.WAIT), HELD, [(Sort.HELD, "held (wait)", "held (human)")]),
        (HELD, TICKET, [(Sort.TICKETED, "held (human)", "ticketed")]),
        (HELD, QUIET, [(Sort.ELSEWHERE, "held (human)", "parked"), (Sort.KIND, "human", "system")]),
        (TICKET, replace(TICKET, queue="billing"), [(Sort.QUEUE, "support", "billing")]),
        (TICKET, replace(TICKET, priority=Priority.HIGH), [(Sort.PRIORITY, "normal", "high")]),
        (TICKET, replace(TICKET, tags=("a", "b")), [(Sort.TAGS, "", "a, b")]),
        (replace(TICKET, tags=("b", "a")), replace(TICKET, tags=("a", "b")), []),
        (TICKET, replace(TICKET, assignee="anne"), [(Sort.ASSIGNEE, "", "anne")]),
        (TICKET, replace(TICKET, answers=(Purpose.ACKNOWLEDGE,)), [(Sort.ANSWERED, "", "acknowledge")]),
        (replace(TICKET, answers=(Purpose.ACKNOWLEDGE,)), TICKET, [(Sort.NOT_ANSWERED, "acknowledge", "")]),
        (TICKET, replace(TICKET, redirect="x@y.test"), [(Sort.REDIRECTED, "", "x@y.test")]),
        (TICKET, replace(TICKET, webhooks=("shop",)), [(Sort.WEBHOOK, "", "shop")]),
        (TICKET, replace(TICKET, spam=2.5), [(Sort.POINTS, "", "2.5")]),
        (replace(TICKET, relays=1), TICKET, [(Sort.NOT_ANSWERED, "1 of ours", "0 of ours")]),
        (
            TICKET,
            replace(TICKET, opened=False, joined=4),
            [(Sort.OTHER_TICKET, "a ticket of its own", "joins a ticket")],
        ),
        (replace(QUIET, queue="a"), replace(QUIET, state=State.QUIET, queue="b"), [(Sort.QUIET, "parked", "quiet")]),
    ],
)
def test_every_difference_has_its_name(before: Decided, after: Decided, found: list[tuple[Sort, str, str]]) -> None:
    assert changes(before, after) == tuple(Change(*one) for one in found)


def test_a_rule_that_only_moved_is_no_difference() -> None:
    before = replace(TICKET, hits=(INVOICES,), reason="by 70-ours.toml:3")
    after = replace(TICKET, hits=(replace(INVOICES, place="70-ours.toml:9"),), reason="by 70-ours.toml:9")
    assert changes(before, after) == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (TICKET, replace(HELD, hits=(INVOICES,)), ("70-ours.toml:3 invoices: queue billing",)),
        (replace(HELD, hits=(INVOICES,)), TICKET, ("70-ours.toml:3 no longer invoices: queue billing",)),
        (replace(TICKET, hits=(replace(INVOICES, says="tag x"),)), replace(TICKET, hits=(INVOICES,)),
         ("70-ours.toml:3 invoices: queue billing",)),
        (TICKET, replace(QUIET, findings=(STREAM,)), ("10-auto.toml:40 B2",)),
        (TICKET, replace(TICKET, hits=(WATCHED,), withheld_by="limits.toml:8"), ("limits.toml:8",)),
        (replace(TICKET, withheld_by="limits.toml:8"), TICKET, ("no longer limits.toml:8",)),
        (TICKET, replace(HELD, reason="the sender is not proven"), ("the sender is not proven",)),
        (replace(TICKET, withheld_by="limits.toml:8"), replace(HELD, reason="not proven"), ("not proven",)),
        (TICKET, replace(HELD, reason="no challenge", withheld_by="limits.toml:8"), ("no challenge", "limits.toml:8")),
    ],
)  # fmt: skip
def test_who_says_so_is_named_by_file_and_line(before: Decided, after: Decided, said: tuple[str, ...]) -> None:
    assert because(before, after) == said


def test_a_place_is_a_word_or_two() -> None:
    assert [place_of(one) for one in (TICKET, HELD, QUIET)] == ["ticketed", "held (human)", "parked"]
