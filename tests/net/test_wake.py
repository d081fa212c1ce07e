"""A command wakes the daemon at once, and never fails because nobody listens."""

import asyncio
import os
from pathlib import Path

import pytest

from mailgate.net.wake import MAX_WORD_BYTES, Waker, wake, wake_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / ("deep" * 30)  # longer than the kernel takes for a socket
    folder.mkdir()
    return wake_path(folder / "mailgate.db")


async def test_a_word_reaches_its_callback(path: Path) -> None:
    heard = asyncio.Event()
    waker = Waker(path, {b"outbox": heard.set})
    assert waker.listen()

    assert wake(path, b"outbox")

    await asyncio.wait_for(heard.wait(), 5)
    waker.close()


async def test_a_closed_ear_leaves_no_file(path: Path) -> None:
    waker = Waker(path, {})
    waker.listen()
    waker.close()
    assert os.listdir(path.parent) == []


async def test_unknown_and_endless_words_do_nothing(path: Path) -> None:
    heard = asyncio.Event()
    waker = Waker(path, {b"outbox": heard.set})
    waker.listen()
    for word in (b"", b"nonsense", b"x" * MAX_WORD_BYTES * 2, b"\xff\0"):
        wake(path, word)
    wake(path, b"outbox")
    await asyncio.wait_for(heard.wait(), 5)
    waker.close()


def test_nobody_listening_is_no_trouble(path: Path, tmp_path: Path) -> None:
    assert not wake(path, b"outbox")
    assert not wake(tmp_path / "no" / "such" / "folder.wake", b"outbox")


async def test_a_socket_left_by_a_dead_daemon_is_replaced(path: Path) -> None:
    dead, heard = Waker(path, {}), asyncio.Event()
    dead.listen()
    living = Waker(path, {b"outbox": heard.set})
    assert living.listen()
    wake(path, b"outbox")
    await asyncio.wait_for(heard.wait(), 5)
    living.close()
    dead.close()


async def test_a_folder_that_is_not_there_is_told_but_not_raised(tmp_path: Path) -> None:
    waker = Waker(tmp_path / "absent" / "x.wake", {})
    assert not waker.listen()
    waker.close()


async def test_a_flood_of_words_does_not_block_the_one_who_speaks(path: Path) -> None:
    waker = Waker(path, {})
    waker.listen()
    answers = {wake(path, b"outbox") for _ in range(2000)}
    assert answers == {True, False}
    waker.close()
