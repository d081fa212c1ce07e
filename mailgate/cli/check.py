"""Faces: `mailgate check`: everything that can be known to be wrong before mail depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import keys, wiring
from mailgate.cli import roundtrip
from mailgate.cli.breaker import freed_by
from mailgate.cli.configured import settings_of
from mailgate.cli.finding import Finding, Result
from mailgate.cli.frame import EXIT_CONFIG, Command, Frame
from mailgate.cli.office import opened
from mailgate.config import Settings
from mailgate.errors import ConfigError, Fault, TryAgain
from mailgate.judge import breaker, trust
from mailgate.judge.canonical import canonical
from mailgate.judge.governor import SILENT_FOR_STAFF
from mailgate.model import BreakerState, Mode
from mailgate.net.resolver import Lookup, Names, Resolver, Trouble
from mailgate.store import conduct, queries, restored

MOST_BREAKERS = 10  # that are named


@click.command("check", cls=Command)
@click.option("--dns/--no-dns", default=True, show_default=True, help="Also ask DNS for what receivers look for.")
@click.option("--send-test", "to", metavar="ADDRESS", default="", help="Then send a mail there, and see it arrive.")
@click.option(
    "--wait", "wait_s", type=click.IntRange(1, 600), default=60, show_default=True, help="For it, so many seconds."
)
@click.pass_obj
def check(frame: Frame, dns: bool, to: str, wait_s: int) -> int:
    """Check configuration, keys, rules, database and DNS.

    Exit 0 where nothing is wrong, 78 with the list of faults. Warnings do not count.

    With --send-test the running daemon sends a mail to ADDRESS. Where that is a mailbox of ours, the mail has to come
    back in; elsewhere it is enough that the next hop takes it. Exit 75 where it did not in time.
    """
    findings = asyncio.run(_findings(frame, dns=dns))
    _tell(frame, findings)
    if any(one.result is Result.FAULT for one in findings):
        return EXIT_CONFIG
    if not to:
        return 0
    tested = roundtrip.send_test(frame, to, wait_s)
    _tell(frame, tested.findings)
    return tested.code


def _tell(frame: Frame, findings: Iterable[Finding]) -> None:
    for one in findings:
        facts = {"check": one.check, "result": one.result, "text": one.text}
        frame.tell(facts | (asdict(one.fault) if one.fault else {}), f"{one.result:<8} {one.check:<14} {one.text}")


async def _findings(frame: Frame, *, dns: bool) -> list[Finding]:
    try:
        settings = settings_of(frame)
    except ConfigError as error:
        return list(_faults("configuration", error))
    found = [Finding("configuration", Result.OK, f"{frame.config_file()} is in order")]
    found += _without_effect(settings)
    found.append(_notified(settings, frame))
    found += _tried("keys", str(settings.gateway.key_file), lambda: keys.load(settings.gateway.key_file))
    found += _tried("rules", str(wiring.rules_folder(settings)), lambda: wiring.rulebook_of(settings))
    if settings.outbound.password_file:
        found += _tried("password", str(settings.outbound.password_file), lambda: wiring.password_of(settings))
    for listener in settings.listener:
        if listener.tls_cert:
            found += _tried("certificate", str(listener.tls_cert), partial(wiring.tls_of, listener))
    found += await _database(settings)
    return found + (await _records(settings, Resolver(settings.dns.resolvers)) if dns else [])


def _faults(name: str, error: ConfigError) -> Iterator[Finding]:
    return (Finding(name, Result.FAULT, str(fault), fault) for fault in error.faults)


def _tried(name: str, what: str, load: Callable[[], object]) -> Iterator[Finding]:
    try:
        load()
    except ConfigError as error:
        yield from _faults(name, error)
    else:
        yield Finding(name, Result.OK, f"{what} is in order")


def _without_effect(settings: Settings) -> Iterator[Finding]:
    for key in settings.without_effect():
        yield Finding("configuration", Result.WARNING, f"{key} takes effect in a later version")
    if bool(settings.authentication.trusted_upstreams) != bool(settings.authentication.trusted_authserv_ids):
        words = "trusted_upstreams and trusted_authserv_ids have effect only together"
        yield Finding("configuration", Result.WARNING, words)
    if settings.authentication.assume:
        yield Finding("configuration", Result.WARNING, "whoever connects over loopback counts as proven")
    if settings.replies.dry_run:
        yield Finding("configuration", Result.WARNING, "dry_run: nothing automatic leaves, nor to [notify] address")


def _notified(settings: Settings, frame: Frame) -> Finding:
    """Held mail that nobody hears of waits for ever; a trial on loopback may do without."""
    address = settings.notify.address
    if address:
        if canonical(address) in {canonical(box.address) for box in settings.mailbox}:
            words = f"{address} is a mailbox of this gateway: what it is told waits there with all other mail"
            return Finding("notify", Result.WARNING, words)
        return Finding("notify", Result.OK, f"{address} learns of held mail, loops and breakers")
    holds = any(box.mode is not Mode.OFF for box in settings.mailbox)
    if holds and not settings.authentication.assume:
        fault = Fault(
            str(frame.config_file()), 0, "notify.address", "nothing", "a mail address: somebody must learn of held mail"
        )
        return Finding("notify", Result.FAULT, str(fault), fault)
    return Finding("notify", Result.WARNING, "nobody learns of held mail, loops and breakers: [notify] has no address")


async def _database(settings: Settings) -> list[Finding]:
    path = wiring.database_file(settings)
    if path and not path.exists():
        return [Finding("database", Result.OK, f"{path} is not there yet; `mailgate serve` makes it")]
    try:
        async with opened(settings) as database:
            return await database.read(lambda conn: list(_stored(conn, settings)))
    except ConfigError as error:
        return list(_faults("database", error))
    except TryAgain as error:
        return [Finding("database", Result.FAULT, str(error))]


def _stored(conn: Connection, settings: Settings) -> Iterator[Finding]:
    """What the database says of itself, of the breakers, and of whether our own people can be reached."""
    now, name = wiring.clock(), wiring.database_file(settings) or settings.store.url
    until = restored.silent_until(conn)
    if until and until > now:
        silence = f"was restored: automatic mail is off until {until:%Y-%m-%d %H:%M} UTC, or `mailgate db resume`"
        yield Finding("database", Result.WARNING, f"{name} {silence}")
    else:
        yield Finding("database", Result.OK, f"{name} is in order")
    standing = [(one, breaker.state(one, now)) for one in conduct.standing(conn)]
    closed = [(one, state) for one, state in standing if state is not BreakerState.CLOSED]
    for one, state in closed[:MOST_BREAKERS]:
        yield Finding("breaker", Result.WARNING, f"{breaker.name(one)}: {breaker.words(one, state)}; {freed_by(one)}")
    if len(closed) > MOST_BREAKERS:
        yield Finding("breaker", Result.WARNING, f"{len(closed) - MOST_BREAKERS} more: `mailgate breaker show`")
    yield from _unreached(conn, settings)


def _unreached(conn: Connection, settings: Settings) -> Iterator[Finding]:
    """What the gate would refuse our own people, they never hear."""
    known = queries.acquaintance(conn, canonical(settings.notify.address))
    if known is None:
        return
    known = trust.current(known, wiring.clock())
    if known.standing in SILENT_FOR_STAFF:
        words = f"mail to {settings.notify.address} came back, or somebody blocked it: nobody learns of held mail; "
        yield Finding("notify", Result.FAULT, f"{words}mend it, then `mailgate senders clear {known.address}`")


# ── DNS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

_UNREGISTRABLE = ("test", "example", "invalid", "localhost", "example.com", "example.net", "example.org")  # RFC 6761


async def _records(settings: Settings, names: Names) -> list[Finding]:
    """What receivers of our mail, and senders of mail to us, look for. Names that cannot be registered are left out."""
    ours = {box.address.rpartition("@")[2] for box in settings.mailbox}
    domains = sorted(domain for domain in ours if not _is_unregistrable(domain))
    receiving = domains + [domain for domain in [settings.outbound.bounce_domain] if domain and domain not in domains]
    asked = [
        _record(names.addresses(name), f"{name} has an address", "others refuse mail from a name without one")
        for name in [settings.gateway.name]
        if not _is_unregistrable(name)
    ]
    asked += [_record(names.mx(each), f"{each} has an MX record", "mail to it goes elsewhere") for each in receiving]
    asked += [
        _record(names.txt(where), f"{where} has a {what} record", "receivers trust our mail less", begins)
        for each in domains
        for where, what, begins in ((each, "SPF", b"v=spf1"), (f"_dmarc.{each}", "DMARC", b"v=DMARC1"))
    ]
    return list(await asyncio.gather(*asked))


async def _record(lookup: Awaitable[Lookup[Any]], hope: str, otherwise: str, begins: bytes = b"") -> Finding:
    answer = await lookup
    if isinstance(answer, Trouble):
        return Finding("dns", Result.WARNING, f"{hope}? DNS does not answer ({answer.why})")
    if isinstance(answer, tuple) and any(not begins or one.startswith(begins) for one in answer):
        return Finding("dns", Result.OK, hope)
    return Finding("dns", Result.WARNING, f"{hope.replace(' has a', ' lacks a')}: {otherwise}")


def _is_unregistrable(name: str) -> bool:
    return any(name == last or name.endswith(f".{last}") for last in _UNREGISTRABLE)
