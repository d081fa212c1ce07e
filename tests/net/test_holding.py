"""The sockets of several processes are kept open by one."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailgate.errors import TryAgain
from mailgate.net.bind import listen, listen_shared
from mailgate.net.given import Given
from mailgate.net.holding import Holding, Wanted


@pytest.fixture
def holding() -> Iterator[Holding]:
    holding = Holding(Given())
    yield holding
    holding.close()


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def test_each_process_has_a_socket_of_its_own_on_one_port(holding: Holding) -> None:
    holding.hold([Wanted("listener-1", "127.0.0.1:0", 3)])
    shares = [holding.share("listener-1", number) for number in range(3)]
    assert len({share.getsockname() for share in shares}) == 1
    assert len({share.fileno() for share in shares}) == 3
    assert answers(holding.address("listener-1"))


def test_a_unix_socket_is_one_for_all_and_goes_with_us(holding: Holding, tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    holding.hold([Wanted("listener-1", f"unix:{path}", 2)])
    assert holding.share("listener-1", 0) is holding.share("listener-1", 1)
    assert path.exists()
    holding.close()
    assert not path.exists()


def test_a_given_socket_is_one_for_all_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    theirs = listen(f"unix:{path}")
    holding = Holding(Given([("", theirs)]))
    holding.hold([Wanted("listener-1", f"unix:{path}", 2)])
    assert holding.share("listener-1", 1) is theirs
    holding.close()
    assert path.exists()


def test_two_that_take_any_port_get_two(holding: Holding) -> None:
    holding.hold([Wanted("listener-1", "127.0.0.1:0", 1), Wanted("listener-2", "127.0.0.1:0", 1)])
    assert holding.address("listener-1") != holding.address("listener-2")


def test_what_is_wanted_again_stays_what_it_was_and_the_rest_goes(holding: Holding) -> None:
    holding.hold([Wanted("listener-1", "127.0.0.1:0", 2), Wanted("web", "127.0.0.2:0", 1)])
    mail, web = holding.address("listener-1"), holding.address("web")
    holding.hold([Wanted("listener-1", "127.0.0.3:0", 2), Wanted("listener-2", "127.0.0.1:0", 2)])
    assert holding.address("listener-2") == mail
    assert answers(web)
    holding.drop_rest()
    assert not answers(web)
    assert answers(mail)


def test_an_address_is_not_shared_with_strangers(holding: Holding) -> None:
    (theirs,) = listen_shared("127.0.0.1:0", 1)
    port = theirs.getsockname()[1]
    with theirs, pytest.raises(TryAgain, match=f"cannot listen on 127.0.0.1:{port}"):
        holding.hold([Wanted("listener-1", f"127.0.0.1:{port}", 2)])
