"""Several interpreters that prune at once, one file each at a time.

One that dies, killed for its memory say, takes down its own file's report and nothing else: another starts
in its place. They sit in process groups of their own, so that a terminal's Ctrl-C reaches the run alone.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import IO, Any, cast

from pruner.tree.guard import Interruption

MOST = 8
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from pruner.tree.worker import serve; serve()"


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
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Job] = {}

    def run(
        self, jobs: Iterable[Job], starting: Callable[[Job], None], waiting: Callable[[], float | None]
    ) -> Iterator[tuple[Job, Any]]:
        """`starting` is told of each job before it begins; `waiting` is called before each wait and says
        for how long it may last at most."""
        pending = deque(jobs)
        try:
            while True:
                self._hand_out(pending, starting)
                if not self._busy:
                    return
                watched: list[Interruption | _Worker] = [self._interruption, *self._busy]
                ready, _, _ = select(watched, [], [], waiting())
                for one in ready:
                    if isinstance(one, Interruption):
                        self._hear()
                    else:
                        yield self._busy.pop(one), self._answer(one)
        finally:
            self._dismiss()

    def _hand_out(self, pending: deque[Job], starting: Callable[[Job], None]) -> None:
        while pending and len(self._busy) < self._limit and not self._interruption:
            job = pending.popleft()
            starting(job)
            worker = self._idle.pop() if self._idle else _Worker(self._held)
            self._busy[worker] = job
            worker.take(job)

    def _hear(self) -> None:
        self._interruption.heard()
        if self._interruption.insists:
            for worker in self._busy:
                worker.kill()

    def _answer(self, worker: "_Worker") -> Any:  # noqa: ANN401 - whatever a job's function gives
        try:
            value, trouble = worker.answer()
        except (EOFError, pickle.UnpicklingError):
            return Lost(self._cause(worker.close()))
        self._idle.append(worker)
        return Lost(trouble) if trouble else value

    def _cause(self, code: int) -> str:
        if self._interruption.insists:
            return "stopped in the middle"
        if code == -signal.SIGKILL:
            return "its worker was killed: too little memory?"
        return f"its worker died (exit status {code})"

    def _dismiss(self) -> None:
        for worker in self._busy:
            worker.kill()
        for worker in (*self._busy, *self._idle):
            worker.close()


class _Worker:
    """A process that gets jobs on its standard input and answers on its standard output."""

    def __init__(self, held: Sequence[int]) -> None:
        self._process = subprocess.Popen(
            # Without `site` it starts in half the time; what that adds to the path comes from this process.
            [sys.executable, "-S", "-c", _PROGRAM, *(path or str(Path.cwd()) for path in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # who reads ours need not wait for it where this run is killed
            pass_fds=held,
            process_group=0,
        )
        self._jobs = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    def fileno(self) -> int:
        return self._answers.fileno()

    def take(self, job: Job) -> None:
        with suppress(BrokenPipeError):  # it died idle: waiting for its answer finds that out
            pickle.dump((job.work, job.arguments, job.keywords), self._jobs)
            self._jobs.flush()

    def answer(self) -> tuple[Any, str]:
        """What came of its job, or else what went wrong; raises where it is dead."""
        value, trouble = pickle.load(self._answers)  # noqa: S301 - from a process of ours
        return value, trouble

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> int:
        """Let it go; its exit status."""
        with suppress(BrokenPipeError):
            self._jobs.close()
        self._answers.close()
        return self._process.wait()
