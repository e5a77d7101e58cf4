"""Workers: what they answer, and what it costs when one dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.paths import ROOT
from pruner.tree.guard import Interruption
from pruner.tree.pool import Job, Lost, Pool


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    with Interruption() as found:
        yield found


def answers(interruption: Interruption, jobs: list[Job], limit: int = 2) -> dict[str, object]:
    pool = Pool(limit, interruption)
    return {job.name: answer for job, answer in pool.run(jobs, lambda _job: None, lambda: None)}


def job(name: str, work: str, *arguments: object) -> Job:
    return Job(name, work, arguments)


def test_every_job_gets_its_answer(interruption: Interruption) -> None:
    jobs = [job(str(number), "operator:mul", number, 10) for number in range(20)]
    assert answers(interruption, jobs) == {str(number): 10 * number for number in range(20)}


def test_no_jobs_need_no_workers(interruption: Interruption) -> None:
    assert answers(interruption, []) == {}


def test_there_are_as_many_workers_as_asked_for(interruption: Interruption) -> None:
    jobs = [job(str(number), "os:getpid") for number in range(12)]
    assert len(set(answers(interruption, jobs, limit=1).values())) == 1
    assert os.getpid() not in answers(interruption, jobs, limit=3).values()


def test_a_worker_that_is_killed_costs_its_own_job(interruption: Interruption) -> None:
    jobs = [
        job("before", "operator:neg", 1),
        job("killed", "signal:raise_signal", signal.SIGKILL),
        job("left", "os:_exit", 5),
        job("after", "operator:neg", 2),
    ]
    found = answers(interruption, jobs, limit=1)
    assert (found["before"], found["after"]) == (-1, -2)
    assert found["killed"] == Lost("its worker was killed: too little memory?")
    assert found["left"] == Lost("its worker died (exit status 5)")


def test_a_defect_costs_its_own_job(interruption: Interruption) -> None:
    found = answers(interruption, [job("bad", "operator:neg", "text"), job("good", "operator:neg", 1)])
    assert found["good"] == -1
    assert isinstance(found["bad"], Lost)
    assert "TypeError" in found["bad"].reason


def test_after_an_interruption_nothing_begins(interruption: Interruption) -> None:
    begun = []

    def starting(one: Job) -> None:
        begun.append(one.name)
        signal.raise_signal(signal.SIGINT)

    pool = Pool(1, interruption)
    jobs = [job(str(number), "operator:neg", number) for number in range(5)]
    assert [answer for _, answer in pool.run(jobs, starting, lambda: None)] == [0]
    assert begun == ["0"]


def test_handlers_of_signals_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interruption():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_workers_go_when_nobody_asks_them_any_more() -> None:
    """A run that is killed leaves none behind: each sees the end of its pipe."""
    program = (
        "import os, signal\n"
        "from pruner.tree.guard import Interruption\n"
        "from pruner.tree.pool import Job, Pool\n"
        "with Interruption() as interruption:\n"
        "    for _, pid in Pool(1, interruption).run([Job('a', 'os:getpid', ())], print, lambda: None):\n"
        "        print(pid, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    worker = int(done.stdout.split()[-1])
    deadline = time.monotonic() + 10
    while _lives(worker):
        assert time.monotonic() < deadline
        os.sched_yield()


def _lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
