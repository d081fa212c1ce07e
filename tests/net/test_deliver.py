# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""The courier, against next hops that play every part."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from msgspec.structs import replace

from mailgate.errors import TryAgain
from mailgate.model import Answer, Due, Purpose
from mailgate.net.connection import Keeping, Login, Patience, Tls
from mailgate.net.deliver import Courier, Relay
from mailgate.net.resolver import Exchange, Trouble
from tests.fakes.dns import Zone
from tests.fakes.next_hop import HANG_UP, SILENCE, NextHop
from tests.fakes.waiting import wait_until

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RAW = b"Subject: hello\r\n\r\n.dot\r\n..two\r\nend\r\n"
DUE = Due(7, Purpose.AGENT, "b-1@g.test", "anne@x.test", RAW, 1, NOW, NOW + timedelta(days=5), utf8=False)
QUICK = Patience(connect_s=2, command_s=0.2, data_start_s=0.2, data_end_s=0.2, quit_s=0.2)


class Caller:
    """Counts how often the caller was asked to commit that the mail is about to be handed over."""

    def __init__(self) -> None:
        self.committed = 0

    async def before_data(self) -> None:
        self.committed += 1


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def relay_to(stack: AsyncExitStack) -> Callable[..., object]:
    async def start(hop: NextHop, *, login: Login | None = None, host: str = "127.0.0.1", **options: object) -> Courier:
        port = await hop.start()
        stack.push_async_callback(hop.stop)
        options.setdefault("tls", Tls.NONE)
        courier = Courier(Zone(), name="g.test", relay=Relay(host, port, login), patience=QUICK, **options)
        stack.push_async_callback(courier.close)
        return courier

    return start


# ── One transaction ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_is_handed_over_as_it_is(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    answer = await courier.deliver(DUE, caller.before_data)

    assert answer == Answer(250, "2.0.0 queued as 1", handed=True)
    assert hop.texts == [b"Subject: hello\r\n\r\n..dot\r\n...two\r\nend\r\n.\r\n"]
    assert hop.commands == [
        "EHLO g.test",
        f"MAIL FROM:<b-1@g.test> SIZE={len(RAW)} RET=HDRS ENVID=7",
        "RCPT TO:<anne@x.test> NOTIFY=FAILURE",
        "DATA",
    ]


async def test_nothing_is_asked_of_a_hop_that_offers_nothing(relay_to, caller: Caller) -> None:
    hop = NextHop(parts={"EHLO": "502 what?"})
    courier = await relay_to(hop)

    answer = await courier.deliver(replace(DUE, mail_from=""), caller.before_data)

    assert answer.code == 250
    assert hop.commands == ["EHLO g.test", "HELO g.test", "MAIL FROM:<>", "RCPT TO:<anne@x.test>", "DATA"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(b"a: b\r\n\r\nno end", b"a: b\r\n\r\nno end\r\n.\r\n", id="last line without end"),
        pytest.param(b".a: b\r\n", b"..a: b\r\n.\r\n", id="dot in front"),
        pytest.param(b"a: b\r\n\r\n.\r\n", b"a: b\r\n\r\n..\r\n.\r\n", id="a line with one dot"),
    ],
)
async def test_dots_and_ends_are_ours_to_keep_right(relay_to, caller: Caller, raw: bytes, text: bytes) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    await courier.deliver(replace(DUE, raw=raw), caller.before_data)

    assert hop.texts == [text]


