"""Programs that stand in for an engine, and the runner started for real as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPERVISE = """
import os, sys
from runner.supervise import supervise
sys.exit(supervise(sys.argv[2:], dict(os.environ), grace=float(sys.argv[1])))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command line of the runner; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def supervised(start: Start) -> Start:
    """Supervise a Python program given as text. Its first line on stdout says that it is ready."""

    def begin(program: str, *, grace: float = 30) -> subprocess.Popen[str]:
        return start("-c", SUPERVISE, str(grace), sys.executable, "-u", "-c", program)

    return begin
