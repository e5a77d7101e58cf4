"""How much smaller real libraries become."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.prune import fetch
from bench.prune.claims import Claim
from bench.prune.trees import copy_of, prune, size

_HIP_LEFT = 0.141
"""Of all bytes of the four libraries."""
_HIP_LEFT_OF: Mapping[str, Mapping[str, float]] = {
    "gfx1100": {"librocsparse": 225, "librocblas": 132, "librccl": 36, "librocrand": 50},
    "gfx906": {"librocsparse": 217, "librocblas": 125, "librccl": 33, "librocrand": 49},
}
_CUDA_LEFT: Mapping[str, tuple[float, float]] = {
    "sm_90": (6.81, 2.31),
    "sm_86": (6.92, 2.25),
    "sm_120": (6.85, 2.32),
}
"""GB of the site-packages folder as a tar, and compressed as a layer."""


def of_hip(cache: Path) -> Iterator[Claim]:
    for arch, limits in _HIP_LEFT_OF.items():
        before = after = 0
        for library in fetch.hip_libraries(cache):
            with copy_of(library, cache) as copy:
                prune(copy, "--arch", arch)
                left = copy.stat().st_size
            before, after = before + library.stat().st_size, after + left
            name = library.name.partition(".")[0]
            note = f"of {library.stat().st_size / 1e6:.1f}"
            yield Claim(f"{name} for {arch}", left / 1e6, limits[name], "MB", note)
        yield Claim(f"all of them for {arch}", after / before, _HIP_LEFT, "", "what is left")


def of_cuda(cache: Path) -> Iterator[Claim]:
    source = fetch.site_packages(cache)
    before = size(source)
    for arch, (tar, layer) in _CUDA_LEFT.items():
        with copy_of(source, cache) as copy:
            prune(copy, "--arch", arch, "--embedded")
            after = size(copy)
        yield Claim(f"vLLM for {arch}, tar", after.tar / 1e9, tar, "GB", f"of {before.tar / 1e9:.3f}")
        yield Claim(f"vLLM for {arch}, layer", after.layer / 1e9, layer, "GB", f"of {before.layer / 1e9:.3f}")