async def test_eight_bit_text_is_announced_where_that_is_offered(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    await courier.deliver(replace(DUE, raw="Subject: x\r\n\r\ngrüße\r\n".encode()), caller.before_data)

    assert "BODY=8BITMIME" in hop.commands[1]
    assert "SMTPUTF8" not in hop.commands[1]


async def test_international_mail_goes_to_a_hop_that_takes_it(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    answer = await courier.deliver(replace(DUE, rcpt_to="änne@münchen.test", utf8=True), caller.before_data)

    assert answer.code == 250
    assert hop.commands[1].endswith("SMTPUTF8 RET=HDRS ENVID=7")
    assert hop.commands[2].startswith("RCPT TO:<änne@münchen.test>")


async def test_international_mail_is_not_pressed_on_a_hop_that_does_not(relay_to, caller: Caller) -> None:
    courier = await relay_to(NextHop(offers=("8BITMIME",)))

    answer = await courier.deliver(replace(DUE, utf8=True), caller.before_data)

    assert (answer.code, answer.text[:5], answer.handed) == (550, "5.6.7", False)
    assert caller.committed == 0


async def test_a_mail_larger_than_the_hop_takes_is_not_sent(relay_to, caller: Caller) -> None:
    hop = NextHop(offers=("SIZE 10",))
    courier = await relay_to(hop)

    answer = await courier.deliver(DUE, caller.before_data)

    assert (answer.code, answer.text[:5]) == (552, "5.3.4")
    assert hop.commands == ["EHLO g.test"]


@pytest.mark.parametrize(
    ("parts", "expected", "committed"),
    [
        pytest.param({"MAIL": "450 4.7.1 later"}, Answer(450, "4.7.1 later"), 0, id="4xx at MAIL"),
        pytest.param({"MAIL": "550 5.7.1 no"}, Answer(550, "5.7.1 no"), 0, id="5xx at MAIL"),
        pytest.param({"RCPT": "451 4.7.1 grey"}, Answer(451, "4.7.1 grey"), 0, id="4xx at RCPT"),
        pytest.param(
            {"RCPT": "550-5.1.1 no\r\n550 5.1.1 such user"},
            Answer(550, "5.1.1 no 5.1.1 such user"),
            0,
            id="5xx at RCPT",
        ),
        pytest.param(
            {"RCPT": "251 forwarded"}, Answer(250, "2.0.0 queued as 1", handed=True), 1, id="251 at RCPT is fine"
        ),
        pytest.param({"DATA": "451 4.3.0 disk"}, Answer(451, "4.3.0 disk"), 1, id="4xx at DATA: nothing was written"),
        pytest.param({"DATA": "554 5.5.1 no"}, Answer(554, "5.5.1 no"), 1, id="5xx at DATA"),
        pytest.param({".": "451 4.7.1 grey"}, Answer(451, "4.7.1 grey", handed=True), 1, id="4xx at the dot"),
        pytest.param({".": "554 5.7.1 spam"}, Answer(554, "5.7.1 spam", handed=True), 1, id="5xx at the dot"),
        pytest.param(
            {"RCPT": "550 a\x00b\x1b[31m \udcff"}, Answer(550, "a b [31m"), 0, id="what is not printable is left out"
        ),
        pytest.param({"RCPT": "550 " + "x" * 2000}, Answer(550, "x" * 500), 0, id="a long reply is cut"),
    ],
)
async def test_the_hops_answer_is_handed_back(
    relay_to, caller: Caller, parts: dict[str, str | list[str]], expected: Answer, committed: int
) -> None:
    courier = await relay_to(NextHop(parts=parts))

    assert expected == await courier.deliver(DUE, caller.before_data)
    assert committed == caller.committed


@pytest.mark.parametrize("step", ["HELLO", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("part", [HANG_UP, SILENCE, "banana", "999 what"])
async def test_the_nets_trouble_is_an_answer_without_code(relay_to, caller: Caller, step: str, part: str) -> None:
    courier = await relay_to(NextHop(parts={step: part, "HELO": part}))

    answer = await courier.deliver(DUE, caller.before_data)

    assert answer.code == 0
    assert answer.text
    assert answer.handed == (step == ".")
    assert caller.committed == (step in {"DATA", "."})


async def test_nobody_at_home_is_an_answer_without_code(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)
    await hop.stop()

    answer = await courier.deliver(DUE, caller.before_data)

    assert (answer.code, answer.text[:5]) == (0, "4.4.1")


@pytest.mark.parametrize(
    "due",
    [
        pytest.param(replace(DUE, rcpt_to="anne"), id="no domain"),
        pytest.param(replace(DUE, rcpt_to="a@b>x"), id="angle"),
        pytest.param(replace(DUE, rcpt_to="a@b.test\r\nRCPT TO:<c@d>"), id="line end"),
        pytest.param(replace(DUE, rcpt_to="a b@x.test"), id="blank"),
        pytest.param(replace(DUE, rcpt_to="a@b@x.test"), id="two ats"),
        pytest.param(replace(DUE, mail_from="a@x.test SIZE=1"), id="parameter"),
        pytest.param(replace(DUE, mail_from="a@x.test\n"), id="final line end"),
        pytest.param(replace(DUE, raw=b"a: b\r\n\r\nx\n.\r\nMAIL FROM:<>\r\n"), id="bare LF"),
        pytest.param(replace(DUE, raw=b"a: b\r\n\r\nx\r.\r\n"), id="bare CR"),
    ],
)
async def test_what_could_mislead_a_hop_never_reaches_the_wire(relay_to, caller: Caller, due: Due) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    answer = await courier.deliver(due, caller.before_data)

    assert answer.code in {553, 554}
    assert hop.sessions == 0


async def test_a_quoted_local_part_is_sent_as_written(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    await courier.deliver(replace(DUE, rcpt_to='"anne x@y"@x.test'), caller.before_data)

    assert hop.commands[2].startswith('RCPT TO:<"anne x@y"@x.test>')


async def test_the_callers_own_trouble_flies_on_and_nothing_is_written(relay_to) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    async def locked() -> None:
        raise TryAgain("database is locked")

    with pytest.raises(TryAgain):
        await courier.deliver(DUE, locked)
    assert hop.texts == []
    assert "DATA" not in hop.commands


# ── Kept connections ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_is_used_again(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    answers = [await courier.deliver(DUE, caller.before_data) for _ in range(5)]

    assert [answer.code for answer in answers] == [250] * 5
    assert hop.sessions == 1


async def test_a_connection_is_used_again_after_a_refusal(relay_to, caller: Caller) -> None:
    hop = NextHop(parts={"RCPT": ["550 no"]})
    courier = await relay_to(hop)

    assert (await courier.deliver(DUE, caller.before_data)).code == 550
    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert hop.sessions == 1
    assert "RSET" in hop.commands


async def test_connections_grow_with_the_mails_under_way(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)

    await asyncio.gather(*(courier.deliver(DUE, caller.before_data) for _ in range(4)))

    assert hop.sessions == 4


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"MAIL": ["250 ok", HANG_UP]}, id="hangs up at MAIL"),
        pytest.param({"MAIL": ["250 ok", "421 4.4.2 idle too long"]}, id="421 at MAIL"),
        pytest.param({"MAIL": ["250 ok", SILENCE]}, id="silent at MAIL"),
        pytest.param({"RCPT": ["250 ok", HANG_UP]}, id="hangs up at RCPT"),
        pytest.param({"DATA": ["354 go", HANG_UP]}, id="hangs up at DATA, before the text"),
        pytest.param({"RCPT": ["550 no"], "RSET": HANG_UP}, id="hangs up at RSET"),
        pytest.param({"RCPT": ["550 no"], "RSET": "500 what?"}, id="refuses RSET"),
    ],
)
async def test_a_dead_kept_connection_costs_no_attempt(
    relay_to, caller: Caller, parts: dict[str, str | list[str]]
) -> None:
    hop = NextHop(parts=parts)
    courier = await relay_to(hop)

    await courier.deliver(DUE, caller.before_data)
    answer = await courier.deliver(DUE, caller.before_data)

    assert answer.code == 250
    assert hop.sessions == 2


async def test_a_connection_closed_while_idle_is_replaced(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop)
    await courier.deliver(DUE, caller.before_data)
    hop.hang_up_all()

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert len(hop.texts) == 2


async def test_a_kept_connection_that_dies_after_the_text_is_not_replaced(relay_to, caller: Caller) -> None:
    hop = NextHop(parts={".": ["250 ok", HANG_UP]})
    courier = await relay_to(hop)
    await courier.deliver(DUE, caller.before_data)

    answer = await courier.deliver(DUE, caller.before_data)

    assert (answer.code, answer.handed) == (0, True)
    assert len(hop.texts) == 2


async def test_idle_connections_are_closed_in_time(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop, keeping=Keeping(idle_s=0.01))

    await courier.deliver(DUE, caller.before_data)

    await wait_until(lambda: hop.commands[-1] == "QUIT")


async def test_idle_connections_are_bounded(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop, keeping=Keeping(idle_max=1))

    await asyncio.gather(*(courier.deliver(DUE, caller.before_data) for _ in range(3)))

    await wait_until(lambda: hop.commands.count("QUIT") == 2)


async def test_a_connection_is_not_used_for_ever(relay_to, caller: Caller) -> None:
    hop = NextHop()
    courier = await relay_to(hop, keeping=Keeping(uses_max=2))

    for _ in range(3):
        await courier.deliver(DUE, caller.before_data)

    assert hop.sessions == 2


async def test_a_cancelled_delivery_leaves_no_connection_in_doubt(relay_to, caller: Caller) -> None:
    hop = NextHop(parts={".": [SILENCE]})
    courier = await relay_to(hop)
    delivery = asyncio.create_task(courier.deliver(DUE, caller.before_data))
    await wait_until(lambda: bool(hop.texts))

    delivery.cancel()
    await asyncio.wait([delivery])

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert hop.sessions == 2


# ── TLS and login ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_opportunistic_tls_takes_any_certificate(relay_to, caller: Caller, authority: trustme.CA) -> None:
    hop = NextHop(tls=server_side(authority, "another.test"))
    courier = await relay_to(hop, tls=Tls.OPPORTUNISTIC)

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert hop.encrypted == 1


@pytest.mark.parametrize(
    "parts",
    [pytest.param({"STARTTLS": "454 4.7.0 not now"}, id="refused"), pytest.param({"STARTTLS": HANG_UP}, id="hung up")],
)
async def test_opportunistic_tls_is_no_reason_not_to_deliver(
    relay_to, caller: Caller, authority: trustme.CA, parts: dict[str, str | list[str]]
) -> None:
    hop = NextHop(parts=parts, tls=server_side(authority, "localhost"))
    courier = await relay_to(hop, tls=Tls.OPPORTUNISTIC)

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert hop.encrypted == 0


async def test_required_tls_wants_the_right_name(relay_to, caller: Caller, authority: trustme.CA) -> None:
    right = NextHop(tls=server_side(authority, "localhost"))
    courier = await relay_to(right, tls=Tls.REQUIRED, host="localhost", trust=trusting(authority))

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert right.encrypted == 1


@pytest.mark.parametrize("name", [pytest.param("another.test", id="wrong name"), pytest.param("", id="no TLS at all")])
async def test_required_tls_keeps_the_mail_from_any_other(
    relay_to, caller: Caller, authority: trustme.CA, name: str
) -> None:
    hop = NextHop(tls=server_side(authority, name) if name else None)
    courier = await relay_to(hop, tls=Tls.REQUIRED, host="localhost", trust=trusting(authority))

    answer = await courier.deliver(DUE, caller.before_data)

    assert answer.code == 0
    assert "TLS" in answer.text
    assert not any(command.startswith("MAIL") for command in hop.commands)


async def test_a_password_is_never_sent_in_clear_unless_told_to(relay_to, caller: Caller) -> None:
    hop = NextHop(offers=("AUTH PLAIN",))
    courier = await relay_to(hop, tls=Tls.OPPORTUNISTIC, login=Login("anne", "secret"))

    assert (await courier.deliver(DUE, caller.before_data)).code == 0
    assert hop.commands == ["EHLO g.test"]


async def test_a_relay_is_told_who_we_are(relay_to, caller: Caller) -> None:
    hop = NextHop(offers=("AUTH PLAIN",), parts={"AUTH": "235 welcome"})
    courier = await relay_to(hop, login=Login("anne", "secret"))

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert hop.commands[1].startswith("AUTH PLAIN ")


async def test_a_wrong_password_is_the_operators_to_mend_and_loses_no_mail(relay_to, caller: Caller) -> None:
    courier = await relay_to(
        NextHop(offers=("AUTH PLAIN",), parts={"AUTH": "535 5.7.8 no"}), login=Login("anne", "wrong")
    )

    answer = await courier.deliver(DUE, caller.before_data)

    assert answer.code == 0
    assert "535 5.7.8" in answer.text


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Relay("h", 25, Login("anne", "secret")))


