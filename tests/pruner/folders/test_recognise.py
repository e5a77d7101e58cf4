"""Which files of a tree belong to which kernel folder."""

from pathlib import Path

import pytest

import pruner.folders
from pruner.folders.recognise import recognise
from pruner.report import Outcome
from tests.pruner.folders.making import code, grow, plan

TORCH = "lib/python3.12/site-packages/torch"
DEBIAN = "usr/lib/x86_64-linux-gnu"


@pytest.mark.parametrize(
    ("path", "form", "folder"),
    [
        (
            f"{DEBIAN}/rocblas/4.4.1/library/Kernels.so-000-gfx906.hsaco",
            "rocblas",
            f"{DEBIAN}/rocblas/4.4.1/library",
        ),
        (f"{TORCH}/lib/rocblas/library/TensileLibrary.dat", "rocblas", f"{TORCH}/lib/rocblas/library"),
        ("opt/lib/hipblaslt/library/gfx1100/x.dat.zlib", "hipblaslt", "opt/lib/hipblaslt/library"),
        ("opt/lib/hipsparselt/library/x.co", "hipsparselt", "opt/lib/hipsparselt/library"),
        (f"{TORCH}/share/miopen/db/gfx90878.db.txt", "miopen", f"{TORCH}/share/miopen/db"),
        (f"{TORCH}/lib/aotriton.images/amd-gfx90a/flash/a.aks2", "aotriton", f"{TORCH}/lib/aotriton.images"),
        ("x/aiter_meta/hsa/gfx942/pa/a.co", "aiter", "x/aiter_meta/hsa"),
        ("torch/.kpack/torch_gfx1100.kpack", "kpack", "torch/.kpack/torch"),
        ("x/.kpack/blas_lib_gfx942:xnack+.kpack", "kpack", "x/.kpack/blas_lib"),
        ("x/blas-gfx100X.kpack", "kpack", "x/blas"),
        ("root/.triton/cache/ABCDEFGHIJ234567ABCDEFGHIJ234567/k.hsaco", "hsaco", "root/.triton/cache"),
        ("x/kernels/gfx942/k.co", "hsaco", "x/kernels"),
        (
            "x/cubins/0123456789abcdef0123456789abcdef01234567/fmha/k.cubin",
            "cubin",
            "x/cubins/0123456789abcdef0123456789abcdef01234567/fmha",
        ),
        ("x/sm_90/k.cubin", "cubin", "x"),
        ("k.hsaco", "hsaco", "."),
    ],
)
def test_where_kernels_lie(path: str, form: str, folder: str, tmp_path: Path) -> None:
    (found,) = recognise(tmp_path, [path])
    assert (found.form, found.path, found.members) == (form, folder, (path,))


@pytest.mark.parametrize(
    "path",
    [
        "lib/librocblas.so.4",
        "rocblas/include/library.h",
        "src/rocblas/clients/library/x.dat",
        "share/miopen/db.txt",
        "x/notaotriton.images/a",
        "x/torch.kpackage",
        "site-packages/aiter/ops/gfx942.py",
    ],
)
def test_what_is_no_kernel_folder(path: str, tmp_path: Path) -> None:
    assert recognise(tmp_path, [path]) == []


def test_the_root_of_everything() -> None:
    found = recognise(Path("/"), ["opt/rocblas/library/x.dat", "k.hsaco"])
    assert [folder.path for folder in found] == [".", "opt/rocblas/library"]


@pytest.mark.parametrize("root", ["lib/rocblas", "lib/rocblas/library", "lib/rocblas/library/gfx1100"])
def test_a_root_within_a_kernel_folder(root: str, tmp_path: Path) -> None:
    grow(tmp_path, {"lib/rocblas/library/gfx1100/TensileLibrary_lazy_gfx1100.dat": b"index"})
    assert plan(tmp_path / root, "gfx1100").outcome is Outcome.UNCHANGED
    assert plan(tmp_path / root, "gfx906").refused.startswith("no code for gfx906")


@pytest.fixture
def with_new_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
import re
from pruner.folders.form import Form

class Noise(Form):
    name = "noise"
    place = re.compile("/noise/")

FORM = Noise()
"""
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "noise.py").write_text(source)
    monkeypatch.setattr(pruner.folders, "__path__", [*pruner.folders.__path__, str(tmp_path / "forms")])


@pytest.mark.usefixtures("with_new_form")
def test_a_new_form_is_one_new_file(tmp_path: Path) -> None:
    root = grow(tmp_path / "tree", {"noise/gfx906.co": code("gfx906"), "noise/gfx1100.co": code("gfx1100")})
    result = plan(root, "gfx906")
    assert (result.form, result.removed) == ("noise", ("noise/gfx1100.co",))
