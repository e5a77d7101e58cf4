"""What comes out of a container when its engine stops, is stopped, breaks, hangs or leaves children."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable

import pytest

Supervised = Callable[..., subprocess.Popen[str]]
WAIT_SECONDS = 20

OBEDIENT = """
import signal, sys
def stop(number, frame):
    print("stopping on", signal.Signals(number).name)
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, stop)
print("ready")
while True:
    signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready")
while True:
    signal.pause()
"""
WITH_CHILD = """
import os, signal, sys
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(writer, b"x")
    while True:
        signal.pause()
os.read(reader, 1)
print(child)
if sys.argv[1:] != ["leave"]:
    signal.pause()
"""


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(pid: int) -> bool:
    """Wait until a process that is not ours has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], WAIT_SECONDS)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_reaches_the_engine_and_is_a_success(supervised: Supervised, number: int) -> None:
    process = supervised(OBEDIENT)
    assert first_line(process) == "ready"
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out.strip()) == (0, f"stopping on {signal.Signals(number).name}")
    assert err == ""


def test_an_engine_that_dies_of_the_stop_signal_is_a_success_too(supervised: Supervised) -> None:
    process = supervised("import signal; print('ready'); signal.pause()")
    assert first_line(process) == "ready"
    process.terminate()
    assert process.wait(WAIT_SECONDS) == 0


def test_an_engine_that_ends_by_itself_with_0_is_a_failure(supervised: Supervised) -> None:
    process = supervised("print('ready')")
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 70
    assert "ended by itself with exit code 0" in err


def test_the_engine_s_own_exit_code_comes_out(supervised: Supervised) -> None:
    process = supervised("raise SystemExit(3)")
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 3
    assert "exit code 3" in err


def test_an_engine_that_is_killed_comes_out_as_a_shell_says_it(supervised: Supervised) -> None:
    process = supervised("import os; os.kill(os.getpid(), 9)")
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 137
    assert "signal 9" in err


def test_an_engine_that_does_not_stop_is_killed_after_the_grace(supervised: Supervised) -> None:
    process = supervised(STUBBORN, grace=0.2)
    assert first_line(process) == "ready"
    process.terminate()
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 137
    assert "killing it" in err


def test_a_second_stop_does_not_lengthen_the_grace(supervised: Supervised) -> None:
    process = supervised(STUBBORN, grace=0.5)
    assert first_line(process) == "ready"
    process.terminate()
    for _ in range(WAIT_SECONDS * 10):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            break
    assert process.returncode == 137


def test_nothing_of_the_group_is_left_when_the_engine_ends(supervised: Supervised) -> None:
    process = supervised("import sys; sys.argv[1:] = ['leave']\n" + WITH_CHILD)
    worker = int(first_line(process))
    assert process.wait(WAIT_SECONDS) == 70
    assert ended(worker)


def test_nothing_of_the_group_is_left_when_the_engine_is_killed(supervised: Supervised) -> None:
    process = supervised(WITH_CHILD, grace=0.2)
    worker = int(first_line(process))
    process.terminate()
    assert process.wait(WAIT_SECONDS) == 0
    assert ended(worker)


def test_other_signals_are_passed_on_and_are_no_stop(supervised: Supervised) -> None:
    process = supervised(
        "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: print('heard'))\nprint('ready')\n"
        "signal.pause()\nsignal.pause()"
    )
    assert first_line(process) == "ready"
    process.send_signal(signal.SIGUSR1)
    assert first_line(process) == "heard"
    process.send_signal(signal.SIGUSR1)
    assert process.wait(WAIT_SECONDS) == 70


def test_the_engine_starts_with_no_signal_blocked(supervised: Supervised) -> None:
    process = supervised("import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))")
    assert first_line(process) == "[]"


def test_a_program_that_is_not_there_is_one_line(start: Supervised) -> None:
    from tests.runner.conftest import SUPERVISE

    process = start("-c", SUPERVISE, "1", "no-such-engine")
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 127
    assert err == "runner: error: cannot start no-such-engine: No such file or directory\n"