# ── By MX ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def exchanges(stack: AsyncExitStack) -> tuple[NextHop, NextHop, int]:
    """Two hosts on one port: the first at 127.0.0.2, the second at 127.0.0.3."""
    first, second = NextHop(), NextHop()
    port = await first.start("127.0.0.2")
    await second.start("127.0.0.3", port)
    for hop in (first, second):
        stack.push_async_callback(hop.stop)
    return first, second, port


ZONE = {
    ("x.test", "MX"): (Exchange(20, "mx2.x.test"), Exchange(10, "mx1.x.test")),
    ("mx1.x.test", "A"): ("127.0.0.2",),
    ("mx2.x.test", "A"): ("127.0.0.3",),
}


@pytest.fixture
def by_mx(stack: AsyncExitStack, exchanges: tuple[NextHop, NextHop, int]) -> Callable[..., Courier]:
    def make(zone: dict[tuple[str, str], object] | None = None, **options: object) -> Courier:
        names = Zone({**ZONE, **(zone or {})})
        options.setdefault("tls", Tls.NONE)
        courier = Courier(names, name="g.test", patience=QUICK, port=exchanges[2], **options)
        stack.push_async_callback(courier.close)
        return courier

    return make


async def test_the_most_preferred_host_comes_first(by_mx, exchanges, caller: Caller) -> None:
    assert (await by_mx().deliver(DUE, caller.before_data)).code == 250
    assert (exchanges[0].sessions, exchanges[1].sessions) == (1, 0)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"HELLO": "554 no service"}, id="no service here"),
        pytest.param({"HELLO": HANG_UP}, id="hangs up"),
        pytest.param({"HELLO": "421 4.3.2 too busy"}, id="4xx for a greeting"),
        pytest.param({"MAIL": "451 4.3.0 later"}, id="4xx at MAIL"),
        pytest.param({"RCPT": "451 4.3.0 later"}, id="4xx at RCPT"),
    ],
)
async def test_trouble_moves_on_to_the_next_host(by_mx, exchanges, caller: Caller, parts: dict[str, str]) -> None:
    exchanges[0].parts = parts

    assert (await by_mx().deliver(DUE, caller.before_data)).code == 250
    assert exchanges[1].texts


