"""Starting the engine that is installed: through systemd where it runs, else by hand, one at a time."""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.console import Step
from builder.engine.client import Engine, connect
from builder.errors import EngineError

LOG = Path("/var/log/gfxpack-dockerd.log")
_LOCK = Path("/run/gfxpack-dockerd.lock")
_PID_FILE = Path("/var/run/docker.pid")
_SYSTEMD = Path("/run/systemd/system")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_START_SECONDS = 60
_POLL_SECONDS = 0.2
_EVIDENCE_LINES = 8

_started: "list[subprocess.Popen[bytes]]" = []
"""Daemons outlive this process; held here, they are not taken for forgotten children before."""


def installed() -> bool:
    return _program() is not None


def start(step: Step) -> Engine:
    """Start the engine and wait until it answers; an engine that somebody else starts meanwhile will do."""
    with _alone():
        try:
            return connect()
        except EngineError:
            pass
        if _SYSTEMD.is_dir():
            return _start_unit(step)
        return _start_by_hand(step)


def _start_unit(step: Step) -> Engine:
    step.update("systemctl start docker")
    done = subprocess.run(
        ["systemctl", "start", "docker"], capture_output=True, text=True, timeout=_START_SECONDS, check=False
    )
    if done.returncode != 0:
        raise EngineError(
            "systemd could not start the container engine",
            hint="see `journalctl -u docker`",
            evidence=done.stderr.splitlines()[-_EVIDENCE_LINES:],
        )
    return _await_answer(step, None)


def _start_by_hand(step: Step) -> Engine:
    program = _program()
    if program is None:
        raise EngineError("there is no dockerd to start", hint="install the distribution's package docker.io")
    running = _running_pid()
    if running is not None:
        step.update(f"waiting for dockerd (process {running})")
        return _await_answer(step, None)
    step.update("dockerd")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            [program],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"},
            start_new_session=True,
        )
    _started.append(process)
    return _await_answer(step, process)


def _await_answer(step: Step, process: "subprocess.Popen[bytes] | None") -> Engine:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return connect()
        except EngineError:
            if process is not None and process.poll() is not None:
                raise _did_not_start(f"dockerd ended with status {process.returncode}") from None
            if time.monotonic() > deadline:
                raise _did_not_start(f"the engine did not answer within {_START_SECONDS} s") from None
        step.update("waiting for the engine to answer")
        time.sleep(_POLL_SECONDS)


def _did_not_start(what: str) -> EngineError:
    try:
        lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return EngineError(
        f"the container engine did not start: {what}",
        hint=f"its log is {LOG}; a container or a sandbox often lacks the rights to run an engine",
        evidence=lines[-_EVIDENCE_LINES:],
    )


def _program() -> str | None:
    return shutil.which("dockerd") or shutil.which("dockerd", path=_SYSTEM_PATH)


def _running_pid() -> int | None:
    """The process that dockerd's own pid file names, if it lives and is a dockerd."""
    try:
        pid = int(_PID_FILE.read_text(encoding="ascii"))
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return pid if name == "dockerd" else None


@contextmanager
def _alone() -> Iterator[None]:
    """Only one process at a time starts an engine; another one waits, and then finds it running."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
