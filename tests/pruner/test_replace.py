"""Putting one file in the place of another, where the system does not let everything pass."""

import os
from pathlib import Path

import pytest

from pruner.errors import Refused
from pruner.replace import replacement


def test_a_file_whose_owner_cannot_be_kept_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    old = tmp_path / "libx.so"
    old.write_bytes(b"old")
    another_s = os.stat_result((*old.stat()[:4], 1234, 4321, *old.stat()[6:10]))
    monkeypatch.setattr(os, "fchown", forbidden)
    with (
        pytest.raises(Refused, match=r"its owner \(user 1234, group 4321\); root may"),
        replacement(old, another_s) as new,
    ):
        os.write(new, b"new")
    assert old.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [old]
