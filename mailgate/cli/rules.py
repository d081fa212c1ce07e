"""Faces: `mailgate rules`."""

from __future__ import annotations

import click

from mailgate.cli.frame import Group
from mailgate.cli.rules_check import check
from mailgate.cli.rules_history import history
from mailgate.cli.rules_list import fields, list_
from mailgate.cli.rules_replay import replay
from mailgate.cli.rules_stats import stats
from mailgate.cli.rules_test import test


@click.group("rules", cls=Group)
def rules() -> None:
    """Check the rule files, try them on mails and on the mail of before, and see which of them judged."""


for command in (check, test, replay, stats, list_, fields, history):
    rules.add_command(command)
