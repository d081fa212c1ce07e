"""Work that would hold the interpreter for long, done in a process of its own. Knows functions and values, and no mail.

Reading and verifying a large mail is pure Python, and no thread helps: whoever holds the interpreter holds it for
all. So there is one worker process, started by the first large job and given up when none has come for a while.

The house rules of this file:
* One thread speaks with the worker, one job at a time; what else there is to do waits in that thread's queue.
* The worker is this very file, run as a program: it imports what a job names, and not the daemon around it.
* A job that kills the worker, hangs it or starves it of memory fails alone; the next one finds a new worker.
* The worker lives as long as its standard input: nothing outlives a daemon that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from typing import IO, Any, Final, TypeVar

from mailgate.errors import TryAgain

T = TypeVar("T")

LARGE_BYTES: Final = 1 << 20  # less to work on goes to a thread, which costs less than to carry it to a process
WAITING_MOST: Final = 256  # jobs; each holds a large mail in memory, and intake prepares far fewer at once
JOB_S: Final = 60.0  # for the largest mail and its five signatures; ten times what they take
IDLE_S: Final = 60.0
JOBS_MOST: Final = 500  # of one worker: whatever a library forgets to give back goes with it
MEMORY_BYTES: Final = 2 << 30  # address space of the worker: many times the largest mail


class WorkerDied(Exception):
    """The worker ended, or was ended, in the middle of a job. The next job finds a new one."""


class Aside:
    """Runs jobs beside the event loop. Made and called in one event loop; `close` ends it."""

    def __init__(self, *, job_s: float = JOB_S, idle_s: float = IDLE_S) -> None:
        self._job_s = job_s
        self._idle_s = idle_s
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "mailgate-aside")
        self._worker: subprocess.Popen[bytes] | None = None  # from here on touched by that thread alone
        self._jobs = 0

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """`work(*args)`, in a thread or, with a megabyte or more among `args`, in the worker process.

        `work` stands at the top of a module, and both its arguments and its result can be pickled. A caller who stops
        waiting does not stop the work.

        Raises:
            WorkerDied: the worker did not survive the job, or the job took longer than `job_s`.
            TryAgain: too many jobs wait.
            Anything that `work` raises.
        """
        if sum(len(arg) for arg in args if isinstance(arg, bytes)) < LARGE_BYTES:
            return await asyncio.to_thread(work, *args)
        if self._waiting >= WAITING_MOST:
            raise TryAgain(f"{WAITING_MOST} large mails wait to be read")
        loop = asyncio.get_running_loop()
        if self._idle:
            self._idle.cancel()
        self._waiting += 1
        try:
            done: T = await loop.run_in_executor(self._thread, self._do, work, args)
            return done
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._idle = loop.call_later(self._idle_s, self._thread.submit, self._end)

    async def close(self) -> None:
        """Finish the jobs that were begun, then end the worker. Closing twice does nothing."""
        if self._idle:
            self._idle.cancel()
        with contextlib.suppress(RuntimeError):  # closed before
            self._thread.submit(self._end)
        await asyncio.to_thread(self._thread.shutdown)

    # ── In the thread ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        worker = self._fit_worker()
        self._jobs += 1
        # Kills whatever holds the job up, so that nothing below needs a clock of its own.
        alarm = Timer(self._job_s, worker.kill)
        alarm.start()
        try:
            good, result = _exchange(worker, (work, args))
        # Broad, because after half an exchange the pipes are of no more use, whoever broke it off.
        except BaseException as error:
            self._end(kill=True)
            if not isinstance(error, (OSError, EOFError, pickle.UnpicklingError)):
                raise
            name = getattr(work, "__qualname__", repr(work))
            raise WorkerDied(f"the worker process ended in {name} ({_how_it_ended(worker)})") from None
        finally:
            alarm.cancel()
        if good:
            return result  # type: ignore[no-any-return]  # one pipe carries results of every type
        raise result

    def _fit_worker(self) -> subprocess.Popen[bytes]:
        """The worker, or a new one where it has died, has done its share, or was never there."""
        if self._worker is None or self._worker.poll() is not None or self._jobs >= JOBS_MOST:
            self._end()
            self._worker, self._jobs = _start(), 0
        return self._worker

    def _end(self, *, kill: bool = False) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if kill:
            worker.kill()
        for pipe in (worker.stdin, worker.stdout):
            # To close is to write what is left, and there may be nobody to read it.
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        worker.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mailgate.daemon.aside"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Ours, so that the worker imports the same code from the same places."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _exchange(worker: subprocess.Popen[bytes], job: tuple[Callable[..., Any], tuple[Any, ...]]) -> tuple[bool, Any]:
    pickle.dump(job, _pipe(worker.stdin), pickle.HIGHEST_PROTOCOL)
    _pipe(worker.stdin).flush()
    answer: tuple[bool, Any] = pickle.load(_pipe(worker.stdout))  # noqa: S301 - said by our own code in our own child
    return answer


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _how_it_ended(worker: subprocess.Popen[bytes]) -> str:
    code = worker.returncode
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


# ── The worker ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _work() -> None:
    """Do the jobs that come in at standard input until it ends; answers leave where standard output was."""
    # Whoever stops the daemon often stops all its processes; we are wanted until it has no more jobs.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # What a library prints must not stand among the answers.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        with contextlib.suppress(EOFError):
            while True:
                answers.write(_answer(*pickle.load(sys.stdin.buffer)))  # noqa: S301 - said by our own parent
                answers.flush()


def _answer(work: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, work(*args)), pickle.HIGHEST_PROTOCOL)
    # Whatever it is, it belongs to whoever asked.
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        return pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _work()
