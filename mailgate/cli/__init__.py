"""Faces: the command line. Each command lives in the file of its name, which is imported only when it is called."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword

import click

from mailgate.cli import faultwords
from mailgate.cli.frame import (
    EXIT_BAD_INPUT,
    EXIT_CONFIG,
    EXIT_NO_SUCH,
    EXIT_NOT_ALLOWED,
    EXIT_TRY_AGAIN,
    EXIT_USAGE,
    Frame,
    Group,
)
from mailgate.errors import ConfigError, Damaged, NotAllowed, NotFound, TryAgain

COMMANDS = {
    "serve": "Run the daemon.",
    "demo": "Run everything on this machine, to try it out.",
    "lab": "Let evil peers write to the shipped rules, and count what they get.",
    "setup": "Print what a mail server beside us must be told.",
    "check": "Check configuration, keys, rules, database and DNS.",
    "explain": "Say what mailgate thinks of mails in files, and why.",
    "inject": "Hand in one mail from a file or a pipe.",
    "import": "Bring in old mailboxes, answering nobody.",
    "report": "Say what left by itself, what was withheld and why, and how people were answered.",
    "ledger": "Account for every mail that was ever accepted.",
    "tickets": "Read tickets, answer them, sort them, close them.",
    "held": "Decide on mail that waits for a person.",
    "senders": "See what we hold of an address, trust it, block it, clear its name; bring in our customers.",
    "agents": "See who answers tickets by mail, add people, say what they may do.",
    "outbox": "Look after mail that leaves.",
    "errands": "Look after mail that is handed to webhooks and to the learner of the spam filter.",
    "breaker": "See what holds automatic mail back, stop it, let it pass again.",
    "shunted": "Look after mail that could not be processed.",
    "rules": "Check the rule files.",
    "keys": "Make, change and publish the signing keys.",
    "db": "Make, upgrade, move, back up, restore and prune the database.",
}

_FAULTS: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, EXIT_CONFIG),
    (TryAgain, EXIT_TRY_AGAIN),
    (NotFound, EXIT_NO_SUCH),
    (NotAllowed, EXIT_NOT_ALLOWED),
    (Damaged, EXIT_BAD_INPUT),
)
_FOR_MAIL_SERVERS = frozenset({0, EXIT_BAD_INPUT, EXIT_NO_SUCH, EXIT_TRY_AGAIN})


class _Lazy(Group):
    """All commands; help is shown from the table, so that it is there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(import_module(f"mailgate.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailgate")
def cli() -> None:
    """An e-mail gateway that makes tickets: never loops, never backscatters, never loses a mail."""


def main() -> None:
    """The `mailgate` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code, after sysexits.h."""
    if "inject" not in arguments:
        return _run(arguments)
    # A mail server reads this code, and for any that it does not take for trouble of ours it bounces the mail: for a
    # fault in our configuration (78), on our command line (64), or in our program.
    try:
        code = _run(arguments)
    except Exception:
        traceback.print_exc()
        return EXIT_TRY_AGAIN
    return code if code in _FOR_MAIL_SERVERS else EXIT_TRY_AGAIN


def _run(arguments: Sequence[str]) -> int:
    try:
        return int(cli.main(list(arguments), prog_name="mailgate", standalone_mode=False, obj=Frame()) or 0)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        return 130
    except tuple(kind for kind, _ in _FAULTS) as error:
        words = faultwords.told(error.faults) if isinstance(error, ConfigError) else f"mailgate: {error}"
        click.echo(words, err=True)
        return next(code for kind, code in _FAULTS if isinstance(error, kind))
