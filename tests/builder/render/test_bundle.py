"""Writing a bundle: whole or not at all, never over something that is not ours."""

from pathlib import Path

import pytest

from builder import bundle, paths
from builder.bundle import write_bundle, write_folder
from builder.errors import UsageError
from builder.render import Bundle
from builder.targets.naming import DEFAULT_STACK

FILES = {"docker-bake.json": b"{}", "vllm/Dockerfile": b"FROM scratch\n"}


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_new_render_replaces_the_old_one_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {**FILES, "old/Dockerfile": b"old"})
    write_folder(tmp_path / "out", FILES)
    assert content(tmp_path / "out") == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("words")
    with pytest.raises(UsageError, match="is no bundle"):
        write_folder(tmp_path, FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("words")
    with pytest.raises(UsageError, match="is no bundle"):
        write_folder(tmp_path / "out", FILES)
    assert (tmp_path / "out").read_text() == "words"


def test_a_write_that_fails_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "out", FILES)

    def full_disk(path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(bundle, "write_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_folder(tmp_path / "out", {"docker-bake.json": b"new"})
    assert content(tmp_path / "out") == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_current_names_the_last_bundle_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "BUNDLE", tmp_path / "bundle")
    for target in ("cpu", "gfx1151", "cpu"):
        write_bundle(Bundle(target, DEFAULT_STACK, (), FILES))
        assert (tmp_path / "bundle" / "current").resolve() == tmp_path / "bundle" / target
    write_bundle(Bundle("cpu", "other", (), {"docker-bake.json": b"other"}))
    assert content(bundle.current("other")) == {"docker-bake.json": b"other"}
    assert content(tmp_path / "bundle" / "current") == FILES
