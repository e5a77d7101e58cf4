"""The marker of a tree, `--check` against it, and a second run for other chips."""

import io
import json
import os
from pathlib import Path

import pytest

from pruner import marker
from pruner.archs import Gfx, Sm, Wanted
from pruner.errors import PrunerError
from pruner.marker import Marker, Removed, Shrunk
from pruner.tree.check import faults
from pruner.tree.progress import Progress
from pruner.tree.result import REFUSED, Result
from tests.pruner.tree.trees import (
    contents,
    cuda_library,
    fat,
    hip_library,
    prune,
    put,
    request,
    rocblas,
    slim,
    snapshot,
)

LIBRARY = "lib/libx.so"


def wanted(*archs: str) -> Wanted:
    gfx = tuple(Gfx(arch) for arch in archs if arch.startswith("gfx"))
    return Wanted(gfx, tuple(Sm(int(arch[3:])) for arch in archs if arch.startswith("sm_")))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    put(root / LIBRARY, fat())
    put(root / "lib/libhost.so", slim())
    put(root / "lib/libcuda_code.so", cuda_library("sm_80", "sm_90"))
    rocblas(root / "rocblas/library", "gfx906", "gfx1100")
    return root


def place(tree: Path) -> Path:
    return tree / marker.IN_FOLDER


def pruned(tree: Path, *archs: str, accept: tuple[str, ...] = ()) -> Result:
    return prune(request(tree, wanted=wanted(*archs), marker=place(tree), accept=accept))


def read(tree: Path) -> Marker:
    found = marker.load(place(tree))
    assert found is not None
    return found


def check(tree: Path) -> list[str]:
    return list(faults(tree, place(tree), 1, Progress(io.StringIO())))


def test_the_marker_says_what_was_done(tree: Path) -> None:
    pruned(tree, "gfx1100")
    found = read(tree)
    assert found.gfx == (Gfx("gfx1100"),)
    assert found.files.keys() == {LIBRARY}
    assert {*found.files[LIBRARY].lost} == {"gfx906", "gfx1201"}
    assert {label for file in found.removed.values() for label in file.lost} == {"gfx906"}
    data = json.loads(place(tree).read_bytes())
    gone = sum(file.before for file in found.removed.values())
    assert data["before"] == len(fat()) + gone
    assert data["after"] == (tree / LIBRARY).stat().st_size


def test_an_image_keeps_its_marker_in_etc(tmp_path: Path) -> None:
    assert marker.default_place(tmp_path) == tmp_path / ".gfxpack-pruned.json"
    for folder in ("etc", "usr"):
        (tmp_path / folder).mkdir()
    assert marker.default_place(tmp_path) == tmp_path / "etc/gfxpack/pruned.json"
    assert marker.default_place(put(tmp_path / "libx.so", b"")) is None
    (tmp_path / "etc/gfxpack").symlink_to("/var")
    assert marker.default_place(tmp_path) == tmp_path / ".gfxpack-pruned.json"


def test_nothing_is_marked_where_all_was_refused(tmp_path: Path) -> None:
    put(tmp_path / "libx.so", hip_library("gfx906", "gfx1030"))
    assert pruned(tmp_path, "gfx1100").exit_code == REFUSED
    assert not place(tmp_path).exists()


def test_a_second_run_adds_to_the_marker(tree: Path) -> None:
    pruned(tree, "gfx1100", "gfx1201")
    pruned(tree, "sm_90")
    pruned(tree, "gfx1100")
    found = read(tree)
    assert (found.gfx, found.sm) == ((Gfx("gfx1100"),), (Sm(90),))
    assert found.files[LIBRARY].before == len(fat())
    assert {*found.files[LIBRARY].lost} == {"gfx906", "gfx1201"}
    assert {*found.files["lib/libcuda_code.so"].lost} == {"sm_80"}
    assert check(tree) == []


