"""What a person sees: one line per step, its time, and on a terminal a line that moves while it runs.

On a terminal the running step is redrawn in place; elsewhere (CI, a pipe) every line is plain and final,
so that a log reads the same as the screen did.
"""

import io
import os
import re
import shutil
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from builder.errors import GfxpackError

_RESET = "\x1b[0m"
_STYLES = {"bold": "\x1b[1m", "dim": "\x1b[2m", "red": "\x1b[31m", "yellow": "\x1b[33m", "green": "\x1b[32m"}
_CLEAR_LINE = "\r\x1b[2K"
_FRAME_SECONDS = 0.1
_STEERING = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor, screen
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # titles and links
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What tells a terminal to do something, or cannot be written: logs and answers of models may hold it."""


def seconds(value: float) -> str:
    """A duration as people say it: 0.4s, 12s, 3m05s."""
    if value < 10:
        return f"{value:.1f}s"
    if value < 60:
        return f"{value:.0f}s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}m{rest:02d}s"


def size(count: float) -> str:
    """A byte count in decimal units, as image sizes are given: 812 B, 14.2 MB, 1.38 GB."""
    for unit, digits in (("B", 0), ("kB", 0), ("MB", 1), ("GB", 2)):
        if count < 1000 or unit == "GB":
            return f"{count:.{digits}f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def _harmless(text: str) -> str:
    return _STEERING.sub("", text)


def _folded(text: str) -> str:
    """In one line, whatever it was before."""
    return " ".join(_harmless(" ".join(text.split())).split())


def _cut(text: str, columns: int) -> str:
    """The beginning of a text that fits into so many columns."""
    used = 0
    for position, letter in enumerate(text):
        used += _columns(letter)
        if used > columns:
            return text[:position]
    return text


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


class Step:
    """A piece of work that is under way; `finish` puts a remark behind its time."""

    def __init__(self, console: "Console", title: str) -> None:
        self.title = _folded(title)
        self.started = time.monotonic()
        self.remark = ""
        self._activity: str | Callable[[], str] = ""
        self._console = console

    def update(self, activity: str | Callable[[], str]) -> None:
        """What is being done right now; shown on a terminal only. A function is asked at each redraw."""
        self._activity = activity

    @property
    def activity(self) -> str:
        return _folded(self._activity() if callable(self._activity) else self._activity)

    def log(self, text: str) -> None:
        """A line that stays, below the step's title."""
        self._console.indented(text)

    def finish(self, remark: str) -> None:
        self.remark = _folded(remark)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started


class Console:
    def __init__(self, stream: TextIO, *, live: bool, colour: bool) -> None:
        self._stream = stream
        self._live = live
        self._colour = colour
        self._lock = threading.RLock()
        self._steps: list[Step] = []

    @classmethod
    def for_stream(cls, stream: TextIO | None = sys.stdout) -> "Console":
        """None is how Python gives a stream that was closed when it started."""
        if stream is None:
            return cls(io.StringIO(), live=False, colour=False)
        terminal = stream.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
        return cls(stream, live=terminal, colour=terminal and "NO_COLOR" not in os.environ)

    @property
    def live(self) -> bool:
        return self._live

    def line(self, text: str = "") -> None:
        self._write(_harmless(text))

    def indented(self, text: str) -> None:
        self._write(self._styled("  " + _harmless(text), "dim"))

    def warn(self, text: str) -> None:
        self._write(f"{self._styled('warning:', 'yellow')} {_harmless(text)}")

    def fail(self, error: GfxpackError) -> None:
        for line in error.evidence:
            self.indented(line)
        self._write(f"{self._styled('error:', 'red')} {_harmless(error.message)}")
        if error.hint:
            self._write(f"{self._styled('hint:', 'bold')}  {_harmless(error.hint)}")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time a piece of work and show it while it runs. Steps nest; the innermost one is the live line."""
        step = Step(self, title)
        with self._lock:
            self._steps.append(step)
        if not self._live:
            self._write(f"==> {step.title}")
        try:
            with self._animation():
                yield step
        except BaseException:
            self._close(step, mark="--", style="dim")
            raise
        self._close(step, mark="ok", style="green")

    def _close(self, step: Step, *, mark: str, style: str) -> None:
        with self._lock:
            self._steps.remove(step)
        remark = f"  {step.remark}" if step.remark else ""
        self._write(f"{self._styled(mark, style)} {step.title}{remark} ({seconds(step.elapsed)})")

    @contextmanager
    def _animation(self) -> Iterator[None]:
        """Redraw the live line ten times a second; only the outermost step starts a thread."""
        if not self._live or len(self._steps) > 1:
            yield
            return
        stop = threading.Event()

        def draw() -> None:
            while not stop.wait(_FRAME_SECONDS):
                self._redraw()

        thread = threading.Thread(target=draw, name="console", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _redraw(self) -> None:
        with self._lock:
            if not self._steps:
                return
            step = self._steps[-1]
            text = f".. {step.title} {seconds(step.elapsed)}  {step.activity}"
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(_CLEAR_LINE + _cut(text, width))
            self._stream.flush()

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write((_CLEAR_LINE if self._live else "") + text + "\n")
            self._stream.flush()

    def _styled(self, text: str, style: str) -> str:
        return f"{_STYLES[style]}{text}{_RESET}" if self._colour else text
