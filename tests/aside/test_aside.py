"""Large work is done beside the event loop, in a process that may die without hurting anybody else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailgate.daemon.aside import LARGE_BYTES, Aside, WorkerDied
from tests.fakes import jobs
from tests.fakes.waiting import wait_until

LARGE = b"x" * LARGE_BYTES
SMALL = LARGE[1:]


def is_gone(pid: int) -> bool:
    """Has the process ended, be it that nobody has taken note of it?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_small_work_stays_in_this_process_and_large_work_leaves_it(aside: Aside) -> None:
    assert await aside.run(jobs.whose, SMALL) == os.getpid()
    assert await aside.run(jobs.whose, LARGE) != os.getpid()


async def test_one_worker_does_all_large_work(aside: Aside) -> None:
    assert len(set(await asyncio.gather(*(aside.run(jobs.whose, LARGE) for _ in range(4))))) == 1


async def test_the_worker_knows_nothing_of_the_daemon(aside: Aside) -> None:
    known = await aside.run(jobs.imported, LARGE)
    assert "mailgate.mail.parse" in known
    assert not {"sqlalchemy", "pydantic", "structlog", "mailgate.serve", "mailgate.intake"}.intersection(known)


async def test_an_error_of_the_work_comes_back_with_where_it_stood(aside: Aside) -> None:
    with pytest.raises(LookupError, match="not found here") as caught:
        await aside.run(jobs.refuse, LARGE)
    assert "in refuse" in "".join(caught.value.__notes__)


async def test_what_is_printed_does_not_stand_among_the_answers(
    aside: Aside, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await aside.run(jobs.shout, LARGE) == "quiet"
    assert "noise" in capfd.readouterr().err


@pytest.mark.parametrize(("job", "error"), [(jobs.die, WorkerDied), (jobs.grow, MemoryError)], ids=["dies", "starves"])
async def test_a_job_that_ruins_the_worker_fails_alone(aside: Aside, job: object, error: type[Exception]) -> None:
    ruined, *others = await asyncio.gather(
        *(aside.run(work, LARGE) for work in (job, jobs.whose, jobs.whose)), return_exceptions=True
    )
    assert isinstance(ruined, error)
    assert others[0] == others[1] != os.getpid()


async def test_a_job_that_never_ends_is_ended() -> None:
    aside = Aside(job_s=0.3)
    with pytest.raises(WorkerDied, match=r"hang \(SIGKILL\)"):
        await aside.run(jobs.hang, LARGE)
    await aside.close()


async def test_a_worker_that_died_between_two_jobs_is_replaced(aside: Aside) -> None:
    first = await aside.run(jobs.whose, LARGE)
    os.kill(first, signal.SIGKILL)
    await wait_until(lambda: is_gone(first))
    assert await aside.run(jobs.whose, LARGE) not in (first, os.getpid())


async def test_the_worker_leaves_it_to_the_daemon_when_to_end(aside: Aside) -> None:
    first = await aside.run(jobs.whose, LARGE)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(first, number)
    assert await aside.run(jobs.whose, LARGE) == first


async def test_a_worker_without_work_is_given_up_and_comes_again() -> None:
    aside = Aside(idle_s=0.05)
    first = await aside.run(jobs.whose, LARGE)
    await wait_until(lambda: is_gone(first))
    assert await aside.run(jobs.whose, LARGE) != first
    await aside.close()


async def test_closing_waits_for_the_work_and_leaves_no_process_behind(aside: Aside, tmp_path: Path) -> None:
    pid, marker = await aside.run(jobs.whose, LARGE), tmp_path / "begun"
    work = asyncio.create_task(aside.run(jobs.wait_for, LARGE, marker))
    await wait_until(marker.exists)
    closing = asyncio.create_task(aside.close())
    marker.unlink()
    await closing
    assert await work == "done"
    assert is_gone(pid)


async def test_who_stops_waiting_disturbs_nobody(aside: Aside, tmp_path: Path) -> None:
    marker = tmp_path / "begun"
    work = asyncio.create_task(aside.run(jobs.wait_for, LARGE, marker))
    await wait_until(marker.exists)
    work.cancel()
    following = asyncio.create_task(aside.run(jobs.whose, LARGE))
    marker.unlink()
    assert await following != os.getpid()


KILLED = """\
import asyncio, os
from mailgate.daemon.aside import Aside
from tests.fakes import jobs

async def main():
    print(await Aside().run(jobs.whose, bytes(1 << 20)), flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_no_worker_outlives_a_daemon_that_was_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    daemon = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED], capture_output=True, env=environment, check=False
    )
    assert daemon.returncode == -signal.SIGKILL
    await wait_until(lambda: is_gone(int(daemon.stdout)))