async def test_a_host_that_is_not_there_moves_on_to_the_next(by_mx, exchanges, caller: Caller) -> None:
    await exchanges[0].stop()

    assert (await by_mx().deliver(DUE, caller.before_data)).code == 250
    assert exchanges[1].texts


@pytest.mark.parametrize("name", ["another.test", ""], ids=["wrong name", "no TLS at all"])
async def test_where_tls_is_required_the_next_host_may_have_it(
    by_mx, exchanges, caller: Caller, authority: trustme.CA, name: str
) -> None:
    exchanges[0].tls = server_side(authority, name) if name else None
    exchanges[1].tls = server_side(authority, "mx2.x.test")

    courier = by_mx(tls=Tls.REQUIRED, trust=trusting(authority))

    assert (await courier.deliver(DUE, caller.before_data)).code == 250
    assert (len(exchanges[0].texts), len(exchanges[1].texts), exchanges[1].encrypted) == (0, 1, 1)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        pytest.param({"RCPT": "550 5.1.1 no such user"}, 550, id="refused for good"),
        pytest.param({".": "451 4.3.0 later"}, 451, id="4xx after the text"),
        pytest.param({".": HANG_UP}, 0, id="silence after the text"),
    ],
)
async def test_a_final_word_or_a_written_text_stops_the_search(
    by_mx, exchanges, caller: Caller, parts: dict[str, str], code: int
) -> None:
    exchanges[0].parts = parts

    assert (await by_mx().deliver(DUE, caller.before_data)).code == code
    assert exchanges[1].sessions == 0


