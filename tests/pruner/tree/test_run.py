"""Whole runs over whole trees: what changes, and what must not."""

import os
import resource
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pruner.archs import Gfx, Sm, Wanted
from pruner.errors import PrunerError
from pruner.replace import LEFTOVER
from pruner.report import Outcome
from pruner.tree.result import DONE, FAILED, REFUSED, Result
from tests.pruner.tree.trees import (
    contents,
    cuda_library,
    fat,
    hip_library,
    prune,
    put,
    recorded,
    request,
    rocblas,
    slim,
    snapshot,
    wheel,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A wheel, a kernel folder, and files that are none of this program's business."""
    root = tmp_path / "tree"
    site = root / "lib/site"
    put(site / "torch/lib/libtorch.so", fat())
    put(site / "torch/lib/libhost.so", slim() + bytes(70_000))
    put(site / "torch/__init__.py", b"print(1)\n")
    wheel(site, "torch", "torch/lib/libtorch.so", "torch/lib/libhost.so", "torch/__init__.py")
    rocblas(root / "rocblas/library", "gfx906", "gfx1100")
    (root / "link.so").symlink_to("lib/site/torch/lib/libtorch.so")
    for number, folder in enumerate(sorted(path for path in root.rglob("*") if path.is_dir())):
        os.utime(folder, (1_000_000 + number, 2_000_000 + number))
    return root


def outcomes(result: Result) -> dict[str, Outcome]:
    return {row.path: row.outcome for row in result.rows}


def test_one_pass_over_libraries_folders_and_records(tree: Path) -> None:
    before, others = contents(tree), snapshot(tree)
    result = prune(request(tree))
    after = contents(tree)
    library, record = "lib/site/torch/lib/libtorch.so", "lib/site/torch-1.0.dist-info/RECORD"
    gone = {"rocblas/library/TensileLibrary_lazy_gfx906.dat", "rocblas/library/Kernels.so-000-gfx906.hsaco"}
    assert before.keys() - after.keys() == gone
    assert {name for name in after if after[name] != before.get(name)} == {library, record}
    assert len(after[library]) < len(before[library]) / 2
    old, new = (
        f"torch/lib/libtorch.so,{','.join(map(str, recorded(data[library])))}" for data in (before, after)
    )
    assert after[record] == before[record].replace(old.encode(), new.encode())
    assert outcomes(result) == {
        library: Outcome.PRUNED,
        "lib/site/torch/lib/libhost.so": Outcome.UNCHANGED,
        "rocblas/library": Outcome.PRUNED,
    }
    assert {report.path for report in result.removed} == gone
    assert result.records == (record,)
    assert result.exit_code == DONE
    now = snapshot(tree)
    assert {path: now[path][:3] for path in now} == {path: others[path][:3] for path in now}, (
        "modes, owners, dates"
    )


def test_a_dry_run_writes_nothing(tree: Path) -> None:
    before = snapshot(tree)
    dry = prune(request(tree, dry_run=True, marker=tree / "marker.json"))
    assert snapshot(tree) == before
    wet = prune(request(tree))
    assert {(row.path, row.outcome, row.before, row.after) for row in dry.rows} == {
        (row.path, row.outcome, row.before, row.after) for row in wet.rows
    }
    assert {report.path for report in dry.removed} == {report.path for report in wet.removed}


def test_a_second_run_changes_nothing(tree: Path) -> None:
    marker = tree / "marker.json"
    prune(request(tree, marker=marker))
    before = snapshot(tree)
    result = prune(request(tree, marker=marker))
    assert snapshot(tree) == before
    assert result.exit_code == DONE
    assert not result.changed


def test_the_same_tree_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, symlinks=True)
    for root, jobs in ((tree, 1), (copy, 3)):
        prune(request(root, jobs=jobs, marker=root / "marker.json"))
    assert contents(tree) == contents(copy)


def test_both_vendors_in_one_run(tmp_path: Path) -> None:
    put(tmp_path / "libhip.so", hip_library("gfx906", "gfx1100"))
    put(tmp_path / "libcuda.so", cuda_library("sm_80", "sm_90"))
    result = prune(request(tmp_path, wanted=Wanted((Gfx("gfx1100"),), (Sm(90),))))
    assert [*result.labels("kept")] == ["sm_90", "gfx1100"]
    assert {*result.labels("dropped")} == {"sm_80", "gfx906"}


