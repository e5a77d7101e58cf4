"""One engine as a child in a process group of its own: signals go in, an exit code comes out."""

import os
import signal
import sys
import time

GRACE_SECONDS = 8.0
"""Below the ten seconds after which `docker stop` kills."""
EXIT_ENDED_UNASKED = 70
EXIT_NOT_FOUND = 127

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
PASSED_ON = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
HANDLED = {*STOP, *PASSED_ON, signal.SIGCHLD}


def supervise(command: list[str], environment: dict[str, str], grace: float = GRACE_SECONDS) -> int:
    """Run `command` until it ends; the exit code that the container shall have."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        child = os.posix_spawnp(command[0], command, environment, setsid=True, setsigmask=previous)
    except OSError as error:
        _say(f"error: cannot start {command[0]}: {error.strerror}")
        return EXIT_NOT_FOUND
    try:
        status, asked = _watch(child, grace)
    finally:
        _kill_group(child)
    return _verdict(command[0], os.waitstatus_to_exitcode(status), asked=asked)


def _watch(child: int, grace: float) -> tuple[int, bool]:
    """Pass signals on and reap until the child has ended: its wait status, and whether it was asked to."""
    deadline: float | None = None
    asked = False
    while True:
        number = _next_signal(deadline)
        if number is None:
            _say(f"still running {grace:.0f} s after it was asked to stop: killing it")
            _kill_group(child)
            deadline = None
            asked = True
        elif number == signal.SIGCHLD:
            status = _reap(child)
            if status is not None:
                return status, asked
        else:
            os.kill(child, number)
            if number in STOP and deadline is None:
                deadline = time.monotonic() + grace
                asked = True


def _next_signal(deadline: float | None) -> int | None:
    """The next signal; None when the deadline has passed without one."""
    if deadline is None:
        return signal.sigwaitinfo(HANDLED).si_signo
    got = signal.sigtimedwait(HANDLED, max(0.0, deadline - time.monotonic()))
    return got.si_signo if got else None


def _reap(child: int) -> int | None:
    """Collect every process that has ended, orphans too; the child's wait status if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _verdict(name: str, code: int, *, asked: bool) -> int:
    """A stop that was asked for is a success; a server that ends by itself is not, whatever it says."""
    if asked:
        return 0 if code in (0, *(-number for number in STOP)) else _shell_code(code)
    if code == 0:
        _say(f"error: {name} ended by itself with exit code 0; the lines above say why")
        return EXIT_ENDED_UNASKED
    _say(f"error: {name} ended by itself with {'signal' if code < 0 else 'exit code'} {abs(code)}")
    return _shell_code(code)


def _shell_code(code: int) -> int:
    return 128 - code if code < 0 else code


def _say(text: str) -> None:
    print(f"runner: {text}", file=sys.stderr, flush=True)
