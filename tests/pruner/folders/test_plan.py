"""What stays and what goes, form by form and trap by trap."""

import os
from pathlib import Path

import pytest

from pruner.formats.base import Match
from pruner.report import Outcome
from tests.pruner import fatbins
from tests.pruner.folders.making import (
    CUDA,
    X86,
    XNACK_OFF,
    XNACK_ON,
    bundle,
    code,
    elf,
    grow,
    kpack,
    outcomes,
    plan,
    plans,
    reason,
)

ROCBLAS = "lib/rocblas/library"
HIPBLASLT = "lib/hipblaslt/library"
GONE, STAYS, REFUSED = Outcome.REMOVED, Outcome.UNCHANGED, Outcome.REFUSED


def rocblas(root: Path, *chips: str) -> Path:
    """As Debian and ROCm 6 lay it out: every chip in one folder."""
    files = {"TensileLibrary_Type_HH_Contraction_l_Ailk_Bjlk_Cijk_Dijk_fallback.dat": b"fallback"}
    for chip in chips:
        files |= {
            f"TensileLibrary_lazy_{chip}.dat": b"index",
            f"Kernels.so-000-{chip}.hsaco": code(chip),
            f"TensileLibrary_Type_SS_Contraction_l_Alik_Bljk_Cijk_Dijk_{chip}.co": code(chip, size=1000),
            f"TensileLibrary_Type_SS_Contraction_l_Alik_Bljk_Cijk_Dijk_fallback_{chip}.hsaco": code(chip),
        }
    return grow(root, {f"{ROCBLAS}/{name}": data for name, data in files.items()})


def test_only_the_chips_files_and_those_of_none_stay(tmp_path: Path) -> None:
    result = plan(rocblas(tmp_path, "gfx906", "gfx90a", "gfx1100"), "gfx906")
    assert result.outcome is Outcome.PRUNED
    assert {name for name, outcome in outcomes(result).items() if outcome is STAYS} == {
        "TensileLibrary_Type_HH_Contraction_l_Ailk_Bjlk_Cijk_Dijk_fallback.dat",
        "TensileLibrary_lazy_gfx906.dat",
        "Kernels.so-000-gfx906.hsaco",
        "TensileLibrary_Type_SS_Contraction_l_Alik_Bljk_Cijk_Dijk_gfx906.co",
        "TensileLibrary_Type_SS_Contraction_l_Alik_Bljk_Cijk_Dijk_fallback_gfx906.hsaco",
    }
    assert result.serves == {"gfx906": Match.EXACT}
    assert result.kept == {"gfx906": 1405, "shared": 8}
    assert result.dropped == {"gfx1100": 1405, "gfx90a": 1405}
    assert (result.before, result.after) == (4223, 1413)
    report = result.report()
    assert (report.path, report.kind, report.before, report.after) == (ROCBLAS, "rocblas", 4223, 1413)
    assert sum(row.after for row in result.reports()) == 1413


def test_no_chip_of_the_folder_is_asked_for(tmp_path: Path) -> None:
    result = plan(rocblas(tmp_path, "gfx906", "gfx1100"), "gfx1151")
    assert result.refused == "no code for gfx1151; it has gfx1100, gfx906"
    assert set(outcomes(result).values()) == {REFUSED}
    assert result.after == result.before
    assert result.report().outcome is REFUSED
    assert all(row.reason == result.refused for row in result.reports())


def test_an_alias_keeps_what_the_runtime_will_ask_for(tmp_path: Path) -> None:
    result = plan(rocblas(tmp_path, "gfx906", "gfx1100"), "gfx1151=gfx1100")
    assert result.dropped.keys() == {"gfx906"}
    assert result.serves == {"gfx1151=gfx1100": Match.EXACT}


def test_several_chips(tmp_path: Path) -> None:
    result = plan(rocblas(tmp_path, "gfx906", "gfx90a", "gfx1100"), "gfx1100", "gfx906", "gfx1036")
    assert result.dropped.keys() == {"gfx90a"}
    assert result.serves["gfx1036"] is Match.NONE
    assert result.notes == ("no code for gfx1036",)


