"""Prunes one library while something goes wrong at a moment that is known.

    python -m tests.pruner.elf.interrupted PATH EVENT MISHAP

EVENT is one of Python's audit events: `tempfile.mkstemp` comes when all is planned, `os.truncate` when the
new file exists, `os.chmod` when it is written and verified, `os.rename` before it takes its place. `start`
is before everything. The report's outcome and reason are printed as JSON.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pruner.archs import Gfx, Wanted
from pruner.library import Options, prune_library

PAGES = 4096


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"changed")


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _replace(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes()[::-1])
    other.replace(path)


def _limit_memory(room: int) -> None:
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + room, size + room))


MISHAPS: dict[str, Callable[[Path], None]] = {
    "overwritten": _overwrite,
    "cut": lambda path: os.truncate(path, PAGES),
    "longer": _append,
    "replaced": _replace,
    "gone": lambda path: path.unlink(),
    "killed": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "disk full": lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (2 * PAGES, 2 * PAGES)),
    "no memory": lambda _: _limit_memory(0),
    "little memory": lambda _: _limit_memory(1 << 20),
    "some memory": lambda _: _limit_memory(16 << 20),
}


def _main(path: Path, awaited: str, mishap: str) -> None:
    pending = [MISHAPS[mishap]]

    def watch(event: str, _arguments: tuple[object, ...]) -> None:
        if event == awaited and pending:
            pending.pop()(path)

    sys.addaudithook(watch)
    sys.audit("start")
    report = prune_library(path, Wanted(gfx=(Gfx("gfx1100"),)), Options(least_gain=1), name=path.name)
    print(json.dumps([report.outcome, report.reason]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
