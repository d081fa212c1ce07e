"""The resolver tells answers, certain absence and trouble apart, and asks each question once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import dns.rcode
import pytest

from mailgate.net.resolver import (
    IN_FLIGHT,
    PER_MAIL,
    PER_ORGANIZATION,
    RESERVED,
    Exchange,
    Lookup,
    Missing,
    Resolver,
    Share,
    Trouble,
)
from tests.fakes.dns import NameServer, Zone
from tests.fakes.waiting import wait_until

RECORDS: dict[tuple[str, str], list[str] | dns.rcode.Rcode] = {
    ("example.com", "TXT"): ['"v=spf1 " "-all"', '"other"'],
    ("example.com", "MX"): ["20 Backup.Example.com.", "10 mx.example.com."],
    ("mx.example.com", "A"): ["192.0.2.1", "192.0.2.2"],
    ("mx.example.com", "AAAA"): ["2001:db8::1"],
    ("null.example", "MX"): ["0 ."],
    ("broken.example", "TXT"): dns.rcode.SERVFAIL,
    ("half.example", "A"): ["192.0.2.9"],
    ("half.example", "AAAA"): dns.rcode.SERVFAIL,
    ("xn--mnchen-3ya.example", "A"): ["192.0.2.7"],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["mx.example.com."],
}


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    server = NameServer(RECORDS)
    await server.start()
    yield server
    server.transport.close()


@pytest.fixture
def resolver(server: NameServer) -> Resolver:
    return Resolver([server.address], deadline_s=0.3)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("example.com", "TXT", {b"v=spf1 -all", b"other"}, id="strings of a record are joined"),
        pytest.param("EXAMPLE.com.", "TXT", {b"v=spf1 -all", b"other"}, id="case and final dot mean nothing"),
        pytest.param("1.2.0.192.in-addr.arpa", "PTR", {"mx.example.com"}, id="pointer"),
        pytest.param("münchen.example", "A", {"192.0.2.7"}, id="U-label"),
    ],
)
async def test_answers_come_as_plain_values(resolver: Resolver, name: str, kind: str, expected: set[object]) -> None:
    found = await resolver.ask(name, kind)

    assert isinstance(found, tuple)
    assert expected == set(found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("nowhere.example", "TXT", id="no such name"),
        pytest.param("example.com", "AAAA", id="no such data"),
        pytest.param("a" * 64 + ".example", "A", id="label too long"),
        pytest.param("a..example", "A", id="empty label"),
        pytest.param("x." * 200 + "example", "A", id="name too long"),
        pytest.param("ü" * 80 + ".example", "A", id="U-label too long"),
        pytest.param("a\ud800.example", "A", id="lone surrogate"),
    ],
)
async def test_what_cannot_be_there_is_missing(resolver: Resolver, name: str, kind: str) -> None:
    assert Missing() == await resolver.ask(name, kind)


async def test_failing_servers_are_trouble_and_not_absence(resolver: Resolver) -> None:
    assert isinstance(await resolver.txt("broken.example"), Trouble)


async def test_silence_is_trouble_after_the_deadline(server: NameServer, resolver: Resolver) -> None:
    server.silent.add("example.com")

    async with asyncio.timeout(5):
        assert isinstance(await resolver.txt("example.com"), Trouble)


async def test_exchanges_come_in_order_of_preference(resolver: Resolver) -> None:
    expected = (Exchange(10, "mx.example.com"), Exchange(20, "backup.example.com"))
    assert expected == await resolver.mx("example.com")


async def test_the_null_exchange_has_no_host(resolver: Resolver) -> None:
    assert (Exchange(0, ""),) == await resolver.mx("null.example")


async def test_addresses_are_of_both_families_the_newer_first(resolver: Resolver) -> None:
    found = await resolver.addresses("mx.example.com")

    assert isinstance(found, tuple)
    assert found[0] == "2001:db8::1"
    assert set(found) == {"2001:db8::1", "192.0.2.1", "192.0.2.2"}


async def test_trouble_with_one_family_hides_nothing_of_the_other(resolver: Resolver) -> None:
    assert await resolver.addresses("half.example") == ("192.0.2.9",)


async def test_a_question_asked_by_many_is_on_the_wire_once(server: NameServer, resolver: Resolver) -> None:
    server.gate.clear()
    asked = [asyncio.create_task(resolver.txt("example.com")) for _ in range(20)]
    await asyncio.sleep(0)
    server.gate.set()

    assert len({await one for one in asked}) == 1
    assert server.asked["example.com", "TXT"] == 1


async def test_one_who_loses_patience_takes_nothing_from_the_others(server: NameServer, resolver: Resolver) -> None:
    server.gate.clear()
    first, second = (asyncio.create_task(resolver.txt("example.com")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    server.gate.set()

    assert isinstance(await second, tuple)


async def test_answers_and_absence_are_remembered(server: NameServer, resolver: Resolver) -> None:
    for _ in range(3):
        await resolver.txt("example.com")
        await resolver.txt("nowhere.example")

    assert server.asked["example.com", "TXT"] == 1
    assert server.asked["nowhere.example", "TXT"] == 1


async def test_an_answer_is_forgotten_when_its_time_is_over() -> None:
    server = NameServer({("example.com", "TXT"): ['"x"']}, ttl=0)
    resolver = Resolver([await server.start()])

    await resolver.txt("example.com")
    await resolver.txt("example.com")

    assert server.asked["example.com", "TXT"] == 2
    server.transport.close()


async def test_an_absence_is_forgotten_when_its_time_is_over() -> None:
    server = NameServer({("example.com", "TXT"): ['"x"']}, absent_ttl=0)
    resolver = Resolver([await server.start()])

    for name, kind in (("nowhere.example", "TXT"), ("example.com", "MX")):
        await resolver.ask(name, kind)
        await resolver.ask(name, kind)

        assert server.asked[name, kind] == 2
    server.transport.close()


async def test_trouble_is_never_remembered(server: NameServer, resolver: Resolver) -> None:
    assert isinstance(await resolver.txt("broken.example"), Trouble)
    asked = server.asked["broken.example", "TXT"]
    server.records = {**RECORDS, ("broken.example", "TXT"): ['"mended"']}

    assert await resolver.txt("broken.example") == (b"mended",)
    assert server.asked["broken.example", "TXT"] == asked + 1


@pytest.mark.parametrize(
    ("name", "exists"),
    [
        pytest.param("nowhere.example", False, id="no such name"),
        pytest.param("example.com", True, id="no such data"),
    ],
)
async def test_a_name_that_exists_is_told_from_one_that_does_not(resolver: Resolver, name: str, exists: bool) -> None:
    found = await resolver.ask(name, "AAAA")

    assert isinstance(found, Missing)
    assert found.name_exists is exists


# ── Many questions ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_thousands_of_slow_names_keep_nobody_else_waiting() -> None:
    """Three hundred mails ask ten names each of thirty organizations whose servers say nothing."""
    slow = [f"slow{n}.example" for n in range(30)]
    quick = [f"quick{n}.example" for n in range(50)]
    server = NameServer({(name, "TXT"): ['"v=spf1 -all"'] for name in quick})
    server.silent.update(slow)
    resolver = Resolver([await server.start()], deadline_s=60)
    mails = [Share(resolver) for _ in range(300)]
    asked = [
        asyncio.create_task(mail.txt(f"m{number}q{n}.{slow[(number + n) % len(slow)]}"))
        for number, mail in enumerate(mails)
        for n in range(10)
    ]
    await wait_until(lambda: server.unanswered >= IN_FLIGHT - RESERVED, deadline_s=20)
    async with asyncio.timeout(20):
        found = [await Share(resolver).txt(name) for name in quick]

    assert found == [(b"v=spf1 -all",)] * len(quick)
    assert not any(one.done() for one in asked)
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    server.transport.close()


async def test_a_slow_organization_has_only_its_share_on_the_wire(server: NameServer) -> None:
    server.silent.add("slow.example")
    resolver = Resolver([server.address], deadline_s=0.5)
    asked = [asyncio.create_task(resolver.txt(f"q{n}.slow.example")) for n in range(3 * PER_ORGANIZATION)]
    await wait_until(lambda: server.unanswered >= PER_ORGANIZATION)

    assert await resolver.txt("example.com")
    assert server.unanswered == PER_ORGANIZATION
    assert all(isinstance(one, Trouble) for one in await asyncio.gather(*asked))


async def test_one_mail_asks_only_so_much_at_once() -> None:
    under_way, most = 0, 0

    class Counting(Zone):
        async def ask(self, name: str, kind: str) -> Lookup[Any]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return Missing()

    share = Share(Counting())
    await asyncio.gather(*(share.txt(f"q{n}.example") for n in range(50)))

    assert most == PER_MAIL


async def test_what_nobody_wants_any_more_is_broken_off(server: NameServer, resolver: Resolver) -> None:
    server.gate.clear()
    asked = asyncio.create_task(resolver.txt("example.com"))
    await wait_until(lambda: bool(server.asked))
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    server.gate.set()

    assert await resolver.txt("example.com")
    assert server.asked["example.com", "TXT"] == 2


async def test_a_table_can_stand_in_for_the_resolver() -> None:
    zone = Zone({("example.com", "MX"): (Exchange(5, "b"), Exchange(1, "a"))})

    assert await zone.mx("Example.com.") == (Exchange(1, "a"), Exchange(5, "b"))
    assert await zone.addresses("example.com") == Missing()
