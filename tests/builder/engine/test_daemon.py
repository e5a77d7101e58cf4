"""Starting an engine by hand, with a fake dockerd: the one that runs here is nobody's to start or stop."""

import io
import os
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import daemon
from builder.errors import EngineError


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without systemd, on which no engine answers."""
    for name in ("LOG", "_LOCK", "_PID_FILE", "_SYSTEMD"):
        monkeypatch.setattr(daemon, name, tmp_path / name)
    monkeypatch.setattr(daemon, "_START_SECONDS", 5)
    monkeypatch.setattr(daemon, "connect", silence)
    monkeypatch.setattr(daemon, "_SYSTEM_PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def silence() -> None:
    raise EngineError("no container engine answers")


def dockerd(folder: Path, script: str) -> None:
    program = folder / "dockerd"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def start() -> object:
    with Console(io.StringIO(), live=False, colour=False).step("start") as step:
        return daemon.start(step)


def test_a_daemon_that_ends_at_once_shows_its_log(alone: Path) -> None:
    dockerd(alone, "echo 'failed to mount cgroup: permission denied' >&2; exit 1")
    with pytest.raises(EngineError, match="did not start: dockerd ended with status 1") as caught:
        start()
    assert caught.value.evidence == ("failed to mount cgroup: permission denied",)
    assert str(daemon.LOG) in str(caught.value.hint)


def test_a_daemon_that_starts_is_waited_for_and_left_running(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, ready = alone / "gate", alone / "ready"
    os.mkfifo(gate)
    dockerd(alone, f"touch {ready}; read line < {gate}")

    def answer() -> object:
        if ready.exists():
            return "engine"
        raise EngineError("not yet")

    monkeypatch.setattr(daemon, "connect", answer)
    assert start() == "engine"
    with gate.open("w", encoding="ascii") as opened:
        opened.write("the daemon still listens\n")
    assert daemon._started.pop().wait(timeout=5) == 0


def test_a_daemon_that_runs_already_is_waited_for_and_not_started_twice(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = alone / "started"
    dockerd(alone, f"touch {started}")
    monkeypatch.setattr(daemon, "_running_pid", lambda: 1)
    monkeypatch.setattr(daemon, "_START_SECONDS", 0.3)
    with pytest.raises(EngineError, match="did not answer within"):
        start()
    assert not started.exists()


@pytest.mark.parametrize(
    "content", ["", "not a number", "999999999", pytest.param(str(os.getpid()), id="of another program")]
)
def test_a_stale_pid_file_is_seen_through(content: str, alone: Path) -> None:
    (alone / "_PID_FILE").write_text(content, encoding="ascii")
    assert daemon._running_pid() is None


def test_without_the_program_there_is_nothing_to_start(alone: Path) -> None:
    with pytest.raises(EngineError, match="there is no dockerd"):
        start()
    assert not (alone / "LOG").exists()