def test_a_file_that_was_installed_again_is_told_of_anew(tree: Path) -> None:
    pruned(tree, "gfx1100")
    put(tree / LIBRARY, hip_library("gfx1030", "gfx1100"))
    rocblas(tree / "rocblas/library", "gfx906")
    (tree / "rocblas/library/Kernels.so-000-gfx906.hsaco").unlink()
    pruned(tree, "gfx1100")
    found = read(tree)
    assert found.files[LIBRARY].before == len(hip_library("gfx1030", "gfx1100"))
    assert {*found.files[LIBRARY].lost} == {"gfx1030"}
    (tree / LIBRARY).unlink()
    pruned(tree, "gfx1100")
    assert LIBRARY not in read(tree).files
    assert check(tree) == []


def test_a_second_target_is_told_what_is_gone(tree: Path) -> None:
    pruned(tree, "gfx1100")
    before = snapshot(tree)
    result = pruned(tree, "gfx906")
    assert snapshot(tree) == before
    assert {row.path: row.reason for row in result.refused} == {
        ".": "pruned to gfx1100: there is nothing in it for gfx906 any more",
        LIBRARY: "had gfx906 until it was pruned to gfx1100",
        "rocblas/library": "had files for gfx906 until it was pruned to gfx1100",
    }
    assert result.exit_code == REFUSED
    assert pruned(tree, "gfx906", accept=("*",)).exit_code == REFUSED, (
        "files may be without code, not the tree"
    )


def test_one_more_target_is_told_what_is_gone(tree: Path) -> None:
    pruned(tree, "gfx1100")
    put(tree / "lib/libnew.so", hip_library("gfx906", "gfx1030", "gfx1100"))
    result = pruned(tree, "gfx1100", "gfx906")
    assert [row.path for row in result.refused] == [LIBRARY, "rocblas/library"]
    assert [row.path for row in result.changed] == ["lib/libnew.so"]
    assert result.looked_at == len({row.path for row in result.rows})
    assert read(tree).gfx == (Gfx("gfx1100"),)


def test_a_family_is_gone_with_its_oldest(tmp_path: Path) -> None:
    put(tmp_path / "libx.so", cuda_library("sm_80", "sm_90"))
    pruned(tmp_path, "sm_90")
    result = pruned(tmp_path, "sm_90", "sm_86")
    assert [row.reason for row in result.refused] == ["had sm_80 until it was pruned to sm_90"]


def test_check_finds_nothing_wrong_with_what_was_just_pruned(tree: Path) -> None:
    put(tree / "lib/libforeign.so", hip_library("gfx906", "gfx1030"))
    pruned(tree, "gfx1100", accept=("libforeign.so",))
    before = snapshot(tree)
    assert check(tree) == []
    assert snapshot(tree) == before


def test_check_finds_each_fault(tree: Path) -> None:
    pruned(tree, "gfx1100", "sm_90")
    library = tree / LIBRARY
    data = bytearray(library.read_bytes())
    data[-1] ^= 1
    library.write_bytes(data)
    (tree / "lib/libcuda_code.so").unlink()
    put(tree / "rocblas/library/Kernels.so-000-gfx906.hsaco", b"back")
    put(tree / "lib/libnew.so", hip_library("gfx906", "gfx1100"))
    put(tree / "lib/libforeign.so", hip_library("gfx906", "gfx1030"))
    found = "\n".join(check(tree))
    for fault in (
        f"{LIBRARY} has another hash",
        "lib/libcuda_code.so cannot be read: No such file",
        "rocblas/library/Kernels.so-000-gfx906.hsaco is back",
        "lib/libnew.so holds code for other chips: gfx906 (100.0 kB)",
        "lib/libforeign.so: holds no code for gfx1100",
    ):
        assert fault in found
    library.write_bytes(data + b"more")
    assert f"{LIBRARY} has {len(data) + 4:,} bytes" in "\n".join(check(tree))


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"{",
            b"[]",
            b'"text"',
            b"\xff",
            b"{}",
            b'{"format": 2}',
            b'{"format": 1, "archs": [{}]}',
            b"null",
        ),
        b"[" * 100_000,
    ],
)
def test_what_is_no_marker_is_told_in_one_line(content: bytes, tree: Path) -> None:
    put(place(tree), content)
    (fault,) = check(tree)
    assert "is no marker" in fault
    assert "\n" not in fault
    before = contents(tree)
    with pytest.raises(PrunerError, match="is no marker"):
        pruned(tree, "gfx1100")
    assert contents(tree) == before


