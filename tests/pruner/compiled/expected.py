"""What each binary holds, and what of it each chip needs: by hand, as prune's rules are told in words."""

from collections.abc import Iterable, Mapping
from itertools import product

Units = tuple[frozenset[str], ...]
Cases = list[tuple[str, str]]
"""A form, and the chips that it is pruned for."""

HIP = ("hip/raw", "hip/ccob1", "hip/ccob2", "hip/ccob3", "hip/rdc", "hip/newdriver", "hip/newrdc")
"""Forms of device code."""
HIP_HOSTS = (
    *("hip/program", "hip/patched", "hip/relr", "hip/page64k", "hip/gnuld", "hip/aarch64", "hip/debug"),
)
"""Host files in other shapes around code as in `hip/raw`."""
HIP_REFERRED = ("hip/leaning", "hip/pointing", "hip/exported")
"""The same with another way to the second unit than its record."""
CUDA = ("cuda/default", "cuda/packed", "cuda/plain", "cuda/concat", "cuda/rdc")
CUDA_HOSTS = (
    "cuda/program",
    "cuda/patched",
    "cuda/wide",
    "cuda/relr",
    "cuda/lld",
    "cuda/buried",
    "cuda/debug",
)


def units(*contents: str) -> Units:
    return tuple(frozenset(content.split()) for content in contents)


_OLDER = "host gfx906 gfx90a:xnack+ gfx90a:xnack- gfx1030 gfx1100 gfx1151 gfx1201"
_HIP = units(f"{_OLDER} gfx11-generic gfx1150", f"{_OLDER} gfx11-generic")
_CUDA = units(
    "sm_75 sm_80 sm_86 sm_89 sm_90 sm_90a sm_100 sm_120 compute_120",
    "sm_75 sm_86 sm_90 compute_75",
    "sm_75 sm_90a",
)
_LINKED = "sm_75 sm_80 sm_86 sm_89 sm_90 sm_90a sm_100 sm_120"

_OTHERWISE: Mapping[str, Units] = {
    "hip/ccob1": units(f"{_OLDER} gfx1150", _OLDER),
    "hip/rdc": units(f"{_OLDER} gfx11-generic"),
    "hip/newrdc": units(f"{_OLDER} gfx11-generic"),
    "cuda/rdc": units(_LINKED, _LINKED, _LINKED, _LINKED),
}
UNITS: Mapping[str, Units] = {
    **dict.fromkeys((*HIP, *HIP_HOSTS, *HIP_REFERRED), _HIP),
    **dict.fromkeys((*CUDA, *CUDA_HOSTS), _CUDA),
    **_OTHERWISE,
}
"""Form -> what each of its units holds."""

HIP_KEPT: Mapping[str, Units] = {
    "gfx1151": units("host gfx1151", "host gfx1151"),
    "gfx1100": units("host gfx1100", "host gfx1100"),
    "gfx90a": units("host gfx90a:xnack+ gfx90a:xnack-", "host gfx90a:xnack+ gfx90a:xnack-"),
    "gfx90a:xnack-": units("host gfx90a:xnack-", "host gfx90a:xnack-"),
    "gfx1150": units("host gfx1150", "host gfx11-generic"),
    "gfx906 gfx1201": units("host gfx906 gfx1201", "host gfx906 gfx1201"),
}
"""Wanted chips -> what of each unit stays."""

CUDA_KEPT: Mapping[str, Units] = {
    "75": units("sm_75", "sm_75", "sm_75"),
    "80": units("sm_80", "compute_75", "sm_75"),
    "86": units("sm_86", "sm_86", "sm_75"),
    "89": units("sm_89", "sm_86", "sm_75"),
    "90": units("sm_90 sm_90a", "sm_90", "sm_90a"),
    "100": units("sm_100", "compute_75", "sm_75"),
    "103": units("sm_100", "compute_75", "sm_75"),
    "120": units("sm_120", "compute_75", "sm_75"),
    "86 90": units("sm_86 sm_90 sm_90a", "sm_86 sm_90", "sm_90a"),
}
"""Where a region has nothing for the chip, the smallest of its entries stays: the third one's sm_75."""

_LINKED_KEPT: Mapping[str, str] = {
    "75": "sm_75",
    "80": "sm_80",
    "86": "sm_86",
    "89": "sm_89",
    "90": "sm_90 sm_90a",
    "100": "sm_100",
    "103": "sm_100",
    "120": "sm_120",
    "86 90": "sm_86 sm_90 sm_90a",
}


def cases(forms: Iterable[str], chips: Iterable[str], hosts: Iterable[str], few: Iterable[str]) -> Cases:
    """Every form of code for all chips, every shape of the host for a few."""
    return [*product(forms, chips), *product(hosts, few)]


_GROUPS = units("sm_75 sm_80 sm_86 sm_89 sm_90 sm_90a", "sm_100 sm_120")
"""What `nvcc --concat` compresses as one stays or goes as one."""


def kept(form: str, chips: str) -> Units:
    """What stays of a form; a generic processor's code cannot stay where there is none."""
    if form == "cuda/rdc":
        return units(_LINKED_KEPT[chips]) * len(UNITS[form])
    last = {**HIP_KEPT, **CUDA_KEPT}[chips][-len(UNITS[form]) :]
    return in_groups(form, tuple(held & stays for held, stays in zip(UNITS[form], last, strict=True)))


def in_groups(form: str, needed: Units) -> Units:
    """What is needed with what is compressed together with it."""
    if form != "cuda/concat":
        return needed
    return tuple(
        unit.union(*(group & held for group in _GROUPS if group & unit))
        for unit, held in zip(needed, UNITS[form], strict=True)
    )


def emptied(form: str, chips: str) -> int:
    """How many units have nothing for the chips."""
    if form.startswith("hip/"):
        return kept(form, chips).count(frozenset({"host"}))
    return int(form != "cuda/rdc" and not {"75", "90"} & set(chips.split()))
