"""systemd hears how the daemon fares, and the daemon does not mind its absence."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from mailgate.net.systemd import Ear, notify
from tests.fakes.waiting import wait_until


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


async def test_an_ear_hears_each_line_and_who_said_it() -> None:
    heard: list[tuple[int, str]] = []
    ear = Ear(lambda pid, state: heard.append((pid, state)))
    notify(ear.address, "READY=1\nSTATUS=at work")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from mailgate.net.systemd import notify; notify(sys.argv[1], 'x')",
        ear.address,
    )
    await child.wait()
    await wait_until(lambda: len(heard) == 3)
    assert heard == [(os.getpid(), "READY=1"), (os.getpid(), "STATUS=at work"), (child.pid, "x")]
    ear.close()