def test_all_names_of_a_file_lead_to_the_new_one(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    first = put(root / "site/a/libx.so", fat())
    for other in (root / "site/b/liby.so", root / "site/a/libz.so", tmp_path / "outside.so"):
        other.parent.mkdir(exist_ok=True)
        os.link(first, other)
    wheel(root / "site", "a", "a/libx.so", "a/libz.so")
    wheel(root / "site", "b", "b/liby.so")
    result = prune(request(root))
    inodes = {(root / "site" / name).stat().st_ino for name in ("a/libx.so", "a/libz.so", "b/liby.so")}
    assert len(inodes) == 1
    assert (tmp_path / "outside.so").read_bytes() == fat()
    (row,) = result.changed
    assert row.notes == ("1 hard link outside of the tree: the old bytes stay there",)
    assert len(result.records) == 2
    assert len(contents(root)) == 5, "three names and two RECORDs, and nothing beside them"


def test_names_may_be_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    first, second = (tmp_path / (letter * 127 + ".") for letter in ("ä", "ö"))
    os.link(put(first, fat()), second)
    marked = tmp_path / ("ü" * 127 + ".")
    (row,) = prune(replace(request(tmp_path), marker=marked)).changed
    assert row.notes == ()
    assert first.samefile(second)
    assert len(contents(tmp_path)) == 3


def test_a_file_of_two_wheels_is_right_in_both(tmp_path: Path) -> None:
    put(tmp_path / "shared/libx.so", fat())
    put(tmp_path / "shared/other.txt", b"text")
    records = [wheel(tmp_path, name, "shared/libx.so", "shared/other.txt") for name in ("a", "b")]
    records[1].write_bytes(records[1].read_bytes().replace(b",4\n", b",99\n"))
    prune(request(tmp_path))
    row = "shared/libx.so,{},{}\n".format(*recorded((tmp_path / "shared/libx.so").read_bytes()))
    assert all(row in record.read_text(encoding="utf-8") for record in records)
    assert b",99\n" in records[1].read_bytes(), "a row that was wrong before is not ours to mend"


def test_a_record_around_the_tree_is_told_of_and_not_touched(tmp_path: Path) -> None:
    put(tmp_path / "foo/lib/libx.so", fat())
    put(tmp_path / "bar/liby.so", fat())
    records = [wheel(tmp_path, "foo", "foo/lib/libx.so"), wheel(tmp_path, "bar", "bar/liby.so")]
    before = [record.read_bytes() for record in records]
    result = prune(request(tmp_path / "foo"))
    assert result.notes == (f"{records[0]} lists what has changed here, and lies outside",)
    single = prune(request(tmp_path / "bar/liby.so"))
    assert single.notes == (f"{records[1]} lists what has changed here, and lies outside",)
    assert [record.read_bytes() for record in records] == before


def test_what_has_no_code_for_the_chip_is_refused_unless_that_is_accepted(tmp_path: Path) -> None:
    put(tmp_path / "lib/libforeign.so", hip_library("gfx906", "gfx1030"))
    put(tmp_path / "lib/libours.so", fat())
    rocblas(tmp_path / "rocblas/library", "gfx906")
    before = contents(tmp_path)
    result = prune(request(tmp_path, accept=("*/libforeign.so",)))
    assert [row.path for row in result.refused] == ["rocblas/library"]
    assert [row.path for row in result.accepted] == ["lib/libforeign.so"]
    assert result.exit_code == REFUSED
    after = contents(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"lib/libours.so"}
    assert prune(request(tmp_path, accept=("libforeign.so", "rocblas"))).exit_code == DONE


def test_what_is_kept_is_not_touched(tree: Path) -> None:
    before = contents(tree)
    result = prune(request(tree, keep=("torch", "rocblas/library")))
    assert contents(tree) == before
    assert result.rows == ()


def test_a_single_file(tmp_path: Path) -> None:
    path = put(tmp_path / "libx.so", fat())
    put(tmp_path / "liby.so", fat())
    result = prune(request(path))
    assert outcomes(result) == {"libx.so": Outcome.PRUNED}
    assert sorted(contents(tmp_path)) == ["libx.so", "liby.so"]
    assert (tmp_path / "liby.so").read_bytes() == fat()


def test_a_worker_that_is_killed_costs_one_file(tmp_path: Path) -> None:
    put(tmp_path / "large.so", fat())
    put(tmp_path / "small.so", fat())
    stand_in = "tests.pruner.tree.stand_ins:killed_over_large_ones"
    result = prune(request(tmp_path, prune=stand_in, jobs=1))
    assert outcomes(result) == {"large.so": Outcome.FAILED, "small.so": Outcome.PRUNED}
    assert result.exit_code == FAILED
    assert sorted(contents(tmp_path)) == ["large.so", "small.so"], "half a file is removed"
    assert (tmp_path / "large.so").read_bytes() == fat()


def test_a_defect_costs_one_file(tmp_path: Path) -> None:
    put(tmp_path / "odd.so", fat())
    put(tmp_path / "even.so", fat())
    result = prune(request(tmp_path, prune="tests.pruner.tree.stand_ins:defective"))
    assert outcomes(result) == {"odd.so": Outcome.FAILED, "even.so": Outcome.PRUNED}
    assert "KeyError" in next(row.reason for row in result.rows if row.path == "odd.so")


def test_a_run_in_a_thread_works_without_signals(tree: Path) -> None:
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(prune(request(tree))))
    thread.start()
    thread.join()
    assert [result.exit_code for result in results] == [DONE]


def test_leftovers_of_a_run_that_was_killed_are_removed(tree: Path) -> None:
    put(tree / f"lib/site/torch/lib/.libtorch.so.123{LEFTOVER}", b"half")
    prune(request(tree, dry_run=True))
    assert any(name.endswith(LEFTOVER) for name in contents(tree))
    prune(request(tree))
    assert not any(name.endswith(LEFTOVER) for name in contents(tree))


def test_a_full_disk(tree: Path) -> None:
    """As far as a process can tell: no file may grow beyond a limit. Workers inherit it."""
    before = contents(tree)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        result = prune(request(tree, keep=("rocblas",)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == FAILED
    assert [row.reason for row in result.of(Outcome.FAILED)] == ["File too large"]
    assert contents(tree) == before


def test_a_root_that_is_gone_when_the_run_begins(tmp_path: Path) -> None:
    with pytest.raises(PrunerError, match="No such file"):
        prune(request(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("marker", "message"), [("/dev/full", "no file"), ("link.so/m.json", "Not a directory")]
)
def test_a_marker_that_cannot_be_one_is_told_before_anything_changes(
    marker: str, message: str, tree: Path
) -> None:
    before = snapshot(tree)
    with pytest.raises(PrunerError, match=message):
        prune(request(tree, marker=tree / marker))
    assert snapshot(tree) == before
