"""Faces: `mailgate check`: everything that can be known to be wrong before mail depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import click
from sqlalchemy import Connection

from mailgate import keys, letters, wiring
from mailgate.cli import faultwords, roundtrip
from mailgate.cli.breaker import freed_by
from mailgate.cli.configured import settings_of
from mailgate.cli.finding import Finding, Result
from mailgate.cli.frame import EXIT_CONFIG, Command, Frame
from mailgate.cli.office import opened
from mailgate.cli.queues import lost
from mailgate.config import Settings
from mailgate.dnsrecords import domains_of
from mailgate.errors import ConfigError, Fault, TryAgain
from mailgate.judge import breaker, trust
from mailgate.judge.canonical import canonical
from mailgate.judge.governor import SILENT_FOR_STAFF
from mailgate.model import BreakerState, DkimKey, Mode
from mailgate.net.dkim_key import published
from mailgate.net.resolver import Lookup, Names, Resolver, Trouble
from mailgate.store import conduct, queries, restored
from mailgate.store.ticket_report import open_now

MOST_BREAKERS = 10  # that are named

LINK_CHARS = 75  # on one line of a mail (RFC 5322 section 2.1.1: 78, and some programs stop before)


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
        first, *more = faultwords.lines(one.fault) if one.fault else [one.text]
        words = [f"{one.result:<8} {one.check:<14} {first}", *(f"{'':<24}{line}" for line in more)]
        frame.tell(facts | (asdict(one.fault) if one.fault else {}), "\n".join(words))


async def _findings(frame: Frame, *, dns: bool) -> list[Finding]:
    try:
        settings = settings_of(frame)
    except ConfigError as error:
        return list(_faults("configuration", error))
    found = [Finding("configuration", Result.OK, f"{frame.config_file()} is in order")]
    found += _warnings(settings)
    found += _link(settings)
    found.append(_notified(settings, frame))
    found += _keys(settings)
    folders = wiring.rules_folders(settings)
    layers = f"{folders.shipped} with {folders.local}" if folders.local else str(folders.shipped)
    found += _tried("rules", layers, lambda: wiring.rulebook_of(settings))
    if settings.outbound.password_file:
        found += _tried("password", str(settings.outbound.password_file), lambda: wiring.password_of(settings))
    secrets = [(settings.spam.password_file, "spam.password_file")]
    secrets += [(one.secret_file, "webhook.secret_file") for one in settings.webhook]
    for file, key in secrets:
        if file:
            found += _tried("secret", str(file), partial(wiring.secret, file, key))
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


def _keys(settings: Settings) -> Iterator[Finding]:
    path, selector = settings.gateway.key_file, settings.outbound.dkim_selector
    try:
        content = keys.read(path)
    except ConfigError as error:
        yield from _faults("keys", error)
        return
    yield Finding("keys", Result.OK, f"{path} is in order")
    age = wiring.clock() - content.current.created
    if age > timedelta(days=keys.ROTATE_D):
        words = f"key {content.current.kid} has signed for {age.days} days: let a new one: mailgate keys rotate"
        yield Finding("keys", Result.WARNING, words)
    if keys.dkim_of(content, selector):
        yield from _tried("dkim", f"the pair of {selector}", lambda: wiring.signer_of(settings))
    else:
        words = f"no keys for the selector {selector}, so our mail leaves unsigned: mailgate keys dkim"
        yield Finding("dkim", Result.WARNING, words)


def _warnings(settings: Settings) -> Iterator[Finding]:
    if bool(settings.authentication.trusted_upstreams) != bool(settings.authentication.trusted_authserv_ids):
        words = "trusted_upstreams and trusted_authserv_ids have effect only together"
        yield Finding("configuration", Result.WARNING, words)
    if settings.authentication.assume:
        yield Finding("configuration", Result.WARNING, "whoever connects over loopback counts as proven")
    if settings.replies.dry_run:
        yield Finding("configuration", Result.WARNING, "dry_run: nothing automatic leaves, nor to [notify] address")


def _link(settings: Settings) -> Iterator[Finding]:
    """Programs that break long lines break the link in two, and half a link confirms nothing."""
    if settings.web.url and (chars := letters.link_chars(settings.web.url)) > LINK_CHARS:
        words = f"the link of a question has {chars} characters: a web.url of at most"
        words += f" {len(settings.web.url) - chars + LINK_CHARS} characters keeps it on one line everywhere"
        yield Finding("configuration", Result.WARNING, words)


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
        end = f"until {until:%Y-%m-%d %H:%M} UTC, or `mailgate db resume`"
        silence = f"was restored, or the clock jumped ahead: automatic mail is off {end}"
        yield Finding("database", Result.WARNING, f"{name} {silence}")
    else:
        yield Finding("database", Result.OK, f"{name} is in order")
    with suppress(ConfigError):  # which is told of where the rules are checked
        yield from (Finding("queues", Result.WARNING, words) for words in lost(open_now(conn), settings))
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
    domains = [domain for domain in domains_of(settings) if not _is_unregistrable(domain)]
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
    asked += [_public_key(names, key, each) for each in domains for key in _pair(settings)]
    return list(await asyncio.gather(*asked))


def _pair(settings: Settings) -> tuple[DkimKey, ...]:
    """The keys that sign our mail; none where they are damaged, which was said before."""
    try:
        wiring.signer_of(settings)
    except ConfigError:
        return ()
    return keys.dkim_of(keys.read(settings.gateway.key_file), settings.outbound.dkim_selector)


async def _public_key(names: Names, key: DkimKey, domain: str) -> Finding:
    where = f"{key.selector}._domainkey.{domain}"
    judged = published(key, domain, await names.txt(where))
    if judged.result == "pass":
        return Finding("dns", Result.OK, f"{where} has our {key.algorithm} key")
    # Without a record a signature counts as none; with a wrong one as a forgery.
    result = Result.WARNING if judged.result in ("none", "temperror") else Result.FAULT
    return Finding("dns", result, f"{where} lacks our {key.algorithm} key: {judged.why}; see mailgate keys dns")


async def _record(lookup: Awaitable[Lookup[Any]], hope: str, otherwise: str, begins: bytes = b"") -> Finding:
    answer = await lookup
    if isinstance(answer, Trouble):
        return Finding("dns", Result.WARNING, f"{hope}? DNS does not answer ({answer.why})")
    if isinstance(answer, tuple) and any(not begins or one.startswith(begins) for one in answer):
        return Finding("dns", Result.OK, hope)
    return Finding("dns", Result.WARNING, f"{hope.replace(' has a', ' lacks a')}: {otherwise}")


def _is_unregistrable(name: str) -> bool:
    return any(name == last or name.endswith(f".{last}") for last in _UNREGISTRABLE)
