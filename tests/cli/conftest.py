"""A configured gateway in a folder of its own, and the program to run on it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailgate.cli import run

CONFIG = """\
[gateway]
name = "mx.g.test"
key_file = "mailgate.keys"
[[mailbox]]
address = "support@g.test"
[[listener]]
bind = "127.0.0.1:2525"
[store]
url = "sqlite:///mailgate.db"
reserve_bytes = 0
[notify]
address = "lead@office.test"
[outbound]
relay = "127.0.0.1:2526"
"""

MAIL = b"""\
From: Anne <anne@x.test>
To: support@g.test
Subject: A question
Message-ID: <1@x.test>
Date: Thu, 1 Jan 2026 10:00:00 +0000

Where is my parcel?
"""


@dataclass
class Printed:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Printed]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def mailgate(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line with the configuration given."""

    def call(*arguments: str) -> Printed:
        code = run(["--config", str(folder / "config.toml"), *arguments])
        return Printed(code, *capfd.readouterr())

    return call


@pytest.fixture
def gateway(mailgate: Run) -> Run:
    """The same, with keys and a database."""
    assert mailgate("keys", "init").code == 0
    assert mailgate("db", "upgrade").code == 0
    return mailgate


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    path = tmp_path / "mail.eml"
    path.write_bytes(MAIL)
    return path
