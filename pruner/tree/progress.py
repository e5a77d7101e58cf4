"""What a person sees while a run works: a line per changed file, and on a terminal one line that moves."""

import os
import shutil
import time
from contextlib import suppress
from typing import TextIO

from pruner.report import FileReport, Outcome
from pruner.tree.people import line
from pruner.tree.words import cut, printable, size

_CLEAR = "\r\x1b[2K"
_FRAME = 0.1


class Progress:
    """Plain lines, for logs. Also what the live one does beside its moving line.

    Without `lines` it is silent: for runs whose outcome is told at the end, file by file.
    """

    def __init__(self, stream: TextIO, *, lines: bool = True) -> None:
        self._stream = stream
        self._lines = lines

    def begin(self, files: int, weight: int) -> None:
        """So many files, so many bytes are to be looked at."""

    def start(self, name: str) -> None:
        """Somebody works on this file now."""

    def wait(self) -> float | None:
        """Nothing happens right now; how long that may last until this wants to be called again."""
        return None

    def done(self, report: FileReport) -> None:
        if self._lines and report.outcome is not Outcome.UNCHANGED:
            self.say(line(report))

    def say(self, text: str) -> None:
        self._write(text + "\n")

    def end(self) -> None:
        """Nothing moves any more."""

    def _write(self, text: str) -> None:
        with suppress(OSError):  # a reader who leaves is no reason to stop in the middle
            self._stream.write(text)
            self._stream.flush()


class LiveProgress(Progress):
    def __init__(self, stream: TextIO, *, lines: bool = True) -> None:
        super().__init__(stream, lines=lines)
        self._files = self._done_files = 0
        self._weight = self._done_weight = 0
        self._running: list[str] = []
        self._started = self._drawn = time.monotonic()

    def begin(self, files: int, weight: int) -> None:
        self._files, self._weight = files, weight
        self._done_files = self._done_weight = 0
        self._started = time.monotonic()

    def start(self, name: str) -> None:
        self._running.append(name)

    def wait(self) -> float | None:
        if time.monotonic() - self._drawn >= _FRAME:
            self._draw()
        return _FRAME

    def done(self, report: FileReport) -> None:
        if report.path in self._running:
            self._running.remove(report.path)
        self._done_files += 1
        self._done_weight += report.before
        super().done(report)

    def say(self, text: str) -> None:
        super().say(_CLEAR + text)
        self._draw()

    def end(self) -> None:
        self._write(_CLEAR)

    def _draw(self) -> None:
        if not self._files:  # kernel folders come first, and are quick
            return
        self._drawn = time.monotonic()
        rate = self._done_weight / max(self._drawn - self._started, 1e-3)
        text = (
            f"{self._done_files}/{self._files} files, {size(self._done_weight)} of {size(self._weight)}, "
            f"{size(rate)}/s  {printable(', '.join(self._running))}"
        )
        self._write(_CLEAR + cut(text, shutil.get_terminal_size().columns - 1))


def progress_for(stream: TextIO, *, lines: bool = True) -> Progress:
    live = stream.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
    return (LiveProgress if live else Progress)(stream, lines=lines)