async def test_of_several_troubles_the_one_in_words_is_told(by_mx, exchanges, caller: Caller) -> None:
    exchanges[0].parts = {"RCPT": "451 4.7.1 greylisted"}
    exchanges[1].parts = {"HELLO": HANG_UP}

    assert await by_mx().deliver(DUE, caller.before_data) == Answer(451, "4.7.1 greylisted")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param({("x.test", "MX"): (Exchange(0, ""),)}, (556, "5.1.10"), id="null MX"),
        pytest.param({("x.test", "MX"): Trouble("timeout")}, (0, "4.4.3 "), id="DNS in trouble"),
        pytest.param({("x.test", "MX"): (Exchange(1, "no.x.test"),)}, (0, "4.4.4 "), id="exchange without address"),
        pytest.param(
            {("x.test", "MX"): (Exchange(1, "no.x.test"),), ("no.x.test", "A"): Trouble("timeout")},
            (0, "4.4.3 "),
            id="DNS in trouble with the address",
        ),
    ],
)
async def test_where_there_is_no_way_the_reason_is_told(by_mx, caller: Caller, zone, expected: tuple[int, str]) -> None:
    answer = await by_mx(zone).deliver(DUE, caller.before_data)

    assert expected == (answer.code, answer.text[:6])


@pytest.mark.parametrize("domain", ["nowhere.test", "[localhost]", "[IPv6:banana]"])
async def test_a_domain_that_is_not_there_is_refused_for_good(by_mx, caller: Caller, domain: str) -> None:
    answer = await by_mx().deliver(replace(DUE, rcpt_to=f"a@{domain}"), caller.before_data)

    assert (answer.code, answer.text[:5]) == (550, "5.1.2")


@pytest.mark.parametrize("domain", ["host.test", "[127.0.0.3]"])
async def test_a_host_without_exchange_is_its_own(by_mx, exchanges, caller: Caller, domain: str) -> None:
    courier = by_mx({("host.test", "A"): ("127.0.0.3",)})

    assert (await courier.deliver(replace(DUE, rcpt_to=f"a@{domain}"), caller.before_data)).code == 250
    assert exchanges[1].texts
