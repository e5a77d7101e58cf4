"""Parting an installation: what every chip shares and what differs by chip, once each, as a build uses it."""

from pathlib import Path

import pytest

from pruner import parting
from pruner.archs import Gfx, Sm, Wanted
from tests.pruner.elves import Elf
from tests.pruner.linking import build
from tests.pruner.tree.trees import (
    GFX1100,
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
    wheel,
)

SITE = "opt/venv/lib/python3.11/site-packages"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two wheels, of which one brings device code in a library and in a kernel folder."""
    root = tmp_path / "assembled"
    site = root / SITE
    put(site / "torch/__init__.py", b"import this\n")
    put(site / "torch/lib/libtorch_hip.so", fat())
    put(site / "torch/lib/libc10.so", slim())
    rocblas(site / "torch/lib/rocblas/library", "gfx1100", "gfx1201")
    put(site / "plain/__init__.py", b"")
    put(site / "plain/_speedups.so", slim())
    put(root / "opt/venv/bin/torchrun", b"#!/opt/venv/bin/python\n")
    for name in ("torch", "plain"):
        files = [path.relative_to(site).as_posix() for path in (site / name).rglob("*") if path.is_file()]
        wheel(site, name, *sorted(files))
    with (site / "torch-1.0.dist-info/RECORD").open("a", encoding="utf-8") as record:
        record.write("../../../bin/torchrun,,\n")
    return root


def requirements(folder: Path, *names: str) -> Path:
    text = "# written by hand\n" + "".join(f"{name}==1.0 \\\n    --hash=sha256:0\n" for name in names)
    return put(folder / "requirements.txt", text.encode())


def listed(root: Path, vendor: str = "amd") -> Path:
    names = root.with_name("names")
    assert parting.main(["list", str(root), str(names), "--vendor", vendor]) == 0
    return names


def copy(root: Path) -> Path:
    other = root.with_name("other")
    for name, content in contents(root).items():
        put(other / name, content)
    return other


def test_every_file_is_in_one_view_and_device_code_is_in_the_chips(root: Path, tmp_path: Path) -> None:
    before = set(contents(root))
    names = listed(root)
    views = []
    for wanted in ("torch", "plain"):
        view = copy(root)
        asked = requirements(tmp_path, wanted)
        assert parting.main(["share", str(view), str(names), str(asked)]) == 0
        views.append(set(contents(view)))
        view.rename(tmp_path / wanted)
    chip = copy(root)
    assert parting.main(["chip", str(chip), str(names)]) == 0
    views.append(set(contents(chip)))
    assert sum(map(len, views)) == len(before)
    assert set().union(*views) == before
    assert f"{SITE}/torch/lib/libtorch_hip.so" in views[2]
    assert views[2] == set(names.read_text(encoding="utf-8").splitlines())
    assert f"{SITE}/torch-1.0.dist-info/RECORD" in views[2]
    assert f"{SITE}/plain-1.0.dist-info/RECORD" in views[1]
    assert "opt/venv/bin/torchrun" in views[0]
    assert not (tmp_path / "plain" / SITE / "torch").exists()


def test_the_shared_view_keeps_a_record_of_what_was_stripped(root: Path, tmp_path: Path) -> None:
    site = root / SITE
    library = put(site / "plain/_speedups.so", build(Elf(symbols=20, debug=200_000)).data)
    wheel(site, "plain", "plain/__init__.py", "plain/_speedups.so")
    before = library.stat().st_size
    names, asked = listed(root), requirements(tmp_path, "plain")
    assert parting.main(["share", str(root), str(names), str(asked)]) == 0
    assert library.stat().st_size < before
    digest, size = recorded(library.read_bytes())
    record = (site / "plain-1.0.dist-info/RECORD").read_text(encoding="utf-8")
    assert f"plain/_speedups.so,{digest},{size}\n" in record


def test_what_a_distribution_brought_along_is_its_own(root: Path, tmp_path: Path) -> None:
    """setuptools has a folder of other distributions, with their RECORDs."""
    site = root / SITE
    put(site / "plain/_vendor/inner/__init__.py", b"")
    wheel(site / "plain/_vendor", "inner", "inner/__init__.py")
    brought = [path for path in (site / "plain/_vendor").rglob("*") if path.is_file()]
    with (site / "plain-1.0.dist-info/RECORD").open("a", encoding="utf-8") as record:
        record.writelines(f"{path.relative_to(site).as_posix()},,\n" for path in brought)
    names, asked = listed(root), requirements(tmp_path, "plain")
    assert parting.main(["share", str(root), str(names), str(asked)]) == 0
    assert all(path.exists() for path in brought)


def test_what_is_shared_is_the_same_whatever_the_chip(root: Path) -> None:
    names = listed(root).read_text(encoding="utf-8")
    prune(request(root, wanted=Wanted(gfx=(Gfx("gfx1201"),))))
    assert listed(root).read_text(encoding="utf-8").splitlines() == [
        name for name in names.splitlines() if "gfx1100" not in name
    ]


def test_the_chips_view_keeps_the_record_that_the_pruner_wrote(root: Path) -> None:
    names = listed(root)
    result = prune(request(root, marker=root / "etc/gfxpack/pruned.json", wanted=GFX1100))
    assert not result.exit_code
    assert parting.main(["chip", str(root), str(names)]) == 0
    left = contents(root)
    assert "etc/gfxpack/pruned.json" in left
    assert b"gfx1201" not in left[f"{SITE}/torch-1.0.dist-info/RECORD"]
    assert not any("gfx1201" in name for name in left)


def test_a_record_stays_where_the_chip_needs_none_of_its_device_code(root: Path) -> None:
    """One view left the RECORD to the other, whatever became of what it lists."""
    names = listed(root)
    for name in names.read_text(encoding="utf-8").splitlines():
        if not name.endswith("RECORD"):
            (root / name).unlink()
    record = root / SITE / "torch-1.0.dist-info/RECORD"
    rows = record.read_text(encoding="utf-8").splitlines(keepends=True)
    record.write_text("".join(row for row in rows if (root / SITE / row.partition(",")[0]).exists()), "utf-8")
    assert parting.main(["chip", str(root), str(names)]) == 0
    assert record.is_file()


def test_a_library_for_another_chip_alone_is_device_code_too(root: Path) -> None:
    put(root / SITE / "torch/lib/only.so", hip_library("gfx942"))
    assert f"{SITE}/torch/lib/only.so" in listed(root).read_text(encoding="utf-8").splitlines()


def test_each_vendor_is_asked_for_its_own_code(tmp_path: Path) -> None:
    root = tmp_path / "assembled"
    put(root / SITE / "a/cuda.so", cuda_library("sm_80", "sm_90"))
    put(root / SITE / "a/hip.so", fat())
    assert listed(root, "nvidia").read_text(encoding="utf-8").splitlines() == [f"{SITE}/a/cuda.so"]
    assert listed(root, "amd").read_text(encoding="utf-8").splitlines() == [f"{SITE}/a/hip.so"]
    assert Wanted(sm=(Sm(90),)) != GFX1100


def test_a_file_that_no_wheel_has_is_an_error_and_nothing_goes(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(root / SITE / "stray.py", b"x = 1\n")
    names, asked = listed(root), requirements(tmp_path, "plain")
    before = contents(root)
    assert parting.main(["share", str(root), str(names), str(asked)]) == 1
    assert "stray.py belongs to no distribution" in capsys.readouterr().err
    assert contents(root) == before


def test_a_distribution_that_is_not_there_is_an_error(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, asked = listed(root), requirements(tmp_path, "plain", "absent")
    assert parting.main(["share", str(root), str(names), str(asked)]) == 1
    assert "absent is not installed" in capsys.readouterr().err


def test_a_list_that_is_not_there_is_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parting.main(["chip", str(root), str(root / "nothing")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_what_only_the_chip_has_stays_with_it(root: Path, tmp_path: Path) -> None:
    names = listed(root)
    site = root / SITE
    put(site / "torch/.kpack/torch_gfx1100.kpack", b"code")
    put(site / "torch/lib/rocblas/library/TensileLibrary_lazy_gfx1100.dat", b"table")
    wheel(site, "torch_device", "torch/.kpack/torch_gfx1100.kpack")
    asked = requirements(tmp_path, "torch-device")
    assert parting.main(["chip", str(root), str(names), str(asked)]) == 0
    left = contents(root)
    assert f"{SITE}/torch/.kpack/torch_gfx1100.kpack" in left
    assert f"{SITE}/torch_device-1.0.dist-info/RECORD" in left
    assert f"{SITE}/torch/__init__.py" not in left
