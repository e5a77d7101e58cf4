"""What a person sees: plain lines in a log, one line that moves on a terminal."""

import io
import threading

import pytest

from builder.console import Console, seconds, size
from builder.errors import BuildError


def plain() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(stream, live=False, colour=False), stream


class Watched(io.StringIO):
    """A terminal that says when a text was written to it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        if self._text in text:
            self.seen.set()
        return super().write(text)


def test_a_step_in_a_log_has_a_beginning_its_lines_and_an_end() -> None:
    console, stream = plain()
    with console.step("build x") as step:
        step.update("never shown in a log")
        step.log("made y  1.0s")
        step.finish("2 steps")
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["==> build x", "  made y  1.0s"]
    assert lines[2].startswith("ok build x  2 steps (0.")
    assert len(lines) == 3


def test_a_step_that_fails_says_so_and_the_error_goes_on() -> None:
    console, stream = plain()
    with pytest.raises(KeyboardInterrupt), console.step("build x"):
        raise KeyboardInterrupt
    assert stream.getvalue().splitlines()[-1].startswith("-- build x")


def test_on_a_terminal_the_line_that_moves_asks_what_is_being_done() -> None:
    stream = Watched("7 of 9")
    console = Console(stream, live=True, colour=False)
    with console.step("build x") as step:
        step.update(lambda: "7 of 9")
        assert stream.seen.wait(5), "the activity was never drawn"
    assert stream.getvalue().endswith("\n")
    assert "\x1b[2Kok build x" in stream.getvalue()


def test_an_activity_may_be_a_text() -> None:
    stream = Watched("unpacking")
    console = Console(stream, live=True, colour=False)
    with console.step("build x") as step:
        step.update("unpacking")
        assert stream.seen.wait(5), "the activity was never drawn"


def test_an_error_shows_its_evidence_its_line_and_its_hint() -> None:
    console, stream = plain()
    console.fail(BuildError("x failed", hint="mend it", evidence=["a", "b"]))
    assert stream.getvalue().splitlines() == ["  a", "  b", "error: x failed", "hint:  mend it"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (59.4, "59s"), (185, "3m05s")]
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (14_200_000, "14.2 MB"), (1.38e9, "1.38 GB")],
)
def test_sizes(value: float, text: str) -> None:
    assert size(value) == text
