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


class Terminal(io.StringIO):
    """A terminal that keeps only what stands on the line that moves, and says when that was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Event()
        self.moving = ""

    def write(self, text: str) -> int:
        if text.startswith("\r\x1b[2K.. "):
            self.moving = text.removeprefix("\r\x1b[2K")
            self.drawn.set()
        return super().write(text)


def moving(activity: str, monkeypatch: pytest.MonkeyPatch, columns: int = 40) -> str:
    """The line that moves, at a time of its own, in a window of so many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    with Console(terminal, live=True, colour=True).step("ask") as step:
        step.update(activity)
        terminal.drawn.clear()
        assert terminal.drawn.wait(5), "the activity was never drawn"
    return terminal.moving.partition("s  ")[2]


@pytest.mark.parametrize(
    ("activity", "shown"),
    [
        ("\n\nParis\r\nis it", "Paris is it"),
        ("a\tb\x0b\x0cc\x85d\u2028e", "a b c d e"),
        ("\x1b[2J\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07here\x1b]8;;link\x1b\\", "here"),
        ("a\x9b2Jb\x00\x07\x7fc\x1b", "abc"),
        ("\u202edrawkcab", "drawkcab"),
        ("e\u0301te\u0301", "e\u0301te\u0301"),
    ],
)
def test_the_line_that_moves_stays_one_line(
    activity: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert moving(activity, monkeypatch) == shown


def test_wide_letters_take_two_columns_and_marks_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(".. ask 0.0s  ")
    assert moving("東" * 40, monkeypatch, columns=before + 1 + 9) == "東" * 4
    assert moving("e\u0301" * 40, monkeypatch, columns=before + 1 + 9) == "e\u0301" * 9


def test_lines_that_stay_keep_their_form_and_lose_what_steers_a_terminal() -> None:
    console, stream = plain()
    console.line("{\n\t1\n}\x1b[2J")
    console.warn("bell\x07")
    console.fail(BuildError("x\x1b[1A failed", hint="m\rend", evidence=["\x1b[31mred\x1b[0m"]))
    with console.step("do\x1b[2J it") as step:
        step.log("\x1b]0;title\x07a")
        step.finish("b\x08")
    text = stream.getvalue()
    assert text.startswith(
        "{\n\t1\n}\nwarning: bell\n  red\nerror: x failed\nhint:  mend\n==> do it\n  a\nok do it  b ("
    )
    assert not set(text) & set("\x1b\x07\x08\r")


def test_a_stream_that_is_closed_swallows_what_is_said() -> None:
    Console.for_stream(None).line("nobody reads this")


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
