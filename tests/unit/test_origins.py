"""Whose network it is that brings a mail, and what a door says to one that brought too much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from mailgate import origins as under_test
from mailgate.judge import token
from mailgate.judge.tide import Tide
from mailgate.model import Arrival, Peer, Reply, Role, TokenKind
from mailgate.net.bind import networks
from mailgate.origins import Origins
from mailgate.threshold import PUT_OFF, Threshold
from tests.fakes.judging import GATEWAY

MAILS = 3
ANNE = Peer("192.0.2.1")
OURS = "support@g.test"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Open(Threshold):
    """A door that takes everything."""

    def __init__(self, *, mails: int = MAILS) -> None:
        self.now_s = 0.0
        super().__init__(GATEWAY, origins=Origins(Tide(mails, 0), networks(("198.51.100.0/24",)), lambda: self.now_s))

    async def take(self, arrival: Arrival) -> Sequence[Reply]:
        return [Reply(250, "2.0.0 Ok")] * len(arrival.recipients)

    async def deliver(self, peer: Peer, mails: int = 1, to: str = OURS) -> Reply | None:
        """Bring so many mails, each once; what was said to the recipient of the last."""
        refusal = None
        for _ in range(mails):
            refusal = self.recipient(to, "anne@x.test", peer)
            if refusal is None:
                await self.accept(Arrival("anne@x.test", (to,), b"Subject: x\r\n\r\n", peer, NOW))
        return refusal


async def test_who_brings_too_much_is_asked_to_come_again_and_then_let_in() -> None:
    door = Open()
    answers = [await door.deliver(ANNE) for _ in range(7)]
    assert answers == [None] * 3 + [PUT_OFF] * 3 + [None]
    assert (PUT_OFF.code, PUT_OFF.text[:5], PUT_OFF.close) == (451, "4.7.1", False)


async def test_a_neighbour_in_the_same_network_is_put_off_too_and_others_are_not() -> None:
    door = Open()
    await door.deliver(ANNE, MAILS)
    assert await door.deliver(Peer("192.0.2.200")) == PUT_OFF
    assert await door.deliver(Peer("192.0.3.1")) is None


async def test_of_ipv6_a_network_is_a_56() -> None:
    door = Open()
    await door.deliver(Peer("2001:db8:0:1::1"), MAILS)
    assert await door.deliver(Peer("2001:db8:0:ff::2")) == PUT_OFF
    assert await door.deliver(Peer("2001:db8:0:100::1")) is None


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param(Peer("127.0.0.1"), id="loopback"),
        pytest.param(Peer("::1"), id="loopback, IPv6"),
        pytest.param(Peer("::ffff:127.0.0.1"), id="loopback, mapped"),
        pytest.param(Peer(""), id="unix socket"),
        pytest.param(replace(ANNE, role=Role.BEHIND), id="behind our own server"),
        pytest.param(replace(ANNE, known=False), id="a proxy that does not know its client"),
        pytest.param(Peer("198.51.100.7"), id="a listed network"),
    ],
)
async def test_who_is_no_origin_is_never_put_off(peer: Peer) -> None:
    assert await Open().deliver(peer, 10 * MAILS) is None


async def test_the_client_that_our_own_server_speaks_for_is_an_origin() -> None:
    door = Open()
    client = replace(ANNE, via="198.51.100.7")
    await door.deliver(client, MAILS)
    assert await door.deliver(client) == PUT_OFF


async def test_an_answer_to_a_signed_address_is_never_put_off() -> None:
    door = Open()
    await door.deliver(ANNE, MAILS)
    signed = token.token_text(TokenKind.REPLY, 7, GATEWAY.keys)
    assert await door.deliver(ANNE, to=f"support+{signed}@g.test") is None


async def test_an_address_that_does_not_exist_is_refused_as_ever() -> None:
    door = Open()
    await door.deliver(ANNE, MAILS)
    refusal = await door.deliver(ANNE, to="nobody@g.test")
    assert refusal is not None
    assert refusal.code == 550


async def test_after_an_hour_the_network_brings_mail_again() -> None:
    door = Open()
    await door.deliver(ANNE, MAILS)
    door.now_s += 3660
    assert await door.deliver(ANNE) is None


async def test_a_network_that_somebody_we_trust_wrote_from_is_never_put_off() -> None:
    door = Open()
    origins = door.origins
    assert origins is not None
    number = origins.trusted(ANNE)
    assert number is not None
    assert origins.trusted(ANNE) is None
    assert await door.deliver(ANNE, 10 * MAILS) is None

    other = Open()
    assert other.origins is not None
    other.origins.welcome(origins.welcomed)
    assert await other.deliver(ANNE, 10 * MAILS) is None


async def test_our_own_machines_need_no_welcome() -> None:
    door = Open()
    assert door.origins is not None
    assert door.origins.trusted(Peer("127.0.0.1")) is None
    assert door.origins.welcomed == []


async def test_who_was_put_off_is_asked_about_once_and_let_in_when_we_trust_him() -> None:
    door = Open()
    origins = door.origins
    assert origins is not None
    await door.deliver(ANNE, MAILS)
    assert origins.take_put_off() == []
    assert [await door.deliver(ANNE, to=to) for to in (OURS, "support+more@g.test")] == [PUT_OFF] * 2
    (caller,) = origins.take_put_off()
    assert caller[1] == "anne@x.test"
    assert origins.take_put_off() == []

    origins.vouch([caller])
    assert await door.deliver(ANNE, 10) is None
    assert door.recipient(OURS, "bob@x.test", ANNE) == PUT_OFF
    assert origins.welcomed == [], "his network is not"


async def test_nobody_is_asked_about_the_null_sender_and_not_about_everybody() -> None:
    door = Open()
    assert door.origins is not None
    await door.deliver(ANNE, MAILS)
    for number in range(2 * under_test.MOST_ASKED):
        door.recipient(OURS, f"anne{number}@x.test" if number else "", ANNE)
    asked = door.origins.take_put_off()
    assert len(asked) == under_test.MOST_ASKED
    assert "" not in {sender for _, sender in asked}


async def test_a_door_without_origins_puts_nobody_off() -> None:
    door = Open()
    door.origins = None
    assert await door.deliver(ANNE, 10 * MAILS) is None


async def test_a_mail_that_is_refused_at_its_end_does_not_count() -> None:
    door = Open()
    looping = b"Received: x\r\n" * 101 + b"\r\n"
    for _ in range(MAILS):
        (refusal,) = await door.accept(Arrival("", (OURS,), looping, ANNE, NOW))
        assert refusal.code == 554
    assert await door.deliver(ANNE) is None
