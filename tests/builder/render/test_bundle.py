"""Writing a bundle: whole or not at all, never over something that is not ours."""

import argparse
import errno
import io
import os
from pathlib import Path

import pytest

from builder import bundle, paths
from builder.bundle import run_render, write_bundle, write_folder, write_given_folder
from builder.console import Console
from builder.errors import UsageError
from builder.render import ENV, ENV_EXAMPLE, Bundle
from builder.targets import load_catalog
from builder.targets.naming import DEFAULT_STACK

ASKED = {
    "all": False,
    "target": "cpu",
    "route": None,
    "extras": None,
    "embeddings": "infinity",
    "gpus": 1,
    "keys": None,
    "address": "127.0.0.1",
}
FILES = {"docker-bake.json": b"{}", "vllm/Dockerfile": b"FROM scratch\n"}


def content(folder: Path) -> dict[str, bytes]:
    """What is in a bundle's folder, but for the list of its files."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != bundle.MARK)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_render_replaces_the_old_one_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", {**FILES, "old/Dockerfile": b"old"})
    write_folder(tmp_path / "out", FILES)
    assert content(tmp_path / "out") == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("foreign", ["thesis.tex", "docker-bake.json", ".git/config"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, foreign: str) -> None:
    theirs = tmp_path / "proj" / foreign
    theirs.parent.mkdir(parents=True)
    theirs.write_text("words")
    with pytest.raises(UsageError, match="is no bundle"):
        write_given_folder(str(tmp_path / "proj"), FILES)
    assert content(tmp_path / "proj") == {foreign: b"words"}
    assert names(tmp_path) == {"proj"}


@pytest.mark.parametrize("foreign", [".git/config", "main.py", "vllm/notes.txt"])
def test_a_bundle_that_somebody_added_to_is_left_alone(tmp_path: Path, foreign: str) -> None:
    write_given_folder(str(tmp_path / "proj"), FILES)
    theirs = tmp_path / "proj" / foreign
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("words")
    with pytest.raises(UsageError) as caught:
        write_given_folder(str(tmp_path / "proj"), {**FILES, "new": b""})
    assert foreign in caught.value.message
    assert content(tmp_path / "proj") == {**FILES, foreign: b"words"}


def test_a_bundle_that_was_given_may_be_written_again(tmp_path: Path) -> None:
    out = str(tmp_path / "deep" / "out")
    write_given_folder(out, {**FILES, "old/Dockerfile": b"old"})
    write_given_folder(out, FILES)
    assert content(Path(out)) == FILES


def test_a_link_to_a_folder_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_given_folder(str(tmp_path / "link"), FILES)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == FILES
    assert names(tmp_path) == {"real", "link"}


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("words")
    with pytest.raises(UsageError, match="is no bundle"):
        write_given_folder(str(tmp_path / "out"), FILES)
    assert (tmp_path / "out").read_text() == "words"


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (".", "'.' is the folder that you are in"),
        ("..", "'..' is the folder that you are in"),
        ("", "'' is no folder"),
        ("file/sub", "cannot write to 'file/sub': File exists"),
        ("/proc/x", "cannot write to '/proc/x': No such file or directory"),
        ("x" * 300, "File name too long"),
        ("loop", "cannot write to 'loop'"),
    ],
)
def test_a_place_that_takes_no_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, expected: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "file").write_text("words")
    (here / "loop").symlink_to("loop")
    monkeypatch.chdir(here)
    screen = Console(io.StringIO(), live=False, colour=False)
    with pytest.raises(UsageError) as caught:
        run_render(argparse.Namespace(**ASKED, out=out), screen)
    assert expected in caught.value.message
    assert caught.value.hint
    assert names(tmp_path) == {"here"}
    assert names(here) == {"file", "loop"}


def test_a_mounted_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()

    def mounted(path: Path, _target: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))

    monkeypatch.setattr(Path, "rename", mounted)
    with pytest.raises(UsageError, match=r"cannot write to .*out': Device or resource busy"):
        write_given_folder(str(tmp_path / "out"), FILES)
    assert names(tmp_path) == {"out"}


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


WITH_SETTINGS = {**FILES, ENV_EXAMPLE: b"RENDER_GID=992\n"}


def test_settings_are_made_once_and_a_persons_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, WITH_SETTINGS)
    assert (out / ENV).read_bytes() == WITH_SETTINGS[ENV_EXAMPLE]
    write_folder(out, {**FILES, ENV_EXAMPLE: b"RENDER_GID=993\n"})
    assert (out / ENV).read_bytes() == b"RENDER_GID=993\n", "nobody had touched them"
    (out / ENV).write_bytes(b"RENDER_GID=109\n")
    (out / ENV).chmod(0o600)
    for files in (WITH_SETTINGS, FILES, WITH_SETTINGS):
        write_given_folder(str(out), files)
        assert (out / ENV).read_bytes() == b"RENDER_GID=109\n"
        assert (out / ENV).stat().st_mode & 0o777 == 0o600


def test_a_link_to_settings_elsewhere_stays_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", WITH_SETTINGS)
    (tmp_path / "mine").write_bytes(b"RENDER_GID=109\n")
    (tmp_path / "out" / ENV).unlink()
    (tmp_path / "out" / ENV).symlink_to(tmp_path / "mine")
    write_folder(tmp_path / "out", WITH_SETTINGS)
    assert (tmp_path / "out" / ENV).is_symlink()
    assert (tmp_path / "mine").read_bytes() == b"RENDER_GID=109\n"


def test_without_anything_to_set_there_are_no_settings(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", FILES)
    assert not (tmp_path / "out" / ENV).exists()


def test_all_targets_in_one_call_are_what_each_is_alone(tmp_path: Path) -> None:
    screen = Console(io.StringIO(), live=False, colour=False)
    run_render(
        argparse.Namespace(**{**ASKED, "all": True, "target": None}, out=str(tmp_path / "all")), screen
    )
    targets = load_catalog(paths.TARGETS).targets
    assert names(tmp_path / "all") == {*targets, bundle.MARK}
    for target in (next(iter(targets)), "gfx1151"):
        run_render(argparse.Namespace(**{**ASKED, "target": target}, out=str(tmp_path / target)), screen)
        assert content(tmp_path / "all" / target) == content(tmp_path / target)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"target": None}, "render one target or all"),
        ({"all": True}, "render one target or all"),
        ({"all": True, "target": None, "route": "source"}, "--route, --with and --gpus are for one target"),
        ({"all": True, "target": None, "extras": ["jit"]}, "--route, --with and --gpus are for one target"),
        ({"all": True, "target": None, "gpus": 2}, "--route, --with and --gpus are for one target"),
    ],
)
def test_what_is_asked_of_all_targets(tmp_path: Path, asked: dict[str, object], expected: str) -> None:
    screen = Console(io.StringIO(), live=False, colour=False)
    with pytest.raises(UsageError, match=expected):
        run_render(argparse.Namespace(**{**ASKED, **asked}, out=str(tmp_path / "out")), screen)
    assert not names(tmp_path)


def test_a_content_that_stands_twice_is_written_once_or_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = {"a/x": b"same", "b/x": b"same", "c": b"other"}
    write_folder(tmp_path / "linked", twins)
    assert content(tmp_path / "linked") == twins
    assert (tmp_path / "linked/a/x").samefile(tmp_path / "linked/b/x")

    def no_links(_first: Path, path: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    monkeypatch.setattr(os, "link", no_links)
    write_folder(tmp_path / "copied", twins)
    assert content(tmp_path / "copied") == twins
