"""What stands in for `prune_library` where a test needs a worker that misbehaves, or waits for a word."""

import os
import signal
from dataclasses import replace
from pathlib import Path

from pruner.archs import Wanted
from pruner.library import Options, prune_library
from pruner.replace import LEFTOVER
from pruner.report import FileReport

STARTED, GO_ON = "STAND_IN_STARTED", "STAND_IN_GO_ON"
"""Variables that name two FIFOs: what has begun is written to one, and a word read from the other."""


def killed_over_large_ones(path: Path, wanted: Wanted, options: Options, *, name: str) -> FileReport:
    """As the system does to who takes too much memory, in the middle of a new file."""
    if path.name.startswith("large"):
        path.with_name(f".{path.name}.12345{LEFTOVER}").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return prune_library(path, wanted, options, name=name)


def defective(path: Path, wanted: Wanted, options: Options, *, name: str) -> FileReport:
    if path.name.startswith("odd"):
        raise KeyError("a defect")
    return prune_library(path, wanted, options, name=name)


def waiting(path: Path, wanted: Wanted, options: Options, *, name: str) -> FileReport:
    """Says that it has begun, then does the work once it is told to."""
    _say(name)
    _listen()
    return prune_library(path, wanted, options, name=name)


def waiting_afterwards(path: Path, wanted: Wanted, options: Options, *, name: str) -> FileReport:
    """Does the work, and is slow to say so."""
    report = prune_library(path, wanted, options, name=name)
    _say(name)
    _listen()
    return replace(report)


def _say(word: str) -> None:
    with Path(os.environ[STARTED]).open("w", encoding="utf-8") as stream:
        stream.write(f"{word}\n")


def _listen() -> None:
    with Path(os.environ[GO_ON]).open(encoding="utf-8") as stream:
        stream.read()
