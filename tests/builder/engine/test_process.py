"""Tools as subprocesses: their lines, their status, and how they stop. Real processes and real signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builder.engine.process import stream

COUNTING = """
import os, signal, sys
count = 0
def heard(number, frame):
    global count
    count += 1
    print("heard", signal.Signals(number).name, count, flush=True)
    with open(NOTE, "w") as note:
        note.write(str(count))
    if not STUBBORN:
        sys.exit(3)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, heard)
print("ready", os.getpid(), flush=True)
while True:
    signal.pause()
"""

HARNESS = """
import sys
from builder.engine import process
process._GRACE_SECONDS = float(sys.argv[1])
process._LAST_GRACE_SECONDS = float(sys.argv[1])
try:
    process.stream(sys.argv[3:], lambda line: print(line, end="", flush=True), finish=sys.argv[2] == "finish")
except KeyboardInterrupt:
    sys.exit(130)
"""


def start(*tool: str, grace: float = 20, finish: bool = False) -> "subprocess.Popen[str]":
    """A process that streams `tool`; it is a process of its own so that signals can be sent to it."""
    mode = "finish" if finish else "stop"
    return subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(grace), mode, *tool], stdout=subprocess.PIPE, text=True
    )


def counting(note: Path, *, stubborn: bool = False) -> list[str]:
    return [sys.executable, "-c", f"NOTE = {os.fspath(note)!r}\nSTUBBORN = {stubborn}\n{COUNTING}"]


def pid_of(harness: "subprocess.Popen[str]") -> int:
    assert harness.stdout is not None
    word, pid = harness.stdout.readline().split()
    assert word == "ready"
    return int(pid)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_lines_of_both_outputs_come_in_order_and_the_status_is_given() -> None:
    lines: list[str] = []
    status = stream(["sh", "-c", "echo one; echo two >&2; printf three; exit 7"], lines.append)
    assert lines == ["one\n", "two\n", "three"]
    assert status == 7


def test_bytes_that_are_no_text_do_not_stop_the_stream() -> None:
    lines: list[str] = []
    assert stream(["printf", r"\377\376\nnext\n"], lines.append) == 0
    assert lines[-1] == "next\n"


def test_the_tool_gets_the_environment_it_is_given() -> None:
    lines: list[str] = []
    stream(["sh", "-c", "echo $COLOUR"], lines.append, env={**os.environ, "COLOUR": "green"})
    assert lines == ["green\n"]


def test_the_tool_has_no_terminal_to_ask_on() -> None:
    lines: list[str] = []
    stream(["sh", "-c", 'read answer; echo "got:$answer"'], lines.append)
    assert lines == ["got:\n"]


def test_a_tool_that_is_not_there_is_said() -> None:
    with pytest.raises(FileNotFoundError):
        stream(["no-such-tool-anywhere"], lambda _: None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_tool_once_and_it_is_waited_for(number: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "heard"
    harness = start(*counting(note))
    pid = pid_of(harness)
    harness.send_signal(number)
    output, _ = harness.communicate(timeout=20)
    assert harness.returncode == 130
    assert note.read_text(encoding="ascii") == "1"
    assert not is_alive(pid)
    assert "heard SIGTERM" not in output


def test_a_tool_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    harness = start(*counting(tmp_path / "heard", stubborn=True), grace=0.2)
    pid = pid_of(harness)
    harness.send_signal(signal.SIGINT)
    harness.communicate(timeout=20)
    assert harness.returncode == 130
    assert not is_alive(pid)


def test_a_second_ctrl_c_does_not_wait_any_longer(tmp_path: Path) -> None:
    note = tmp_path / "heard"
    os.mkfifo(note)
    harness = start(*counting(note, stubborn=True))
    pid = pid_of(harness)
    harness.send_signal(signal.SIGINT)
    assert note.read_text(encoding="ascii") == "1"
    harness.send_signal(signal.SIGINT)
    harness.communicate(timeout=15)
    assert harness.returncode == 130
    assert not is_alive(pid)


def test_the_tool_s_own_children_stop_too(tmp_path: Path) -> None:
    inner = counting(tmp_path / "heard")
    harness = start(sys.executable, "-c", f"import subprocess; subprocess.run({inner!r})")
    pid = pid_of(harness)
    harness.send_signal(signal.SIGINT)
    harness.communicate(timeout=20)
    assert not is_alive(pid)


def test_a_tool_that_must_come_to_its_end_does(tmp_path: Path) -> None:
    note = tmp_path / "note"
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    harness = start("sh", "-c", f"echo ready $$; read line < {gate}; echo done > {note}", finish=True)
    pid = pid_of(harness)
    harness.send_signal(signal.SIGINT)
    with gate.open("w", encoding="ascii") as opened:
        opened.write("go\n")
    harness.communicate(timeout=20)
    assert harness.returncode == 130
    assert note.read_text(encoding="ascii") == "done\n"
    assert not is_alive(pid)
