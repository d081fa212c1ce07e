"""Trouble of the store under a running daemon: the sender is asked to come again, and when he does, all is well."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.sink import Sink
from tests.fakes.stores import SQLITE, only
from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.sender import Client, Reply, Sender, deliver, letter

SMALL_DISK = "16m"


async def _comes_in_at_last(daemon: Daemon, number: int) -> None:
    """The same mail as before is accepted, judged, and there once; the ledger balances."""
    mail = letter(number, "sales@g.test")
    sender = Sender(daemon.smtp_port, iter([mail, None]).__next__, connections=1)
    await sender.run()
    await daemon.settled()

    assert list(sender.accepted) == [mail.message_id]
    assert daemon.rows(f"SELECT count(*) FROM journal WHERE mail_from = '{mail.mail_from}'") == [(1,)]
    ledger = await daemon.ledger()
    assert (ledger["balanced"], ledger["pending"], ledger["shunted"]) == (True, 0, 0)


@only(SQLITE)
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
async def test_a_database_that_another_process_has_locked_is_451(daemon: Daemon, lock: str) -> None:
    """T101."""
    with contextlib.closing(sqlite3.connect(daemon.database, isolation_level=None)) as other:
        other.execute(f"BEGIN {lock}")
        refused = await deliver(daemon.smtp_port, letter(1, "sales@g.test"))

    assert (refused.code, refused.text[:5]) == (451, "4.3.0")
    await _comes_in_at_last(daemon, 1)


@only(SQLITE)
@pytest.mark.parametrize("names", [("",), ("", "-wal", "-shm")], ids=["the file alone", "with its log"])
async def test_a_database_that_was_moved_away_is_451_until_it_is_back(daemon: Daemon, names: tuple[str, ...]) -> None:
    """T101."""
    assert (await deliver(daemon.smtp_port, letter(1, "sales@g.test"))).code == 250
    await daemon.settled()
    away = daemon.folder / "away"
    away.mkdir()
    for name in names:
        shutil.move(f"{daemon.database}{name}", away)

    refused = await deliver(daemon.smtp_port, letter(2, "sales@g.test"))
    assert (refused.code, refused.text[:5]) == (451, "4.3.0")
    assert not daemon.database.exists()

    for moved in away.iterdir():
        shutil.move(moved, daemon.database.parent)
    await _comes_in_at_last(daemon, 2)


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_disk_that_fills_up_under_a_mail_is_452(small_disk: Path, folder: Path, sink: Sink) -> None:
    """T102: nothing of the mail is kept, and what was kept before stays."""
    store = small_disk / "mailgate.db"
    async with Daemon(folder, relay=sink.address, store=store, reserve_bytes=0, extra=ASSUME_PASS) as daemon:
        assert (await deliver(daemon.smtp_port, letter(1, "sales@g.test"))).code == 250
        await daemon.settled()
        ballast = small_disk / "ballast"
        _fill(ballast)
        # Noise, so that it cannot be compressed into the pages that are there already.
        noise = base64.encodebytes(random.Random(1).randbytes(100_000)).replace(b"\n", b"\r\n").decode()
        refused = await deliver(daemon.smtp_port, letter(2, "sales@g.test", text=noise))
        assert (refused.code, refused.text[:5]) == (452, "4.3.1")

        ballast.unlink()
        await _comes_in_at_last(daemon, 2)
        assert (await daemon.ledger())["accepted"] == 2


async def test_a_disk_with_no_room_to_spare_is_452_before_the_mail(small_disk: Path, folder: Path, sink: Sink) -> None:
    """T102: what could not be kept is not begun."""
    store = small_disk / "mailgate.db"
    async with Daemon(folder, relay=sink.address, store=store, reserve_bytes=1 << 20, extra=ASSUME_PASS) as daemon:
        ballast = small_disk / "ballast"
        _fill(ballast)
        async with Client(daemon.smtp_port) as client:
            refused = await client.say("MAIL FROM:<person@p1.test>")
        assert (refused.code, refused.text[:5]) == (452, "4.3.1")

        ballast.unlink()
        await _comes_in_at_last(daemon, 1)


@only(SQLITE)
async def test_an_edge_that_is_in_trouble_still_talks(daemon: Daemon) -> None:
    """The connection outlives the refusal, and the next mail on it is taken once the trouble is over."""
    async with Client(daemon.smtp_port) as client:
        with contextlib.closing(sqlite3.connect(daemon.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused: Reply = await client.send(letter(1, "sales@g.test"))
        taken = await client.send(letter(1, "sales@g.test"))

    assert (refused.code, taken.code) == (451, 250)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
