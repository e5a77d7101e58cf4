"""Chips in names: whole tokens alone."""

import pytest

from pruner.archs import parse_archs
from pruner.folders.aiter import FORM as AITER
from pruner.folders.miopen import FORM as MIOPEN
from pruner.folders.names import cut_before_name, names_in
from pruner.formats.base import Match


def labels(text: str) -> list[str]:
    return [name.label for name in names_in(text)]


def fits(text: str, arch: str) -> bool:
    gfx, _ = parse_archs([arch])
    return any(name.match(gfx[0]) is not Match.NONE for name in names_in(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kernels.so-000-gfx906.hsaco", ["gfx906"]),
        ("TensileLibrary_lazy_gfx90a.dat", ["gfx90a"]),
        ("Kernels.so-000-gfx90a-xnack+.hsaco", ["gfx90a:xnack+"]),
        ("Kernels.so-000-gfx90a-xnack-.hsaco", ["gfx90a:xnack-"]),
        ("blas_lib_gfx942:xnack+.kpack", ["gfx942:xnack+"]),
        ("k_gfx90a_xnack-.co", ["gfx90a:xnack-"]),
        ("k_gfx90a-xnack-_sramecc+.co", ["gfx90a:sramecc+:xnack-"]),
        ("Contraction_l_Alik_Bjlk_CU104_gfx90a.co", ["gfx90a"]),
        ("gfx1030_36.HIP.fdb.txt", ["gfx1030"]),
        ("gfx908_ConvAsm1x1U_decoder.ktn.model", ["gfx908"]),
        ("gfx90a_mod0", ["gfx90a"]),
        ("amd-gfx110x", ["gfx110x"]),
        ("amd-gfx11xx", ["gfx11xx"]),
        ("gfx94X-dcgpu", ["gfx94X"]),
        ("kernel_gfx11-generic.co", ["gfx11-generic"]),
        ("kernel_gfx9-4-generic.co", ["gfx9-4-generic"]),
        ("fused_gfx942_gfx950.co", ["gfx942", "gfx950"]),
        ("gfx1250v0", []),
        ("gfx90878.db", []),
        ("xgfx906.co", []),
        ("gfx1100abc.co", []),
        ("gfx99-generic.co", []),
        ("TensileLibrary_gfx000.dat", []),
        ("Type_HH_Contraction_fallback.dat", []),
    ],
)
def test_a_chip_is_a_whole_word_of_a_name(text: str, expected: list[str]) -> None:
    assert labels(text) == expected


@pytest.mark.parametrize(
    ("text", "arch", "expected"),
    [
        ("gfx90", "gfx906", True),
        ("gfx906", "gfx90a", False),
        ("gfx90a", "gfx906", False),
        ("gfx1100", "gfx1101", False),
        ("gfx110x", "gfx1100", True),
        ("gfx110x", "gfx1151", False),
        ("gfx11xx", "gfx1151", True),
        ("gfx11xx", "gfx1201", False),
        ("gfx94X", "gfx942", True),
        ("gfx94X", "gfx950", False),
        ("gfx103", "gfx1030", True),
        ("gfx11-generic", "gfx1151", True),
        ("gfx11-generic", "gfx1201", False),
        ("gfx12-5-generic", "gfx1250", True),
        ("gfx90a-xnack+", "gfx90a", True),
        ("gfx90a-xnack+", "gfx90a:xnack-", False),
        ("gfx90a", "gfx90a:xnack-", True),
        ("gfx1100", "gfx1151=gfx1100", True),
        ("gfx1151", "gfx1151=gfx1100", False),
    ],
)
def test_what_a_name_serves(text: str, arch: str, *, expected: bool) -> None:
    assert fits(text, arch) is expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("gfx90878.HIP.fdb.txt", "gfx908"),
        ("gfx90a6e.db.txt", "gfx90a"),
        ("gfx90a68.db", "gfx90a"),
        ("gfx942130.db.txt", "gfx942"),
        ("gfx110060.db.txt", "gfx1100"),
        ("conv_gfx90878.db", "gfx908"),
        ("gfx906_60.kdb", "gfx906"),
        ("gfx1151_40.HIP.fdb.txt", "gfx1151"),
        ("gfx90a_xnack6e.db", "gfx90a"),
        ("gfx908_nosramecc78.db", "gfx908"),
        ("gfx942.kdb", "gfx942"),
        ("gfx942_metadata.tn.model", "gfx942"),
        ("gfx90840.db", ""),
        ("gfx90a6e1x.db", ""),
        ("miopen.db", ""),
    ],
)
def test_miopen_writes_compute_units_behind_the_chip(file: str, expected: str) -> None:
    """In hexadecimal without anything between, where there are more than 64."""
    names = MIOPEN.names("/opt/rocm/share/miopen/db", f"/opt/rocm/share/miopen/db/{file}")
    assert [name.label for name in names] == ([expected] if expected else [])


def test_the_innermost_name_comes_first() -> None:
    names = MIOPEN.names("/miopen/db", "/miopen/db/gfx11-generic/gfx1100_48.kdb")
    assert [name.label for name in names] == ["gfx1100", "gfx11-generic"]


def test_a_family_counts_where_no_chip_is_named() -> None:
    names = AITER.names("/aiter/hsa", "/aiter/hsa/gfx942/flatmm_uk_gfx9_f16f8.co")
    assert [name.label for name in names] == ["gfx942"]
    names = AITER.names("/aiter/hsa", "/aiter/hsa/gfx94X/flatmm_uk_gfx9_f16f8.co")
    assert [name.label for name in names] == ["gfx9", "gfx94X"]


def test_what_stands_before_a_chip() -> None:
    assert cut_before_name("rand_lib_gfx1100.kpack") == "rand_lib_"
    assert cut_before_name("manifest.kpack") is None
