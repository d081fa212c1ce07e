"""Store: a thread that writes. A SQLite file has one in all, PostgreSQL two in each process.

The house rules of this file:
* One thread, one connection, one transaction at a time. Nobody waits for the database but this thread.
* What has queued while a transaction was committed goes into the next one together: no timer, and a job that is alone
  does not wait for company.
* Grouped jobs (acceptances, settlements) go before single ones, for somebody waits for them; also those that will come
  in a moment, since senders of a burst come again as soon as they were answered. But a single one is kept back by them
  for a blink at most.
* Trouble of the machine is TryAgain for all who were in the transaction; the connection is made anew for the next.
* Any other error belongs to one job. In a group it is not known whose it is, so each is tried alone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection

from mailgate.errors import TryAgain
from mailgate.store.backend import Backend, Faults, Session

T = TypeVar("T")

GROUP_MOST = 200  # jobs in one transaction; beyond 50 little is gained, beyond 200 nothing
GROUPS_SHARE = 4  # times as long as the last single job took may groups keep the next one back, and
SINGLES_WAIT_S = 0.2  # never longer: senders of a burst come first, and nobody starves
LULL_S = 0.03  # without a group, after which no more are expected: a round of many sessions takes some 10 ms
QUEUE_MOST = 5000  # jobs that wait; more than a machine that still works ever has

Work = Callable[[Connection, list[Any]], list[Any]]


@dataclass(slots=True)
class Job:
    """Something to write, and who waits for it."""

    work: Callable[..., Any]
    item: Any
    grouped: bool
    waiter: asyncio.Future[Any]


@dataclass(slots=True)
class _Outcome:
    job: Job
    result: Any = None
    error: BaseException | None = None


class Writer:
    """A thread that writes to one database. Made and called in one event loop."""

    def __init__(self, backend: Backend, schema: str, faults: Faults) -> None:
        self._schema = schema
        self._backend = backend
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting = 0  # touched by the event loop alone
        self._closed = False
        self._groups: dict[Work, deque[Job]] = {}  # from here on touched by the thread alone
        self._singles: deque[Job] = deque()
        self._group_at_s = 0.0  # when the last group was written
        self._groups_until_s = 0.0  # until then groups may keep single jobs back
        self._session: Session | None = None
        self._thread = threading.Thread(target=self._run, name="mailgate-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[..., T], item: Any = None, *, grouped: bool = False) -> T:
        """Have `work` done and committed. Whoever stops waiting does not stop the work.

        Raises:
            TryAgain: the machine is in trouble, or too much is waiting; nothing is known to be written.
        """
        if self._closed:
            raise TryAgain("the database is closed")
        if self._waiting >= QUEUE_MOST:
            raise TryAgain(f"{QUEUE_MOST} jobs wait for the writer")
        waiter = self._loop.create_future()
        self._waiting += 1
        self._queue.put(Job(work, item, grouped, waiter))
        return await waiter  # type: ignore[no-any-return]  # one queue carries jobs of every result type

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        going = True
        while going or self._groups or self._singles:
            wait_s = self._singles_due_s - monotonic() if self._singles else None
            going = self._collect(0.0 if self._groups or not going else wait_s) and going
            for work in list(self._groups):
                self._write_group(work, self._next_group(work))
                self._group_at_s = monotonic()
            begun_s = monotonic()
            # Once the end was asked for nobody comes any more whom a single job could keep waiting.
            if self._singles and (begun_s >= self._singles_due_s or not going):
                self._write_single(self._singles.popleft())
                ended_s = monotonic()
                self._groups_until_s = ended_s + min(SINGLES_WAIT_S, GROUPS_SHARE * (ended_s - begun_s))
        self._drop()

    @property
    def _singles_due_s(self) -> float:
        """When the turn of single jobs comes, if nothing else does."""
        return min(self._group_at_s + LULL_S, self._groups_until_s)

    def _collect(self, wait_s: float | None) -> bool:
        """Sort what has queued; wait so long for a first job, None for ever. False once the end was asked for."""
        try:
            while True:
                job = self._queue.get(block=wait_s is None or wait_s > 0, timeout=wait_s)
                wait_s = 0.0
                if job is None:
                    return False
                if job.grouped:
                    self._groups.setdefault(job.work, deque()).append(job)
                else:
                    self._singles.append(job)
        except queue.Empty:
            return True

    def _next_group(self, work: Work) -> list[Job]:
        waiting = self._groups[work]
        group = [waiting.popleft() for _ in range(min(GROUP_MOST, len(waiting)))]
        if not waiting:
            del self._groups[work]
        return group

    def _write_group(self, work: Work, group: list[Job]) -> None:
        try:
            results = self._transaction(lambda connection: work(connection, [job.item for job in group]))
        # Whatever a job raises belongs to whoever asked for it; the thread must outlive it.
        except BaseException as error:
            # A lock or a lost file would be the same for each, and each would wait for it again.
            shared = isinstance(error, TryAgain) and error.code == 451
            if shared or len(group) == 1:
                self._deliver([_Outcome(job, error=error) for job in group])
            else:
                for job in group:
                    self._write_group(work, [job])
        else:
            self._deliver([_Outcome(job, result) for job, result in zip(group, results, strict=True)])

    def _write_single(self, job: Job) -> None:
        try:
            outcome = _Outcome(job, self._transaction(job.work))
        # As above: the error is the caller's.
        except BaseException as error:
            outcome = _Outcome(job, error=error)
        self._deliver([outcome])

    def _deliver(self, outcomes: list[_Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._hand_over, outcomes)
        except RuntimeError:  # the loop was closed; nobody waits any more
            return

    def _hand_over(self, outcomes: list[_Outcome]) -> None:
        self._waiting -= len(outcomes)
        for outcome in outcomes:
            waiter = outcome.job.waiter
            if waiter.done():
                continue
            if outcome.error is None:
                waiter.set_result(outcome.result)
            else:
                waiter.set_exception(outcome.error)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._session is None:
                self._session = self._backend.session(self._schema)
            return self._session.commit(work, self._faults)
        except TryAgain:
            self._drop()
            raise
        # Broad, because only the database knows which errors of its driver are troubles of the machine.
        except Exception as error:
            temporary = self._backend.trouble(error)
            if temporary is None:
                raise
            self._drop()
            raise temporary from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.end()
