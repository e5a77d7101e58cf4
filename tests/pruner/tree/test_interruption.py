"""Ctrl-C, SIGTERM and worse: a run ends between files, tells what was done, and the next one goes on.

A worker that stands in for the real one says when it has begun, and waits for a word before it goes on.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pruner.replace import LEFTOVER
from tests.pruner.tree.stand_ins import GO_ON, STARTED
from tests.pruner.tree.trees import (
    contents,
    fat,
    hip_library,
    prune,
    pruner,
    put,
    request,
    rocblas,
    run,
    snapshot,
    wheel,
)

LARGE, SMALL, LINK = "site/liblarge.so", "site/libsmall.so", "site/liblink.so"
ARCH = ("--arch", "gfx1100")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    put(root / LARGE, hip_library("gfx906", "gfx1030", "gfx1100", "gfx1201"))
    put(root / SMALL, fat())
    os.link(root / LARGE, root / LINK)
    wheel(root / "site", "foo", "liblarge.so", "libsmall.so", "liblink.so")
    rocblas(root / "rocblas/library", "gfx906", "gfx1100")
    for folder in (root / "site", root / "rocblas/library", root / "rocblas", root):
        os.utime(folder, (1000, 1000))
    return root


@pytest.fixture
def undisturbed(tmp_path: Path, tree: Path) -> dict[str, bytes]:
    """What the tree is to become."""
    copy = tmp_path / "undisturbed"
    subprocess.run(["cp", "-a", tree, copy], check=True)
    assert prune(request(copy, marker=copy / ".gfxpack-pruned.json")).exit_code == 0
    return contents(copy)


class Paused:
    """A run whose worker waits for a word."""

    def __init__(self, process: subprocess.Popen[str], fifos: tuple[Path, Path]) -> None:
        self.process = process
        self._started, self._go_on = fifos

    def has_begun(self) -> str:
        with self._started.open(encoding="utf-8") as stream:
            return stream.readline().strip()

    def let_go_on(self) -> None:
        with self._go_on.open("w", encoding="utf-8") as stream:
            stream.write("go on\n")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def paused(tree: Path, stand_in: str, *arguments: str | Path) -> Iterator[Paused]:
    fifos = (tree.with_name("started"), tree.with_name("go_on"))
    for fifo in fifos:
        os.mkfifo(fifo)
    environment = {STARTED: str(fifos[0]), GO_ON: str(fifos[1])}
    with pruner(
        tree, *ARCH, "--jobs", "1", *arguments, stand_in=stand_in, environment=environment
    ) as process:
        try:
            yield Paused(process, fifos)
        finally:
            process.kill()
    for fifo in fifos:
        fifo.unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_ends_after_the_file_that_is_under_way(
    number: signal.Signals, tree: Path, undisturbed: dict[str, bytes]
) -> None:
    before = contents(tree)
    with paused(tree, "waiting", "--json", tree.with_name("report.json")) as one:
        assert one.has_begun() == LARGE
        one.process.send_signal(number)
        one.let_go_on()
        code, out, err = one.end()
    assert (code, err) == (130, "")
    assert "interrupted with 1 file to go" in out
    report = json.loads(tree.with_name("report.json").read_bytes())
    assert (report["interrupted"], report["exit_code"], report["left"]) == (True, 130, [SMALL])
    after = contents(tree)
    assert after[LARGE] == after[LINK] == undisturbed[LARGE]
    assert after[SMALL] == before[SMALL]
    assert not any(name.endswith(LEFTOVER) for name in after)
    assert run(tree, *ARCH).returncode == 0
    assert contents(tree) == undisturbed


def test_whoever_insists_stops_the_file_that_is_under_way(tree: Path, undisturbed: dict[str, bytes]) -> None:
    before = contents(tree)
    with paused(tree, "waiting") as one:
        assert one.has_begun() == LARGE
        one.process.send_signal(signal.SIGINT)
        one.process.send_signal(signal.SIGTERM)
        code, out, _ = one.end()
    assert code == 130
    assert f"{LARGE}: stopped in the middle" in out
    assert contents(tree)[LARGE] == before[LARGE]
    assert run(tree, *ARCH).returncode == 0
    assert contents(tree) == undisturbed


@pytest.mark.parametrize("stand_in", ["waiting", "waiting_afterwards"])
def test_after_a_run_that_was_killed_the_next_one_makes_up_for_it(
    stand_in: str, tree: Path, undisturbed: dict[str, bytes]
) -> None:
    """Killed before or after a file took its new form: other names, RECORD and marker become what they
    would have been, and folders have their first dates."""
    with paused(tree, stand_in) as one:
        assert one.has_begun() == LARGE
        one.process.kill()
        one.end()
        one.let_go_on()
    put(tree / f"site/.libsmall.so.abc{LEFTOVER}", b"half")
    done = _run_when_free(tree)
    assert done.returncode == 0, done.stderr
    after = contents(tree)
    assert after.keys() == undisturbed.keys()
    assert {name for name in after if after[name] != undisturbed[name]} <= {".gfxpack-pruned.json"}
    assert (tree / LARGE).samefile(tree / LINK)
    marker = json.loads(after[".gfxpack-pruned.json"])
    expected = json.loads(undisturbed[".gfxpack-pruned.json"])
    for file in (marker, expected):  # what a dead worker took out of its file, nobody knows any more
        file["files"][LARGE]["lost"] = {}
    assert marker == expected
    assert {(tree / folder).stat().st_mtime for folder in ("", "site", "rocblas/library")} == {1000}


def _run_when_free(tree: Path) -> subprocess.CompletedProcess[str]:
    """The worker of the dead run holds the lock until it is done with its file."""
    while True:
        done = run(tree, *ARCH)
        if "another run works on" not in done.stderr:
            return done


def test_two_runs_keep_apart(tree: Path) -> None:
    with paused(tree, "waiting") as one:
        one.has_begun()
        before = snapshot(tree)
        for place in (tree, tree / "site", tree / SMALL, tree.parent):
            other = run(place, *ARCH)
            assert other.returncode == 2
            assert "another run works on" in other.stderr
            assert other.stderr.count("\n") == 2
        assert snapshot(tree) == before
        one.let_go_on()
        one.has_begun()
        one.let_go_on()
        assert one.end()[0] == 0


def test_runs_beside_each_other_are_free(tree: Path, tmp_path: Path) -> None:
    put(tmp_path / "other/libx.so", fat())
    with paused(tree, "waiting") as one:
        one.has_begun()
        assert run(tmp_path / "other", *ARCH).returncode == 0
