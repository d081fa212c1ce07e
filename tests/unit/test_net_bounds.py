"""Who is counted with whom, and who has room."""

import pytest

from mailgate.net.bind import Bind, listed, networks
from mailgate.net.bounds import Bounds, Crowd, network_of
from mailgate.net.replies import CROWDED, CROWDED_NETWORK


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:0:1::1", "2001:db8:0:ff::1", True),
        ("2001:db8:0:100::1", "2001:db8:0:200::1", False),
        ("::ffff:192.0.2.1", "192.0.2.2", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
        ("", "0.0.0.1", False),
        ("::1", "0.0.0.1", False),
    ],
)
def test_a_network_is_what_one_customer_holds(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) == same


def test_a_network_has_so_much_room_and_others_have_their_own() -> None:
    crowd = Crowd(Bounds())
    assert [crowd.enter(ip, 2) for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.1")] == [
        *(None, None, CROWDED_NETWORK, None)
    ]
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.3", 2) is None


def test_there_is_so_much_room_in_all_and_a_refusal_takes_none() -> None:
    crowd = Crowd(Bounds(connections=2))
    assert crowd.enter("192.0.2.1", 1) is None
    assert crowd.enter("192.0.2.1", 1) == CROWDED_NETWORK
    assert crowd.enter(None, 1) is None
    assert crowd.enter("192.0.3.1", 1) == CROWDED
    crowd.leave(None)
    assert crowd.enter("192.0.3.1", 1) is None


@pytest.mark.parametrize(
    ("ip", "among", "is_listed"),
    [
        ("192.0.2.7", ("192.0.2.0/24",), True),
        ("192.0.3.7", ("192.0.2.0/24", "2001:db8::/32"), False),
        ("2001:db8::1", ("192.0.2.0/24", "2001:db8::/32"), True),
        ("192.0.2.7", ("192.0.2.7",), True),
        ("192.0.2.7", (), False),
        ("", (), True),
    ],
)
def test_a_peer_is_listed_by_its_network_and_on_a_unix_socket_by_being_there(
    ip: str, among: tuple[str, ...], is_listed: bool
) -> None:
    assert listed(ip, networks(among)) == is_listed


@pytest.mark.parametrize(
    ("address", "host_and_port"),
    [("127.0.0.1:2525", ("127.0.0.1", 2525)), ("[::1]:25", ("::1", 25)), ("localhost:0", ("localhost", 0))],
)
def test_an_address_names_host_and_port(address: str, host_and_port: tuple[str, int]) -> None:
    assert Bind(address).host_and_port == host_and_port


def test_the_pace_of_data_is_asked_for_only_after_the_grace() -> None:
    bounds = Bounds(data_grace_s=30, data_rate_bytes_per_s=500)
    assert [bounds.data_allowance_s(received) for received in (0, 500, 5000)] == [30, 31, 40]
    assert Bounds(data_rate_bytes_per_s=0).data_allowance_s(0) == float("inf")