def test_code_without_its_index_is_no_code(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    (root / ROCBLAS / "TensileLibrary_lazy_gfx906.dat").unlink()
    assert (
        plan(root, "gfx906").refused == "no TensileLibrary_lazy_gfx906.dat for gfx906; it has gfx1100, gfx906"
    )
    both = plan(root, "gfx906", "gfx1100")
    assert not both.removed
    assert both.notes == ("no TensileLibrary_lazy_gfx906.dat for gfx906",)


@pytest.mark.parametrize(
    "index",
    [
        "TensileLibrary_lazy_gfx906.yaml",
        "TensileLibrary_gfx906.dat",
        "TensileLibrary.dat",
        "TensileLibrary.yaml",
        "TensileLibrary_lazy_gfx906.dat.zlib",
    ],
)
def test_older_and_newer_forms_of_the_index(index: str, tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    (root / ROCBLAS / "TensileLibrary_lazy_gfx906.dat").rename(root / ROCBLAS / index)
    assert plan(root, "gfx906").dropped.keys() == {"gfx1100"}


def test_a_folder_for_each_chip(tmp_path: Path) -> None:
    """The layout since ROCm 7.14; gfx1250v0 is a second set of files for gfx1250."""
    root = grow(
        tmp_path,
        [
            f"{HIPBLASLT}/{folder}/{name}"
            for folder, chip in (("gfx942", "gfx942"), ("gfx1250", "gfx1250"), ("gfx1250v0", "gfx1250"))
            for name in (
                f"TensileLibrary_lazy_{chip}.dat.zlib",
                f"TensileLiteLibrary_lazy_{chip}_Mapping.dat.zlib",
                f"TensileLibrary_Type_HH_fallback_{chip}.dat",
                "hipblasltExtOpLibrary.dat",
            )
        ],
    )
    kept = {one.path.split("/")[3] for one in plan(root, "gfx1250").decisions if one.outcome is STAYS}
    assert kept == {"gfx1250", "gfx1250v0"}
    removed = plan(root, "gfx942").removed
    assert f"{HIPBLASLT}/gfx1250/hipblasltExtOpLibrary.dat" in removed
    # Nothing in its name or its folder's says that it is for another chip.
    assert f"{HIPBLASLT}/gfx1250v0/hipblasltExtOpLibrary.dat" not in removed


def test_a_folder_for_a_family(tmp_path: Path) -> None:
    root = grow(
        tmp_path,
        [
            f"{ROCBLAS}/gfx110X/TensileLibrary_lazy_gfx1100.dat",
            f"{ROCBLAS}/gfx110X/TensileLibrary_fallback.dat",
            f"{ROCBLAS}/gfx94X/TensileLibrary_fallback.dat",
            f"{ROCBLAS}/gfx94X/TensileLibrary_lazy_gfx942.dat",
        ],
    )
    assert plan(root, "gfx1100").dropped.keys() == {"gfx94X", "gfx942"}
    assert plan(root, "gfx1101").refused.startswith("no TensileLibrary_lazy_gfx1101.dat for gfx1101")


def test_a_file_that_is_opened_by_its_name_stays(tmp_path: Path) -> None:
    """As in Debian: one bundle, for gfx908 alone."""
    root = grow(
        tmp_path,
        {
            f"{HIPBLASLT}/hipblasltTransform.hsaco": bundle("gfx908"),
            f"{HIPBLASLT}/TensileLiteLibrary_lazy_Mapping.dat": b"mapping",
            f"{HIPBLASLT}/hipblasltExtOpLibrary.dat": b"list",
            f"{HIPBLASLT}/TensileLibrary_lazy_gfx1151.dat": b"index",
            f"{HIPBLASLT}/TensileLibrary_HH_gfx1151.co": fatbins.ccob(bundle("gfx1151")),
            f"{HIPBLASLT}/TensileLibrary_HH_gfx1201.co": fatbins.ccob(bundle("gfx1201")),
        },
    )
    result = plan(root, "gfx1151")
    assert result.removed == (f"{HIPBLASLT}/TensileLibrary_HH_gfx1201.co",)
    assert result.notes == (
        f"{HIPBLASLT}/hipblasltTransform.hsaco holds code for gfx908,"
        " and stays since it is opened by that name on every chip",
    )


def test_features(tmp_path: Path) -> None:
    root = grow(
        tmp_path,
        {
            f"{ROCBLAS}/TensileLibrary_lazy_gfx90a.dat": b"index",
            f"{ROCBLAS}/Kernels.so-000-gfx90a-xnack+.hsaco": code("gfx90a", XNACK_ON),
            f"{ROCBLAS}/Kernels.so-000-gfx90a-xnack-.hsaco": code("gfx90a", XNACK_OFF),
            f"{ROCBLAS}/TensileLibrary_HH_gfx90a.co": code("gfx90a"),
        },
    )
    assert plan(root, "gfx90a").outcome is Outcome.UNCHANGED
    assert plan(root, "gfx90a:xnack-").removed == (f"{ROCBLAS}/Kernels.so-000-gfx90a-xnack+.hsaco",)
    assert plan(root, "gfx90a:xnack+").removed == (f"{ROCBLAS}/Kernels.so-000-gfx90a-xnack-.hsaco",)
    assert plan(root, "gfx908").refused


@pytest.mark.parametrize(
    ("arch", "stays", "match"),
    [
        ("gfx1100", "gfx1100", Match.EXACT),
        ("gfx1151", "gfx11-generic", Match.GENERIC),
    ],
)
def test_generic_code_stays_where_there_is_none_of_the_chips_own(
    arch: str, stays: str, match: Match, tmp_path: Path
) -> None:
    root = rocblas(tmp_path, "gfx1100", "gfx11-generic", "gfx906")
    result = plan(root, arch)
    assert result.kept.keys() == {stays, "shared"}
    assert result.serves == {arch: match}


def test_generic_code_stays_where_the_chips_own_lacks_its_index(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx1100", "gfx11-generic")
    (root / ROCBLAS / "TensileLibrary_lazy_gfx1100.dat").unlink()
    result = plan(root, "gfx1100")
    assert not result.removed
    assert result.serves == {"gfx1100": Match.GENERIC}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (code("gfx1100"), "is called after gfx906, but holds code for gfx1100"),
        (bundle("gfx1101", "gfx1100"), "is called after gfx906, but holds code for gfx1101, gfx1100"),
        (code("gfx11-generic"), "is called after gfx906, but holds code for gfx11-generic"),
        (elf(CUDA, 0x00500550, 7), "is called after gfx906, but holds code for sm_80"),
        (code("gfx906")[:80], "cannot be judged: truncated: its tables end at 0x78, past the file's 0x50"),
        (bundle("gfx906")[:4100], "cannot be judged: bundle at 0x0 ends at 0x10c8, past 0x1004"),
    ],
    ids=["other chip", "other chips", "generic", "other vendor", "truncated", "truncated bundle"],
)
def test_a_file_whose_name_and_inside_disagree_stays(data: bytes, why: str, tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    (root / ROCBLAS / "Kernels.so-000-gfx906.hsaco").write_bytes(data)
    result = plan(root, "gfx1100")
    assert outcomes(result)["Kernels.so-000-gfx906.hsaco"] is REFUSED
    assert reason(result, "Kernels.so-000-gfx906.hsaco") == why
    assert result.outcome is Outcome.PRUNED


def test_features_of_name_and_inside_disagree(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx90a")
    (root / ROCBLAS / "Kernels.so-000-gfx90a-xnack+.hsaco").write_bytes(code("gfx90a", XNACK_OFF))
    why = "is called after gfx90a:xnack+, but holds code for gfx90a:xnack-"
    assert reason(plan(root, "gfx906"), "Kernels.so-000-gfx90a-xnack+.hsaco") == why


def test_generic_code_may_bear_the_name_of_a_chip(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1151")
    (root / ROCBLAS / "Kernels.so-000-gfx1151.hsaco").write_bytes(code("gfx11-generic"))
    assert outcomes(plan(root, "gfx906"))["Kernels.so-000-gfx1151.hsaco"] is GONE
    assert outcomes(plan(root, "gfx1151"))["Kernels.so-000-gfx1151.hsaco"] is STAYS


@pytest.mark.parametrize(
    "data", [b"", b"a form that nobody knows", elf(X86, 0)], ids=["empty", "new form", "host"]
)
def test_where_the_inside_says_nothing_the_name_does(data: bytes, tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    (root / ROCBLAS / "Kernels.so-000-gfx906.hsaco").write_bytes(data)
    (root / ROCBLAS / "Kernels.so-000-gfx1100.hsaco").write_bytes(data)
    result = outcomes(plan(root, "gfx1100"))
    assert result["Kernels.so-000-gfx906.hsaco"] is GONE
    assert result["Kernels.so-000-gfx1100.hsaco"] is STAYS


def test_a_bundle_with_code_for_the_chip_stays_whatever_it_is_called(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    (root / ROCBLAS / "Kernels.so-000-gfx906.hsaco").write_bytes(bundle("gfx906", "gfx1100"))
    assert outcomes(plan(root, "gfx1100"))["Kernels.so-000-gfx906.hsaco"] is STAYS


def test_code_of_another_chip_under_the_chips_name_does_not_serve(tmp_path: Path) -> None:
    root = grow(tmp_path, {"x/gfx1100/k.co": code("gfx906"), "x/gfx90a/k.co": code("gfx90a")})
    assert plan(root, "gfx1100").refused == "no code for gfx1100; it has gfx90a"


def test_damage_is_told_where_there_is_nothing_else(tmp_path: Path) -> None:
    result = plan(grow(tmp_path, {"k/a.hsaco": code("gfx906")[:80], "k/b.co": b"text"}), "gfx1100")
    assert outcomes(result) == {"a.hsaco": REFUSED, "b.co": STAYS}
    assert reason(result, "a.hsaco").startswith("cannot be judged: truncated")


def test_a_file_nobody_may_read_is_left(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    (root / ROCBLAS / "loop_gfx906.co").symlink_to("loop_gfx906.co")
    os.mkfifo(root / ROCBLAS / "pipe_gfx1100.co")
    result = plan(root, "gfx1100")
    assert reason(result, "loop_gfx906.co") == "a link that leads nowhere"
    assert outcomes(result)["pipe_gfx1100.co"] is STAYS


def test_miopen(tmp_path: Path) -> None:
    files = (
        *("gfx900.kdb", "gfx906_60.kdb", "gfx906_60.db.txt", "gfx906_64.HIP.fdb.txt"),
        *("gfx90878.db.txt", "gfx908.tn.model", "gfx90a6e.HIP.fdb.txt", "gfx90a_Igemm_encoder.ktn.model"),
        *("gfx942130.db.txt", "readme"),
    )
    root = grow(tmp_path, [f"share/miopen/db/{file}" for file in files])

    def kept(arch: str) -> set[str]:
        return {name for name, outcome in outcomes(plan(root, arch)).items() if outcome is STAYS}

    assert kept("gfx906") == {"gfx906_60.kdb", "gfx906_60.db.txt", "gfx906_64.HIP.fdb.txt", "readme"}
    assert kept("gfx900") == {"gfx900.kdb", "readme"}
    assert kept("gfx908") == {"gfx90878.db.txt", "gfx908.tn.model", "readme"}
    assert kept("gfx90a") == {"gfx90a6e.HIP.fdb.txt", "gfx90a_Igemm_encoder.ktn.model", "readme"}
    assert kept("gfx942") == {"gfx942130.db.txt", "readme"}
    assert plan(root, "gfx1151").refused


def test_aotriton_has_folders_for_families(tmp_path: Path) -> None:
    images = "torch/lib/aotriton.images"
    root = grow(
        tmp_path,
        [
            f"{images}/amd-gfx90a/flash/attn_fwd/FONLY__^bf16@16,128,False___MI200.aks2",
            f"{images}/amd-gfx11xx/flash/attn_fwd/FONLY__^bf16@16,128,False___gfx1100.aks2",
            f"{images}/amd-gfx110x/flash/attn_fwd.zip",
            f"{images}/amd-gfx115x/flash/attn_fwd.zip",
            f"{images}/amd-gfx120x/__signature__",
            f"{images}/__signature__",
        ],
    )

    def kept(arch: str) -> set[str]:
        return {one.path.split("/")[3] for one in plan(root, arch).decisions if one.outcome is STAYS}

    assert kept("gfx1151") == {"amd-gfx11xx", "amd-gfx115x", "__signature__"}
    assert kept("gfx1102") == {"amd-gfx11xx", "amd-gfx110x", "__signature__"}
    assert kept("gfx90a") == {"amd-gfx90a", "__signature__"}
    assert plan(root, "gfx906").refused.startswith("no code for gfx906; it has gfx110x, gfx115x")


def test_aiter(tmp_path: Path) -> None:
    hsa = "aiter_meta/hsa"
    root = grow(
        tmp_path,
        {
            f"{hsa}/codegen.py": b"import os",
            f"{hsa}/gfx942/fmoe/silu/fmoe_fp8.co": code("gfx942"),
            f"{hsa}/gfx942/fmoe/silu/fmoe_fp8.csv": b"table",
            f"{hsa}/gfx950/fmoe/silu/fmoe_fp8.co": code("gfx950"),
            f"{hsa}/gfx950/fmha_v3_fwd/fwd.co": code("gfx942"),
            f"{hsa}/gfx942/flatmm_uk_gfx9.co": code("gfx942"),
        },
    )
    result = plan(root, "gfx942")
    assert result.removed == (f"{hsa}/gfx950/fmoe/silu/fmoe_fp8.co",)
    assert reason(result, "fwd.co") == "is called after gfx950, but holds code for gfx942"
    assert set(plan(root, "gfx950").removed) == {
        f"{hsa}/gfx942/fmoe/silu/fmoe_fp8.co",
        f"{hsa}/gfx942/fmoe/silu/fmoe_fp8.csv",
        f"{hsa}/gfx942/flatmm_uk_gfx9.co",
    }
    assert plan(root, "gfx908").refused == "no code for gfx908; it has gfx942, gfx950"


def test_archives_are_judged_library_by_library(tmp_path: Path) -> None:
    root = grow(
        tmp_path,
        {
            "sdk/.kpack/blas_lib_gfx1100.kpack": kpack("gfx1100"),
            "sdk/.kpack/blas_lib_gfx942.kpack": kpack("gfx942"),
            "sdk/.kpack/blas_lib_gfx942:xnack+.kpack": kpack("gfx942:xnack+"),
            "sdk/.kpack/blas_lib.kpm": b"manifest",
            "sdk/.kpack/rccl_lib_gfx942.kpack": kpack("gfx942"),
            "sdk/.kpack/rand_lib_gfx110X.kpack": kpack("gfx1100", "gfx1101"),
            "sdk/.kpack/rand_lib_gfx94X.kpack": kpack("gfx1100"),
        },
    )
    blas, rand, rccl = plans(root, "gfx1100")
    assert blas.removed == ("sdk/.kpack/blas_lib_gfx942.kpack", "sdk/.kpack/blas_lib_gfx942:xnack+.kpack")
    assert not rand.removed
    assert reason(rand, "rand_lib_gfx94X.kpack") == "is called after gfx94X, but holds code for gfx1100"
    assert rccl.refused == "no code for gfx1100; it has gfx942"
    assert plans(root, "gfx942:xnack-")[0].removed == (
        "sdk/.kpack/blas_lib_gfx1100.kpack",
        "sdk/.kpack/blas_lib_gfx942:xnack+.kpack",
    )


HASHES = [letter * 52 for letter in ("A2", "B3", "C4")]
CACHE = "root/.triton/cache"


def test_loose_code_is_judged_by_what_is_inside(tmp_path: Path) -> None:
    root = grow(
        tmp_path,
        {
            f"{CACHE}/{HASHES[0]}/kernel.hsaco": code("gfx1100"),
            f"{CACHE}/{HASHES[1]}/kernel.hsaco": code("gfx906"),
            f"{CACHE}/{HASHES[2]}/kernel.hsaco": bundle("gfx1100", "gfx906"),
            f"{CACHE}/{HASHES[2]}/kernel.json": b"{}",
            "etc/domains_gfx906.co": b"Colombia",
            "etc/host.co": elf(X86, 0),
        },
    )
    cache, other = sorted(plans(root, "gfx1100"), key=lambda one: one.path, reverse=True)
    assert cache.path == CACHE
    assert cache.removed == (f"{CACHE}/{HASHES[1]}/kernel.hsaco",)
    assert other.outcome is Outcome.UNCHANGED
    assert plans(root, "gfx942")[-1].refused == "no code for gfx942; it has gfx1100, gfx906"


def test_loose_code_that_the_chip_can_run_stays_beside_its_own(tmp_path: Path) -> None:
    """Each may be another kernel: nothing says that one replaces the other."""
    root = grow(
        tmp_path,
        {
            "k/add.hsaco": code("gfx1100"),
            "k/mul.hsaco": code("gfx11-generic"),
            "k/div.hsaco": code("gfx1101"),
            "k/odd_gfx1101.hsaco": code("gfx906"),
        },
    )
    result = plan(root, "gfx1100")
    assert result.removed == ("k/div.hsaco",)
    assert reason(result, "odd_gfx1101.hsaco") == "is called after gfx1101, but holds code for gfx906"


@pytest.mark.parametrize("stranger", ["gfx13-generic", "gfx1100:wave64+"])
def test_loose_code_for_a_chip_that_nobody_knows_stays(stranger: str, tmp_path: Path) -> None:
    strange = fatbins.hip_bundle({"gfx906": code("gfx906"), stranger: code("gfx1100")})
    root = grow(tmp_path, {"k/a.hsaco": strange, "k/b.hsaco": code("gfx906"), "k/c.hsaco": code("gfx1100")})
    assert plan(root, "gfx1100").removed == ("k/b.hsaco",)


def test_cubins(tmp_path: Path) -> None:
    root = grow(
        tmp_path,
        {
            "c/a.cubin": elf(CUDA, 0x00500550, 7),
            "c/b.cubin": elf(CUDA, 0x00560556, 7),
            "c/c.cubin": elf(CUDA, 0x06005A04, 8),
            "c/d.cubin": elf(CUDA, 0x06006402, 8),
            "c/e.cubin": elf(CUDA, 0x06006E02, 8),
            "c/f.fatbin": fatbins.cuda_region({"sm_80": b"code" * 8, "compute_80": b"text" * 8}),
            "c/g.fatbin": fatbins.cuda_region({"sm_90": b"code" * 8}),
        },
    )

    def removed(arch: str) -> str:
        return "".join(path[2] for path in plan(root, arch).removed)

    assert removed("sm_86") == "cdeg"
    assert removed("sm_90") == "abde"
    assert removed("sm_103") == "abceg"
    assert removed("sm_110") == "abcdg"
    assert plan(root, "gfx1100").outcome is Outcome.UNCHANGED


def test_folders_of_a_vendor_that_is_not_asked_for_are_left(tmp_path: Path) -> None:
    result = plan(rocblas(tmp_path, "gfx906"), "sm_90")
    assert result.outcome is Outcome.UNCHANGED
    assert result.kept == {"gfx906": 1405, "shared": 8}
    assert not result.refused


def test_what_a_link_that_stays_leads_to_stays(tmp_path: Path) -> None:
    """People lend a chip another one's files by links."""
    root = rocblas(tmp_path, "gfx1100", "gfx906", "gfx900")
    for name in ("TensileLibrary_lazy_{}.dat", "Kernels.so-000-{}.hsaco"):
        (root / ROCBLAS / name.format("gfx1103")).symlink_to(name.format("gfx1100"))
    (root / ROCBLAS / "TensileLibrary_lazy_gfx901.dat").symlink_to("TensileLibrary_lazy_gfx900.dat")
    (root / "elsewhere").mkdir()
    (root / "elsewhere" / "old.dat").symlink_to(f"../{ROCBLAS}/TensileLibrary_lazy_gfx906.dat")
    (root / "elsewhere" / "gfx1103.co").symlink_to(f"../{ROCBLAS}/Kernels.so-000-gfx906.hsaco")
    result = next(one for one in plans(root, "gfx1103") if one.form == "rocblas")
    kept = {name for name, outcome in outcomes(result).items() if outcome is not GONE}
    assert kept == {
        "TensileLibrary_Type_HH_Contraction_l_Ailk_Bjlk_Cijk_Dijk_fallback.dat",
        "TensileLibrary_lazy_gfx1103.dat",
        "TensileLibrary_lazy_gfx1100.dat",
        "Kernels.so-000-gfx1103.hsaco",
        "Kernels.so-000-gfx1100.hsaco",
        "Kernels.so-000-gfx906.hsaco",
    }
    assert (
        reason(result, "TensileLibrary_lazy_gfx1100.dat")
        == f"{ROCBLAS}/TensileLibrary_lazy_gfx1103.dat leads to it"
    )
    assert reason(result, "Kernels.so-000-gfx906.hsaco") == "elsewhere/gfx1103.co leads to it"
    assert len({one.path for one in result.decisions}) == len(result.decisions)
    assert result.before == sum((root / one.path).lstat().st_size for one in result.decisions if one.size)
    assert all(one.size == 0 for one in result.decisions if (root / one.path).is_symlink())
    assert reason(result, "old.dat") == f"leads to {ROCBLAS}/TensileLibrary_lazy_gfx906.dat"


def test_deciding_reads_and_nothing_else(tmp_path: Path) -> None:
    root = rocblas(tmp_path, "gfx906", "gfx1100")
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    assert plan(root, "gfx906") == plan(root, "gfx906")
    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before
