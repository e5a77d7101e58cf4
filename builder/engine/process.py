"""Running a tool that takes its time: its lines as they come, and a clean stop on Ctrl-C."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

_GRACE_SECONDS = 30.0
_LAST_GRACE_SECONDS = 5.0


def stream(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    finish: bool = False,
) -> int:
    """Run `argv`, hand each line that it prints to `on_line`, give its exit status.

    The tool has a process group of its own: a Ctrl-C on the terminal reaches this process alone, and is
    passed on once to the tool's whole group, which is then waited for. Nothing is left running. With
    `finish` the tool does not hear of it, and is let come to its end first.
    """
    with _termination_interrupts():
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(env) if env is not None else None,
            process_group=0,
        )
        try:
            for line in process.stdout or ():
                on_line(line)
            return process.wait()
        except BaseException:
            if finish:
                process.communicate()
            else:
                _stop(process)
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt, then terminate, then kill: each only after the one before it had its time."""
    stages = ((signal.SIGINT, _GRACE_SECONDS), (signal.SIGTERM, _LAST_GRACE_SECONDS))
    try:
        for number, patience in stages:
            _signal_group(process, number)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=patience)
                return
    finally:
        if process.poll() is None:
            _signal_group(process, signal.SIGKILL)
            process.wait()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Let SIGTERM and a closed terminal stop the tool as Ctrl-C does, instead of leaving it alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
