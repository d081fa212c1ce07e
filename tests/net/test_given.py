"""Sockets that systemd or our supervisor gave us are used where they belong, and nowhere else."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailgate.errors import ConfigError
from mailgate.net.bind import listen
from mailgate.net.given import VARIABLE, Given, given, told


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with listen("127.0.0.1:0") as listening:
        yield listening


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


def test_a_socket_is_found_by_the_address_it_is_bound_to(listening: socket.socket) -> None:
    sockets = Given([("any name", listening)])
    assert sockets.take("listener-1", "127.0.0.1:1") is None
    assert sockets.take("listener-1", f"127.0.0.2:{port_of(listening)}") is None
    assert sockets.take("listener-1", f"127.0.0.1:{port_of(listening)}") is listening
    sockets.confirm_all_taken()


def test_a_socket_is_taken_once(listening: socket.socket) -> None:
    sockets = Given([("", listening)])
    assert sockets.take("listener-1", f"127.0.0.1:{port_of(listening)}")
    assert not sockets.take("listener-2", f"127.0.0.1:{port_of(listening)}")


def test_where_any_port_will_do_the_name_decides(listening: socket.socket) -> None:
    sockets = Given([("listener-2", listening)])
    assert sockets.take("listener-1", "127.0.0.1:0") is None
    assert sockets.take("listener-2", "127.0.0.2:0") is None
    assert sockets.take("listener-2", "127.0.0.1:0") is listening


def test_a_unix_socket_is_found_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with listen(f"unix:{tmp_path}/real/lmtp") as listening:
        sockets = Given([("", listening)])
        assert sockets.take("listener-1", f"unix:{tmp_path}/real/other") is None
        assert sockets.take("listener-1", "127.0.0.1:25") is None
        assert sockets.take("listener-1", f"unix:{tmp_path}/link/lmtp") is listening


def test_a_socket_that_nobody_configured_is_a_fault_that_names_it(listening: socket.socket) -> None:
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port_of(listening)}.*written alike"):
        Given([("", listening)]).confirm_all_taken()


def test_what_the_supervisor_tells_is_understood(listening: socket.socket) -> None:
    own = socket.socket(fileno=os.dup(listening.fileno()))
    environ = {VARIABLE: told({"listener-1": own}), "PATH": "/bin"}
    own.detach()
    taken = given(environ, 1).take("listener-1", "127.0.0.1:0")
    assert taken
    assert taken.getsockname() == listening.getsockname()
    # asyncio sets TCP_NODELAY only on sockets that say so.
    assert taken.proto == socket.IPPROTO_TCP
    assert not taken.get_inheritable()
    assert environ == {"PATH": "/bin"}
    taken.close()


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "one", "LISTEN_PID": "7"}],
    ids=["nothing", "for nobody", "for somebody else", "no number"],
)
def test_what_is_not_for_us_is_not_taken(environ: dict[str, str]) -> None:
    given(environ, 7).confirm_all_taken()
    assert environ == {}


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["datagrams", "not listening"])
def test_a_socket_that_takes_no_connections_is_a_fault(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as useless:
        useless.bind(("127.0.0.1", 0))
        environ = {VARIABLE: f"listener-1={os.dup(useless.fileno())}"}
        with pytest.raises(ConfigError, match="no listening stream socket"):
            given(environ, 1)


def test_a_number_that_is_not_open_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="number 999"):
        given({VARIABLE: "web=999"}, 1)
