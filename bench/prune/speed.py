"""Seconds and memory of a run over a whole tree, beside `cp -a` of the same bytes.

Each round first copies and then prunes the copy. Both begin with their input out of the system's cache, and
both end when everything is on the disk.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

from bench.prune import fetch
from bench.prune.claims import Claim
from bench.prune.trees import forget, pruning

_ROUNDS = 3
_RATIO = 2.0
_MEMORY_MB = 400
_ARGUMENTS = ("--arch", "sm_90", "--embedded")
_ROOT = Path(__file__).parents[2]
_SAMPLES_EVERY = 0.02


def beside_cp(cache: Path) -> Iterator[Claim]:
    source = fetch.site_packages(cache)
    rounds = [_round(source, cache) for _ in range(_ROUNDS)]
    copied, pruned = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
    peak = max(memory for _, _, memory in rounds)
    note = f"{pruned:.1f} s, cp -a {copied:.1f} s; rounds " + ", ".join(
        f"{own:.1f}/{other:.1f}" for other, own, _ in rounds
    )
    yield Claim("a whole tree, against cp -a", pruned / copied, _RATIO, "times", note)
    yield Claim("memory of all processes together", peak / 1e6, _MEMORY_MB, "MB", "shared pages once")


def _round(source: Path, cache: Path) -> tuple[float, float, int]:
    with tempfile.TemporaryDirectory(dir=cache, prefix="copy-") as folder:
        forget(source)
        copied, _ = _timed(["cp", "-a", str(source), folder])
        copy = Path(folder) / source.name
        forget(copy)
        pruned, memory = _timed(pruning(copy, *_ARGUMENTS, report=os.devnull))
        return copied, pruned, memory


def _timed(command: Sequence[str]) -> tuple[float, int]:
    """Seconds until all is on the disk, and the most bytes of memory at one time."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        peak = _Peak(process.pid)
        process.wait()
    os.sync()
    return time.perf_counter() - started, peak.stop()


class _Peak:
    """Watches a process and all that descend from it."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._most = 0
        self._over = Event()
        self._thread = Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLES_EVERY):
            self._most = max(self._most, sum(map(_own_memory, _family(self._root))))


def _family(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _read(children).split():
            yield from _family(int(child))


def _own_memory(process: int) -> int:
    """Its pages, those that it shares counted in part."""
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:  # it ended meanwhile
        return ""
