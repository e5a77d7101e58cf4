"""A file is replaced whole or left as it was."""

from pathlib import Path

import pytest

from builder.files import replace_text


def test_a_text_takes_the_place_of_another(tmp_path: Path) -> None:
    target = tmp_path / "made" / "file"
    replace_text(target, "old")
    replace_text(target, "new", mode=0o600)
    assert target.read_text(encoding="utf-8") == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        replace_text(target, "\udcff")
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]
