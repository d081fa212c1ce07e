"""Faces: `mailgate rules stats`: how often each rule held."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import click

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Command, Frame
from mailgate.cli.office import reading
from mailgate.cli.spans import Span
from mailgate.judge.ruling.rule import Rule
from mailgate.store import rule_counts
from mailgate.store.rule_counts import RuleCount

_COLUMNS = ("rule", "hits", "shadow_hits", "first", "last", "place")
GONE = "no longer in the rule files"


@click.command("stats", cls=Command)
@click.option("--since", "span", type=Span(), default="30d", show_default=True, metavar="SPAN", help="12h, 7d, 4w.")
@click.pass_obj
def stats(frame: Frame, /, *, span: timedelta) -> None:
    """Say how often each rule held, by mails and in whole days, and which never did."""
    rules = {rule.name: rule for rule in wiring.rulebook_of(settings_of(frame)).signals.rules.all}
    day = (wiring.clock() - span).date()
    counted = reading(frame, lambda conn: rule_counts.since(conn, day))
    rows = [_row(one, rules.get(one.rule)) for one in counted]
    rows += [_never(rule) for name, rule in rules.items() if name not in {one.rule for one in counted}]
    frame.show(rows, _COLUMNS, "There is no rule, and none held.")


def _row(one: RuleCount, rule: Rule | None) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "hits": one.hits,
        "shadow_hits": one.shadow_hits,
        "first": _day(one.first),
        "last": _day(one.last),
        "place": rule.place if rule else GONE,
    }


def _never(rule: Rule) -> dict[str, Any]:
    return {"rule": rule.name, "hits": 0, "shadow_hits": 0, "first": "never", "last": "never", "place": rule.place}


def _day(day: date) -> str:
    return day.isoformat()
