"""The demo as a newcomer meets it: a program, a line to copy, a page with a link and a button."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.scenarios.ports import free_port

PROGRAM = str(Path(sys.executable).with_name("mailgate"))
DEADLINE_S = 30.0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = subprocess.Popen(
        [PROGRAM, "demo", "--port", str(port), "--folder", str(tmp_path / "demo")], stdout=subprocess.PIPE, text=True
    )
    yield process, port
    process.kill()
    process.communicate()


def greeting(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


def page(port: int, path: str = "/", method: str = "GET") -> str:
    request = Request(f"http://127.0.0.1:{port + 5500}{path}", method=method)
    with urlopen(request, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def eventually(look: Callable[[], str | None]) -> str:
    end_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < end_s:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_the_first_minute(demo: tuple[subprocess.Popen[str], int]) -> None:
    process, port = demo
    said = greeting(process)
    assert "COUNTS AS PROVEN" in said

    line = next(line for line in said.splitlines() if "python3 -c" in line)
    subprocess.run(line.replace("python3", sys.executable, 1), shell=True, check=True)
    link = eventually(lambda: (found := re.search(r"/c/c1[0-9a-z]+", page(port))) and found[0])
    page(port, link)
    eventually(lambda: page(port, link, "POST") if "Done" in page(port, link, "POST") else None)
    eventually(lambda: page(port) if "we have received your message" in page(port) else None)

    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_folder_is_kept_and_used_again(tmp_path: Path, demo: tuple[subprocess.Popen[str], int]) -> None:
    process, port = demo
    greeting(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    config = (tmp_path / "demo" / "config.toml").read_text()
    again = subprocess.Popen(
        [PROGRAM, "demo", "--json", "--folder", str(tmp_path / "demo")], stdout=subprocess.PIPE, text=True
    )
    assert again.stdout
    ready = json.loads(again.stdout.readline())
    again.send_signal(signal.SIGTERM)
    assert again.wait(20) == 0
    again.stdout.close()
    assert ready["listeners"]["smtp"] == f"127.0.0.1:{port}"
    assert (tmp_path / "demo" / "config.toml").read_text() == config


def test_ports_that_are_taken_are_told(demo: tuple[subprocess.Popen[str], int]) -> None:
    process, port = demo
    greeting(process)
    second = subprocess.run([PROGRAM, "demo", "--port", str(port)], capture_output=True, text=True, check=False)
    assert second.returncode == 75
    assert "--port" in second.stderr
