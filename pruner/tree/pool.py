"""Several interpreters that prune at once, one file each at a time.

One that dies, killed for its memory say, takes down its own file's report and nothing else: another starts
in its place. They sit in process groups of their own, so that a terminal's Ctrl-C reaches the run alone.
"""

import importlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from pruner.tree.guard import Interruption

MOST = 8
# With `-S` it starts in half the time; what `site` would add to the path comes from this process.
_PROGRAM = "import sys; from pruner.tree.pool import serve; serve(int(sys.argv[1]))"


@dataclass(frozen=True)
class Job:
    name: str
    work: str
    """`module:function`, imported where it runs."""
    arguments: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lost:
    """A job without an answer."""

    reason: str


def default_jobs() -> int:
    return min(MOST, len(os.sched_getaffinity(0)))


class Pool:
    """`run` gives each job's answer as it comes. `held` are descriptors that workers keep open."""

    def __init__(self, jobs: int, interruption: Interruption, held: Sequence[int] = ()) -> None:
        self._limit = jobs
        self._interruption = interruption
        self._held = held
        self._workers: list[_Worker] = []

    def run(
        self, jobs: Iterable[Job], starting: Callable[[Job], None], waiting: Callable[[], float | None]
    ) -> Iterator[tuple[Job, Any]]:
        """`starting` is told of each job before it begins; `waiting` is called before each wait and says
        for how long it may last at most."""
        pending = deque(jobs)
        try:
            while True:
                self._hand_out(pending, starting)
                if not any(worker.job for worker in self._workers):
                    return
                for ready in wait([self._interruption.fileno(), *self._busy()], waiting()):
                    if isinstance(ready, Connection):
                        yield self._answer(ready)
                    else:
                        self._hear()
        finally:
            self._dismiss()

    def _hand_out(self, pending: deque[Job], starting: Callable[[Job], None]) -> None:
        while pending and not self._interruption:
            worker = self._idle_worker()
            if worker is None:
                return
            job = pending.popleft()
            starting(job)
            worker.take(job)

    def _idle_worker(self) -> "_Worker | None":
        for worker in self._workers:
            if worker.job is None:
                return worker
        if len(self._workers) < self._limit:
            self._workers.append(_Worker(self._held))
            return self._workers[-1]
        return None

    def _busy(self) -> list[Connection]:
        return [worker.connection for worker in self._workers if worker.job]

    def _hear(self) -> None:
        self._interruption.heard()
        if self._interruption.insists:
            for worker in self._workers:
                worker.process.kill()

    def _answer(self, connection: Connection) -> tuple[Job, Any]:
        worker = next(worker for worker in self._workers if worker.connection is connection)
        job, worker.job = worker.job, None
        assert job is not None  # noqa: S101 - only busy workers are waited for
        try:
            return job, connection.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            return job, Lost(self._cause(worker.close()))

    def _cause(self, code: int) -> str:
        if self._interruption.insists:
            return "stopped in the middle"
        if code == -signal.SIGKILL:
            return "its worker was killed: too little memory?"
        return f"its worker died (exit status {code})"

    def _dismiss(self) -> None:
        for worker in self._workers:
            if worker.job:
                worker.process.kill()
            worker.close()
        self._workers.clear()


class _Worker:
    def __init__(self, held: Sequence[int]) -> None:
        self.job: Job | None = None
        self.connection, theirs = Pipe()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-S", "-c", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # it says all in its answers; who reads this run's lines need not
                stderr=subprocess.DEVNULL,  # wait for it where the run itself is killed
                pass_fds=[theirs.fileno(), *held],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
                },
                process_group=0,
            )

    def take(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # it died idle: waiting for its answer finds that out
            self.connection.send(job)

    def close(self) -> int:
        """Let it go; its exit status."""
        self.connection.close()
        return self.process.wait()


def serve(descriptor: int) -> None:
    """A worker's life: a job, its answer, the next job, until nobody asks any more."""
    with Connection(descriptor) as connection:
        while True:
            try:
                job = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(_done(job))


def _done(job: Job) -> object:
    try:
        module, _, function = job.work.partition(":")
        return getattr(importlib.import_module(module), function)(*job.arguments, **job.keywords)
    except Exception as error:  # a defect costs one file, not the run
        return Lost(f"unexpected {type(error).__name__}: {error}")
