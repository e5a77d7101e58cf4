"""Reading by offset: what is found is found wherever the pieces end, and holes are zeros."""

import errno
import os
from pathlib import Path

import pytest

from pruner.errors import Malformed
from pruner.view import CHUNK, View
from tests.pruner.formats.handling import viewing

NEEDLE = b"needle"


@pytest.mark.parametrize("place", [0, 1, 4096 - 3, CHUNK - 6, CHUNK - 5, CHUNK - 1, CHUNK, 2 * CHUNK - 6])
def test_bytes_are_found_across_pieces(place: int) -> None:
    data = bytearray(2 * CHUNK)
    data[place : place + len(NEEDLE)] = NEEDLE
    with viewing(bytes(data)) as view:
        assert list(view.occurrences(NEEDLE, 0, view.size)) == [place]
        assert view.find(NEEDLE, place, place + len(NEEDLE)) == place
        assert view.find(NEEDLE, place + 1, view.size) is None
        assert view.find(NEEDLE, 0, place + len(NEEDLE) - 1) is None
        assert view.first_nonzero(0, view.size) == place


def test_every_occurrence_is_found_once() -> None:
    with viewing(b"aaab" * 300_000) as view:
        found = list(view.occurrences(b"aa", 0, view.size))
    assert found == [place + step for place in range(0, 1_200_000, 4) for step in (0, 1)]


def test_holes_read_as_zeros_and_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"begin")
        file.seek(1 << 34, os.SEEK_SET)
        file.write(b"end")
    with path.open("rb") as file:
        view = View(file.fileno())
        assert view.first_nonzero(5, view.size) == 1 << 34
        assert view.find(b"end", 0, view.size) == 1 << 34
        assert b"".join(view.stream(0, 3 * CHUNK)) == b"begin" + bytes(3 * CHUNK - 5)


def test_reading_past_the_end_is_malformed() -> None:
    with viewing(b"1234") as view:
        for read in (lambda: view.read(2, 3), lambda: view.read(-1, 2), lambda: list(view.stream(0, 5))):
            with pytest.raises(Malformed, match="truncated"):
                read()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_tell_its_holes_has_none(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: int) -> int:
        raise OSError(code, "cannot tell")

    monkeypatch.setattr(os, "lseek", answer)
    with viewing(b"some bytes") as view:
        assert list(view.data(2, 8)) == [(2, 8)]


def test_an_error_of_the_disk_is_no_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: int) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "lseek", answer)
    with viewing(b"some bytes") as view, pytest.raises(OSError, match="broken"):
        list(view.data(2, 8))
