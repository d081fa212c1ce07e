"""Faces: `mailgate lab`: evil peers against the shipped rules, counted and explained."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import TypeVar

import click

from mailgate.cli.frame import Command, Frame, Group
from mailgate.cli.lab_rules import rules
from mailgate.cli.progress import Bar
from mailgate.lab.account import Account
from mailgate.lab.desks import Challenger, HelpDesk, ListRobot, MailingList
from mailgate.lab.forgers import Forger, ThrowAway
from mailgate.lab.pair import Pair, play_pair
from mailgate.lab.peer import Peer, Stripped
from mailgate.lab.play import DESK, play
from mailgate.lab.robots import Autoresponder, Bouncer, QuietBouncer, Rotator, Vacation, Writer
from mailgate.testing import Lab

F = TypeVar("F", bound=Callable[..., object])
Tell = Callable[[int], None]

MOST_DAYS = 3650
MOST_MAILS = 1_000_000
REASONS_SHOWN = 5


def _shared(*, days: int, mails: int) -> Callable[[F], F]:
    """How long a play may last."""

    def decorate(command: F) -> F:
        for_days = click.option(
            "--days", type=click.IntRange(1, MOST_DAYS), default=days, show_default=True, help="Simulated days."
        )
        for_mails = click.option(
            "--mails",
            type=click.IntRange(1, MOST_MAILS),
            default=mails,
            show_default=True,
            help="Mails that each peer may send at most.",
        )
        return for_days(for_mails(command))

    return decorate


@click.group("lab", cls=Group)
def lab() -> None:
    """Let evil peers write to the shipped rules, and count what they get.

    Everything happens in this process, on simulated days: no configuration is read, no mail leaves, and nothing is
    kept. The mailbox answers whom it never met. The exit code is 1 where a promise was broken.
    """


lab.add_command(rules)


@lab.command("robot", cls=Command)
@_shared(days=28, mails=700)
@click.pass_obj
def robot(frame: Frame, /, *, days: int, mails: int) -> int:
    """Play machines that answer, or never stop."""
    peers = [
        Autoresponder(),
        Stripped(Autoresponder()),
        Vacation(),
        Bouncer(),
        QuietBouncer(),
        Stripped(QuietBouncer()),
        Writer(),
        Rotator(pace=timedelta(hours=1)),
    ]
    return _show(frame, mails, lambda said: _each(peers, days, mails, said), len(peers))


@lab.command("helpdesk", cls=Command)
@_shared(days=28, mails=700)
@click.pass_obj
def helpdesk(frame: Frame, /, *, days: int, mails: int) -> int:
    """Play help desks, lists and challengers."""
    peers = [
        HelpDesk(),
        Stripped(HelpDesk()),
        MailingList(),
        Stripped(MailingList()),
        Challenger(),
        Challenger(to_reply_address=True),
        ListRobot(),
    ]
    return _show(frame, mails, lambda said: _each(peers, days, mails, said), len(peers))


@lab.command("forged", cls=Command)
@_shared(days=28, mails=2000)
@click.pass_obj
def forged(frame: Frame, /, *, days: int, mails: int) -> int:
    """Play forgers and spammers.

    A forger wants us to write to his victims; a spammer here has ever new domains of his own, all of them proven.
    """
    peers = [Forger(), ThrowAway()]
    return _show(frame, mails, lambda said: _each(peers, days, mails, said), len(peers))


@lab.command("two-gateways", cls=Command)
@_shared(days=28, mails=700)
@click.pass_obj
def two_gateways(frame: Frame, /, *, days: int, mails: int) -> int:
    """Play two gateways that answer each other."""
    return _show(frame, mails, lambda said: _pairs(days, mails, said), 2)


async def _each(peers: list[Peer], days: int, mails: int, said: Tell) -> list[Account]:
    """One new gateway for each peer."""
    accounts = []
    for peer in peers:
        async with Lab(overrides=DESK) as gateway:
            accounts.append(await play(gateway, peer, days=days, most_mails=mails, tell=said))
        said(mails - accounts[-1].mails)
    return accounts


async def _pairs(days: int, mails: int, said: Tell) -> list[Account]:
    accounts: list[Account] = []
    for strips in (False, True):
        async with Pair(strips=strips) as pair:
            both = await play_pair(pair, days=days, most_mails=mails, tell=said)
        accounts += both
        said(mails - sum(account.mails for account in both))
    return accounts


def _show(frame: Frame, mails: int, work: Callable[[Tell], Awaitable[list[Account]]], plays: int) -> int:
    with Bar("mails", hidden=frame.json) as bar:
        bar.expect(mails * plays)
        accounts = asyncio.run(_run(work, bar.advance))
    return tell(frame, accounts)


def tell(frame: Frame, accounts: list[Account]) -> int:
    """Show what each peer got; the exit code, 1 where a promise was broken or a mail is missing."""
    for account in accounts:
        frame.tell(_facts(account), words(account))
    return 0 if all(account.kept for account in accounts) else 1


async def _run(work: Callable[[Tell], Awaitable[list[Account]]], said: Tell) -> list[Account]:
    return await work(said)


def _facts(account: Account) -> dict[str, object]:
    return {
        "peer": account.peer,
        "does": account.does,
        "days": round(account.days, 3),
        "mails": account.mails,
        "automatic": account.automatic,
        "kinds": account.kinds,
        "promised": account.promised,
        "kept": account.kept,
        "stopped": account.stopped,
        "breaker": account.breaker,
        "ledger": asdict(account.ledger),
        "took_s": round(account.took_s, 2),
    }


def words(account: Account) -> str:
    """One peer's stay, for people."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in account.kinds.items())
    lines = [
        f"{account.peer}: {account.does}",
        f"  sent us     {_mails(account.mails, '')} in {_span(account.days)}, played in {account.took_s:.1f} s",
        f"  got         {_mails(account.automatic, 'automatic ')}{f' ({kinds})' if kinds else ''}; "
        f"the rules promise at most {account.promised}",
        *_table("stopped by", [f"{number:>6}  {reason}" for reason, number in _shortened(account.stopped)]),
        f"  its mail    {_places(account)}",
        f"  breaker     {account.breaker}",
    ]
    if not account.kept:
        lines.append("  THE PROMISE WAS BROKEN, or a mail is missing")
    return "\n".join(lines) + "\n"


def _shortened(stopped: dict[str, int]) -> list[tuple[str, int]]:
    shown = list(stopped.items())[:REASONS_SHOWN]
    rest = sum(stopped.values()) - sum(number for _, number in shown)
    return [*shown, ("for other reasons", rest)] if rest else shown


def _table(title: str, rows: list[str]) -> list[str]:
    return [f"  {title if not index else '':<10}{row}" for index, row in enumerate(rows)]


def _places(account: Account) -> str:
    counts = asdict(account.ledger)
    places = (
        "ticketed",
        "appended",
        "quiet",
        "held",
        "parked",
        "consumed",
        "duplicate",
        "shunted",
        "refused",
        "pending",
    )
    said = [f"{counts[place]} {place}" for place in places if counts[place]]
    return f"{', '.join(said)}; {'balanced' if account.ledger.balanced else 'NOT BALANCED'}"


def _mails(number: int, sort: str) -> str:
    return f"{number} {sort}mail{'' if number == 1 else 's'}"


def _span(days: float) -> str:
    if days >= 2:
        return f"{days:.0f} days"
    return f"{days * 24:.1f} hours" if days * 24 >= 1 else f"{days * 86_400:.0f} s"
