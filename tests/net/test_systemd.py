"""systemd hears how the daemon fares, and the daemon does not mind its absence."""

import socket
from pathlib import Path

import pytest

from mailgate.net.systemd import notify


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_a_state_reaches_the_socket(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "file" else "@mailgate-test-" + tmp_path.name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address.replace("@", "\0", 1) if kind == "abstract" else address)
        notify(address, "READY=1")
        assert ear.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here"])
def test_a_deaf_address_is_no_trouble(address: str) -> None:
    notify(address, "READY=1")