_SHRUNK = {"before": 2, "size": 1, "sha256": "", "lost": {}}


@pytest.mark.parametrize(
    "lie",
    [
        {"archs": []},
        {"archs": [{"vendor": "amd", "chip": "a", "reported_as": 7}]},
        {"archs": [{"vendor": "nvidia", "chip": "sm_" + "9" * 5000}]},
        {"files": {"a": {**_SHRUNK, "size": "1"}}},
        {"files": {"a": {**_SHRUNK, "before": None}}},
        {"files": {"a": {**_SHRUNK, "lost": ["gfx906"]}}},
        {"files": {"../../dev/zero": _SHRUNK}},
        {"files": {"/dev/zero": _SHRUNK}},
        {"files": {"a\0b": _SHRUNK}},
        {"files": {"\ud800": _SHRUNK}},
        {"removed": {"a": {"before": 1, "lost": 5}}},
        {"removed": {"../a": {"before": 1, "lost": {}}}},
        {"accepted": [1]},
        {"policies": {"a": 1}},
    ],
)
def test_a_marker_that_lies_is_none(lie: dict[str, object], tree: Path) -> None:
    pruned(tree, "gfx1100")
    put(place(tree), json.dumps(json.loads(place(tree).read_bytes()) | lie).encode())
    (fault,) = check(tree)
    assert "is no marker" in fault
    before = contents(tree)
    with pytest.raises(PrunerError, match="is no marker"):
        pruned(tree, "gfx1100")
    assert contents(tree) == before


def test_check_waits_for_no_pipe_and_follows_no_link(tree: Path) -> None:
    pruned(tree, "gfx1100")
    library = tree / LIBRARY
    data = library.read_bytes()
    library.unlink()
    os.mkfifo(library)
    assert f"{LIBRARY} cannot be read: it is no plain file" in check(tree)
    library.unlink()
    put(tree / "elsewhere", data)
    library.symlink_to(tree / "elsewhere")
    assert f"{LIBRARY} cannot be read: it is a link" in check(tree)


def test_options_that_nobody_knows_are_a_fault(tree: Path) -> None:
    pruned(tree, "gfx1100")
    data = json.loads(place(tree).read_bytes())
    data["options"]["layout"] = "sideways"
    place(tree).write_text(json.dumps(data), encoding="utf-8")
    (fault,) = check(tree)
    assert "sideways" in fault


def test_a_tree_without_a_marker(tree: Path) -> None:
    (fault,) = check(tree)
    assert "is not there" in fault


def test_a_marker_reads_as_it_was_written(tmp_path: Path) -> None:
    written = Marker(
        gfx=(Gfx("gfx1100", chip="gfx1151"), Gfx("gfx90a", (("xnack", "-"),))),
        sm=(Sm(90),),
        options={"ptx": "needed"},
        files={"a": Shrunk(3, 2, "00", {"gfx906": 1}), "\udcff": Shrunk(3, 2, "00")},
        removed={"b": Removed(5, {"gfx906": 5})},
        accepted=("c",),
        policies={"torch.txt": "00"},
    )
    path = put(tmp_path / "marker.json", marker.dump(written))
    assert marker.load(path) == written
    assert json.loads(path.read_bytes())["archs"][0] == {
        "vendor": "amd",
        "chip": "gfx1151",
        "reported_as": "gfx1100",
    }
