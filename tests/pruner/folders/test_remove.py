"""Doing what a plan says, and what the system says to that."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pruner.folders.remove import remove
from pruner.report import Outcome
from tests.pruner.folders.making import below, code, grow, kpack, outcomes, plan, plans, reason

NOBODY = 65534
HSA = "aiter_meta/hsa"


def tree(root: Path) -> Path:
    return grow(
        root,
        {
            f"{HSA}/gfx942/pa/a.co": code("gfx942"),
            f"{HSA}/gfx950/pa/a.co": code("gfx950"),
            f"{HSA}/gfx950/pa/a.csv": b"table",
            f"{HSA}/codegen.py": b"import os",
        },
    )


def test_files_go_and_the_folders_that_this_empties(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / HSA / "gfx942" / "empty").mkdir()
    result = remove(root, plan(root, "gfx942"))
    assert below(root) == {f"{HSA}/gfx942/pa/a.co", f"{HSA}/codegen.py"}
    assert not (root / HSA / "gfx950").exists()
    assert (root / HSA / "gfx942" / "empty").is_dir()
    assert result.outcome is Outcome.PRUNED
    assert result.dropped == {"gfx950": 205}


def test_again_there_is_nothing_to_do_and_another_chip_hears_what_is_gone(tmp_path: Path) -> None:
    root = tree(tmp_path)
    remove(root, plan(root, "gfx942"))
    again = plan(root, "gfx942")
    assert (again.outcome, again.removed) == (Outcome.UNCHANGED, ())
    assert plan(root, "gfx950").refused == "no code for gfx950; it has gfx942"


def test_a_refused_folder_is_not_touched(tmp_path: Path) -> None:
    root = tree(tmp_path)
    before = below(root)
    result = remove(root, plan(root, "gfx1151"))
    assert result.outcome is Outcome.REFUSED
    assert below(root) == before


def test_links_go_with_their_files(tmp_path: Path) -> None:
    """rocm-sdk-devel links every archive of rocm-sdk-libraries."""
    names = ("blas_lib_gfx942.kpack", "blas_lib_gfx1100.kpack")
    root = grow(tmp_path, {f"libraries/.kpack/{name}": kpack(name[9:-6]) for name in names})
    (root / "devel/.kpack").mkdir(parents=True)
    for name in names:
        (root / "devel/.kpack" / name).symlink_to(f"../../libraries/.kpack/{name}")
    (root / "current").symlink_to("devel/.kpack/blas_lib_gfx942.kpack")
    for one in plans(root, "gfx1100"):
        remove(root, one)
    assert below(root) == {"libraries/.kpack/blas_lib_gfx1100.kpack", "devel/.kpack/blas_lib_gfx1100.kpack"}


def test_the_root_stays_whatever_goes(tmp_path: Path) -> None:
    root = grow(tmp_path / "root", {"a.co": code("gfx906"), "b.co": code("gfx942")})
    decided = plan(root, "gfx942")
    (root / "b.co").unlink()
    remove(root, decided)
    assert root.is_dir()
    assert not below(root)


def test_what_is_gone_already_is_no_failure(tmp_path: Path) -> None:
    root = tree(tmp_path)
    decided = plan(root, "gfx942")
    (root / HSA / "gfx950/pa/a.co").unlink()
    assert remove(root, decided).outcome is Outcome.PRUNED


def test_what_became_a_folder_fails_alone(tmp_path: Path) -> None:
    root = tree(tmp_path)
    decided = plan(root, "gfx942")
    (root / HSA / "gfx950/pa/a.co").unlink()
    (root / HSA / "gfx950/pa/a.co").mkdir()
    result = remove(root, decided)
    assert outcomes(result)["a.csv"] is Outcome.REMOVED
    assert result.outcome is Outcome.FAILED
    assert result.dropped == {"gfx950": 5}
    assert result.report().reason.startswith("cannot be removed: ")


@pytest.fixture
def open_tree() -> Iterator[Path]:
    """One that an unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield tree(folder)
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def unprivileged() -> Iterator[None]:
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_read_only_folder_keeps_its_files(open_tree: Path) -> None:
    (open_tree / "latest.csv").symlink_to(f"{HSA}/gfx950/pa/a.csv")
    (open_tree / HSA / "gfx950/pa").chmod(0o555)
    decided = plan(open_tree, "gfx942")
    before = below(open_tree)
    with unprivileged():
        result = remove(open_tree, decided)
    assert below(open_tree) == before
    assert result.outcome is Outcome.FAILED
    assert reason(result, "a.csv") == reason(result, "latest.csv") == "cannot be removed: Permission denied"
    assert result.after == result.before


def test_files_that_may_not_be_read_are_left(open_tree: Path) -> None:
    (open_tree / HSA / "gfx950/pa/a.co").chmod(0)
    with unprivileged():
        result = plan(open_tree, "gfx942")
    refused = next(one for one in result.decisions if one.path.endswith("gfx950/pa/a.co"))
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, "cannot be read: Permission denied")
